/*
 * What a statement of the binlog does, as far as tables are concerned.
 *
 *     struct arena *a = arena_new(4096);
 *     struct ddl_statement st;
 *     enum err e = ddl_parse(sql, &options, a, &st);
 *     if (st.kind == DDL_NONE) ...           no DDL: BEGIN, INSERT, SET, ...
 *     else if (ddl_may_concern(&st, database, table)) ...
 *
 * Statements that change a table as the row path sees it are parsed whole, into
 * a list of actions that catalog_apply() (schema/catalog_model.h) carries out.
 * All others are told by their leading words and their object's name; what
 * follows is not looked at.
 *
 * Grammar: MySQL source docs, sql/sql_yacc.yy (9.7), and MariaDB's of 10.11;
 * what one of them alone knows is taken from either. The reader is no
 * validator: statements of a binlog were accepted by their server.
 *
 * The statement's text, the options and the arena must outlive the result: its
 * slices point into all of them. Pure; any thread.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "schema/sql_lex.h"

/* The statement is UTF-8 already; sql_mode and the default database are the event's. */
struct ddl_options {
    struct sql_dialect dialect;
    struct slice default_database;  /* len 0: none */
    uint8_t lower_case_table_names; /* 1: names of tables and databases come out in lower case */
};

/* clang-format off */
enum ddl_kind {
    DDL_NONE,             /* no DDL, or nothing at all */
    DDL_CREATE_TABLE, DDL_ALTER_TABLE, DDL_DROP_TABLE, DDL_RENAME_TABLE, DDL_TRUNCATE_TABLE,
    DDL_CREATE_INDEX, DDL_DROP_INDEX,
    DDL_CREATE_DATABASE, DDL_ALTER_DATABASE, DDL_DROP_DATABASE,
    DDL_CREATE_SEQUENCE, DDL_ALTER_SEQUENCE, DDL_DROP_SEQUENCE, /* MariaDB: tables of a kind */
    DDL_CREATE_VIEW, DDL_ALTER_VIEW, DDL_DROP_VIEW,
    DDL_CREATE_PROCEDURE, DDL_ALTER_PROCEDURE, DDL_DROP_PROCEDURE,
    DDL_CREATE_FUNCTION, DDL_ALTER_FUNCTION, DDL_DROP_FUNCTION,
    DDL_CREATE_TRIGGER, DDL_DROP_TRIGGER,
    DDL_CREATE_EVENT, DDL_ALTER_EVENT, DDL_DROP_EVENT,
    DDL_ACCOUNT,          /* users, roles, grants, passwords: may carry secrets; no objects */
    DDL_OTHER,            /* servers, tablespaces, packages, ...; FLUSH, ANALYZE and their like */
    DDL_KIND_COUNT
};

/* The words of objects[].ddl that a statement goes by. */
enum ddl_class {
    DDL_CLASS_NONE,  /* never sent */
    DDL_CLASS_CREATE, DDL_CLASS_ALTER, DDL_CLASS_DROP, DDL_CLASS_RENAME, DDL_CLASS_TRUNCATE,
    DDL_CLASS_INDEX, DDL_CLASS_VIEW, DDL_CLASS_PROCEDURE, DDL_CLASS_FUNCTION, DDL_CLASS_TRIGGER,
    DDL_CLASS_COUNT
};

/* The types of columns, all their other names resolved. */
enum ddl_type {
    DDL_TINYINT, DDL_SMALLINT, DDL_MEDIUMINT, DDL_INT, DDL_BIGINT,
    DDL_FLOAT, DDL_DOUBLE, DDL_DECIMAL, DDL_BIT, DDL_YEAR,
    DDL_DATE, DDL_TIME, DDL_DATETIME, DDL_TIMESTAMP,
    DDL_CHAR, DDL_VARCHAR, DDL_BINARY, DDL_VARBINARY,
    DDL_TINYTEXT, DDL_TEXT, DDL_MEDIUMTEXT, DDL_LONGTEXT,
    DDL_TINYBLOB, DDL_BLOB, DDL_MEDIUMBLOB, DDL_LONGBLOB,
    DDL_ENUM, DDL_SET, DDL_JSON, DDL_VECTOR,
    DDL_GEOMETRY, DDL_POINT, DDL_LINESTRING, DDL_POLYGON, DDL_MULTIPOINT, DDL_MULTILINESTRING,
    DDL_MULTIPOLYGON, DDL_GEOMETRYCOLLECTION,
    DDL_UUID, DDL_INET4, DDL_INET6, DDL_XMLTYPE,
    DDL_TYPE_NONE         /* none given (CREATE TABLE .. SELECT), or of a plugin not known here */
};
/* clang-format on */

