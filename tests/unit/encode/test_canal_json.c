#include "encode/canal_json.h"

#include "encode_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define ES UINT64_C(1767225600000)
#define TS UINT64_C(1767225600250)

static struct zone_step utc_step[] = {{INT64_MIN, 0}};
static const struct zone utc = {1, utc_step};

struct fixture {
    struct canal_options options;
    const struct zone *zone;
    struct message_names names;
    struct table table;
    struct canal_table *ct;
    struct canal_json *enc;
    struct writer w;
};

static void setup(struct fixture *f, struct column *columns, uint32_t count)
{
    struct errmsg em = {0};
    f->table = table_of(columns, count);
    if (f->zone == NULL)
        f->zone = &utc;
    if (f->names.database.ptr == NULL) {
        f->names.database = f->table.database;
        f->names.table = f->table.name;
    }
    cr_assert_eq(canal_table_new(&f->options, &f->table, &f->names, &f->ct, &em), ERR_OK, "%s",
                 em.text);
    f->enc = canal_json_new(&f->options, f->zone);
    cr_assert_not_null(f->enc);
    writer_init(&f->w, 1 << 20);
}

static void teardown(struct fixture *f)
{
    canal_table_free(f->ct);
    canal_json_free(f->enc);
    writer_fini(&f->w);
}

static struct change change_of(struct fixture *f, enum change_op op, const struct cell *before,
                               const struct cell *after)
{
    return (struct change){.op = op,
                           .table = &f->table,
                           .before = before,
                           .after = after,
                           .id = 101,
                           .es_ms = ES,
                           .ts_ms = TS};
}

static const char *encode(struct fixture *f, enum change_op op, const struct cell *before,
                          const struct cell *after)
{
    struct change c = change_of(f, op, before, after);
    writer_clear(&f->w);
    enum err e = canal_json_encode(f->enc, f->ct, &c, &f->w);
    cr_assert_eq(e, ERR_OK, "%s in %s", err_name(e), canal_json_failed_column(f->enc));
    cr_assert_null(canal_json_failed_column(f->enc));
    writer_u8(&f->w, 0);
    return (const char *)f->w.base;
}

/* --- whole messages --- */

#define ITEM_COLUMNS                                                                               \
    {                                                                                              \
        UCOL("id", COL_INT, "int(11) unsigned"), COL("name", COL_VARCHAR, "varchar(50)"),          \
            COL("qty", COL_INT, "int(11)")                                                         \
    }
#define ITEM_TYPES                                                                                 \
    "\"isDdl\":false,\"mysqlType\":{\"id\":\"int(11) unsigned\",\"name\":\"varchar(50)\","         \
    "\"qty\":\"int(11)\"},"
#define ITEM_REST(type)                                                                            \
    "\"pkNames\":[\"id\"],\"sql\":\"\",\"sqlType\":{\"id\":-5,\"name\":12,\"qty\":4},"             \
    "\"table\":\"item\",\"ts\":1767225600250,\"type\":\"" type "\"}"
#define ITEM_FRONT(data)                                                                           \
    "{\"data\":[" data "],\"database\":\"shop\",\"es\":1767225600000,\"id\":101,"

static struct cell item_before[] = {{.kind = CELL_U64, .u64 = 7},
                                    {.kind = CELL_BYTES, .raw = {(const uint8_t *)"ann", 3}},
                                    {.kind = CELL_NULL}};
static struct cell item_after[] = {{.kind = CELL_U64, .u64 = 7},
                                   {.kind = CELL_BYTES, .raw = {(const uint8_t *)"ann", 3}},
                                   {.kind = CELL_I64, .i64 = 3}};

Test(canal_json, insert_has_the_new_row_and_old_null)
{
    struct column columns[] = ITEM_COLUMNS;
    struct fixture f = {0};
    setup(&f, columns, 3);
    cr_assert_str_eq(encode(&f, CHANGE_INSERT, NULL, item_before),
                     ITEM_FRONT("{\"id\":\"7\",\"name\":\"ann\",\"qty\":null}") ITEM_TYPES
                     "\"old\":null," ITEM_REST("INSERT"));
    teardown(&f);
}

Test(canal_json, init_is_an_insert_by_another_name)
{
    struct column columns[] = ITEM_COLUMNS;
    struct fixture f = {0};
    setup(&f, columns, 3);
    cr_assert_str_eq(encode(&f, CHANGE_INIT, NULL, item_before),
                     ITEM_FRONT("{\"id\":\"7\",\"name\":\"ann\",\"qty\":null}") ITEM_TYPES
                     "\"old\":null," ITEM_REST("INIT"));
    teardown(&f);

    struct fixture g = {.options.init_as_insert = true};
    setup(&g, columns, 3);
    cr_assert_str_eq(encode(&g, CHANGE_INIT, NULL, item_before),
                     ITEM_FRONT("{\"id\":\"7\",\"name\":\"ann\",\"qty\":null}") ITEM_TYPES
                     "\"old\":null," ITEM_REST("INSERT"));
    teardown(&g);
}

