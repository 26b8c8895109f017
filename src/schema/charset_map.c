/*
 * Tables of the sets that have one (charset_data.c), and the conversion by
 * them: one byte, two bytes, EUC-JP's three after 0x8F, GB18030's four.
 *
 * GB18030's four-byte codes are digits of one number. Counted up from
 * 0x81308130 they are the code points of the basic plane that no two-byte code
 * has, in order; from 0x90308130 on, those above it. The edition of 2005 gave
 * U+1E3F a two-byte code and U+E7C7, which had it before, the four-byte one.
 */
#include "base/utf8.h"
#include "schema/charset_data.h"
#include "schema/charset_int.h"

#include <stdlib.h>

#define GB18030_PLANES_FROM 189000 /* the number of 0x90308130 */

static uint32_t pack(uint32_t code_point)
{
    uint8_t b[4] = {0};
    uint32_t n = (uint32_t)(utf8_put(b, code_point) - b);
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | n << 24;
}

/* Stores four bytes, of which the first ones count. */
static inline uint8_t *put_packed(uint8_t *out, uint32_t packed)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    uint32_t bytes = __builtin_bswap32(packed);
#else
    uint32_t bytes = packed;
#endif
    memcpy(out, &bytes, 4);
    return out + (packed >> 24);
}

static bool put_ascii_run(struct charset_cursor *c)
{
    const uint8_t *start = c->in;
    while (c->stop - c->in >= 8) {
        uint64_t eight;
        memcpy(&eight, c->in, 8);
        if ((eight & 0x8080808080808080u) != 0)
            break;
        memcpy(c->out, &eight, 8);
        c->in += 8;
        c->out += 8;
    }
    return c->in != start;
}

static size_t convert_single(const struct charset_map *m, struct charset_cursor *c)
{
    while (c->in < c->stop) {
        if (m->ascii && *c->in < 0x80 && put_ascii_run(c))
            continue;
        uint32_t v = m->single[*c->in];
        if (v == 0)
            return 1;
        c->out = put_packed(c->out, v);
        c->in++;
    }
    return 0;
}

/* How many bytes at c->in to give up: a whole well-formed code where it is one. */
static size_t wrong_len(const struct charset_map *m, const struct charset_cursor *c)
{
    size_t left = (size_t)(c->end - c->in);
    uint8_t lead = c->in[0];
    if (lead == CHARSET_EUC_SHIFT && m->euc)
        return left >= 3 && m->trail[c->in[1]] && m->trail[c->in[2]] ? 3 : 1;
    bool leads = lead >= m->lead_min && lead <= m->lead_max && m->single[lead] == 0;
    return leads && left >= 2 && m->trail[c->in[1]] ? 2 : 1;
}

static size_t convert_multi(const struct charset_map *m, struct charset_cursor *c)
{
    while (c->in < c->stop) {
        const uint8_t *in = c->in;
        if (in[0] < 0x80 && put_ascii_run(c))
            continue;
        size_t left = (size_t)(c->end - in), n = 1;
        uint32_t v = m->single[in[0]];
        if (v == 0 && left >= 2 && m->pair[in[0]] != NULL) {
            v = m->pair[in[0]][in[1]];
            n = 2;
        } else if (v == 0 && left >= 3 && in[0] == CHARSET_EUC_SHIFT && m->triple[in[1]] != NULL) {
            v = m->triple[in[1]][in[2]];
            n = 3;
        }
        if (v == 0)
            return wrong_len(m, c);
        c->out = put_packed(c->out, v);
        c->in += n;
    }
    return 0;
}

static bool is_gb18030_four(const uint8_t *p)
{
    return p[0] >= 0x81 && p[0] <= 0xFE && p[1] >= 0x30 && p[1] <= 0x39 && p[2] >= 0x81 &&
           p[2] <= 0xFE && p[3] >= 0x30 && p[3] <= 0x39;
}

/* The code point of a four-byte code, or 0. */
static uint32_t gb18030_four(const struct charset_map *m, const uint8_t *p)
{
    uint32_t number = (((p[0] - 0x81u) * 10 + p[1] - 0x30) * 126 + p[2] - 0x81) * 10 + p[3] - 0x30;
    if (number < GB18030_FOUR_COUNT)
        return m->four[number];
    if (number >= GB18030_PLANES_FROM && number - GB18030_PLANES_FROM < 0x100000)
        return number - GB18030_PLANES_FROM + 0x10000;
    return 0;
}

static size_t convert_gb18030(const struct charset_map *m, struct charset_cursor *c)
{
    for (;;) {
        size_t wrong = convert_multi(m, c);
        if (wrong == 0 || c->end - c->in < 4 || !is_gb18030_four(c->in))
            return wrong;
        uint32_t code_point = gb18030_four(m, c->in);
        if (code_point == 0)
            return 4;
        c->out = utf8_put(c->out, code_point);
        c->in += 4;
    }
}

