/*
 * A binary JSON document as the server prints it ("Json_wrapper::to_string",
 * MySQL source docs, sql-common/json_dom.cc).
 *
 * The walk keeps its own stack. Containers and strings at one depth together
 * cannot be longer than the document, unless offsets are shared; that is
 * refused, so that a small document cannot make an endless text.
 */
#include "base/number.h"
#include "base/reader.h"
#include "base/writer.h"
#include "schema/cell_text.h"
#include "schema/json_binary.h"
#include "schema/table_map.h"

#include <math.h>

struct level {
    struct json_container c;
    uint32_t next; /* element to print */
};

struct walk {
    struct writer *w;
    size_t doc_len;
    unsigned depth;   /* open containers */
    unsigned deepest; /* so far; bytes is set up to here */
    struct level levels[JSON_DEPTH_MAX];
    uint64_t bytes[JSON_DEPTH_MAX + 1]; /* seen at each depth */
};

static enum err spend(struct walk *k, size_t n)
{
    k->bytes[k->depth] += n;
    return k->bytes[k->depth] <= k->doc_len ? ERR_OK : ERR_MALFORMED;
}

static bool needs_escape(uint8_t b)
{
    return b < 0x20 || b == '"' || b == '\\';
}

static void put_escape(struct writer *w, uint8_t b)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t text[6] = {'\\', 0};
    size_t n = 2;
    /* clang-format off */
    switch (b) {
    case '\b': text[1] = 'b'; break;
    case '\t': text[1] = 't'; break;
    case '\n': text[1] = 'n'; break;
    case '\f': text[1] = 'f'; break;
    case '\r': text[1] = 'r'; break;
    case '"':
    case '\\': text[1] = b; break;
    default:
        memcpy(text + 1, "u00", 3);
        text[4] = (uint8_t)digits[b >> 4];
        text[5] = (uint8_t)digits[b & 15];
        n = 6;
    }
    /* clang-format on */
    writer_put(w, text, n);
}

static void put_string(struct writer *w, struct slice s)
{
    const uint8_t *p = s.ptr, *end = s.ptr + s.len;
    if (!writer_reserve(w, s.len + 2))
        return;
    writer_u8(w, '"');
    while (p < end) {
        const uint8_t *run = p;
        while (p < end && !needs_escape(*p))
            p++;
        writer_put(w, run, (size_t)(p - run));
        if (p < end)
            put_escape(w, *p++);
    }
    writer_u8(w, '"');
}

/* Lines of 76 characters; the break between two is a \n of the string. */
static void put_base64(struct writer *w, struct slice s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t on_line = 0;
    for (size_t i = 0; i < s.len; i += 3) {
        size_t n = s.len - i < 3 ? s.len - i : 3;
        uint32_t v = (uint32_t)load_be(s.ptr + i, (unsigned)n) << (8 * (3 - n));
        uint8_t four[4];
        for (size_t k = 0; k < 4; k++)
            four[k] = k <= n ? (uint8_t)digits[v >> (18 - 6 * k) & 63] : '=';
        if (on_line == 76) {
            writer_lit(w, "\\n");
            on_line = 0;
        }
        writer_put(w, four, 4);
        on_line += 4;
    }
}

/* Dates and times are packed into one number, the fraction in its low 24 bits. */
static bool unpack_datetime(int64_t packed, struct civil *c)
{
    uint64_t v = (uint64_t)packed >> 24;
    uint64_t month = v >> 22;
    if (packed < 0 || month / 13 > 9999)
        return false;
    *c = (struct civil){
        .us = (uint32_t)packed & 0xFFFFFF,
        .year = (uint16_t)(month / 13),
        .month = (uint8_t)(month % 13),
        .day = v >> 17 & 31,
        .hour = v >> 12 & 31,
        .minute = v >> 6 & 63,
        .second = v & 63,
    };
    return true;
}

static bool unpack_time(int64_t packed, struct civil *c)
{
    uint64_t v = packed < 0 ? 0 - (uint64_t)packed : (uint64_t)packed;
    *c = (struct civil){
        .negative = packed < 0,
        .us = (uint32_t)v & 0xFFFFFF,
        .hour = v >> 36 & 1023,
        .minute = v >> 30 & 63,
        .second = v >> 24 & 63,
    };
    return v >> 46 == 0;
}

static enum err put_temporal(struct writer *w, uint8_t field_type, struct slice s)
{
    uint8_t text[CELL_TEXT_MAX], *end = NULL;
    struct civil c;
    if (s.len != 8)
        return ERR_MALFORMED;
    int64_t packed = (int64_t)load_le64(s.ptr);
    if (field_type == MY_TYPE_TIME)
        end = unpack_time(packed, &c) ? cell_time_text(text, &c, 6) : NULL;
    else if (unpack_datetime(packed, &c))
        end =
            field_type == MY_TYPE_DATE ? cell_date_text(text, &c) : cell_datetime_text(text, &c, 6);
    if (end == NULL)
        return ERR_MALFORMED;
    put_string(w, slice_of(text, (size_t)(end - text)));
    return ERR_OK;
}

