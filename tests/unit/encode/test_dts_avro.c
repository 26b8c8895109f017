#include "encode/dts_avro.h"

#include "encode_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define ES UINT64_C(1696984408000)

struct fixture {
    struct dts_avro_options options;
    struct message_names names;
    struct slice frame;
    struct table table;
    struct dts_avro_table *at;
    struct dts_avro *enc;
    struct writer w;
};

static void setup(struct fixture *f, struct column *columns, uint32_t count)
{
    struct errmsg em = {0};
    if (f->table.column_count == 0)
        f->table = table_of(columns, count);
    if (f->options.server_version.ptr == NULL)
        f->options.server_version = SLICE_LIT("8.0.28");
    if (f->names.database.ptr == NULL) {
        f->names.database = f->table.database;
        f->names.table = f->table.name;
    }
    if (f->frame.ptr == NULL)
        f->frame = SLICE_LIT("");
    enum err e = dts_avro_table_new(&f->options, &f->table, &f->names, f->frame, &f->at, &em);
    cr_assert_eq(e, ERR_OK, "%s", em.text);
    f->enc = dts_avro_new();
    cr_assert_not_null(f->enc);
    writer_init(&f->w, 1 << 20);
}

static void teardown(struct fixture *f)
{
    dts_avro_table_free(f->at);
    dts_avro_free(f->enc);
    writer_fini(&f->w);
}

static const struct change_origin origin = {
    .file = 78, .offset = 72469, .safe_file = 78, .safe_offset = 72347};

static struct change change_of(const struct fixture *f, enum change_op op,
                               const struct cell *before, const struct cell *after)
{
    return (struct change){.op = op,
                           .table = &f->table,
                           .before = before,
                           .after = after,
                           .id = 1700382,
                           .es_ms = ES,
                           .ts_ms = UINT64_C(1696984408050),
                           .origin = &origin};
}

static struct slice encode(struct fixture *f, enum change_op op, const struct cell *before,
                           const struct cell *after)
{
    struct change c = change_of(f, op, before, after);
    writer_clear(&f->w);
    enum err e = dts_avro_encode(f->enc, f->at, &c, &f->w);
    cr_assert_eq(e, ERR_OK, "%s in %s", err_name(e), dts_avro_failed_column(f->enc));
    cr_assert_null(dts_avro_failed_column(f->enc));
    return writer_slice(&f->w);
}

/* The bytes of hexadecimal text in which spaces do not count; static. */
static struct slice unhex(const char *text)
{
    static uint8_t bytes[4096];
    size_t n = 0;
    for (const char *p = text; *p != 0; p++) {
        if (*p == ' ')
            continue;
        char digits[3] = {p[0], p[1], 0};
        bytes[n++] = (uint8_t)strtoul(digits, NULL, 16);
        p++;
    }
    return slice_of(bytes, n);
}

static const char *hex(struct slice s)
{
    static char text[8192];
    for (size_t i = 0; i < s.len && i < 4000; i++)
        snprintf(text + 2 * i, 3, "%02x", s.ptr[i]);
    return text;
}

/* Where needle begins in s. */
static size_t find(struct slice s, struct slice needle)
{
    const uint8_t *at = memmem(s.ptr, s.len, needle.ptr, needle.len);
    cr_assert_not_null(at, "not in %s", hex(s));
    return (size_t)(at - s.ptr);
}

/* --- whole records --- */

