/*
 * DTS Avro read back, by the schema of dts_avro_schema(). Nothing is copied
 * but what has to be put together as text.
 */
#include "base/number.h"
#include "base/reader.h"
#include "encode/message_int.h"
#include "schema/charset.h"

#include <stdio.h>

#define OPERATIONS 17
#define NUMBER_MAX 64 /* bytes of a text made of numbers */

static int64_t read_long(struct reader *r)
{
    uint64_t z = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t b = reader_u8(r);
        if (shift == 63 && b > 1)
            break;
        z |= (uint64_t)(b & 0x7F) << shift;
        if (b < 0x80)
            return (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
    }
    reader_fail(r, ERR_MALFORMED);
    return 0;
}

/* bytes, string */
static struct slice read_bytes(struct reader *r)
{
    int64_t n = read_long(r);
    if (n < 0 || (uint64_t)n > reader_left(r)) {
        reader_fail(r, ERR_MALFORMED);
        return SLICE_LIT("");
    }
    return reader_take(r, (size_t)n);
}

/* A union's branch or an enum's symbol, less than count. */
static uint32_t read_index(struct reader *r, uint32_t count)
{
    int64_t i = read_long(r);
    if (i < 0 || i >= (int64_t)count) {
        reader_fail(r, ERR_MALFORMED);
        return 0;
    }
    return (uint32_t)i;
}

/*
 * The items of an array's or map's next block; 0: it is over. A negative count
 * has the block's bytes behind it. No item is shorter than a byte.
 */
static uint64_t next_block(struct reader *r)
{
    int64_t n = read_long(r);
    if (n < 0) {
        (void)read_long(r);
        n = n == INT64_MIN ? INT64_MAX : -n;
    }
    if ((uint64_t)n > reader_left(r)) {
        reader_fail(r, ERR_MALFORMED);
        return 0;
    }
    return (uint64_t)n;
}

/* ---- values ---- */

struct parts {
    bool there[7];
    int64_t v[7]; /* year, month, day, hour, minute, second, microseconds */
};

static void read_datetime(struct reader *r, struct parts *p)
{
    for (unsigned i = 0; i < 7; i++) {
        p->there[i] = read_index(r, 2) == 1;
        p->v[i] = p->there[i] ? read_long(r) : 0;
    }
}

static void set_text(struct message_value *v, const uint8_t *text, size_t len)
{
    v->text = slice_of(text, len);
}

static void put_text(struct message_reader *m, struct message_value *v, const char *text)
{
    size_t n = strlen(text);
    uint8_t *room = message_room(m, n + 1);
    if (room == NULL)
        return;
    memcpy(room, text, n);
    set_text(v, room, n);
}

static unsigned long long size_of(int64_t v)
{
    return v < 0 ? 0 - (unsigned long long)v : (unsigned long long)v;
}

/* The parts that are there; of a negative time each part is negative. */
static void datetime_text(struct message_reader *m, const struct parts *p, struct slice zone,
                          struct message_value *v)
{
    char text[400];
    size_t n = 0;
    const char *const before[7] = {"", "-", "-", "", ":", ":", "."};
    bool negative = false;
    for (unsigned i = 3; i < 7; i++)
        negative = negative || p->v[i] < 0;
    for (unsigned i = 0; i < 7 && n < 300; i++) {
        if (!p->there[i] || (i == 6 && p->v[i] == 0))
            continue;
        const char *lead = i == 3 && p->there[2] ? " " : n > 0 ? before[i] : "";
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%0*llu", lead,
                              i == 3 && negative ? "-" : "",
                              i == 0   ? 4
                              : i == 6 ? 6
                                       : 2,
                              size_of(p->v[i]));
    }
    snprintf(text + n, sizeof(text) - n, "%s%.*s", zone.len > 0 ? " " : "",
             zone.len < 64 ? (int)zone.len : 64, (const char *)zone.ptr);
    put_text(m, v, text);
}

static void hex_text(struct message_reader *m, struct slice bytes, struct message_value *v)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *room = message_room(m, 2 * bytes.len + 2);
    if (room == NULL)
        return;
    room[0] = '0';
    room[1] = 'x';
    for (size_t i = 0; i < bytes.len; i++) {
        room[2 + 2 * i] = (uint8_t)digits[bytes.ptr[i] >> 4];
        room[3 + 2 * i] = (uint8_t)digits[bytes.ptr[i] & 15];
    }
    set_text(v, room, 2 * bytes.len + 2);
}

