/* Tables and row images for tests. */
#pragma once

#include "binlog_build.h"
#include "mysqlproto/binlog/row_plan.h"

/* A column as the table map shows it; the definition's part is filled in by the test. */
static inline struct column col(uint8_t wire_type, uint16_t meta)
{
    return (struct column){.name = SLICE_LIT("c"), .wire_type = wire_type, .meta = meta};
}

static inline struct column col_unsigned(uint8_t wire_type)
{
    struct column c = col(wire_type, 0);
    c.is_unsigned = true;
    return c;
}

static inline struct row_plan *plan_of(const struct column *columns, uint32_t n)
{
    struct table t = {.database = SLICE_LIT("d"), .name = SLICE_LIT("t"), .column_count = n};
    t.columns = malloc(n * sizeof *columns);
    memcpy(t.columns, columns, n * sizeof *columns);
    struct row_plan *p = NULL;
    struct errmsg em = {{0}};
    cr_assert_eq(row_plan_new(&t, &p, &em), ERR_OK, "%s", em.text);
    free(t.columns);
    return p;
}

static inline enum err plan_err(struct column c)
{
    struct table t = {
        .database = SLICE_LIT("d"), .name = SLICE_LIT("t"), .column_count = 1, .columns = &c};
    struct row_plan *p = NULL;
    struct errmsg em = {{0}};
    enum err e = row_plan_new(&t, &p, &em);
    if (e != ERR_OK)
        cr_expect(em.text[0] != 0, "a refusal has its sentence");
    row_plan_free(p);
    return e;
}

static inline struct row_scratch *new_scratch(size_t max)
{
    struct row_scratch *s = keep(sizeof *s);
    row_scratch_init(s, max);
    return s;
}