Test(dts_avro, an_insert_is_the_published_one_but_for_the_tags)
{
    struct column columns[] = {COL("a", COL_BIGINT, "bigint"), COL("b", COL_VARCHAR, "varchar(9)")};
    columns[1].charset = charset_of_name(SLICE_LIT("utf8mb4"));
    struct fixture f = {0};
    f.table = table_of(columns, 2);
    f.table.database = SLICE_LIT("mydb");
    f.table.name = SLICE_LIT("t1");
    setup(&f, columns, 2);
    struct cell row[] = {I64(123456789), BYTES("abc")};
    struct slice got = encode(&f, CHANGE_INSERT, NULL, row);

    struct slice front = unhex("00bcc8cf01b0b5afd20c1037323436394037381037323334374037380230000c38"
                               "2e302e323800020e6d7964622e743100");
    cr_assert_eq(memcmp(got.ptr, front.ptr, front.len), 0, "%s", hex(got));
    cr_assert_eq(got.ptr[front.len], 3 << 1, "three tags");
    struct slice keys = unhex("14706b5f756b5f696e666f227b225052494d415259223a5b2261225d7d");
    cr_assert_eq(memcmp(got.ptr + front.len + 1, keys.ptr, keys.len), 0, "%s", hex(got));
    struct slice rest =
        unhex("0004040261100262fa0300000404021012313233343536373839040e757466386d6234"
              "0661626300b0b5afd20c");
    cr_assert_eq(memcmp(got.ptr + got.len - rest.len, rest.ptr, rest.len), 0, "%s", hex(got));
    teardown(&f);
}

Test(dts_avro, a_statement_is_the_published_one_but_for_the_tags)
{
    struct dts_avro_options o = {.server_version = SLICE_LIT("8.0.28"), .lower_case_names = true};
    struct change_origin at = {.file = 78,
                               .offset = 72469,
                               .safe_file = 78,
                               .safe_offset = 72347,
                               .server_id = 5,
                               .thread_id = 77};
    struct ddl_change d = {.type = DDL_TYPE_CREATE,
                           .database = SLICE_LIT("mydb"),
                           .table = SLICE_LIT("t1"),
                           .sql = SLICE_LIT("create table t1(a int)"),
                           .id = 1700382,
                           .es_ms = ES,
                           .ts_ms = 42,
                           .gtid = SLICE_LIT("u:7"),
                           .origin = &at};
    struct writer w;
    writer_init(&w, 1 << 20);
    cr_assert_eq(dts_avro_ddl_encode(&o, &d, SLICE_LIT(""), &w), ERR_OK);
    struct slice got = writer_slice(&w);
    /* Both positions are the place behind the statement. */
    struct slice front = unhex("00bcc8cf01b0b5afd20c1037323436394037381037323436394037380230000c38"
                               "2e302e32380602086d79646200");
    cr_assert_eq(memcmp(got.ptr, front.ptr, front.len), 0, "%s", hex(got));
    struct slice tags = SLICE_LIT("\x0c\x28readerThroughoutTime\x04"
                                  "42\x12server_id\x02"
                                  "5\x12thread_id\x04"
                                  "77\x08GTID\x06u:7\x1e"
                                  "commitTimestamp\x14"
                                  "1696984408\x26lowerCaseTableNames\x08true\0");
    cr_assert_eq(memcmp(got.ptr + front.len, tags.ptr, tags.len), 0, "%s", hex(got));
    struct slice rest = unhex("0000022c637265617465207461626c65207431286120696e7429b0b5afd20c");
    cr_assert_eq(got.len, front.len + tags.len + rest.len);
    cr_assert_eq(memcmp(got.ptr + got.len - rest.len, rest.ptr, rest.len), 0, "%s", hex(got));
    writer_fini(&w);
}

Test(dts_avro, a_statement_of_no_database_has_no_object)
{
    struct dts_avro_options o = {.server_version = SLICE_LIT("v")};
    struct ddl_change d = {
        .database = SLICE_LIT(""), .sql = SLICE_LIT("create user u"), .gtid = SLICE_LIT("")};
    struct writer w;
    writer_init(&w, 1 << 20);
    cr_assert_eq(dts_avro_ddl_encode(&o, &d, SLICE_LIT(""), &w), ERR_OK);
    struct slice front = unhex("0000 00 06304030 06304030 0230 00 0276 06 00 00 06");
    cr_assert_eq(memcmp(w.base, front.ptr, front.len), 0, "%s", hex(writer_slice(&w)));
    writer_fini(&w);
}

