/*
 * What the files of canal_*.c share: the constant parts of a table, the state
 * of a lane's encoder, and how a value is put behind the ones before it.
 *
 * While a row is written the position is a bare pointer p. Room for all values
 * of bounded length and all constants of the row (canal_table.fixed) is made
 * at its start; a value of unbounded length makes its own with canal_room(),
 * which keeps that much free behind it. So bounded values never check. A
 * function that puts something returns the new p, or NULL with enc->err set.
 */
#pragma once

#include "encode/canal_json.h"
#include "encode/constant.h"
#include "encode/json_escape.h"

struct canal_column;

typedef uint8_t *canal_put_fn(struct canal_json *enc, const struct canal_column *cc,
                              const struct cell *cell, uint8_t *p);

struct canal_column {
    canal_put_fn *put;   /* for cells of `kind` */
    enum cell_kind kind; /* what cells of this column are unless NULL or absent */
    uint16_t index;      /* of the column in the table */
    struct slice name;   /* ,"name":  with ENCODE_COPY readable bytes behind it */
    const struct column *column;
    const char *source_name;    /* for messages */
    uint32_t label_count;       /* ENUM: with the empty one; SET: members */
    const struct slice *labels; /* escaped; ENUM: by index, with quotes; SET: by bit, without */
    size_t room;                /* the longest value, if that is bounded */
};

struct canal_table {
    struct arena *arena;
    const struct table *table;
    uint32_t column_count; /* those that are sent */
    struct canal_column *columns;
    size_t fixed; /* worst case of a row without its unbounded values */
    /* The constants between the parts, in order; each with ENCODE_COPY readable bytes behind it. */
    struct slice after_data;   /* ],"database":...,"es": */
    struct slice insert_rest;  /* from ,"isDdl" to "ts": with "old":null */
    struct slice delete_rest;  /* the same without "old" */
    struct slice update_types; /* from ,"isDdl" to "old":[ */
    struct slice update_rest;  /* from ],"pkNames" to "ts": */
    struct slice tail[4];      /* ,"type":"..."}  by enum change_op */
};

struct canal_json {
    const struct json_escape *escape;
    struct canal_options options;
    const struct zone *zone;
    struct writer *w;   /* where the current row goes; its len is not kept up to date */
    const uint8_t *end; /* of w's memory */
    size_t fixed;       /* of the current table */
    enum err err;       /* why something was NULL */
    const struct canal_column *failed;
    uint64_t replaced;
    struct writer document; /* the text of a JSON column */
    struct writer scratch;  /* text converted to UTF-8 */
    struct writer spare;    /* a row that might fit exactly */
};

/* A text is escaped in pieces of this size at most, so that no more than six times that is spare.
 */
#define CANAL_PIECE 4096

static inline uint8_t *canal_fail(struct canal_json *enc, enum err e)
{
    enc->err = e;
    return NULL;
}

/* Slow path of canal_room(). */
uint8_t *canal_more_room(struct canal_json *enc, uint8_t *p, size_t n);

/* Makes room for n bytes and, behind them, the bounded rest of the row. The memory may move. */
static inline uint8_t *canal_room(struct canal_json *enc, uint8_t *p, size_t n)
{
    if (__builtin_expect((size_t)(enc->end - p) >= n + enc->fixed, 1))
        return p;
    return canal_more_room(enc, p, n);
}

/* How a column is written, from its type and the options. False: labels that are no UTF-8, or
 * no memory in a (which says so). */
bool canal_column_init(struct canal_column *cc, const struct column *col,
                       const struct canal_options *o, struct arena *a);

/* A cell that is not of the column's kind: NULL, or what result sets show as finished text. */
uint8_t *canal_put_other(struct canal_json *enc, const struct canal_column *cc,
                         const struct cell *cell, uint8_t *p);
