/* The identifier of an XA transaction, as XA_PREPARE events and XA statements carry it. */
#pragma once

#include "base/slice.h"

#define BINLOG_XID_PART_MAX 64u

struct binlog_xid {
    uint32_t format_id;
    uint8_t gtrid_len;                     /* at most BINLOG_XID_PART_MAX */
    uint8_t bqual_len;                     /* the same */
    uint8_t data[2 * BINLOG_XID_PART_MAX]; /* gtrid, bqual */
};

static inline bool binlog_xid_eq(const struct binlog_xid *a, const struct binlog_xid *b)
{
    return a->format_id == b->format_id && a->gtrid_len == b->gtrid_len &&
           a->bqual_len == b->bqual_len &&
           memcmp(a->data, b->data, (size_t)a->gtrid_len + a->bqual_len) == 0;
}