/* Bytes that are no text of their character set are shown as bytes. */
static void charset_text(struct message_reader *m, struct slice name, struct slice bytes,
                         struct message_value *v)
{
    const struct charset *cs = charset_of_name(name);
    struct writer w;
    writer_init(&w, SIZE_MAX / 4);
    bool ok = cs != NULL && cs->form != CHARSET_BINARY && charset_prepare(cs) == ERR_OK &&
              charset_to_utf8(cs, bytes, &w, false, NULL) == ERR_OK;
    uint8_t *room = ok ? message_room(m, w.len + 1) : NULL;
    if (room != NULL) {
        if (w.len > 0)
            memcpy(room, w.base, w.len);
        set_text(v, room, w.len);
    }
    writer_fini(&w);
    if (!ok)
        hex_text(m, bytes, v);
}

static void double_text(struct message_reader *m, uint64_t bits, struct message_value *v)
{
    double d;
    memcpy(&d, &bits, sizeof(d));
    uint8_t *room = message_room(m, NUMBER_MAX);
    if (room != NULL && d == d && d - d == 0)
        set_text(v, room, (size_t)(number_double_java(room, d) - room));
}

static void timestamp_text(struct message_reader *m, int64_t seconds, int64_t us,
                           struct message_value *v)
{
    char text[NUMBER_MAX];
    snprintf(text, sizeof(text), "%lld.%06llu", (long long)seconds, size_of(us));
    put_text(m, v, text);
}

/* What stands behind the branch of a value. */
static void read_held(struct message_reader *m, struct reader *r, uint32_t branch,
                      struct message_value *v)
{
    struct parts parts;
    struct slice first, second;
    int64_t a, b;
    switch (branch) {
    case 1: /* Integer */
        (void)read_long(r);
        v->text = read_bytes(r);
        return;
    case 2: /* Character */
        first = read_bytes(r);
        second = read_bytes(r);
        if (m->texts)
            charset_text(m, first, second, v);
        return;
    case 3: /* Decimal */
        v->text = read_bytes(r);
        (void)read_long(r);
        (void)read_long(r);
        return;
    case 4: /* Float */
        a = (int64_t)reader_u64(r);
        (void)read_long(r);
        (void)read_long(r);
        if (m->texts)
            double_text(m, (uint64_t)a, v);
        return;
    case 5: /* Timestamp */
        a = read_long(r);
        b = read_long(r);
        if (m->texts)
            timestamp_text(m, a, b, v);
        return;
    case 6: /* DateTime */
    case 7: /* TimestampWithTimeZone */
        read_datetime(r, &parts);
        first = branch == 7 ? read_bytes(r) : SLICE_LIT("");
        if (m->texts && r->err == ERR_OK)
            datetime_text(m, &parts, first, v);
        return;
    case 8:  /* BinaryGeometry */
    case 10: /* BinaryObject */
        (void)read_bytes(r);
        second = read_bytes(r);
        if (m->texts)
            hex_text(m, second, v);
        return;
    default: /* TextGeometry, TextObject */
        (void)read_bytes(r);
        v->text = read_bytes(r);
        return;
    }
}

static void read_value(struct message_reader *m, struct reader *r, struct message_value *v)
{
    const uint8_t *begin = r->p;
    uint32_t branch = read_index(r, 13);
    if (branch == 0) {
        v->kind = MESSAGE_NULL;
        return;
    }
    if (branch == 12) { /* EmptyObject: NULL, NONE */
        v->kind = read_index(r, 2) == 0 ? MESSAGE_NULL : MESSAGE_ABSENT;
        return;
    }
    read_held(m, r, branch, v);
    if (r->err != ERR_OK)
        return;
    v->kind = MESSAGE_TEXT;
    v->raw = slice_of(begin, (size_t)(r->p - begin));
}

/* ---- the record ---- */

/* An image: nothing, a statement's text, or a value for each field. */
static void read_image(struct message_reader *m, struct reader *r, struct message *out, bool after)
{
    uint32_t branch = read_index(r, 3);
    uint64_t n, at = 0;
    if (branch == 1)
        out->sql = read_bytes(r);
    if (branch != 2)
        return;
    while ((n = next_block(r)) > 0) {
        for (; n > 0; n--, at++) {
            if (at >= out->column_count) {
                reader_fail(r, ERR_MALFORMED);
                return;
            }
            struct message_column *c = &m->columns[at];
            read_value(m, r, after ? &c->after : &c->before);
        }
    }
    if (at != out->column_count)
        reader_fail(r, ERR_MALFORMED);
}

