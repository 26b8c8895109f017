/* What becomes of a row change: which change goes out, and with what cells. See shape.h. */
#include "rules/shape.h"

#include <string.h>

/* ---- whether it goes out ---- */

static bool takes_op(const struct shape *s, enum change_op op)
{
    static const uint8_t bits[] = {[CHANGE_INSERT] = SHAPE_INSERT,
                                   [CHANGE_UPDATE] = SHAPE_UPDATE,
                                   [CHANGE_DELETE] = SHAPE_DELETE,
                                   [CHANGE_INIT] = SHAPE_ALL};
    return (s->dml & bits[op]) != 0;
}

static void fill_absent(const struct change *c, struct cell *after)
{
    for (uint32_t i = 0; i < c->table->column_count; i++)
        if (after[i].kind == CELL_ABSENT)
            after[i] = c->before[i];
}

static enum err apply_to_update(const struct shape *s, struct rule_machine *m, struct cell *after,
                                struct change *c, bool *send)
{
    bool was, is;
    TRY(rule_filter(m, s->filter, c->before, NULL, &was));
    TRY(rule_filter(m, s->filter, c->after, c->before, &is));
    *send = was || is;
    if (was && !is) {
        c->op = CHANGE_DELETE;
        c->after = NULL;
    } else if (is && !was) {
        fill_absent(c, after);
        c->op = CHANGE_INSERT;
        c->before = NULL;
    }
    return ERR_OK;
}

enum err shape_apply(const struct shape *s, struct rule_machine *m, enum change_op source_op,
                     struct cell *after, struct change *c, bool *send)
{
    *send = takes_op(s, source_op);
    if (!*send || s->filter == NULL)
        return ERR_OK;
    if (c->op == CHANGE_UPDATE)
        return apply_to_update(s, m, after, c, send);
    return rule_filter(m, s->filter, c->after != NULL ? c->after : c->before, NULL, send);
}

/* ---- cells that change ---- */

/* Columns that the script sets, of an image that it could not run on: nothing is known of them. */
static void forget_column(void *arg, uint32_t column)
{
    struct cell *work = arg;
    work[column] = (struct cell){.kind = CELL_ABSENT};
}

struct work_job {
    const struct shape *s;
    struct rule_machine *m;
    uint64_t *failures;
};

static enum err add_values(const struct work_job *job, struct script_row *row)
{
    const struct shape *s = job->s;
    for (uint32_t i = 0; i < s->add_count; i++) {
        struct cell *to = &row->work[s->source_columns + i];
        enum err e =
            rule_value_run(job->m, s->add[i], row, &s->wide->columns[s->source_columns + i], to);
        if (e == ERR_EXPRESSION && s->on_error == RULE_NULL) {
            ++*job->failures;
            *to = (struct cell){.kind = CELL_NULL};
            e = ERR_OK;
        }
        TRY(e);
    }
    return ERR_OK;
}

static enum err recode(const struct work_job *job, struct cell *work)
{
    const struct shape *s = job->s;
    for (uint32_t i = 0; i < s->recode_count; i++) {
        uint32_t at = s->recode[i];
        if (work[at].kind == CELL_BYTES)
            TRY(rule_cell_to_utf8(job->m, &s->source->columns[at], &work[at]));
    }
    return ERR_OK;
}

/* One image: its cells, the added columns, the script. */
static enum err work_on(const struct work_job *job, const struct cell *cells,
                        struct script_row *row)
{
    const struct shape *s = job->s;
    memcpy(row->work, cells, s->source_columns * sizeof(*cells));
    for (uint32_t i = s->source_columns; i < s->wide->column_count; i++)
        row->work[i] = (struct cell){.kind = CELL_NULL};
    row->columns = s->wide->columns;
    row->source_columns = s->source->columns;
    TRY(recode(job, row->work));
    TRY(add_values(job, row));
    if (s->script == NULL)
        return ERR_OK;
    return rule_script_run(job->m, s->script, row, s->on_error, job->failures);
}

/* The before image of an UPDATE, whose decisions do not count. */
static enum err work_on_old(const struct work_job *job, struct script_row *row,
                            const struct change *c)
{
    enum err e = work_on(job, c->before, row);
    if (e != ERR_TABLE_MISMATCH)
        return e;
    for (uint32_t i = job->s->source_columns; i < job->s->wide->column_count; i++)
        forget_column(row->work, i);
    if (job->s->script != NULL)
        rule_script_sets(job->s->script, forget_column, row->work);
    return ERR_OK;
}

/* A script may have made another change of it. */
static void become(struct change *c, enum change_op op)
{
    const struct cell *image = c->after != NULL ? c->after : c->before;
    c->op = op;
    c->after = op == CHANGE_DELETE ? NULL : image;
    if (op == CHANGE_INSERT)
        c->before = NULL;
    else if (c->before == NULL)
        c->before = image;
}

static enum err work(const struct work_job *job, const struct shape_moment *now,
                     struct cell *before, struct cell *after, struct change *c, bool *send)
{
    struct script_row row = {.before = c->before,
                             .after = c->after,
                             .other = c->after != NULL ? c->before : NULL,
                             .work = c->after != NULL ? after : before,
                             .operation = c->op,
                             .commit_us = now->commit_us,
                             .now_us = now->now_us};
    enum change_op was = c->op;
    TRY(work_on(job, c->after != NULL ? c->after : c->before, &row));
    *send = !row.dropped;
    if (row.dropped)
        return ERR_OK;
    if (c->after != NULL && c->before != NULL) {
        struct script_row old = row;
        old.work = before;
        old.other = NULL;
        old.operation = was;
        TRY(work_on_old(job, &old, c));
    }
    c->after = c->after != NULL ? after : NULL;
    c->before = c->before != NULL ? before : NULL;
    if (row.operation != was)
        become(c, row.operation);
    return ERR_OK;
}

enum err shape_work(const struct shape *s, struct rule_machine *m, const struct shape_moment *now,
                    struct cell *before, struct cell *after, struct change *c, bool *send,
                    uint64_t *failures)
{
    const struct work_job job = {s, m, failures};
    rule_script_begin(m);
    enum err e = work(&job, now, before, after, c, send);
    c->table = s->wide;
    if (e != ERR_EXPRESSION || s->on_error != RULE_SKIP)
        return e;
    ++*failures;
    *send = false;
    return ERR_OK;
}
