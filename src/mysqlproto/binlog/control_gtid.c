/* GTID events of MySQL and MariaDB: what opens a group, under which name. */
#include "mysqlproto/binlog/control.h"

#include "base/reader.h"

#define LOGICAL_CLOCK            2
#define COMMIT_TIME_HAS_ORIGINAL (UINT64_C(1) << 55)
#define VERSION_HAS_ORIGINAL     UINT32_C(0x80000000)

/* Microseconds in 7 bytes; the top bit says that the time at the first server follows. */
static void commit_times(struct reader *r, struct binlog_gtid *g)
{
    struct slice s = reader_take(r, 7);
    if (s.len < 7)
        return;
    uint64_t t = load_le(s.ptr, 7);
    g->immediate_us = t & ~COMMIT_TIME_HAS_ORIGINAL;
    g->original_us = g->immediate_us;
    if (t & COMMIT_TIME_HAS_ORIGINAL) {
        s = reader_take(r, 7);
        g->original_us = s.len == 7 ? load_le(s.ptr, 7) : 0;
        g->has_original_us = true;
    }
}

static void server_versions(struct reader *r, struct binlog_gtid *g)
{
    uint32_t v = reader_u32(r);
    g->immediate_version = v & ~VERSION_HAS_ORIGINAL;
    g->original_version = g->immediate_version;
    if (v & VERSION_HAS_ORIGINAL) {
        g->original_version = reader_u32(r);
        g->has_original_version = true;
    }
}

/*
 * flags 1, uuid 16, gno 8; what later versions appended, each part only if
 * bytes are left: clock 1 + 8 + 8, commit times, transaction length, server
 * versions, ticket ("Gtid_event", control_events.h).
 */
static enum err gtid_untagged(const struct binlog_event *ev, struct binlog_gtid *out)
{
    struct binlog_gtid g = {.anonymous = ev->header.type == BINLOG_ANONYMOUS_GTID};
    struct reader r = reader_of(ev->body);
    g.flags = reader_u8(&r);
    struct slice uuid = reader_take(&r, MY_UUID_LEN);
    g.gtid.gno = reader_u64(&r);
    TRY(reader_finish(&r));
    memcpy(g.gtid.uuid, uuid.ptr, MY_UUID_LEN);
    if (!g.anonymous && (g.gtid.gno == 0 || g.gtid.gno > MY_GNO_MAX))
        return ERR_MALFORMED;
    if (reader_left(&r) > 0 && reader_u8(&r) == LOGICAL_CLOCK) {
        g.has_clock = true;
        g.last_committed = (int64_t)reader_u64(&r);
        g.sequence_number = (int64_t)reader_u64(&r);
        if (reader_left(&r) > 0)
            commit_times(&r, &g);
        if (reader_left(&r) > 0)
            g.transaction_len = reader_lenenc(&r);
        if (reader_left(&r) > 0)
            server_versions(&r, &g);
        g.has_ticket = reader_left(&r) > 0;
        if (g.has_ticket)
            g.ticket = reader_u64(&r);
    }
    TRY(reader_finish(&r));
    *out = g;
    return ERR_OK;
}

uint64_t binlog_varint(struct reader *r)
{
    if (!reader_need(r, 1))
        return 0;
    uint8_t first = *r->p;
    unsigned ones = first == 0xFF ? 8 : (unsigned)__builtin_ctz(~(unsigned)first);
    unsigned size = ones + 1;
    if (!reader_need(r, size))
        return 0;
    uint64_t v = ones == 8 ? load_le64(r->p + 1) : load_le(r->p, size) >> size;
    r->p += size;
    return v;
}

int64_t binlog_varint_signed(struct reader *r)
{
    uint64_t v = binlog_varint(r);
    int64_t half = (int64_t)(v >> 1);
    return v & 1 ? -half - 1 : half;
}

/* The fields of GTID_TAGGED, by id. */
enum tagged_field {
    TAGGED_FLAGS,
    TAGGED_UUID,
    TAGGED_GNO,
    TAGGED_TAG,
    TAGGED_LAST_COMMITTED,
    TAGGED_SEQUENCE_NUMBER,
    TAGGED_IMMEDIATE_TIME,
    TAGGED_ORIGINAL_TIME,
    TAGGED_TRANSACTION_LEN,
    TAGGED_IMMEDIATE_VERSION,
    TAGGED_ORIGINAL_VERSION,
    TAGGED_TICKET,
    TAGGED_COUNT
};