static enum err put_decimal(struct writer *w, struct slice s)
{
    uint8_t text[CELL_DECIMAL_TEXT_MAX];
    if (s.len < 2)
        return ERR_MALFORMED;
    uint8_t *end = cell_decimal_text(text, slice_of(s.ptr + 2, s.len - 2), s.ptr[0], s.ptr[1]);
    if (end == NULL)
        return ERR_MALFORMED;
    writer_put(w, text, (size_t)(end - text));
    return ERR_OK;
}

static enum err put_opaque(struct walk *k, struct json_value v)
{
    uint8_t field_type;
    struct slice s;
    TRY(json_opaque(v, &field_type, &s));
    TRY(spend(k, s.len));
    switch (field_type) {
    case MY_TYPE_NEWDECIMAL:
        return put_decimal(k->w, s);
    case MY_TYPE_DATE:
    case MY_TYPE_TIME:
    case MY_TYPE_DATETIME:
    case MY_TYPE_TIMESTAMP:
        return put_temporal(k->w, field_type, s);
    default:
        writer_printf(k->w, "\"base64:type%u:", field_type);
        put_base64(k->w, s);
        writer_u8(k->w, '"');
        return ERR_OK;
    }
}

static enum err put_literal(struct writer *w, uint8_t literal)
{
    switch (literal) {
    case JSON_NULL:
        writer_lit(w, "null");
        return ERR_OK;
    case JSON_TRUE:
        writer_lit(w, "true");
        return ERR_OK;
    case JSON_FALSE:
        writer_lit(w, "false");
        return ERR_OK;
    default:
        return ERR_MALFORMED;
    }
}

static enum err put_number(struct writer *w, struct json_value v)
{
    const uint8_t *b = v.data.ptr;
    if (!writer_reserve(w, NUMBER_DOUBLE_MAX))
        return w->err;
    uint8_t *p = writer_tail(w), *end;
    switch (v.type) {
    case JSON_INT16:
        end = number_i64(p, (int16_t)load_le16(b));
        break;
    case JSON_UINT16:
        end = number_u64(p, load_le16(b));
        break;
    case JSON_INT32:
        end = number_i64(p, (int32_t)load_le32(b));
        break;
    case JSON_UINT32:
        end = number_u64(p, load_le32(b));
        break;
    case JSON_INT64:
        end = number_i64(p, (int64_t)load_le64(b));
        break;
    case JSON_UINT64:
        end = number_u64(p, load_le64(b));
        break;
    default: {
        double d;
        uint64_t bits = load_le64(b);
        memcpy(&d, &bits, 8);
        if (!isfinite(d))
            return ERR_MALFORMED;
        end = number_double_mysql_json(p, d);
    }
    }
    writer_advance(w, (size_t)(end - p));
    return ERR_OK;
}

static enum err open_container(struct walk *k, struct json_value v)
{
    if (k->depth == JSON_DEPTH_MAX)
        return ERR_MALFORMED;
    struct level *l = &k->levels[k->depth];
    TRY(json_container_open(v, &l->c));
    TRY(spend(k, l->c.data.len));
    l->next = 0;
    if (++k->depth > k->deepest) {
        k->deepest = k->depth;
        k->bytes[k->depth] = 0;
    }
    writer_u8(k->w, l->c.is_object ? '{' : '[');
    return ERR_OK;
}

static enum err put_value(struct walk *k, struct json_value v)
{
    size_t size;
    if (json_is_container(v.type))
        return open_container(k, v);
    if (v.type == JSON_OPAQUE)
        return put_opaque(k, v);
    if (v.type == JSON_STRING) {
        struct slice s;
        TRY(json_string(v, &s));
        TRY(spend(k, s.len));
        put_string(k->w, s);
        return ERR_OK;
    }
    if (v.type > JSON_DOUBLE)
        return ERR_MALFORMED;
    TRY(json_value_size(v, &size));
    return v.type == JSON_LITERAL ? put_literal(k->w, v.data.ptr[0]) : put_number(k->w, v);
}

/* The next element of the innermost container, or its end. */
static enum err step(struct walk *k)
{
    struct level *l = &k->levels[k->depth - 1];
    if (l->next == l->c.count) {
        writer_u8(k->w, l->c.is_object ? '}' : ']');
        k->depth--;
        return ERR_OK;
    }
    uint32_t i = l->next++;
    if (i > 0)
        writer_lit(k->w, ", ");
    if (l->c.is_object) {
        struct slice key;
        TRY(json_container_key(&l->c, i, &key));
        TRY(spend(k, key.len));
        put_string(k->w, key);
        writer_lit(k->w, ": ");
    }
    struct json_value v;
    TRY(json_container_value(&l->c, i, &v));
    return put_value(k, v);
}

enum err json_binary_text(struct slice doc, struct writer *out)
{
    const size_t start = out->len;
    struct walk k;
    k.w = out;
    k.doc_len = doc.len;
    k.depth = k.deepest = 0;
    k.bytes[0] = 0;
    enum err e = put_value(&k, json_value_of(doc));
    while (e == ERR_OK && k.depth > 0 && out->err == ERR_OK)
        e = step(&k);
    if (e == ERR_OK)
        e = out->err;
    if (e != ERR_OK)
        out->len = start;
    return e;
}