Test(dts_avro, a_transaction_begins_and_commits_without_object_and_images)
{
    struct dts_avro_options o = {.server_version = SLICE_LIT("v")};
    struct dts_avro_mark m = {
        .id = 1, .es_ms = 2000, .ts_ms = 3, .gtid = SLICE_LIT("g"), .origin = &origin};
    struct writer w;
    writer_init(&w, 1 << 20);
    for (int commit = 0; commit < 2; commit++) {
        writer_clear(&w);
        m.commit = commit;
        cr_assert_eq(dts_avro_mark_encode(&o, &m, SLICE_LIT(""), &w), ERR_OK);
        struct slice want = unhex("00 02 04 103732343639403738 103732333437403738 0230 00 0276");
        struct slice got = writer_slice(&w);
        cr_assert_eq(memcmp(got.ptr, want.ptr, want.len), 0, "%s", hex(got));
        cr_assert_eq(got.ptr[want.len], commit ? 5 << 1 : 4 << 1);
        struct slice rest = SLICE_LIT("\0\0\4\x28readerThroughoutTime\2"
                                      "3\x08GTID\2g\0\0\0\0\4");
        cr_assert_eq(got.len, want.len + 1 + rest.len);
        cr_assert_eq(memcmp(got.ptr + want.len + 1, rest.ptr, rest.len), 0, "%s", hex(got));
    }
    writer_fini(&w);
}

#define TWO_COLUMNS                                                                                \
    {                                                                                              \
        COL("id", COL_INT, "int"), COL("qty", COL_INT, "int")                                      \
    }

/* What stands behind the tags' end. */
static struct slice images(struct slice record)
{
    struct slice fields = unhex("00 04 04 04 6964 06 06 717479 06 00");
    size_t at = find(record, fields);
    return slice_of(record.ptr + at + fields.len, record.len - at - fields.len);
}

static void assert_images(struct fixture *f, enum change_op op, const struct cell *before,
                          const struct cell *after, const char *want)
{
    struct slice got = images(encode(f, op, before, after));
    struct slice bytes = unhex(want);
    cr_assert(slice_eq(got, bytes), "%s", hex(got));
}

#define BORN "b0b5afd20c"

Test(dts_avro, each_operation_has_the_images_that_it_needs)
{
    struct column columns[] = TWO_COLUMNS;
    struct fixture f = {0};
    setup(&f, columns, 2);
    struct cell before[] = {I64(1), NUL}, after[] = {I64(1), I64(3)};
    assert_images(&f, CHANGE_INSERT, NULL, after, "00 0404 02080231 02080233 00" BORN);
    assert_images(&f, CHANGE_INIT, NULL, after, "00 0404 02080231 02080233 00" BORN);
    assert_images(&f, CHANGE_DELETE, before, NULL, "0404 02080231 00 00 00" BORN);
    assert_images(&f, CHANGE_UPDATE, before, after,
                  "0404 02080231 00 00 0404 02080231 02080233 00" BORN);
    teardown(&f);
}

Test(dts_avro, each_operation_has_its_number)
{
    static const uint8_t numbers[] = {
        [CHANGE_INSERT] = 0, [CHANGE_UPDATE] = 1, [CHANGE_DELETE] = 2, [CHANGE_INIT] = 16};
    struct column columns[] = TWO_COLUMNS;
    struct fixture f = {0};
    setup(&f, columns, 2);
    struct cell row[] = {I64(1), NUL};
    for (int op = 0; op < 4; op++) {
        struct slice got = encode(&f, (enum change_op)op, row, row);
        size_t at = find(got, SLICE_LIT("\x0c"
                                        "8.0.28"));
        cr_assert_eq(got.ptr[at + 7], numbers[op] << 1);
    }
    teardown(&f);
}

Test(dts_avro, what_an_image_leaves_out_is_taken_from_the_before_image_or_said_to_be_missing)
{
    struct column columns[] = TWO_COLUMNS;
    struct fixture f = {0};
    setup(&f, columns, 2);
    struct cell id[] = {I64(1), ABSENT}, qty[] = {ABSENT, I64(3)};
    assert_images(&f, CHANGE_UPDATE, id, qty,
                  "0404 02080231 1802 00 0404 02080231 02080233 00" BORN);
    assert_images(&f, CHANGE_DELETE, id, NULL, "0404 02080231 1802 00 00" BORN);
    assert_images(&f, CHANGE_INSERT, NULL, qty, "00 0404 1802 02080233 00" BORN);
    teardown(&f);
}

/* --- names and tags --- */

