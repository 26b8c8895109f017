/*
 * What a server answers to a command: OK, ERR and EOF packets, column
 * definitions, text rows. (Binary rows: copy_plan.h.)
 *
 * All parsers take one packet's payload (packet.h) and hand out slices of it;
 * none of them allocates. "MySQL Source Code Documentation", pages "OK_Packet",
 * "ERR_Packet", "EOF_Packet", "Column Definition"; MariaDB's extended metadata:
 * "Column definition packet" of its protocol reference.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

#define MY_COLUMNS_MAX 4096 /* the server's MAX_FIELDS */

/* Status flags of OK and EOF packets. */
#define MY_STATUS_IN_TRANSACTION       0x0001
#define MY_STATUS_AUTOCOMMIT           0x0002
#define MY_STATUS_MORE_RESULTS         0x0008
#define MY_STATUS_CURSOR               0x0040
#define MY_STATUS_LAST_ROW             0x0080
#define MY_STATUS_NO_BACKSLASH_ESCAPES 0x0200
#define MY_STATUS_STATE_CHANGED        0x4000

struct my_ok {
    uint64_t affected_rows;
    uint64_t last_insert_id;
    uint16_t status;
    uint16_t warnings;
    struct slice info;
    struct slice tracked; /* session track entries, for my_track_next(); len 0: none */
};

struct my_error {
    uint16_t code;
    char sqlstate[6]; /* "42000"; "" before the login */
    struct slice message;
};

/* capabilities: what the connection agreed on (capability.h). */
NODISCARD enum err my_ok_parse(struct slice payload, uint64_t capabilities, struct my_ok *out);
NODISCARD enum err my_error_parse(struct slice payload, struct my_error *out);

/* A packet that ends a group of definitions or rows: an EOF packet, or an OK with header 0xFE. */
bool my_is_eof(struct slice payload, uint64_t capabilities);
NODISCARD enum err my_eof_parse(struct slice payload, uint64_t capabilities, struct my_ok *out);

/* What went wrong in terms of this program: one table of server codes. */
enum err my_error_class(const struct my_error *e);

enum my_track_type {
    MY_TRACK_VARIABLE,
    MY_TRACK_SCHEMA,
    MY_TRACK_STATE,
    MY_TRACK_GTIDS,
    MY_TRACK_TRANSACTION,
    MY_TRACK_TRANSACTION_STATE,
};

struct my_track {
    uint8_t type;       /* enum my_track_type, or one that is not known here */
    struct slice data;  /* raw */
    struct slice name;  /* MY_TRACK_VARIABLE */
    struct slice value; /* MY_TRACK_VARIABLE, _SCHEMA, _GTIDS: the text */
};

/* Takes the next entry off *entries. ERR_NEED_INPUT: there is none left. */
NODISCARD enum err my_track_next(struct slice *entries, struct my_track *out);

#define MY_COLUMN_NOT_NULL 0x0001
#define MY_COLUMN_PRIMARY  0x0002
#define MY_COLUMN_UNSIGNED 0x0020
#define MY_COLUMN_ZEROFILL 0x0040
#define MY_COLUMN_BINARY   0x0080
#define MY_COLUMN_ENUM     0x0100
#define MY_COLUMN_SET      0x0800

struct my_column {
    struct slice name;     /* alias */
    struct slice org_name; /* of the table's column; len 0: an expression */
    struct slice table;
    struct slice schema;
    struct slice type_name; /* MariaDB's extended metadata: "uuid", "inet6", "point"; else empty */
    struct slice format_name; /* the same: "json" */
    uint32_t length;          /* most bytes of a value */
    uint16_t collation;
    uint16_t flags;
    uint8_t type; /* enum my_type of schema/table_map.h */
    uint8_t decimals;
};

/* Slices point into payload. */
NODISCARD enum err my_column_parse(struct slice payload, uint64_t capabilities,
                                   struct my_column *out);

struct my_text_value {
    struct slice text; /* len 0 for NULL */
    bool is_null;
};

/* count values; the packet has to hold exactly so many. */
NODISCARD enum err my_text_row_parse(struct slice payload, uint32_t count,
                                     struct my_text_value *values);
