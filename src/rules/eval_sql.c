/* Arithmetic and functions of conditions. */
#include "rules/program_int.h"

#include "base/utf8.h"
#include "rules/temporal.h"

#include <math.h>

static enum err out_of_range(struct rule_machine *m, const char *what)
{
    return machine_fail(m, ERR_EXPRESSION, "%s is out of range", what);
}

static struct val of_i64(int64_t v)
{
    return (struct val){.kind = VAL_INT, .i = v};
}

static struct val of_u64(uint64_t v)
{
    return (struct val){.kind = VAL_UINT, .u = v};
}

/* Hex literals are numbers here. */
static struct val integer_of(const struct val *v)
{
    return v->kind == VAL_TEXT ? of_u64(v->number) : *v;
}

static __int128 wide(const struct val *v)
{
    return v->kind == VAL_UINT ? (__int128)v->u : (__int128)v->i;
}

static enum err integer_result(struct rule_machine *m, __int128 r, bool is_unsigned,
                               struct val *out)
{
    if (is_unsigned ? r < 0 || r > UINT64_MAX : r < INT64_MIN || r > INT64_MAX)
        return out_of_range(m, is_unsigned ? "a BIGINT UNSIGNED value" : "a BIGINT value");
    *out = is_unsigned ? of_u64((uint64_t)r) : of_i64((int64_t)r);
    return ERR_OK;
}

static enum err integers(struct rule_machine *m, unsigned op, struct val *a, const struct val *b0)
{
    struct val b = integer_of(b0);
    *a = integer_of(a);
    bool is_unsigned = a->kind == VAL_UINT || b.kind == VAL_UINT;
    __int128 x = wide(a), y = wide(&b);
    switch (op) {
    case OP_ADD:
        return integer_result(m, x + y, is_unsigned, a);
    case OP_SUB:
        return integer_result(m, x - y, is_unsigned, a);
    case OP_MUL:
        if ((x > UINT32_MAX || x < -(__int128)UINT32_MAX) && y != 0 &&
            (x > 0 ? x : -x) > UINT64_MAX / (y > 0 ? y : -y))
            return out_of_range(m, "a BIGINT value");
        return integer_result(m, x * y, is_unsigned, a);
    case OP_INT_DIV:
        return integer_result(m, x / y, is_unsigned, a);
    default: /* OP_MOD has the sign of its first argument */
        return integer_result(m, x % y, a->kind == VAL_UINT, a);
    }
}

static enum err decimals(struct rule_machine *m, unsigned op, uint32_t round, struct val *a,
                         const struct val *b)
{
    struct dec x, y, *r = scratch_alloc(&m->scratch, sizeof(*r));
    bool ok = false;
    if (r == NULL)
        return ERR_NO_MEMORY;
    if (!val_dec(a, &x) || !val_dec(b, &y))
        return ERR_BUG;
    switch (op) {
    case OP_ADD:
        ok = dec_add(&x, &y, r);
        break;
    case OP_SUB:
        ok = dec_sub(&x, &y, r);
        break;
    case OP_MUL:
        ok = dec_mul(&x, &y, r);
        break;
    case OP_DIVIDE:
    case OP_INT_DIV:
        ok = dec_div(&x, &y, r) && (round == NO_ROUNDING || dec_round(r, round, r));
        break;
    default:
        ok = dec_mod(&x, &y, r);
        r->negative = r->negative || (ok && round == SIGNED_ZERO && x.negative);
        break;
    }
    if (!ok)
        return out_of_range(m, "a DECIMAL value");
    if (op == OP_INT_DIV) {
        int64_t v;
        if (!dec_to_i64(r, &v))
            return out_of_range(m, "a BIGINT value");
        *a = of_i64(v);
        return ERR_OK;
    }
    *a = (struct val){.kind = VAL_DEC, .dec = r};
    return ERR_OK;
}

static enum err reals(struct rule_machine *m, unsigned op, struct val *a, const struct val *b)
{
    double x = val_real(a), y = val_real(b), r = 0;
    switch (op) {
    case OP_ADD:
        r = x + y;
        break;
    case OP_SUB:
        r = x - y;
        break;
    case OP_MUL:
        r = x * y;
        break;
    case OP_DIVIDE:
        r = x / y;
        break;
    default:
        r = fmod(x, y);
        break;
    }
    if (!isfinite(r))
        return out_of_range(m, "a DOUBLE value");
    *a = (struct val){.kind = VAL_REAL, .r = r};
    return ERR_OK;
}

static bool is_zero(const struct val *v, unsigned class)
{
    if (class == CLASS_REAL)
        return val_real(v) == 0;
    if (v->kind == VAL_TEXT)
        return v->number == 0;
    return v->kind == VAL_DEC ? dec_is_zero(v->dec) : v->i == 0;
}

static enum err negative(struct rule_machine *m, unsigned class, struct val *a)
{
    if (class == CLASS_INT) {
        struct val v = integer_of(a);
        return integer_result(m, -wide(&v), false, a);
    }
    if (class == CLASS_REAL) {
        *a = (struct val){.kind = VAL_REAL, .r = -val_real(a)};
        return ERR_OK;
    }
    struct val zero = of_i64(0), v = *a;
    *a = zero;
    return decimals(m, OP_SUB, NO_ROUNDING, a, &v);
}

static enum err absolute(struct rule_machine *m, unsigned class, struct val *a)
{
    if (class == CLASS_REAL) {
        *a = (struct val){.kind = VAL_REAL, .r = fabs(val_real(a))};
        return ERR_OK;
    }
    if (class == CLASS_INT)
        *a = integer_of(a);
    bool minus = a->kind == VAL_DEC ? a->dec->negative : a->kind == VAL_INT && a->i < 0;
    return minus ? negative(m, class, a) : ERR_OK;
}

