/* Plans of the full copy: what is selected, and how its values are read. */
#include "mysqlproto/copy_plan_int.h"

#include "schema/cell_text.h"
#include "schema/sql_name.h"

#include <stdlib.h>

#define COLUMNS_MAX 4096

/* Groups of the result's types that are read alike. */
enum copy_family {
    FAMILY_INT8,
    FAMILY_INT16,
    FAMILY_INT32,
    FAMILY_INT64,
    FAMILY_YEAR,
    FAMILY_FLOAT,
    FAMILY_DOUBLE,
    FAMILY_DATE,
    FAMILY_DATETIME,
    FAMILY_TIME,
    FAMILY_TIMESTAMP,
    FAMILY_DECIMAL,
    FAMILY_BIT,
    FAMILY_JSON,
    FAMILY_STRING,
    FAMILY_NONE,
};

static enum copy_family family_of(uint8_t type)
{
    switch (type) {
    case MY_TYPE_TINY:
        return FAMILY_INT8;
    case MY_TYPE_SHORT:
        return FAMILY_INT16;
    case MY_TYPE_INT24:
    case MY_TYPE_LONG:
        return FAMILY_INT32;
    case MY_TYPE_LONGLONG:
        return FAMILY_INT64;
    case MY_TYPE_YEAR:
        return FAMILY_YEAR;
    case MY_TYPE_FLOAT:
        return FAMILY_FLOAT;
    case MY_TYPE_DOUBLE:
        return FAMILY_DOUBLE;
    case MY_TYPE_DATE:
    case MY_TYPE_NEWDATE:
        return FAMILY_DATE;
    case MY_TYPE_DATETIME:
        return FAMILY_DATETIME;
    case MY_TYPE_TIME:
        return FAMILY_TIME;
    case MY_TYPE_TIMESTAMP:
        return FAMILY_TIMESTAMP;
    case MY_TYPE_DECIMAL:
    case MY_TYPE_NEWDECIMAL:
        return FAMILY_DECIMAL;
    case MY_TYPE_BIT:
        return FAMILY_BIT;
    case MY_TYPE_JSON:
        return FAMILY_JSON;
    case MY_TYPE_VARCHAR:
    case MY_TYPE_VECTOR:
    case MY_TYPE_TINY_BLOB:
    case MY_TYPE_MEDIUM_BLOB:
    case MY_TYPE_LONG_BLOB:
    case MY_TYPE_BLOB:
    case MY_TYPE_VAR_STRING:
    case MY_TYPE_STRING:
    case MY_TYPE_GEOMETRY:
        return FAMILY_STRING;
    default:
        return FAMILY_NONE;
    }
}

static struct copy_op fixed(enum copy_code code, unsigned size, enum copy_family family)
{
    return (struct copy_op){
        .code = (uint8_t)code, .size = (uint8_t)size, .family = (uint8_t)family};
}

static struct copy_op integer(enum copy_code if_signed, const struct column *c, unsigned size,
                              enum copy_family family)
{
    struct copy_op op = fixed(if_signed + (c->is_unsigned ? 1 : 0), size, family);
    op.is_unsigned = c->is_unsigned;
    return op;
}

static struct copy_op temporal(enum copy_code code, const struct column *c, enum copy_family family)
{
    struct copy_op op = fixed(code, 1, family);
    op.fsp = c->fsp;
    return op;
}

static struct copy_op number(void)
{
    struct copy_op op = fixed(COPY_U64, 8, FAMILY_INT64);
    op.is_unsigned = true;
    return op;
}

static struct copy_op decimal(const struct column *c)
{
    struct copy_op op = fixed(COPY_DECIMAL, 1, FAMILY_DECIMAL);
    op.precision = c->precision;
    op.scale = c->scale;
    op.pad = (uint16_t)cell_decimal_size(c->precision, c->scale);
    return op;
}

static struct copy_op bytes(const struct column *c)
{
    struct copy_op op = fixed(COPY_BYTES, 1, FAMILY_STRING);
    op.charset = c->charset;
    if (c->fixed_len > 0) {
        op.code = COPY_PADDED;
        op.pad = (uint16_t)c->fixed_len;
    }
    return op;
}

