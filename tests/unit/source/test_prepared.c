/* Prepared statements: rows in frames, sinks that refuse, answers that stop. */
#include "base/frame.h"
#include "peer.h"
#include "schema/table_map.h"
#include "source/copy.h"
#include "source/prepared.h"

#include <stdlib.h>

TestSuite(prepared, .init = setup, .fini = teardown, .timeout = 60);

#define PREPARED_0               "\0\x07\0\0\0\x01\0\0\0\0\0\0" /* statement 7, a column, no parameter */
#define PREPARED_2               "\0\x07\0\0\0\x01\0\x02\0\0\0\0"
#define END_OK                   "\xfe\0\0\x02\0\0\0"
#define SERVER_ERROR(code, text) "\xff" code "#HY000" text

/* What a sink has seen. */
struct seen {
    struct frame_pool *pool;
    uint32_t columns;
    uint32_t rows;
    uint32_t large;
    size_t large_len;
    uint32_t fail_at;  /* the row that is refused; 0: none */
    uint32_t no_frame; /* so many times there is none */
    enum err frame_err;
    struct slice kept[64]; /* rows, in frames that are held */
    struct frame *frames[64];
};

static enum err give_frame(void *arg, size_t cap, struct frame **out)
{
    struct seen *s = arg;
    if (s->frame_err != ERR_OK)
        return s->frame_err;
    if (s->no_frame > 0) {
        s->no_frame--;
        return ERR_NEED_INPUT;
    }
    *out = frame_get(s->pool, cap);
    return *out != NULL ? ERR_OK : ERR_TOO_LARGE;
}

static enum err see_columns(void *arg, const struct my_column *columns, uint32_t count)
{
    struct seen *s = arg;
    cr_assert(slice_eq(columns[0].name, SLICE_LIT("a")));
    s->columns = count;
    return ERR_OK;
}

static enum err see_row(void *arg, struct slice packet, struct frame *frame)
{
    struct seen *s = arg;
    cr_assert(packet.ptr >= frame->data && packet.ptr + packet.len <= frame->data + frame->cap);
    if (s->rows < 64) {
        frame_ref(frame);
        s->frames[s->rows] = frame;
        s->kept[s->rows] = packet;
    }
    s->rows++;
    return s->rows == s->fail_at ? ERR_STOPPED : ERR_OK;
}

static enum err see_large(void *arg, struct slice head, struct frame *frame)
{
    struct seen *s = arg;
    (void)frame;
    s->large++;
    s->large_len = head.len;
    return ERR_OK;
}

static struct src_sink sink_of(struct seen *s)
{
    if (s->pool == NULL)
        s->pool = frame_pool_new(8192, 1u << 20, NULL, NULL);
    return (struct src_sink){.arg = s, .frame = give_frame, .columns = see_columns, .row = see_row};
}

static void seen_free(struct seen *s)
{
    for (uint32_t i = 0; i < 64 && s->frames[i] != NULL; i++)
        frame_unref(s->frames[i]);
    frame_pool_free(s->pool);
}

/* A row packet of n bytes, each of them `fill` behind the header and the bitmap. */
static char row_bytes[4][20000];

static struct words row_words(unsigned i, uint8_t sequence, size_t n, char fill)
{
    memset(row_bytes[i], fill, n);
    row_bytes[i][0] = row_bytes[i][1] = 0;
    return (struct words){row_bytes[i], n, sequence, true};
}

static struct src_session *open_peer(struct peer *p, const struct words *script)
{
    struct src_session *s;
    peer_start(p, script, STALLS, SIZE_MAX);
    cr_assert_eq(open_session(p, &s), ERR_OK, "%s", em.text);
    return s;
}

static struct src_stmt *prepare(struct src_session *s)
{
    struct src_stmt *st;
    cr_assert_eq(src_prepare(s, SLICE_LIT("SELECT a FROM t"), &st, &em), ERR_OK, "%s", em.text);
    return st;
}

static void close_all(struct src_stmt *st, struct src_session *s, struct peer *p)
{
    src_stmt_close(st);
    src_session_close(s);
    peer_join(p);
}

