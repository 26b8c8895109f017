/*
 * The functions of the DTS language. A NULL argument makes the result NULL,
 * but for the tests for NULL themselves. What has no result (a division by
 * zero, a text that is no number) fails the row: etl_on_error decides.
 */
#include "base/utf8.h"
#include "rules/etl_int.h"
#include "rules/temporal.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <math.h>
#include <pcre2.h>
#include <stdlib.h>

static enum err bad(struct rule_machine *m, const struct insn *in, const char *what)
{
    return machine_fail(m, ERR_EXPRESSION, "%s: %s", rule_ops[in->op].name, what);
}

static struct val of_bool(bool v)
{
    return (struct val){.kind = VAL_BOOL, .i = v};
}

static struct val of_int(int64_t v)
{
    return (struct val){.kind = VAL_INT, .i = v};
}

static struct val of_text(struct slice s)
{
    return (struct val){.kind = VAL_TEXT, .text = s};
}

static bool is_integer(const struct val *v)
{
    return v->kind == VAL_INT || v->kind == VAL_UINT || v->kind == VAL_BOOL;
}

static bool is_number(const struct val *v)
{
    return is_integer(v) || v->kind == VAL_REAL || v->kind == VAL_DEC;
}

static bool is_moment(const struct val *v)
{
    return v->kind == VAL_DATE || v->kind == VAL_DATETIME;
}

static __int128 wide(const struct val *v)
{
    return v->kind == VAL_UINT ? (__int128)v->u : (__int128)v->i;
}

bool etl_integer(struct slice s, int64_t *out)
{
    struct dec d;
    return memchr(s.ptr, '.', s.len) == NULL && dec_of_text(s, &d) && dec_to_i64(&d, out);
}

bool etl_number(struct slice s, double *out)
{
    size_t used;
    *out = text_real(s, &used);
    return used == s.len && s.len > 0;
}

/* --- numbers --------------------------------------------------------------- */

static enum err whole_numbers(struct rule_machine *m, const struct insn *in, struct val *a,
                              const struct val *b)
{
    __int128 x = wide(a), y = wide(b), r = 0;
    if ((in->op == OP_OP_DIV || in->op == OP_OP_MOD) && y == 0)
        return bad(m, in, "division by zero");
    switch ((int)in->op) {
    case OP_OP_SUM:
        r = x + y;
        break;
    case OP_OP_SUB:
        r = x - y;
        break;
    case OP_OP_MUL:
        if (x != 0 && y != 0 && (x > 0 ? x : -x) > UINT64_MAX / (y > 0 ? y : -y))
            return bad(m, in, "the result is out of range");
        r = x * y;
        break;
    case OP_OP_DIV:
        r = x / y;
        break;
    default:
        r = x % y;
        break;
    }
    if (r < INT64_MIN || r > UINT64_MAX)
        return bad(m, in, "the result is out of range");
    *a = r > INT64_MAX ? (struct val){.kind = VAL_UINT, .u = (uint64_t)r} : of_int((int64_t)r);
    return ERR_OK;
}

static enum err arithmetic(struct rule_machine *m, const struct insn *in, struct val *a,
                           const struct val *b)
{
    double r;
    if (!is_number(a) || !is_number(b))
        return bad(m, in, "numbers are expected");
    if (is_integer(a) && is_integer(b))
        return whole_numbers(m, in, a, b);
    double x = val_real(a), y = val_real(b);
    if ((in->op == OP_OP_DIV || in->op == OP_OP_MOD) && y == 0)
        return bad(m, in, "division by zero");
    switch ((int)in->op) {
    case OP_OP_SUM:
        r = x + y;
        break;
    case OP_OP_SUB:
        r = x - y;
        break;
    case OP_OP_MUL:
        r = x * y;
        break;
    case OP_OP_DIV:
        r = x / y;
        break;
    default:
        r = fmod(x, y);
        break;
    }
    if (!isfinite(r))
        return bad(m, in, "the result is out of range");
    *a = (struct val){.kind = VAL_REAL, .r = r};
    return ERR_OK;
}

