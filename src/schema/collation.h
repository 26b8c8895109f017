/*
 * Names of character sets and collations: which collation a server means where
 * a statement names a set, a collation, both or neither.
 *
 * Sources: SHOW CHARACTER SET of MySQL 9.7 and MariaDB 10.11; manuals, "Column
 * Character Set and Collation" (MySQL), "Setting Character Sets and Collations"
 * (MariaDB).
 */
#pragma once

#include "base/arena.h"

struct collation_rules {
    bool mariadb;
    uint32_t version;
    bool utf8_is_utf8mb4;           /* MariaDB: old_mode lacks UTF8_IS_UTF8MB3 */
    struct slice utf8mb4_collation; /* default of utf8mb4; len 0: the server's built-in one */
};

/* What a statement says of one column, table or database; len 0: nothing. */
struct collation_words {
    struct slice charset;
    struct slice collation;
    bool binary; /* the attribute BINARY: the set's _bin collation */
};

/*
 * The collation that the words mean where context is the collation of what is
 * around: of the table for a column, of the database for a table. False: the
 * words leave it to a context that is not known (len 0), or memory is out
 * (a->failed). The result is static, context, or the arena's, in lower case.
 */
bool collation_resolve(const struct collation_rules *r, const struct collation_words *w,
                       struct slice context, struct arena *a, struct slice *out);

/* The default collation of a character set; the set's name when it is unknown. */
struct slice collation_default(const struct collation_rules *r, struct slice charset);

/* Bytes of the longest character of a collation's set; 1 when it is unknown. */
uint32_t collation_max_len(struct slice collation);
