#include "rules/script.h"

#include "rules/etl_int.h"

enum err rule_script_new(const struct rule_expression *x, const struct table *t,
                         struct rule_program **out, struct rule_errors *errors)
{
    return compile_program(x, t, false, false, out, errors);
}

enum err rule_value_new(const struct rule_expression *x, const struct table *t,
                        struct rule_program **out, struct rule_errors *errors)
{
    return compile_program(x, t, false, true, out, errors);
}

bool rule_script_is_empty(const struct rule_program *p)
{
    return p->count == 0;
}

uint32_t rule_script_sets_max(const struct rule_expression *x)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->count; i++)
        n += x->nodes[i].kind == NODE_COLUMN && x->nodes[i].is_set;
    return n;
}

static struct column text_column(void)
{
    return (struct column){.kind = COL_VARCHAR,
                           .wire_type = MY_TYPE_VARCHAR,
                           .type_text = SLICE_LIT("varchar(4096)"),
                           .bare_type = SLICE_LIT("varchar"),
                           .charset = charset_of_name(SLICE_LIT("utf8mb4")),
                           .collation = SLICE_LIT("utf8mb4_bin")};
}

static struct column temporal_column(enum type type, uint8_t fsp)
{
    static const char *const texts[2][7] = {
        {"datetime", "datetime(1)", "datetime(2)", "datetime(3)", "datetime(4)", "datetime(5)",
         "datetime(6)"},
        {"time", "time(1)", "time(2)", "time(3)", "time(4)", "time(5)", "time(6)"},
    };
    bool clock = type == TYPE_TIME;
    return (struct column){.kind = clock ? COL_TIME : COL_DATETIME,
                           .wire_type = clock ? MY_TYPE_TIME2 : MY_TYPE_DATETIME2,
                           .meta = fsp,
                           .type_text = slice_str(texts[clock][fsp]),
                           .bare_type = clock ? SLICE_LIT("time") : SLICE_LIT("datetime"),
                           .fsp = fsp};
}

static struct column column_of_type(enum type type, uint8_t fsp)
{
    switch ((int)type) {
    case TYPE_INT:
    case TYPE_BOOL:
    case TYPE_OPERATION:
        return (struct column){.kind = COL_BIGINT,
                               .wire_type = MY_TYPE_LONGLONG,
                               .type_text = SLICE_LIT("bigint"),
                               .bare_type = SLICE_LIT("bigint")};
    case TYPE_UINT:
        return (struct column){.kind = COL_BIGINT,
                               .wire_type = MY_TYPE_LONGLONG,
                               .is_unsigned = true,
                               .type_text = SLICE_LIT("bigint unsigned"),
                               .bare_type = SLICE_LIT("bigint")};
    case TYPE_REAL:
    case TYPE_DEC:
        return (struct column){.kind = COL_DOUBLE,
                               .wire_type = MY_TYPE_DOUBLE,
                               .meta = 8,
                               .type_text = SLICE_LIT("double"),
                               .bare_type = SLICE_LIT("double")};
    case TYPE_DATE:
        return (struct column){.kind = COL_DATE,
                               .wire_type = MY_TYPE_DATE,
                               .type_text = SLICE_LIT("date"),
                               .bare_type = SLICE_LIT("date")};
    case TYPE_DATETIME:
    case TYPE_TIME:
        return temporal_column(type, fsp);
    default:
        return text_column();
    }
}

uint32_t rule_script_new_columns(const struct rule_program *p, struct column *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->slot_count; i++) {
        const struct rule_slot *s = &p->slots[i];
        if (!s->is_new)
            continue;
        out[n] = column_of_type((enum type)s->type, s->fsp <= 6 ? s->fsp : 6);
        out[n].name = s->name;
        out[n].nullable = true;
        n++;
    }
    return n;
}

void rule_script_sets(const struct rule_program *p, rule_set_fn each, void *arg)
{
    for (uint32_t i = 0; i < p->slot_count; i++)
        each(arg, p->slots[i].column);
}

void rule_script_begin(struct rule_machine *m)
{
    scratch_reset(&m->scratch);
    m->em.text[0] = '\0';
}

static struct rule_row row_of(const struct script_row *row)
{
    return (struct rule_row){
        .other = row->other,
        .before = row->before,
        .after = row->after,
        .work = row->work,
        .work_columns = row->columns,
        .source_columns = row->source_columns != NULL ? row->source_columns : row->columns,
        .operation = row->operation == CHANGE_INIT ? CHANGE_INSERT : row->operation,
        .commit_us = row->commit_us,
        .now_us = row->now_us,
    };
}

enum err rule_script_run(struct rule_machine *m, const struct rule_program *p,
                         struct script_row *row, enum rule_on_error on_error, uint64_t *failures)
{
    struct rule_row r = row_of(row);
    unsigned was = r.operation;
    enum err e = machine_run(m, p, 0, p->count, &r, NULL);
    while (e == ERR_EXPRESSION && on_error == RULE_NULL) {
        ++*failures;
        e = machine_resume(m, p, &r, NULL);
    }
    TRY(e);
    if (r.operation != was)
        row->operation = (enum change_op)r.operation;
    row->dropped = r.dropped;
    return ERR_OK;
}

enum err rule_value_run(struct rule_machine *m, const struct rule_program *p,
                        const struct script_row *row, const struct column *col, struct cell *out)
{
    struct rule_row r = row_of(row);
    struct val v = {.kind = VAL_NULL};
    TRY(machine_run(m, p, 0, p->count, &r, &v));
    return cell_of_val(m, col, &v, out);
}

enum err rule_cell_to_utf8(struct rule_machine *m, const struct column *col, struct cell *cell)
{
    struct val v;
    TRY(val_of_cell(col, cell, m->o.zone, &m->scratch, &v));
    *cell = (struct cell){.kind = CELL_BYTES, .raw = v.text};
    return ERR_OK;
}