/* Numbers as numbers, moments as moments, everything else by its text. */
static enum err compare(struct rule_machine *m, const struct val *a, const struct val *b, int *out)
{
    struct slice x, y;
    double left, right;
    if (is_integer(a) && is_integer(b)) {
        *out = wide(a) < wide(b) ? -1 : wide(a) > wide(b);
        return ERR_OK;
    }
    if ((a->kind == VAL_DEC || is_integer(a)) && (b->kind == VAL_DEC || is_integer(b))) {
        struct dec p, q;
        bool ok = val_dec(a, &p) && val_dec(b, &q);
        *out = ok ? dec_cmp(&p, &q) : 0;
        return ERR_OK;
    }
    if ((is_moment(a) && is_moment(b)) || (a->kind == VAL_TIME && b->kind == VAL_TIME)) {
        *out = a->i < b->i ? -1 : a->i > b->i;
        return ERR_OK;
    }
    bool number_a = is_number(a), number_b = is_number(b);
    left = number_a ? val_real(a) : 0;
    right = number_b ? val_real(b) : 0;
    if (a->kind == VAL_TEXT && number_b)
        number_a = etl_number(a->text, &left);
    if (b->kind == VAL_TEXT && number_a)
        number_b = number_b || (is_number(a) && etl_number(b->text, &right));
    if (number_a && number_b) {
        *out = left < right ? -1 : left > right;
        return ERR_OK;
    }
    TRY(val_text(a, &m->scratch, &x));
    TRY(val_text(b, &m->scratch, &y));
    size_t n = x.len < y.len ? x.len : y.len;
    int c = memcmp(x.ptr, y.ptr, n);
    *out = c != 0 ? c : x.len < y.len ? -1 : x.len > y.len;
    return ERR_OK;
}

static enum err comparison(struct rule_machine *m, const struct insn *in, struct val *a)
{
    int c;
    bool holds;
    TRY(compare(m, a, a + 1, &c));
    switch ((int)in->op) {
    case OP_OP_EQ:
        holds = c == 0;
        break;
    case OP_OP_NE:
        holds = c != 0;
        break;
    case OP_OP_GT:
        holds = c > 0;
        break;
    case OP_OP_LT:
        holds = c < 0;
        break;
    case OP_OP_GE:
        holds = c >= 0;
        break;
    default:
        holds = c <= 0;
        break;
    }
    *a = of_bool(holds);
    return ERR_OK;
}

static enum err is_in(struct rule_machine *m, const struct insn *in, struct val *a)
{
    const struct etl_list *list = in->p;
    bool found = false;
    for (uint32_t i = 0; i < list->count && !found; i++) {
        struct val item = of_text(list->items[i]);
        int c;
        TRY(compare(m, a, &item, &c));
        found = c == 0;
    }
    *a = of_bool(found);
    return ERR_OK;
}

bool etl_parse_list(struct slice json, struct arena *a, struct etl_list *out)
{
    size_t i = 0, most = 1;
    for (size_t k = 0; k < json.len; k++)
        most += json.ptr[k] == ',';
    *out = (struct etl_list){.items = arena_array(a, most, sizeof(*out->items))};
#define SPACES()                                                                                   \
    while (i < json.len && (json.ptr[i] == ' ' || json.ptr[i] == '\n' || json.ptr[i] == '\t'))     \
    i++
    SPACES();
    if (out->items == NULL || i >= json.len || json.ptr[i++] != '[')
        return false;
    SPACES();
    bool more = i < json.len && json.ptr[i] != ']';
    while (more) {
        uint8_t *to = arena_alloc(a, json.len - i + 1);
        size_t len = 0;
        SPACES();
        if (to == NULL || i >= json.len)
            return false;
        if (json.ptr[i] == '"') {
            for (i++; i < json.len && json.ptr[i] != '"'; i++) {
                if (json.ptr[i] == '\\' && i + 1 < json.len && strchr("\"\\/", json.ptr[i + 1]))
                    i++;
                to[len++] = json.ptr[i];
            }
            if (i++ >= json.len)
                return false;
        } else {
            while (i < json.len && memchr(",] \n\t[{\"", json.ptr[i], 8) == NULL)
                to[len++] = json.ptr[i++];
            if (len == 0)
                return false;
        }
        if (out->count == most)
            return false;
        out->items[out->count++] = slice_of(to, len);
        SPACES();
        if (i >= json.len || (json.ptr[i] != ',' && json.ptr[i] != ']'))
            return false;
        more = json.ptr[i++] == ',';
        if (!more)
            i--;
    }
    if (i >= json.len || json.ptr[i++] != ']')
        return false;
    SPACES();
#undef SPACES
    return i == json.len;
}

