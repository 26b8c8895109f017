#include "schema/type_text.h"

#include "base/writer.h"

#include <criterion/criterion.h>

static struct type_text parsed(const char *text)
{
    struct type_text t;
    cr_assert(type_text_parse(slice_str(text), &t), "%s", text);
    return t;
}

static void refused(const char *text)
{
    struct type_text t = {.length = 99};
    cr_assert(!type_text_parse(slice_str(text), &t), "%s", text);
    cr_assert_eq(t.length, 99, "written on failure: %s", text);
}

Test(type_text, knows_every_kind_that_servers_print)
{
    static const struct {
        const char *text;
        enum column_kind kind;
    } all[] = {
        {"tinyint(1)", COL_TINYINT},
        {"smallint unsigned", COL_SMALLINT},
        {"mediumint(9)", COL_MEDIUMINT},
        {"int", COL_INT},
        {"bigint(20) unsigned", COL_BIGINT},
        {"float(7,3)", COL_FLOAT},
        {"double unsigned zerofill", COL_DOUBLE},
        {"decimal(65,30)", COL_DECIMAL},
        {"bit(64)", COL_BIT},
        {"year(4)", COL_YEAR},
        {"date", COL_DATE},
        {"time(6)", COL_TIME},
        {"datetime", COL_DATETIME},
        {"timestamp(3) /* mariadb-5.3 */", COL_TIMESTAMP},
        {"char(255)", COL_CHAR},
        {"varchar(500) /*M!100301 COMPRESSED*/", COL_VARCHAR},
        {"tinytext", COL_TEXT},
        {"longtext", COL_TEXT},
        {"binary(5)", COL_BINARY},
        {"varbinary(65535)", COL_VARBINARY},
        {"blob /*M!100301 COMPRESSED*/", COL_BLOB},
        {"json", COL_JSON},
        {"vector(2048)", COL_VECTOR},
        {"geomcollection", COL_GEOMETRY},
        {"geometrycollection", COL_GEOMETRY},
        {"point", COL_GEOMETRY},
        {"uuid", COL_UUID},
        {"inet4", COL_INET4},
        {"inet6", COL_INET6},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        cr_expect_eq(parsed(all[i].text).kind, all[i].kind, "%s", all[i].text);
}

Test(type_text, takes_length_scale_and_sign)
{
    struct type_text t = parsed("decimal(10,2) unsigned zerofill");
    cr_assert_eq(t.length, 10);
    cr_assert_eq(t.scale, 2);
    cr_assert(t.is_unsigned);
    cr_assert(slice_eq(t.bare, SLICE_LIT("decimal")));
    cr_assert(!parsed("decimal(10,2)").is_unsigned);
}

Test(type_text, zerofill_alone_is_unsigned)
{
    cr_assert(parsed("int(5) zerofill").is_unsigned);
}

Test(type_text, fills_in_what_servers_leave_out)
{
    cr_assert_eq(parsed("decimal").length, 10);
    cr_assert_eq(parsed("bit").length, 1);
    cr_assert_eq(parsed("char").length, 1);
    cr_assert_eq(parsed("datetime").length, 0);
    cr_assert_eq(parsed("mediumblob").length_bytes, 3);
}

Test(type_text, refuses_what_no_server_prints)
{
    static const char *const wrong[] = {
        "",
        "integer(11",
        "int(",
        "int()",
        "int(11",
        "int(11) unsigned)",
        "int(99999999999)",
        "decimal(66,2)",
        "decimal(0)",
        "decimal(5,6)",
        "bit(65)",
        "bit(0)",
        "time(7)",
        "char(256)",
        "varchar",
        "varchar(65536)",
        "enum",
        "enum()",
        "enum('a'",
        "enum('a)",
        "enum('a',)",
        "enum(a)",
        "enum('a\\",
        "set('a'",
        "text /* open",
        "int;",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        refused(wrong[i]);
}

Test(type_text, every_beginning_of_an_enum_is_refused)
{
    static const char text[] = "enum('a','b,c','d''e','\\\\')";
    parsed(text);
    for (size_t n = 0; n + 1 < sizeof(text); n++) {
        struct type_text t;
        cr_expect(!type_text_parse(slice_of(text, n), &t), "%zu bytes", n);
    }
}

static void expect_members(const char *text, size_t count, const char *const *labels)
{
    struct type_text t = parsed(text);
    struct slice rest = t.members, quoted;
    uint8_t buf[64];
    cr_assert_eq(t.member_count, count, "%s", text);
    for (size_t i = 0; i < count; i++) {
        cr_assert(type_member_next(&rest, &quoted));
        size_t n = type_member_unquote(quoted, buf);
        cr_assert(slice_eq(slice_of(buf, n), slice_str(labels[i])), "%s: %.*s", text, (int)n,
                  (char *)buf);
    }
    cr_assert(!type_member_next(&rest, &quoted));
}

Test(type_text, members_lose_their_quotes_and_escapes)
{
    expect_members("enum('a','b,c','d''e','é')", 4, (const char *[]){"a", "b,c", "d'e", "é"});
    expect_members("set('x')", 1, (const char *[]){"x"});
    expect_members("enum('','''',' ) ','\\\\','\\n\\r')", 5,
                   (const char *[]){"", "'", " ) ", "\\", "\n\r"});
}

Test(type_text, a_set_has_64_members_at_most)
{
    struct writer w;
    struct type_text t;
    writer_init(&w, 4096);
    writer_lit(&w, "set('a'");
    for (int i = 1; i < 64; i++)
        writer_lit(&w, ",'a'");
    writer_lit(&w, ")");
    cr_assert(type_text_parse(writer_slice(&w), &t));
    cr_assert_eq(t.member_count, 64);
    w.len--;
    writer_lit(&w, ",'a')");
    cr_assert(!type_text_parse(writer_slice(&w), &t));
    writer_fini(&w);
}

Test(type_text, quoting_a_label_and_back_gives_the_label)
{
    struct slice label = slice_of("a'b\\c\n\r\0d", 9);
    struct writer w;
    struct type_text t;
    uint8_t buf[64];
    writer_init(&w, 4096);
    writer_lit(&w, "enum(");
    type_member_quote(label, &w);
    writer_lit(&w, ")");
    cr_assert(type_text_parse(writer_slice(&w), &t));
    struct slice rest = t.members, quoted;
    cr_assert(type_member_next(&rest, &quoted));
    size_t n = type_member_unquote(quoted, buf);
    cr_assert(slice_eq(slice_of(buf, n), label));
    writer_fini(&w);
}
