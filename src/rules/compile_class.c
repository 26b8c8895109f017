/*
 * What values of a WHERE are compared as: their collation, and the class that
 * the server would compare them in ("Type Conversion in Expression Evaluation",
 * manual). A constant is made what it is compared as, once.
 */
#include "rules/compile_sql.h"

#include "rules/temporal.h"

#include <stdio.h>
#include <stdlib.h>

bool compile_is_temporal(const struct operand *o)
{
    return o->type == TYPE_DATE || o->type == TYPE_DATETIME || o->type == TYPE_TIME;
}

bool compile_is_integer(const struct operand *o)
{
    return o->type == TYPE_INT || o->type == TYPE_UINT;
}

const struct column *compile_column_of(const struct compiler *c, const struct operand *o)
{
    return o->is_column ? &c->table->columns[o->column] : NULL;
}

/* FLOAT(7,2): the server compares it with a tolerance. */
static bool is_rounded_real(const struct compiler *c, const struct operand *o)
{
    const struct column *col = compile_column_of(c, o);
    return col != NULL && (col->kind == COL_FLOAT || col->kind == COL_DOUBLE) &&
           memchr(col->type_text.ptr, ',', col->type_text.len) != NULL;
}

static bool refuse_opaque(struct compiler *c, const struct operand *o)
{
    const struct column *col = compile_column_of(c, o);
    return compile_fail(c, o->at, "of a column of type %.*s only IS NULL can be asked",
                        col != NULL ? (int)col->bare_type.len : 0,
                        col != NULL ? (const char *)col->bare_type.ptr : "");
}

bool compile_usable(struct compiler *c, const struct operand *o)
{
    if (o->type == TYPE_OPAQUE)
        return refuse_opaque(c, o);
    if (is_rounded_real(c, o))
        return compile_fail(c, o->at,
                            "a column of type %.*s cannot be used: its comparisons are not exact",
                            SLICE_ARG(compile_column_of(c, o)->type_text));
    return true;
}

/* --- collations --------------------------------------------------------- */

static bool same_collation(const struct rule_collation *a, const struct rule_collation *b)
{
    return a == b || strcmp(a->name, b->name) == 0;
}

bool compile_is_bytes(const struct rule_collation *c)
{
    return c->binary && (c->charset == NULL || c->charset->form == CHARSET_BINARY);
}

/* Which collation two texts share ("Collation Coercibility in Expressions", manual). */
static bool join_collation(struct compiler *c, struct operand *into, const struct operand *o)
{
    if (o->collation == NULL)
        return compile_fail(c, o->at,
                            "the collation of column `%.*s` is not known: the source's "
                            "information_schema must be readable, or the collation be a common one",
                            SLICE_ARG(c->table->columns[o->column].name));
    if (o->rank < into->rank || (o->rank == into->rank && compile_is_bytes(o->collation))) {
        into->rank = o->rank;
        into->collation = o->collation;
        return true;
    }
    if (o->rank > into->rank || same_collation(o->collation, into->collation) ||
        compile_is_bytes(into->collation))
        return true;
    if (o->collation->charset == into->collation->charset && into->collation->binary)
        return true;
    if (o->collation->charset == into->collation->charset && o->collation->binary) {
        into->collation = o->collation;
        return true;
    }
    return compile_fail(c, o->at, "texts of the collations %s and %s cannot be compared",
                        into->collation->name, o->collation->name);
}

/* Of the last count operands, those that are texts. */
bool compile_common_collation(struct compiler *c, uint32_t count, struct operand *out)
{
    *out = (struct operand){.rank = 9, .collation = c->connection};
    for (uint32_t i = count; i-- > 0;) {
        const struct operand *o = compile_top(c, i);
        if (o->type == TYPE_TEXT && !join_collation(c, out, o))
            return false;
    }
    if (out->rank == 9)
        out->rank = 5;
    return true;
}

/* --- classes of comparison ----------------------------------------------- */

static bool const_to_time(struct compiler *c, struct operand *o, bool clock)
{
    struct val *v = compile_value(c, o);
    struct civil civil;
    bool has_time;
    unsigned fsp;
    if (v->kind == VAL_NULL)
        return true;
    struct slice s = v->kind == VAL_TEXT ? v->text : SLICE_LIT("");
    uint8_t digits[24];
    if (v->kind == VAL_INT && v->i >= 0 && !clock) { /* 20240131 */
        struct val number = *v;
        int n = snprintf((char *)digits, sizeof(digits), "%lld", (long long)number.i);
        s = slice_of(digits, (size_t)n);
    }
    if (clock && v->kind == VAL_TEXT && temporal_parse_time(s, &civil, &fsp)) {
        *v = (struct val){.kind = VAL_TIME, .form = (uint8_t)fsp, .i = temporal_pack_time(&civil)};
        return true;
    }
    if (!clock && s.len > 0 && temporal_parse(s, &civil, &has_time, &fsp)) {
        *v = (struct val){.kind = VAL_DATETIME, .form = (uint8_t)fsp, .i = temporal_pack(&civil)};
        return true;
    }
    return compile_fail(c, o->at,
                        clock
                            ? "this is no time: 'HH:MM:SS' is expected"
                            : "this is no date: 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM:SS' is expected");
}

