/*
 * What a table is: the definition that the row path works with.
 *
 * There are two forms. A struct table_def is what a catalogue says (rows of
 * information_schema; later DDL): text types, keys. A struct table is one
 * version of a table as row images show it: def and table map merged and
 * checked against each other, with everything that decoding and encoding need
 * worked out. Plans and constant JSON hang on a struct table and live as long.
 *
 * A struct table is immutable and reference-counted: batches in flight still
 * use old versions. Made by the reader thread; any thread may ref and unref.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "schema/charset.h"
#include "schema/table_map.h"

#include <stdatomic.h>

/* One column of a catalogue, as information_schema.columns shows it. All text is UTF-8. */
struct column_def {
    struct slice name;
    struct slice column_type; /* column_type: "int(11) unsigned", "enum('a','b')" */
    struct slice data_type;   /* data_type: "int", "enum"; MariaDB "uuid", "inet6" */
    struct slice collation;   /* collation_name; len 0: none */
    uint32_t datetime_precision;
    bool nullable;
    bool generated;
    bool invisible;
    bool hires_old_temporal;  /* MariaDB with mysql56_temporal_format=OFF ("mariadb-5.3") */
};

/* A key. Of unique ones the primary key comes first if there is one. */
struct key_def {
    struct slice name;
    bool primary;
    bool has_prefix; /* some part is only a prefix: no identity */
    bool hash;       /* index_type is HASH; of MariaDB, engines other than MEMORY: the key is kept as
                        a hash, in a column DB_ROW_HASH_n that only row images have */
    bool generated;  /* MySQL: made for a foreign key, gone once another key serves it */
    uint32_t part_count;
    uint16_t *parts;    /* column indexes in key order */
    uint16_t *prefixes; /* beside parts: the characters (bytes) that count, 0: all; NULL: not known */
};

struct table_def {
    struct slice database;
    struct slice name;
    struct slice engine;
    struct slice collation; /* table_collation, for columns to come; len 0: neither it nor indexes
                               are known */
    bool system_versioned; /* table_type is SYSTEM VERSIONED: the map has row_start and row_end,
                              which information_schema.columns may leave out */
    bool sequence;         /* MariaDB's SEQUENCE: no table to anybody but the binlog */
    uint32_t column_count;
    struct column_def *columns;
    uint32_t key_count;
    struct key_def *keys; /* primary and unique keys only */
    uint32_t index_count;
    struct key_def *indexes; /* keys that identify nothing: not unique, or over expressions alone;
                                statements to come may name them. MySQL hides parts that are
                                expressions: there are none */
};

/* How a column's values look in messages; from the type's text, for the wire types are too few. */
enum column_kind {
    COL_TINYINT, COL_SMALLINT, COL_MEDIUMINT, COL_INT, COL_BIGINT,
    COL_FLOAT, COL_DOUBLE, COL_DECIMAL, COL_BIT, COL_YEAR,
    COL_DATE, COL_TIME, COL_DATETIME, COL_TIMESTAMP,
    COL_CHAR, COL_VARCHAR, COL_TEXT,   /* TEXT: all four sizes */
    COL_BINARY, COL_VARBINARY, COL_BLOB,
    COL_ENUM, COL_SET, COL_JSON, COL_GEOMETRY, COL_VECTOR,
    COL_UUID, COL_INET4, COL_INET6,    /* MariaDB */
    COL_KIND_COUNT
};

struct column {
    struct slice name;      /* UTF-8 */
    struct slice type_text; /* full type as the server shows it */
    struct slice bare_type; /* "int" */
    enum column_kind kind;
    uint8_t wire_type;      /* enum my_type of the row image */
    uint16_t meta;          /* as struct map_column */
    bool is_unsigned;
    bool nullable;
    bool generated;
    bool invisible;
    bool hidden;            /* DB_ROW_HASH_n: the server's own, no statement shows it; never sent */
    bool hires_old_temporal;
    uint8_t fsp;            /* fraction digits of temporal types, 0..6 */
    uint8_t precision;      /* DECIMAL */
    uint8_t scale;          /* DECIMAL */
    uint32_t fixed_len;     /* BINARY(n), UUID, INET: length to pad to with 0x00; else 0 */
    const struct charset *charset; /* text, ENUM and SET; NULL: no text */
    struct slice collation; /* as the catalogue names it; len 0: none, or not known */
    uint32_t collation_id;  /* the table map's; 0: not known */
    uint32_t member_count;  /* ENUM, SET */
    struct slice *members;  /* labels, UTF-8 */
};

/* A unique key that is not the primary one. */
struct table_key {
    struct slice name;
    uint32_t count;
    uint16_t *columns; /* in key order */
};

struct table {
    atomic_uint refs;
    struct slice database;
    struct slice name;
    struct slice engine;    /* "InnoDB"; len 0: not known */
    uint32_t column_count;
    struct column *columns;
    uint32_t pk_count;      /* pkNames: the primary key's columns */
    uint16_t *pk;
    uint32_t identity_count; /* the record key: primary, else first UNIQUE whose columns are NOT NULL */
    uint16_t *identity;
    struct slice identity_index; /* "PRIMARY"; len 0: none, or not known */
    bool identity_hashed;   /* that index keeps hashes: it finds rows, and does not order them */
    uint32_t partition_count; /* columns that choose the partition: identity, else first UNIQUE */
    uint16_t *partition;
    uint32_t unique_count; /* as the catalogue has them: none when only the map is known */
    struct table_key *uniques;
    bool type_text_rebuilt; /* no catalogue entry: type_text was made from the table map */
    void *arena;            /* owns all slices and arrays above */
};

/*
 * Merges a table map with the catalogue's definition. def may be NULL when the
 * map has FULL metadata; then UUID, INET and tinyint(1) are not known for what
 * they are, and a unique key that MySQL takes for a missing primary key is one.
 *
 * Where both know: layout, nullability and labels are the map's, the primary
 * key too; type text, generated columns and other keys are the catalogue's.
 * Columns that only row images have are added (MySQL's generated invisible
 * primary key, MariaDB's row_start and row_end and its key hashes).
 *
 * ERR_TABLE_MISMATCH with a sentence naming table and columns when the two
 * disagree (count, names, types and their parameters, signedness, character
 * sets, labels) or when neither witness tells what is needed. ERR_NO_MEMORY.
 * Character sets of the columns are prepared.
 */
NODISCARD enum err table_resolve(const struct table_map *map, const struct table_def *def,
                                 struct table **out, struct errmsg *em);

static inline void table_ref(struct table *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed); /* the caller holds one */
}

void table_unref(struct table *t);

/*
 * A definition in one block of memory, for keeping and for the checkpoint.
 * serialize appends a self-contained, versioned byte form to w.
 */
struct writer;
void table_def_serialize(const struct table_def *def, struct writer *w);
NODISCARD enum err table_def_parse(struct slice bytes, struct table_def **out); /* free() it: one block */

/* A definition in one block of its own: free() it. */
NODISCARD enum err table_def_copy(const struct table_def *def, struct table_def **out);
