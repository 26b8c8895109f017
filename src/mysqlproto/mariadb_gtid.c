#include "mysqlproto/mariadb_gtid.h"

#include "base/writer.h"

#include <stdlib.h>

void maria_gtid_pos_clear(struct maria_gtid_pos *p)
{
    p->count = 0;
    p->last = 0;
}

void maria_gtid_pos_fini(struct maria_gtid_pos *p)
{
    free(p->gtids);
    *p = (struct maria_gtid_pos){0};
}

enum err maria_gtid_pos_copy(struct maria_gtid_pos *to, const struct maria_gtid_pos *from)
{
    struct maria_gtid *gtids = NULL;
    if (from->count > 0) {
        gtids = malloc(from->count * sizeof(*gtids));
        if (gtids == NULL)
            return ERR_NO_MEMORY;
        memcpy(gtids, from->gtids, from->count * sizeof(*gtids));
    }
    free(to->gtids);
    *to = (struct maria_gtid_pos){.count = from->count, .cap = from->count, .gtids = gtids};
    return ERR_OK;
}

/* Reads a decimal number up to max; moves *at past it. */
static enum err parse_number(struct slice text, size_t *at, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    size_t start = *at;
    for (; *at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9'; (*at)++) {
        uint64_t digit = (uint64_t)(text.ptr[*at] - '0');
        if (v > (max - digit) / 10)
            return ERR_MALFORMED;
        v = v * 10 + digit;
    }
    if (*at == start)
        return ERR_MALFORMED;
    *out = v;
    return ERR_OK;
}

static enum err parse_dash(struct slice text, size_t *at)
{
    if (*at >= text.len || text.ptr[*at] != '-')
        return ERR_MALFORMED;
    (*at)++;
    return ERR_OK;
}

enum err maria_gtid_parse(struct slice text, struct maria_gtid *out)
{
    uint64_t domain, server_id, sequence;
    size_t at = 0;
    TRY(parse_number(text, &at, UINT32_MAX, &domain));
    TRY(parse_dash(text, &at));
    TRY(parse_number(text, &at, UINT32_MAX, &server_id));
    TRY(parse_dash(text, &at));
    TRY(parse_number(text, &at, UINT64_MAX, &sequence));
    if (at != text.len)
        return ERR_MALFORMED;
    *out = (struct maria_gtid){(uint32_t)domain, (uint32_t)server_id, sequence};
    return ERR_OK;
}

/* Index of the domain, or where it belongs. */
static uint32_t domain_find(const struct maria_gtid_pos *p, uint32_t domain)
{
    uint32_t lo = 0, hi = p->count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (p->gtids[mid].domain < domain)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct maria_gtid *maria_gtid_pos_get(const struct maria_gtid_pos *p, uint32_t domain)
{
    uint32_t i = domain_find(p, domain);
    return i < p->count && p->gtids[i].domain == domain ? &p->gtids[i] : NULL;
}

enum err maria_gtid_pos_update(struct maria_gtid_pos *p, const struct maria_gtid *g)
{
    if (p->last < p->count && p->gtids[p->last].domain == g->domain) {
        p->gtids[p->last] = *g;
        return ERR_OK;
    }
    uint32_t at = domain_find(p, g->domain);
    if (at == p->count || p->gtids[at].domain != g->domain) {
        if (p->count >= MARIA_DOMAINS_MAX)
            return ERR_TOO_LARGE;
        if (p->count == p->cap) {
            uint32_t cap = p->cap == 0 ? 4 : p->cap * 2;
            struct maria_gtid *gtids = realloc(p->gtids, cap * sizeof(*gtids));
            if (gtids == NULL)
                return ERR_NO_MEMORY;
            p->gtids = gtids;
            p->cap = cap;
        }
        memmove(&p->gtids[at + 1], &p->gtids[at], (p->count - at) * sizeof(*p->gtids));
        p->count++;
    }
    p->gtids[at] = *g;
    p->last = at;
    return ERR_OK;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct slice trim(struct slice s)
{
    while (s.len > 0 && is_space(s.ptr[0]))
        s = slice_of(s.ptr + 1, s.len - 1);
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static enum err parse_item(struct maria_gtid_pos *p, struct slice item)
{
    struct maria_gtid g;
    TRY(maria_gtid_parse(trim(item), &g));
    if (maria_gtid_pos_get(p, g.domain) != NULL)
        return ERR_MALFORMED;
    return maria_gtid_pos_update(p, &g);
}

enum err maria_gtid_pos_parse(struct maria_gtid_pos *p, struct slice text)
{
    maria_gtid_pos_clear(p);
    text = trim(text);
    while (text.len > 0) {
        const uint8_t *comma = memchr(text.ptr, ',', text.len);
        size_t n = comma != NULL ? (size_t)(comma - text.ptr) : text.len;
        enum err e = parse_item(p, slice_of(text.ptr, n));
        if (e == ERR_OK && comma != NULL && n + 1 == text.len)
            e = ERR_MALFORMED; /* a comma with nothing behind it */
        if (e != ERR_OK) {
            maria_gtid_pos_clear(p);
            return e;
        }
        size_t used = comma != NULL ? n + 1 : n;
        text = slice_of(text.ptr + used, text.len - used);
    }
    return ERR_OK;
}

void maria_gtid_pos_print(const struct maria_gtid_pos *p, struct writer *w)
{
    for (uint32_t i = 0; i < p->count; i++)
        writer_printf(w, "%s%u-%u-%llu", i > 0 ? "," : "", p->gtids[i].domain,
                      p->gtids[i].server_id, (unsigned long long)p->gtids[i].sequence);
}

bool maria_gtid_pos_equal(const struct maria_gtid_pos *a, const struct maria_gtid_pos *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct maria_gtid *x = &a->gtids[i], *y = &b->gtids[i];
        if (x->domain != y->domain || x->server_id != y->server_id || x->sequence != y->sequence)
            return false;
    }
    return true;
}