enum ddl_place { DDL_LAST, DDL_FIRST, DDL_AFTER };

/* Number words that may be left out: length of -1 is none given. */
struct ddl_column {
    struct slice name;
    enum ddl_type type;
    int64_t length;        /* the number in brackets, UINT32_MAX at most; -1: none */
    int64_t scale;         /* the second number, -1: none */
    uint32_t member_count; /* ENUM, SET */
    struct slice *members; /* without quotes */
    struct slice
        charset; /* len 0: none; "binary" for BYTE, "latin1" for ASCII, "ucs2" for UNICODE */
    struct slice collation; /* len 0: none */
    bool is_unsigned;
    bool zerofill;
    bool binary;              /* attribute BINARY: the set's _bin collation */
    bool default_charset;     /* CHARACTER SET DEFAULT: that of the table */
    bool null;                /* NULL was said */
    bool not_null;            /* NOT NULL was said, or follows (SERIAL, ROW START) */
    bool nullable_by_default; /* DEFAULT NULL was said */
    bool has_default;
    bool auto_increment;
    bool generated;
    bool row_start; /* MariaDB: GENERATED ALWAYS AS ROW START, ROW END */
    bool row_end;
    bool primary;
    bool unique;
    bool invisible;
    bool compressed;    /* MariaDB's COMPRESSED */
    bool versioning_on; /* WITH SYSTEM VERSIONING of the column */
};

enum ddl_key_kind {
    DDL_KEY_PRIMARY,
    DDL_KEY_UNIQUE,
    DDL_KEY_PLAIN,
    DDL_KEY_FULLTEXT,
    DDL_KEY_SPATIAL,
    DDL_KEY_VECTOR,
    DDL_KEY_FOREIGN
};

#define DDL_KEY_PARTS_MAX 64

struct ddl_key_part {
    struct slice column; /* WITHOUT OVERLAPS: the period's name; an expression: empty */
    uint32_t prefix;     /* 0: the whole column */
    bool expression;
    bool without_overlaps;
};

struct ddl_key {
    enum ddl_key_kind kind;
    struct slice name;       /* len 0: the server finds one */
    struct slice constraint; /* its name when there is none of the key's own */
    bool if_not_exists;
    bool using_hash;
    bool using_btree;
    uint32_t part_count;
    struct ddl_key_part *parts;
};

/* clang-format off */
enum ddl_action_kind {
    DDL_ADD_COLUMN,       /* column, place, after, maybe */
    DDL_MODIFY_COLUMN,    /* name (of before), column, place, after, maybe */
    DDL_DROP_COLUMN,      /* name, maybe */
    DDL_RENAME_COLUMN,    /* name, new_name, maybe */
    DDL_SHOW_COLUMN,      /* name: SET VISIBLE */
    DDL_HIDE_COLUMN,      /* name: SET INVISIBLE */
    DDL_ADD_KEY,          /* key, maybe */
    DDL_DROP_KEY,         /* name, maybe */
    DDL_DROP_PRIMARY_KEY,
    DDL_DROP_CONSTRAINT,  /* name, maybe: of a key, foreign key or check */
    DDL_RENAME_KEY,       /* name, new_name, maybe */
    DDL_SET_ENGINE,       /* name */
    DDL_SET_CHARSET,      /* charset, collation, default_charset: of the table, for columns to come */
    DDL_CONVERT_CHARSET,  /* the same, and columns are converted */
    DDL_ADD_PERIOD,       /* name, parts[0..1] of key: PERIOD FOR name (start, end) */
    DDL_DROP_PERIOD,      /* name */
    DDL_ADD_VERSIONING,   /* MariaDB: ADD SYSTEM VERSIONING */
    DDL_DROP_VERSIONING,
    DDL_PARTITIONED,      /* PARTITION BY: no change that rows show */
    DDL_ROWS_VANISH,      /* TRUNCATE, DROP, REORGANIZE PARTITION, DISCARD TABLESPACE: without row events */
    DDL_ROWS_APPEAR,      /* EXCHANGE PARTITION, CONVERT TABLE, IMPORT TABLESPACE: likewise */
};
/* clang-format on */

