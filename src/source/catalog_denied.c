/* Tables that the account may see, and not read. */
#include "source/catalog.h"

struct denied {
    src_table_filter filter;
    src_table_fn each;
    void *arg;
};

static enum err on_row(void *arg, const struct src_row *row)
{
    const struct denied *d = arg;
    struct table_def def = {.database = row->values[0].text, .name = row->values[1].text};
    if (d->filter != NULL && !d->filter(d->arg, def.database, def.name))
        return ERR_OK;
    return d->each(d->arg, &def);
}

/* information_schema.columns.privileges holds what the account has, global grants included. */
enum err src_catalog_denied(struct src_session *s, const struct src_server *sv,
                            src_table_filter filter, src_table_fn each, void *arg,
                            struct errmsg *em)
{
    (void)sv;
    struct denied d = {filter, each, arg};
    return src_query(s,
                     SLICE_LIT("SELECT DISTINCT table_schema, table_name FROM "
                               "information_schema.columns WHERE privileges NOT LIKE '%select%' "
                               "AND table_schema NOT IN ('information_schema', "
                               "'performance_schema', 'mysql', 'sys')"),
                     on_row, &d, em);
}
