/* What the files of the catalogue share: definitions while their rows come in. */
#pragma once

#include "base/arena.h"
#include "source/catalog.h"
#include "source/session_int.h"

/* One part of a key, as information_schema.STATISTICS names it. */
struct key_part {
    struct key_part *next;
    struct slice key;
    struct slice column;
    uint16_t prefix; /* 0: the whole column */
    bool expression; /* no column */
    bool unique;
    bool hash;
};

/* One table while its rows come in. The arrays grow by doubling, in an arena. */
struct draft {
    struct table_def def;
    uint32_t columns_cap;
    uint32_t keys_cap;
    uint32_t indexes_cap;
    struct key_part *parts; /* of keys, as long as the columns are not there */
    struct key_part **parts_end;
    bool done;
};

/* The databases in which tables are wanted. */
struct catalog_databases {
    struct arena *arena;
    struct slice *names; /* ascending, bytewise */
    uint32_t count;
    uint32_t cap;
    bool all; /* too many to ask about each: statements ask about all of the server */
    src_table_filter filter;
    void *arg;
};

NODISCARD enum err catalog_databases_read(struct src_session *s, src_table_filter filter, void *arg,
                                          struct catalog_databases *out, struct errmsg *em);
void catalog_databases_fini(struct catalog_databases *d);

/* How many statements it takes, and the i-th one: select, a condition on the database, more. */
uint32_t catalog_statements(const struct catalog_databases *d);
NODISCARD enum err catalog_ask(struct src_session *s, const struct catalog_databases *d, uint32_t i,
                               const char *select, const char *more, src_row_fn take, void *arg,
                               struct errmsg *em);

/* Makes room for one more in an array of the arena; what it was before stays as waste. */
NODISCARD enum err catalog_grow(struct arena *a, void **items, uint32_t *cap, uint32_t count,
                                size_t size, uint32_t max);

/* COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, COLLATION_NAME, DATETIME_PRECISION, IS_NULLABLE, EXTRA */
NODISCARD enum err catalog_add_column(struct arena *a, struct draft *d,
                                      const struct my_text_value *v);

/* The parts of a key in order; the columns are there. */
NODISCARD enum err catalog_add_key_part(struct arena *a, struct draft *d,
                                        const struct key_part *part);

/* Keys without a part that is a column go to the indexes, the primary key to the front. */
NODISCARD enum err catalog_tidy_keys(struct arena *a, struct draft *d);
