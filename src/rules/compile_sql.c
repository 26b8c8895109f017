/*
 * What the nodes of a WHERE condition mean: types as the server finds them
 * ("Type Conversion in Expression Evaluation", manual), and with them the
 * class in which values are compared.
 */
#include "rules/program_int.h"

#include "base/utf8.h"
#include "rules/temporal.h"

#include <math.h>
#include <stdlib.h>

static bool number_node(struct compiler *c, const struct rule_node *n)
{
    struct slice s = n->text;
    struct dec d;
    uint64_t u;
    if (memchr(s.ptr, 'e', s.len) != NULL || memchr(s.ptr, 'E', s.len) != NULL) {
        size_t used;
        compile_const(c, (struct val){.kind = VAL_REAL, .r = text_real(s, &used)}, TYPE_REAL,
                      n->at);
        return true;
    }
    if (!dec_of_text(s, &d) || d.scale > DEC_SCALE_MAX)
        return compile_fail(c, n->at,
                            "a number has at most %d digits, and %d of them behind the "
                            "point",
                            DEC_DIGITS_MAX, DEC_SCALE_MAX);
    if (memchr(s.ptr, '.', s.len) != NULL || !dec_to_u64(&d, &u))
        compile_const(c, (struct val){.kind = VAL_DEC, .dec = &d}, TYPE_DEC, n->at);
    else if (u <= INT64_MAX)
        compile_const(c, (struct val){.kind = VAL_INT, .u = u}, TYPE_INT, n->at);
    else
        compile_const(c, (struct val){.kind = VAL_UINT, .u = u}, TYPE_UINT, n->at);
    return true;
}

static bool bytes_node(struct compiler *c, const struct rule_node *n)
{
    static struct rule_collation binary = {.name = "binary", .binary = true, .cased = true};
    bool is_text = c->mariadb && n->is_text;
    struct val v = {.kind = VAL_TEXT, .form = !is_text, .text = n->text};
    for (size_t i = 0; i < n->text.len; i++)
        v.number = v.number << 8 | n->text.ptr[i];
    compile_const(c, v, TYPE_TEXT, n->at);
    struct operand *o = compile_top(c, 0);
    o->is_hex = !is_text;
    o->collation = &binary;
    return true;
}

static bool temporal_node(struct compiler *c, const struct rule_node *n)
{
    struct civil civil;
    bool has_time;
    unsigned fsp;
    if (n->kind == NODE_TIME) {
        if (!temporal_parse_time(n->text, &civil, &fsp))
            return compile_fail(c, n->at, "this is no time: 'HH:MM:SS' is expected");
        compile_const(
            c,
            (struct val){.kind = VAL_TIME, .form = (uint8_t)fsp, .i = temporal_pack_time(&civil)},
            TYPE_TIME, n->at);
        return true;
    }
    bool date = n->kind == NODE_DATE;
    if (!temporal_parse(n->text, &civil, &has_time, &fsp) || has_time == date)
        return compile_fail(c, n->at, "this is no %s: '%s' is expected",
                            date ? "date" : "timestamp",
                            date ? "YYYY-MM-DD" : "YYYY-MM-DD HH:MM:SS");
    compile_const(c,
                  (struct val){.kind = date ? VAL_DATE : VAL_DATETIME,
                               .form = (uint8_t)fsp,
                               .i = temporal_pack(&civil)},
                  date ? TYPE_DATE : TYPE_DATETIME, n->at);
    return true;
}

static bool is_temporal(const struct operand *o)
{
    return o->type == TYPE_DATE || o->type == TYPE_DATETIME || o->type == TYPE_TIME;
}

static bool is_integer(const struct operand *o)
{
    return o->type == TYPE_INT || o->type == TYPE_UINT;
}

static const struct column *column_of(const struct compiler *c, const struct operand *o)
{
    return o->is_column ? &c->table->columns[o->column] : NULL;
}