/* --- texts --------------------------------------------------------------------- */

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
    *out = of_text(slice_of(to, (size_t)(p - to)));
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
                return bad(m, in, "there are more {} than values");
            memcpy(p, parts[next].ptr, parts[next].len);
            p += parts[next++].len;
            i++;
        } else {
            *p++ = f.ptr[i];
        }
    }
    *args = of_text(slice_of(to, (size_t)(p - to)));
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
    *out = of_text(slice_of(to, (size_t)(p - to)));
    return ERR_OK;
}

static enum err mask(struct rule_machine *m, const struct insn *in, struct val *args)
{
    struct slice s, ch;
    TRY(val_text(&args[0], &m->scratch, &s));
    TRY(val_text(&args[3], &m->scratch, &ch));
    if (!is_integer(&args[1]) || !is_integer(&args[2]) || ch.len == 0)
        return bad(m, in, "a text, two integers and a character are expected");
    int64_t first = args[1].i, last = args[2].i, n = 0;
    if (ch.len > 64)
        return bad(m, in, "one character is expected");
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
    args[0] = of_text(slice_of(to, (size_t)(p - to)));
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
        return of_text(at == SIZE_MAX ? s : slice_of(s.ptr, at));
    if (at == SIZE_MAX)
        return op == OP_SUBSTRING_AFTER ? of_text(SLICE_LIT("")) : (struct val){.kind = VAL_NULL};
    struct slice rest = slice_of(s.ptr + at + a.len, s.len - at - a.len);
    if (op == OP_SUBSTRING_AFTER)
        return of_text(rest);
    size_t end = find(rest, b, 0);
    return end == SIZE_MAX ? (struct val){.kind = VAL_NULL} : of_text(slice_of(rest.ptr, end));
}

static enum err count_or_find(unsigned op, struct slice s, struct slice sub, struct val *out)
{
    size_t at = find(s, sub, 0);
    int64_t n = 0;
    if (op == OP_STR_CONTAINS) {
        *out = of_bool(at != SIZE_MAX);
    } else if (op == OP_STR_FIND) {
        *out = of_int(at == SIZE_MAX ? -1 : (int64_t)count_chars(slice_of(s.ptr, at)));
    } else {
        for (; sub.len > 0 && at != SIZE_MAX; at = find(s, sub, at + sub.len))
            n++;
        *out = of_int(n);
    }
    return ERR_OK;
}

static enum err match(struct rule_machine *m, const struct insn *in, struct slice s,
                      struct val *out)
{
    int rc = pcre2_match(in->p, s.ptr, s.len, 0, 0, m->match_data, m->match_context);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        return bad(m, in, "the pattern cannot be decided for this text: it backtracks without end");
    *out = of_bool(rc >= 0);
    return ERR_OK;
}

static enum err to_long(struct rule_machine *m, const struct insn *in, struct val *v)
{
    int64_t i;
    if (is_integer(v))
        return ERR_OK;
    struct slice s;
    TRY(val_text(v, &m->scratch, &s));
    if (!etl_integer(s, &i))
        return bad(m, in, "this text is no integer");
    *v = of_int(i);
    return ERR_OK;
}

