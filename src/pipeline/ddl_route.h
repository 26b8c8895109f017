/*
 * Whether a statement is sent, and where to.
 *
 * A statement is sent when an object that it names is selected, and that
 * object's entry in the task file wants statements of its class: tables,
 * views and routines go by their own name, triggers and indexes by their
 * table's, databases (and DROP TRIGGER, which names no table) where a table
 * that is selected may lie in them.
 *
 * Threads: the reader's.
 */
#pragma once

#include "pipeline/tables.h"
#include "schema/change.h"
#include "schema/ddl.h"

struct ddl_route {
    bool send;
    bool
        unwanted; /* not sent, though an entry takes what it is about: it wants none of its class */
    struct slice database; /* of the object that it is sent for; borrowed from the statement */
    struct slice table;    /* len 0: a database */
    const char *topic;     /* the topics' own text */
    uint32_t topic_index;
    struct slice frame; /* of the topic's messages; borrowed from the topics */
    int32_t partition;
    enum ddl_change_type type;
};

/* May ask the brokers for the topic. */
NODISCARD enum err ddl_route(struct tables *t, const struct ddl_statement *st,
                             struct ddl_route *out, struct errmsg *em);
