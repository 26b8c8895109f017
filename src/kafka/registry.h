/*
 * A client of a schema registry (the REST interface that Confluent's has, and
 * Apicurio's below /apis/ccompat/v7).
 *
 *   registry_new() → registry_register() for each subject → registry_free()
 *
 * A subject is "<topic>-value" (the registry's TopicNameStrategy). Registering
 * what is registered already gives the id that it has, so nothing needs to be
 * kept between runs.
 *
 * Errors, all with a sentence that names the URL and the way out:
 *   ERR_BROKER_DOWN    it cannot be reached, or says that it is busy (429, 502, 503, 504): worth
 *                      a retry
 *   ERR_DEST_DENIED    401, 403, or TLS that cannot be agreed
 *   ERR_DEST_REFUSED   any other refusal, and answers that no registry gives
 *
 * Threads: one at a time per client. Each call waits for its answer, up to the
 * client's deadline.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

struct registry;

struct registry_options {
    const char *url;      /* http:// or https://; a slash at its end makes no difference */
    const char *user;     /* NULL: no login */
    const char *password; /* NULL: none */
    const char *tls_ca;   /* PEM file; NULL: the system's authorities */
    int timeout_ms;       /* of one request, its connection included */
};

/* What readers of a framed message look at first: a zero, and the schema's id, big-endian. */
#define REGISTRY_FRAME_LEN 5

/* Does not connect yet; copies the options. */
NODISCARD enum err registry_new(const struct registry_options *o, struct registry **out,
                                struct errmsg *em);
void registry_free(struct registry *r); /* may be NULL */

/* Whether a registry answers there and lets us in; nothing is registered. */
NODISCARD enum err registry_reach(struct registry *r, struct errmsg *em);

/*
 * Registers the schema of a topic's values and makes the frame that stands
 * before each of them.
 */
NODISCARD enum err registry_register(struct registry *r, const char *topic, struct slice schema,
                                     uint8_t frame[REGISTRY_FRAME_LEN], struct errmsg *em);