Test(canal_json, update_has_the_row_after_and_in_old_what_changed)
{
    struct column columns[] = ITEM_COLUMNS;
    struct fixture f = {0};
    setup(&f, columns, 3);
    cr_assert_str_eq(encode(&f, CHANGE_UPDATE, item_before, item_after),
                     ITEM_FRONT("{\"id\":\"7\",\"name\":\"ann\",\"qty\":\"3\"}") ITEM_TYPES
                     "\"old\":[{\"qty\":null}]," ITEM_REST("UPDATE"));
    cr_assert_str_eq(encode(&f, CHANGE_UPDATE, item_after, item_before),
                     ITEM_FRONT("{\"id\":\"7\",\"name\":\"ann\",\"qty\":null}") ITEM_TYPES
                     "\"old\":[{\"qty\":\"3\"}]," ITEM_REST("UPDATE"));
    cr_assert_str_eq(encode(&f, CHANGE_UPDATE, item_after, item_after),
                     ITEM_FRONT("{\"id\":\"7\",\"name\":\"ann\",\"qty\":\"3\"}") ITEM_TYPES
                     "\"old\":[{}]," ITEM_REST("UPDATE"));
    teardown(&f);
}

Test(canal_json, delete_has_the_old_row_as_data_and_no_member_old)
{
    struct column columns[] = ITEM_COLUMNS;
    struct fixture f = {0};
    setup(&f, columns, 3);
    cr_assert_str_eq(encode(&f, CHANGE_DELETE, item_after, NULL),
                     ITEM_FRONT("{\"id\":\"7\",\"name\":\"ann\",\"qty\":\"3\"}")
                         ITEM_TYPES ITEM_REST("DELETE"));
    teardown(&f);
}

Test(canal_json, absent_cells_come_from_the_other_image_or_are_left_out)
{
    struct column columns[] = ITEM_COLUMNS;
    struct fixture f = {0};
    setup(&f, columns, 3);
    /* MINIMAL: the key before, what changed after. */
    struct cell key_only[] = {U64(7), ABSENT, ABSENT};
    struct cell changed[] = {ABSENT, BYTES("bob"), ABSENT};
    struct cell nothing[] = {ABSENT, ABSENT, ABSENT};
    struct cell no_name[] = {U64(7), ABSENT, I64(3)};
    cr_assert_str_eq(encode(&f, CHANGE_UPDATE, key_only, changed),
                     ITEM_FRONT("{\"id\":\"7\",\"name\":\"bob\"}") ITEM_TYPES
                     "\"old\":[{}]," ITEM_REST("UPDATE"));
    cr_assert_str_eq(encode(&f, CHANGE_UPDATE, item_before, changed),
                     ITEM_FRONT("{\"id\":\"7\",\"name\":\"bob\",\"qty\":null}") ITEM_TYPES
                     "\"old\":[{\"name\":\"ann\"}]," ITEM_REST("UPDATE"));
    cr_assert_str_eq(encode(&f, CHANGE_DELETE, key_only, NULL),
                     ITEM_FRONT("{\"id\":\"7\"}") ITEM_TYPES ITEM_REST("DELETE"));
    cr_assert_str_eq(encode(&f, CHANGE_INSERT, NULL, no_name),
                     ITEM_FRONT("{\"id\":\"7\",\"qty\":\"3\"}") ITEM_TYPES
                     "\"old\":null," ITEM_REST("INSERT"));
    cr_assert_str_eq(encode(&f, CHANGE_INSERT, NULL, nothing),
                     ITEM_FRONT("{}") ITEM_TYPES "\"old\":null," ITEM_REST("INSERT"));
    teardown(&f);
}

Test(canal_json, a_gtid_is_shown_where_it_is_wanted_and_known)
{
    struct column columns[] = ITEM_COLUMNS;
    struct fixture f = {.options.gtid = true};
    setup(&f, columns, 3);
    struct change c = change_of(&f, CHANGE_INSERT, NULL, item_before);
    c.gtid = SLICE_LIT("3e11fa47-71ca-11e1-9e33-c80aa9429562:23");
    cr_assert_eq(canal_json_encode(f.enc, f.ct, &c, &f.w), ERR_OK);
    writer_u8(&f.w, 0);
    cr_assert_not_null(strstr((char *)f.w.base,
                              "\"es\":1767225600000,"
                              "\"gtid\":\"3e11fa47-71ca-11e1-9e33-c80aa9429562:23\",\"id\":101,"));
    cr_assert_null(strstr(encode(&f, CHANGE_INSERT, NULL, item_before), "gtid"));
    teardown(&f);

    struct fixture off = {0};
    setup(&off, columns, 3);
    writer_clear(&off.w);
    cr_assert_eq(canal_json_encode(off.enc, off.ct, &c, &off.w), ERR_OK);
    writer_u8(&off.w, 0);
    cr_assert_null(strstr((char *)off.w.base, "gtid"));
    teardown(&off);
}