enum err eval_arithmetic(struct rule_machine *m, const struct insn *in, struct val *a,
                         const struct val *b)
{
    bool one = in->op == OP_NEG || in->op == OP_ABS;
    bool division = in->op == OP_DIVIDE || in->op == OP_INT_DIV || in->op == OP_MOD;
    if (a->kind == VAL_NULL || (!one && b->kind == VAL_NULL) ||
        (division && is_zero(b, in->flag))) {
        *a = (struct val){.kind = VAL_NULL};
        return ERR_OK;
    }
    if (one)
        return in->op == OP_NEG ? negative(m, in->flag, a) : absolute(m, in->flag, a);
    switch ((int)in->flag) {
    case CLASS_INT:
        return integers(m, in->op, a, b);
    case CLASS_DEC:
        return decimals(m, in->op, in->a, a, b);
    default:
        return reals(m, in->op, a, b);
    }
}

enum err eval_convert(struct rule_machine *m, unsigned class, struct val *v)
{
    if (v->kind == VAL_NULL)
        return ERR_OK;
    if (class == CLASS_REAL) {
        *v = (struct val){.kind = VAL_REAL, .r = val_real(v)};
        return ERR_OK;
    }
    if (v->kind == VAL_DEC)
        return ERR_OK;
    struct dec *d = scratch_alloc(&m->scratch, sizeof(*d));
    if (d == NULL)
        return ERR_NO_MEMORY;
    if (!val_dec(v, d))
        return ERR_BUG;
    *v = (struct val){.kind = VAL_DEC, .dec = d};
    return ERR_OK;
}

static bool is_bytes(const struct rule_collation *c)
{
    return c->charset != NULL && c->charset->form == CHARSET_BINARY;
}

static size_t count_chars(const struct rule_collation *c, struct slice s)
{
    if (is_bytes(c))
        return s.len;
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += (s.ptr[i] & 0xC0) != 0x80;
    return n;
}

/* The byte behind n characters, or the length. */
static size_t skip_chars(const struct rule_collation *c, struct slice s, uint64_t n)
{
    size_t at = 0;
    if (is_bytes(c))
        return n < s.len ? (size_t)n : s.len;
    for (; at < s.len; at++)
        if ((s.ptr[at] & 0xC0) != 0x80 && n-- == 0)
            break;
    return at;
}

static int64_t clamp(const struct val *v)
{
    return v->kind == VAL_UINT && v->u > INT64_MAX ? INT64_MAX : v->i;
}

/* substring(text, at[, length]): at counts from 1, or from the end when negative. */
static enum err substring(struct rule_machine *m, const struct insn *in, struct val *args)
{
    const struct rule_collation *c = in->p;
    struct slice s;
    TRY(val_text(&args[0], &m->scratch, &s));
    int64_t at = clamp(&args[1]);
    int64_t length = in->argc == 3 ? clamp(&args[2]) : INT64_MAX;
    int64_t count = (int64_t)count_chars(c, s);
    int64_t from = at > 0 ? at - 1 : at < 0 ? count + at : count;
    struct slice part = SLICE_LIT("");
    if (from >= 0 && from < count && length > 0) {
        size_t begin = skip_chars(c, s, (uint64_t)from);
        struct slice rest = slice_of(s.ptr + begin, s.len - begin);
        part = slice_of(rest.ptr, skip_chars(c, rest, (uint64_t)length));
    }
    args[0] = (struct val){.kind = VAL_TEXT, .text = part};
    return ERR_OK;
}

enum err eval_concat(struct rule_machine *m, const struct insn *in, struct val *args)
{
    struct slice parts[RULE_ARGS_MAX];
    size_t len = 0;
    for (uint32_t i = 0; i < in->argc; i++) {
        TRY(val_text(&args[i], &m->scratch, &parts[i]));
        len += parts[i].len;
    }
    uint8_t *to = scratch_alloc(&m->scratch, len + 1), *p = to;
    if (to == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < in->argc; i++) {
        memcpy(p, parts[i].ptr, parts[i].len);
        p += parts[i].len;
    }
    args[0] = (struct val){.kind = VAL_TEXT, .text = slice_of(to, len)};
    return ERR_OK;
}

enum err eval_sql_call(struct rule_machine *m, const struct insn *in, struct val *args)
{
    struct slice s;
    struct civil c;
    for (uint32_t i = 0; i < in->argc; i++) {
        if (args[i].kind == VAL_NULL) {
            args[0] = (struct val){.kind = VAL_NULL};
            return ERR_OK;
        }
    }
    switch ((int)in->op) {
    case OP_LOWER:
    case OP_UPPER:
        return eval_case(m, in->p, in->op == OP_UPPER, &args[0], &args[0]);
    case OP_LENGTH:
        TRY(val_text(&args[0], &m->scratch, &s));
        args[0] = of_i64((int64_t)s.len);
        return ERR_OK;
    case OP_CHAR_LENGTH:
        TRY(val_text(&args[0], &m->scratch, &s));
        args[0] = of_i64((int64_t)count_chars(in->p, s));
        return ERR_OK;
    case OP_CONCAT:
        return eval_concat(m, in, args);
    case OP_SUBSTRING:
        return substring(m, in, args);
    case OP_DATE:
        args[0] = (struct val){.kind = VAL_DATE, .i = args[0].i >> 41 << 41};
        return ERR_OK;
    case OP_YEAR:
        temporal_unpack(args[0].i, &c);
        args[0] = of_i64(c.year);
        return ERR_OK;
    default:
        return ERR_BUG;
    }
}
