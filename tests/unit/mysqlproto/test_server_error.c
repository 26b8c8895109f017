#include "mysqlproto/resultset.h"

#include <criterion/criterion.h>

static enum err class_of(uint16_t code, const char *message)
{
    struct my_error e = {.code = code, .message = slice_str(message)};
    return my_error_class(&e);
}

Test(server_error, denials)
{
    static const uint16_t codes[] = {1044, 1045, 1130, 1142, 1227, 1698, 1862, 3118};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        cr_assert_eq(class_of(codes[i], ""), ERR_ACCESS_DENIED, "%u", codes[i]);
}

Test(server_error, what_passes_is_of_the_link)
{
    static const uint16_t codes[] = {1040, 1053, 1158, 1161, 1203, 1205, 1213, 1317,
                                     1927, 2006, 2013, 3024, 3169, 4031, 2000, 2999};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        cr_assert_eq(err_class(class_of(codes[i], "")), ERRC_LINK, "%u", codes[i]);
}

Test(server_error, a_statement_that_is_refused)
{
    static const uint16_t codes[] = {0, 1, 1064, 1146, 1193, 1999, 3000, 65535};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        cr_assert_eq(class_of(codes[i], ""), ERR_SOURCE_SQL, "%u", codes[i]);
}

Test(server_error, other_classes)
{
    cr_assert_eq(class_of(1524, ""), ERR_UNSUPPORTED_AUTH);
    cr_assert_eq(class_of(3159, ""), ERR_TLS);
    cr_assert_eq(class_of(1381, ""), ERR_SOURCE_SETUP);
    cr_assert_eq(class_of(1789, ""), ERR_HISTORY);
    cr_assert_eq(class_of(1945, ""), ERR_HISTORY);
}

Test(server_error, the_end_of_a_dump_is_told_by_its_text)
{
    cr_assert_eq(class_of(1236, "Could not find first log file name in binary log index file"),
                 ERR_HISTORY);
    cr_assert_eq(class_of(1236, "A replica with the same server_uuid/server_id as this replica has "
                                "connected to the source"),
                 ERR_DISCONNECTED);
    cr_assert_eq(class_of(1236, "Binary log is not open"), ERR_SOURCE_SETUP);
}