Test(dts_avro, a_dot_inside_a_name_is_written_as_six_characters)
{
    struct column columns[] = TWO_COLUMNS;
    struct fixture f = {0};
    f.names = (struct message_names){.database = SLICE_LIT("a.b"), .table = SLICE_LIT(".c.")};
    setup(&f, columns, 2);
    struct cell row[] = {I64(1), NUL};
    find(encode(&f, CHANGE_INSERT, NULL, row), SLICE_LIT("a\\u002Eb.\\u002Ec\\u002E"));
    teardown(&f);
}

Test(dts_avro, keys_are_named_with_the_columns_as_sent)
{
    struct column columns[] = {COL("id", COL_INT, "int"), COL("mail", COL_INT, "int"),
                               COL("secret", COL_INT, "int")};
    uint16_t pk[] = {0}, mail[] = {1, 0}, hidden[] = {2};
    struct table_key uniques[] = {{SLICE_LIT("by\"mail"), 2, mail}, {SLICE_LIT("h"), 1, hidden}};
    struct slice sent[] = {SLICE_LIT("key"), SLICE_LIT("m.ail"), SLICE_LIT("")};
    struct fixture f = {0};
    f.table = table_of(columns, 3);
    f.table.pk = pk;
    f.table.unique_count = 2;
    f.table.uniques = uniques;
    f.names = (struct message_names){f.table.database, f.table.name, sent};
    setup(&f, columns, 3);
    struct cell row[] = {I64(1), NUL, I64(2)};
    struct slice got = encode(&f, CHANGE_INSERT, NULL, row);
    find(got, SLICE_LIT("{\"PRIMARY\":[\"key\"],\"by\\\"mail\":[\"m.ail\",\"key\"]}"));
    /* Fields and image have two columns. */
    find(got, unhex("0404 066b6579 06 0a6d2e61696c 06 00 00 0404 02080231 00 00"));
    teardown(&f);
}

Test(dts_avro, a_table_without_keys_has_no_tag_for_them)
{
    struct column columns[] = TWO_COLUMNS;
    struct fixture f = {0};
    f.table = table_of(columns, 2);
    f.table.pk_count = 0;
    setup(&f, columns, 2);
    struct cell row[] = {I64(1), NUL};
    struct slice got = encode(&f, CHANGE_INSERT, NULL, row);
    cr_assert_null(memmem(got.ptr, got.len, "pk_uk_info", 10));
    find(got, SLICE_LIT("shop.item\0\x04\x16metaVersion"));
    teardown(&f);
}

Test(dts_avro, server_and_session_are_tags_where_they_are_known)
{
    struct column columns[] = TWO_COLUMNS;
    struct fixture f = {0};
    setup(&f, columns, 2);
    struct cell row[] = {I64(1), NUL};
    struct change c = change_of(&f, CHANGE_INSERT, NULL, row);
    struct change_origin at = origin;
    at.server_id = UINT32_MAX;
    at.thread_id = 9;
    c.origin = &at;
    cr_assert_eq(dts_avro_encode(f.enc, f.at, &c, &f.w), ERR_OK);
    find(writer_slice(&f.w), SLICE_LIT("shop.item\0\x0a"));
    find(writer_slice(&f.w), SLICE_LIT("\x28readerThroughoutTime\x1a"
                                       "1696984408050\x12server_id\x14"
                                       "4294967295\x12thread_id\x02"
                                       "9\0"));
    teardown(&f);
}

/* The value of tag metaVersion. */
static uint32_t version_of(struct column *columns, uint32_t count, const struct slice *sent)
{
    struct fixture f = {0};
    f.table = table_of(columns, count);
    f.names = (struct message_names){f.table.database, f.table.name, sent};
    setup(&f, columns, count);
    struct cell row[] = {I64(1), NUL, NUL};
    struct slice got = encode(&f, CHANGE_INSERT, NULL, row);
    size_t at = find(got, SLICE_LIT("metaVersion")) + 12;
    uint32_t version = (uint32_t)strtoul((const char *)got.ptr + at, NULL, 10);
    teardown(&f);
    return version;
}