static void tagged_uuid(struct reader *r, struct my_gtid *g)
{
    for (unsigned i = 0; i < MY_UUID_LEN; i++) {
        uint64_t byte = binlog_varint(r);
        if (byte > 0xFF)
            reader_fail(r, ERR_MALFORMED);
        g->uuid[i] = (uint8_t)byte;
    }
}

static void tagged_tag(struct reader *r, struct my_gtid *g)
{
    uint64_t n = binlog_varint(r);
    if (n > MY_GTID_TAG_MAX) {
        reader_fail(r, ERR_MALFORMED);
        return;
    }
    struct slice tag = reader_take(r, (size_t)n);
    if (r->err == ERR_OK && my_tag_parse(tag, g->tag, &g->tag_len) != ERR_OK)
        reader_fail(r, ERR_MALFORMED);
}

static uint64_t varint_max(struct reader *r, uint64_t max)
{
    uint64_t v = binlog_varint(r);
    if (v > max)
        reader_fail(r, ERR_MALFORMED);
    return v;
}

static void tagged_field(struct reader *r, enum tagged_field field, struct binlog_gtid *g)
{
    switch (field) {
    case TAGGED_FLAGS:
        g->flags = (uint8_t)varint_max(r, 0xFF);
        break;
    case TAGGED_UUID:
        tagged_uuid(r, &g->gtid);
        break;
    case TAGGED_GNO:
        g->gtid.gno = (uint64_t)binlog_varint_signed(r);
        break;
    case TAGGED_TAG:
        tagged_tag(r, &g->gtid);
        break;
    case TAGGED_LAST_COMMITTED:
        g->has_clock = true;
        g->last_committed = binlog_varint_signed(r);
        break;
    case TAGGED_SEQUENCE_NUMBER:
        g->sequence_number = binlog_varint_signed(r);
        break;
    case TAGGED_IMMEDIATE_TIME:
        g->immediate_us = binlog_varint(r);
        break;
    case TAGGED_ORIGINAL_TIME:
        g->has_original_us = true;
        g->original_us = binlog_varint(r);
        break;
    case TAGGED_TRANSACTION_LEN:
        g->transaction_len = binlog_varint(r);
        break;
    case TAGGED_IMMEDIATE_VERSION:
        g->immediate_version = (uint32_t)varint_max(r, UINT32_MAX);
        break;
    case TAGGED_ORIGINAL_VERSION:
        g->has_original_version = true;
        g->original_version = (uint32_t)varint_max(r, UINT32_MAX);
        break;
    case TAGGED_TICKET:
        g->has_ticket = true;
        g->ticket = binlog_varint(r);
        break;
    case TAGGED_COUNT:
        break;
    }
}

/* Fields in ascending order of their ids, up to one that only a newer server knows. */
static enum err tagged_fields(struct reader *r, uint64_t last_needed, struct binlog_gtid *g)
{
    uint64_t next = 0; /* the lowest id that may come */
    while (reader_left(r) > 0) {
        uint64_t id = binlog_varint(r);
        TRY(reader_finish(r));
        if (id < next)
            return ERR_MALFORMED;
        if (id >= TAGGED_COUNT)
            return id < last_needed ? ERR_UNSUPPORTED : ERR_OK;
        next = id + 1;
        tagged_field(r, (enum tagged_field)id, g);
        TRY(reader_finish(r));
    }
    return ERR_OK;
}

/*
 * A message of the serialization framework (libs/mysql/serialization/readme.md):
 * version 1, bytes of the whole message, 1 + id of the last field that a
 * reader must know (0: none), then id and value of each field that is there.
 */