static enum err read_fields(struct message_reader *m, struct reader *r, struct message *out)
{
    uint32_t branch = read_index(r, 3);
    uint64_t n;
    if (branch == 1)
        (void)read_bytes(r);
    if (branch != 2)
        return ERR_OK;
    while ((n = next_block(r)) > 0) {
        for (; n > 0 && r->err == ERR_OK; n--) {
            struct slice name = read_bytes(r);
            (void)read_long(r);
            TRY(message_add_column(m, &out->column_count, name));
        }
    }
    return ERR_OK;
}

/* A part of a name, up to a dot that is no part of it; those that are stand as \u002E. */
static struct slice name_part(struct message_reader *m, struct slice *rest)
{
    static const char escaped[] = "\\u002E";
    size_t cut = 0, to = 0;
    while (cut < rest->len && rest->ptr[cut] != '.')
        cut++;
    struct slice part = slice_of(rest->ptr, cut);
    size_t used = cut < rest->len ? cut + 1 : cut;
    *rest = slice_of(rest->ptr + used, rest->len - used);
    uint8_t *room =
        memmem(part.ptr, part.len, escaped, 6) != NULL ? message_room(m, part.len) : NULL;
    if (room == NULL)
        return part;
    for (size_t i = 0; i < part.len; i++) {
        bool dot = part.len - i >= 6 && memcmp(part.ptr + i, escaped, 6) == 0;
        room[to++] = dot ? '.' : part.ptr[i];
        i += dot ? 5 : 0;
    }
    return slice_of(room, to);
}

static void read_head(struct message_reader *m, struct reader *r, struct message *out)
{
    (void)read_long(r); /* version */
    out->id = (uint64_t)read_long(r);
    out->es_ms = (uint64_t)read_long(r) * 1000;
    (void)read_bytes(r); /* sourcePosition, safeSourcePosition, sourceTxid */
    (void)read_bytes(r);
    (void)read_bytes(r);
    (void)read_index(r, 13); /* source */
    (void)read_bytes(r);
    uint32_t operation = read_index(r, OPERATIONS);
    static const char *const names[OPERATIONS] = {
        "INSERT",   "UPDATE",  "DELETE",    "DDL",        "BEGIN",   "COMMIT",
        "ROLLBACK", "ABORT",   "HEARTBEAT", "CHECKPOINT", "COMMAND", "FILL",
        "FINISH",   "CONTROL", "RDB",       "NOOP",       "INIT"};
    out->type = slice_str(names[operation]);
    out->kind = operation < 3 || operation == 16 ? MESSAGE_ROW
                : operation == 3                 ? MESSAGE_STATEMENT
                                                 : MESSAGE_OTHER;
    out->op = operation == 0   ? CHANGE_INSERT
              : operation == 1 ? CHANGE_UPDATE
              : operation == 2 ? CHANGE_DELETE
                               : CHANGE_INIT;
    if (read_index(r, 2) == 1) {
        struct slice name = read_bytes(r);
        out->database = name_part(m, &name);
        out->table = name_part(m, &name);
    }
}

static void skip_between(struct reader *r)
{
    uint64_t n;
    if (read_index(r, 2) == 1) /* processTimestamps */
        while ((n = next_block(r)) > 0)
            for (; n > 0; n--)
                (void)read_long(r);
    while ((n = next_block(r)) > 0) /* tags */
        for (; n > 0; n--) {
            (void)read_bytes(r);
            (void)read_bytes(r);
        }
}

enum err dts_avro_read(struct message_reader *m, struct slice value, struct message *out)
{
    struct reader r = reader_of(value);
    read_head(m, &r, out);
    skip_between(&r);
    TRY(read_fields(m, &r, out));
    read_image(m, &r, out, false);
    read_image(m, &r, out, true);
    (void)read_long(&r); /* bornTimestamp */
    bool row = out->kind == MESSAGE_ROW;
    if (r.err != ERR_OK || r.p != r.end || (row && out->table.len == 0))
        return ERR_MALFORMED;
    out->columns = m->columns;
    return ERR_OK;
}
