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
#include "pipeline/counters.h"
#include "pipeline/position.h"
#include "pipeline/topics.h"
#include "rules/objects.h"
#include "schema/catalog_model.h"
#include "schema/ddl_names.h"

struct copy_range;
struct shaping;
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
        NOTE_TOPIC,  /* a topic and its partition count */
        NOTE_DEF,    /* a definition that holds from here on */
        NOTE_STALE,  /* what is known of a table does not hold any more */
        NOTE_SCHEMA, /* the schema phase is done */
        NOTE_COPIED, /* the rows of a range of the full copy lie before here */
    } kind;
    char *topic;
    int32_t partitions;
    struct table_def *def;        /* owned; NOTE_STALE: its names alone count */
    struct binlog_place holds_to; /* NOTE_DEF: statements up to there do not change it any more */
    struct copy_range *range;
};

struct tables_options {
    const struct task_config *task;
    const struct objects *objects;
    struct topics *topics;
    const struct format_options *format;
    const struct shaping *shaping; /* NULL: tables go out as they are */
    struct counters *counters;     /* NULL: nothing is counted */
    tables_define_fn define;
    void *define_arg;
    /* the source */
    bool mariadb;
    uint8_t lower_case_table_names;
    uint32_t version;
};

/* One selected table, as tables_walk() shows it. */
struct tables_view {
    struct slice database;
    struct slice table;
    const struct table_def *def; /* NULL: not known where the stream stands */
    uint64_t version;            /* as tables_version() */
    size_t object;               /* index of its entry in objects */
    bool touched;                /* tables_touch() */
    bool evolves;                /* tables_evolve() */
};
typedef enum err (*tables_walk_fn)(void *arg, const struct tables_view *view);

/* What a statement did to a table that the objects list takes. */
enum table_effect_kind {
    TABLE_CREATED,  /* was not there before: CREATE, or renamed from a table that is not selected */
    TABLE_REPLACED, /* another table stands under this name: CREATE OR REPLACE, or the new table of
                       a schema change moved in */
    TABLE_ALTERED,  /* columns, types, keys or what belongs to them */
    TABLE_TRUNCATED, /* its rows are gone; also those of single partitions */
    TABLE_DROPPED,   /* is not there any more: DROP, or renamed to a table that is not selected */
    TABLE_RENAMED,   /* from old_database.old_table, which is selected, too */
    TABLE_DOUBTFUL,  /* the statement may have done any of that */
};