Test(dts_avro, the_version_of_a_structure_changes_with_it_and_only_with_it)
{
    struct column two[] = TWO_COLUMNS, same[] = TWO_COLUMNS;
    struct column wider[] = {COL("id", COL_INT, "int"), COL("qty", COL_INT, "bigint")};
    struct column three[] = {COL("id", COL_INT, "int"), COL("qty", COL_INT, "int"),
                             COL("c", COL_INT, "int")};
    struct slice renamed[] = {SLICE_LIT("id"), SLICE_LIT("number")};
    uint32_t version = version_of(two, 2, NULL);
    cr_assert_eq(version_of(same, 2, NULL), version);
    cr_assert_neq(version_of(wider, 2, NULL), version);
    cr_assert_neq(version_of(three, 3, NULL), version);
    cr_assert_neq(version_of(two, 2, renamed), version);
}

Test(dts_avro, a_frame_stands_before_every_record)
{
    struct column columns[] = TWO_COLUMNS;
    struct fixture f = {.frame = SLICE_LIT("\0\0\0\x01\x02")};
    setup(&f, columns, 2);
    struct cell row[] = {I64(1), NUL};
    for (int i = 0; i < 2; i++) {
        struct slice got = encode(&f, CHANGE_INSERT, NULL, row);
        cr_assert_eq(memcmp(got.ptr, "\0\0\0\x01\x02\0\xbc\xc8", 8), 0);
    }
    teardown(&f);
}

/* --- values --- */

struct type_case {
    struct column column;
    int number;
    struct cell cell;
    const char *hex;
};

#define TYPED(k, ...)                                                                              \
    {                                                                                              \
        .name = SLICE_LIT("v"), .kind = (k), .type_text = SLICE_LIT("t"), __VA_ARGS__              \
    }

static void assert_value(const struct column *column, int number, struct cell cell,
                         const char *want)
{
    struct column columns[] = {*column};
    struct fixture f = {0};
    setup(&f, columns, 1);
    struct slice got = encode(&f, CHANGE_INSERT, NULL, &cell);
    uint8_t field[16] = {4, 2, 2, 'v'};
    size_t n = 4;
    uint32_t z = (uint32_t)number << 1;
    for (; z > 0x7F; z >>= 7)
        field[n++] = (uint8_t)(z | 0x80);
    field[n++] = (uint8_t)z;
    field[n++] = 0;
    size_t at = find(got, slice_of(field, n)) + n;
    struct slice value = unhex(want);
    cr_assert_eq(memcmp(got.ptr + at, "\0\4\2", 3), 0, "%s", hex(got));
    cr_assert_eq(memcmp(got.ptr + at + 3, value.ptr, value.len), 0, "%s",
                 hex(slice_of(got.ptr + at, got.len - at)));
    cr_assert_eq(got.len, at + 3 + value.len + 1 + 5, "%s", hex(got));
    teardown(&f);
}

