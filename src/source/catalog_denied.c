/* Tables that the account may see, and not read. */
#include "base/reader.h"
#include "schema/sql_name.h"
#include "source/catalog_int.h"

#define NAMES_MAX (64u << 20)

struct denied {
    src_table_filter filter;
    src_table_fn each;
    void *arg;
    struct writer partly; /* DATABASE, NUL, TABLE, NUL of tables with grants on columns */
};

static bool is_wanted(const struct denied *d, const struct src_row *row, struct table_def *def)
{
    *def = (struct table_def){.database = row->values[0].text, .name = row->values[1].text};
    return d->filter == NULL || d->filter(d->arg, def->database, def->name);
}

static enum err on_denied(void *arg, const struct src_row *row)
{
    const struct denied *d = arg;
    struct table_def def;
    return is_wanted(d, row, &def) ? d->each(d->arg, &def) : ERR_OK;
}

static enum err on_partly(void *arg, const struct src_row *row)
{
    struct denied *d = arg;
    struct table_def def;
    if (is_wanted(d, row, &def)) {
        writer_cstr(&d->partly, def.database);
        writer_cstr(&d->partly, def.name);
    }
    return d->partly.err;
}

/* Where some columns are granted by themselves, only the server can tell whether all are. */
static enum err try_table(struct src_session *s, const struct denied *d, struct slice database,
                          struct slice name, struct errmsg *em)
{
    struct writer sql;
    writer_init(&sql, 4096);
    writer_slice_put(&sql, SLICE_LIT("SELECT * FROM "));
    sql_put_table(&sql, database, name);
    writer_slice_put(&sql, SLICE_LIT(" LIMIT 0"));
    enum err e = sql.err;
    if (e == ERR_OK)
        e = src_query(s, writer_slice(&sql), NULL, NULL, em);
    writer_fini(&sql);
    if (e != ERR_ACCESS_DENIED && e != ERR_SOURCE_SQL)
        return e;
    return d->each(d->arg, &(struct table_def){.database = database, .name = name});
}

static enum err try_partly(struct src_session *s, const struct denied *d, struct errmsg *em)
{
    struct reader r = reader_of(writer_slice(&d->partly));
    while (reader_left(&r) > 0) {
        struct slice database = reader_cstr(&r), name = reader_cstr(&r);
        TRY(try_table(s, d, database, name, em));
    }
    return ERR_OK;
}

#define PARTIAL_REVOKES_VERSION 80016

/*
 * SELECT on *.*, which nothing takes back. An account whose name cannot be told
 * from CURRENT_USER() is one without; that costs time alone.
 */
static enum err may_read_all(struct src_session *s, const struct src_server *sv, bool *all,
                             struct errmsg *em)
{
    char text[16];
    TRY(src_query_text(s,
                       "SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = "
                       "'SELECT' AND GRANTEE = CONCAT("
                       "'''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', "
                       "SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')",
                       text, sizeof(text), all, em));
    if (!*all || sv->flavour != SRC_MYSQL || sv->version < PARTIAL_REVOKES_VERSION)
        return ERR_OK;
    TRY(src_query_text(s, "SELECT @@global.partial_revokes", text, sizeof(text), NULL, em));
    *all = text[0] == '0';
    return ERR_OK;
}

/* COLUMNS.PRIVILEGES holds what the account has, global grants included. */
static enum err find_denied(struct src_session *s, struct denied *d, struct errmsg *em)
{
    struct catalog_databases in;
    enum err e = catalog_databases_read(s, d->filter, d->arg, &in, em);
    for (uint32_t i = 0; e == ERR_OK && i < catalog_statements(&in); i++)
        e = catalog_ask(s, &in, i,
                        "SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME FROM information_schema.COLUMNS",
                        " AND PRIVILEGES NOT LIKE '%select%'", on_denied, d, em);
    catalog_databases_fini(&in);
    return e;
}

enum err src_catalog_denied(struct src_session *s, const struct src_server *sv,
                            src_table_filter filter, src_table_fn each, void *arg,
                            struct errmsg *em)
{
    struct denied d = {.filter = filter, .each = each, .arg = arg};
    bool all = false;
    TRY(may_read_all(s, sv, &all, em));
    if (all)
        return ERR_OK;
    writer_init(&d.partly, NAMES_MAX);
    enum err e = find_denied(s, &d, em);
    if (e == ERR_OK)
        e = src_query(s,
                      SLICE_LIT("SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME FROM "
                                "information_schema.COLUMN_PRIVILEGES WHERE PRIVILEGE_TYPE = "
                                "'SELECT'"),
                      on_partly, &d, em);
    if (e == ERR_OK)
        e = try_partly(s, &d, em);
    writer_fini(&d.partly);
    return e;
}
