#include "base/reader.h"
#include "base/writer.h"

#include <criterion/criterion.h>

Test(writer, what_is_written_reads_back)
{
    struct writer w;
    writer_init(&w, 1 << 20);
    static const uint64_t numbers[] = {0,       0xfa,     0xfb,      0xff,      0xffff,
                                       0x10000, 0xffffff, 0x1000000, UINT64_MAX};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        writer_lenenc(&w, numbers[i]);
    writer_cstr(&w, SLICE_LIT("x"));
    writer_printf(&w, "%d-%s", 7, "y");
    struct reader r = reader_of(writer_slice(&w));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        cr_assert_eq(reader_lenenc(&r), numbers[i]);
    cr_assert(slice_eq(reader_cstr(&r), SLICE_LIT("x")));
    cr_assert(slice_eq(reader_rest(&r), SLICE_LIT("7-y")));
    writer_fini(&w);
}

Test(writer, its_maximum_is_never_passed_and_the_failure_stays)
{
    struct writer w;
    writer_init(&w, 4);
    writer_lit(&w, "abcd");
    cr_assert_eq(w.err, ERR_OK);
    writer_lit(&w, "e");
    cr_assert_eq(w.err, ERR_TOO_LARGE);
    writer_clear(&w);
    writer_lit(&w, "xy");
    cr_assert(slice_eq(writer_slice(&w), SLICE_LIT("xy")));
    writer_fini(&w);
}

Test(writer, a_value_is_appended_whole_or_not_at_all)
{
    struct writer w;
    writer_init(&w, 6);
    writer_lit(&w, "abc");
    writer_lit(&w, "defg");
    cr_assert_eq(w.err, ERR_TOO_LARGE);
    cr_assert_eq(w.len, 3);
    writer_fini(&w);
}

Test(writer, memory_of_the_callers_never_moves)
{
    uint8_t room[4];
    struct writer w = writer_fixed(room, sizeof(room));
    w.max = 100;
    writer_lit(&w, "abcd");
    cr_assert_eq(w.base, room);
    writer_lit(&w, "e");
    cr_assert_eq(w.err, ERR_NO_ROOM);
    cr_assert_eq(w.base, room);
}

Test(writer, a_maximum_below_what_is_written_keeps_the_memory)
{
    struct writer w;
    writer_init(&w, 1000);
    for (int i = 0; i < 50; i++)
        writer_lit(&w, "0123456789");
    uint8_t *base = w.base;
    size_t cap = w.cap;
    w.max = 100;
    cr_assert_not(writer_reserve(&w, cap));
    cr_assert_eq(w.err, ERR_TOO_LARGE);
    cr_assert_eq(w.base, base);
    cr_assert_eq(w.cap, cap);
    cr_assert_eq(w.len, 500);
    writer_fini(&w);
}