Test(canal_json, names_as_sent_may_differ_and_columns_may_be_left_out)
{
    struct column columns[] = ITEM_COLUMNS;
    struct slice renamed[] = {SLICE_LIT("ID"), SLICE_LIT(""), SLICE_LIT("q\"ty")};
    struct fixture f = {.names = {SLICE_LIT("store"), SLICE_LIT("t\\i"), renamed}};
    setup(&f, columns, 3);
    cr_assert_str_eq(encode(&f, CHANGE_UPDATE, item_before, item_after),
                     "{\"data\":[{\"ID\":\"7\",\"q\\\"ty\":\"3\"}],\"database\":\"store\","
                     "\"es\":1767225600000,\"id\":101,\"isDdl\":false,"
                     "\"mysqlType\":{\"ID\":\"int(11) unsigned\",\"q\\\"ty\":\"int(11)\"},"
                     "\"old\":[{\"q\\\"ty\":null}],\"pkNames\":[\"ID\"],\"sql\":\"\","
                     "\"sqlType\":{\"ID\":-5,\"q\\\"ty\":4},\"table\":\"t\\\\i\","
                     "\"ts\":1767225600250,\"type\":\"UPDATE\"}");
    teardown(&f);
}

Test(canal_json, a_table_without_primary_key_has_pk_names_null_and_hidden_keys_are_not_sent)
{
    struct column columns[] = {COL("a", COL_INT, "int"),
                               COL("__#alibaba_rds_row_id#__", COL_BIGINT, "bigint")};
    struct fixture f = {0};
    setup(&f, columns, 2);
    canal_table_free(f.ct);
    f.table.pk_count = 0;
    f.options.bare_type = true;
    cr_assert_eq(canal_table_new(&f.options, &f.table, &f.names, &f.ct, NULL), ERR_OK);
    cr_assert_str_eq(encode(&f, CHANGE_INSERT, NULL, (struct cell[]){I64(1), I64(2)}),
                     "{\"data\":[{\"a\":\"1\"}],\"database\":\"shop\",\"es\":1767225600000,"
                     "\"id\":101,\"isDdl\":false,\"mysqlType\":{\"a\":\"bare\"},\"old\":null,"
                     "\"pkNames\":null,\"sql\":\"\",\"sqlType\":{\"a\":4},\"table\":\"item\","
                     "\"ts\":1767225600250,\"type\":\"INSERT\"}");
    teardown(&f);
}

Test(canal_json, names_that_are_no_utf8_are_refused_with_a_sentence)
{
    struct column columns[] = {COL("a\xFF", COL_INT, "int")};
    struct table t = table_of(columns, 1);
    struct canal_options o = {0};
    struct message_names names = {t.database, t.name, NULL};
    struct canal_table *ct = NULL;
    struct errmsg em = {0};
    cr_assert_eq(canal_table_new(&o, &t, &names, &ct, &em), ERR_BAD_TEXT);
    cr_assert_null(ct);
    cr_assert_not_null(strstr(em.text, "shop.item"));
}

/* --- every type --- */

/* The value of a column's cell in an INSERT, and its sqlType. */
static void check_with(struct fixture *f, struct column col, struct cell cell, int sql_type,
                       const char *want)
{
    struct column columns[] = {COL("id", COL_INT, "int"), col};
    columns[1].name = SLICE_LIT("v");
    f->names.database.ptr = NULL;
    setup(f, columns, 2);
    const char *got = encode(f, CHANGE_INSERT, NULL, (struct cell[]){I64(1), cell});

    char part[512];
    snprintf(part, sizeof part, "{\"data\":[{\"id\":\"1\",\"v\":%s}],", want);
    cr_assert_eq(strncmp(got, part, strlen(part)), 0, "%s is not %s", got, part);
    snprintf(part, sizeof part, "\"sqlType\":{\"id\":4,\"v\":%d},", sql_type);
    cr_assert_not_null(strstr(got, part), "%s has no %s", got, part);

    /* NULL of any type is null; a DELETE and old show the same text. */
    got = encode(f, CHANGE_UPDATE, (struct cell[]){I64(1), cell}, (struct cell[]){I64(1), NUL});
    snprintf(part, sizeof part, "{\"data\":[{\"id\":\"1\",\"v\":null}],");
    cr_assert_eq(strncmp(got, part, strlen(part)), 0, "%s is not %s", got, part);
    snprintf(part, sizeof part, "\"old\":[{\"v\":%s}],", want);
    cr_assert_not_null(strstr(got, part), "%s has no %s", got, part);
    got = encode(f, CHANGE_DELETE, (struct cell[]){I64(1), cell}, NULL);
    snprintf(part, sizeof part, "{\"data\":[{\"id\":\"1\",\"v\":%s}],", want);
    cr_assert_eq(strncmp(got, part, strlen(part)), 0, "%s is not %s", got, part);
    teardown(f);
}

static void check(struct column col, struct cell cell, int sql_type, const char *want)
{
    struct fixture f = {0};
    check_with(&f, col, cell, sql_type, want);
}