/* False: the values of this column cannot be read. */
static bool column_op(const struct column *c, struct copy_op *op)
{
    switch (c->kind) {
    case COL_TINYINT:
        *op = integer(COPY_I8, c, 1, FAMILY_INT8);
        return true;
    case COL_SMALLINT:
        *op = integer(COPY_I16, c, 2, FAMILY_INT16);
        return true;
    case COL_MEDIUMINT:
    case COL_INT:
        *op = integer(COPY_I32, c, 4, FAMILY_INT32);
        return true;
    case COL_BIGINT:
        *op = integer(COPY_I64, c, 8, FAMILY_INT64);
        return true;
    case COL_FLOAT:
        *op = fixed(COPY_F32, 4, FAMILY_FLOAT);
        return true;
    case COL_DOUBLE:
        *op = fixed(COPY_F64, 8, FAMILY_DOUBLE);
        return true;
    case COL_YEAR:
        *op = fixed(COPY_U16, 2, FAMILY_YEAR);
        return true;
    case COL_DECIMAL:
        *op = decimal(c);
        return c->precision >= 1 && c->precision <= 65 && c->scale <= c->precision;
    case COL_BIT:
        *op = fixed(COPY_BIT, 1, FAMILY_BIT);
        return true;
    case COL_DATE:
        *op = fixed(COPY_DATE, 1, FAMILY_DATE);
        return true;
    case COL_TIME:
        *op = temporal(COPY_TIME, c, FAMILY_TIME);
        return true;
    case COL_DATETIME:
        *op = temporal(COPY_DATETIME, c, FAMILY_DATETIME);
        return true;
    case COL_TIMESTAMP:
        *op = temporal(COPY_TIMESTAMP, c, FAMILY_TIMESTAMP);
        return true;
    case COL_ENUM:
    case COL_SET:
        *op = number();
        return true;
    case COL_JSON:
        *op = fixed(COPY_TEXT, 1, FAMILY_JSON);
        return true;
    case COL_CHAR:
    case COL_VARCHAR:
    case COL_TEXT:
    case COL_BINARY:
    case COL_VARBINARY:
    case COL_BLOB:
    case COL_GEOMETRY:
    case COL_VECTOR:
    case COL_UUID:
    case COL_INET4:
    case COL_INET6:
        *op = bytes(c);
        return c->fixed_len <= UINT16_MAX;
    case COL_KIND_COUNT:
        break;
    }
    return false;
}

/* ---- which columns, in which order ---- */

static bool in_identity(const struct table *t, uint32_t column)
{
    for (uint32_t i = 0; i < t->identity_count; i++)
        if (t->identity[i] == column)
            return true;
    return false;
}

/* Fills order, which has room for all columns, and returns how many there are. */
static uint32_t all_columns(const struct table *t, uint16_t *order)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->identity_count; i++)
        order[n++] = t->identity[i];
    for (uint32_t i = 0; i < t->column_count; i++)
        if (!t->columns[i].hidden && !in_identity(t, i))
            order[n++] = (uint16_t)i;
    return n;
}

/* Around the name: what makes the server send the value that row images hold. */
struct wrapping {
    const char *before;
    const char *after;
};

static struct wrapping wrapping_of(const struct column *c)
{
    switch ((int)c->kind) {
    case COL_ENUM: /* the label may be none (the error value) or twice the same */
    case COL_SET:
        /* A bit operation gives BIGINT UNSIGNED; a cast alone is an INT if the labels are short. */
        return (struct wrapping){"CAST(", " AS UNSIGNED)|0"};
    case COL_UUID:
    case COL_INET6:
        return (struct wrapping){"CAST(", " AS BINARY(16))"};
    case COL_INET4:
        return (struct wrapping){"CAST(", " AS BINARY(4))"};
    default:
        return (struct wrapping){"", ""};
    }
}

static void put_expression(const struct column *c, struct writer *w)
{
    struct wrapping around = wrapping_of(c);
    writer_slice_put(w, slice_str(around.before));
    sql_put_name(w, c->name);
    writer_slice_put(w, slice_str(around.after));
}

void copy_plan_select_list(const struct table *t, const uint16_t *columns, uint32_t count,
                           struct writer *w)
{
    uint16_t order[COLUMNS_MAX];
    if (columns == NULL && t->column_count <= COLUMNS_MAX) {
        count = all_columns(t, order);
        columns = order;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            writer_u8(w, ',');
        put_expression(&t->columns[columns[i]], w);
    }
}

/* ---- making ---- */