static enum err texts(struct rule_machine *m, const struct insn *in, struct val *args)
{
    struct slice s[3] = {SLICE_LIT(""), SLICE_LIT(""), SLICE_LIT("")};
    for (uint32_t i = 0; i < in->argc && i < 3; i++)
        TRY(val_text(&args[i], &m->scratch, &s[i]));
    switch ((int)in->op) {
    case OP_STR_REPLACE:
        if (in->argc == 4 && !is_integer(&args[3]))
            return bad(m, in, "an integer is expected behind the texts");
        return replace(m, s[0], s[1], s[2], in->argc == 4 ? args[3].i : -1, args);
    case OP_STR_STRIP:
        *args = of_text(strip(s[0], s[1]));
        return ERR_OK;
    case OP_STR_LOWER:
    case OP_STR_UPPER:
        return change_case(m, in->op == OP_STR_UPPER, s[0], args);
    case OP_STR_COUNT:
    case OP_STR_FIND:
    case OP_STR_CONTAINS:
        return count_or_find(in->op, s[0], s[1], args);
    case OP_STR_ISALPHA:
        *args = of_bool(all_letters(s[0]));
        return ERR_OK;
    case OP_STR_ISDIGIT:
        *args = of_bool(all_digits(s[0]));
        return ERR_OK;
    case OP_REGEX_MATCH:
        return match(m, in, s[0], args);
    case OP_SUBSTRING_AFTER:
    case OP_SUBSTRING_BEFORE:
    case OP_SUBSTRING_BETWEEN:
        *args = part(in->op, s[0], s[1], s[2]);
        return ERR_OK;
    default: /* OP_FROM_LONG */
        *args = of_text(s[0]);
        return ERR_OK;
    }
}

static enum err values(struct rule_machine *m, const struct insn *in, struct val *args)
{
    switch ((int)in->op) {
    case OP_OP_NEG: {
        struct val zero = of_int(0), v = *args;
        struct insn minus = *in;
        minus.op = OP_OP_SUB;
        *args = zero;
        return arithmetic(m, &minus, args, &v);
    }
    case OP_OP_SUM:
        if (args[0].kind == VAL_TEXT || args[1].kind == VAL_TEXT)
            return eval_concat(m, in, args);
        return arithmetic(m, in, args, args + 1);
    case OP_OP_SUB:
    case OP_OP_MUL:
    case OP_OP_DIV:
    case OP_OP_MOD:
        return arithmetic(m, in, args, args + 1);
    case OP_OP_EQ:
    case OP_OP_NE:
    case OP_OP_GT:
    case OP_OP_LT:
    case OP_OP_GE:
    case OP_OP_LE:
        return comparison(m, in, args);
    case OP_OP_NOT:
        *args = of_bool(!val_is_true(args));
        return ERR_OK;
    case OP_OP_IN:
        return is_in(m, in, args);
    case OP_OP_ADD:
        return eval_concat(m, in, args);
    case OP_STR_FORMAT:
        return format(m, in, args);
    case OP_STR_MASK:
        return mask(m, in, args);
    case OP_TO_LONG:
        return to_long(m, in, args);
    case OP_IS_STRING:
        *args = of_bool(args->kind == VAL_TEXT);
        return ERR_OK;
    default:
        return texts(m, in, args);
    }
}

enum err eval_etl_call(struct rule_machine *m, const struct insn *in, const struct rule_row *row,
                       struct val *args)
{
    if (in->op == OP_OP_IS_NULL || in->op == OP_OP_NOT_NULL) {
        *args = of_bool((args->kind == VAL_NULL) == (in->op == OP_OP_IS_NULL));
        return ERR_OK;
    }
    for (uint32_t i = 0; i < in->argc; i++) {
        if (args[i].kind == VAL_NULL) {
            *args = (struct val){.kind = VAL_NULL};
            return ERR_OK;
        }
    }
    if (in->op == OP_DATETIME || in->op >= OP_DT_NOW)
        return eval_etl_time(m, in, row, args);
    return values(m, in, args);
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
