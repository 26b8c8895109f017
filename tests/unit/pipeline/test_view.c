#include "pipeline/view.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct view *a_view(void)
{
    struct view *v;
    cr_assert_eq(view_new(&v), ERR_OK);
    return v;
}

Test(view, every_state_has_a_name_and_is_found_by_it)
{
    for (int s = 0; s < VIEW_STATES; s++) {
        const char *name = view_state_name((enum view_state)s);
        cr_assert(name[0] != 0);
        cr_assert_eq(view_state_named(slice_str(name)), (enum view_state)s);
    }
    cr_assert_eq(view_state_named(SLICE_LIT("running")), VIEW_STATES);
}

Test(view, there_is_a_snapshot_from_the_start_and_the_newest_one_is_seen)
{
    struct view *v = a_view();
    struct view_snapshot *first = view_look(v);
    cr_assert_eq(first->state, VIEW_NOT_STARTED);
    struct view_snapshot *s = view_blank();
    s->state = VIEW_STREAMING;
    view_publish(v, s);
    cr_assert_eq(first->state, VIEW_NOT_STARTED, "what was taken stays as it is");
    view_release(first);
    struct view_snapshot *second = view_look(v);
    cr_assert_eq(second->state, VIEW_STREAMING);
    view_release(second);
    view_free(v);
}

Test(view, a_trouble_of_several_ends_with_the_last)
{
    struct view *v = a_view();
    struct view_trouble t[VIEW_SIDES];
    view_trouble_begin(v, VIEW_DESTINATION, 0, 100, 0, 1000, "a");
    view_trouble_begin(v, VIEW_DESTINATION, 3, 50, 0, 900, "b");
    view_troubles(v, t);
    cr_assert_eq(t[VIEW_DESTINATION].since_us, 50);
    cr_assert_eq(t[VIEW_DESTINATION].window_end_us, 900);
    cr_assert_str_eq(t[VIEW_DESTINATION].cause, "b");
    view_trouble_end(v, VIEW_DESTINATION, 0);
    view_trouble_end(v, VIEW_DESTINATION, 0);
    view_troubles(v, t);
    cr_assert_neq(t[VIEW_DESTINATION].who, 0);
    cr_assert_eq(count_of(&v->reconnects[VIEW_DESTINATION]), 0);
    view_trouble_end(v, VIEW_DESTINATION, 3);
    view_troubles(v, t);
    cr_assert_eq(t[VIEW_DESTINATION].who, 0);
    cr_assert_eq(count_of(&v->reconnects[VIEW_DESTINATION]), 1);
    cr_assert_eq(count_of(&v->failed_retries[VIEW_DESTINATION]), 2);
    view_free(v);
}

Test(view, the_newest_errors_are_kept_in_order)
{
    struct view *v = a_view();
    struct view_error out[VIEW_ERRORS];
    cr_assert_eq(view_errors(v, out, VIEW_ERRORS), 0);
    for (int i = 1; i <= VIEW_ERRORS + 7; i++) {
        char text[20];
        snprintf(text, sizeof(text), "n%d", i);
        view_note(v, false, "e", text);
    }
    cr_assert_eq(view_errors(v, out, VIEW_ERRORS), VIEW_ERRORS);
    cr_assert_str_eq(out[0].text, "n8");
    cr_assert_str_eq(out[VIEW_ERRORS - 1].text, "n57");
    cr_assert_eq(view_errors(v, out, 2), 2);
    cr_assert_str_eq(out[0].text, "n56");
    view_free(v);
}