/* FLOAT(7,2): the server compares it with a tolerance. */
static bool is_rounded_real(const struct compiler *c, const struct operand *o)
{
    const struct column *col = column_of(c, o);
    return col != NULL && (col->kind == COL_FLOAT || col->kind == COL_DOUBLE) &&
           memchr(col->type_text.ptr, ',', col->type_text.len) != NULL;
}

static bool refuse_opaque(struct compiler *c, const struct operand *o)
{
    const struct column *col = column_of(c, o);
    return compile_fail(c, o->at, "of a column of type %.*s only IS NULL can be asked",
                        col != NULL ? (int)col->bare_type.len : 0,
                        col != NULL ? (const char *)col->bare_type.ptr : "");
}

static bool usable(struct compiler *c, const struct operand *o)
{
    if (o->type == TYPE_OPAQUE)
        return refuse_opaque(c, o);
    if (is_rounded_real(c, o))
        return compile_fail(c, o->at,
                            "a column of type %.*s cannot be used: its comparisons are not exact",
                            SLICE_ARG(column_of(c, o)->type_text));
    return true;
}

/* --- collations --------------------------------------------------------- */

static bool same_collation(const struct rule_collation *a, const struct rule_collation *b)
{
    return a == b || strcmp(a->name, b->name) == 0;
}