static enum err gtid_tagged(struct slice body, struct binlog_gtid *out)
{
    struct reader r = reader_of(body);
    uint64_t version = binlog_varint(&r);
    uint64_t size = binlog_varint(&r);
    TRY(reader_finish(&r));
    if (version != 1)
        return ERR_UNSUPPORTED;
    size_t head = body.len - reader_left(&r);
    if (size > body.len)
        return ERR_TRUNCATED;
    if (size < head)
        return ERR_MALFORMED;
    r.end = body.ptr + size;
    uint64_t last_needed = binlog_varint(&r);
    TRY(reader_finish(&r));
    struct binlog_gtid g = {0};
    TRY(tagged_fields(&r, last_needed, &g));
    if (g.gtid.gno == 0 || g.gtid.gno > MY_GNO_MAX)
        return ERR_MALFORMED;
    if (!g.has_original_us)
        g.original_us = g.immediate_us;
    if (!g.has_original_version)
        g.original_version = g.immediate_version;
    *out = g;
    return ERR_OK;
}

enum err binlog_gtid_parse(const struct binlog_event *ev, struct binlog_gtid *out)
{
    return ev->header.type == BINLOG_GTID_TAGGED ? gtid_tagged(ev->body, out)
                                                 : gtid_untagged(ev, out);
}

static void maria_xid(struct reader *r, struct binlog_xid *xid)
{
    xid->format_id = reader_u32(r);
    uint8_t gtrid_len = reader_u8(r);
    uint8_t bqual_len = reader_u8(r);
    if (gtrid_len > BINLOG_XID_PART_MAX || bqual_len > BINLOG_XID_PART_MAX) {
        reader_fail(r, ERR_MALFORMED);
        return;
    }
    struct slice data = reader_take(r, (size_t)gtrid_len + bqual_len);
    xid->gtrid_len = gtrid_len;
    xid->bqual_len = bqual_len;
    memcpy(xid->data, data.ptr, data.len);
}

/* What follows the fixed fields; zero padding reads as no flags. */
static void maria_extra(struct reader *r, struct binlog_maria_gtid *g)
{
    if (reader_left(r) == 0)
        return;
    g->flags_extra = reader_u8(r);
    if (g->flags_extra & BINLOG_MARIA_EXTRA_MULTI_ENGINE)
        g->extra_engines = reader_u8(r);
    if (g->flags_extra & (BINLOG_MARIA_EXTRA_COMMIT_ALTER | BINLOG_MARIA_EXTRA_ROLLBACK_ALTER))
        g->alter_sequence = reader_u64(r);
    if (g->flags_extra & BINLOG_MARIA_EXTRA_THREAD_ID)
        g->thread_id = reader_u32(r);
}

/* u64 sequence, u32 domain, u8 flags, then by flags ("Gtid_log_event", MariaDB sql/log_event.h) */
enum err binlog_maria_gtid_parse(const struct binlog_event *ev, struct binlog_maria_gtid *out)
{
    struct binlog_maria_gtid g = {0};
    struct reader r = reader_of(ev->body);
    g.gtid.sequence = reader_u64(&r);
    g.gtid.domain = reader_u32(&r);
    g.gtid.server_id = ev->header.server_id;
    g.flags = reader_u8(&r);
    if (g.flags & BINLOG_MARIA_GROUP_COMMIT_ID)
        g.commit_id = reader_u64(&r);
    if (g.flags & (BINLOG_MARIA_PREPARED_XA | BINLOG_MARIA_COMPLETED_XA))
        maria_xid(&r, &g.xid);
    TRY(reader_finish(&r));
    g.extra = slice_of(r.p, reader_left(&r));
    maria_extra(&r, &g);
    TRY(reader_finish(&r));
    *out = g;
    return ERR_OK;
}

/* u32 count and flags, count x (u32 domain, u32 server id, u64 sequence) */
enum err binlog_maria_list_parse(struct slice body, struct binlog_maria_list *out)
{
    struct reader r = reader_of(body);
    uint32_t head = reader_u32(&r);
    uint32_t count = head & UINT32_C(0x0FFFFFFF);
    struct slice entries = reader_take(&r, (size_t)count * 16);
    TRY(reader_finish(&r));
    *out = (struct binlog_maria_list){.flags = head & UINT32_C(0xF0000000),
                                      .count = count,
                                      .entries = entries,
                                      .rest = reader_rest(&r)};
    return ERR_OK;
}

struct maria_gtid binlog_maria_list_get(const struct binlog_maria_list *l, uint32_t i)
{
    const uint8_t *p = l->entries.ptr + (size_t)i * 16;
    return (struct maria_gtid){
        .domain = load_le32(p), .server_id = load_le32(p + 4), .sequence = load_le64(p + 8)};
}
