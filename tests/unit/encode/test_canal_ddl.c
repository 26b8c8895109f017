#include "encode/canal_json.h"

#include "encode_fixture.h"

#include <stdlib.h>

static struct ddl_change alter(void)
{
    return (struct ddl_change){.type = DDL_TYPE_ALTER,
                               .database = SLICE_LIT("shop"),
                               .table = SLICE_LIT("item"),
                               .sql = SLICE_LIT("ALTER TABLE item ADD c int"),
                               .id = 102,
                               .es_ms = UINT64_C(1767225600000),
                               .ts_ms = UINT64_C(1767225600300)};
}

/* The message, terminated; static. */
static const char *encode(const struct canal_options *o, const struct ddl_change *d)
{
    static struct writer w;
    writer_fini(&w);
    writer_init(&w, 1 << 20);
    cr_assert_eq(canal_ddl_encode(o, d, &w), ERR_OK);
    writer_u8(&w, 0);
    return (const char *)w.base;
}

Test(canal_ddl, a_statement_has_the_members_of_dts)
{
    struct canal_options o = {0};
    struct ddl_change d = alter();
    cr_assert_str_eq(encode(&o, &d),
                     "{\"database\":\"shop\",\"es\":1767225600000,\"id\":102,\"isDdl\":true,"
                     "\"sql\":\"ALTER TABLE item ADD c int\",\"table\":\"item\","
                     "\"ts\":1767225600300,\"type\":\"DDL\"}");
}

Test(canal_ddl, stock_canal_shows_every_member_and_a_type_of_its_own)
{
    struct canal_options o = {.ddl_canal = true};
    struct ddl_change d = alter();
    cr_assert_str_eq(encode(&o, &d),
                     "{\"data\":null,\"database\":\"shop\",\"es\":1767225600000,\"id\":102,"
                     "\"isDdl\":true,\"mysqlType\":null,\"old\":null,\"pkNames\":null,"
                     "\"sql\":\"ALTER TABLE item ADD c int\",\"sqlType\":null,\"table\":\"item\","
                     "\"ts\":1767225600300,\"type\":\"ALTER\"}");
}

Test(canal_ddl, each_kind_of_statement_has_the_name_that_stock_canal_gives_it)
{
    static const struct {
        enum ddl_change_type type;
        const char *tail;
    } cases[] = {
        {DDL_TYPE_QUERY, "\"type\":\"QUERY\"}"},   {DDL_TYPE_CREATE, "\"type\":\"CREATE\"}"},
        {DDL_TYPE_ALTER, "\"type\":\"ALTER\"}"},   {DDL_TYPE_ERASE, "\"type\":\"ERASE\"}"},
        {DDL_TYPE_RENAME, "\"type\":\"RENAME\"}"}, {DDL_TYPE_TRUNCATE, "\"type\":\"TRUNCATE\"}"},
        {DDL_TYPE_CINDEX, "\"type\":\"CINDEX\"}"}, {DDL_TYPE_DINDEX, "\"type\":\"DINDEX\"}"},
    };
    struct canal_options o = {.ddl_canal = true};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ddl_change d = alter();
        d.type = cases[i].type;
        const char *text = encode(&o, &d);
        cr_assert_str_eq(text + strlen(text) - strlen(cases[i].tail), cases[i].tail);
    }
}

Test(canal_ddl, a_statement_of_no_table_has_an_empty_one)
{
    struct canal_options o = {0};
    struct ddl_change d = alter();
    d.type = DDL_TYPE_QUERY;
    d.table = SLICE_LIT("");
    d.sql = SLICE_LIT("CREATE DATABASE shop");
    cr_assert_str_eq(encode(&o, &d),
                     "{\"database\":\"shop\",\"es\":1767225600000,\"id\":102,\"isDdl\":true,"
                     "\"sql\":\"CREATE DATABASE shop\",\"table\":\"\",\"ts\":1767225600300,"
                     "\"type\":\"DDL\"}");
}

