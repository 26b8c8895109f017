#include "base/writer.h"
#include "source/session.h"

#include <criterion/criterion.h>

static void expect(void (*quote)(struct writer *, struct slice), struct slice text,
                   const char *expected)
{
    struct writer w;
    writer_init(&w, 1000);
    quote(&w, text);
    cr_assert(slice_eq(writer_slice(&w), slice_str(expected)), "%.*s is not %s",
              SLICE_ARG(writer_slice(&w)), expected);
    writer_fini(&w);
}

Test(statement, text_that_no_mode_reads_otherwise_stays_readable)
{
    expect(src_quote, SLICE_LIT(""), "''");
    expect(src_quote, SLICE_LIT("shop_1.orders-2"), "'shop_1.orders-2'");
}

Test(statement, other_text_is_hexadecimal)
{
    expect(src_quote, SLICE_LIT("a'b"), "CONVERT(X'612762' USING utf8mb4)");
    expect(src_quote, SLICE_LIT("\\"), "CONVERT(X'5c' USING utf8mb4)");
    expect(src_quote, SLICE_LIT("a\0"), "CONVERT(X'6100' USING utf8mb4)");
    expect(src_quote, SLICE_LIT("\xc3\xa4"), "CONVERT(X'c3a4' USING utf8mb4)");
}
