#include "pipeline/cell_pair.h"

#include "pipeline/binding.h"
#include "schema/table_map.h"

#include <criterion/criterion.h>

static uint16_t identity[] = {0};
static struct column columns[] = {
    {.name = SLICE_LIT("id"), .kind = COL_INT, .wire_type = MY_TYPE_LONG},
    {.name = SLICE_LIT("n"), .kind = COL_INT, .wire_type = MY_TYPE_LONG},
};
static struct table table = {.database = SLICE_LIT("d"),
                             .name = SLICE_LIT("t"),
                             .column_count = 2,
                             .columns = columns,
                             .identity_count = 1,
                             .identity = identity};
static struct binding binding = {.table = &table};
static struct row_scratch scratch;
static const uint8_t both[] = {0x03}, second[] = {0x02};

static void begin(void)
{
    struct errmsg em;
    row_scratch_init(&scratch, 1 << 20);
    cr_assert_eq(row_plan_new(&table, &binding.plan, &em), ERR_OK, "%s", em.text);
}

static void end(struct cell_pair *p)
{
    cell_pair_fini(p);
    row_plan_free(binding.plan);
    row_scratch_fini(&scratch);
}

/* UPDATE t SET n = 9 WHERE id = 7, of which the after image has n alone. */
static enum err decode(struct cell_pair *p, uint32_t len, enum row_half half, struct change *c)
{
    static const uint8_t images[] = {0xFC, 7, 0, 0, 0, 8, 0, 0, 0, 0xFE, 9, 0, 0, 0};
    const struct row_event ev = {
        .binding = &binding, .before_present = both, .after_present = second, .width = 2};
    const struct row_ref row = {.image = images,
                                .len = len < sizeof(images) ? len : (uint32_t)sizeof(images),
                                .op = CHANGE_UPDATE,
                                .half = (uint8_t)half};
    return cell_pair_decode(p, &ev, &row, &scratch, c);
}

Test(cell_pair, an_update_has_both_images_as_they_came, .init = begin)
{
    struct cell_pair p = {0};
    struct change c = {0};
    cr_assert_eq(decode(&p, UINT32_MAX, ROW_WHOLE, &c), ERR_OK);
    cr_expect_eq(c.op, CHANGE_UPDATE);
    cr_expect_eq(c.before[0].i64, 7);
    cr_expect_eq(c.before[1].i64, 8);
    cr_expect_eq(c.after[0].kind, CELL_ABSENT);
    cr_expect_eq(c.after[1].i64, 9);
    for (uint32_t len = 0; len < 14; len++)
        cr_expect_eq(decode(&p, len, ROW_WHOLE, &c), ERR_TRUNCATED, "%u bytes", len);
    end(&p);
}

Test(cell_pair, halves_of_an_update_are_a_delete_and_a_whole_insert, .init = begin)
{
    struct cell_pair p = {0};
    struct change c = {0};
    cr_assert_eq(decode(&p, UINT32_MAX, ROW_DELETE_HALF, &c), ERR_OK);
    cr_expect_eq(c.op, CHANGE_DELETE);
    cr_expect_eq(c.before[1].i64, 8);
    cr_expect_null(c.after);
    cr_assert_eq(decode(&p, UINT32_MAX, ROW_INSERT_HALF, &c), ERR_OK);
    cr_expect_eq(c.op, CHANGE_INSERT);
    cr_expect_null(c.before);
    cr_expect_eq(c.after[0].i64, 7, "what its image lacks has not changed");
    cr_expect_eq(c.after[1].i64, 9);
    end(&p);
}

Test(cell_pair, the_identity_alone_may_be_kept, .init = begin)
{
    struct cell_pair p = {0};
    struct change c = {0};
    struct table without = table;
    without.identity_count = 0;
    cr_assert_eq(decode(&p, UINT32_MAX, ROW_WHOLE, &c), ERR_OK);
    cr_expect_not(cell_pair_keep_identity(&p, &without, 2));
    cr_expect_eq(p.before[1].i64, 8, "nothing is lost of a row without one");
    cr_assert(cell_pair_keep_identity(&p, &table, 2));
    cr_expect_eq(p.before[0].i64, 7);
    cr_expect_eq(p.before[1].kind, CELL_ABSENT);
    cr_expect_eq(p.after[1].kind, CELL_ABSENT);
    end(&p);
}

Test(cell_pair, it_grows_and_never_shrinks)
{
    struct cell_pair p = {0};
    cr_assert_eq(cell_pair_need(&p, 3), ERR_OK);
    struct cell *before = p.before;
    cr_assert_eq(cell_pair_need(&p, 2), ERR_OK);
    cr_expect_eq(p.before, before);
    cr_assert_eq(cell_pair_need(&p, 300), ERR_OK);
    p.before[299].kind = p.after[299].kind = CELL_NULL;
    cell_pair_fini(&p);
    cr_expect_eq(p.cap, 0);
}
