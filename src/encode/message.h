/*
 * Messages read back: what a record's value says, in whichever format the task
 * writes. For whoever checks or shows what is in Kafka; nothing here is on the
 * row path.
 *
 *   struct message_reader *r = message_reader_new(FORMAT_CANAL_JSON, true);
 *   struct message m;
 *   e = message_read(r, value, &m);      m is valid until the next call
 *   message_reader_free(r);
 *
 * Values are outside bytes: a topic may hold anything. What is not a message
 * of the format, to its last byte, is ERR_MALFORMED. A datum of DTS Avro may
 * stand behind the frame of a schema registry.
 *
 * Threads: a reader belongs to one.
 */
#pragma once

#include "encode/format.h"

enum message_kind {
    MESSAGE_ROW,
    MESSAGE_STATEMENT,
    MESSAGE_OTHER, /* ends of transactions and what else DTS knows */
};

struct message_value {
    enum { MESSAGE_ABSENT, MESSAGE_NULL, MESSAGE_TEXT } kind;
    struct slice raw;  /* the same for equal values, and for no others; len 0 where there is none */
    struct slice text; /* as people read it; only if the reader was made with texts */
};

struct message_column {
    struct slice name;
    struct message_value before; /* UPDATE: of canal-json only where the column changed; DELETE */
    struct message_value after;  /* INSERT, UPDATE, INIT */
};

struct message {
    enum message_kind kind;
    enum change_op op;     /* MESSAGE_ROW */
    struct slice type;     /* as the message has it, "INSERT" */
    struct slice database; /* names as sent */
    struct slice table;    /* len 0: of no table, or (statements of DTS Avro) not told */
    struct slice sql;      /* MESSAGE_STATEMENT */
    uint64_t id;
    uint64_t es_ms;
    uint32_t column_count;
    const struct message_column *columns;
};

struct message_reader;

/* texts: values are wanted as text, too. NULL: no memory. */
struct message_reader *message_reader_new(enum format_kind format, bool texts);
void message_reader_free(struct message_reader *r); /* may be NULL */

NODISCARD enum err message_read(struct message_reader *r, struct slice value, struct message *out);