Test(dts_avro, every_type_has_its_number_and_branch)
{
    struct slice sizes[] = {SLICE_LIT("small"), SLICE_LIT("\xC3\xA9")};
    const struct charset *gbk = charset_of_name(SLICE_LIT("gbk"));
    const struct charset *mb4 = charset_of_name(SLICE_LIT("utf8mb4"));
    const struct type_case cases[] = {
        {TYPED(COL_TINYINT), 1, I64(-128), "0202 08 2d313238"},
        {TYPED(COL_TINYINT, .is_unsigned = true), 1, U64(255), "0202 06 323535"},
        {TYPED(COL_SMALLINT), 2, I64(-1), "0204 04 2d31"},
        {TYPED(COL_MEDIUMINT), 9, I64(7), "0206 02 37"},
        {TYPED(COL_INT), 3, I64(-1), "0208 04 2d31"},
        {TYPED(COL_BIGINT, .is_unsigned = true), 8, U64(UINT64_MAX),
         "0210 28 3138343436373434303733373039353531363135"},
        {TYPED(COL_BIT, .meta = 9), 16, U64(513), "0204 06 353133"},
        {TYPED(COL_FLOAT), 4, F32(1.5f), "08 000000000000f83f 101e"},
        {TYPED(COL_DOUBLE), 5, F64(1.5), "08 000000000000f83f 101e"},
        {TYPED(COL_DOUBLE), 5, F64(-0.0), "08 0000000000000080 101e"},
        {TYPED(COL_DECIMAL, .precision = 10, .scale = 2), 246, DECIMAL("\x80\x00\x01\x5c\x00"),
         "06 0c 3334382e3030 0a 04"},
        {TYPED(COL_DECIMAL, .precision = 10, .scale = 2), 246, TEXT("0.05"),
         "06 08 302e3035 02 04"},
        {TYPED(COL_DECIMAL, .precision = 10, .scale = 2), 246, TEXT("-1050.00"),
         "06 10 2d313035302e3030 0c 04"},
        {TYPED(COL_DECIMAL, .precision = 10, .scale = 2), 246, TEXT("0.00"),
         "06 08 302e3030 02 04"},
        {TYPED(COL_DECIMAL, .precision = 10), 246, TEXT("10"), "06 04 3130 04 00"},
        {TYPED(COL_TIMESTAMP), 7, STAMP(1618239451, 0), "0a b6ffa2870c 00"},
        {TYPED(COL_TIMESTAMP, .fsp = 6), 7, STAMP(0, 999999), "0a 00 fe887a"},
        {TYPED(COL_DATETIME), 12,
         CIVIL(CELL_DATETIME, .year = 2021, .month = 1, .day = 27, .hour = 15, .minute = 34,
               .second = 46),
         "0c 02ca1f 0202 0236 021e 0244 025c 0200"},
        {TYPED(COL_DATE), 10, CIVIL(CELL_DATE, .year = 2021, .month = 1, .day = 27),
         "0c 02ca1f 0202 0236 00000000"},
        {TYPED(COL_DATE), 10, CIVIL(CELL_DATE, 0), "0c 0200 0200 0200 00000000"},
        {TYPED(COL_YEAR), 13, U64(2021), "0c 02ca1f 000000000000"},
        {TYPED(COL_TIME, .fsp = 1), 11,
         CIVIL(CELL_TIME, .negative = true, .hour = 12, .minute = 30, .us = 500000),
         "0c 000000 0217 023b 0200 02bf843d"},
        {TYPED(COL_TIME), 11, CIVIL(CELL_TIME, .hour = 838, .minute = 59, .second = 59),
         "0c 000000 028c0d 0276 0276 0200"},
        {TYPED(COL_VARCHAR, .charset = mb4), 253, BYTES("a"), "04 0e757466386d6234 0261"},
        {TYPED(COL_CHAR, .charset = gbk), 254, BYTES("\xB0\xA1"), "04 0667626b 04b0a1"},
        {TYPED(COL_VARBINARY), 253, BYTES("\x00\xff"), "04 0c62696e617279 0400ff"},
        {TYPED(COL_BINARY), 254, BYTES("\x00\x00"), "04 0c62696e617279 040000"},
        {TYPED(COL_BLOB, .meta = 2), 252, BYTES("\x00\xff"), "14 08424c4f42 0400ff"},
        {TYPED(COL_BLOB, .meta = 1), 249, BYTES("x"), "14 08424c4f42 0278"},
        {TYPED(COL_TEXT, .meta = 3, .charset = mb4), 250, BYTES("x"), "14 0854455854 0278"},
        {TYPED(COL_TEXT, .meta = 4, .charset = gbk), 251, BYTES("\xB0\xA1"),
         "14 0854455854 04b0a1"},
        {TYPED(COL_VECTOR, .meta = 4), 252, BYTES("1234"), "14 08424c4f42 0831323334"},
        {TYPED(COL_JSON), 245, TEXT("{}"), "16 084a534f4e 047b7d"},
        {TYPED(COL_JSON), 245, BYTES("[]"), "16 084a534f4e 045b5d"},
        {TYPED(COL_JSON), 245, JSON(""), "16 084a534f4e 086e756c6c"},
        {TYPED(COL_ENUM, .members = sizes, .member_count = 2), 247, U64(2), "16 08454e554d 04c3a9"},
        {TYPED(COL_ENUM, .members = sizes, .member_count = 2), 247, U64(0), "16 08454e554d 00"},
        {TYPED(COL_ENUM, .members = sizes, .member_count = 2), 247, TEXT("small"),
         "16 08454e554d 0a736d616c6c"},
        {TYPED(COL_SET, .members = sizes, .member_count = 2), 248, U64(3),
         "16 06534554 10736d616c6c2cc3a9"},
        {TYPED(COL_SET, .members = sizes, .member_count = 2), 248, U64(2), "16 06534554 04c3a9"},
        {TYPED(COL_SET, .members = sizes, .member_count = 2), 248, U64(0), "16 06534554 00"},
        {TYPED(COL_GEOMETRY), 255, BYTES("\xe6\x10\x00\x00\x01"), "10 06574b42 0201"},
        {TYPED(COL_GEOMETRY), 255, BYTES("\xe6"), "10 06574b42 00"},
        {TYPED(COL_UUID, .fixed_len = 16), 254,
         BYTES("\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x00"),
         "04 0e757466386d6234 48 31323365343536372d653839622d313264332d613435362d343236363134313734"
         "303030"},
        {TYPED(COL_INET4, .fixed_len = 4), 254, BYTES("\x7f\x00\x00\x01"),
         "04 0e757466386d6234 12 3132372e302e302e31"},
        {TYPED(COL_INT), 3, NUL, "00"},
        {TYPED(COL_JSON), 245, ABSENT, "1802"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_value(&cases[i].column, cases[i].number, cases[i].cell, cases[i].hex);
}

Test(dts_avro, a_set_of_64_members_is_whole)
{
    static char names[64][16];
    static struct slice members[64];
    for (int i = 0; i < 64; i++) {
        snprintf(names[i], sizeof names[i], "m%d", i);
        members[i] = slice_str(names[i]);
    }
    struct column columns[] = {TYPED(COL_SET, .members = members, .member_count = 64)};
    struct fixture f = {0};
    setup(&f, columns, 1);
    struct cell all = U64(UINT64_MAX);
    struct slice got = encode(&f, CHANGE_INSERT, NULL, &all);
    /* 10 labels of two bytes, 54 of three, 63 commas: 245, in two bytes. */
    find(got, SLICE_LIT("\x06SET\xea\x03m0,m1,"));
    find(got, SLICE_LIT(",m63\0"));
    teardown(&f);
}

static void assert_refused(const struct column *column, struct cell cell, enum err want)
{
    struct column columns[] = {*column};
    struct fixture f = {0};
    setup(&f, columns, 1);
    struct change c = change_of(&f, CHANGE_INSERT, NULL, &cell);
    writer_lit(&f.w, "before");
    cr_assert_eq(dts_avro_encode(f.enc, f.at, &c, &f.w), want);
    cr_assert_str_eq(dts_avro_failed_column(f.enc), "v");
    cr_assert_eq(f.w.len, 6);
    cr_assert_eq(f.w.err, ERR_OK);
    teardown(&f);
}

Test(dts_avro, values_that_a_column_cannot_have_are_refused_by_name)
{
    struct slice sizes[] = {SLICE_LIT("small")};
    assert_refused(&(struct column)TYPED(COL_ENUM, .members = sizes, .member_count = 1), U64(2),
                   ERR_MALFORMED);
    assert_refused(&(struct column)TYPED(COL_SET, .members = sizes, .member_count = 1), U64(2),
                   ERR_MALFORMED);
    assert_refused(&(struct column)TYPED(COL_YEAR), U64(99999), ERR_MALFORMED);
    assert_refused(&(struct column)TYPED(COL_DECIMAL, .precision = 10, .scale = 2), DECIMAL("\x80"),
                   ERR_MALFORMED);
    assert_refused(&(struct column)TYPED(COL_JSON), JSON("\x05"), ERR_TRUNCATED);
    assert_refused(&(struct column)TYPED(COL_JSON), TEXT("\xFF"), ERR_BAD_TEXT);
    assert_refused(&(struct column)TYPED(COL_INT), F64(1), ERR_BUG);
    assert_refused(&(struct column)TYPED(COL_VARCHAR), TEXT("x"), ERR_BUG);
}

Test(dts_avro, names_that_are_no_utf8_make_no_table)
{
    struct slice bad_label[] = {SLICE_LIT("\xFF")};
    struct column bad[] = {COL("\xC3", COL_INT, "int"),
                           TYPED(COL_ENUM, .members = bad_label, .member_count = 1)};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct table t = table_of(&bad[i], 1);
        struct message_names names = {t.database, t.name, NULL};
        struct dts_avro_options o = {.server_version = SLICE_LIT("8")};
        struct dts_avro_table *at = NULL;
        struct errmsg em = {0};
        cr_assert_eq(dts_avro_table_new(&o, &t, &names, SLICE_LIT(""), &at, &em), ERR_BAD_TEXT);
        cr_assert_null(at);
        cr_assert_not_null(strstr(em.text, "table shop.item: a name or label is not valid UTF-8"));
    }
}

/* --- limits --- */

#define LONG_LEN 5000
static char long_bytes[LONG_LEN];

Test(dts_avro, a_record_may_fill_its_limit_to_the_last_byte_and_no_more)
{
    struct column columns[] = {COL("id", COL_INT, "int"), COL("b", COL_BLOB, "blob"),
                               COL("j", COL_JSON, "json"), COL("d", COL_DATETIME, "datetime")};
    struct fixture f = {0};
    setup(&f, columns, 4);
    struct cell row[] = {I64(1),
                         {.kind = CELL_BYTES, .raw = slice_of(long_bytes, LONG_LEN)},
                         TEXT("[1, 2]"),
                         CIVIL(CELL_DATETIME, .year = 2024, .month = 5, .day = 6)};
    struct change c = change_of(&f, CHANGE_UPDATE, row, row);
    size_t len = encode(&f, CHANGE_UPDATE, row, row).len;
    uint8_t *whole = malloc(len), *room = malloc(len);
    memcpy(whole, f.w.base, len);

    struct writer w = writer_fixed(room, len);
    cr_assert_eq(dts_avro_encode(f.enc, f.at, &c, &w), ERR_OK);
    cr_assert_eq(w.len, len);
    cr_assert_eq(memcmp(room, whole, len), 0);
    for (size_t i = 0; i < len; i += i < 400 || i > len - 400 ? 1 : 97) {
        w = writer_fixed(room, i);
        cr_assert_eq(dts_avro_encode(f.enc, f.at, &c, &w), ERR_TOO_LARGE);
        w = writer_fixed(room, i);
        w.max = len;
        cr_assert_eq(dts_avro_encode(f.enc, f.at, &c, &w), ERR_NO_ROOM);
        cr_assert_eq(w.len, 0);
        cr_assert_eq(w.err, ERR_OK);
        struct writer grows;
        writer_init(&grows, i);
        cr_assert_eq(dts_avro_encode(f.enc, f.at, &c, &grows), ERR_TOO_LARGE);
        writer_fini(&grows);
    }
    free(whole);
    free(room);
    teardown(&f);
}

Test(dts_avro, a_statement_may_fill_its_limit_to_the_last_byte_and_no_more)
{
    struct dts_avro_options o = {.server_version = SLICE_LIT("8.0.28")};
    struct ddl_change d = {.database = SLICE_LIT("a"),
                           .table = SLICE_LIT(""),
                           .sql = SLICE_LIT("drop x"),
                           .gtid = SLICE_LIT("")};
    struct writer w;
    writer_init(&w, 1 << 20);
    cr_assert_eq(dts_avro_ddl_encode(&o, &d, SLICE_LIT("frame"), &w), ERR_OK);
    size_t len = w.len;
    uint8_t room[512];
    for (size_t i = 0; i <= len; i++) {
        struct writer fixed = writer_fixed(room, i);
        cr_assert_eq(dts_avro_ddl_encode(&o, &d, SLICE_LIT("frame"), &fixed),
                     i == len ? ERR_OK : ERR_TOO_LARGE);
    }
    d.sql = SLICE_LIT("\xFF");
    size_t before = w.len;
    cr_assert_eq(dts_avro_ddl_encode(&o, &d, SLICE_LIT(""), &w), ERR_BAD_TEXT);
    cr_assert_eq(w.len, before);
    writer_fini(&w);
}
