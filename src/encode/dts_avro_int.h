/*
 * What the files of dts_avro_*.c share: the constant parts of a table and the
 * state of a lane's encoder.
 *
 * While a row is written the position is a bare pointer p. Room for all values
 * of bounded length and all constants of the row (dts_avro_table.fixed) is
 * made at its start; a value of unbounded length makes its own with
 * avro_room(), which keeps that much free behind it. So bounded values never
 * check. A function that puts something returns the new p, or NULL with
 * enc->err set.
 */
#pragma once

#include "encode/avro.h"
#include "encode/constant.h"
#include "encode/dts_avro.h"

struct avro_column;

typedef uint8_t *avro_put_fn(struct dts_avro *enc, const struct avro_column *ac,
                             const struct cell *cell, uint8_t *p);

struct avro_column {
    avro_put_fn *put;    /* for cells of `kind` */
    enum cell_kind kind; /* what cells of this column are unless NULL or absent */
    uint16_t index;      /* of the column in the table */
    int16_t type_number; /* dataTypeNumber */
    struct slice
        lead; /* union branch and what else stands before every value; ENCODE_COPY readable */
    const struct column *column;
    const char *source_name;    /* for messages */
    uint32_t label_count;       /* ENUM: with the empty one; SET: members */
    const struct slice *labels; /* ENUM: by index, with length; SET: by bit, the bare text */
    size_t room;                /* the longest value, if that is bounded */
};

struct dts_avro_table {
    struct arena *arena;
    const struct table *table;
    uint32_t column_count; /* those that are sent */
    struct avro_column *columns;
    size_t fixed; /* worst case of a row without its unbounded values */
    /* The constants between the parts, in order; each with ENCODE_COPY readable bytes behind it. */
    struct slice front;   /* frame and version */
    struct slice head[4]; /* from sourceTxid to the count of tags, by enum change_op */
    struct slice tags;    /* tags up to the value of readerThroughoutTime */
    struct slice fields;  /* the list of fields */
    struct slice images;  /* union branch and count before the values of an image */
};

struct dts_avro {
    struct writer *w;   /* where the current row goes; its len is not kept up to date */
    const uint8_t *end; /* of w's memory */
    size_t fixed;       /* of the current table */
    enum err err;       /* why something was NULL */
    const struct avro_column *failed;
    struct writer document; /* the text of a JSON column */
    struct writer spare;    /* a row that might fit exactly */
};

/* Branches of the union of image values, as they stand on the wire. */
enum {
    AVRO_NULL = 0,
    AVRO_INTEGER = 1 << 1,
    AVRO_CHARACTER = 2 << 1,
    AVRO_DECIMAL = 3 << 1,
    AVRO_FLOAT = 4 << 1,
    AVRO_TIMESTAMP = 5 << 1,
    AVRO_DATETIME = 6 << 1,
    AVRO_GEOMETRY = 8 << 1,
    AVRO_BINARY_OBJECT = 10 << 1,
    AVRO_TEXT_OBJECT = 11 << 1,
    AVRO_EMPTY_OBJECT = 12 << 1,
};

/* Values of Record.operation, as they stand on the wire. */
enum {
    AVRO_OP_INSERT = 0,
    AVRO_OP_UPDATE = 1 << 1,
    AVRO_OP_DELETE = 2 << 1,
    AVRO_OP_DDL = 3 << 1,
    AVRO_OP_BEGIN = 4 << 1,
    AVRO_OP_COMMIT = 5 << 1,
    AVRO_OP_INIT = 16 << 1,
};

static inline uint8_t *avro_fail(struct dts_avro *enc, enum err e)
{
    enc->err = e;
    return NULL;
}

/* Slow path of avro_room(). */
uint8_t *avro_more_room(struct dts_avro *enc, uint8_t *p, size_t n);

/* Makes room for n bytes and, behind them, the bounded rest of the row. The memory may move. */
static inline uint8_t *avro_room(struct dts_avro *enc, uint8_t *p, size_t n)
{
    if (__builtin_expect((size_t)(enc->end - p) >= n + enc->fixed, 1))
        return p;
    return avro_more_room(enc, p, n);
}

/* The string "offset@file" with its length; at most AVRO_PLACE_MAX bytes. */
#define AVRO_PLACE_MAX 42
uint8_t *avro_place(uint8_t *p, uint64_t file, uint64_t offset);

/* How a column is written. False: labels that are no UTF-8, or no memory in a (which says so). */
bool avro_column_init(struct avro_column *ac, const struct column *col, struct arena *a);

/* A cell that is not of the column's kind: NULL, absent, or what result sets show as text. */
uint8_t *avro_put_other(struct dts_avro *enc, const struct avro_column *ac, const struct cell *cell,
                        uint8_t *p);

/*
 * What follows positions in a record, up to processTimestamps: sourceTxid,
 * source, operation (AVRO_OP_*), objectName (len 0: null).
 */
void avro_put_head(struct writer *w, struct slice server_version, uint8_t operation,
                   struct slice object_name);

/* Database and table (len 0: none) as one name: dots inside them become \u002E. */
void avro_object_name(struct writer *w, struct slice database, struct slice table);

/* Numbers and texts into a writer, for what is built once or rarely. */
void avro_put_long(struct writer *w, int64_t v);
void avro_put_string(struct writer *w, struct slice s);
