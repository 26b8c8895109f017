/*
 * Which databases statements on information_schema have to look into. MariaDB
 * opens every table of those that a statement does not leave out, and leaves
 * out only by TABLE_SCHEMA = '...': so few databases are asked about one by one.
 */
#include "source/catalog_int.h"

#include <stdlib.h>

#define ASKED_MAX     32 /* with more, one statement for the whole server is the cheaper one */
#define DATABASES_MAX 1000000u

static bool is_system(struct slice name)
{
    static const char *const names[] = {"mysql", "sys", "information_schema", "performance_schema"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_eq_nocase(name, slice_str(names[i])))
            return true;
    return false;
}

/* SCHEMA_NAME */
static enum err take_name(void *databases, const struct src_row *row)
{
    struct catalog_databases *d = databases;
    if (row->count != 1)
        return ERR_PROTOCOL;
    struct slice name = row->values[0].text;
    if (is_system(name) || (d->filter != NULL && !d->filter(d->arg, name, SLICE_LIT(""))))
        return ERR_OK;
    if (d->count == d->cap)
        TRY(catalog_grow(d->arena, (void **)&d->names, &d->cap, d->count, sizeof(*d->names),
                         DATABASES_MAX));
    d->names[d->count++] = arena_copy(d->arena, name);
    return d->arena->failed ? ERR_NO_MEMORY : ERR_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    return slice_cmp(*x, *y);
}

enum err catalog_databases_read(struct src_session *s, src_table_filter filter, void *arg,
                                struct catalog_databases *out, struct errmsg *em)
{
    *out = (struct catalog_databases){.filter = filter, .arg = arg};
    out->arena = arena_new(4096);
    if (out->arena == NULL)
        return ERR_NO_MEMORY;
    TRY(src_query(s, SLICE_LIT("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA"), take_name,
                  out, em));
    out->all = out->count > ASKED_MAX;
    if (out->count > 1)
        qsort(out->names, out->count, sizeof(*out->names), by_name);
    return ERR_OK;
}

void catalog_databases_fini(struct catalog_databases *d)
{
    arena_free(d->arena);
    d->arena = NULL;
}

uint32_t catalog_statements(const struct catalog_databases *d)
{
    return d->all ? 1 : d->count;
}

enum err catalog_ask(struct src_session *s, const struct catalog_databases *d, uint32_t i,
                     const char *select, const char *more, src_row_fn take, void *arg,
                     struct errmsg *em)
{
    struct writer sql;
    writer_init(&sql, 64 * 1024);
    writer_slice_put(&sql, slice_str(select));
    if (d->all) {
        writer_lit(&sql, " WHERE TABLE_SCHEMA NOT IN "
                         "('mysql','sys','information_schema','performance_schema')");
    } else {
        writer_lit(&sql, " WHERE TABLE_SCHEMA = ");
        src_quote(&sql, d->names[i]);
    }
    writer_slice_put(&sql, slice_str(more));
    enum err e = sql.err;
    if (e == ERR_OK)
        e = src_query(s, writer_slice(&sql), take, arg, em);
    writer_fini(&sql);
    return e;
}
