#include "schema/type_wire.h"

#include "base/writer.h"

#include <criterion/criterion.h>

static struct type_text parsed(const char *text)
{
    struct type_text t;
    cr_assert(type_text_parse(slice_str(text), &t), "%s", text);
    return t;
}

static bool fits(uint8_t type, uint16_t meta, const char *text)
{
    struct map_column m = {.type = type, .meta = meta};
    struct type_text t = parsed(text);
    return type_wire_fits(&m, &t, charset_of_name(SLICE_LIT("latin1")));
}

/* One wire form of each type, and what it must not be mistaken for. */
static const struct {
    uint8_t type;
    uint16_t meta;
    const char *text;
} forms[] = {
    {MY_TYPE_TINY, 0, "tinyint(1)"},
    {MY_TYPE_SHORT, 0, "smallint"},
    {MY_TYPE_INT24, 0, "mediumint"},
    {MY_TYPE_LONG, 0, "int"},
    {MY_TYPE_LONGLONG, 0, "bigint"},
    {MY_TYPE_FLOAT, 4, "float(7,3)"},
    {MY_TYPE_DOUBLE, 8, "double"},
    {MY_TYPE_NEWDECIMAL, 0x0a02, "decimal(10,2)"},
    {MY_TYPE_BIT, 12, "bit(12)"},
    {MY_TYPE_YEAR, 0, "year(4)"},
    {MY_TYPE_DATE, 0, "date"},
    {MY_TYPE_TIME2, 3, "time(3)"},
    {MY_TYPE_DATETIME2, 0, "datetime"},
    {MY_TYPE_TIMESTAMP2, 6, "timestamp(6)"},
    {MY_TYPE_STRING, 10, "char(10)"},
    {MY_TYPE_STRING, 5, "binary(5)"},
    {MY_TYPE_STRING, 16, "uuid"},
    {MY_TYPE_STRING, 4, "inet4"},
    {MY_TYPE_VARCHAR, 300, "varchar(300)"},
    {MY_TYPE_VARCHAR, 20, "varbinary(20)"},
    {MY_TYPE_VARCHAR_COMPRESSED, 501, "varchar(500)"},
    {MY_TYPE_BLOB, 2, "text"},
    {MY_TYPE_BLOB, 4, "longblob"},
    {MY_TYPE_BLOB_COMPRESSED, 3, "mediumblob"},
    {MY_TYPE_ENUM, 1, "enum('a')"},
    {MY_TYPE_SET, 1, "set('a')"},
    {MY_TYPE_JSON, 4, "json"},
    {MY_TYPE_GEOMETRY, 4, "point"},
    {MY_TYPE_VECTOR, 4, "vector(3)"},
};

#define FORM_COUNT (sizeof(forms) / sizeof(forms[0]))

Test(type_wire, each_form_fits_its_own_type_and_no_other)
{
    for (size_t i = 0; i < FORM_COUNT; i++)
        for (size_t k = 0; k < FORM_COUNT; k++)
            cr_expect_eq(fits(forms[i].type, forms[i].meta, forms[k].text), i == k, "%s and %s",
                         forms[i].text, forms[k].text);
}

Test(type_wire, other_parameters_do_not_fit)
{
    cr_expect(!fits(MY_TYPE_NEWDECIMAL, 0x0a03, "decimal(10,2)"));
    cr_expect(!fits(MY_TYPE_BIT, 11, "bit(12)"));
    cr_expect(!fits(MY_TYPE_TIME2, 2, "time(3)"));
    cr_expect(!fits(MY_TYPE_DATETIME2, 6, "datetime"));
    cr_expect(!fits(MY_TYPE_VARCHAR, 299, "varchar(300)"));
    cr_expect(!fits(MY_TYPE_VARCHAR_COMPRESSED, 0, "varchar(0)"));
    cr_expect(!fits(MY_TYPE_BLOB, 3, "text"));
    cr_expect(!fits(MY_TYPE_STRING, 15, "uuid"));
    cr_expect(!fits(MY_TYPE_ENUM, 2, "enum('a')"));
    cr_expect(!fits(MY_TYPE_SET, 2, "set('a')"));
}