#define PREPARE_0 SAY_ON(1, PREPARED_0), SAY(2, COLUMN)

Test(prepared, rows_lie_whole_in_frames_that_can_be_kept)
{
    const struct words script[] = {
        LOGIN,
        PREPARE_0,
        SAY_ON(1, "\x01"),
        SAY_ON(2, COLUMN),
        row_words(0, 3, 3000, 'a'),
        row_words(1, 4, 5000, 'b'),
        row_words(2, 5, 20000, 'c'), /* more than a frame */
        row_words(3, 6, 2, 'd'),
        SAY_ON(7, END_OK),
        SAID,
    };
    struct peer p;
    struct src_session *s = open_peer(&p, script);
    struct src_stmt *st = prepare(s);
    struct seen seen = {0};
    struct src_sink sink = sink_of(&seen);
    static const size_t lens[] = {3000, 5000, 20000, 2};
    cr_assert_eq(src_stmt_param_count(st), 0);
    cr_assert_eq(src_stmt_run(st, NULL, 0, &sink, &em), ERR_OK, "%s", em.text);
    cr_assert_eq(seen.columns, 1);
    cr_assert_eq(seen.rows, 4);
    for (unsigned i = 0; i < 4; i++) {
        cr_assert_eq(seen.kept[i].len, lens[i]);
        cr_assert_eq(memcmp(seen.kept[i].ptr, row_bytes[i], lens[i]), 0, "row %u", i);
    }
    cr_assert_eq(src_stmt_bytes(st), 28002);
    cr_assert_eq(src_refusal_of(s), SRC_REFUSED_NOT);
    close_all(st, s, &p);
    seen_free(&seen);
}

#define ROWS                                                                                       \
    SAY_ON(1, "\x01"), SAY_ON(2, COLUMN), SAY_ON(3, "\0\0\x01x"), SAY_ON(4, "\0\0\x01y"),          \
        SAY_ON(5, "\0\0\x01z")
#define ROWS_3          ROWS, SAY_ON(6, END_OK)
#define ROWS_3_AND_WAIT ROWS, SAY(6, END_OK)

Test(prepared, a_sink_that_fails_gets_no_more_and_the_session_goes_on)
{
    /* The same result twice: refused at its second row, then whole. */
    static const struct words script[] = {LOGIN, PREPARE_0, ROWS_3_AND_WAIT, ROWS_3, SAID};
    struct peer p;
    struct src_session *s = open_peer(&p, script);
    struct src_stmt *st = prepare(s);
    struct seen seen = {.fail_at = 2};
    struct src_sink sink = sink_of(&seen);
    cr_assert_eq(src_stmt_run(st, NULL, 0, &sink, &em), ERR_STOPPED);
    cr_assert_eq(seen.rows, 2);
    cr_assert(src_session_alive(s));
    seen.fail_at = 0;
    cr_assert_eq(src_stmt_run(st, NULL, 0, &sink, &em), ERR_OK, "%s", em.text);
    cr_assert_eq(seen.rows, 5);
    cr_assert_eq(seen.kept[4].ptr[3], 'z');
    close_all(st, s, &p);
    seen_free(&seen);
}

Test(prepared, without_a_sink_rows_are_passed_over)
{
    static const struct words script[] = {LOGIN, PREPARE_0, ROWS_3, SAID};
    struct peer p;
    struct src_session *s = open_peer(&p, script);
    struct src_stmt *st = prepare(s);
    cr_assert_eq(src_stmt_run(st, NULL, 0, NULL, &em), ERR_OK, "%s", em.text);
    cr_assert(src_session_alive(s));
    close_all(st, s, &p);
}

