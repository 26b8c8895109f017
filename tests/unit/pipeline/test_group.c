/* A group of which rows went out before a reconnect. */
#include "pipeline/replica_int.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct feeder feeder;
static struct position start = {.kind = POSITION_GTID};
static struct src_server server = {.flavour = SRC_MYSQL, .gtids = true};
static struct task_config config;

void lane_submit(struct lane *l, struct batch *b)
{
    (void)l;
    (void)b;
    abort(); /* nothing is fed here */
}

bool lane_idle(const struct lane *l)
{
    (void)l;
    return true;
}

void lane_cut(struct lane *l, uint64_t n)
{
    (void)l;
    (void)n;
}

struct batch *lane_take_empty(struct lane *l, bool want)
{
    (void)l;
    (void)want;
    return NULL;
}

/* A reader that lost its connection when rows 10 to 14 of a group were out. */
static struct replica *cut_reader(uint8_t uuid, uint64_t gno)
{
    static const struct xa_list none;
    struct replica *r;
    struct replica_options o = {.feeder = &feeder,
                                .start = &start,
                                .xa = &none,
                                .known = &server,
                                .task = &config,
                                .next_id = 15};
    feeder_init(&feeder, NULL, 0, 1000);
    cr_assert_eq(replica_new(&o, &r), ERR_OK);
    r->group = (struct group){.first_id = 10, .skip = 5, .skip_next_id = 15};
    r->group.skip_of.known = true;
    memset(r->group.skip_of.gtid.uuid, uuid, MY_UUID_LEN);
    r->group.skip_of.gtid.gno = gno;
    return r;
}

static void gtid_event(struct replica *r, uint8_t uuid, uint8_t gno)
{
    /* flags; uuid; gno; logical timestamps (libs/mysql/binlog/event/control_events.h, Gtid_event)
     */
    uint8_t body[42] = {0};
    memset(body + 1, uuid, MY_UUID_LEN);
    body[17] = gno;
    body[25] = 2;
    struct stream s = {.file = "b.000001", .offset = 200};
    struct stream_event sev = {.ev = {.header = {.type = BINLOG_GTID, .length = 61},
                                      .body = slice_of(body, sizeof(body))}};
    cr_assert_eq(replica_event(r, &s, &sev), ERR_OK, "%s", r->em.text);
}

Test(group, the_rows_that_went_out_are_passed_over_when_it_comes_again)
{
    struct replica *r = cut_reader(7, 3);
    gtid_event(r, 7, 3);
    cr_assert_eq(r->group.skip, 5);
    cr_assert_eq(r->group.first_id, 10);
    cr_assert_eq(r->next_id, 15);
    replica_free(r);
}

Test(group, another_one_in_its_place_is_taken_whole_with_ids_of_its_own)
{
    static const uint8_t others[][2] = {{7, 4}, {8, 3}};
    for (size_t i = 0; i < 2; i++) {
        struct replica *r = cut_reader(7, 3);
        gtid_event(r, others[i][0], others[i][1]);
        cr_assert_eq(r->group.skip, 0);
        cr_assert_eq(r->group.first_id, 15);
        replica_free(r);
    }
}

Test(group, an_xa_group_of_one_phase_may_outgrow_the_bound_after_a_part_of_it_went_out)
{
    struct replica *r = cut_reader(7, 3);
    gtid_event(r, 7, 3);
    feeder_pin(&feeder);
    r->next_id = 20;
    r->group.rows = 10;
    feeder.lane_count = 1;
    feeder.touched = 1;
    cr_assert_eq(replica_make_room(r), ERR_OK);
    cr_assert(r->group.dropped);
    cr_assert_eq(r->next_id, 15);
    cr_assert_eq(r->group.skip, 5);
    replica_free(r);
}

static enum err statement(struct replica *r, const char *sql)
{
    /* thread, seconds, database length, error, length of variables; database, NUL, SQL */
    uint8_t body[200] = {0};
    size_t len = strlen(sql);
    memcpy(body + 14, sql, len);
    struct stream s = {.file = "b.000001", .offset = 200};
    binlog_format_init(&s.format, false);
    struct stream_event sev = {
        .ev = {.header = {.type = BINLOG_QUERY}, .body = slice_of(body, 14 + len)}};
    return replica_event(r, &s, &sev);
}

Test(group, rows_behind_the_savepoint_that_is_named_count_whatever_came_after_it)
{
    struct replica *r = cut_reader(7, 3);
    gtid_event(r, 7, 3);
    cr_assert_eq(statement(r, "BEGIN"), ERR_OK);
    r->group.rows = 6;
    cr_assert_eq(statement(r, "SAVEPOINT `a`"), ERR_OK);
    cr_assert_eq(statement(r, "ROLLBACK TO `a`"), ERR_OK);
    r->group.rows = 9;
    cr_assert_eq(statement(r, "SAVEPOINT `b`"), ERR_OK);
    cr_assert_eq(statement(r, "ROLLBACK TO `b`"), ERR_OK);
    cr_assert_eq(statement(r, "ROLLBACK TO `a`"), ERR_UNSUPPORTED);
    replica_free(r);
}