Test(type_wire, older_forms_fit_whatever_their_fraction)
{
    cr_expect(fits(MY_TYPE_TIME, 0, "time(3)"));
    cr_expect(fits(MY_TYPE_DATETIME, 0, "datetime"));
    cr_expect(fits(MY_TYPE_TIMESTAMP, 0, "timestamp"));
    cr_expect(fits(MY_TYPE_VAR_STRING, 300, "varchar(300)"));
    cr_expect(fits(MY_TYPE_NEWDATE, 0, "date"));
    cr_expect(fits(MY_TYPE_VARCHAR, 12, "vector(3)"), "MariaDB's");
}

Test(type_wire, a_set_takes_one_two_three_four_or_eight_bytes)
{
    static const uint8_t width[] = {1, 1, 2, 2, 3, 3, 4, 4, 8, 8};
    static const uint8_t members[] = {1, 8, 9, 16, 17, 24, 25, 32, 33, 64};
    for (size_t i = 0; i < sizeof(members); i++) {
        struct map_column m = {.type = MY_TYPE_SET, .meta = width[i]};
        struct type_text t = {.kind = COL_SET, .member_count = members[i]};
        cr_expect(type_wire_fits(&m, &t, NULL), "%u members", members[i]);
        m.meta = width[i] + 1;
        cr_expect(!type_wire_fits(&m, &t, NULL), "%u members", members[i]);
    }
    struct map_column m = {.type = MY_TYPE_ENUM, .meta = 1};
    struct type_text t = {.kind = COL_ENUM, .member_count = 255};
    cr_expect(type_wire_fits(&m, &t, NULL));
    t.member_count = 256;
    cr_expect(!type_wire_fits(&m, &t, NULL));
    m.meta = 2;
    cr_expect(type_wire_fits(&m, &t, NULL));
}

Test(type_wire, a_rebuilt_text_fits_the_column_that_it_was_made_from)
{
    for (size_t i = 0; i < FORM_COUNT; i++) {
        struct map_column m = {
            .type = forms[i].type, .meta = forms[i].meta, .has_signedness = true};
        bool labels = m.type == MY_TYPE_ENUM || m.type == MY_TYPE_SET;
        for (int binary = 0; binary < 2 && !labels; binary++) {
            const struct charset *cs =
                charset_of_name(binary ? SLICE_LIT("binary") : SLICE_LIT("latin1"));
            struct type_text t;
            struct writer w;
            writer_init(&w, 256);
            cr_expect(type_wire_text(&m, cs, &w), "%s", forms[i].text);
            cr_expect(type_text_parse(writer_slice(&w), &t), "%.*s", (int)w.len, w.base);
            cr_expect(type_wire_fits(&m, &t, cs), "%.*s", (int)w.len, w.base);
            writer_fini(&w);
        }
    }
}

Test(type_wire, what_cannot_be_known_is_not_made_up)
{
    struct writer w;
    struct map_column m = {.type = MY_TYPE_LONG};
    writer_init(&w, 256);
    cr_expect(!type_wire_text(&m, NULL, &w), "signedness");
    m.type = MY_TYPE_VARCHAR;
    cr_expect(!type_wire_text(&m, NULL, &w), "character set");
    m.type = MY_TYPE_BLOB;
    cr_expect(!type_wire_text(&m, NULL, &w), "character set");
    m.type = MY_TYPE_TIME;
    cr_expect(!type_wire_text(&m, NULL, &w), "fraction digits");
    m.type = MY_TYPE_TYPED_ARRAY;
    cr_expect(!type_wire_text(&m, NULL, &w), "values");
    cr_expect_eq(w.len, 0);
    writer_fini(&w);
}

Test(type_wire, every_type_has_a_name_that_fits_its_room)
{
    for (unsigned type = 0; type < 256; type++) {
        struct map_column m = {
            .type = (uint8_t)type, .meta = 65535, .has_signedness = true, .is_unsigned = true};
        char small[64], large[256];
        type_wire_name(&m, small, sizeof(small));
        cr_expect_str_eq(small, type_wire_name(&m, large, sizeof(large)));
        cr_expect_gt(strlen(small), 2);
    }
}