static uint32_t *row_of(uint32_t **rows, uint8_t b)
{
    if (rows[b] == NULL)
        rows[b] = calloc(256, sizeof(uint32_t));
    return rows[b];
}

static bool set_code(struct charset_map *m, uint32_t code, uint32_t code_point)
{
    uint32_t *at = &m->single[code & 255];
    if (code > 0xFF) {
        uint8_t second = (uint8_t)(code >> 8);
        uint32_t *row = code > 0xFFFF ? row_of(m->triple, second) : row_of(m->pair, second);
        if (row == NULL)
            return false;
        at = &row[code & 255];
    }
    *at = code_point == 0xFFFD ? 0 : pack(code_point);
    return true;
}

static bool set_runs(struct charset_map *m, const struct charset_run *runs)
{
    for (const struct charset_run *r = runs; r->count > 0 || r->text != NULL; r++) {
        for (uint32_t i = 0; i < r->count; i++)
            if (!set_code(m, r->first + i, r->linear + i))
                return false;
        if (r->text == NULL)
            continue;
        const uint8_t *p = (const uint8_t *)r->text;
        const uint8_t *end = p + strlen(r->text);
        for (uint32_t i = 0; p < end; i++) {
            unsigned n = utf8_char_len(p, end);
            if (n == 0 || !set_code(m, r->first + i, utf8_code_point(p, n)))
                return false;
            p += n;
        }
    }
    return true;
}

static void note_ranges(struct charset_map *m)
{
    for (size_t lead = 0; lead < 256; lead++) {
        m->euc |= m->triple[lead] != NULL;
        if (m->pair[lead] == NULL)
            continue;
        m->lead_max = (uint8_t)lead;
        if (m->lead_min == 0)
            m->lead_min = (uint8_t)lead;
        for (size_t b = 0; b < 256; b++)
            m->trail[b] |= m->pair[lead][b] != 0;
    }
}

static void mark_used(uint8_t *used, uint32_t packed)
{
    uint8_t b[4] = {(uint8_t)packed, (uint8_t)(packed >> 8), (uint8_t)(packed >> 16), 0};
    uint32_t code_point = utf8_code_point(b, packed >> 24);
    used[code_point >> 3] |= (uint8_t)(1 << (code_point & 7));
}

static bool count_gb18030(struct charset_map *m)
{
    uint8_t *used = calloc(0x10000 / 8, 1);
    m->four = calloc(GB18030_FOUR_COUNT, sizeof(*m->four));
    if (used == NULL || m->four == NULL) {
        free(used);
        return false;
    }
    for (size_t lead = 0; lead < 256; lead++)
        for (size_t b = 0; b < 256 && m->pair[lead] != NULL; b++)
            if (m->pair[lead][b] != 0)
                mark_used(used, m->pair[lead][b]);
    mark_used(used, pack(0xE7C7));
    used[0x1E3F >> 3] &= (uint8_t) ~(1 << (0x1E3F & 7));
    size_t n = 0;
    for (uint32_t cp = 0x80; cp < 0x10000 && n < GB18030_FOUR_COUNT; cp++) {
        bool surrogate = cp >= 0xD800 && cp < 0xE000;
        if (!surrogate && (used[cp >> 3] >> (cp & 7) & 1) == 0)
            m->four[n++] = cp == 0x1E3F ? 0xE7C7 : (uint16_t)cp;
    }
    free(used);
    return true;
}

static bool fill(struct charset_map *m, const struct charset *cs)
{
    const struct charset_source *s = charset_sources;
    while (s->name != NULL && strcmp(s->name, cs->name) != 0)
        s++;
    if (s->name == NULL || (s->base != NULL && !set_runs(m, s->base)) || !set_runs(m, s->runs))
        return false;
    m->ascii = true;
    for (uint32_t b = 0; b < 128; b++)
        m->ascii &= m->single[b] == pack(b);
    note_ranges(m);
    m->convert = cs->max_len == 1 ? convert_single : convert_multi;
    if (strcmp(cs->name, "gb18030") == 0) {
        m->convert = convert_gb18030;
        return count_gb18030(m);
    }
    return true;
}

static void map_free(struct charset_map *m)
{
    for (size_t i = 0; i < 256; i++) {
        free(m->pair[i]);
        free(m->triple[i]);
    }
    free(m->four);
    free(m);
}

struct charset_map *charset_map_new(const struct charset *cs)
{
    struct charset_map *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return NULL;
    m->convert = charset_unicode_converter(cs);
    if (m->convert == NULL && !fill(m, cs)) {
        map_free(m);
        return NULL;
    }
    return m;
}
