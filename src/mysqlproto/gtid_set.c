#include "mysqlproto/gtid_set.h"

#include "base/reader.h"
#include "base/writer.h"

#include <stdlib.h>

/*
 * Binary form of MySQL's Gtid_set (sql/rpl_gtid_set.cc, libs/mysql/gtid):
 *
 *     untagged:  number of uuids   8
 *     tagged:    1                 1
 *                number of pairs   6
 *                1                 1   (of the untagged form this byte is always 0)
 *   then per uuid or (uuid, tag), ascending:
 *                uuid             16
 *                tag length        1   tagged only; a varint, shifted left by one while under 128
 *                tag               n   tagged only
 *                intervals         8
 *     per interval:
 *                first gno         8
 *                end, exclusive    8
 */
#define FORMAT_TAGGED 1
#define PAIR_LEN_MIN  (MY_UUID_LEN + 8)
#define INTERVAL_LEN  16

void my_gtid_set_init(struct my_gtid_set *s)
{
    *s = (struct my_gtid_set){0};
}

void my_gtid_set_clear(struct my_gtid_set *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        free(s->sources[i].intervals);
    s->count = 0;
    s->last = 0;
}

void my_gtid_set_fini(struct my_gtid_set *s)
{
    my_gtid_set_clear(s);
    free(s->sources);
    *s = (struct my_gtid_set){0};
}

/* The server's order: by uuid, then by tag, no tag first. */
static int source_cmp(const struct my_gtid_source *a, const uint8_t *uuid, const char *tag,
                      uint8_t tag_len)
{
    int c = memcmp(a->uuid, uuid, MY_UUID_LEN);
    if (c != 0)
        return c;
    c = memcmp(a->tag, tag, a->tag_len < tag_len ? a->tag_len : tag_len);
    return c != 0 ? c : (int)a->tag_len - (int)tag_len;
}

/* Index of the source, or where it belongs; *found says which. */
static uint32_t source_find(const struct my_gtid_set *s, const uint8_t *uuid, const char *tag,
                            uint8_t tag_len, bool *found)
{
    uint32_t lo = 0, hi = s->count;
    *found = true;
    if (s->last < s->count && source_cmp(&s->sources[s->last], uuid, tag, tag_len) == 0)
        return s->last;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = source_cmp(&s->sources[mid], uuid, tag, tag_len);
        if (c == 0)
            return mid;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *found = false;
    return lo;
}

static const struct my_gtid_source *source_like(const struct my_gtid_set *s,
                                                const struct my_gtid_source *like)
{
    bool found;
    uint32_t i = source_find(s, like->uuid, like->tag, like->tag_len, &found);
    return found ? &s->sources[i] : NULL;
}

static enum err source_insert(struct my_gtid_set *s, uint32_t at, const struct my_gtid *g)
{
    if (s->count >= MY_GTID_SOURCES_MAX)
        return ERR_TOO_LARGE;
    if (s->count == s->cap) {
        uint32_t cap = s->cap == 0 ? 4 : s->cap * 2;
        struct my_gtid_source *p = realloc(s->sources, cap * sizeof(*p));
        if (p == NULL)
            return ERR_NO_MEMORY;
        s->sources = p;
        s->cap = cap;
    }
    memmove(&s->sources[at + 1], &s->sources[at], (s->count - at) * sizeof(*s->sources));
    struct my_gtid_source *src = &s->sources[at];
    *src = (struct my_gtid_source){.tag_len = g->tag_len};
    memcpy(src->uuid, g->uuid, MY_UUID_LEN);
    memcpy(src->tag, g->tag, g->tag_len);
    s->count++;
    return ERR_OK;
}

static void source_remove(struct my_gtid_set *s, uint32_t at)
{
    free(s->sources[at].intervals);
    s->count--;
    memmove(&s->sources[at], &s->sources[at + 1], (s->count - at) * sizeof(*s->sources));
}

static enum err intervals_reserve(struct my_gtid_source *src)
{
    if (src->count < src->cap)
        return ERR_OK;
    if (src->count >= MY_GTID_INTERVALS_MAX)
        return ERR_TOO_LARGE;
    uint32_t cap = src->cap == 0 ? 2 : src->cap * 2;
    struct my_gno_interval *p = realloc(src->intervals, cap * sizeof(*p));
    if (p == NULL)
        return ERR_NO_MEMORY;
    src->intervals = p;
    src->cap = cap;
    return ERR_OK;
}