struct ddl_action {
    enum ddl_action_kind kind;
    bool maybe; /* IF EXISTS, IF NOT EXISTS of this action */
    bool default_charset;
    enum ddl_place place;
    struct slice after;
    struct slice name;
    struct slice new_name;
    struct slice charset;
    struct slice collation;
    struct ddl_column *column;
    struct ddl_key *key;
};

/* What a statement is about. Names without a database have the default one's. */
struct ddl_object {
    struct slice database;
    struct slice name;         /* databases: empty */
    struct slice new_database; /* renames, ALTER TABLE .. RENAME TO: its name behind; else empty */
    struct slice new_name;
    struct slice table; /* triggers and indexes: their table, in database; DROP TRIGGER: empty */
};

/*
 * Where things stand in the text, in the order in which they were read: for
 * writing the statement anew under other names (schema/ddl_rewrite.h).
 */
enum ddl_mark_kind {
    DDL_MARK_TABLE,      /* [database.]name, quotes and all */
    DDL_MARK_DATABASE,   /* the name of a database alone */
    DDL_MARK_COLUMN,     /* name: of a column of the first object */
    DDL_MARK_EXPRESSION, /* brackets in which columns of it may be named */
    DDL_MARK_PLACE,      /* AFTER column */
    DDL_MARK_CLAUSE, /* of a column's definition: what it may do without (GENERATED AS, CHECK) */
    DDL_MARK_ITEM,   /* of a list: a column or key of CREATE TABLE, an action of ALTER TABLE */
    DDL_MARK_NESTED, /* one of ADD (a INT, b INT), within its item */
};

struct ddl_mark {
    enum ddl_mark_kind kind;
    bool qualified; /* DDL_MARK_TABLE: the database stands there */
    bool defines;   /* DDL_MARK_ITEM, DDL_MARK_NESTED: a column, not a key, is defined or added */
    uint32_t from;  /* offsets in sql */
    uint32_t to;
    struct slice database;
    struct slice name;
};

#define DDL_MARKS_MAX   400000
#define DDL_OBJECTS_MAX 100000
#define DDL_ACTIONS_MAX 8192
#define DDL_MEMBERS_MAX 65535

struct ddl_statement {
    enum ddl_kind kind;
    enum ddl_class class;
    struct slice sql; /* the whole text */
    struct ddl_options options;
    bool parsed;    /* false: objects and actions may lack something */
    bool temporary; /* CREATE, DROP TEMPORARY TABLE: no row of it is ever in the binlog */
    bool or_replace;
    bool if_exists;
    bool if_not_exists;
    bool as_select; /* CREATE TABLE .. SELECT: has columns beyond those of the actions */
    bool versioned; /* WITH SYSTEM VERSIONING of the table */
    bool sequence;  /* MariaDB: SEQUENCE=1 of the table */
    bool exchanges; /* EXCHANGE PARTITION: with the second object */
    struct slice like_database; /* CREATE TABLE .. LIKE */
    struct slice like_name;     /* len 0: no LIKE */
    uint32_t object_count;
    struct ddl_object *objects; /* CREATE TABLE, ALTER TABLE, indexes: the table is the first. ALTER
                                   TABLE: the table that a partition is exchanged with the second */
    uint32_t action_count;
    uint32_t mark_count;
    struct ddl_mark *marks;
    struct ddl_action *actions; /* CREATE TABLE, ALTER TABLE, CREATE INDEX, DROP INDEX (one each);
                                   CREATE and ALTER DATABASE: DDL_SET_CHARSET */
};

/*
 * Takes a statement apart. *out is filled in any case.
 *
 * ERR_MALFORMED: no statement that this reader understands; kind, class and
 * the objects up to there are told, parsed is false. ERR_TOO_LARGE: more
 * objects or actions than the limits above; the same. ERR_NO_MEMORY.
 *
 * Statements that are no DDL are ERR_OK with DDL_NONE, after a look at their
 * first words and without an allocation. MariaDB's SET STATEMENT .. FOR is
 * what follows it.
 */
NODISCARD enum err ddl_parse(struct slice sql, const struct ddl_options *o, struct arena *a,
                             struct ddl_statement *out);

/* "CREATE TABLE", "ALTER TABLE", ...; "" for DDL_NONE */
const char *ddl_kind_name(enum ddl_kind kind);

/*
 * Whether the statement may change what `database`.`table` is (name, columns,
 * keys), or which rows it has without row events telling. Never false when it
 * does. A statement that was not understood may, if the table's name stands
 * anywhere in it; so may one that replaces or drops the whole database.
 */
bool ddl_may_concern(const struct ddl_statement *st, struct slice database, struct slice table);
