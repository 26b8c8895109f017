/* The feeder against lanes that only remember what they were given. */
#include "pipeline/binding.h"
#include "pipeline/feeder.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define HOLD 4096

struct lane {
    struct batch *got[64];
    uint32_t count;
    struct batch *empties[64];
    uint32_t empty_count;
    bool wanted;
    uint64_t acked;
    uint64_t cut;
    uint64_t cut_at;
};

static struct lane lanes[2];
static struct lane *const lane_list[] = {&lanes[0], &lanes[1]};
static struct frame_pool *pool;
static struct frame *frame;
static struct binding binding = {.refs = 1};

void lane_submit(struct lane *l, struct batch *b)
{
    b->seq = ++l->count;
    l->got[l->count - 1] = b;
}

bool lane_idle(const struct lane *l)
{
    return l->acked >= l->count;
}

void lane_cut(struct lane *l, uint64_t n)
{
    l->cut = n;
    l->cut_at = l->count;
}

struct batch *lane_take_empty(struct lane *l, bool want)
{
    l->wanted = l->wanted || want;
    return l->empty_count > 0 ? l->empties[--l->empty_count] : NULL;
}

void binding_unref(struct binding *b)
{
    b->refs--;
}

static void start(struct feeder *f)
{
    memset(lanes, 0, sizeof(lanes));
    feeder_init(f, lane_list, 2, HOLD);
    pool = frame_pool_new(1024, 1 << 20, NULL, NULL);
    frame = frame_get(pool, 0);
}

static void end(struct feeder *f)
{
    for (int i = 0; i < 2; i++) {
        for (uint32_t k = 0; k < lanes[i].count; k++) {
            if (lanes[i].got[k] == NULL)
                continue;
            batch_reset(lanes[i].got[k]);
            free(lanes[i].got[k]);
        }
    }
    feeder_fini(f);
    frame_unref(frame);
    frame_pool_free(pool);
    cr_assert_eq(binding.refs, 1);
}

static void event(struct feeder *f)
{
    struct row_event ev = {.binding = &binding, .gtid = SLICE_LIT("")};
    feeder_event(f, &ev, frame);
}

static enum err row(struct feeder *f, uint32_t lane, uint64_t id)
{
    struct row_ref ref = {.image = frame->data, .len = 10, .op = CHANGE_INSERT, .id = id};
    return feeder_row(f, lane, &ref);
}

Test(feeder, rows_go_out_only_after_their_commit)
{
    struct feeder f;
    start(&f);
    event(&f);
    cr_assert_eq(row(&f, 0, 1), ERR_OK);
    feeder_publish(&f);
    cr_assert_eq(lanes[0].count, 0);
    feeder_commit(&f);
    feeder_publish(&f);
    cr_assert_eq(lanes[0].count, 1);
    cr_assert_eq(lanes[0].got[0]->row_count, 1);
    end(&f);
}

Test(feeder, a_rollback_takes_the_open_transaction_back_and_nothing_else)
{
    struct feeder f;
    start(&f);
    event(&f);
    cr_assert_eq(row(&f, 0, 1), ERR_OK);
    feeder_commit(&f);
    event(&f);
    cr_assert_eq(row(&f, 0, 2), ERR_OK);
    cr_assert_eq(row(&f, 1, 3), ERR_OK);
    cr_assert_eq(feeder_rollback(&f), ERR_OK);
    event(&f);
    cr_assert_eq(row(&f, 0, 4), ERR_OK);
    feeder_commit(&f);
    feeder_publish(&f);
    cr_assert_eq(lanes[1].count, 0);
    cr_assert_eq(lanes[0].count, 1);
    cr_assert_eq(lanes[0].got[0]->row_count, 2);
    cr_assert_eq(lanes[0].got[0]->rows[1].id, 4);
    end(&f);
}

Test(feeder, numbers_promised_by_need_are_the_numbers_of_the_batches)
{
    struct feeder f;
    start(&f);
    uint64_t need[LANES_MAX];
    for (uint64_t id = 1; id <= 3 * BATCH_ROWS + 5; id++) {
        event(&f);
        cr_assert_eq(row(&f, 0, id), ERR_OK);
        if (id % 7 == 0)
            cr_assert_eq(feeder_rollback(&f), ERR_OK);
        else
            feeder_commit(&f);
    }
    feeder_need(&f, need);
    feeder_publish(&f);
    cr_assert_eq(need[0], lanes[0].count);
    cr_assert_eq(need[1], 0);
    end(&f);
}

Test(feeder, a_transaction_over_the_bound_flows_and_cannot_be_taken_back)
{
    struct feeder f;
    start(&f);
    uint64_t id = 0;
    while (!f.flowing) {
        event(&f);
        cr_assert_eq(row(&f, 0, ++id), ERR_OK);
    }
    cr_assert_leq(id, HOLD / 10);
    feeder_publish(&f);
    cr_assert_eq(lanes[0].count, 1);
    cr_assert_eq(feeder_rollback(&f), ERR_UNSUPPORTED);
    feeder_commit(&f);
    cr_assert(!f.flowing);
    end(&f);
}

