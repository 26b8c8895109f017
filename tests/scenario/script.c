#include "script.h"

#include "base/reader.h"
#include "base/writer.h"
#include "mysqlproto/packet.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct stage {
    struct my_client *client;
    const struct line *line;
    struct writer said; /* by the server, not yet taken */
    size_t said_at;
    struct writer heard; /* from the client, not yet looked at */
    size_t heard_at;
    size_t step;
    size_t budget; /* bytes that the server may still say */
    struct my_event event;
};

static void open_stage(struct stage *s, const struct line *script, struct my_client_options options,
                       size_t step)
{
    *s = (struct stage){.line = script, .step = step, .budget = SIZE_MAX};
    options.user = SLICE_LIT("me");
    options.password = SLICE_LIT("secret");
    options.program_version = SLICE_LIT("1");
    if (options.database.ptr == NULL)
        options.database = SLICE_LIT("");
    if (options.key_pem.ptr == NULL)
        options.key_pem = SLICE_LIT("");
    options.role = SLICE_LIT("binary_log_listener");
    cr_assert_eq(my_client_new(&options, &s->client), ERR_OK);
    writer_init(&s->said, 1 << 20);
    writer_init(&s->heard, 1 << 20);
}

static void close_stage(struct stage *s)
{
    my_client_free(s->client);
    writer_fini(&s->said);
    writer_fini(&s->heard);
}

static void say(struct stage *s, const struct line *l)
{
    uint8_t sequence = (uint8_t)l->code;
    size_t before = s->said.len;
    size_t mark = l->kind == LINE_SAYS ? my_packet_begin(&s->said) : 0;
    writer_put(&s->said, l->bytes, l->len);
    if (l->kind == LINE_SAYS)
        my_packet_end(&s->said, mark, &sequence);
    if (s->said.len - before > s->budget)
        s->said.len = before + s->budget;
    s->budget -= s->said.len - before;
}

/* Steps the machine over what was said. The input is an exact block, so that reads behind show. */
static enum err take(struct stage *s)
{
    for (;;) {
        size_t left = s->said.len - s->said_at, n = left < s->step ? left : s->step, used;
        uint8_t *exact = malloc(n + 1);
        memcpy(exact, writer_slice(&s->said).ptr + s->said_at, n);
        enum err e = my_client_step(s->client, slice_of(exact, n), &used, &s->heard, &s->event);
        cr_assert_leq(used, n);
        s->said_at += used;
        if (e == ERR_OK && s->event.kind == MY_EVENT_ROW) { /* keep what is looked at later */
            static uint8_t row[4096];
            memcpy(row, s->event.row.ptr, s->event.row.len);
            s->event.row.ptr = row;
        }
        free(exact);
        if (e != ERR_NEED_INPUT)
            return e;
        cr_assert_eq(used, n);
        if (s->said_at == s->said.len)
            return e;
    }
}

static bool contains(struct slice s, const struct line *l)
{
    return l->len == 0 || memmem(s.ptr, s.len, l->bytes, l->len) != NULL;
}

static void hear(struct stage *s, const struct line *l)
{
    cr_assert_geq(s->heard.len - s->heard_at, 4, "the client said nothing");
    const uint8_t *p = s->heard.base + s->heard_at;
    struct slice payload = slice_of(p + 4, load_le24(p));
    cr_assert_geq(s->heard.len - s->heard_at - 4, payload.len);
    s->heard_at += 4 + payload.len;
    cr_assert_eq(p[3], l->code, "sequence %u, not %d", p[3], l->code);
    cr_assert(contains(payload, l), "the client's packet lacks \"%s\"", l->bytes);
    if (l->kind == LINE_HEARS_ONLY)
        cr_assert_eq(payload.len, l->len, "%zu bytes, not %zu", payload.len, l->len);
}

static void play_line(struct stage *s, const struct line *l)
{
    enum err e;
    switch (l->kind) {
    case LINE_SAYS:
    case LINE_SAYS_RAW:
        say(s, l);
        if (l[1].kind == LINE_HEARS || l[1].kind == LINE_HEARS_ONLY || l[1].kind == LINE_SILENCE)
            cr_assert_eq(take(s), ERR_NEED_INPUT, "%s", my_client_errmsg(s->client)->text);
        break;
    case LINE_HEARS:
    case LINE_HEARS_ONLY:
        hear(s, l);
        break;
    case LINE_SILENCE:
        cr_assert_eq(s->heard.len, s->heard_at, "the client said something");
        break;
    case LINE_REPORTS:
        e = take(s);
        cr_assert_eq(e, ERR_OK, "%s: %s", err_name(e), my_client_errmsg(s->client)->text);
        cr_assert_eq((int)s->event.kind, l->code, "event %d, not %d", s->event.kind, l->code);
        if (l->len > 0)
            cr_assert(contains(s->event.row, l));
        break;
    case LINE_FAILS:
        e = take(s);
        cr_assert_eq((int)e, l->code, "%s, not %s: %s", err_name(e), err_name((enum err)l->code),
                     my_client_errmsg(s->client)->text);
        cr_assert(contains(slice_str(my_client_errmsg(s->client)->text), l), "\"%s\" lacks \"%s\"",
                  my_client_errmsg(s->client)->text, l->bytes);
        cr_assert_str_eq(my_client_state_name(s->client), "closed");
        break;
    case LINE_STARTS_TLS:
        cr_assert_eq(my_client_tls_started(s->client, &s->heard), ERR_OK);
        break;
    case LINE_ASKS:
        cr_assert_eq(my_client_query(s->client, slice_of(l->bytes, l->len), &s->heard), ERR_OK);
        break;
    case LINE_END:
        break;
    }
}

void script_play(const struct line *script, struct my_client_options options, size_t step)
{
    struct stage s;
    open_stage(&s, script, options, step);
    for (const struct line *l = script; l->kind != LINE_END; l++)
        play_line(&s, l);
    cr_assert_eq(s.heard.len, s.heard_at, "the client said more than the script has");
    close_stage(&s);
}

void script_play_all(const struct line *script, struct my_client_options options)
{
    static const size_t steps[] = {1, 2, 7, SIZE_MAX};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        script_play(script, options, steps[i]);
}

/* Plays until the words run out. True: the script was over before. */
static bool play_until_cut(struct stage *s)
{
    for (const struct line *l = s->line; l->kind != LINE_END; l++) {
        if (s->budget == 0 && (l->kind == LINE_SAYS || l->kind == LINE_SAYS_RAW)) {
            enum err e = take(s);
            cr_assert(e == ERR_NEED_INPUT, "%s", err_name(e));
            return false;
        }
        size_t before = s->budget;
        if (l->kind != LINE_SAYS && l->kind != LINE_SAYS_RAW) {
            play_line(s, l);
            continue;
        }
        say(s, l);
        if (before - s->budget < l->len + (l->kind == LINE_SAYS ? 4u : 0u)) {
            enum err e = take(s);
            cr_assert(e == ERR_NEED_INPUT, "cut: %s", err_name(e));
            return false;
        }
        if (l[1].kind == LINE_HEARS || l[1].kind == LINE_HEARS_ONLY || l[1].kind == LINE_SILENCE)
            cr_assert_eq(take(s), ERR_NEED_INPUT);
    }
    return true;
}

void script_cut_everywhere(const struct line *script, struct my_client_options options)
{
    for (size_t budget = 0; budget < 4096; budget++) {
        struct stage s;
        open_stage(&s, script, options, SIZE_MAX);
        s.budget = budget;
        bool over = play_until_cut(&s);
        close_stage(&s);
        if (over)
            return;
    }
    cr_assert_fail("the script never ends");
}
