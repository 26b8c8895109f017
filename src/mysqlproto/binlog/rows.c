#include "mysqlproto/binlog/rows.h"

#include "mysqlproto/binlog/table_map.h"

/* What a type code says about layout. */
struct rows_kind {
    enum binlog_rows_op op;
    uint8_t version;
    bool compressed;
    bool partial;
};

static struct rows_kind kind_of(uint8_t type)
{
    if (type == BINLOG_PARTIAL_UPDATE_ROWS)
        return (struct rows_kind){.op = BINLOG_ROWS_UPDATE, .version = 2, .partial = true};
    uint8_t first = type >= BINLOG_WRITE_ROWS_COMPRESSED_V2   ? BINLOG_WRITE_ROWS_COMPRESSED_V2
                    : type >= BINLOG_WRITE_ROWS_COMPRESSED_V1 ? BINLOG_WRITE_ROWS_COMPRESSED_V1
                    : type >= BINLOG_WRITE_ROWS_V2            ? BINLOG_WRITE_ROWS_V2
                    : type >= BINLOG_WRITE_ROWS_V1            ? BINLOG_WRITE_ROWS_V1
                                                              : BINLOG_WRITE_ROWS_V0;
    struct rows_kind k = {.op = (enum binlog_rows_op)(type - first)};
    k.compressed = first >= BINLOG_WRITE_ROWS_COMPRESSED_V1;
    k.version = first == BINLOG_WRITE_ROWS_V0                                               ? 0
                : first == BINLOG_WRITE_ROWS_V2 || first == BINLOG_WRITE_ROWS_COMPRESSED_V2 ? 2
                                                                                            : 1;
    return k;
}

/* The bitmap as sent, or the one address that stands for all columns. */
static const uint8_t *bitmap(struct reader *r, uint32_t width)
{
    uint32_t n = (width + 7) / 8;
    struct slice s = reader_take(r, n);
    if (s.len < n)
        return NULL;
    bool all = true;
    for (uint32_t i = 0; i < width / 8; i++)
        all &= s.ptr[i] == 0xFF;
    uint8_t mask = (uint8_t)(0xFF >> (n * 8 - width));
    return all && (s.ptr[n - 1] & mask) == mask ? row_all_present : s.ptr;
}

/*
 * table id 6 (or 4), flags 2, and in version 2: u16 length of the extra data,
 * itself included. The extra data is about NDB or partitions and changes
 * nothing for rows.
 */
static void post_header(struct reader *r, const struct binlog_format *f, uint8_t type,
                        uint8_t version, struct binlog_rows *ev)
{
    uint8_t listed = f->post_header_len[type];
    uint8_t known = version == 2 ? 10 : 8;
    ev->table_id = listed == 6 ? reader_u32(r) : reader_u48(r);
    ev->flags = reader_u16(r);
    uint16_t extra = version == 2 ? reader_u16(r) : 2;
    if (listed > known)
        reader_skip(r, listed - known);
    if (r->err == ERR_OK && extra < 2)
        reader_fail(r, ERR_MALFORMED);
    else
        ev->extra = reader_take(r, extra - 2u);
}

enum err binlog_rows_parse(const struct binlog_format *f, const struct binlog_event *event,
                           struct binlog_rows *out)
{
    uint8_t type = event->header.type;
    struct rows_kind k = kind_of(type);
    struct binlog_rows ev = {.op = k.op,
                             .partial = k.partial,
                             .compressed = k.compressed,
                             .bitmaps = SLICE_LIT(""),
                             .extra = SLICE_LIT("")};
    struct reader r = reader_of(event->body);
    post_header(&r, f, type, k.version, &ev);
    ev.dummy = ev.table_id == BINLOG_TABLE_ID_DUMMY_32 || ev.table_id == BINLOG_TABLE_ID_DUMMY_48;
    uint64_t width = reader_lenenc(&r);
    TRY(reader_finish(&r));
    if (width > BINLOG_COLUMNS_MAX || (width == 0 && !ev.dummy))
        return ERR_MALFORMED;
    ev.width = (uint32_t)width;
    const uint8_t *from = r.p;
    if (width > 0) {
        const uint8_t *first = bitmap(&r, ev.width);
        ev.before = k.op == BINLOG_ROWS_WRITE ? NULL : first;
        ev.after = k.op == BINLOG_ROWS_DELETE ? NULL : first;
        if (k.op == BINLOG_ROWS_UPDATE && k.version > 0)
            ev.after = bitmap(&r, ev.width);
        TRY(reader_finish(&r));
    }
    ev.bitmaps = slice_of(from, (size_t)(r.p - from));
    ev.rows = reader_rest(&r);
    *out = ev;
    return reader_finish(&r);
}

/* Between the images of a partial update: lenenc options, and with bit 1 one bit a JSON column. */
static enum err partial_options(const struct row_plan *p, struct reader *r, const uint8_t **bits)
{
    uint64_t options = reader_lenenc(r);
    TRY(reader_finish(r));
    if (options > 1)
        return ERR_UNSUPPORTED;
    *bits = NULL;
    if (options & 1)
        *bits = reader_take(r, (row_plan_json_count(p) + 7) / 8).ptr;
    return reader_finish(r);
}

static enum err image(const struct row_plan *p, const uint8_t *present, struct reader *r,
                      struct slice *out)
{
    const uint8_t *from = r->p;
    TRY(row_skip(p, present, r));
    *out = slice_of(from, (size_t)(r->p - from));
    return ERR_OK;
}

enum err binlog_rows_next(const struct binlog_rows *ev, const struct row_plan *p, struct reader *r,
                          struct binlog_row *out)
{
    if (ev->width != row_plan_width(p))
        return ERR_TABLE_MISMATCH;
    const uint8_t *from = r->p;
    struct binlog_row row = {SLICE_LIT(""), SLICE_LIT(""), NULL};
    if (ev->before != NULL)
        TRY(image(p, ev->before, r, &row.before));
    if (ev->partial)
        TRY(partial_options(p, r, &row.json_diff));
    if (ev->after != NULL)
        TRY(image(p, ev->after, r, &row.after));
    if (r->p == from)
        return ERR_MALFORMED; /* images of no columns never end */
    *out = row;
    return ERR_OK;
}