Test(canal_json, integers_by_size_and_sign)
{
    static const struct {
        enum column_kind kind;
        int code, unsigned_code;
    } kinds[] = {
        {COL_TINYINT, -6, 5}, {COL_SMALLINT, 5, 4}, {COL_MEDIUMINT, 4, 4},
        {COL_INT, 4, -5},     {COL_BIGINT, -5, 3},
    };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct column col = {.kind = kinds[i].kind};
        check(col, I64(-5), kinds[i].code, "\"-5\"");
        check(col, I64(0), kinds[i].code, "\"0\"");
        col.is_unsigned = true;
        check(col, U64(200), kinds[i].unsigned_code, "\"200\"");
        check(col, U64(100), kinds[i].unsigned_code, "\"100\"");
    }
    check((struct column){.kind = COL_BIGINT}, I64(INT64_MIN), -5, "\"-9223372036854775808\"");
    check((struct column){.kind = COL_BIGINT, .is_unsigned = true}, U64(UINT64_MAX), 3,
          "\"18446744073709551615\"");
}

Test(canal_json, numbers_that_are_no_integers)
{
    check((struct column){.kind = COL_FLOAT}, F32(1e7f), 7, "\"1.0E7\"");
    check((struct column){.kind = COL_FLOAT}, F32(0.1f), 7, "\"0.1\"");
    check((struct column){.kind = COL_DOUBLE}, F64(0.001), 8, "\"0.001\"");
    check((struct column){.kind = COL_DOUBLE}, F64(0.0001), 8, "\"1.0E-4\"");
    check((struct column){.kind = COL_DOUBLE}, F64(-1.7976931348623157e308), 8,
          "\"-1.7976931348623157E308\"");
    struct column decimal = {.kind = COL_DECIMAL, .precision = 14, .scale = 4};
    check(decimal, DECIMAL("\x81\x0d\xfb\x38\xd2\x04\xd2"), 3, "\"1234567890.1234\"");
    check(decimal, DECIMAL("\x7e\xf2\x04\xc7\x2d\xfb\x2d"), 3, "\"-1234567890.1234\"");
    check(decimal, TEXT("-0.5000"), 3, "\"-0.5000\"");
    check((struct column){.kind = COL_BIT}, U64(255), -7, "\"255\"");
    check((struct column){.kind = COL_BIT}, U64(UINT64_MAX), -7, "\"18446744073709551615\"");
}

Test(canal_json, dates_and_times)
{
    struct column col = {.kind = COL_YEAR};
    check(col, U64(2026), 12, "\"2026\"");
    check(col, U64(0), 12, "\"0000\"");
    col.kind = COL_DATE;
    check(col, CIVIL(CELL_DATE, .year = 2024, .month = 2, .day = 29), 91, "\"2024-02-29\"");
    check(col, CIVIL(CELL_DATE, .us = 0), 91, "\"0000-00-00\"");
    col.kind = COL_TIME;
    check(col, CIVIL(CELL_TIME, .hour = 1, .minute = 2, .second = 3), 92, "\"01:02:03\"");
    check(col, CIVIL(CELL_TIME, .hour = 838, .minute = 59, .second = 59, .negative = true), 92,
          "\"-838:59:59\"");
    col.fsp = 1;
    check(col, CIVIL(CELL_TIME, .us = 100000, .negative = true), 92, "\"-00:00:00.1\"");
    col.fsp = 3;
    col.kind = COL_DATETIME;
    check(col,
          CIVIL(CELL_DATETIME, .year = 2024, .month = 1, .day = 2, .hour = 3, .minute = 4,
                .second = 5, .us = 100000),
          93, "\"2024-01-02 03:04:05.100\"");
    col.fsp = 6;
    check(col, CIVIL(CELL_DATETIME, .us = 0), 93, "\"0000-00-00 00:00:00.000000\"");
    col.kind = COL_TIMESTAMP;
    check(col, STAMP(1767225600, 7), 93, "\"2026-01-01 00:00:00.000007\"");
    col.fsp = 0;
    check(col, STAMP(0, 0), 93, "\"0000-00-00 00:00:00\"");
    check(col, STAMP(1, 0), 93, "\"1970-01-01 00:00:01\"");
    check(col, STAMP(UINT32_MAX, 0), 93, "\"2106-02-07 06:28:15\"");
}

Test(canal_json, timestamps_are_in_the_zone_of_their_time)
{
    /* Central Europe in 2026: winter, summer, winter. */
    struct zone_step steps[] = {{INT64_MIN, 3600}, {1774746000, 7200}, {1792890000, 3600}};
    struct zone berlin = {3, steps};
    struct column col = {.kind = COL_TIMESTAMP};
    struct fixture f = {.zone = &berlin};
    check_with(&f, col, STAMP(1774745999, 0), 93, "\"2026-03-29 01:59:59\"");
    check_with(&f, col, STAMP(1774746000, 0), 93, "\"2026-03-29 03:00:00\"");
    check_with(&f, col, STAMP(1792890000, 0), 93, "\"2026-10-25 02:00:00\"");
    check_with(&f, col, STAMP(0, 0), 93, "\"0000-00-00 00:00:00\"");
}

