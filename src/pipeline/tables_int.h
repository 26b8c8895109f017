/* What the files of the table registry share. See tables.h. */
#pragma once

#include "pipeline/tables.h"

struct entry {
    struct slice database; /* both point behind the struct */
    struct slice name;
    size_t object; /* index of the objects entry that takes it, or OBJECTS_NONE */
    bool known;    /* the catalogue's definition (none: there is no such table) holds
                      where the stream stands */
    bool map_only; /* none is to be had, and the table maps do without one */
    bool sequence; /* MariaDB: its rows are no rows */
    bool evolves;  /* a statement to come defines it: CREATE .. IF NOT EXISTS, too */
    bool touched;  /* a statement of the stretch that was scanned concerns it */
    bool ahead;    /* put aside while a statement is carried out: see tables_ddl.c */
    bool unproven; /* comes from statements, or from an earlier run; the source was
                      not asked since: see tables_witness.c */
    bool queued;   /* is to be compared with what the source shows */
    uint8_t odd;   /* so often in a row the source showed something else */
    struct entry *next_queued;
    struct table_def *rival;      /* what the source shows instead: the next table map judges */
    struct binlog_place holds_to; /* statements up to there do not change the definition */
    uint64_t version;             /* grows whenever the definition may have changed */
    struct binding *binding;      /* of the rows of the stream; NULL: none met yet */
    uint64_t bound;               /* the version that it was made from ... */
    uint8_t *raw;                 /* ... and the table map */
    size_t raw_len;
    struct binding *current; /* of tables_current(); NULL: never asked for */
    uint64_t current_of;     /* the version that it was made from */
    struct entry *next;      /* of the same hash */
};

struct id_slot {
    uint64_t id;
    struct entry *entry; /* NULL: free */
};

#define BUCKETS 16384 /* a power of two */
#define IDS_MAX 65536 /* kept from group to group */

struct tables {
    struct tables_options o;
    struct catalog
        *catalog; /* of all tables that are known, and of others that may become selected */
    struct catalog_session session; /* slices point into session_text */
    char *session_text;
    size_t selected; /* entries that are */
    struct entry *buckets[BUCKETS];
    struct id_slot *ids; /* open addressing */
    uint32_t id_cap;     /* a power of two */
    uint32_t id_count;
    struct binlog_map_scratch scratch;
    struct tables_note *notes;
    struct tables_note **notes_end;
    struct entry *queue; /* of definitions to compare */
    struct entry **queue_end;
    struct table_effect *effects;
    struct table_effect **effects_end;
};

/* tables.c: the entry of a table, made at the first call. */
NODISCARD enum err tables_entry(struct tables *t, struct slice database, struct slice name,
                                struct entry **out, struct errmsg *em);

/* tables.c: the same, NULL where there is none. */
struct entry *tables_entry_find(const struct tables *t, struct slice database, struct slice name);

/* NULL: there is no such table, or nothing is known of it. Borrowed until the next change. */
static inline const struct table_def *entry_def(const struct tables *t, const struct entry *e)
{
    return catalog_find(t->catalog, e->database, e->name);
}

/* MariaDB's sequences look like tables in the binlog, but no row of them is anybody's data. */
static inline bool entry_selected(const struct entry *e)
{
    return e->object != OBJECTS_NONE && !e->sequence;
}

/* tables.c: what is known of a definition goes to the checkpoint; stale: that it does not hold. */
NODISCARD enum err tables_note_def(struct tables *t, const struct table_def *def,
                                   struct binlog_place holds_to, bool stale);
NODISCARD enum err tables_note_topic(struct tables *t, const char *name, int32_t partitions);

/* tables_bind.c: the number of a topic, which is asked about or made when it is new. */
NODISCARD enum err tables_topic(struct tables *t, const char *name, uint32_t partitions,
                                uint32_t *index, struct errmsg *em);

/* tables_bind.c: a table map whose bytes are new for its table: makes the binding. */
NODISCARD enum err tables_rebind(struct tables *t, struct entry *e, const struct binlog_format *f,
                                 struct slice body, struct slice raw, struct binlog_place place,
                                 struct errmsg *em);

/* tables_witness.c: rows were bound to a definition that the source was not asked about. */
void tables_doubt_later(struct tables *t, struct entry *e);

/* tables_witness.c: the source shows something else; a table map says who is right. */
NODISCARD enum err tables_judge(struct tables *t, struct entry *e, const struct table_map *map,
                                struct errmsg *em);

/* tables_witness.c: nothing speaks against the definition (any more). */
void tables_believe(struct entry *e);