Test(prepared, a_frame_is_waited_for)
{
    static const struct words script[] = {LOGIN, PREPARE_0, ROWS_3, SAID};
    struct peer p;
    struct src_session *s = open_peer(&p, script);
    struct src_stmt *st = prepare(s);
    struct seen seen = {.no_frame = 2};
    struct src_sink sink = sink_of(&seen);
    uint64_t deadline;
    cr_assert_eq(src_stmt_start(st, NULL, 0, &sink, &em), ERR_OK);
    cr_assert_eq(src_stmt_step(st, &deadline, &em), ERR_NO_ROOM);
    cr_assert_eq(src_stmt_step(st, &deadline, &em), ERR_NO_ROOM);
    enum err e;
    while ((e = src_stmt_step(st, &deadline, &em)) == ERR_NEED_INPUT)
        cr_assert_eq(net_loop_wait(loop, deadline), ERR_OK);
    cr_assert_eq(e, ERR_OK, "%s", em.text);
    cr_assert_eq(seen.rows, 3);
    close_all(st, s, &p);
    seen_free(&seen);
}

Test(prepared, a_frame_that_is_refused_ends_the_rows)
{
    static const struct words script[] = {LOGIN, PREPARE_0, ROWS_3, SAID};
    struct peer p;
    struct src_session *s = open_peer(&p, script);
    struct src_stmt *st = prepare(s);
    struct seen seen = {.frame_err = ERR_TOO_LARGE};
    struct src_sink sink = sink_of(&seen);
    cr_assert_eq(src_stmt_run(st, NULL, 0, &sink, &em), ERR_TOO_LARGE);
    cr_assert(src_session_alive(s));
    cr_assert_eq(seen.rows, 0);
    close_all(st, s, &p);
    seen_free(&seen);
}

Test(prepared, of_a_large_row_the_beginning_is_shown)
{
    const struct words script[] = {
        LOGIN,
        PREPARE_0,
        SAY_ON(1, "\x01"),
        SAY_ON(2, COLUMN),
        row_words(0, 3, 20000, 'a'),
        row_words(1, 4, 50, 'b'),
        SAY_ON(5, END_OK),
        SAID,
    };
    for (int shown = 0; shown <= 1; shown++) {
        struct peer p;
        struct src_session *s = open_peer(&p, script);
        struct src_stmt *st = prepare(s);
        struct seen seen = {0};
        struct src_sink sink = sink_of(&seen);
        sink.row_max = 10000;
        sink.large = shown ? see_large : NULL;
        enum err e = src_stmt_run(st, NULL, 0, &sink, &em);
        cr_assert_eq(e, shown ? ERR_OK : ERR_TOO_LARGE, "%s", em.text);
        cr_assert(src_session_alive(s));
        cr_assert_eq(seen.large, (unsigned)shown);
        cr_assert_eq(seen.rows, (unsigned)shown);
        cr_assert(!shown || (seen.large_len >= 1024 && seen.large_len < 20000));
        close_all(st, s, &p);
        seen_free(&seen);
    }
}

Test(prepared, refusals_are_told_apart)
{
    static const struct {
        const char code[3];
        enum err err;
        enum src_refusal refusal;
        bool alive;
    } cases[] = {
        {"\x7a\x04", ERR_SOURCE_SQL, SRC_REFUSED_NO_TABLE, true}, /* 1146 */
        {"\xb5\x04", ERR_TIMEOUT, SRC_REFUSED_RETRY, true},       /* 1205 */
        {"\x25\x05", ERR_DISCONNECTED, SRC_REFUSED_RETRY, true},  /* 1317 */
        {"\x1d\x04", ERR_DISCONNECTED, SRC_REFUSED_LINK, false},  /* 1053 */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char packet[] = SERVER_ERROR("\0\0", "no");
        memcpy(packet + 1, cases[i].code, 2);
        const struct words script[] = {
            LOGIN, PREPARE_0, {packet, sizeof(packet) - 1, 1, true}, SAID};
        struct peer p;
        struct src_session *s = open_peer(&p, script);
        struct src_stmt *st = prepare(s);
        struct seen seen = {0};
        struct src_sink sink = sink_of(&seen);
        cr_assert_eq(src_stmt_run(st, NULL, 0, &sink, &em), cases[i].err, "%zu: %s", i, em.text);
        cr_assert_eq(src_refusal_of(s), cases[i].refusal, "%zu", i);
        cr_assert_eq(src_session_alive(s), cases[i].alive, "%zu", i);
        cr_assert_not_null(strstr(em.text, "SELECT a FROM t"), "%s", em.text);
        close_all(st, s, &p);
        seen_free(&seen);
    }
}