Test(canal_json, text_in_utf8_and_in_other_character_sets)
{
    struct column col = {.kind = COL_CHAR};
    check(col, BYTES(""), 1, "\"\"");
    check(col, BYTES("a\"\\\n\t/\x01\x7F"), 1, "\"a\\\"\\\\\\n\\t/\\u0001\x7F\"");
    col.kind = COL_VARCHAR;
    check(col, BYTES("\xE6\x9D\xAD\xE5\xB7\x9E"), 12, "\"\xE6\x9D\xAD\xE5\xB7\x9E\"");
    col.kind = COL_TEXT;
    col.charset = charset_of_name(SLICE_LIT("utf8mb3"));
    check(col, BYTES("\xC3\xA9"), 2005, "\"\xC3\xA9\"");
    col.charset = charset_of_name(SLICE_LIT("latin1"));
    cr_assert_eq(charset_prepare(col.charset), ERR_OK);
    check(col, BYTES("\x80 \"\xE9\""), 2005, "\"\xE2\x82\xAC \\\"\xC3\xA9\\\"\"");
    col.charset = charset_of_name(SLICE_LIT("utf16"));
    cr_assert_eq(charset_prepare(col.charset), ERR_OK);
    check(col, BYTES("\x00\x22\xD8\x3D\xDE\x00"), 2005, "\"\\\"\xF0\x9F\x98\x80\"");
}

Test(canal_json, binary_in_each_spelling)
{
    static const enum column_kind kinds[] = {COL_BINARY, COL_VARBINARY, COL_BLOB, COL_GEOMETRY,
                                             COL_VECTOR};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct column col = {.kind = kinds[i]};
        struct fixture latin1 = {0};
        struct fixture base64 = {.options.binary = CANAL_BASE64};
        struct fixture hex = {.options.binary = CANAL_HEX};
        check_with(&latin1, col, BYTES("\x00\xFF\""), 2004, "\"\\u0000\xC3\xBF\\\"\"");
        check_with(&latin1, col, BYTES(""), 2004, "\"\"");
        check_with(&hex, col, BYTES("\x00\xFF\""), 2004, "\"00ff22\"");
        check_with(&hex, col, BYTES(""), 2004, "\"\"");
        check_with(&base64, col, BYTES(""), 2004, "\"\"");
        check_with(&base64, col, BYTES("f"), 2004, "\"Zg==\"");
        check_with(&base64, col, BYTES("fo"), 2004, "\"Zm8=\"");
        check_with(&base64, col, BYTES("foo"), 2004, "\"Zm9v\"");
        check_with(&base64, col,
                   BYTES("\xFB\xFF\xFE"
                         "foob"),
                   2004, "\"+//+Zm9vYg==\"");
    }
}

static struct slice colors[] = {{(const uint8_t *)"red", 3},
                                {(const uint8_t *)"gr\"een", 6},
                                {(const uint8_t *)"bl\xC3\xA4u", 5}};

Test(canal_json, enum_and_set_as_labels)
{
    struct column col = {.kind = COL_ENUM, .members = colors, .member_count = 3};
    check(col, U64(0), 12, "\"\"");
    check(col, U64(1), 12, "\"red\"");
    check(col, U64(2), 12, "\"gr\\\"een\"");
    check(col, U64(3), 12, "\"bl\xC3\xA4u\"");
    check(col, TEXT("gr\"een"), 12, "\"gr\\\"een\"");
    col.kind = COL_SET;
    check(col, U64(0), 12, "\"\"");
    check(col, U64(2), 12, "\"gr\\\"een\"");
    check(col, U64(7), 12, "\"red,gr\\\"een,bl\xC3\xA4u\"");
    check(col, TEXT("red,bl\xC3\xA4u"), 12, "\"red,bl\xC3\xA4u\"");
}

Test(canal_json, a_set_of_64_members)
{
    static struct slice members[64];
    for (int i = 0; i < 64; i++)
        members[i] = SLICE_LIT("m");
    struct column col = {.kind = COL_SET, .members = members, .member_count = 64};
    char want[140] = "\"m";
    for (int i = 1; i < 64; i++)
        strcat(want, ",m");
    strcat(want, "\"");
    check(col, U64(UINT64_MAX), 12, want);
    check(col, U64(UINT64_C(1) << 63), 12, "\"m\"");
}

Test(canal_json, enum_and_set_as_ordinals)
{
    struct column col = {.kind = COL_ENUM, .members = colors, .member_count = 3};
    struct fixture f = {.options.enum_ordinal = true};
    check_with(&f, col, U64(0), 4, "\"0\"");
    check_with(&f, col, U64(2), 4, "\"2\"");
    check_with(&f, col, TEXT("gr\"een"), 4, "\"2\"");
    check_with(&f, col, TEXT(""), 4, "\"0\"");
    col.kind = COL_SET;
    check_with(&f, col, U64(5), -7, "\"5\"");
    check_with(&f, col, TEXT("red,bl\xC3\xA4u"), -7, "\"5\"");
    check_with(&f, col, TEXT(""), -7, "\"0\"");
}

