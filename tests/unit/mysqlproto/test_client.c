#include "mysqlproto/client.h"

#include "base/writer.h"
#include "mysqlproto/capability.h"
#include "mysqlproto/packet.h"

#include <criterion/criterion.h>

/* The machine and what the server says to it. The whole dialogues are in tests/scenario. */
struct fixture {
    struct my_client *c;
    struct writer in;  /* from the server */
    struct writer out; /* from the client */
    size_t at;         /* consumed of in */
    struct my_event event;
};

#define CAPS (MY_CAP_WANTED | MY_CAP_SSL | MY_CAP_COMPRESS | MY_CAP_ZSTD | MY_CAP_CONNECT_WITH_DB)

static void put(struct fixture *f, uint8_t sequence, struct slice payload)
{
    size_t mark = my_packet_begin(&f->in);
    writer_slice_put(&f->in, payload);
    my_packet_end(&f->in, mark, &sequence);
}

static void put_greeting(struct fixture *f, uint64_t caps)
{
    struct writer w;
    writer_init(&w, 1000);
    writer_u8(&w, 10);
    writer_lit(&w, "8.4.0\0");
    writer_u32(&w, 9);
    writer_lit(&w, "abcdefgh\0");
    writer_u16(&w, (uint16_t)caps);
    writer_u8(&w, 255);
    writer_u16(&w, 2);
    writer_u16(&w, (uint16_t)(caps >> 16));
    writer_u8(&w, 21);
    writer_lit(&w, "\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0mysql_native_password\0");
    put(f, 0, writer_slice(&w));
    writer_fini(&w);
}

static void begin(struct fixture *f, struct my_client_options options)
{
    *f = (struct fixture){0};
    writer_init(&f->in, 1 << 20);
    writer_init(&f->out, 1 << 20);
    options.user = SLICE_LIT("me");
    options.password = SLICE_LIT("secret");
    options.database = options.key_pem = options.program_version = options.role = SLICE_LIT("");
    cr_assert_eq(my_client_new(&options, &f->c), ERR_OK);
}

static void end(struct fixture *f)
{
    my_client_free(f->c);
    writer_fini(&f->in);
    writer_fini(&f->out);
}

static enum err step(struct fixture *f)
{
    size_t n;
    struct slice in = slice_of(f->in.base + f->at, f->in.len - f->at);
    enum err e = my_client_step(f->c, in, &n, &f->out, &f->event);
    f->at += n;
    return e;
}

#define OK_PACKET "\0\0\0\x02\0\0\0"

static void log_in(struct fixture *f, struct my_client_options options, uint64_t caps)
{
    begin(f, options);
    put_greeting(f, caps);
    cr_assert_eq(step(f), ERR_NEED_INPUT);
    put(f, 2, SLICE_LIT(OK_PACKET));
    cr_assert_eq(step(f), ERR_OK, "%s", my_client_errmsg(f->c)->text);
    cr_assert_eq(f->event.kind, MY_EVENT_READY);
    writer_clear(&f->out);
}

Test(client, a_login_tells_what_it_found)
{
    struct fixture f;
    log_in(&f, (struct my_client_options){0}, CAPS);
    cr_assert(my_client_ready(f.c));
    cr_assert_str_eq(my_client_server_version(f.c), "8.4.0");
    cr_assert_eq(my_client_thread_id(f.c), 9);
    cr_assert_str_eq(my_client_plugin(f.c), "mysql_native_password");
    cr_assert_eq(my_client_compression(f.c), MY_PLAIN);
    cr_assert_not(my_client_mariadb(f.c));
    end(&f);
}

Test(client, only_offered_capabilities_are_taken)
{
    struct fixture f;
    log_in(&f, (struct my_client_options){.extended_types = true}, CAPS & ~MY_CAP_DEPRECATE_EOF);
    cr_assert_eq(my_client_capabilities(f.c) & MY_CAP_DEPRECATE_EOF, 0);
    cr_assert_eq(my_client_capabilities(f.c) & MY_CAP_MARIADB_EXTENDED_TYPES, 0);
    cr_assert_eq(my_client_capabilities(f.c) & MY_CAP_LOCAL_FILES, 0);
    cr_assert_eq(my_client_capabilities(f.c) & MY_CAP_SSL, 0);
    end(&f);
}

