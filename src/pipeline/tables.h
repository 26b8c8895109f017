/*
 * The tables that a stream shows, and how each is carried.
 *
 * Table maps come before every statement, nearly always with the bytes of the
 * last time: then the binding made at that time is used again. A map that is
 * new is merged with the catalogue's definition, and everything that decoding,
 * encoding and routing need is worked out once, as a binding.
 *
 * Definitions come from the checkpoint or from the source's information_schema;
 * a DDL statement that may concern a table makes its definition stale.
 *
 * Threads: the reader's.
 */
#pragma once

#include "config/task.h"
#include "mysqlproto/binlog/table_map.h"
#include "pipeline/binding.h"
#include "pipeline/position.h"
#include "pipeline/topics.h"
#include "rules/objects.h"
#include "schema/ddl_mention.h"

struct tables;

/*
 * Reads the definition of a table as it is at `place`, which is where the
 * stream stands. *def NULL: there is no such table any more. ERR_TABLE_MISMATCH
 * with a sentence: what the source shows now cannot be what held there.
 * *holds_to: statements up to that place do not change it any more.
 */
typedef enum err (*tables_define_fn)(void *arg, struct slice database, struct slice table,
                                     struct table_def **def, struct binlog_place *holds_to,
                                     struct errmsg *em);

/* What the checkpoint should know before it moves on. */
struct tables_note {
    struct tables_note *next;
    enum {
        NOTE_TOPIC, /* a topic and its partition count */
        NOTE_DEF,   /* a definition that holds from here on */
        NOTE_STALE, /* what is known of a table does not hold any more */
    } kind;
    char *topic;
    int32_t partitions;
    struct table_def *def; /* owned; NOTE_STALE: its names alone count */
};

struct tables_options {
    const struct task_config *task;
    const struct objects *objects;
    struct topics *topics;
    const struct format_options *format;
    tables_define_fn define;
    void *define_arg;
};

NODISCARD enum err tables_new(const struct tables_options *o, struct tables **out);
void tables_free(struct tables *t);

/* Notes all definitions that hold (tables_trust()): a restart relies on what was noted. */
NODISCARD enum err tables_note_all(struct tables *t);

/*
 * A definition of a selected table; taken over in any case. It is used for rows
 * without FULL metadata once tables_trust() has said that it holds.
 */
NODISCARD enum err tables_preset(struct tables *t, struct table_def *def, struct errmsg *em);

/*
 * The definitions preset so far hold from where the stream begins, and
 * statements up to `holds_to` (nowhere: not known) do not change them.
 */
void tables_trust(struct tables *t, struct binlog_place holds_to);

/* Whether the objects list takes the table. */
bool tables_selected(struct tables *t, struct slice database, struct slice table);

/* A new connection or file: table ids mean nothing any more. */
void tables_forget_ids(struct tables *t);

/* Between groups: ids are forgotten where they have become many, for each group brings its maps. */
void tables_trim_ids(struct tables *t);

/* Another server: places of the old one mean nothing any more. */
void tables_forget_places(struct tables *t);

/* A TABLE_MAP event. em tells table and columns; the caller adds the place. */
NODISCARD enum err tables_map(struct tables *t, const struct binlog_format *f, struct slice body,
                              struct errmsg *em);

/*
 * The table of a rows event. ERR_UNKNOWN_TABLE_ID; *out NULL: not selected.
 * Borrowed: whoever keeps it takes a reference.
 */
NODISCARD enum err tables_find(struct tables *t, uint64_t table_id, struct binding **out);

/*
 * A statement that may change tables, and where it ends: makes the definitions
 * stale that it mentions and that are older than it.
 */
NODISCARD enum err tables_statement(struct tables *t, enum ddl_effect effect, struct slice sql,
                                    struct slice default_database, struct binlog_place place);

/* Whether the statement mentions a selected table that has been met. */
bool tables_mentioned(struct tables *t, struct slice sql, struct slice default_database,
                      struct slice *database, struct slice *table);

/* Notes since the last call, oldest first; the caller owns them. */
struct tables_note *tables_take_notes(struct tables *t);
void tables_notes_free(struct tables_note *n);

/* One list of two, a's before b's. */
struct tables_note *tables_notes_join(struct tables_note *a, struct tables_note *b);

/* Makes the topics of the tables that are known (tables_preset()). */
NODISCARD enum err tables_prepare_topics(struct tables *t, struct errmsg *em);
