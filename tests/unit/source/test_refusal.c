#include "source/refusal.h"

#include <criterion/criterion.h>

Test(refusal, codes_say_what_to_do)
{
    cr_expect_eq(src_refusal_of_code(0), SRC_REFUSED_NOT);
    cr_expect_eq(src_refusal_of_code(1146), SRC_REFUSED_NO_TABLE);
    cr_expect_eq(src_refusal_of_code(1049), SRC_REFUSED_NO_TABLE);
    cr_expect_eq(src_refusal_of_code(1054), SRC_REFUSED_NO_COLUMN);
    cr_expect_eq(src_refusal_of_code(1142), SRC_REFUSED_DENIED);
    cr_expect_eq(src_refusal_of_code(1205), SRC_REFUSED_RETRY);
    cr_expect_eq(src_refusal_of_code(1213), SRC_REFUSED_RETRY);
    cr_expect_eq(src_refusal_of_code(1317), SRC_REFUSED_RETRY);
    cr_expect_eq(src_refusal_of_code(1969), SRC_REFUSED_RETRY);
    cr_expect_eq(src_refusal_of_code(3024), SRC_REFUSED_RETRY);
    cr_expect_eq(src_refusal_of_code(1053), SRC_REFUSED_LINK);
    cr_expect_eq(src_refusal_of_code(1712), SRC_REFUSED_DAMAGED);
    cr_expect_eq(src_refusal_of_code(1064), SRC_REFUSED_OTHER);
    cr_expect_eq(src_refusal_of_code(65535), SRC_REFUSED_OTHER);
}

/* The table is searched by halves. */
Test(refusal, every_code_is_found)
{
    int known = 0;
    for (unsigned code = 1; code <= UINT16_MAX; code++)
        known += src_refusal_of_code((uint16_t)code) != SRC_REFUSED_OTHER;
    cr_expect_eq(known, 34);
}