Test(client, tls_is_asked_for_before_any_credential)
{
    struct fixture f;
    begin(&f, (struct my_client_options){.tls = MY_TLS_IF_OFFERED});
    put_greeting(&f, CAPS);
    cr_assert_eq(step(&f), ERR_OK);
    cr_assert_eq(f.event.kind, MY_EVENT_START_TLS);
    cr_assert_eq(f.out.len, 36);
    cr_assert_eq(f.out.base[3], 1);
    cr_assert_eq(step(&f), ERR_BUG);
    writer_clear(&f.out);
    cr_assert_eq(my_client_tls_started(f.c, &f.out), ERR_OK);
    cr_assert_eq(f.out.base[3], 2);
    cr_assert_not_null(memmem(f.out.base, f.out.len, "me", 3));
    put(&f, 3, SLICE_LIT(OK_PACKET));
    cr_assert_eq(step(&f), ERR_OK);
    end(&f);
}

Test(client, a_server_without_tls_gets_no_credential_where_tls_is_a_must)
{
    struct fixture f;
    begin(&f, (struct my_client_options){.tls = MY_TLS_MUST});
    put_greeting(&f, CAPS & ~MY_CAP_SSL);
    cr_assert_eq(step(&f), ERR_TLS);
    cr_assert_eq(f.out.len, 0);
    end(&f);
    begin(&f, (struct my_client_options){.tls = MY_TLS_IF_OFFERED});
    put_greeting(&f, CAPS & ~MY_CAP_SSL);
    cr_assert_eq(step(&f), ERR_NEED_INPUT);
    cr_assert_gt(f.out.len, 36);
    end(&f);
}

Test(client, bytes_behind_the_greeting_are_not_taken_into_tls)
{
    struct fixture f;
    begin(&f, (struct my_client_options){.tls = MY_TLS_IF_OFFERED});
    put_greeting(&f, CAPS);
    put(&f, 2, SLICE_LIT(OK_PACKET));
    cr_assert_eq(step(&f), ERR_PROTOCOL);
    cr_assert_eq(f.out.len, 0);
    end(&f);
}

Test(client, compression_that_is_not_offered_is_an_error)
{
    struct fixture f;
    begin(&f, (struct my_client_options){.compression = MY_ZSTD});
    put_greeting(&f, CAPS & ~MY_CAP_ZSTD);
    cr_assert_eq(step(&f), ERR_SOURCE_SETUP);
    end(&f);
    log_in(&f, (struct my_client_options){.compression = MY_ZSTD}, CAPS);
    cr_assert_eq(my_client_compression(f.c), MY_ZSTD);
    cr_assert_eq(my_client_capabilities(f.c) & MY_CAP_COMPRESS, 0);
    end(&f);
    log_in(&f, (struct my_client_options){.compression = MY_ZLIB}, CAPS);
    cr_assert_eq(my_client_compression(f.c), MY_ZLIB);
    end(&f);
}

#define COLUMN(name)                                                                               \
    "\x03"                                                                                         \
    "def\0\0\0\x01" name "\0\x0c\x2d\0\x14\0\0\0\xFD\0\0\0\0\0"

static void put_result(struct fixture *f, bool eof)
{
    uint8_t q = 1;
    put(f, q++, SLICE_LIT("\x02"));
    put(f, q++, SLICE_LIT(COLUMN("a")));
    put(f, q++, SLICE_LIT(COLUMN("b")));
    if (eof)
        put(f, q++, SLICE_LIT("\xFE\0\0\x02\0"));
    put(f, q++, SLICE_LIT("\x01x\xFB"));
    put(f, q++, eof ? SLICE_LIT("\xFE\0\0\x02\0") : SLICE_LIT("\xFE\0\0\x02\0\0\0"));
}

static void expect_result(struct fixture *f)
{
    struct my_text_value v[2];
    cr_assert_eq(step(f), ERR_OK);
    cr_assert_eq(f->event.kind, MY_EVENT_COLUMNS);
    cr_assert_eq(f->event.column_count, 2);
    cr_assert(slice_eq(f->event.columns[1].name, SLICE_LIT("b")));
    cr_assert_eq(step(f), ERR_OK);
    cr_assert_eq(f->event.kind, MY_EVENT_ROW);
    cr_assert_eq(my_text_row_parse(f->event.row, 2, v), ERR_OK);
    cr_assert(v[1].is_null);
    cr_assert_eq(step(f), ERR_OK);
    cr_assert_eq(f->event.kind, MY_EVENT_END);
    cr_assert_not(f->event.more);
    cr_assert(my_client_ready(f->c));
    cr_assert_eq(f->at, f->in.len);
}

Test(client, a_result_with_and_without_eof_packets)
{
    for (int eof = 0; eof < 2; eof++) {
        struct fixture f;
        log_in(&f, (struct my_client_options){0}, eof ? CAPS & ~MY_CAP_DEPRECATE_EOF : CAPS);
        cr_assert_eq(my_client_query(f.c, SLICE_LIT("SELECT"), &f.out), ERR_OK);
        cr_assert(slice_eq(writer_slice(&f.out), SLICE_LIT("\x07\0\0\0\x03SELECT")));
        put_result(&f, eof);
        expect_result(&f);
        end(&f);
    }
}