static bool time_class(struct compiler *c, struct operand *const *ops, uint32_t count)
{
    bool clock = false, date = false;
    for (uint32_t i = 0; i < count; i++) {
        clock = clock || ops[i]->type == TYPE_TIME;
        date = date || ops[i]->type == TYPE_DATE || ops[i]->type == TYPE_DATETIME;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct operand *o = ops[i];
        if (clock && date)
            return compile_fail(c, o->at,
                                "a TIME cannot be compared with a date here: the answer "
                                "depends on the day");
        if (compile_is_temporal(o) || o->type == TYPE_NULL)
            continue;
        if (!o->is_const)
            return compile_fail(c, o->at,
                                "a date or time is compared with dates, times and "
                                "constants only");
        if (!const_to_time(c, o, clock))
            return false;
    }
    return true;
}

/* The number that a constant text has in a BIGINT column, if it is exactly one. */
static bool exact_integer(const struct val *v, bool is_unsigned, struct val *out)
{
    struct dec d, rounded;
    size_t used;
    double r = text_real(v->text, &used);
    size_t from = 0;
    while (from < used && (v->text.ptr[from] == ' ' || v->text.ptr[from] < ' '))
        from++;
    if (used == 0)
        dec_of_i64(0, &d);
    else if (!dec_of_text(slice_of(v->text.ptr + from, used - from), &d))
        return false;
    if (!dec_round(&d, 0, &rounded))
        return false;
    *out = (struct val){.kind = is_unsigned ? VAL_UINT : VAL_INT};
    if (is_unsigned ? !dec_to_u64(&rounded, &out->u) : !dec_to_i64(&rounded, &out->i))
        return false;
    return val_real(out) == r;
}

/*
 * Constants compared with a BIGINT or YEAR column are first made what the
 * column would store ("convert_constant_arg_to_field", MySQL source docs,
 * sql/item_cmpfunc.cc). True: o was.
 */
static bool as_stored(struct compiler *c, const struct operand *column, struct operand *o)
{
    const struct column *col = compile_column_of(c, column);
    struct val *v, stored;
    if (col == NULL || !o->is_const || o->type == TYPE_NULL || o->is_hex)
        return false;
    v = compile_value(c, o);
    if (col->kind == COL_BIGINT && v->kind == VAL_TEXT &&
        exact_integer(v, col->is_unsigned, &stored)) {
        *v = stored;
        o->type = stored.kind == VAL_UINT ? TYPE_UINT : TYPE_INT;
        return true;
    }
    if (col->kind != COL_YEAR)
        return false;
    bool text = v->kind == VAL_TEXT;
    if (text && !exact_integer(v, true, &stored))
        return false;
    if (!text && v->kind != VAL_INT)
        return false;
    uint64_t year = text ? stored.u : v->u;
    if (year < 70 && (year > 0 || (text && v->text.len < 4)))
        year += 2000;
    else if (year >= 70 && year < 100)
        year += 1900;
    if (year != 0 && (year < 1901 || year > 2155))
        return false;
    *v = (struct val){.kind = VAL_UINT, .form = 4, .u = year};
    o->type = TYPE_UINT;
    return true;
}

/* A constant becomes what it is compared as, once. */
static void const_to_class(struct compiler *c, struct operand *o, unsigned class)
{
    if (!o->is_const || o->type == TYPE_NULL)
        return;
    struct val *v = compile_value(c, o);
    if (class == CLASS_REAL && v->kind != VAL_REAL)
        *v = (struct val){.kind = VAL_REAL, .r = val_real(v)};
    if (class == CLASS_DEC && v->kind != VAL_DEC) {
        struct dec *d = arena_alloc(c->program->arena, sizeof(*d));
        if (d != NULL && val_dec(v, d))
            *v = (struct val){.kind = VAL_DEC, .dec = d};
    }
    if (class == CLASS_INT && v->kind == VAL_TEXT)
        *v = (struct val){.kind = VAL_UINT, .u = v->number};
}

