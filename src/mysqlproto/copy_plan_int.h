/* What a copy plan is made of: between copy_plan.c and copy_row.c. */
#pragma once

#include "mysqlproto/copy_plan.h"

/* How to read one value. Dense, so that the switch over it is a jump table. */
enum copy_code {
    COPY_I8,
    COPY_U8,
    COPY_I16,
    COPY_U16,
    COPY_I32,
    COPY_U32,
    COPY_I64,
    COPY_U64,
    COPY_F32,
    COPY_F64,
    /* From here on a length goes before the bytes. */
    COPY_DATE,
    COPY_DATETIME,
    COPY_TIME,
    COPY_TIMESTAMP,
    COPY_DECIMAL,
    COPY_BIT,
    COPY_BYTES,
    COPY_PADDED,
    COPY_TEXT,
};

struct copy_op {
    uint8_t code;      /* enum copy_code */
    uint8_t size;      /* bytes of the value, or 1 for those with a length */
    uint8_t precision; /* DECIMAL */
    uint8_t scale;
    uint16_t column; /* of the table */
    uint16_t pad;    /* COPY_PADDED: the full length; DECIMAL: that of the packed form */
    /*
     * At the first value of a run of values of fixed size: bytes of the run and
     * of the length byte after it, for rows without NULLs; 0 inside the run.
     */
    uint32_t need;
    /* What the result has to say of it. */
    uint8_t family; /* enum copy_family */
    bool is_unsigned;
    uint8_t fsp;
    const struct charset *charset; /* text; else NULL */
};

struct copy_plan {
    uint32_t width;     /* columns of the table */
    uint32_t count;     /* columns of the result */
    uint32_t nulls_len; /* bytes of the NULL bitmap */
    uint32_t absent_count;
    uint16_t *absent; /* columns of the table that are not read */
    uint16_t *place;  /* per column of the table: its place in the result; UINT16_MAX: none */
    struct copy_op *ops;
};

#define COPY_NULL_BIT_OFFSET 2 /* "Binary Protocol Resultset Row", MySQL source docs */