static bool is_bytes(const struct rule_collation *c)
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
    if (o->rank < into->rank || (o->rank == into->rank && is_bytes(o->collation))) {
        into->rank = o->rank;
        into->collation = o->collation;
        return true;
    }
    if (o->rank > into->rank || same_collation(o->collation, into->collation) ||
        is_bytes(into->collation))
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
static bool common_collation(struct compiler *c, uint32_t count, struct operand *out)
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
        if (is_temporal(o) || o->type == TYPE_NULL)
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
    const struct column *col = column_of(c, column);
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
static void text_to_decimal(struct compiler *c, const struct operand *decimal, struct operand *o)
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
static bool find_class(struct compiler *c, struct operand *const *ops, uint32_t count,
                       unsigned *class, const struct rule_collation **collation)
{
    bool text = true, integer = true, decimal = true, temporal = false;
    struct operand joined = {.rank = 9, .collation = c->connection};
    for (uint32_t i = 0; i < count; i++)
        if (!usable(c, ops[i]))
            return false;
    refine_constants(c, ops, count);
    bool numbers = false;
    for (uint32_t i = 0; i < count; i++)
        numbers = numbers || is_integer(ops[i]) || ops[i]->type == TYPE_DEC;
    for (uint32_t i = 0; i < count; i++) {
        const struct operand *o = ops[i];
        if (o->type == TYPE_NULL)
            continue;
        bool hex = o->is_hex && numbers; /* x'41' is a number among numbers */
        temporal = temporal || is_temporal(o);
        text = text && o->type == TYPE_TEXT;
        integer = integer && (is_integer(o) || hex);
        decimal = decimal && (is_integer(o) || o->type == TYPE_DEC || hex);
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
static uint32_t rounding(const struct operand *a, const struct operand *b)
{
    if (a->digits <= a->scale && b->digits <= b->scale)
        return NO_ROUNDING;
    return (uint32_t)(a->digits > a->scale ? a->scale : 255) << 8 |
           (b->digits > b->scale ? b->scale : 255);
}

/* --- operators ------------------------------------------------------------- */

static bool compare_node(struct compiler *c, const struct rule_node *n)
{
    struct operand *ops[2] = {compile_top(c, 1), compile_top(c, 0)};
    unsigned class;
    const struct rule_collation *collation;
    text_to_decimal(c, ops[0], ops[1]);
    text_to_decimal(c, ops[1], ops[0]);
    if (!find_class(c, ops, 2, &class, &collation))
        return false;
    struct insn *in = compile_emit(c, INSN_COMPARE, n->at);
    in->op = n->op;
    in->flag = (uint8_t) class;
    in->p = collation;
    in->a = class == CLASS_DEC ? rounding(ops[0], ops[1]) : NO_ROUNDING;
    compile_fold(c, 2, TYPE_INT, class != CLASS_TEXT);
    return true;
}

static bool between_node(struct compiler *c, const struct rule_node *n)
{
    struct operand *ops[3] = {compile_top(c, 2), compile_top(c, 1), compile_top(c, 0)};
    unsigned class;
    const struct rule_collation *collation;
    if (!find_class(c, ops, 3, &class, &collation))
        return false;
    struct insn *in = compile_emit(c, INSN_BETWEEN, n->at);
    in->op = n->negated;
    in->flag = (uint8_t) class;
    in->p = collation;
    compile_fold(c, 3, TYPE_INT, false);
    return true;
}

/* What the list of an IN is like, kept with the operand that stands for what was found. */
static void note_item(struct operand *found, const struct operand *left, const struct operand *item,
                      unsigned class)
{
    found->in_classes |= (uint8_t)(1u << class);
    found->in_variable = found->in_variable || !item->is_const;
    found->in_signs =
        found->in_signs || (is_integer(left) && is_integer(item) && left->type != item->type);
}

/*
 * A list that MySQL does not sort beforehand is compared without regard to
 * which integers are unsigned: -1 is in (18446744073709551615, x). That is no
 * meaning to follow.
 */
static bool signs_agree(struct compiler *c, const struct operand *found, const struct rule_node *n)
{
    bool sorted = !found->in_variable && (found->in_classes & (found->in_classes - 1)) == 0;
    return c->mariadb || sorted || !found->in_signs || n->argc < 3 ||
           compile_fail(c, n->at, "IN over signed and unsigned integers: write it with = and OR");
}

/* The item at the top is compared with the value that IN looks for. */
static bool in_step(struct compiler *c, uint32_t owner)
{
    const struct rule_node *n = &c->x->nodes[owner];
    struct operand *ops[2] = {compile_top(c, 2), compile_top(c, 0)}; /* what was found is between */
    struct operand left = *ops[0];
    unsigned class;
    const struct rule_collation *collation;
    left.is_const = false; /* each item compares with it in its own way: it stays as it is */
    ops[0] = &left;
    if (n->argc == 2 || c->mariadb) /* one item is a plain comparison */
        text_to_decimal(c, &left, ops[1]);
    if (!find_class(c, ops, 2, &class, &collation))
        return false;
    note_item(compile_top(c, 1), &left, ops[1], class);
    struct insn *in = compile_emit(c, INSN_IN_STEP, c->x->nodes[owner].at);
    in->op = n->negated;
    in->flag = (uint8_t) class;
    in->p = collation;
    in->a = owner;
    c->depth--;
    return true;
}

static bool in_node(struct compiler *c, const struct rule_node *n)
{
    if (!in_step(c, c->node) || !signs_agree(c, compile_top(c, 0), n))
        return false;
    compile_emit(c, INSN_IN_END, n->at)->op = n->negated;
    compile_fold(c, 2, TYPE_INT, false);
    return true;
}

static bool null_node(struct compiler *c, const struct rule_node *n)
{
    const struct operand *o = compile_top(c, 0);
    const struct column *col = column_of(c, o);
    if (col != NULL && !col->nullable && (col->kind == COL_DATE || col->kind == COL_DATETIME))
        return compile_fail(c, o->at,
                            "column `%.*s` is NOT NULL: servers take IS NULL for = '0000-00-00' "
                            "here; write that if it is meant",
                            SLICE_ARG(col->name));
    if (col != NULL) {
        struct insn *load = &c->program->insns[c->program->count - 1];
        load->code = INSN_COLUMN_NULL;
        load->op = n->negated;
    } else {
        struct insn *in = compile_emit(c, INSN_IS, n->at);
        in->op = OP_IS_NULL;
        in->a = n->negated;
    }
    compile_fold(c, 1, TYPE_INT, col == NULL);
    return true;
}

static bool truth(struct compiler *c, uint32_t below)
{
    const struct operand *o = compile_top(c, below);
    return usable(c, o);
}

static bool is_node(struct compiler *c, const struct rule_node *n)
{
    if (!truth(c, 0))
        return false;
    struct insn *in = compile_emit(c, INSN_IS, n->at);
    in->op = n->op;
    in->a = n->negated;
    compile_fold(c, 1, TYPE_INT, true);
    return true;
}

static bool logic_node(struct compiler *c, const struct rule_node *n)
{
    enum insn_code code = n->op == OP_AND   ? INSN_AND
                          : n->op == OP_OR  ? INSN_OR
                          : n->op == OP_XOR ? INSN_XOR
                                            : INSN_NOT;
    uint32_t argc = n->op == OP_NOT ? 1 : 2;
    for (uint32_t i = 0; i < argc; i++)
        if (!truth(c, i))
            return false;
    compile_emit(c, code, n->at);
    compile_fold(c, argc, TYPE_INT, n->op == OP_NOT || n->op == OP_XOR);
    return true;
}

/* --- texts ------------------------------------------------------------------- */

static bool text_able(struct compiler *c, const struct operand *o)
{
    const struct column *col = column_of(c, o);
    if (col != NULL && col->kind == COL_BIT)
        return compile_fail(c, o->at, "a BIT column has no place in a text");
    return usable(c, o);
}

static bool like_node(struct compiler *c, const struct rule_node *n)
{
    struct like_info *info = arena_alloc(c->program->arena, sizeof(*info));
    struct operand joined;
    if (info == NULL)
        return false;
    info->escape = '\\';
    if (n->argc == 3) {
        struct operand *o = compile_top(c, 0);
        struct slice s =
            o->is_const && o->type == TYPE_TEXT ? compile_value(c, o)->text : SLICE_LIT("..");
        if (s.len > 0 && utf8_char_len(s.ptr, s.ptr + s.len) != s.len)
            return compile_fail(c, o->at, "one character, or none, is expected behind ESCAPE");
        info->escape = s.len > 0 ? utf8_code_point(s.ptr, (unsigned)s.len) : 0;
        c->program->count = o->start;
        c->depth--;
    }
    if (!text_able(c, compile_top(c, 0)) || !text_able(c, compile_top(c, 1)) ||
        !common_collation(c, 2, &joined))
        return false;
    info->collation = joined.collation;
    struct insn *in = compile_emit(c, INSN_LIKE, n->at);
    in->op = n->negated;
    in->p = info;
    compile_fold(c, 2, TYPE_INT, false);
    return true;
}

static bool keep_regex(struct compiler *c, void *code)
{
    struct rule_program *p = c->program;
    void **regexes = realloc(p->regexes, (p->regex_count + 1) * sizeof(*regexes));
    if (regexes == NULL) {
        c->err = ERR_NO_MEMORY;
        return false;
    }
    p->regexes = regexes;
    p->regexes[p->regex_count++] = code;
    return true;
}

static bool regexp_node(struct compiler *c, const struct rule_node *n)
{
    struct regex_info *info = arena_alloc(c->program->arena, sizeof(*info));
    const struct operand *pattern = compile_top(c, 0);
    struct operand joined;
    if (info == NULL || !text_able(c, pattern) || !text_able(c, compile_top(c, 1)) ||
        !common_collation(c, 2, &joined))
        return false;
    if (is_bytes(joined.collation))
        return compile_fail(c, n->at, "REGEXP has no meaning for binary columns");
    info->collation = joined.collation;
    if (pattern->is_const && pattern->type == TYPE_TEXT) {
        info->code = regex_plain(compile_value(c, pattern)->text, !joined.collation->cased, false);
        if (info->code != NULL && !keep_regex(c, info->code))
            return false;
    }
    struct insn *in = compile_emit(c, INSN_REGEXP, n->at);
    in->op = n->negated;
    in->p = info;
    compile_fold(c, 2, TYPE_INT, false);
    return true;
}

/* --- numbers ------------------------------------------------------------------- */

static bool numeric(struct compiler *c, const struct operand *o)
{
    if (is_temporal(o))
        return compile_fail(c, o->at, "dates and times cannot be calculated with");
    return usable(c, o);
}

static unsigned class_of(const struct operand *o)
{
    if (o->is_hex || is_integer(o) || o->type == TYPE_NULL)
        return CLASS_INT;
    return o->type == TYPE_DEC ? CLASS_DEC : CLASS_REAL;
}

static enum type type_of_class(unsigned class)
{
    return class == CLASS_INT ? TYPE_INT : class == CLASS_DEC ? TYPE_DEC : TYPE_REAL;
}

static bool negative_node(struct compiler *c, const struct rule_node *n)
{
    struct operand *o = compile_top(c, 0);
    if (!numeric(c, o))
        return false;
    unsigned class = class_of(o), scale = o->scale, digits = o->digits;
    if (o->is_const && o->type == TYPE_UINT) { /* the server makes a decimal of it */
        struct dec *d = arena_alloc(c->program->arena, sizeof(*d));
        struct val *v = compile_value(c, o);
        if (d == NULL)
            return false;
        dec_of_u64(v->u, d);
        *v = (struct val){.kind = VAL_DEC, .dec = d};
        class = CLASS_DEC;
    }
    struct insn *in = compile_emit(c, INSN_ARITHMETIC, n->at);
    in->op = n->op;
    in->flag = (uint8_t) class;
    o = compile_fold(c, 1, type_of_class(class), true);
    o->scale = (uint8_t)scale;
    o->digits = (uint8_t)digits;
    return true;
}

/* Digits behind the point of a result: that it is said to have, and that it really has. */
static void scales_of(const struct compiler *c, unsigned op, const struct operand *a,
                      const struct operand *b, unsigned *scale, unsigned *digits)
{
    unsigned x = a->type == TYPE_DEC ? a->scale : 0, y = b->type == TYPE_DEC ? b->scale : 0;
    unsigned x_real = a->type == TYPE_DEC ? a->digits : 0;
    unsigned y_real = b->type == TYPE_DEC ? b->digits : 0;
    if (op == OP_MUL) {
        *scale = x + y;
        *digits = x_real + y_real;
    } else if (op == OP_DIVIDE) {
        unsigned most = c->mariadb ? 38 : DEC_SCALE_MAX;
        *scale = x + 4 < most ? x + 4 : most;
        *digits = dec_div_scale(x_real, y_real);
        if (!c->mariadb && *digits <= DEC_FRACTION * DEC_GROUP_WIDTH)
            *digits = *scale; /* MySQL rounds at once */
    } else {
        *scale = x > y ? x : y;
        *digits = x_real > y_real ? x_real : y_real;
    }
}

static bool arithmetic_node(struct compiler *c, const struct rule_node *n)
{
    const struct operand *a = compile_top(c, 1), *b = compile_top(c, 0);
    unsigned op = n->op == OP_FN_MOD ? OP_MOD : n->op;
    if (!numeric(c, a) || !numeric(c, b))
        return false;
    unsigned class = class_of(a) > class_of(b) ? class_of(a) : class_of(b);
    if (op == OP_INT_DIV && class == CLASS_REAL)
        return compile_fail(c, n->at, "DIV takes integers and decimals only");
    if (op == OP_DIVIDE && class == CLASS_INT)
        class = CLASS_DEC;
    unsigned scale = 0, digits = 0;
    if (class == CLASS_DEC)
        scales_of(c, op, a, b, &scale, &digits);
    if ((scale > DEC_SCALE_MAX && op != OP_DIVIDE) || digits > DEC_FRACTION * DEC_GROUP_WIDTH)
        return compile_fail(c, n->at,
                            "the result would have %u digits behind the point: %d are "
                            "the most",
                            digits, DEC_SCALE_MAX);
    struct insn *in = compile_emit(c, INSN_ARITHMETIC, n->at);
    in->op = (uint16_t)op;
    in->flag = (uint8_t) class;
    in->a = op == OP_DIVIDE && !c->mariadb             ? scale
            : op == OP_MOD && c->mariadb && digits > 0 ? SIGNED_ZERO
                                                       : NO_ROUNDING;
    bool integer = op == OP_INT_DIV;
    bool is_unsigned = a->type == TYPE_UINT || b->type == TYPE_UINT || a->is_hex || b->is_hex;
    enum type type = integer ? TYPE_INT : type_of_class(class);
    if (type == TYPE_INT && is_unsigned)
        type = TYPE_UINT;
    struct operand *o = compile_fold(c, 2, type, true);
    o->scale = (uint8_t)scale;
    o->digits = (uint8_t)digits;
    return true;
}

/* --- functions ------------------------------------------------------------------- */

static struct operand *call(struct compiler *c, const struct rule_node *n, enum type type,
                            const void *info, bool pure)
{
    struct insn *in = compile_emit(c, INSN_CALL, n->at);
    in->op = n->op;
    in->argc = n->argc;
    in->p = info;
    return compile_fold(c, n->argc, type, pure);
}

static bool case_node(struct compiler *c, const struct rule_node *n)
{
    struct operand joined;
    if (!text_able(c, compile_top(c, 0)) || !common_collation(c, 1, &joined))
        return false;
    call(c, n, TYPE_TEXT, joined.collation, false);
    return true;
}

static bool length_node(struct compiler *c, const struct rule_node *n)
{
    const struct operand *o = compile_top(c, 0);
    const struct column *col = column_of(c, o);
    if (!text_able(c, o))
        return false;
    if (o->type == TYPE_TEXT && o->collation == NULL)
        return compile_fail(c, o->at, "the collation of this column is not known");
    bool label = col != NULL && o->is_label;
    if (o->type == TYPE_TEXT && col != NULL && !label && n->op == OP_LENGTH) {
        c->program->insns[c->program->count - 1].code = INSN_COLUMN_LENGTH;
        compile_fold(c, 1, TYPE_INT, false);
        return true;
    }
    bool other = o->type == TYPE_TEXT && o->collation->charset != NULL &&
                 o->collation->charset->form == CHARSET_OTHER;
    if (n->op == OP_LENGTH && other)
        return compile_fail(c, n->at,
                            "length() of a text in %s that is no column: use "
                            "char_length()",
                            o->collation->charset->name);
    call(c, n, TYPE_INT, o->type == TYPE_TEXT ? o->collation : c->connection, false);
    return true;
}

/* Bytes and text in another character set than UTF-8 have no common form here. */
static bool joinable(struct compiler *c, uint32_t argc)
{
    bool bytes = false, text = false;
    for (uint32_t i = 0; i < argc; i++) {
        const struct operand *o = compile_top(c, i);
        bool is_binary = o->type == TYPE_TEXT && o->collation != NULL && is_bytes(o->collation);
        bytes = bytes || is_binary;
        text = text || (o->type == TYPE_TEXT && !is_binary && !o->is_const);
    }
    return !(bytes && text) ||
           compile_fail(c, compile_top(c, 0)->at, "binary values and texts cannot be joined");
}

/* Servers refuse a constant that a column's character set may not have. */
static bool fits_charset(struct compiler *c, uint32_t argc, const struct operand *joined)
{
    const struct charset *cs = joined->collation->charset;
    for (uint32_t i = 0; cs != NULL && cs->form == CHARSET_OTHER && i < argc; i++) {
        const struct operand *o = compile_top(c, i);
        if (o->is_const && o->type == TYPE_TEXT && !text_is_plain(compile_value(c, o)->text))
            return compile_fail(c, o->at, "only ASCII can be joined with texts in %s", cs->name);
    }
    return true;
}

static bool concat_node(struct compiler *c, const struct rule_node *n)
{
    struct operand joined;
    for (uint32_t i = 0; i < n->argc; i++)
        if (!text_able(c, compile_top(c, i)))
            return false;
    if (!joinable(c, n->argc) || !common_collation(c, n->argc, &joined) ||
        !fits_charset(c, n->argc, &joined))
        return false;
    struct operand *o = call(c, n, TYPE_TEXT, NULL, true);
    o->collation = joined.collation;
    o->rank = joined.rank > 4 ? 4 : joined.rank;
    return true;
}

static bool substring_node(struct compiler *c, const struct rule_node *n)
{
    const struct operand *o = compile_top(c, n->argc - 1);
    if (!text_able(c, o))
        return false;
    for (uint32_t i = 0; i + 1 < n->argc; i++) {
        const struct operand *at = compile_top(c, i);
        if (!is_integer(at) && at->type != TYPE_NULL)
            return compile_fail(c, at->at, "an integer is expected");
    }
    const struct rule_collation *collation =
        o->type == TYPE_TEXT && o->collation != NULL ? o->collation : c->connection;
    call(c, n, TYPE_TEXT, collation, false);
    return true;
}

static bool coalesce_node(struct compiler *c, const struct rule_node *n)
{
    bool text = false, number = false, null = true;
    unsigned class = CLASS_INT;
    enum type temporal = TYPE_NULL;
    struct operand joined;
    uint8_t scale = 0, digits = 0;
    for (uint32_t i = 0; i < n->argc; i++) {
        const struct operand *o = compile_top(c, i);
        if (!usable(c, o))
            return false;
        if (o->type == TYPE_NULL || o->is_left_out)
            continue;
        null = false;
        if (is_temporal(o)) {
            if (temporal != TYPE_NULL && temporal != (enum type)o->type)
                return compile_fail(c, o->at, "%s() takes values of one type",
                                    rule_ops[n->op].name);
            temporal = (enum type)o->type;
            continue;
        }
        text = text || o->type == TYPE_TEXT;
        number = number || o->type != TYPE_TEXT;
        if (class_of(o) > class)
            class = class_of(o);
        if (o->type == TYPE_DEC && o->scale > scale)
            scale = o->scale;
        if (o->type == TYPE_DEC && o->digits > digits)
            digits = o->digits;
    }
    if (text + number + (temporal != TYPE_NULL) > 1)
        return compile_fail(c, n->at, "%s() takes values of one type", rule_ops[n->op].name);
    if (text && (!joinable(c, n->argc) || !common_collation(c, n->argc, &joined) ||
                 !fits_charset(c, n->argc, &joined)))
        return false;
    c->label[c->node] = c->program->count; /* jumps end in front of the conversion */
    enum type type = null                    ? TYPE_NULL
                     : temporal != TYPE_NULL ? temporal
                     : text                  ? TYPE_TEXT
                                             : type_of_class(class);
    if (number && class != CLASS_INT)
        compile_emit(c, INSN_CONVERT, n->at)->flag = (uint8_t) class;
    struct operand *o = compile_fold(c, n->argc, type, false);
    o->scale = scale;
    o->digits = digits;
    if (text) {
        o->collation = joined.collation;
        o->rank = joined.rank;
    }
    return true;
}

static bool date_node(struct compiler *c, const struct rule_node *n)
{
    const struct operand *o = compile_top(c, 0);
    if (o->type != TYPE_DATE && o->type != TYPE_DATETIME && o->type != TYPE_NULL)
        return compile_fail(c, o->at, "%s() takes a date here", rule_ops[n->op].name);
    call(c, n, n->op == OP_DATE ? TYPE_DATE : TYPE_INT, NULL, false);
    return true;
}

static bool abs_node(struct compiler *c, const struct rule_node *n)
{
    const struct operand *o = compile_top(c, 0);
    if (!numeric(c, o))
        return false;
    unsigned class = class_of(o);
    enum type type = class == CLASS_INT && o->type == TYPE_UINT ? TYPE_UINT : type_of_class(class);
    uint8_t scale = o->scale, digits = o->digits;
    struct insn *in = compile_emit(c, INSN_ARITHMETIC, n->at);
    in->op = n->op;
    in->flag = (uint8_t) class;
    struct operand *result = compile_fold(c, 1, type, true);
    result->scale = scale;
    result->digits = digits;
    return true;
}

static bool mark_node(struct compiler *c, const struct rule_node *n)
{
    struct operand *o = compile_top(c, 0);
    if (n->op == OP_IN) {
        if (n->argc > 1)
            return in_step(c, n->target);
        if (!usable(c, o))
            return false;
        compile_push(c, TYPE_INT, n->at);
        compile_emit(c, INSN_IN_BEGIN, n->at);
        return true;
    }
    if (n->op == OP_AND || n->op == OP_OR) {
        if (!truth(c, 0))
            return false;
        compile_emit(c, n->op == OP_AND ? INSN_AND_JUMP : INSN_OR_JUMP, n->at)->a = n->target;
        return true;
    }
    compile_emit(c, INSN_COALESCE_JUMP, n->at)->a = n->target;
    return true;
}

static bool call_node(struct compiler *c, const struct rule_node *n)
{
    switch ((int)n->op) {
    case OP_OR:
    case OP_XOR:
    case OP_AND:
    case OP_NOT:
        return logic_node(c, n);
    case OP_EQ:
    case OP_NULL_EQ:
    case OP_NE:
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
        return compare_node(c, n);
    case OP_IN:
        return in_node(c, n);
    case OP_BETWEEN:
        return between_node(c, n);
    case OP_LIKE:
        return like_node(c, n);
    case OP_REGEXP:
        return regexp_node(c, n);
    case OP_IS_NULL:
        return null_node(c, n);
    case OP_IS_TRUE:
    case OP_IS_FALSE:
        return is_node(c, n);
    case OP_NEG:
        return negative_node(c, n);
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_DIVIDE:
    case OP_INT_DIV:
    case OP_MOD:
    case OP_FN_MOD:
        return arithmetic_node(c, n);
    case OP_ABS:
        return abs_node(c, n);
    case OP_LOWER:
    case OP_UPPER:
        return case_node(c, n);
    case OP_LENGTH:
    case OP_CHAR_LENGTH:
        return length_node(c, n);
    case OP_CONCAT:
        return concat_node(c, n);
    case OP_SUBSTRING:
        return substring_node(c, n);
    case OP_COALESCE:
    case OP_IFNULL:
        return coalesce_node(c, n);
    case OP_DATE:
    case OP_YEAR:
        return date_node(c, n);
    default:
        return compile_fail(c, n->at, "%s has no place in a condition", rule_ops[n->op].name);
    }
}

bool compile_sql_node(struct compiler *c, const struct rule_node *n)
{
    bool last = c->node + 1 == c->x->count;
    switch ((enum node_kind)n->kind) {
    case NODE_NUMBER:
        number_node(c, n);
        break;
    case NODE_STRING:
        compile_const(c, (struct val){.kind = VAL_TEXT, .text = n->text}, TYPE_TEXT, n->at);
        break;
    case NODE_BYTES:
        bytes_node(c, n);
        break;
    case NODE_NULL:
        compile_const(c, (struct val){.kind = VAL_NULL}, TYPE_NULL, n->at);
        break;
    case NODE_TRUE:
    case NODE_FALSE:
        compile_const(c, (struct val){.kind = VAL_INT, .i = n->kind == NODE_TRUE}, TYPE_INT, n->at);
        break;
    case NODE_DATE:
    case NODE_TIME:
    case NODE_DATETIME:
        temporal_node(c, n);
        break;
    case NODE_COLUMN:
        compile_column(c, n, IMAGE_CURRENT);
        break;
    case NODE_MARK:
        return mark_node(c, n);
    case NODE_CALL:
        call_node(c, n);
        break;
    case NODE_VARIABLE:
    case NODE_NAME:
        return compile_fail(c, n->at, "this has no place in a condition");
    }
    if (c->err == ERR_OK && last)
        return truth(c, 0);
    return c->err == ERR_OK;
}