Test(client, an_error_leaves_the_connection_usable)
{
    struct fixture f;
    log_in(&f, (struct my_client_options){0}, CAPS);
    cr_assert_eq(my_client_query(f.c, SLICE_LIT("bad"), &f.out), ERR_OK);
    cr_assert_eq(my_client_query(f.c, SLICE_LIT("too soon"), &f.out), ERR_BUG);
    put(&f, 1, SLICE_LIT("\xFF\x28\x04#42000syntax"));
    cr_assert_eq(step(&f), ERR_OK);
    cr_assert_eq(f.event.kind, MY_EVENT_ERROR);
    cr_assert_eq(f.event.error.code, 1064);
    cr_assert_eq(my_client_query(f.c, SLICE_LIT("SELECT"), &f.out), ERR_OK);
    put_result(&f, false);
    expect_result(&f);
    end(&f);
}

Test(client, an_error_may_come_instead_of_any_packet_of_a_result)
{
    for (int at = 0; at < 4; at++) {
        struct fixture f;
        log_in(&f, (struct my_client_options){0}, CAPS);
        cr_assert_eq(my_client_query(f.c, SLICE_LIT("SELECT"), &f.out), ERR_OK);
        static const char *const texts[] = {"\x02"};
        uint8_t q = 1;
        if (at > 0)
            put(&f, q++, slice_str(texts[0]));
        for (int i = 1; i < at && i < 3; i++)
            put(&f, q++, SLICE_LIT(COLUMN("a")));
        put(&f, q++, SLICE_LIT("\xFF\x25\x05#70100interrupted"));
        enum err e = step(&f);
        if (e == ERR_OK && f.event.kind == MY_EVENT_COLUMNS)
            e = step(&f);
        cr_assert_eq(e, ERR_OK, "%d: %s", at, my_client_errmsg(f.c)->text);
        cr_assert_eq(f.event.kind, MY_EVENT_ERROR);
        cr_assert(my_client_ready(f.c));
        end(&f);
    }
}

Test(client, more_results_of_one_command)
{
    struct fixture f;
    log_in(&f, (struct my_client_options){0}, CAPS);
    cr_assert_eq(my_client_query(f.c, SLICE_LIT("CALL p"), &f.out), ERR_OK);
    put(&f, 1, SLICE_LIT("\x01"));
    put(&f, 2, SLICE_LIT(COLUMN("a")));
    put(&f, 3, SLICE_LIT("\xFE\0\0\x0A\0\0\0"));
    put(&f, 4, SLICE_LIT(OK_PACKET));
    cr_assert_eq(step(&f), ERR_OK);
    cr_assert_eq(step(&f), ERR_OK);
    cr_assert_eq(f.event.kind, MY_EVENT_END);
    cr_assert(f.event.more);
    cr_assert_not(my_client_ready(f.c));
    cr_assert_eq(step(&f), ERR_OK);
    cr_assert_eq(f.event.kind, MY_EVENT_OK);
    cr_assert(my_client_ready(f.c));
    end(&f);
}

Test(client, a_prepared_statement)
{
    for (int eof = 0; eof < 2; eof++) {
        struct fixture f;
        uint8_t q = 1;
        log_in(&f, (struct my_client_options){0}, eof ? CAPS & ~MY_CAP_DEPRECATE_EOF : CAPS);
        cr_assert_eq(my_client_prepare(f.c, SLICE_LIT("SELECT ?"), &f.out), ERR_OK);
        put(&f, q++, SLICE_LIT("\0\x05\0\0\0\x01\0\x02\0\0\0\0"));
        put(&f, q++, SLICE_LIT(COLUMN("?")));
        put(&f, q++, SLICE_LIT(COLUMN("?")));
        if (eof)
            put(&f, q++, SLICE_LIT("\xFE\0\0\x02\0"));
        put(&f, q++, SLICE_LIT(COLUMN("a")));
        if (eof)
            put(&f, q++, SLICE_LIT("\xFE\0\0\x02\0"));
        cr_assert_eq(step(&f), ERR_OK, "%s", my_client_errmsg(f.c)->text);
        cr_assert_eq(f.event.kind, MY_EVENT_PREPARED);
        cr_assert_eq(f.event.statement_id, 5);
        cr_assert_eq(f.event.param_count, 2);
        cr_assert_eq(f.event.column_count, 1);
        cr_assert(slice_eq(f.event.columns[0].name, SLICE_LIT("a")));
        cr_assert(my_client_ready(f.c));
        cr_assert_eq(my_client_execute(f.c, 5, NULL, 0, &f.out), ERR_OK);
        put(&f, 1, SLICE_LIT(OK_PACKET));
        cr_assert_eq(step(&f), ERR_OK);
        writer_clear(&f.out);
        cr_assert_eq(my_client_close_statement(f.c, 5, &f.out), ERR_OK);
        cr_assert(my_client_ready(f.c));
        end(&f);
    }
}

