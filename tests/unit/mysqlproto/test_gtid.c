#include "mysqlproto/gtid.h"

#include <criterion/criterion.h>

#define UUID "3e11fa47-71ca-11e1-9e33-c80aa9429562"

Test(gtid, uuid_text_goes_both_ways)
{
    uint8_t uuid[MY_UUID_LEN];
    char text[MY_UUID_TEXT_LEN + 1];
    cr_assert_eq(my_uuid_parse(SLICE_LIT("3E11FA47-71ca-11e1-9e33-c80aa9429562"), uuid), ERR_OK);
    cr_assert_eq(uuid[0], 0x3e);
    cr_assert_eq(uuid[15], 0x62);
    cr_assert_str_eq(my_uuid_print(uuid, text), UUID);
}

Test(gtid, what_is_no_uuid_is_refused)
{
    static const char *const bad[] = {
        "",
        "3e11fa47-71ca-11e1-9e33-c80aa942956",
        "3e11fa47-71ca-11e1-9e33-c80aa94295622",
        "3e11fa4771-ca-11e1-9e33-c80aa9429562",
        "3e11fa47-71ca-11e1-9e33-c80aa942956g",
        "{e11fa47-71ca-11e1-9e33-c80aa942956}",
    };
    uint8_t uuid[MY_UUID_LEN];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(my_uuid_parse(slice_str(bad[i]), uuid), ERR_MALFORMED, "%s", bad[i]);
}

Test(gtid, text_goes_both_ways)
{
    static const char *const good[] = {
        UUID ":1",
        UUID ":9223372036854775806",
        UUID ":tag:23",
        UUID ":_a23456789012345678901234567890_:7",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct my_gtid g;
        char text[MY_GTID_TEXT_MAX + 1];
        cr_assert_eq(my_gtid_parse(slice_str(good[i]), &g), ERR_OK, "%s", good[i]);
        cr_assert_eq(my_gtid_print(&g, text), strlen(good[i]));
        cr_assert_str_eq(text, good[i]);
    }
}

Test(gtid, a_tag_is_folded_to_lower_case)
{
    struct my_gtid g;
    cr_assert_eq(my_gtid_parse(SLICE_LIT(UUID ":Blue:5"), &g), ERR_OK);
    cr_assert_eq(g.tag_len, 4);
    cr_assert_arr_eq(g.tag, "blue", 4);
}

Test(gtid, what_is_no_gtid_is_refused)
{
    static const char *const bad[] = {
        UUID,
        UUID ":",
        UUID ":0",
        UUID ":-1",
        UUID ":1-2",
        UUID ":9223372036854775807",
        UUID ":99999999999999999999",
        UUID ":tag:",
        UUID "::1",
        UUID ":1ag:1",
        UUID ":t-g:1",
        UUID ":a234567890123456789012345678901_3:7",
        UUID ":a:b:1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct my_gtid g;
        cr_assert_eq(my_gtid_parse(slice_str(bad[i]), &g), ERR_MALFORMED, "%s", bad[i]);
    }
}
