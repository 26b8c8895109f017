/*
 * The client machine (mysqlproto/client.h) against a server that says anything.
 *
 * What it reports and how much it says does not depend on how the server's
 * bytes arrive: packet by packet, or one at a time. No secret is said in
 * clear unless the link is private. The last two bytes of the input choose
 * the options and the commands.
 */
#include "base/reader.h"
#include "base/writer.h"
#include "mysqlproto/client.h"
#include "schema/cell.h"

#include <stdlib.h>

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)
#define PASSWORD "correct horse battery"

struct play {
    struct my_client *c;
    struct writer out;
    struct writer report; /* what happened, as bytes */
    bool tls;
    uint8_t commands;
    unsigned count;
};

static void command(struct play *p)
{
    enum err e;
    if (p->count++ > 16)
        return;
    switch (p->commands & 3) {
    case 0:
        e = my_client_query(p->c, SLICE_LIT("SELECT 1"), &p->out);
        break;
    case 1:
        e = my_client_prepare(p->c, SLICE_LIT("SELECT ?"), &p->out);
        break;
    case 2:
        e = my_client_execute(p->c, 1, NULL, 0, &p->out);
        break;
    default:
        e = my_client_register(p->c, 7, SLICE_LIT("h"), 1, &p->out);
        break;
    }
    CHECK(e == ERR_OK);
    p->commands = (uint8_t)(p->commands >> 2 | p->commands << 6);
}

static void look_at_row(struct play *p, const struct my_event *ev)
{
    static struct my_text_value values[MY_COLUMNS_MAX];
    enum err e = ev->binary ? ERR_OK : my_text_row_parse(ev->row, ev->column_count, values);
    writer_u8(&p->report, (uint8_t)e);
    writer_slice_put(&p->report, ev->row);
}

static enum err happened(struct play *p, enum err e, const struct my_event *ev)
{
    writer_u8(&p->report, (uint8_t)e);
    if (e != ERR_OK)
        return e;
    writer_u8(&p->report, (uint8_t)ev->kind);
    if (ev->kind == MY_EVENT_START_TLS) {
        p->tls = true;
        e = my_client_tls_started(p->c, &p->out);
    }
    if (ev->kind == MY_EVENT_ROW)
        look_at_row(p, ev);
    if (e == ERR_OK && my_client_ready(p->c))
        command(p);
    return e;
}

/* One burst of the server, then everything that follows from it. */
static enum err burst(struct play *p, struct slice in)
{
    for (;;) {
        size_t used;
        struct my_event ev = {0};
        enum err e = my_client_step(p->c, in, &used, &p->out, &ev);
        CHECK(used <= in.len);
        in = slice_of(in.ptr + used, in.len - used);
        if (e == ERR_NEED_INPUT)
            return e;
        e = happened(p, e, &ev);
        if (e != ERR_OK)
            return e;
    }
}

static void run(struct play *p, struct slice in, uint8_t options, uint8_t commands, bool bytewise)
{
    struct my_client_options o = {
        .user = SLICE_LIT("me"),
        .password = SLICE_LIT(PASSWORD),
        .database = SLICE_LIT(""),
        .tls = (options & 3) % 3,
        .fetch_key = (options & 4) != 0,
        .key_pem = SLICE_LIT(""),
        .compression = (options >> 3 & 3) % 3,
        .extended_types = (options & 32) != 0,
        .program_version = SLICE_LIT("1"),
        .role = SLICE_LIT(""),
        .packet_max = 1 << 20,
    };
    enum err e = my_client_new(&o, &p->c);
    CHECK(e == ERR_OK);
    p->commands = commands;
    writer_init(&p->out, 1 << 24);
    writer_init(&p->report, 1 << 24);
    e = ERR_NEED_INPUT;
    while (e == ERR_NEED_INPUT && in.len > 0) {
        size_t n = in.len;
        if (bytewise)
            n = 1;
        else if (in.len > 3 && load_le24(in.ptr) + (size_t)4 < n)
            n = load_le24(in.ptr) + (size_t)4;
        e = burst(p, slice_of(in.ptr, n));
        in = slice_of(in.ptr + n, in.len - n);
    }
    CHECK(p->tls || memmem(p->out.base != NULL ? p->out.base : in.ptr, p->out.len, PASSWORD,
                           sizeof(PASSWORD) - 1) == NULL);
    writer_printf(&p->report, "%s %s %u", my_client_state_name(p->c), my_client_errmsg(p->c)->text,
                  my_client_status(p->c));
}

static void fini(struct play *p)
{
    my_client_free(p->c);
    writer_fini(&p->out);
    writer_fini(&p->report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct play a = {0}, b = {0};
    struct slice in = slice_of(data, size - 2);
    run(&a, in, data[size - 2], data[size - 1], false);
    run(&b, in, data[size - 2], data[size - 1], true);
    CHECK(slice_eq(writer_slice(&a.report), writer_slice(&b.report)));
    CHECK(a.out.len == b.out.len);
    fini(&a);
    fini(&b);
    return 0;
}