Test(client, a_prepared_statement_without_parameters_and_columns)
{
    struct fixture f;
    log_in(&f, (struct my_client_options){0}, CAPS);
    cr_assert_eq(my_client_prepare(f.c, SLICE_LIT("DO 1"), &f.out), ERR_OK);
    put(&f, 1, SLICE_LIT("\0\x05\0\0\0\0\0\0\0\0\0\0"));
    cr_assert_eq(step(&f), ERR_OK);
    cr_assert_eq(f.event.kind, MY_EVENT_PREPARED);
    cr_assert_eq(f.event.column_count, 0);
    end(&f);
}

Test(client, a_server_that_speaks_unasked_is_hung_up_on)
{
    struct fixture f;
    log_in(&f, (struct my_client_options){0}, CAPS);
    put(&f, 7, SLICE_LIT("\xFF\xBF\x0F#HY000idle for too long"));
    cr_assert_eq(step(&f), ERR_DISCONNECTED);
    cr_assert_not_null(strstr(my_client_errmsg(f.c)->text, "idle for too long"));
    cr_assert_str_eq(my_client_state_name(f.c), "closed");
    cr_assert_eq(step(&f), ERR_BUG);
    end(&f);
    log_in(&f, (struct my_client_options){0}, CAPS);
    put(&f, 1, SLICE_LIT(OK_PACKET));
    cr_assert_eq(step(&f), ERR_PROTOCOL);
    end(&f);
}

Test(client, answers_that_cannot_be_are_refused)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"", 0},
        {"\xFB/etc/passwd", 12}, /* LOCAL INFILE */
        {"\xFC\x01\x10", 3},     /* 4097 columns */
        {"\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9},
        {"\x01\x01", 2},
        {"\0\0", 2},     /* half an OK */
        {"\xFF\x01", 2}, /* half an ERR */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct fixture f;
        log_in(&f, (struct my_client_options){0}, CAPS);
        cr_assert_eq(my_client_query(f.c, SLICE_LIT("SELECT"), &f.out), ERR_OK);
        put(&f, 1, slice_of(bad[i].bytes, bad[i].len));
        cr_assert_eq(step(&f), ERR_PROTOCOL, "%zu", i);
        end(&f);
    }
}

Test(client, an_answer_larger_than_the_maximum_is_refused)
{
    struct fixture f;
    log_in(&f, (struct my_client_options){.packet_max = 100}, CAPS);
    cr_assert_eq(my_client_query(f.c, SLICE_LIT("SELECT"), &f.out), ERR_OK);
    put(&f, 1, SLICE_LIT("\x01"));
    put(&f, 2, SLICE_LIT(COLUMN("a")));
    cr_assert_eq(step(&f), ERR_OK);
    writer_lit(&f.in, "\x65\0\0\x03");
    cr_assert_eq(step(&f), ERR_PROTOCOL);
    end(&f);
}

Test(client, a_dump_hands_the_stream_over)
{
    struct fixture f;
    log_in(&f, (struct my_client_options){0}, CAPS);
    struct my_dump d = {.server_id = 3, .file = SLICE_LIT("bin.1"), .offset = 4};
    cr_assert_eq(my_client_dump(f.c, &d, &f.out), ERR_OK);
    cr_assert_str_eq(my_client_state_name(f.c), "streaming");
    put(&f, 1, SLICE_LIT("\0"));
    cr_assert_eq(step(&f), ERR_BUG);
    cr_assert_eq(my_client_query(f.c, SLICE_LIT("SELECT"), &f.out), ERR_BUG);
    end(&f);
}

Test(client, quit_closes)
{
    struct fixture f;
    log_in(&f, (struct my_client_options){0}, CAPS);
    cr_assert_eq(my_client_quit(f.c, &f.out), ERR_OK);
    cr_assert(slice_eq(writer_slice(&f.out), SLICE_LIT("\x01\0\0\0\x01")));
    cr_assert_str_eq(my_client_state_name(f.c), "closed");
    end(&f);
}

Test(client, control_characters_of_a_server_do_not_reach_a_sentence)
{
    struct fixture f;
    begin(&f, (struct my_client_options){0});
    put(&f, 0, SLICE_LIT("\xFF\x10\x04\x1b[31mred\n"));
    cr_assert_eq(step(&f), ERR_UNREACHABLE);
    cr_assert_str_eq(my_client_errmsg(f.c)->text, "?[31mred? (error 1040)");
    end(&f);
}
