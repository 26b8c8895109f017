#include "schema/sql_name.h"

#include <criterion/criterion.h>

static void expect(struct slice name, const char *expected)
{
    struct writer w;
    writer_init(&w, 1000);
    sql_put_name(&w, name);
    cr_assert(slice_eq(writer_slice(&w), slice_str(expected)), "%.*s is not %s",
              SLICE_ARG(writer_slice(&w)), expected);
    writer_fini(&w);
}

Test(sql_name, names_double_their_backquotes)
{
    expect(SLICE_LIT("plain"), "`plain`");
    expect(SLICE_LIT("a`b"), "`a``b`");
    expect(SLICE_LIT(""), "``");
}

Test(sql_name, a_table_is_named_with_its_database)
{
    struct writer w;
    writer_init(&w, 1000);
    sql_put_table(&w, SLICE_LIT("a.b"), SLICE_LIT("`"));
    cr_assert(slice_eq(writer_slice(&w), SLICE_LIT("`a.b`.````")), "%.*s",
              SLICE_ARG(writer_slice(&w)));
    writer_fini(&w);
}