/* A text that begins like a decimal number, its exponent worked in. */
static bool decimal_of_text(struct slice text, struct dec *out)
{
    char plain[192];
    size_t used;
    text_real(text, &used);
    struct slice s = slice_of(text.ptr, used);
    while (s.len > 0 && s.ptr[0] <= ' ')
        s = slice_of(s.ptr + 1, s.len - 1);
    if (s.len == 0)
        s = SLICE_LIT("0");
    if (s.len >= sizeof(plain))
        return false;
    const uint8_t *e = memchr(s.ptr, 'e', s.len);
    e = e != NULL ? e : memchr(s.ptr, 'E', s.len);
    if (e == NULL)
        return dec_of_text(s, out);
    struct dec factor, ten;
    long exponent = strtol((const char *)memcpy(memset(plain, 0, sizeof(plain)), e + 1,
                                                (size_t)(s.ptr + s.len - e - 1)),
                           NULL, 10);
    if (exponent < 0 || exponent > 60 || !dec_of_text(slice_of(s.ptr, (size_t)(e - s.ptr)), out))
        return false;
    dec_of_u64(10, &ten);
    dec_of_u64(1, &factor);
    for (long i = 0; i < exponent; i++)
        if (!dec_mul(&factor, &ten, &factor))
            return false;
    return dec_mul(out, &factor, out);
}

/* A decimal that is no constant and a text that is one are compared as decimals, not as reals. */
void compile_text_to_decimal(struct compiler *c, const struct operand *decimal, struct operand *o)
{
    if (decimal->type != TYPE_DEC || decimal->is_const || !o->is_const || o->type != TYPE_TEXT ||
        o->is_hex)
        return;
    struct val *v = compile_value(c, o);
    struct dec *d = arena_alloc(c->program->arena, sizeof(*d));
    if (d == NULL || !decimal_of_text(v->text, d))
        return;
    *v = (struct val){.kind = VAL_DEC, .dec = d};
    o->type = TYPE_DEC;
    o->scale = o->digits = d->scale;
}

static void refine_constants(struct compiler *c, struct operand *const *ops, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < count; j++)
            if (i != j && !ops[i]->is_const)
                as_stored(c, ops[i], ops[j]);
}

/* What these values are compared as; *collation for texts. */
bool compile_find_class(struct compiler *c, struct operand *const *ops, uint32_t count,
                        unsigned *class, const struct rule_collation **collation)
{
    bool text = true, integer = true, decimal = true, temporal = false;
    struct operand joined = {.rank = 9, .collation = c->connection};
    for (uint32_t i = 0; i < count; i++)
        if (!compile_usable(c, ops[i]))
            return false;
    refine_constants(c, ops, count);
    bool numbers = false;
    for (uint32_t i = 0; i < count; i++)
        numbers = numbers || compile_is_integer(ops[i]) || ops[i]->type == TYPE_DEC;
    for (uint32_t i = 0; i < count; i++) {
        const struct operand *o = ops[i];
        if (o->type == TYPE_NULL)
            continue;
        bool hex = o->is_hex && numbers; /* x'41' is a number among numbers */
        temporal = temporal || compile_is_temporal(o);
        text = text && o->type == TYPE_TEXT;
        integer = integer && (compile_is_integer(o) || hex);
        decimal = decimal && (compile_is_integer(o) || o->type == TYPE_DEC || hex);
    }
    *collation = NULL;
    if (temporal) {
        *class = CLASS_TIME;
        return time_class(c, ops, count);
    }
    *class = integer ? CLASS_INT : decimal ? CLASS_DEC : text ? CLASS_TEXT : CLASS_REAL;
    for (uint32_t i = 0; i < count; i++) {
        if (*class == CLASS_TEXT && ops[i]->type == TYPE_TEXT &&
            !join_collation(c, &joined, ops[i]))
            return false;
        const_to_class(c, ops[i], *class);
    }
    *collation = joined.collation;
    return true;
}

/*
 * MariaDB rounds quotients where they are compared ("round_self_if_needed",
 * MariaDB source, sql/item_cmpfunc.cc), though not in BETWEEN and IN. Both
 * scales in one number.
 */
uint32_t compile_rounding(const struct operand *a, const struct operand *b)
{
    if (a->digits <= a->scale && b->digits <= b->scale)
        return NO_ROUNDING;
    return (uint32_t)(a->digits > a->scale ? a->scale : 255) << 8 |
           (b->digits > b->scale ? b->scale : 255);
}

bool compile_text_able(struct compiler *c, const struct operand *o)
{
    const struct column *col = compile_column_of(c, o);
    if (col != NULL && col->kind == COL_BIT)
        return compile_fail(c, o->at, "a BIT column has no place in a text");
    return compile_usable(c, o);
}
