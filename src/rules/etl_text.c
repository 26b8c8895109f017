/*
 * Functions of the DTS language over texts. Places and lengths are counted in
 * characters, of UTF-8.
 */
#include "base/utf8.h"
#include "rules/etl_int.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

static size_t char_at(struct slice s, size_t i)
{
    unsigned n = utf8_char_len(s.ptr + i, s.ptr + s.len);
    return n > 0 ? n : 1;
}

static size_t count_chars(struct slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i += char_at(s, i))
        n++;
    return n;
}

/* Where sub begins in s at or behind from, or SIZE_MAX. */
static size_t find(struct slice s, struct slice sub, size_t from)
{
    if (from > s.len)
        return SIZE_MAX;
    const uint8_t *p = memmem(s.ptr + from, s.len - from, sub.ptr, sub.len);
    return p != NULL ? (size_t)(p - s.ptr) : SIZE_MAX;
}

/* Simple case of the letters of Latin-1, Greek and Cyrillic, and of ASCII. */
static uint32_t other_case(uint32_t c, bool upper)
{
    static const struct {
        uint32_t first, last, step;
    } ranges[] = {{'A', 'Z', 32},     {0xC0, 0xD6, 32},   {0xD8, 0xDE, 32},  {0x391, 0x3A1, 32},
                  {0x3A3, 0x3AB, 32}, {0x410, 0x42F, 32}, {0x400, 0x40F, 80}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        uint32_t low = ranges[i].first + (upper ? ranges[i].step : 0);
        uint32_t high = ranges[i].last + (upper ? ranges[i].step : 0);
        if (c >= low && c <= high)
            return upper ? c - ranges[i].step : c + ranges[i].step;
    }
    /* Latin Extended-A: a capital letter and its small one behind it. */
    bool pairs = (c >= 0x100 && c <= 0x137) || (c >= 0x14A && c <= 0x177);
    bool odd = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
    if (pairs && c != 0x130 && c != 0x131)
        return upper ? c & ~1u : c | 1u;
    if (odd)
        return upper ? c - (c % 2 == 0) : c + (c % 2);
    return c;
}

static enum err change_case(struct rule_machine *m, bool upper, struct slice s, struct val *out)
{
    uint8_t *to = scratch_alloc(&m->scratch, s.len + 8), *p = to;
    if (to == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < s.len;) {
        unsigned n = utf8_char_len(s.ptr + i, s.ptr + s.len);
        if (n == 0) {
            *p++ = s.ptr[i++];
            continue;
        }
        p = utf8_put(p, other_case(utf8_code_point(s.ptr + i, n), upper));
        i += n;
    }
    *out = etl_of_text(slice_of(to, (size_t)(p - to)));
    return ERR_OK;
}

static bool all_letters(struct slice s)
{
    for (size_t i = 0; i < s.len; i += char_at(s, i)) {
        uint8_t c = s.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0xC3))
            return false;
    }
    return s.len > 0;
}

static bool all_digits(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return s.len > 0;
}

/* str_format("a {} b {}", x, y) */
static enum err format(struct rule_machine *m, const struct insn *in, struct val *args)
{
    struct slice parts[RULE_ARGS_MAX], f;
    TRY(val_text(&args[0], &m->scratch, &f));
    size_t len = f.len;
    for (uint32_t i = 1; i < in->argc; i++) {
        TRY(val_text(&args[i], &m->scratch, &parts[i]));
        len += parts[i].len;
    }
    uint8_t *to = scratch_alloc(&m->scratch, len + 1), *p = to;
    if (to == NULL)
        return ERR_NO_MEMORY;
    uint32_t next = 1;
    for (size_t i = 0; i < f.len; i++) {
        if (f.ptr[i] == '{' && i + 1 < f.len && f.ptr[i + 1] == '}') {
            if (next >= in->argc)
                return etl_fail(m, in, "there are more {} than values");
            memcpy(p, parts[next].ptr, parts[next].len);
            p += parts[next++].len;
            i++;
        } else {
            *p++ = f.ptr[i];
        }
    }
    *args = etl_of_text(slice_of(to, (size_t)(p - to)));
    return ERR_OK;
}

