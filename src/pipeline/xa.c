#include "pipeline/xa.h"

#include "base/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void group_fini(struct xa_group *g)
{
    position_fini(&g->before);
}

void xa_list_fini(struct xa_list *l)
{
    for (uint32_t i = 0; i < l->count; i++)
        group_fini(&l->items[i]);
    free(l->items);
    *l = (struct xa_list){0};
}

enum err xa_list_copy(struct xa_list *to, const struct xa_list *from)
{
    xa_list_fini(to);
    for (uint32_t i = 0; i < from->count; i++) {
        const struct xa_group *g = &from->items[i];
        TRY(xa_list_add(to, &g->xid, &g->before, g->wanted));
    }
    return ERR_OK;
}

enum err xa_list_add(struct xa_list *l, const struct binlog_xid *xid, const struct position *before,
                     bool wanted)
{
    xa_list_remove(l, xid);
    if (l->count == l->cap) {
        uint32_t cap = l->cap == 0 ? 8 : l->cap * 2;
        struct xa_group *items = realloc(l->items, cap * sizeof(*items));
        if (items == NULL)
            return ERR_NO_MEMORY;
        l->items = items;
        l->cap = cap;
    }
    struct xa_group *g = &l->items[l->count];
    *g = (struct xa_group){.xid = *xid, .wanted = wanted};
    TRY(position_copy(&g->before, before));
    l->count++;
    return ERR_OK;
}

const struct xa_group *xa_list_find(const struct xa_list *l, const struct binlog_xid *xid)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (binlog_xid_eq(&l->items[i].xid, xid))
            return &l->items[i];
    return NULL;
}

void xa_list_remove(struct xa_list *l, const struct binlog_xid *xid)
{
    for (uint32_t i = 0; i < l->count; i++) {
        if (!binlog_xid_eq(&l->items[i].xid, xid))
            continue;
        group_fini(&l->items[i]);
        l->items[i] = l->items[--l->count];
        return;
    }
}

size_t xa_key_write(const struct binlog_xid *xid, uint8_t key[XA_KEY_MAX])
{
    for (int i = 0; i < 4; i++)
        key[i] = (uint8_t)(xid->format_id >> (8 * i));
    key[4] = xid->gtrid_len;
    key[5] = xid->bqual_len;
    size_t len = (size_t)xid->gtrid_len + xid->bqual_len;
    memcpy(key + 6, xid->data, len);
    return 6 + len;
}

enum err xa_key_read(struct slice key, struct binlog_xid *xid)
{
    struct reader r = reader_of(key);
    *xid = (struct binlog_xid){.format_id = reader_u32(&r)};
    xid->gtrid_len = reader_u8(&r);
    xid->bqual_len = reader_u8(&r);
    if (xid->gtrid_len > BINLOG_XID_PART_MAX || xid->bqual_len > BINLOG_XID_PART_MAX)
        return ERR_MALFORMED;
    struct slice data = reader_take(&r, (size_t)xid->gtrid_len + xid->bqual_len);
    TRY(reader_finish(&r));
    memcpy(xid->data, data.ptr, data.len);
    return reader_left(&r) == 0 ? ERR_OK : ERR_MALFORMED;
}

static size_t put_hex(char *buf, size_t cap, size_t n, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len && n + 3 < cap; i++)
        n += (size_t)snprintf(buf + n, cap - n, "%02x", p[i]);
    return n;
}

const char *xa_xid_text(const struct binlog_xid *xid, char *buf, size_t cap)
{
    size_t n = (size_t)snprintf(buf, cap, "X'");
    n = put_hex(buf, cap, n, xid->data, xid->gtrid_len);
    n += (size_t)snprintf(buf + n, cap - n, "',X'");
    if (n < cap)
        n = put_hex(buf, cap, n, xid->data + xid->gtrid_len, xid->bqual_len);
    if (n < cap)
        snprintf(buf + n, cap - n, "',%u", xid->format_id);
    return buf;
}
