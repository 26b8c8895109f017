/* Messages read back: what the encoders wrote, and what is none of ours. */
#include "encode/message.h"

#include "encode_fixture.h"

#include <stdlib.h>

enum { ID, NAME, QTY, AT, BLOB, COLUMNS };

struct fixture {
    struct column columns[COLUMNS];
    struct table table;
    struct format_options options;
    struct format_table format;
    struct format_encoder encoder;
    struct message_reader *reader;
    struct writer w;
};

static struct cell apple[COLUMNS];

static void make_apple(void)
{
    const struct cell cells[COLUMNS] = {
        I64(-7), BYTES("\xE4pple"), I64(5),
        CIVIL(CELL_DATETIME, .year = 2024, .month = 2, .day = 29, .hour = 12, .us = 7000),
        BYTES("\x01\xFF")};
    memcpy(apple, cells, sizeof(apple));
}

static void setup_framed(struct fixture *f, enum format_kind kind, struct slice frame)
{
    struct errmsg em = {0};
    make_apple();
    *f = (struct fixture){
        .columns = {COL("id", COL_BIGINT, "bigint"), COL("name", COL_VARCHAR, "varchar(20)"),
                    COL("qty", COL_INT, "int"), COL("at", COL_DATETIME, "datetime(3)"),
                    COL("b", COL_BLOB, "blob")}};
    f->columns[NAME].charset = charset_of_name(SLICE_LIT("latin1"));
    cr_assert_eq(charset_prepare(f->columns[NAME].charset), ERR_OK);
    f->columns[AT].fsp = 3;
    f->table = table_of(f->columns, COLUMNS);
    f->options =
        (struct format_options){.kind = kind, .avro = {.server_version = SLICE_LIT("8.0.36")}};
    struct message_names names = {.database = SLICE_LIT("a.b"), .table = SLICE_LIT("item")};
    cr_assert_eq(format_table_new(&f->options, &f->table, &names, frame, &f->format, &em), ERR_OK,
                 "%s", em.text);
    cr_assert_eq(format_encoder_new(&f->options, NULL, &f->encoder), ERR_OK);
    f->reader = message_reader_new(kind, true);
    writer_init(&f->w, 1 << 20);
}

static void setup(struct fixture *f, enum format_kind kind)
{
    setup_framed(f, kind, SLICE_LIT(""));
}

static void teardown(struct fixture *f)
{
    format_table_free(&f->format);
    format_encoder_free(&f->encoder);
    message_reader_free(f->reader);
    writer_fini(&f->w);
}

static struct slice encode(struct fixture *f, enum change_op op, const struct cell *before,
                           const struct cell *after)
{
    struct change c = {.op = op,
                       .table = &f->table,
                       .before = before,
                       .after = after,
                       .id = 42,
                       .es_ms = 1700000000000};
    writer_clear(&f->w);
    cr_assert_eq(format_encode(&f->encoder, &f->format, &c, &f->w), ERR_OK);
    return writer_slice(&f->w);
}

static struct message read(struct fixture *f, struct slice value)
{
    struct message m;
    cr_assert_eq(message_read(f->reader, value, &m), ERR_OK);
    return m;
}

static void check_text(const struct message_value *v, const char *text)
{
    cr_assert_eq(v->kind, MESSAGE_TEXT);
    cr_assert(slice_eq(v->text, slice_str(text)), "%.*s, not %s", SLICE_ARG(v->text), text);
}

static void check_head(const struct message *m, enum change_op op)
{
    cr_assert_eq(m->kind, MESSAGE_ROW);
    cr_assert_eq(m->op, op);
    cr_assert_eq(m->id, 42);
    cr_assert_eq(m->es_ms, 1700000000000);
    cr_assert(slice_eq(m->database, SLICE_LIT("a.b")), "%.*s", SLICE_ARG(m->database));
    cr_assert(slice_eq(m->table, SLICE_LIT("item")));
    cr_assert_eq(m->column_count, COLUMNS);
    cr_assert(slice_eq(m->columns[NAME].name, SLICE_LIT("name")));
}

static void check_changes(enum format_kind kind, const char *blob)
{
    struct fixture f;
    struct cell eaten[COLUMNS];
    setup(&f, kind);
    memcpy(eaten, apple, sizeof(eaten));
    eaten[QTY] = I64(4);
    eaten[BLOB] = NUL;
    struct message m = read(&f, encode(&f, CHANGE_INSERT, NULL, apple));
    check_head(&m, CHANGE_INSERT);
    check_text(&m.columns[ID].after, "-7");
    check_text(&m.columns[NAME].after, "äpple");
    check_text(&m.columns[AT].after, kind == FORMAT_CANAL_JSON ? "2024-02-29 12:00:00.007"
                                                               : "2024-02-29 12:00:00.007000");
    check_text(&m.columns[BLOB].after, blob);
    cr_assert_eq(m.columns[ID].before.kind, MESSAGE_ABSENT);

    m = read(&f, encode(&f, CHANGE_UPDATE, apple, eaten));
    check_head(&m, CHANGE_UPDATE);
    check_text(&m.columns[QTY].before, "5");
    check_text(&m.columns[QTY].after, "4");
    check_text(&m.columns[BLOB].before, blob);
    cr_assert_eq(m.columns[BLOB].after.kind, MESSAGE_NULL);

    m = read(&f, encode(&f, CHANGE_DELETE, apple, NULL));
    check_head(&m, CHANGE_DELETE);
    check_text(&m.columns[QTY].before, "5");
    cr_assert_eq(m.columns[QTY].after.kind, MESSAGE_ABSENT);
    m = read(&f, encode(&f, CHANGE_INIT, NULL, apple));
    check_head(&m, CHANGE_INIT);
    teardown(&f);
}