static enum err replace(struct rule_machine *m, struct slice s, struct slice old, struct slice new,
                        int64_t count, struct val *out)
{
    size_t hits = 0;
    for (size_t at = 0; old.len > 0 && (at = find(s, old, at)) != SIZE_MAX; at += old.len)
        hits++;
    if (count >= 0 && hits > (size_t)count)
        hits = (size_t)count;
    if (new.len > 0 && hits > (256u << 20) / new.len)
        return machine_fail(m, ERR_EXPRESSION, "str_replace: the result is too long");
    size_t len = s.len + hits * new.len;
    uint8_t *to = scratch_alloc(&m->scratch, len + 1), *p = to;
    size_t from = 0;
    if (to == NULL)
        return ERR_NO_MEMORY;
    for (; hits > 0; hits--) {
        size_t at = find(s, old, from);
        memcpy(p, s.ptr + from, at - from);
        p += at - from;
        memcpy(p, new.ptr, new.len);
        p += new.len;
        from = at + old.len;
    }
    memcpy(p, s.ptr + from, s.len - from);
    p += s.len - from;
    *out = etl_of_text(slice_of(to, (size_t)(p - to)));
    return ERR_OK;
}

static enum err mask(struct rule_machine *m, const struct insn *in, struct val *args)
{
    struct slice s, ch;
    TRY(val_text(&args[0], &m->scratch, &s));
    TRY(val_text(&args[3], &m->scratch, &ch));
    if (!etl_is_integer(&args[1]) || !etl_is_integer(&args[2]) || ch.len == 0)
        return etl_fail(m, in, "a text, two integers and a character are expected");
    int64_t first = args[1].i, last = args[2].i, n = 0;
    if (ch.len > 64)
        return etl_fail(m, in, "one character is expected");
    uint8_t *to = scratch_alloc(&m->scratch, s.len * ch.len + 1), *p = to;
    if (to == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < s.len; n++) {
        size_t step = char_at(s, i);
        struct slice piece = n >= first && n <= last ? ch : slice_of(s.ptr + i, step);
        memcpy(p, piece.ptr, piece.len);
        p += piece.len;
        i += step;
    }
    args[0] = etl_of_text(slice_of(to, (size_t)(p - to)));
    return ERR_OK;
}

static bool has_char(struct slice set, struct slice c)
{
    for (size_t i = 0; i < set.len; i += char_at(set, i))
        if (char_at(set, i) == c.len && memcmp(set.ptr + i, c.ptr, c.len) == 0)
            return true;
    return false;
}

static struct slice strip(struct slice s, struct slice set)
{
    while (s.len > 0) {
        size_t n = char_at(s, 0);
        if (!has_char(set, slice_of(s.ptr, n)))
            break;
        s = slice_of(s.ptr + n, s.len - n);
    }
    while (s.len > 0) {
        size_t n = 1;
        while (n < s.len && n < 4 && (s.ptr[s.len - n] & 0xC0) == 0x80)
            n++;
        if (!has_char(set, slice_of(s.ptr + s.len - n, n)))
            break;
        s.len -= n;
    }
    return s;
}

static struct val part(unsigned op, struct slice s, struct slice a, struct slice b)
{
    size_t at = find(s, a, 0);
    if (op == OP_SUBSTRING_BEFORE)
        return etl_of_text(at == SIZE_MAX ? s : slice_of(s.ptr, at));
    if (at == SIZE_MAX)
        return op == OP_SUBSTRING_AFTER ? etl_of_text(SLICE_LIT(""))
                                        : (struct val){.kind = VAL_NULL};
    struct slice rest = slice_of(s.ptr + at + a.len, s.len - at - a.len);
    if (op == OP_SUBSTRING_AFTER)
        return etl_of_text(rest);
    size_t end = find(rest, b, 0);
    return end == SIZE_MAX ? (struct val){.kind = VAL_NULL} : etl_of_text(slice_of(rest.ptr, end));
}