Test(prepared, an_error_among_the_rows_ends_them)
{
    static const struct words script[] = {
        LOGIN,
        PREPARE_0,
        SAY_ON(1, "\x01"),
        SAY_ON(2, COLUMN),
        SAY_ON(3, "\0\0\x01x"),
        SAY_ON(4, SERVER_ERROR("\xd0\x0b", "too long")), /* 3024 */
        SAID,
    };
    struct peer p;
    struct src_session *s = open_peer(&p, script);
    struct src_stmt *st = prepare(s);
    struct seen seen = {0};
    struct src_sink sink = sink_of(&seen);
    cr_assert_eq(src_stmt_run(st, NULL, 0, &sink, &em), ERR_TIMEOUT, "%s", em.text);
    cr_assert_eq(seen.rows, 1);
    cr_assert_eq(src_refusal_of(s), SRC_REFUSED_RETRY);
    cr_assert(src_session_alive(s));
    close_all(st, s, &p);
    seen_free(&seen);
}

Test(prepared, what_cannot_be_prepared_has_its_number)
{
    static const struct words script[] = {LOGIN, SAY_ON(1, SERVER_ERROR("\x1e\x04", "no column")),
                                          SAID};
    struct peer p;
    struct src_session *s = open_peer(&p, script);
    struct src_stmt *st = NULL;
    cr_assert_eq(src_prepare(s, SLICE_LIT("SELECT b FROM t"), &st, &em), ERR_SOURCE_SQL);
    cr_assert_eq(src_session_error_code(s), 1054);
    cr_assert_eq(src_refusal_of(s), SRC_REFUSED_NO_COLUMN);
    cr_assert_null(st);
    close_all(NULL, s, &p);
}

Test(prepared, rows_out_of_sequence_end_the_session)
{
    static const struct words script[] = {
        LOGIN, PREPARE_0, SAY_ON(1, "\x01"), SAY_ON(2, COLUMN), SAY_ON(4, "\0\0\x01x"), SAID};
    struct peer p;
    struct src_session *s = open_peer(&p, script);
    struct src_stmt *st = prepare(s);
    struct seen seen = {0};
    struct src_sink sink = sink_of(&seen);
    cr_assert_eq(src_stmt_run(st, NULL, 0, &sink, &em), ERR_PROTOCOL, "%s", em.text);
    cr_assert_not(src_session_alive(s));
    cr_assert_eq(src_refusal_of(s), SRC_REFUSED_LINK);
    close_all(st, s, &p);
    seen_free(&seen);
}

Test(prepared, an_answer_that_stops_anywhere_ends_the_session)
{
    static const struct words script[] = {LOGIN, PREPARE_0, ROWS_3, SAID};
    size_t before = 4 + sizeof(GREETING) - 1 + 2 * (4 + sizeof(OK_PACKET) - 1) + 4 +
                    sizeof(PREPARED_0) - 1 + 4 + sizeof(COLUMN) - 1;
    size_t whole = 5 + 4 + sizeof(COLUMN) - 1 + 3 * 8 + 4 + sizeof(END_OK) - 1;
    for (int wanted = 0; wanted <= 1; wanted++) {
        for (size_t n = 0; n < whole; n++) {
            struct peer p;
            struct src_session *s;
            struct seen seen = {0};
            struct src_sink sink = sink_of(&seen);
            peer_start(&p, script, CLOSES, before + n);
            cr_assert_eq(open_session(&p, &s), ERR_OK, "%s", em.text);
            struct src_stmt *st = prepare(s);
            enum err e = src_stmt_run(st, NULL, 0, wanted ? &sink : NULL, &em);
            cr_assert_eq(e, ERR_DISCONNECTED, "%zu: %s", n, em.text);
            cr_assert_not(src_session_alive(s));
            close_all(st, s, &p);
            seen_free(&seen);
        }
    }
}