Test(view, counters_are_found_again_and_shown_by_name)
{
    struct view *v = a_view();
    struct table_counter *b = counters_table(&v->counters, SLICE_LIT("s"), SLICE_LIT("b"));
    struct table_counter *a = counters_table(&v->counters, SLICE_LIT("s"), SLICE_LIT("a"));
    cr_assert_neq(a, b);
    cr_assert_eq(counters_table(&v->counters, SLICE_LIT("s"), SLICE_LIT("b")), b);
    count(&b->inserted, 5);
    atomic_store(&a->copy_state, COPY_RUNNING);
    count(&counters_topic(&v->counters, SLICE_LIT("t"))->messages, 9);
    struct view_snapshot *s = view_blank();
    cr_assert(view_fill_counters(v, s, NULL));
    cr_assert_eq(s->table_count, 2);
    cr_assert_str_eq(s->tables[0].table, "a");
    cr_assert_eq(s->tables[0].copy, COPY_RUNNING);
    cr_assert_eq(s->tables[1].inserted, 5);
    cr_assert_eq(s->topic_count, 1);
    cr_assert_eq(s->topics[0].messages, 9);
    view_release(s);
    view_free(v);
}

Test(view, rates_of_topics_are_evened_out)
{
    struct view *v = a_view();
    struct topic_counter *t = counters_topic(&v->counters, SLICE_LIT("t"));
    struct view_snapshot *before = view_blank();
    cr_assert(view_fill_counters(v, before, NULL));
    cr_assert_eq(before->topics[0].rate, 0);
    for (int i = 1; i <= 100; i++) { /* 20 s of 500 a second, in bursts */
        struct view_snapshot *s = view_blank();
        s->at_us = before->at_us + 200000;
        if (i % 5 == 0)
            count(&t->messages, 500);
        cr_assert(view_fill_counters(v, s, before));
        if (i > 50)
            cr_assert(s->topics[0].rate > 250 && s->topics[0].rate < 750, "%lu at %d",
                      s->topics[0].rate, i);
        view_release(before);
        before = s;
    }
    view_release(before);
    view_free(v);
}

Test(view, past_a_bound_all_tables_share_one_entry)
{
    struct view *v = a_view();
    v->counters.table_count = COUNTERS_MAX;
    struct table_counter *x = counters_table(&v->counters, SLICE_LIT("s"), SLICE_LIT("x"));
    cr_assert_eq(counters_table(&v->counters, SLICE_LIT("s"), SLICE_LIT("y")), x);
    cr_assert_str_eq(x->table, "*");
    view_free(v);
}

Test(view, percentiles_come_from_the_buckets)
{
    struct view *v = a_view();
    cr_assert_eq(view_percentile_us(v, 0.5), 0);
    view_took(v, 900, 90);
    view_took(v, 40000, 9);
    view_took(v, 10 * 60 * 1000000ull, 1);
    cr_assert_eq(view_percentile_us(v, 0.5), 1000);
    cr_assert_eq(view_percentile_us(v, 0.99), 50000);
    cr_assert_eq(view_percentile_us(v, 1.0), 300000000);
    view_free(v);
}

static int interrupted;
static void interrupt(void)
{
    interrupted++;
}

Test(view, the_last_wish_counts)
{
    struct view *v = a_view();
    v->interrupt = interrupt;
    cr_assert_eq(view_take_command(v), VIEW_NO_COMMAND);
    cr_assert(view_command(v, VIEW_PAUSE));
    cr_assert(view_command(v, VIEW_RESUME));
    cr_assert_eq(interrupted, 1, "resuming interrupts nothing");
    cr_assert_eq(view_take_command(v), VIEW_RESUME);
    cr_assert_eq(view_take_command(v), VIEW_NO_COMMAND);
    view_free(v);
}

Test(view, a_stop_is_not_taken_back_by_whoever_wishes_next)
{
    struct view *v = a_view();
    cr_assert(view_command(v, VIEW_PAUSE));
    cr_assert(view_command(v, VIEW_STOP));
    cr_assert_not(view_command(v, VIEW_RESUME));
    cr_assert_not(view_command(v, VIEW_PAUSE));
    cr_assert(view_command(v, VIEW_STOP));
    cr_assert_eq(view_take_command(v), VIEW_STOP);
    cr_assert(view_command(v, VIEW_PAUSE));
    view_free(v);
}
