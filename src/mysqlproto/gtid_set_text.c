/*
 * Text form of GTID sets:
 *
 *     set      = [ source *( "," source ) ]
 *     source   = uuid 1*( ":" [ tag ":" ] interval )
 *     interval = gno [ "-" gno ]
 *
 * A tag holds for the intervals after it within the same uuid. The server
 * prints a line break after each comma and takes white space anywhere between
 * the parts; empty sources (",,") are nothing.
 */
#include "base/reader.h"
#include "base/writer.h"
#include "mysqlproto/gtid_set.h"

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct reader *r)
{
    while (reader_left(r) > 0 && is_space(*r->p))
        r->p++;
}

/* The next byte behind spaces, not consumed; 0 at the end. */
static uint8_t peek(struct reader *r)
{
    skip_space(r);
    return reader_left(r) > 0 ? *r->p : 0;
}

static bool accept(struct reader *r, uint8_t c)
{
    if (peek(r) != c)
        return false;
    r->p++;
    return true;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static enum err parse_number(struct reader *r, uint64_t *out)
{
    uint64_t v = 0;
    if (!is_digit(peek(r)))
        return ERR_MALFORMED;
    while (reader_left(r) > 0 && is_digit(*r->p)) {
        v = v * 10 + (uint64_t)(*r->p++ - '0');
        if (v > MY_GNO_MAX)
            return ERR_MALFORMED;
    }
    if (v == 0)
        return ERR_MALFORMED;
    *out = v;
    return ERR_OK;
}

static enum err parse_interval(struct my_gtid_set *s, struct reader *r, const struct my_gtid *g)
{
    uint64_t first, last;
    TRY(parse_number(r, &first));
    last = first;
    if (accept(r, '-'))
        TRY(parse_number(r, &last));
    if (last < first)
        return ERR_MALFORMED;
    return my_gtid_set_add_interval(s, g, first, last + 1);
}

static enum err parse_tag(struct reader *r, struct my_gtid *g)
{
    const uint8_t *start = r->p;
    while (reader_left(r) > 0 && *r->p != ':' && *r->p != ',' && !is_space(*r->p))
        r->p++;
    return my_tag_parse(slice_of(start, (size_t)(r->p - start)), g->tag, &g->tag_len);
}

static enum err parse_source(struct my_gtid_set *s, struct reader *r)
{
    struct my_gtid g = {0};
    struct slice uuid = reader_take(r, MY_UUID_TEXT_LEN);
    if (reader_finish(r) != ERR_OK || my_uuid_parse(uuid, g.uuid) != ERR_OK)
        return ERR_MALFORMED;
    if (!accept(r, ':'))
        return ERR_MALFORMED;
    do {
        uint8_t c = peek(r);
        if (!is_digit(c)) {
            TRY(parse_tag(r, &g));
            if (g.tag_len == 0 || !accept(r, ':'))
                return ERR_MALFORMED;
        }
        TRY(parse_interval(s, r, &g));
    } while (accept(r, ':'));
    return ERR_OK;
}

enum err my_gtid_set_parse(struct my_gtid_set *s, struct slice text)
{
    struct reader r = reader_of(text);
    for (;;) {
        while (accept(&r, ','))
            ;
        if (peek(&r) == 0)
            return reader_left(&r) == 0 ? ERR_OK : ERR_MALFORMED;
        TRY(parse_source(s, &r));
        if (reader_left(&r) > 0 && peek(&r) != ',' && reader_left(&r) > 0)
            return ERR_MALFORMED;
    }
}

void my_gtid_set_print(const struct my_gtid_set *s, struct writer *w)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const struct my_gtid_source *src = &s->sources[i];
        bool same_uuid = i > 0 && memcmp(src->uuid, s->sources[i - 1].uuid, MY_UUID_LEN) == 0;
        if (!same_uuid) {
            char uuid[MY_UUID_TEXT_LEN + 1];
            writer_printf(w, "%s%s", i > 0 ? "," : "", my_uuid_print(src->uuid, uuid));
        }
        if (src->tag_len > 0)
            writer_printf(w, ":%.*s", (int)src->tag_len, src->tag);
        for (uint32_t j = 0; j < src->count; j++) {
            const struct my_gno_interval *iv = &src->intervals[j];
            writer_printf(w, ":%llu", (unsigned long long)iv->start);
            if (iv->end - iv->start > 1)
                writer_printf(w, "-%llu", (unsigned long long)(iv->end - 1));
        }
    }
}
