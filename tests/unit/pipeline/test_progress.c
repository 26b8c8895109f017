#include "pipeline/progress.h"
#include "pipeline/tables.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void push(struct progress *p, uint64_t lane0, uint64_t lane1, uint64_t next_id)
{
    struct commit_point *point = calloc(1, sizeof(*point));
    point->need[0] = lane0;
    point->need[1] = lane1;
    point->next_id = next_id;
    point->notes = calloc(1, sizeof(*point->notes));
    point->notes->partitions = (int32_t)next_id;
    progress_push(p, point);
}

static uint64_t take(struct progress *p, uint64_t lane0, uint64_t lane1, int notes)
{
    uint64_t acked[] = {lane0, lane1};
    struct commit_point *point = progress_take(p, acked, 2);
    if (point == NULL)
        return 0;
    uint64_t id = point->next_id;
    int found = 0;
    int32_t last = 0;
    for (struct tables_note *n = point->notes; n != NULL; n = n->next) {
        cr_assert_gt(n->partitions, last);
        last = n->partitions;
        found++;
    }
    cr_assert_eq(found, notes);
    commit_point_free(point);
    return id;
}

Test(progress, a_point_is_reached_when_every_lane_is_there)
{
    struct progress p = PROGRESS_INIT;
    push(&p, 1, 0, 10);
    push(&p, 1, 2, 20);
    push(&p, 3, 2, 30);
    cr_assert_eq(take(&p, 0, 9, 0), 0);
    cr_assert_eq(take(&p, 1, 1, 1), 10);
    cr_assert_eq(take(&p, 2, 2, 1), 20);
    cr_assert_eq(take(&p, 2, 9, 0), 0);
    cr_assert_eq(take(&p, 3, 9, 1), 30);
    progress_fini(&p);
}

Test(progress, the_newest_point_is_taken_with_the_notes_of_those_passed_over)
{
    struct progress p = PROGRESS_INIT;
    for (uint64_t i = 1; i <= 5; i++)
        push(&p, i, i, i);
    cr_assert_eq(take(&p, 4, 4, 4), 4);
    push(&p, 6, 6, 6);
    cr_assert_eq(take(&p, 9, 9, 2), 6);
    progress_fini(&p);
}

Test(progress, points_left_behind_are_freed)
{
    struct progress p = PROGRESS_INIT;
    push(&p, 1, 1, 1);
    push(&p, 2, 2, 2);
    progress_fini(&p);
    cr_assert_null(p.first);
}

Test(progress, points_that_are_reached_together_are_one)
{
    struct progress p = PROGRESS_INIT;
    for (uint64_t i = 1; i <= 1000; i++)
        push(&p, 3, 4, i);
    cr_assert_eq(p.count, 1);
    push(&p, 4, 4, 1001);
    push(&p, 4, 4, 1002);
    cr_assert_eq(p.count, 2);
    cr_assert_eq(take(&p, 3, 4, 1000), 1000);
    push(&p, 4, 4, 1003);
    cr_assert_eq(take(&p, 4, 4, 3), 1003);
    cr_assert_eq(p.count, 0);
    progress_fini(&p);
}

Test(progress, the_list_stays_short_while_nothing_is_acknowledged)
{
    struct progress p = PROGRESS_INIT;
    for (uint64_t i = 1; i <= 10000; i++)
        push(&p, i, 0, i);
    cr_assert_eq(p.count, PROGRESS_POINTS);
    cr_assert_eq(take(&p, PROGRESS_POINTS - 1, 0, PROGRESS_POINTS - 1), PROGRESS_POINTS - 1);
    cr_assert_eq(take(&p, 9999, 0, 0), 0);
    push(&p, 10001, 0, 10001);
    cr_assert_eq(take(&p, 10000, 0, 10000 - PROGRESS_POINTS + 1), 10000);
    push(&p, 10001, 0, 10002);
    cr_assert_eq(take(&p, 10001, 0, 2), 10002);
    progress_fini(&p);
}

static void push_of(struct progress *p, uint64_t next_id, bool cut)
{
    struct commit_point *point = calloc(1, sizeof(*point));
    point->need[0] = next_id;
    point->next_id = next_id;
    point->cut = cut;
    point->passing = !cut;
    point->oldest_us = next_id;
    point->notes = calloc(1, sizeof(*point->notes));
    point->notes->partitions = (int32_t)next_id;
    progress_push(p, point);
}

static void take_cut(struct progress *p, uint64_t id, int notes)
{
    struct commit_point *point = progress_take_cut(p);
    cr_assert_eq(point == NULL, id == 0);
    if (point == NULL)
        return;
    cr_assert_eq(point->next_id, id);
    cr_assert(point->cut);
    for (struct tables_note *n = point->notes; n != NULL; n = n->next)
        notes--;
    cr_assert_eq(notes, 0);
    commit_point_free(point);
}

Test(progress, within_transactions_a_cut_is_taken_with_all_that_came_before_it)
{
    struct progress p = PROGRESS_INIT;
    bool waiting;
    uint64_t oldest_us;
    take_cut(&p, 0, 0);
    push_of(&p, 1, false);
    push_of(&p, 2, false);
    cr_assert_eq(p.count, 1, "a point that only shows how far was read makes room");
    take_cut(&p, 0, 0);
    push_of(&p, 3, true);
    cr_assert_eq(progress_waiting(&p, &waiting, &oldest_us, NULL), ERR_OK);
    cr_assert(waiting);
    cr_assert_eq(oldest_us, 1);
    push_of(&p, 4, false);
    push_of(&p, 5, false);
    cr_assert_eq(p.count, 2, "none takes the place of a cut");
    take_cut(&p, 3, 3);
    take_cut(&p, 0, 0);
    push_of(&p, 6, true);
    take_cut(&p, 6, 3);
    cr_assert_null(p.first);
    cr_assert_null(p.last);
    push_of(&p, 7, true);
    take_cut(&p, 7, 1);
    progress_fini(&p);
}