struct table_effect {
    struct table_effect *next;
    enum table_effect_kind kind;
    struct slice database; /* the name that it has behind the statement; as the table's entry, */
    struct slice table;    /* borrowed from the tables */
    struct slice old_database; /* TABLE_RENAMED; else len 0 */
    struct slice old_table;
    bool unsent; /* it may hold rows that no rows event of a selected table has shown: those of a
                    table that was not followed until now, or of an exchanged partition */
    struct binlog_place place; /* behind the statement */
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
 * A definition out of the checkpoint, which holds where the stream begins; of
 * a selected table or of another one. Taken over in any case.
 */
NODISCARD enum err tables_recall(struct tables *t, struct table_def *def,
                                 struct binlog_place holds_to, struct errmsg *em);

/* A database with its default collation, and what else of the source's settings statements lean on.
 * Copied. */
NODISCARD enum err tables_database(struct tables *t, struct slice name, struct slice collation);
NODISCARD enum err tables_session(struct tables *t, const struct catalog_session *s);

/*
 * What was preset of a table is of another time: a statement that the stream
 * has still to pass defines it anew.
 */
NODISCARD enum err tables_evolve(struct tables *t, struct slice database, struct slice table);

/* A statement that the stream has still to pass concerns the table. */
NODISCARD enum err tables_touch(struct tables *t, struct slice database, struct slice table);
bool tables_any_touched(const struct tables *t);

/* Takes tables_evolve() and tables_touch() back, and tables_preset() before tables_trust(). */
void tables_untouch(struct tables *t);

/* The checkpoint is to know that the schema phase is done. */
NODISCARD enum err tables_note_schema(struct tables *t);

/*
 * The definitions preset so far hold from where the stream begins, and
 * statements up to `holds_to` (nowhere: not known) do not change them.
 */
void tables_trust(struct tables *t, struct binlog_place holds_to);

/* Whether the objects list takes the table; table.len 0: whether it may take one of the database.
 */
bool tables_selected(struct tables *t, struct slice database, struct slice table);

/* A new connection or file: table ids mean nothing any more. */
void tables_forget_ids(struct tables *t);

/* Between groups: ids are forgotten where they have become many, for each group brings its maps. */
void tables_trim_ids(struct tables *t);

/* Another server: places of the old one, where the stream stood at `place`, mean nothing any more.
 */
void tables_forget_places(struct tables *t, struct binlog_place place);

/* A TABLE_MAP event, which ends at file and offset. em tells table and columns; the caller adds the
 * place. */
NODISCARD enum err tables_map(struct tables *t, const struct binlog_format *f, struct slice body,
                              const char *file, uint64_t offset, struct errmsg *em);

/*
 * The table of a rows event. ERR_UNKNOWN_TABLE_ID; *out NULL: not selected.
 * Borrowed: whoever keeps it takes a reference.
 */
NODISCARD enum err tables_find(struct tables *t, uint64_t table_id, struct binding **out);

/*
 * A statement and where it ends: carries it out on the definitions that are
 * known. One that was not understood makes unknown what it mentions. q: its
 * event, which tells what the text leans on; NULL: that is as the source's
 * settings are.
 */
struct binlog_query;
NODISCARD enum err tables_statement(struct tables *t, const struct ddl_statement *st,
                                    const struct binlog_query *q, struct binlog_place place);

/* Whether the statement mentions a selected table that has been met. */
bool tables_mentioned(struct tables *t, struct slice sql, struct slice default_database,
                      struct slice *database, struct slice *table);

/*
 * How the table is carried where the stream stands, made from its definition
 * alone: for rows that come without a table map. It has no plan; topic,
 * partitions and keys are those of streamed rows. *out NULL: there is no such
 * table, or it is not selected. Borrowed: valid until the next call for the
 * same table; whoever keeps it takes a reference. May ask the source (define).
 */
NODISCARD enum err tables_current(struct tables *t, struct slice database, struct slice table,
                                  struct binding **out, struct errmsg *em);

/* Nobody asks for tables_current() of it again soon: what was made for that is let go of. */
void tables_not_current(struct tables *t, struct slice database, struct slice table);

/*
 * Changes whenever a statement passed that concerns the table, or its
 * definition was read again. 0: never heard of.
 */
uint64_t tables_version(struct tables *t, struct slice database, struct slice table);

/*
 * All selected tables that are there, or may be, in no order. No other call
 * meanwhile. Anything but ERR_OK ends it.
 */
NODISCARD enum err tables_walk(struct tables *t, tables_walk_fn each, void *arg);

/* Effects of statements since the last call, oldest first; the caller owns them. */
struct table_effect *tables_take_effects(struct tables *t);
void tables_effects_free(struct table_effect *list);

/* Notes since the last call, oldest first; the caller owns them. */
struct tables_note *tables_take_notes(struct tables *t);
void tables_notes_free(struct tables_note *n);

/* One list of two, a's before b's. */
struct tables_note *tables_notes_join(struct tables_note *a, struct tables_note *b);

/* Makes the topics of the tables that are known (tables_preset()). */
NODISCARD enum err tables_prepare_topics(struct tables *t, struct errmsg *em);

/*
 * The third witness: what the source shows (the first is the table map, the
 * second the catalogue with the statements since). A definition that was not
 * read from the source in this run is compared with it once rows were bound to
 * it, where their maps are without FULL metadata.
 *
 * Names the next such table; it is asked about once. False: there is none.
 */
bool tables_unproven(struct tables *t, struct slice *database, struct slice *table,
                     uint64_t *version);

/*
 * What the source showed of it when the stream was where it is now, or no
 * statement has concerned the table since; NULL: nothing. Where that reads rows
 * in another way and goes on to do so (*again: the table is named once more,
 * let some time pass), the next table map has to decide between the two; where
 * it fits both, nobody can: ERR_TABLE_MISMATCH out of tables_map().
 */
NODISCARD enum err tables_witness(struct tables *t, struct slice database, struct slice table,
                                  uint64_t version, const struct table_def *shown, bool *again);

/* The source could not be asked: the table is named again. */
void tables_unasked(struct tables *t, struct slice database, struct slice table);
