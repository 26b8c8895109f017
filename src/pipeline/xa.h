/*
 * XA groups that are prepared and wait for their XA COMMIT.
 *
 * Their rows are not kept: the group stays in the source's binlog, and is read
 * again from where it began when its commit comes. So the list is short, and
 * travels with every position into the checkpoint.
 *
 * Not thread-safe; plain values.
 */
#pragma once

#include "mysqlproto/binlog/xid.h"
#include "pipeline/position.h"

struct xa_group {
    struct binlog_xid xid;
    struct position before; /* the boundary in front of the group */
    bool wanted;            /* it has rows of selected tables */
    bool here; /* before.file and before.offset are places of the server that is followed */
};

struct xa_list {
    uint32_t count;
    uint32_t cap;
    struct xa_group *items;
};

void xa_list_fini(struct xa_list *l);
NODISCARD enum err xa_list_copy(struct xa_list *to, const struct xa_list *from);

/* Replaces a group with the same xid. It is not `here`, and neither are copies. */
NODISCARD enum err xa_list_add(struct xa_list *l, const struct binlog_xid *xid,
                               const struct position *before, bool wanted);

/* NULL: not in the list. Valid until the list changes. */
const struct xa_group *xa_list_find(const struct xa_list *l, const struct binlog_xid *xid);
void xa_list_remove(struct xa_list *l, const struct binlog_xid *xid);

/* The bytes that stand for an xid in the checkpoint: format id, both lengths, data. */
#define XA_KEY_MAX (6 + 2 * BINLOG_XID_PART_MAX)
size_t xa_key_write(const struct binlog_xid *xid, uint8_t key[XA_KEY_MAX]);
NODISCARD enum err xa_key_read(struct slice key, struct binlog_xid *xid);

/* "X'6162',X'',1", as the server writes it. */
const char *xa_xid_text(const struct binlog_xid *xid, char *buf, size_t cap);
