/*
 * Aims at the DDL reader and the catalogue: schema/sql_lex.h, ddl.h,
 * ddl_apply.h, catalog_model.h.
 *
 * The last byte chooses server, version and sql_mode; the rest is statements
 * separated by NUL, carried out one after the other on a catalogue that has a
 * few tables.
 *
 * Properties: the lexer takes at least one byte per token and ends; a table
 * that a statement touches is one that ddl_may_concern() tells; every
 * definition keeps its invariants (parts of keys are columns, the primary key
 * comes first and takes no NULL, names are not empty, a copy is the same);
 * written anew under the same names a statement is the same text, and under
 * others the same kind of statement on as many objects.
 */
#include "base/writer.h"
#include "schema/catalog_model.h"
#include "schema/ddl_rewrite.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void lex(struct slice sql, const struct sql_dialect *d)
{
    struct sql_lexer l;
    size_t tokens = 0;
    sql_lexer_init(&l, sql, d);
    for (;;) {
        struct sql_token t = sql_next(&l);
        if (t.kind == SQL_END || t.kind == SQL_BAD)
            break;
        must(++tokens <= sql.len);
        must(t.text.ptr >= sql.ptr && t.text.ptr + t.text.len <= sql.ptr + sql.len);
    }
}

static void check_key(const struct table_def *def, const struct key_def *k, bool first)
{
    must(k->name.len > 0 && (!k->primary || first));
    for (uint32_t i = 0; i < k->part_count; i++) {
        must(k->parts[i] < def->column_count);
        must(!k->primary || !def->columns[k->parts[i]].nullable);
    }
}

static enum err check_table(void *arg, const struct table_def *def)
{
    struct table_def *copy;
    (void)arg;
    for (uint32_t i = 0; i < def->column_count; i++)
        must(def->columns[i].name.len > 0 && def->columns[i].column_type.len > 0);
    for (uint32_t i = 0; i < def->key_count; i++)
        check_key(def, &def->keys[i], i == 0);
    for (uint32_t i = 0; i < def->index_count; i++)
        check_key(def, &def->indexes[i], false);
    must(table_def_copy(def, &copy) == ERR_OK);
    must(catalog_same(def, copy, NULL));
    free(copy);
    return ERR_OK;
}

static enum err same_table(void *arg, struct slice database, struct slice name,
                           struct slice *to_database, struct slice *to_name)
{
    *to_database = *(bool *)arg && name.len > 0 ? SLICE_LIT("x`y") : database;
    *to_name = *(bool *)arg && name.len % 2 != 0 ? SLICE_LIT("t t") : name;
    return ERR_OK;
}

/* Names of an even length are left out. */
static enum err same_column(void *arg, struct slice column, struct slice *to)
{
    *to = !*(bool *)arg ? column : column.len % 2 == 0 ? SLICE_LIT("") : SLICE_LIT("c c");
    return ERR_OK;
}

static bool is_column(void *arg, struct slice column)
{
    (void)arg;
    return column.len < 4;
}

/* Under the same names a statement is the same text; under others it is understood as it was. */
static void rewrite(const struct ddl_statement *st, const struct ddl_options *o, struct arena *a)
{
    for (int changes = 0; changes < 2; changes++) {
        bool flag = changes != 0;
        const struct ddl_mapping m = {.arg = &flag,
                                      .table = same_table,
                                      .column = same_column,
                                      .has_column = is_column,
                                      .database = flag ? SLICE_LIT("x`y") : o->default_database};
        struct ddl_rewritten done;
        struct ddl_statement again;
        struct writer w;
        writer_init(&w, 1u << 26);
        enum err e = ddl_rewrite(st, &m, a, &w, &done);
        must(e == ERR_OK || (e == ERR_UNSUPPORTED && w.len == 0));
        if (e == ERR_OK && !flag)
            must(slice_eq(writer_slice(&w), st->sql));
        if (e == ERR_OK && flag && !done.nothing &&
            ddl_parse(writer_slice(&w), o, a, &again) == ERR_OK)
            must(again.kind == st->kind && again.object_count == st->object_count);
        writer_fini(&w);
    }
}

static void run(struct catalog *c, struct slice sql, const struct ddl_options *o)
{
    const struct catalog_session session = {.server_collation = SLICE_LIT("latin1_swedish_ci"),
                                            .database_collation = SLICE_LIT("utf8mb4_bin")};
    struct ddl_statement st;
    struct catalog_effects fx;
    struct errmsg why;
    struct arena *a = arena_new(1024);
    must(a != NULL);
    enum err e = ddl_parse(sql, o, a, &st);
    must(e == ERR_OK ? st.parsed : !st.parsed);
    rewrite(&st, o, a);
    must(catalog_apply(c, &st, &session, &fx, &why) == ERR_OK);
    for (size_t i = 0; i < fx.count; i++) {
        const struct catalog_effect *x = &fx.items[i];
        must(ddl_may_concern(&st, x->database, x->name));
        must(x->old_name.len == 0 || ddl_may_concern(&st, x->old_database, x->old_name));
        if (x->def != NULL)
            (void)check_table(NULL, x->def);
    }
    must(catalog_each(c, check_table, NULL) == ERR_OK);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char first[] =
        "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20), b TEXT, UNIQUE (a), KEY (b(5)))";
    static const uint32_t versions[2][2] = {{50744, 90704}, {100244, 101119}};
    if (size < 1)
        return 0;
    uint8_t choice = data[--size];
    bool mariadb = choice & 1;
    const struct catalog_options options = {.mariadb = mariadb,
                                            .version = versions[mariadb][choice >> 1 & 1],
                                            .lower_case_table_names = choice >> 2 & 1};
    struct ddl_options o = {.dialect = {.version = options.version, .mariadb = mariadb},
                            .default_database = SLICE_LIT("d"),
                            .lower_case_table_names = options.lower_case_table_names};
    o.dialect.sql_mode = (choice & 8 ? SQL_MODE_ANSI_QUOTES : 0) |
                         (choice & 16 ? SQL_MODE_NO_BACKSLASH_ESCAPES : 0) |
                         (choice & 32 ? SQL_MODE_STRICT : 0) | (choice & 64 ? SQL_MODE_ORACLE : 0);
    struct catalog *c;
    must(catalog_new(&options, &c) == ERR_OK);
    run(c, slice_of(first, sizeof(first) - 1), &o);
    for (unsigned n = 0; size > 0 && n < 16; n++) {
        const uint8_t *end = memchr(data, 0, size);
        size_t len = end != NULL ? (size_t)(end - data) : size;
        lex(slice_of(data, len), &o.dialect);
        run(c, slice_of(data, len), &o);
        len += end != NULL;
        data += len;
        size -= len;
    }
    catalog_free(c);
    return 0;
}
