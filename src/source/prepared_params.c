/*
 * Cells as parameters.
 *
 * A value has to be compared as the column compares its own: a DECIMAL that is
 * sent as a string would be compared as DOUBLE and lose digits, a text that is
 * sent in another character set than the column's would keep an index from
 * being used. The texts that stand around the "?" are src_param_text()'s.
 */
#include "source/prepared_int.h"

#include "schema/cell_text.h"
#include "source/copy.h"

#include <stdint.h>

static struct zone_step utc_step = {.from = INT64_MIN};
static const struct zone utc = {.count = 1, .steps = &utc_step};

static bool is_text(const struct column *c)
{
    return c->kind == COL_CHAR || c->kind == COL_VARCHAR || c->kind == COL_TEXT;
}

/* Text that is made here: numbers, dates, addresses. */
static bool bind_text(const struct column *c, const struct cell *cell, uint8_t *text,
                      struct my_param *p)
{
    uint8_t *end = NULL;
    p->kind = MY_PARAM_STRING;
    switch (cell->kind) {
    case CELL_DECIMAL:
        p->kind = MY_PARAM_DECIMAL;
        end = cell_decimal_text(text, cell->raw, c->precision, c->scale);
        break;
    case CELL_DATE:
        end = cell_date_text(text, &cell->civil);
        break;
    case CELL_TIME:
        end = cell_time_text(text, &cell->civil, c->fsp);
        break;
    case CELL_DATETIME:
        end = cell_datetime_text(text, &cell->civil, c->fsp);
        break;
    case CELL_TIMESTAMP:
        end = cell_timestamp_text(text, cell->stamp, &utc, c->fsp);
        break;
    case CELL_U64: /* YEAR: a number under 100 would be taken for a year of our time */
        end = cell_year_text(text, cell->u64);
        break;
    case CELL_BYTES:
        if (c->kind == COL_UUID)
            end = cell_uuid_text(text, cell->raw);
        else
            end = c->kind == COL_INET4 ? cell_inet4_text(text, cell->raw)
                                       : cell_inet6_text(text, cell->raw);
        break;
    case CELL_ABSENT:
    case CELL_NULL:
    case CELL_I64:
    case CELL_F32:
    case CELL_F64:
    case CELL_JSON:
    case CELL_TEXT:
        break;
    }
    p->string = slice_of(text, end != NULL ? (size_t)(end - text) : 0);
    return end != NULL;
}

static bool bind_bytes(const struct column *c, const struct cell *cell, uint8_t *text,
                       struct my_param *p)
{
    if (c != NULL && (c->kind == COL_UUID || c->kind == COL_INET4 || c->kind == COL_INET6))
        return bind_text(c, cell, text, p);
    p->kind = MY_PARAM_BYTES;
    p->string = cell->raw;
    return true;
}

static bool bind(const struct column *c, const struct cell *cell, uint8_t *text, struct my_param *p)
{
    switch (cell->kind) {
    case CELL_NULL:
        p->kind = MY_PARAM_NULL;
        return true;
    case CELL_I64:
        p->kind = MY_PARAM_I64;
        p->i64 = cell->i64;
        return true;
    case CELL_U64:
        if (c != NULL && c->kind == COL_YEAR)
            return bind_text(c, cell, text, p);
        p->kind = MY_PARAM_U64;
        p->u64 = cell->u64;
        return true;
    case CELL_F32:
        p->kind = MY_PARAM_F32;
        p->f32 = cell->f32;
        return true;
    case CELL_F64:
        p->kind = MY_PARAM_F64;
        p->f64 = cell->f64;
        return true;
    case CELL_TEXT:
        p->kind = MY_PARAM_STRING;
        p->string = cell->raw;
        return true;
    case CELL_BYTES:
        return bind_bytes(c, cell, text, p);
    case CELL_DECIMAL:
    case CELL_DATE:
    case CELL_DATETIME:
    case CELL_TIME:
    case CELL_TIMESTAMP:
        return c != NULL && bind_text(c, cell, text, p);
    case CELL_ABSENT:
    case CELL_JSON:
        break;
    }
    return false;
}

/*
 * Of bytes that are no text of the column's character set a server makes
 * another text, which stands elsewhere in the order: rows would be lost.
 */
static enum err check_text(struct src_stmt *st, const struct src_param *p, struct errmsg *em)
{
    const struct column *c = p->column;
    struct writer utf8;
    if (c == NULL || p->cell->kind != CELL_BYTES || !is_text(c) || c->charset == NULL)
        return ERR_OK;
    writer_init(&utf8, 4 * p->cell->raw.len + 16);
    enum err e = charset_to_utf8(c->charset, p->cell->raw, &utf8, false, NULL);
    writer_fini(&utf8);
    return e == ERR_OK
               ? e
               : errmsg_set(em, e,
                            "source %s: column %.*s holds a value that is not valid in "
                            "its character set, %s, and so cannot be compared with "
                            "(%s): mend that row",
                            st->session->peer, SLICE_ARG(c->name), c->charset->name, st->what);
}

enum err stmt_bind(struct src_stmt *st, const struct src_param *params, uint32_t count,
                   struct errmsg *em)
{
    for (uint32_t i = 0; i < count; i++) {
        TRY(check_text(st, &params[i], em));
        if (!bind(params[i].column, params[i].cell, st->texts[i], &st->params[i]))
            return errmsg_set(em, ERR_BUG, "source %s: %s: parameter %u cannot be sent",
                              st->session->peer, st->what, i + 1);
    }
    return ERR_OK;
}

/*
 * A binary parameter is what CONVERT(... USING) takes as bytes of that
 * character set; its result has the set's default collation.
 */
void src_param_text(struct writer *w, const struct column *c)
{
    if (!is_text(c) || c->charset == NULL) {
        writer_lit(w, "?");
        return;
    }
    writer_printf(w, "CONVERT(? USING %s)", c->charset->name);
    if (c->collation.len > 0)
        writer_printf(w, " COLLATE %.*s", SLICE_ARG(c->collation));
}
