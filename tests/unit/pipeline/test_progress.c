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