Test(feeder, without_empty_batches_it_asks_for_one_and_goes_on_with_it)
{
    struct feeder f;
    start(&f);
    f.hold_max = SIZE_MAX;
    uint64_t id = 0;
    enum err e = ERR_OK;
    while (e == ERR_OK) {
        event(&f);
        e = row(&f, 0, ++id);
    }
    cr_assert_eq(e, ERR_NO_ROOM);
    cr_assert(f.flowing);
    cr_assert(lanes[0].wanted);
    struct batch *b = lanes[0].got[0];
    lanes[0].got[0] = NULL;
    batch_reset(b);
    lanes[0].empties[lanes[0].empty_count++] = b;
    cr_assert_eq(row(&f, 0, id), ERR_OK);
    feeder_commit(&f);
    feeder_publish(&f);
    cr_assert_eq(lanes[0].got[lanes[0].count - 1]->rows[0].id, id);
    end(&f);
}

Test(feeder, what_waits_begins_a_batch_and_what_is_waited_for_ends_one)
{
    struct feeder f;
    start(&f);
    event(&f);
    cr_assert_eq(row(&f, 0, 1), ERR_OK);
    cr_assert_eq(row(&f, 1, 2), ERR_OK);
    cr_assert_eq(row(&f, 0, 3), ERR_OK);
    uint64_t seq = feeder_close(&f, 0);
    feeder_wait_for(&f, 1, 0, seq);
    cr_assert_eq(row(&f, 1, 4), ERR_OK);
    cr_assert_eq(row(&f, 0, 5), ERR_OK);
    feeder_commit(&f);
    feeder_publish(&f);
    cr_assert_eq(lanes[0].count, 2);
    cr_assert_eq(lanes[1].count, 2);
    cr_assert_eq(lanes[0].got[seq - 1]->rows[lanes[0].got[seq - 1]->row_count - 1].id, 3);
    cr_assert_eq(lanes[1].got[0]->wait_seq, 0);
    cr_assert_eq(lanes[1].got[1]->wait_seq, seq);
    cr_assert_eq(lanes[1].got[1]->wait_lane, 0);
    cr_assert_eq(lanes[1].got[1]->rows[0].id, 4);
    end(&f);
}

Test(feeder, a_rollback_forgets_what_a_lane_without_rows_was_to_wait_for)
{
    struct feeder f;
    start(&f);
    feeder_pin(&f);
    event(&f);
    cr_assert_eq(row(&f, 0, 1), ERR_OK);
    feeder_wait_for(&f, 1, 0, feeder_close(&f, 0));
    f.hold_max = 0; /* the INSERT half is one row too many */
    cr_assert_eq(row(&f, 1, 2), ERR_TOO_LARGE);
    cr_assert_eq(feeder_rollback(&f), ERR_OK);
    f.hold_max = HOLD;
    event(&f);
    cr_assert_eq(row(&f, 1, 3), ERR_OK);
    feeder_commit(&f);
    feeder_publish(&f);
    cr_assert_eq(lanes[1].count, 1);
    cr_assert_eq(lanes[1].got[0]->wait_seq, 0);
    end(&f);
}

Test(feeder, a_statement_goes_out_alone_behind_what_was_certain)
{
    struct feeder f;
    start(&f);
    event(&f);
    cr_assert_eq(row(&f, 0, 1), ERR_OK);
    feeder_commit(&f);
    struct batch_ddl *ddl = calloc(1, sizeof(*ddl));
    cr_assert_eq(feeder_ddl(&f, 0, ddl), ERR_OK);
    cr_assert_eq(lanes[0].count, 2);
    cr_assert_null(lanes[0].got[0]->ddl);
    cr_assert_eq(lanes[0].got[1]->ddl, ddl);
    cr_assert_eq(lanes[0].got[1]->row_count, 0);
    cr_assert_not(feeder_idle(&f));
    lanes[0].acked = 2;
    cr_assert(feeder_idle(&f));
    event(&f);
    cr_assert_eq(row(&f, 0, 2), ERR_OK);
    feeder_commit(&f);
    feeder_publish(&f);
    cr_assert_eq(lanes[0].count, 3);
    uint64_t need[LANES_MAX];
    feeder_need(&f, need);
    cr_assert_eq(need[0], 3);
    end(&f);
}

Test(feeder, a_cut_lies_behind_all_that_was_fed_and_what_comes_is_in_batches_of_its_own)
{
    struct feeder f;
    uint64_t need[LANES_MAX];
    start(&f);
    event(&f);
    cr_assert_eq(row(&f, 0, 1), ERR_OK);
    cr_assert_eq(row(&f, 1, 2), ERR_OK);
    feeder_commit(&f);
    feeder_cut(&f, 1);
    feeder_need(&f, need);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(lanes[i].cut, 1);
        cr_assert_eq(lanes[i].cut_at, 1);
        cr_assert_eq(need[i], 1);
    }
    event(&f);
    cr_assert_eq(row(&f, 0, 3), ERR_OK);
    feeder_commit(&f);
    feeder_cut(&f, 2);
    cr_assert_eq(lanes[0].cut_at, 2);
    cr_assert_eq(lanes[1].cut_at, 1, "a lane without rows is cut, too");
    cr_assert_eq(lanes[1].cut, 2);
    cr_assert_eq(lanes[0].got[1]->rows[0].id, 3);
    end(&f);
}
