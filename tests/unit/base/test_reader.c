#include "base/reader.h"

#include <criterion/criterion.h>

Test(reader, integers_are_little_endian)
{
    struct reader r = reader_of(SLICE_LIT("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e"
                                          "\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18"));
    cr_assert_eq(reader_u8(&r), 0x01);
    cr_assert_eq(reader_u16(&r), 0x0302);
    cr_assert_eq(reader_u24(&r), 0x060504);
    cr_assert_eq(reader_u32(&r), 0x0a090807);
    cr_assert_eq(reader_u48(&r), UINT64_C(0x100f0e0d0c0b));
    cr_assert_eq(reader_u64(&r), UINT64_C(0x1817161514131211));
    cr_assert_eq(reader_left(&r), 0);
    cr_assert_eq(reader_finish(&r), ERR_OK);
}

Test(reader, a_short_read_fails_for_good_and_gives_zero)
{
    struct reader r = reader_of(SLICE_LIT("\x01\x02\x03"));
    cr_assert_eq(reader_u32(&r), 0);
    cr_assert_eq(reader_finish(&r), ERR_TRUNCATED);
    cr_assert_eq(reader_u8(&r), 0);
    cr_assert_eq(reader_take(&r, 0).len, 0);
    cr_assert_eq(reader_finish(&r), ERR_TRUNCATED);
}

Test(reader, a_nested_reader_cannot_leave_its_field)
{
    struct reader r = reader_of(SLICE_LIT("\x01\x02\x03\x04"));
    struct reader sub = reader_sub(&r, 1);
    cr_assert_eq(reader_u16(&sub), 0);
    cr_assert_eq(reader_finish(&sub), ERR_TRUNCATED);
    cr_assert_eq(reader_finish(&r), ERR_OK);
    cr_assert_eq(reader_left(&r), 3);
}

Test(reader, length_encoded_integers_in_every_width)
{
    struct reader r = reader_of(SLICE_LIT("\xfa\xfc\x01\x02\xfd\x01\x02\x03\xfe\x01\x02\x03\x04\x05"
                                          "\x06\x07\x08"));
    cr_assert_eq(reader_lenenc(&r), 0xfa);
    cr_assert_eq(reader_lenenc(&r), 0x0201);
    cr_assert_eq(reader_lenenc(&r), 0x030201);
    cr_assert_eq(reader_lenenc(&r), UINT64_C(0x0807060504030201));
    cr_assert_eq(reader_finish(&r), ERR_OK);
}

Test(reader, null_and_error_markers_are_no_numbers)
{
    struct reader null = reader_of(SLICE_LIT("\xfb")), error = reader_of(SLICE_LIT("\xff"));
    reader_lenenc(&null);
    reader_lenenc(&error);
    cr_assert_eq(reader_finish(&null), ERR_MALFORMED);
    cr_assert_eq(reader_finish(&error), ERR_MALFORMED);
}

Test(reader, a_string_longer_than_what_is_left_is_refused_whatever_its_length_says)
{
    struct reader r = reader_of(SLICE_LIT("\xfe\xff\xff\xff\xff\xff\xff\xff\xff"
                                          "abc"));
    cr_assert_eq(reader_lenenc_str(&r).len, 0);
    cr_assert_eq(reader_finish(&r), ERR_TRUNCATED);
    r = reader_of(SLICE_LIT("\x03"
                            "abcd"));
    cr_assert(slice_eq(reader_lenenc_str(&r), SLICE_LIT("abc")));
    cr_assert_eq(reader_left(&r), 1);
}

Test(reader, a_terminated_string_needs_its_end)
{
    struct reader r = reader_of(SLICE_LIT("ab\0cd"));
    cr_assert(slice_eq(reader_cstr(&r), SLICE_LIT("ab")));
    reader_cstr(&r);
    cr_assert_eq(reader_finish(&r), ERR_TRUNCATED);
}
