/*
 * What other rooms want to know, in their terms, from the task file: how the
 * source is reached and how the brokers are. One place for the run and for the
 * precheck.
 *
 * Everything borrows from the configuration.
 */
#pragma once

#include "config/task.h"
#include "kafka/config.h"
#include "kafka/registry.h"
#include "source/session.h"

void options_of_source(const struct task_config *config, const atomic_bool *stop,
                       struct src_options *out);

/* What is owned beside the options. All zero is none. */
struct destination_options {
    struct kafka_options kafka; /* without the embedded broker */
    char *brokers;
    const struct kafka_property *topic_settings; /* of topics that are made; NULL: none */
};

/* *out is to be finished whatever this returns. */
NODISCARD enum err options_of_destination(const struct task_config *config,
                                          struct destination_options *out);
void destination_options_fini(struct destination_options *o);

/* url NULL: there is none. */
struct registry_options options_of_registry(const struct task_config *config);