/* First interval that ends at v or behind it. */
static uint32_t interval_find(const struct my_gtid_source *src, uint64_t v)
{
    uint32_t lo = 0, hi = src->count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (src->intervals[mid].end < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static enum err source_add(struct my_gtid_source *src, uint64_t first, uint64_t end)
{
    struct my_gno_interval *iv = src->intervals;
    if (src->count > 0 && iv[src->count - 1].end == first) {
        iv[src->count - 1].end = end;
        return ERR_OK;
    }
    uint32_t at = interval_find(src, first);
    uint32_t to = at; /* one past the intervals that the new one swallows */
    while (to < src->count && iv[to].start <= end)
        to++;
    if (at == to) {
        TRY(intervals_reserve(src));
        iv = src->intervals;
        memmove(&iv[at + 1], &iv[at], (src->count - at) * sizeof(*iv));
        iv[at] = (struct my_gno_interval){first, end};
        src->count++;
        return ERR_OK;
    }
    if (iv[at].start < first)
        first = iv[at].start;
    if (iv[to - 1].end > end)
        end = iv[to - 1].end;
    iv[at] = (struct my_gno_interval){first, end};
    memmove(&iv[at + 1], &iv[to], (src->count - to) * sizeof(*iv));
    src->count -= to - at - 1;
    return ERR_OK;
}

enum err my_gtid_set_add_interval(struct my_gtid_set *s, const struct my_gtid *g, uint64_t first,
                                  uint64_t end)
{
    if (first == 0 || end <= first || end > MY_GNO_MAX + UINT64_C(1) ||
        g->tag_len > MY_GTID_TAG_MAX)
        return ERR_MALFORMED;
    bool found;
    uint32_t at = source_find(s, g->uuid, g->tag, g->tag_len, &found);
    if (!found)
        TRY(source_insert(s, at, g));
    s->last = at;
    enum err e = source_add(&s->sources[at], first, end);
    if (e != ERR_OK && !found)
        source_remove(s, at);
    return e;
}

enum err my_gtid_set_add(struct my_gtid_set *s, const struct my_gtid *g)
{
    return my_gtid_set_add_interval(s, g, g->gno, g->gno + 1);
}

static struct my_gtid gtid_of_source(const struct my_gtid_source *src)
{
    struct my_gtid g = {.tag_len = src->tag_len};
    memcpy(g.uuid, src->uuid, MY_UUID_LEN);
    memcpy(g.tag, src->tag, src->tag_len);
    return g;
}

enum err my_gtid_set_add_set(struct my_gtid_set *s, const struct my_gtid_set *other)
{
    for (uint32_t i = 0; i < other->count; i++) {
        const struct my_gtid_source *src = &other->sources[i];
        struct my_gtid g = gtid_of_source(src);
        for (uint32_t j = 0; j < src->count; j++)
            TRY(my_gtid_set_add_interval(s, &g, src->intervals[j].start, src->intervals[j].end));
    }
    return ERR_OK;
}

enum err my_gtid_set_copy(struct my_gtid_set *to, const struct my_gtid_set *from)
{
    struct my_gtid_set copy = {0};
    enum err e = my_gtid_set_add_set(&copy, from);
    if (e != ERR_OK) {
        my_gtid_set_fini(&copy);
        return e;
    }
    my_gtid_set_fini(to);
    *to = copy;
    return ERR_OK;
}

/* Adds to out what of iv no interval of b covers. */
static enum err interval_subtract(struct my_gno_interval iv, const struct my_gtid_source *b,
                                  const struct my_gtid *g, struct my_gtid_set *out)
{
    uint32_t count = b != NULL ? b->count : 0;
    for (uint32_t j = b != NULL ? interval_find(b, iv.start) : 0; j < count; j++) {
        const struct my_gno_interval *cut = &b->intervals[j];
        if (cut->start >= iv.end)
            break;
        if (cut->start > iv.start)
            TRY(my_gtid_set_add_interval(out, g, iv.start, cut->start));
        if (cut->end > iv.start)
            iv.start = cut->end;
        if (iv.start >= iv.end)
            return ERR_OK;
    }
    return my_gtid_set_add_interval(out, g, iv.start, iv.end);
}

enum err my_gtid_set_subtract(const struct my_gtid_set *a, const struct my_gtid_set *b,
                              struct my_gtid_set *out)
{
    my_gtid_set_clear(out);
    for (uint32_t i = 0; i < a->count; i++) {
        const struct my_gtid_source *src = &a->sources[i];
        const struct my_gtid_source *cut = source_like(b, src);
        struct my_gtid g = gtid_of_source(src);
        for (uint32_t j = 0; j < src->count; j++)
            TRY(interval_subtract(src->intervals[j], cut, &g, out));
    }
    return ERR_OK;
}

bool my_gtid_set_contains(const struct my_gtid_set *s, const struct my_gtid *g)
{
    bool found;
    uint32_t i = source_find(s, g->uuid, g->tag, g->tag_len, &found);
    if (!found)
        return false;
    const struct my_gtid_source *src = &s->sources[i];
    uint32_t j = interval_find(src, g->gno + 1);
    return j < src->count && src->intervals[j].start <= g->gno;
}

static bool source_subset(const struct my_gtid_source *sub, const struct my_gtid_source *super)
{
    uint32_t j = 0;
    for (uint32_t i = 0; i < sub->count; i++) {
        while (j < super->count && super->intervals[j].end < sub->intervals[i].end)
            j++;
        if (j == super->count || super->intervals[j].start > sub->intervals[i].start)
            return false;
    }
    return true;
}

bool my_gtid_set_subset(const struct my_gtid_set *sub, const struct my_gtid_set *super)
{
    for (uint32_t i = 0; i < sub->count; i++) {
        const struct my_gtid_source *in = source_like(super, &sub->sources[i]);
        if (in == NULL || !source_subset(&sub->sources[i], in))
            return false;
    }
    return true;
}

bool my_gtid_set_equal(const struct my_gtid_set *a, const struct my_gtid_set *b)
{
    return my_gtid_set_subset(a, b) && my_gtid_set_subset(b, a);
}

bool my_gtid_set_empty(const struct my_gtid_set *s)
{
    return s->count == 0;
}

bool my_gtid_set_tagged(const struct my_gtid_set *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->sources[i].tag_len > 0)
            return true;
    return false;
}

uint64_t my_gtid_set_gtids(const struct my_gtid_set *s)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        for (uint32_t j = 0; j < s->sources[i].count; j++) {
            uint64_t n = s->sources[i].intervals[j].end - s->sources[i].intervals[j].start;
            sum = sum + n < sum ? UINT64_MAX : sum + n;
        }
    }
    return sum;
}