Test(canal_json, json_is_the_text_of_the_server)
{
    struct column col = {.kind = COL_JSON};
    check(col, JSON("\x00\x01\x00\x0c\x00\x0b\x00\x01\x00\x05\x01\x00\x61"), 12,
          "\"{\\\"a\\\": 1}\"");
    check(col, JSON(""), 12, "\"null\"");
    check(col, JSON("\x04\x01"), 12, "\"true\"");
    check(col, TEXT("{\"b\": [1, 2]}"), 12, "\"{\\\"b\\\": [1, 2]}\"");
    check(col, BYTES("[]"), 12, "\"[]\"");
}

Test(canal_json, uuid_and_addresses_of_mariadb)
{
    struct column col = {.kind = COL_UUID, .fixed_len = 16};
    check(col, BYTES("\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x00"), 12,
          "\"123e4567-e89b-12d3-a456-426614174000\"");
    col.kind = COL_INET4;
    col.fixed_len = 4;
    check(col, BYTES("\xc0\xa8\x00\x01"), 12, "\"192.168.0.1\"");
    col.kind = COL_INET6;
    col.fixed_len = 16;
    check(col, BYTES("\x20\x01\x0d\xb8\0\0\0\0\0\0\xff\x00\x00\x42\x83\x29"), 12,
          "\"2001:db8::ff00:42:8329\"");
}

/* --- old --- */

Test(canal_json, old_compares_by_the_kind_of_cell)
{
    const struct {
        struct cell before, after;
        bool same;
    } cases[] = {
        {I64(1), I64(1), true},
        {I64(1), I64(2), false},
        {NUL, NUL, true},
        {I64(0), NUL, false},
    };
    struct column columns[] = {COL("a", COL_INT, "int")};
    struct fixture f = {0};
    setup(&f, columns, 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *got = encode(&f, CHANGE_UPDATE, &cases[i].before, &cases[i].after);
        cr_assert_eq(strstr(got, "\"old\":[{}]") != NULL, cases[i].same, "case %zu: %s", i, got);
    }
    teardown(&f);
}

Test(canal_json, old_names_each_column_whose_value_differs)
{
    struct column columns[] = {
        COL("f", COL_FLOAT, "float"),         COL("d", COL_DOUBLE, "double"),
        COL("b", COL_VARBINARY, "varbinary"), COL("t", COL_TIME, "time"),
        COL("s", COL_TIMESTAMP, "timestamp"), COL("x", COL_VARCHAR, "varchar"),
    };
    struct cell a[] = {F32(0.0f),   F64(1.5),     BYTES("ab"), CIVIL(CELL_TIME, .hour = 1),
                       STAMP(5, 0), BYTES("same")};
    struct cell b[] = {F32(-0.0f),   F64(2.5),
                       BYTES("abc"), CIVIL(CELL_TIME, .hour = 1, .negative = true),
                       STAMP(5, 1),  BYTES("same")};
    struct fixture f = {0};
    setup(&f, columns, COUNT(columns));
    cr_assert_not_null(strstr(encode(&f, CHANGE_UPDATE, a, b),
                              "\"old\":[{\"f\":\"0.0\",\"d\":\"1.5\",\"b\":\"ab\","
                              "\"t\":\"01:00:00\",\"s\":\"1970-01-01 00:00:05\"}],"));
    cr_assert_not_null(strstr(encode(&f, CHANGE_UPDATE, b, b), "\"old\":[{}],"));
    teardown(&f);
}

/* --- failures --- */

static void check_failure(struct fixture *f, const struct cell *cells, enum err want,
                          const char *column)
{
    struct change c = change_of(f, CHANGE_INSERT, NULL, cells);
    writer_clear(&f->w);
    writer_lit(&f->w, "kept");
    enum err e = canal_json_encode(f->enc, f->ct, &c, &f->w);
    cr_assert_eq(e, want, "%s", err_name(e));
    cr_assert_str_eq(canal_json_failed_column(f->enc), column);
    cr_assert_eq(f->w.len, 4);
    cr_assert_eq(f->w.err, ERR_OK);
    cr_assert_eq(memcmp(f->w.base, "kept", 4), 0);
}

Test(canal_json, bad_text_is_refused_and_the_column_named)
{
    struct column columns[] = {COL("id", COL_INT, "int"), COL("s", COL_VARCHAR, "varchar(9)"),
                               COL("g", COL_VARCHAR, "varchar(9)"), COL("j", COL_JSON, "json")};
    columns[2].charset = charset_of_name(SLICE_LIT("gbk"));
    cr_assert_eq(charset_prepare(columns[2].charset), ERR_OK);
    struct fixture f = {0};
    setup(&f, columns, 4);
    struct cell json = JSON("\x0c\x02\xED\xA0");
    check_failure(&f, (struct cell[]){I64(1), BYTES("caf\xE9"), BYTES(""), NUL}, ERR_BAD_TEXT, "s");
    check_failure(&f, (struct cell[]){I64(1), BYTES("\xED\xA0\x80"), BYTES(""), NUL}, ERR_BAD_TEXT,
                  "s");
    check_failure(&f, (struct cell[]){I64(1), BYTES(""), BYTES("\xFF\xFF"), NUL}, ERR_BAD_TEXT,
                  "g");
    check_failure(&f, (struct cell[]){I64(1), BYTES(""), BYTES(""), json}, ERR_BAD_TEXT, "j");
    teardown(&f);
}

