#include "pipeline/inflight.h"

#include <criterion/criterion.h>

#define PACK 1024

static struct inflight *make(size_t budget)
{
    struct inflight *in;
    cr_assert_eq(inflight_new(budget, PACK, &in), ERR_OK);
    return in;
}

/* One message of n bytes in the open batch. */
static struct ticket *message(struct inflight *in, size_t n)
{
    struct pack *p = inflight_pack(in, n);
    cr_assert_not_null(p);
    struct ticket *t = inflight_ticket(in);
    cr_assert_not_null(t);
    p->used += n;
    inflight_sent(in, t);
    return t;
}

Test(inflight, an_empty_batch_is_acknowledged_when_it_is_closed)
{
    struct inflight *in = make(8 * PACK);
    cr_assert(inflight_open_batch(in, 1));
    cr_assert_eq(inflight_acked(in), 0);
    inflight_close_batch(in);
    cr_assert_eq(inflight_acked(in), 1);
    inflight_free(in);
}

Test(inflight, a_batch_waits_for_its_last_message)
{
    struct inflight *in = make(8 * PACK);
    cr_assert(inflight_open_batch(in, 1));
    struct ticket *t = message(in, 10);
    cr_assert_eq(message(in, 10), t);
    inflight_close_batch(in);
    inflight_delivered(in, t, 1);
    cr_assert_eq(inflight_acked(in), 0);
    inflight_delivered(in, t, 1);
    cr_assert_eq(inflight_acked(in), 1);
    cr_assert_eq(inflight_messages(in), 0);
    inflight_free(in);
}

Test(inflight, batches_are_acknowledged_in_order_only)
{
    struct inflight *in = make(8 * PACK);
    struct ticket *t[3];
    for (uint64_t seq = 1; seq <= 3; seq++) {
        cr_assert(inflight_open_batch(in, seq));
        t[seq - 1] = message(in, 10);
        inflight_close_batch(in);
    }
    inflight_delivered(in, t[2], 1);
    inflight_delivered(in, t[1], 1);
    cr_assert_eq(inflight_acked(in), 0);
    inflight_delivered(in, t[0], 1);
    cr_assert_eq(inflight_acked(in), 3);
    inflight_free(in);
}

Test(inflight, an_open_batch_is_not_acknowledged_though_all_its_messages_are)
{
    struct inflight *in = make(8 * PACK);
    cr_assert(inflight_open_batch(in, 1));
    inflight_delivered(in, message(in, 10), 1);
    cr_assert_eq(inflight_acked(in), 0);
    inflight_close_batch(in);
    cr_assert_eq(inflight_acked(in), 1);
    inflight_free(in);
}

Test(inflight, memory_runs_out_and_comes_back_with_deliveries)
{
    struct inflight *in = make(2 * PACK);
    struct ticket *t[2];
    cr_assert(inflight_open_batch(in, 1));
    t[0] = message(in, PACK);
    t[1] = message(in, PACK);
    cr_assert_null(inflight_pack(in, 1));
    inflight_delivered(in, t[0], 1);
    cr_assert_not_null(inflight_pack(in, PACK));
    inflight_delivered(in, t[1], 1);
    inflight_close_batch(in);
    inflight_free(in);
}

Test(inflight, a_large_message_gets_a_pack_of_its_own_when_nothing_else_is_held)
{
    struct inflight *in = make(2 * PACK);
    cr_assert(inflight_open_batch(in, 1));
    struct ticket *t = message(in, 100);
    cr_assert_null(inflight_pack(in, 10 * PACK));
    inflight_delivered(in, t, 1);
    t = message(in, 10 * PACK);
    cr_assert_null(inflight_pack(in, 1));
    inflight_delivered(in, t, 1);
    cr_assert_not_null(inflight_pack(in, 1));
    inflight_close_batch(in);
    cr_assert_eq(inflight_acked(in), 1);
    inflight_free(in);
}

Test(inflight, a_pack_is_filled_by_several_batches)
{
    struct inflight *in = make(8 * PACK);
    cr_assert(inflight_open_batch(in, 1));
    struct ticket *a = message(in, 10);
    struct pack *p = a->pack;
    inflight_close_batch(in);
    cr_assert(inflight_open_batch(in, 2));
    struct ticket *b = message(in, 10);
    cr_assert_eq(b->pack, p);
    cr_assert_neq(a, b);
    inflight_close_batch(in);
    inflight_delivered(in, b, 1);
    inflight_delivered(in, a, 1);
    cr_assert_eq(inflight_acked(in), 2);
    inflight_free(in);
}

Test(inflight, space_is_used_again_once_all_of_a_pack_is_delivered)
{
    struct inflight *in = make(8 * PACK);
    struct pack *first = NULL;
    for (uint64_t seq = 1; seq <= 100; seq++) {
        cr_assert(inflight_open_batch(in, seq));
        struct ticket *t = message(in, 900);
        if (first == NULL)
            first = t->pack;
        cr_assert_eq(t->pack, first);
        inflight_close_batch(in);
        inflight_delivered(in, t, 1);
    }
    cr_assert_eq(inflight_bytes(in), PACK);
    inflight_free(in);
}
