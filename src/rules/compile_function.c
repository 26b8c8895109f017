/* Arithmetic and functions of a WHERE: which types they take, and which they have. */
#include "rules/compile_sql.h"

/* --- numbers ------------------------------------------------------------------- */

static bool numeric(struct compiler *c, const struct operand *o)
{
    if (compile_is_temporal(o))
        return compile_fail(c, o->at, "dates and times cannot be calculated with");
    return compile_usable(c, o);
}

static unsigned class_of(const struct operand *o)
{
    if (o->is_hex || compile_is_integer(o) || o->type == TYPE_NULL)
        return CLASS_INT;
    return o->type == TYPE_DEC ? CLASS_DEC : CLASS_REAL;
}

static enum type type_of_class(unsigned class)
{
    return class == CLASS_INT ? TYPE_INT : class == CLASS_DEC ? TYPE_DEC : TYPE_REAL;
}

/* The minus of -9223372036854775808, which is an integer when it is written so. */
static bool makes_least_integer(struct compiler *c, const struct rule_node *minus,
                                const struct operand *o)
{
    return minus[-1].kind == NODE_NUMBER && compile_value(c, o)->u == (uint64_t)INT64_MAX + 1;
}

bool compile_negative_node(struct compiler *c, const struct rule_node *n)
{
    struct operand *o = compile_top(c, 0);
    if (!numeric(c, o))
        return false;
    unsigned class = class_of(o), scale = o->scale, digits = o->digits;
    if (o->is_const && o->type == TYPE_UINT && !makes_least_integer(c, n, o)) {
        /* The server makes a decimal of it. */
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

bool compile_arithmetic_node(struct compiler *c, const struct rule_node *n)
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
    if (!compile_text_able(c, compile_top(c, 0)) || !compile_common_collation(c, 1, &joined))
        return false;
    call(c, n, TYPE_TEXT, joined.collation, false);
    return true;
}

static bool length_node(struct compiler *c, const struct rule_node *n)
{
    const struct operand *o = compile_top(c, 0);
    const struct column *col = compile_column_of(c, o);
    if (!compile_text_able(c, o))
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
        bool is_binary =
            o->type == TYPE_TEXT && o->collation != NULL && compile_is_bytes(o->collation);
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
        if (!compile_text_able(c, compile_top(c, i)))
            return false;
    if (!joinable(c, n->argc) || !compile_common_collation(c, n->argc, &joined) ||
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
    if (!compile_text_able(c, o))
        return false;
    for (uint32_t i = 0; i + 1 < n->argc; i++) {
        const struct operand *at = compile_top(c, i);
        if (!compile_is_integer(at) && at->type != TYPE_NULL)
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
        if (!compile_usable(c, o))
            return false;
        if (o->type == TYPE_NULL || o->is_left_out)
            continue;
        null = false;
        if (compile_is_temporal(o)) {
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
    if (text && (!joinable(c, n->argc) || !compile_common_collation(c, n->argc, &joined) ||
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

bool compile_function_node(struct compiler *c, const struct rule_node *n)
{
    switch ((int)n->op) {
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
        return abs_node(c, n);
    }
}
