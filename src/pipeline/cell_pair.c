#include "pipeline/cell_pair.h"

#include "mysqlproto/binlog/rows.h"
#include "mysqlproto/copy_plan.h"
#include "pipeline/binding.h"

#include <stdlib.h>

/* MySQL allows 16 columns in a key, MariaDB 32. */
#define TABLE_KEY_COLUMNS_MAX 64

enum err cell_pair_need(struct cell_pair *p, uint32_t columns)
{
    if (columns <= p->cap)
        return ERR_OK;
    free(p->before);
    free(p->after);
    p->cap = 0;
    p->before = calloc(columns, sizeof(*p->before));
    p->after = calloc(columns, sizeof(*p->after));
    if (p->before == NULL || p->after == NULL)
        return ERR_NO_MEMORY;
    p->cap = columns;
    return ERR_OK;
}

void cell_pair_fini(struct cell_pair *p)
{
    free(p->before);
    free(p->after);
    *p = (struct cell_pair){0};
}

/* An UPDATE whose JSON columns may be given as diffs of the before image. */
static enum err decode_partial(struct cell_pair *p, const struct row_event *ev, struct reader *r,
                               struct row_scratch *scratch)
{
    const struct row_plan *plan = ev->binding->plan;
    const struct binlog_rows rows = {.op = BINLOG_ROWS_UPDATE,
                                     .partial = true,
                                     .width = ev->width,
                                     .before = ev->before_present,
                                     .after = ev->after_present};
    struct binlog_row row;
    TRY(binlog_rows_next(&rows, plan, r, &row));
    struct reader before = reader_of(row.before), after = reader_of(row.after);
    TRY(row_decode(plan, ev->before_present, &before, scratch, p->before));
    TRY(row_decode(plan, ev->after_present, &after, scratch, p->after));
    if (row.json_diff == NULL)
        return ERR_OK;
    return row_apply_json_diffs(plan, row.json_diff, p->before, scratch, p->after);
}

static enum err decode_images(struct cell_pair *p, const struct row_event *ev,
                              const struct row_ref *row, struct row_scratch *scratch)
{
    const struct row_plan *plan = ev->binding->plan;
    struct slice image = slice_of(row->image, row->len);
    struct reader r = reader_of(image);
    row_scratch_reset(scratch);
    if (row->op == CHANGE_INIT)
        return copy_row_decode(ev->binding->copy->plan, image, scratch, p->after);
    if (ev->partial_json)
        return decode_partial(p, ev, &r, scratch);
    if (row->op != CHANGE_INSERT)
        TRY(row_decode(plan, ev->before_present, &r, scratch, p->before));
    if (row->op != CHANGE_DELETE)
        TRY(row_decode(plan, ev->after_present, &r, scratch, p->after));
    return ERR_OK;
}

/* The INSERT half of an UPDATE is a whole row: what its image lacks has not changed. */
static void complete_after(struct cell_pair *p, uint32_t columns)
{
    for (uint32_t i = 0; i < columns; i++)
        if (p->after[i].kind == CELL_ABSENT)
            p->after[i] = p->before[i];
}

enum err cell_pair_decode(struct cell_pair *p, const struct row_event *ev,
                          const struct row_ref *row, struct row_scratch *scratch, struct change *c)
{
    uint32_t columns = ev->binding->table->column_count;
    TRY(cell_pair_need(p, columns));
    TRY(decode_images(p, ev, row, scratch));
    c->op = (enum change_op)row->op;
    c->before = row->op == CHANGE_UPDATE || row->op == CHANGE_DELETE ? p->before : NULL;
    c->after = row->op != CHANGE_DELETE ? p->after : NULL;
    if (row->half == ROW_DELETE_HALF) {
        c->op = CHANGE_DELETE;
        c->after = NULL;
    } else if (row->half == ROW_INSERT_HALF) {
        complete_after(p, columns);
        c->op = CHANGE_INSERT;
        c->before = NULL;
    }
    return ERR_OK;
}

bool cell_pair_keep_identity(struct cell_pair *p, const struct table *t, uint32_t columns)
{
    struct cell key[TABLE_KEY_COLUMNS_MAX][2];
    if (t->identity_count == 0 || t->identity_count > TABLE_KEY_COLUMNS_MAX)
        return false;
    for (uint32_t i = 0; i < t->identity_count; i++) {
        key[i][0] = p->before[t->identity[i]];
        key[i][1] = p->after[t->identity[i]];
    }
    for (uint32_t i = 0; i < columns; i++)
        p->before[i].kind = p->after[i].kind = CELL_ABSENT;
    for (uint32_t i = 0; i < t->identity_count; i++) {
        p->before[t->identity[i]] = key[i][0];
        p->after[t->identity[i]] = key[i][1];
    }
    return true;
}