Test(canal_ddl, the_gtid_stands_between_es_and_id_when_it_is_wanted_and_known)
{
    struct ddl_change d = alter();
    d.gtid = SLICE_LIT("3e11fa47-71ca-11e1-9e33-c80aa9429562:23");
    struct canal_options o = {.gtid = true};
    cr_assert_not_null(strstr(encode(&o, &d), "\"es\":1767225600000,\"gtid\":"
                                              "\"3e11fa47-71ca-11e1-9e33-c80aa9429562:23\","
                                              "\"id\":102"));
    o.gtid = false;
    cr_assert_null(strstr(encode(&o, &d), "gtid"));
    o.gtid = true;
    d.gtid = SLICE_LIT("");
    cr_assert_null(strstr(encode(&o, &d), "gtid"));
}

Test(canal_ddl, names_and_statement_are_escaped)
{
    struct canal_options o = {0};
    struct ddl_change d = alter();
    d.database = SLICE_LIT("a\"b");
    d.table = SLICE_LIT("t\\u");
    d.sql = SLICE_LIT("alter table `t\\u`\n\tadd c enum('\"','\xE2\x98\x95')");
    cr_assert_str_eq(encode(&o, &d),
                     "{\"database\":\"a\\\"b\",\"es\":1767225600000,\"id\":102,\"isDdl\":true,"
                     "\"sql\":\"alter table `t\\\\u`\\n\\tadd c enum('\\\"','\xE2\x98\x95')\","
                     "\"table\":\"t\\\\u\",\"ts\":1767225600300,\"type\":\"DDL\"}");
}

/* A statement of len bytes, two dashes and then characters of two bytes. */
static char *long_text(size_t len)
{
    char *s = malloc(len + 2);
    cr_assert_not_null(s);
    for (size_t i = 0; i < len + 1; i += 2)
        memcpy(s + i, "\xC3\xA9", 2);
    s[0] = '-';
    s[1] = '-';
    return s;
}

Test(canal_ddl, a_long_statement_is_whole_wherever_its_characters_are_cut)
{
    struct canal_options o = {0};
    for (size_t odd = 0; odd < 2; odd++) {
        size_t len = 60000 + 2 * odd;
        char *s = long_text(len);
        struct ddl_change d = alter();
        d.sql = slice_of(s + odd, len - odd);
        const char *text = encode(&o, &d);
        const char *at = strstr(text, "\"sql\":\"");
        cr_assert_not_null(at);
        cr_assert_eq(memcmp(at + 7, d.sql.ptr, d.sql.len), 0);
        cr_assert_eq(memcmp(at + 7 + d.sql.len, "\",\"table\"", 9), 0);
        free(s);
    }
}

Test(canal_ddl, text_that_is_no_utf8_is_refused_and_leaves_nothing_behind)
{
    struct canal_options o = {0};
    struct writer w;
    writer_init(&w, 1 << 20);
    writer_lit(&w, "before");
    struct ddl_change bad[3] = {alter(), alter(), alter()};
    bad[0].sql = SLICE_LIT("alter table t comment '\xE9'");
    bad[1].table = SLICE_LIT("\xFF");
    bad[2].database = SLICE_LIT("\xC3");
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(canal_ddl_encode(&o, &bad[i], &w), ERR_BAD_TEXT);
        cr_assert_eq(w.len, 6);
        cr_assert_eq(w.err, ERR_OK);
    }
    writer_fini(&w);
}

Test(canal_ddl, a_message_may_fill_its_limit_to_the_last_byte_and_no_more)
{
    struct canal_options o = {0};
    struct ddl_change d = alter();
    size_t len = strlen(encode(&o, &d));
    uint8_t room[512];

    struct writer w = writer_fixed(room, len);
    cr_assert_eq(canal_ddl_encode(&o, &d, &w), ERR_OK);
    cr_assert_eq(w.len, len);

    for (size_t i = 0; i < len; i++) {
        w = writer_fixed(room, i);
        cr_assert_eq(canal_ddl_encode(&o, &d, &w), ERR_TOO_LARGE);
        cr_assert_eq(w.len, 0);
        w = writer_fixed(room, i);
        w.max = len;
        cr_assert_eq(canal_ddl_encode(&o, &d, &w), ERR_NO_ROOM);
        cr_assert_eq(w.err, ERR_OK);
    }

    writer_init(&w, len);
    cr_assert_eq(canal_ddl_encode(&o, &d, &w), ERR_OK);
    writer_fini(&w);
    writer_init(&w, len - 1);
    cr_assert_eq(canal_ddl_encode(&o, &d, &w), ERR_TOO_LARGE);
    writer_fini(&w);
}