static struct copy_plan *plan_alloc(uint32_t width, uint32_t count)
{
    struct copy_plan *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->ops = calloc(count, sizeof *p->ops);
    p->absent = calloc(width, sizeof *p->absent);
    p->place = calloc(width, sizeof *p->place);
    if (p->ops == NULL || p->absent == NULL || p->place == NULL) {
        copy_plan_free(p);
        return NULL;
    }
    p->width = width;
    p->count = count;
    p->nulls_len = (count + 7 + COPY_NULL_BIT_OFFSET) / 8;
    return p;
}

/* Needs, places and what is absent. */
static void lay_out(struct copy_plan *p)
{
    struct copy_op *run = p->ops;
    for (uint32_t i = 0; i < p->width; i++)
        p->place[i] = UINT16_MAX;
    for (uint32_t i = 0; i < p->count; i++) {
        struct copy_op *op = &p->ops[i];
        p->place[op->column] = (uint16_t)i;
        run->need += op->size;
        if (op->code >= COPY_DATE)
            run = op + 1;
    }
    for (uint32_t i = 0; i < p->width; i++)
        if (p->place[i] == UINT16_MAX)
            p->absent[p->absent_count++] = (uint16_t)i;
}

enum err copy_plan_new(const struct table *t, const uint16_t *columns, uint32_t count,
                       struct copy_plan **out, struct errmsg *em)
{
    uint16_t order[COLUMNS_MAX];
    if (t->column_count > COLUMNS_MAX)
        return errmsg_set(em, ERR_UNSUPPORTED, "table %.*s.%.*s: %u columns",
                          SLICE_ARG(t->database), SLICE_ARG(t->name), t->column_count);
    if (columns == NULL) {
        count = all_columns(t, order);
        columns = order;
    }
    if (count == 0 || count > MY_COLUMNS_MAX)
        return errmsg_set(em, ERR_BUG, "a plan of %u columns", count);
    struct copy_plan *p = plan_alloc(t->column_count, count);
    if (p == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "no memory for the plan of a table");
    for (uint32_t i = 0; i < count; i++) {
        const struct column *c = &t->columns[columns[i]];
        if (!column_op(c, &p->ops[i])) {
            copy_plan_free(p);
            return errmsg_set(em, ERR_UNSUPPORTED,
                              "table %.*s.%.*s, column %.*s: values of type %.*s cannot be read; "
                              "exclude the table in objects",
                              SLICE_ARG(t->database), SLICE_ARG(t->name), SLICE_ARG(c->name),
                              SLICE_ARG(c->type_text));
        }
        p->ops[i].column = columns[i];
    }
    lay_out(p);
    *out = p;
    return ERR_OK;
}

void copy_plan_free(struct copy_plan *p)
{
    if (p == NULL)
        return;
    free(p->ops);
    free(p->absent);
    free(p->place);
    free(p);
}

uint32_t copy_plan_width(const struct copy_plan *p)
{
    return p->width;
}

/* ---- checking ---- */

static bool column_fits(const struct copy_op *op, const struct my_column *c)
{
    if (family_of(c->type) != (enum copy_family)op->family)
        return false;
    switch ((enum copy_family)op->family) {
    case FAMILY_INT8:
    case FAMILY_INT16:
    case FAMILY_INT32:
    case FAMILY_INT64:
        return ((c->flags & MY_COLUMN_UNSIGNED) != 0) == op->is_unsigned;
    case FAMILY_DECIMAL:
        return c->decimals == op->scale;
    case FAMILY_DATETIME:
    case FAMILY_TIME:
    case FAMILY_TIMESTAMP:
        return c->decimals == op->fsp;
    case FAMILY_STRING:
        if (op->charset != NULL)
            return charset_of_collation(c->collation) == op->charset;
        return op->code != COPY_PADDED || c->length == op->pad;
    case FAMILY_YEAR:
    case FAMILY_FLOAT:
    case FAMILY_DOUBLE:
    case FAMILY_DATE:
    case FAMILY_BIT:
    case FAMILY_JSON:
    case FAMILY_NONE:
        break;
    }
    return true;
}

enum err copy_plan_check(const struct copy_plan *p, const struct my_column *columns, uint32_t count)
{
    if (count != p->count)
        return ERR_TABLE_MISMATCH;
    for (uint32_t i = 0; i < count; i++)
        if (!column_fits(&p->ops[i], &columns[i]))
            return ERR_TABLE_MISMATCH;
    return ERR_OK;
}
