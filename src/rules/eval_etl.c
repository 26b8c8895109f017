/*
 * The functions of the DTS language. A NULL argument makes the result NULL,
 * but for the tests for NULL themselves. What has no result (a division by
 * zero, a text that is no number) fails the row: etl_on_error decides.
 */
#include "rules/etl_int.h"
#include "rules/temporal.h"

#include <math.h>
#include <stdlib.h>

enum err etl_fail(struct rule_machine *m, const struct insn *in, const char *what)
{
    return machine_fail(m, ERR_EXPRESSION, "%s: %s", rule_ops[in->op].name, what);
}

static bool is_number(const struct val *v)
{
    return etl_is_integer(v) || v->kind == VAL_REAL || v->kind == VAL_DEC;
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
        return etl_fail(m, in, "division by zero");
    switch ((int)in->op) {
    case OP_OP_SUM:
        r = x + y;
        break;
    case OP_OP_SUB:
        r = x - y;
        break;
    case OP_OP_MUL:
        if (x != 0 && y != 0 && (x > 0 ? x : -x) > UINT64_MAX / (y > 0 ? y : -y))
            return etl_fail(m, in, "the result is out of range");
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
        return etl_fail(m, in, "the result is out of range");
    *a = r > INT64_MAX ? (struct val){.kind = VAL_UINT, .u = (uint64_t)r} : etl_of_int((int64_t)r);
    return ERR_OK;
}

static enum err arithmetic(struct rule_machine *m, const struct insn *in, struct val *a,
                           const struct val *b)
{
    double r;
    if (!is_number(a) || !is_number(b))
        return etl_fail(m, in, "numbers are expected");
    if (etl_is_integer(a) && etl_is_integer(b))
        return whole_numbers(m, in, a, b);
    double x = val_real(a), y = val_real(b);
    if ((in->op == OP_OP_DIV || in->op == OP_OP_MOD) && y == 0)
        return etl_fail(m, in, "division by zero");
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
        return etl_fail(m, in, "the result is out of range");
    *a = (struct val){.kind = VAL_REAL, .r = r};
    return ERR_OK;
}

/* Numbers as numbers, moments as moments, everything else by its text. */
static enum err compare(struct rule_machine *m, const struct val *a, const struct val *b, int *out)
{
    struct slice x, y;
    double left, right;
    if (etl_is_integer(a) && etl_is_integer(b)) {
        *out = wide(a) < wide(b) ? -1 : wide(a) > wide(b);
        return ERR_OK;
    }
    if ((a->kind == VAL_DEC || etl_is_integer(a)) && (b->kind == VAL_DEC || etl_is_integer(b))) {
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
    *a = etl_of_bool(holds);
    return ERR_OK;
}

static enum err is_in(struct rule_machine *m, const struct insn *in, struct val *a)
{
    const struct etl_list *list = in->p;
    bool found = false;
    for (uint32_t i = 0; i < list->count && !found; i++) {
        struct val item = etl_of_text(list->items[i]);
        int c;
        TRY(compare(m, a, &item, &c));
        found = c == 0;
    }
    *a = etl_of_bool(found);
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

/* --- all of them ------------------------------------------------------------- */

static enum err to_long(struct rule_machine *m, const struct insn *in, struct val *v)
{
    int64_t i;
    if (etl_is_integer(v))
        return ERR_OK;
    struct slice s;
    TRY(val_text(v, &m->scratch, &s));
    if (!etl_integer(s, &i))
        return etl_fail(m, in, "this text is no integer");
    *v = etl_of_int(i);
    return ERR_OK;
}

static enum err values(struct rule_machine *m, const struct insn *in, struct val *args)
{
    switch ((int)in->op) {
    case OP_OP_NEG: {
        struct val zero = etl_of_int(0), v = *args;
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
        *args = etl_of_bool(!val_is_true(args));
        return ERR_OK;
    case OP_OP_IN:
        return is_in(m, in, args);
    case OP_OP_ADD:
        return eval_concat(m, in, args);
    case OP_TO_LONG:
        return to_long(m, in, args);
    case OP_IS_STRING:
        *args = etl_of_bool(args->kind == VAL_TEXT);
        return ERR_OK;
    default:
        return eval_etl_text(m, in, args);
    }
}

enum err eval_etl_call(struct rule_machine *m, const struct insn *in, const struct rule_row *row,
                       struct val *args)
{
    if (in->op == OP_OP_IS_NULL || in->op == OP_OP_NOT_NULL) {
        *args = etl_of_bool((args->kind == VAL_NULL) == (in->op == OP_OP_IS_NULL));
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