Test(canal_json, bad_text_is_replaced_and_counted_where_that_is_wanted)
{
    struct column col = {.kind = COL_VARCHAR};
    struct fixture f = {.options.replace_invalid = true};
    check_with(&f, col, BYTES("caf\xE9!"), 12, "\"caf\xEF\xBF\xBD!\"");
    check_with(&f, (struct column){.kind = COL_JSON}, JSON("\x0c\x02\x41\xE9"), 12,
               "\"\\\"A\xEF\xBF\xBD\\\"\"");

    struct column columns[] = {COL("s", COL_TEXT, "text")};
    setup(&f, columns, 1);
    cr_assert_eq(canal_json_replaced(f.enc), 0);
    encode(&f, CHANGE_INSERT, NULL, (struct cell[]){BYTES("\xE9\xE9!")});
    cr_assert_eq(canal_json_replaced(f.enc), 2);
    /* In a long text the bad byte comes when part of it was written. */
    static uint8_t text[50000];
    memset(text, 'x', sizeof text);
    text[45000] = 0xFF;
    struct cell cell = {.kind = CELL_BYTES, .raw = slice_of(text, sizeof text)};
    const char *got = encode(&f, CHANGE_INSERT, NULL, &cell);
    const char *value = strstr(got, "{\"s\":\"") + 6;
    cr_assert_eq(memcmp(value, text, 45000), 0);
    cr_assert_eq(memcmp(value + 45000, "\xEF\xBF\xBDxxx", 6), 0);
    cr_assert_eq(memcmp(value + sizeof text + 2, "\"}],", 4), 0);
    cr_assert_eq(canal_json_replaced(f.enc), 3);
    teardown(&f);
}

