#include "control/json.h"

#include <criterion/criterion.h>

Test(json, members_are_separated_and_nested)
{
    char room[400];
    struct writer w = writer_fixed(room, sizeof(room));
    struct jw j = jw_to(&w);
    jw_open(&j, NULL, '{');
    jw_text(&j, "a", "x\"\n<\xff\xc3\xa4");
    jw_open(&j, "b", '[');
    jw_number(&j, NULL, 1);
    jw_open(&j, NULL, '{');
    jw_close(&j);
    jw_null(&j, NULL);
    jw_close(&j);
    jw_bool(&j, "c", true);
    jw_decimal(&j, "d", 1234567, 1000000);
    jw_time(&j, "e", 1700000000123456);
    jw_time(&j, "f", 0);
    jw_text(&j, "g", NULL);
    jw_close(&j);
    cr_assert_eq(w.err, ERR_OK);
    writer_u8(&w, 0);
    cr_assert_str_eq(room,
                     "{\"a\":\"x\\u0022\\u000a\\u003c\xEF\xBF\xBD\xc3\xa4\",\"b\":[1,{},null],"
                     "\"c\":true,\"d\":1.234,\"e\":\"2023-11-14T22:13:20.123Z\",\"f\":null,"
                     "\"g\":null}");
}