static enum err count_or_find(unsigned op, struct slice s, struct slice sub, struct val *out)
{
    size_t at = find(s, sub, 0);
    int64_t n = 0;
    if (op == OP_STR_CONTAINS) {
        *out = etl_of_bool(at != SIZE_MAX);
    } else if (op == OP_STR_FIND) {
        *out = etl_of_int(at == SIZE_MAX ? -1 : (int64_t)count_chars(slice_of(s.ptr, at)));
    } else {
        for (; sub.len > 0 && at != SIZE_MAX; at = find(s, sub, at + sub.len))
            n++;
        *out = etl_of_int(n);
    }
    return ERR_OK;
}

static enum err match(struct rule_machine *m, const struct insn *in, struct slice s,
                      struct val *out)
{
    int rc = pcre2_match(in->p, s.ptr, s.len, 0, 0, m->match_data, m->match_context);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        return etl_fail(m, in,
                        "the pattern cannot be decided for this text: it backtracks without end");
    *out = etl_of_bool(rc >= 0);
    return ERR_OK;
}

enum err eval_etl_text(struct rule_machine *m, const struct insn *in, struct val *args)
{
    struct slice s[3] = {SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT("")};
    if (in->op == OP_STR_FORMAT)
        return format(m, in, args);
    if (in->op == OP_STR_MASK)
        return mask(m, in, args);
    for (uint32_t i = 0; i < in->argc && i < 3; i++)
        TRY(val_text(&args[i], &m->scratch, &s[i]));
    switch ((int)in->op) {
    case OP_STR_REPLACE:
        if (in->argc == 4 && !etl_is_integer(&args[3]))
            return etl_fail(m, in, "an integer is expected behind the texts");
        return replace(m, s[0], s[1], s[2], in->argc == 4 ? args[3].i : -1, args);
    case OP_STR_STRIP:
        *args = etl_of_text(strip(s[0], s[1]));
        return ERR_OK;
    case OP_STR_LOWER:
    case OP_STR_UPPER:
        return change_case(m, in->op == OP_STR_UPPER, s[0], args);
    case OP_STR_COUNT:
    case OP_STR_FIND:
    case OP_STR_CONTAINS:
        return count_or_find(in->op, s[0], s[1], args);
    case OP_STR_ISALPHA:
        *args = etl_of_bool(all_letters(s[0]));
        return ERR_OK;
    case OP_STR_ISDIGIT:
        *args = etl_of_bool(all_digits(s[0]));
        return ERR_OK;
    case OP_REGEX_MATCH:
        return match(m, in, s[0], args);
    case OP_SUBSTRING_AFTER:
    case OP_SUBSTRING_BEFORE:
    case OP_SUBSTRING_BETWEEN:
        *args = part(in->op, s[0], s[1], s[2]);
        return ERR_OK;
    default: /* OP_FROM_LONG */
        *args = etl_of_text(s[0]);
        return ERR_OK;
    }
}

/* tail_replace_string_field(search, replace, all): in every text of the row. */
enum err eval_etl_replace_all(struct rule_machine *m, const struct insn *in, struct rule_row *row,
                              uint32_t columns, const struct val *args)
{
    struct slice old, new;
    if (args[0].kind == VAL_NULL || args[1].kind == VAL_NULL)
        return ERR_OK;
    bool all = in->argc < 3 || val_is_true(&args[2]);
    TRY(val_text(&args[0], &m->scratch, &old));
    TRY(val_text(&args[1], &m->scratch, &new));
    for (uint32_t i = 0; i < columns; i++) {
        const struct column *col = &row->work_columns[i];
        struct val v;
        bool text = col->kind == COL_CHAR || col->kind == COL_VARCHAR || col->kind == COL_TEXT;
        if (!text || row->work[i].kind == CELL_NULL || row->work[i].kind == CELL_ABSENT)
            continue;
        TRY(val_of_cell(col, &row->work[i], m->o.zone, &m->scratch, &v));
        if (old.len == 0 || find(v.text, old, 0) == SIZE_MAX)
            continue;
        TRY(replace(m, v.text, old, new, all ? -1 : 1, &v));
        TRY(cell_of_val(m, col, &v, &row->work[i]));
    }
    return ERR_OK;
}