Test(canal_json, values_that_a_column_cannot_have_are_refused)
{
    struct column columns[] = {
        {.name = SLICE_LIT("e"),
         .kind = COL_ENUM,
         .members = colors,
         .member_count = 3,
         .type_text = SLICE_LIT("enum")},
        {.name = SLICE_LIT("s"),
         .kind = COL_SET,
         .members = colors,
         .member_count = 3,
         .type_text = SLICE_LIT("set")},
        COL("d", COL_DATE, "date"),
        COL("y", COL_YEAR, "year"),
        COL("j", COL_JSON, "json"),
        {.name = SLICE_LIT("n"),
         .kind = COL_DECIMAL,
         .precision = 14,
         .scale = 4,
         .type_text = SLICE_LIT("decimal(14,4)")},
    };
    struct fixture f = {0};
    setup(&f, columns, COUNT(columns));
    struct cell good[COUNT(columns)] = {U64(1), U64(1), NUL, U64(0), NUL, NUL};
    struct cell cells[COUNT(columns)];
    const struct {
        int at;
        struct cell cell;
        enum err err;
        const char *column;
    } cases[] = {
        {0, U64(4), ERR_MALFORMED, "e"},
        {0, U64(UINT64_MAX), ERR_MALFORMED, "e"},
        {1, U64(8), ERR_MALFORMED, "s"},
        {2, CIVIL(CELL_DATE, .year = 32767, .month = 15, .day = 31), ERR_MALFORMED, "d"},
        {3, U64(10000), ERR_MALFORMED, "y"},
        {4, JSON("\x99"), ERR_MALFORMED, "j"},
        {5, DECIMAL("\x80"), ERR_MALFORMED, "n"},
        {2, I64(5), ERR_BUG, "d"},
        {0, BYTES("x"), ERR_BUG, "e"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        memcpy(cells, good, sizeof good);
        cells[cases[i].at] = cases[i].cell;
        check_failure(&f, cells, cases[i].err, cases[i].column);
    }
    encode(&f, CHANGE_INSERT, NULL, good);
    teardown(&f);
}

/* --- room --- */

/* Every maximum: below the message's length it is too large, from there on it is the same bytes. */
static void check_every_room(struct fixture *f, const struct cell *before, const struct cell *after,
                             size_t step)
{
    struct change c = change_of(f, CHANGE_UPDATE, before, after);
    size_t len = strlen(encode(f, CHANGE_UPDATE, before, after));
    char *want = strdup((char *)f->w.base);
    for (size_t room = 0; room <= len + 2000; room += room + 3 > len && room < len + 3 ? 1 : step) {
        struct writer grows;
        writer_init(&grows, room + 3);
        writer_lit(&grows, "abc");
        enum err e = canal_json_encode(f->enc, f->ct, &c, &grows);
        cr_assert_eq(e, room < len ? ERR_TOO_LARGE : ERR_OK, "room %zu of %zu: %s", room, len,
                     err_name(e));
        cr_assert_eq(grows.len, room < len ? 3 : 3 + len);
        cr_assert_eq(grows.err, ERR_OK);
        cr_assert_eq(memcmp(grows.base, "abc", 3), 0);
        if (e == ERR_OK)
            cr_assert_eq(memcmp(grows.base + 3, want, len), 0);
        writer_fini(&grows);

        uint8_t *memory = malloc(room + 1);
        struct writer fixed = writer_fixed(memory, room);
        e = canal_json_encode(f->enc, f->ct, &c, &fixed);
        cr_assert(e == (room < len ? ERR_TOO_LARGE : ERR_OK), "fixed room %zu of %zu: %s", room,
                  len, err_name(e));
        cr_assert_eq(fixed.len, room < len ? 0 : len);
        cr_assert_eq(fixed.base, memory);
        if (e == ERR_OK)
            cr_assert_eq(memcmp(memory, want, len), 0);
        free(memory);
    }
    free(want);
}

Test(canal_json, a_message_may_fill_its_room_to_the_last_byte)
{
    struct column columns[] = ITEM_COLUMNS;
    struct fixture f = {0};
    setup(&f, columns, 3);
    check_every_room(&f, item_before, item_after, 1);
    teardown(&f);
}

Test(canal_json, memory_and_limit_are_told_apart)
{
    struct column columns[] = ITEM_COLUMNS;
    struct fixture f = {0};
    setup(&f, columns, 3);
    struct change c = change_of(&f, CHANGE_INSERT, NULL, item_before);
    size_t len = strlen(encode(&f, CHANGE_INSERT, NULL, item_before));
    static uint8_t memory[4096];
    for (size_t cap = 0; cap <= sizeof memory; cap += 5)
        for (size_t max = 0; max <= sizeof memory; max += 5) {
            struct writer w = writer_fixed(memory, cap);
            w.max = max;
            bool fits = max >= len && cap >= len;
            enum err want = fits ? ERR_OK : cap < max ? ERR_NO_ROOM : ERR_TOO_LARGE;
            enum err e = canal_json_encode(f.enc, f.ct, &c, &w);
            bool in_vain = e == ERR_NO_ROOM && cap < max;
            cr_assert(e == want || in_vain, "cap %zu, max %zu: %s", cap, max, err_name(e));
            cr_assert_eq(w.len, e == ERR_OK ? len : 0);
        }
    teardown(&f);
}

Test(canal_json, a_large_message_may_fill_its_room_to_the_last_byte)
{
    struct column columns[] = {COL("a", COL_TEXT, "text"), COL("b", COL_BLOB, "blob"),
                               COL("c", COL_TEXT, "text"), COL("j", COL_JSON, "json")};
    columns[2].charset = charset_of_name(SLICE_LIT("latin1"));
    cr_assert_eq(charset_prepare(columns[2].charset), ERR_OK);
    static uint8_t text[30000];
    for (size_t i = 0; i < sizeof text; i += 3)
        memcpy(text + i, "\xE6\x9D\xAD", 3);
    struct slice all = slice_of(text, sizeof text);
    struct cell before[] = {NUL, NUL, NUL, JSON("\x04\x01")};
    struct cell after[] = {{.kind = CELL_BYTES, .raw = all},
                           {.kind = CELL_BYTES, .raw = slice_of(text, 20000)},
                           {.kind = CELL_BYTES, .raw = slice_of(text, 25000)},
                           JSON("\x04\x02")};
    memset(text + 500, 'x', 1);
    memset(text + 501, '\n', 2);
    static const enum canal_binary spellings[] = {CANAL_LATIN1, CANAL_BASE64, CANAL_HEX};
    for (size_t i = 0; i < COUNT(spellings); i++) {
        struct fixture f = {.options = {.binary = spellings[i], .replace_invalid = true}};
        setup(&f, columns, 4);
        check_every_room(&f, before, after, 4999);
        teardown(&f);
    }
}

Test(canal_json, long_texts_are_cut_between_characters_only)
{
    static uint8_t text[3 * 8192];
    static const char *const pieces[] = {"\xC3\xA9", "\xE6\x9D\xAD", "\xF0\x9F\x98\x80", "\n"};
    struct column columns[] = {COL("a", COL_TEXT, "text")};
    struct fixture f = {0};
    setup(&f, columns, 1);
    for (size_t p = 0; p < COUNT(pieces); p++)
        for (size_t shift = 0; shift < 5; shift++) {
            size_t n = strlen(pieces[p]), len = shift;
            memset(text, 'y', shift);
            for (; len + n <= sizeof text; len += n)
                memcpy(text + len, pieces[p], n);
            struct cell cell = {.kind = CELL_BYTES, .raw = slice_of(text, len)};
            const char *value = strstr(encode(&f, CHANGE_INSERT, NULL, &cell), "{\"a\":\"") + 6;
            if (n > 1)
                cr_assert_eq(memcmp(value, text, len), 0);
            size_t want = n > 1 ? len : shift + 2 * (len - shift);
            cr_assert_eq(memcmp(value + want, "\"}],", 4), 0);
        }
    teardown(&f);
}