Test(message, changes_of_canal_json_are_read_back)
{
    check_changes(FORMAT_CANAL_JSON, "\x01ÿ");
}

Test(message, changes_of_dts_avro_are_read_back)
{
    check_changes(FORMAT_DTS_AVRO, "0x01ff");
}

Test(message, a_statement_is_one_in_both_formats)
{
    for (int kind = FORMAT_CANAL_JSON; kind <= FORMAT_DTS_AVRO; kind++) {
        struct fixture f;
        setup(&f, (enum format_kind)kind);
        struct ddl_change d = {.database = SLICE_LIT("shop"),
                               .table = SLICE_LIT("item"),
                               .sql = SLICE_LIT("TRUNCATE item"),
                               .gtid = SLICE_LIT(""),
                               .id = 9,
                               .es_ms = 1700000000000};
        writer_clear(&f.w);
        cr_assert_eq(format_ddl_encode(&f.options, &d, SLICE_LIT(""), &f.w), ERR_OK);
        struct message m = read(&f, writer_slice(&f.w));
        cr_assert_eq(m.kind, MESSAGE_STATEMENT);
        cr_assert(slice_eq(m.sql, SLICE_LIT("TRUNCATE item")));
        cr_assert(slice_eq(m.database, SLICE_LIT("shop")));
        cr_assert_eq(m.id, 9);
        teardown(&f);
    }
}

Test(message, a_registry_s_frame_is_passed_over)
{
    struct fixture f;
    setup_framed(&f, FORMAT_DTS_AVRO, SLICE_LIT("\0\0\0\0\7"));
    struct message m = read(&f, encode(&f, CHANGE_INSERT, NULL, apple));
    check_head(&m, CHANGE_INSERT);
    teardown(&f);
}

Test(message, columns_that_an_image_lacks_are_absent)
{
    struct fixture f;
    struct cell key_only[COLUMNS] = {I64(7), ABSENT, ABSENT, ABSENT, ABSENT};
    setup(&f, FORMAT_DTS_AVRO);
    struct message m = read(&f, encode(&f, CHANGE_DELETE, key_only, NULL));
    check_text(&m.columns[ID].before, "7");
    cr_assert_eq(m.columns[NAME].before.kind, MESSAGE_ABSENT);
    teardown(&f);
}

/* Each byte counts: what is cut, or has something behind it, is no message. */
Test(message, nothing_but_a_whole_message_is_taken)
{
    for (int kind = FORMAT_CANAL_JSON; kind <= FORMAT_DTS_AVRO; kind++) {
        struct fixture f;
        struct message m;
        setup(&f, (enum format_kind)kind);
        struct slice whole = encode(&f, CHANGE_UPDATE, apple, apple);
        for (size_t n = 0; n < whole.len; n++) {
            uint8_t *exact = malloc(n + 1);
            memcpy(exact, whole.ptr, n);
            cr_assert_eq(message_read(f.reader, slice_of(exact, n), &m), ERR_MALFORMED, "%zu", n);
            free(exact);
        }
        writer_u8(&f.w, 'x');
        cr_assert_eq(message_read(f.reader, writer_slice(&f.w), &m), ERR_MALFORMED);
        teardown(&f);
    }
}

Test(message, json_that_is_not_ours_is_none)
{
    static const char *const others[] = {
        "",
        "null",
        "[]",
        "\"x\"",
        "{}",
        "{\"isDdl\":false,\"type\":\"INSERT\",\"table\":\"t\",\"id\":1,\"es\":1}",
        "{\"isDdl\":false,\"type\":\"INSERT\",\"table\":\"t\",\"id\":1,\"es\":1,\"data\":[]}",
        "{\"isDdl\":false,\"type\":\"INSERT\",\"table\":\"t\",\"id\":1,\"es\":1,\"data\":[{\"a\":1}"
        "]}",
        "{\"isDdl\":false,\"type\":\"INSERT\",\"table\":\"t\",\"id\":-1,\"es\":1,\"data\":[{}]}",
        "{\"isDdl\":false,\"type\":\"MERGE\",\"table\":\"t\",\"id\":1,\"es\":1,\"data\":[{}]}",
        "{\"isDdl\":false,\"type\":\"UPDATE\",\"table\":\"t\",\"id\":1,\"es\":1,\"data\":[{\"a\":"
        "\"1\"}],\"old\":[{\"b\":\"1\"}]}",
    };
    struct message_reader *r = message_reader_new(FORMAT_CANAL_JSON, true);
    struct message m;
    for (size_t i = 0; i < COUNT(others); i++)
        cr_assert_eq(message_read(r, slice_str(others[i]), &m), ERR_MALFORMED, "%s", others[i]);
    message_reader_free(r);
}

/* Lengths and counts at their ends: nothing is read or made room for that is not there. */
Test(message, avro_that_lies_about_lengths_is_none)
{
    struct message_reader *r = message_reader_new(FORMAT_DTS_AVRO, true);
    struct message m;
    static const uint8_t numbers[][10] = {
        {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01},
        {0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01},
        {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F},
        {0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    };
    struct fixture f;
    setup(&f, FORMAT_DTS_AVRO);
    struct slice whole = encode(&f, CHANGE_INSERT, NULL, apple);
    uint8_t *bytes = malloc(whole.len);
    for (size_t i = 0; i < COUNT(numbers); i++) {
        for (size_t at = 0; at + 10 <= whole.len; at++) {
            memcpy(bytes, whole.ptr, whole.len);
            memcpy(bytes + at, numbers[i], 10);
            enum err e = message_read(r, slice_of(bytes, whole.len), &m);
            cr_assert(e == ERR_MALFORMED || e == ERR_OK);
        }
    }
    free(bytes);
    teardown(&f);
    message_reader_free(r);
}