Test(prepared, a_silent_server_is_given_up)
{
    static const struct words script[] = {
        LOGIN, PREPARE_0, SAY_ON(1, "\x01"), SAY_ON(2, COLUMN), SAY_ON(3, "\0\0\x01x"), SAID};
    struct peer p;
    answer_ms = 4 * TIMEOUT_MS; /* it answers before it falls silent */
    struct src_session *s = open_peer(&p, script);
    struct src_stmt *st = prepare(s);
    struct seen seen = {0};
    struct src_sink sink = sink_of(&seen);
    uint64_t start = clock_mono_ms();
    cr_assert_eq(src_stmt_run(st, NULL, 0, &sink, &em), ERR_TIMEOUT, "%s", em.text);
    cr_assert_geq(clock_mono_ms() - start, answer_ms);
    cr_assert_eq(seen.rows, 1);
    close_all(st, s, &p);
    seen_free(&seen);
}

Test(prepared, parameters_are_counted_and_of_a_kind_that_can_be_sent)
{
    static const struct words script[] = {
        LOGIN, SAY_ON(1, PREPARED_2), SAY_ON(2, COLUMN), SAY_ON(3, COLUMN), SAY(4, COLUMN), ROWS_3,
        SAID};
    struct peer p;
    struct src_session *s = open_peer(&p, script);
    struct src_stmt *st = prepare(s);
    const struct column json = {.kind = COL_JSON};
    const struct cell number = {.kind = CELL_I64, .i64 = 1};
    const struct cell document = {.kind = CELL_JSON, .raw = SLICE_LIT("")};
    const struct cell absent = {.kind = CELL_ABSENT};
    const struct src_param good[] = {{NULL, &number}, {NULL, &number}};
    const struct src_param bad[] = {{&json, &document}, {NULL, &number}};
    const struct src_param missing[] = {{NULL, &number}, {NULL, &absent}};
    cr_assert_eq(src_stmt_param_count(st), 2);
    cr_assert_eq(src_stmt_run(st, good, 1, NULL, &em), ERR_BUG);
    cr_assert_eq(src_stmt_run(st, bad, 2, NULL, &em), ERR_BUG);
    cr_assert_eq(src_stmt_run(st, missing, 2, NULL, &em), ERR_BUG);
    /* What the server would make another text of. */
    const struct column text = {.kind = COL_VARCHAR,
                                .name = SLICE_LIT("k"),
                                .charset = charset_of_name(SLICE_LIT("utf8mb4"))};
    const struct cell damaged = {.kind = CELL_BYTES, .raw = SLICE_LIT("a\xff")};
    const struct src_param unlike[] = {{&text, &damaged}, {NULL, &number}};
    cr_assert_eq(src_stmt_run(st, unlike, 2, NULL, &em), ERR_BAD_TEXT);
    cr_assert_not_null(strstr(em.text, "column k"), "%s", em.text);
    cr_assert(src_session_alive(s));
    cr_assert_eq(src_stmt_run(st, good, 2, NULL, &em), ERR_OK, "%s", em.text);
    close_all(st, s, &p);
}

static void expect_text(const struct column *c, const char *want)
{
    struct writer w;
    writer_init(&w, 256);
    src_param_text(&w, c);
    cr_assert(slice_eq(writer_slice(&w), slice_str(want)), "%.*s", SLICE_ARG(writer_slice(&w)));
    writer_fini(&w);
}

Test(prepared, texts_are_compared_in_their_own_collation)
{
    const struct charset *gbk = charset_of_name(SLICE_LIT("gbk"));
    expect_text(&(struct column){.kind = COL_INT, .collation = SLICE_LIT("")}, "?");
    expect_text(&(struct column){.kind = COL_VARBINARY, .collation = SLICE_LIT("")}, "?");
    expect_text(
        &(struct column){.kind = COL_CHAR, .charset = gbk, .collation = SLICE_LIT("gbk_bin")},
        "CONVERT(? USING gbk) COLLATE gbk_bin");
    expect_text(&(struct column){.kind = COL_TEXT, .charset = gbk, .collation = SLICE_LIT("")},
                "CONVERT(? USING gbk)");
}