void my_gtid_set_encode(const struct my_gtid_set *s, struct writer *w)
{
    bool tagged = my_gtid_set_tagged(s);
    if (tagged) {
        writer_u8(w, FORMAT_TAGGED);
        writer_le(w, s->count, 6);
        writer_u8(w, FORMAT_TAGGED);
    } else {
        writer_u64(w, s->count);
    }
    for (uint32_t i = 0; i < s->count; i++) {
        const struct my_gtid_source *src = &s->sources[i];
        writer_put(w, src->uuid, MY_UUID_LEN);
        if (tagged) {
            writer_u8(w, (uint8_t)(src->tag_len << 1));
            writer_put(w, src->tag, src->tag_len);
        }
        writer_u64(w, src->count);
        for (uint32_t j = 0; j < src->count; j++) {
            writer_u64(w, src->intervals[j].start);
            writer_u64(w, src->intervals[j].end);
        }
    }
}

static enum err decode_source(struct my_gtid_set *s, struct reader *r, bool tagged)
{
    struct my_gtid g = {0};
    struct slice uuid = reader_take(r, MY_UUID_LEN);
    if (tagged) {
        uint8_t shifted = reader_u8(r);
        if ((shifted & 1) != 0 || shifted >> 1 > MY_GTID_TAG_MAX)
            return ERR_MALFORMED; /* longer varints are longer tags than there are */
        struct slice tag = reader_take(r, shifted >> 1);
        TRY(reader_finish(r));
        TRY(my_tag_parse(tag, g.tag, &g.tag_len));
    }
    uint64_t count = reader_u64(r);
    TRY(reader_finish(r));
    memcpy(g.uuid, uuid.ptr, MY_UUID_LEN);
    if (count > reader_left(r) / INTERVAL_LEN)
        return ERR_TRUNCATED;
    uint64_t before = 0; /* end of the interval before */
    for (uint64_t i = 0; i < count; i++) {
        uint64_t first = reader_u64(r), end = reader_u64(r);
        if (first <= before && i > 0)
            return ERR_MALFORMED; /* neither overlapping nor touching, and ascending */
        TRY(my_gtid_set_add_interval(s, &g, first, end));
        before = end;
    }
    return ERR_OK;
}

static enum err decode_all(struct my_gtid_set *s, struct reader *r)
{
    uint64_t head = reader_u64(r);
    TRY(reader_finish(r));
    bool tagged = head >> 56 != 0;
    uint64_t count = tagged ? head >> 8 & 0xFFFFFFFFFFFF : head;
    if (tagged && (head >> 56 != FORMAT_TAGGED || (head & 0xFF) != FORMAT_TAGGED))
        return ERR_MALFORMED;
    if (count > reader_left(r) / PAIR_LEN_MIN)
        return ERR_TRUNCATED;
    for (uint64_t i = 0; i < count; i++)
        TRY(decode_source(s, r, tagged));
    return reader_left(r) == 0 ? ERR_OK : ERR_MALFORMED;
}

enum err my_gtid_set_decode(struct my_gtid_set *s, struct slice bytes)
{
    struct reader r = reader_of(bytes);
    my_gtid_set_clear(s);
    enum err e = decode_all(s, &r);
    if (e != ERR_OK)
        my_gtid_set_clear(s);
    return e;
}
