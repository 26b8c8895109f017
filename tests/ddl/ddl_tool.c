/*
 * The catalogue of schema/catalog_model.h as a filter, for tests/ddl/run.
 *
 *     ddl_tool mysql|mariadb VERSION LOWER_CASE_TABLE_NAMES
 *
 * Standard input, one line each, fields separated by tabs; in fields \t, \n, \\
 * and \0 stand for a tab, a line feed, a backslash and a NUL:
 *     V name value          server_collation, utf8mb4_collation, engine, sql_mode (a number),
 *                           implicit_timestamp, failed (0 or 1)
 *     B name collation      a database that is there
 *     S database statement  carried out with that default database
 *     D                     the whole catalogue
 *
 * After S: "P" and the kind of statement, its class and error; "E" and kind, names of each
 * effect (of a rename the old ones, too); "W" and the reason when a table is in doubt. After D:
 * lines T, C and K, see below. Either ends with a line ".".
 */
#include "schema/catalog_model.h"

#include <stdio.h>
#include <stdlib.h>

struct tool {
    struct catalog *catalog;
    struct catalog_options options;
    struct catalog_session session;
    uint64_t sql_mode;
    char *kept[8];
    size_t kept_count;
};

static void fail(const char *what)
{
    fprintf(stderr, "ddl_tool: %s\n", what);
    exit(2);
}

static void check(enum err e, const char *what)
{
    if (e != ERR_OK) {
        fprintf(stderr, "ddl_tool: %s: %s\n", what, err_text(e));
        exit(2);
    }
}

/* Resolves the escapes of a field in place; the fields of a line end with a NUL each. */
static struct slice field(char **rest)
{
    char *start = *rest, *out = start;
    if (start == NULL)
        fail("a field is missing");
    char *p = start;
    for (; *p != 0 && *p != '\t'; p++) {
        char c = *p;
        if (c == '\\' && p[1] != 0) {
            c = *++p;
            c = c == 't' ? '\t' : c == 'n' ? '\n' : c == '0' ? '\0' : c;
        }
        *out++ = c;
    }
    *rest = *p == '\t' ? p + 1 : NULL;
    *p = 0;
    return slice_of(start, (size_t)(out - start));
}

static void put_field(struct slice s)
{
    putchar('\t');
    for (size_t i = 0; i < s.len; i++) {
        char c = (char)s.ptr[i];
        if (c == '\t' || c == '\n' || c == '\\' || c == 0) {
            putchar('\\');
            c = (char)(c == '\t' ? 't' : c == '\n' ? 'n' : c == 0 ? '0' : c);
        }
        putchar(c);
    }
}

static struct slice keep(struct tool *t, struct slice s)
{
    if (t->kept_count == sizeof(t->kept) / sizeof(t->kept[0]))
        t->kept_count = 0; /* older values of the session are not used any more */
    char *copy = malloc(s.len + 1);
    if (copy == NULL)
        fail("out of memory");
    memcpy(copy, s.ptr, s.len);
    free(t->kept[t->kept_count]);
    t->kept[t->kept_count++] = copy;
    return slice_of(copy, s.len);
}

static void set_value(struct tool *t, char *rest)
{
    struct slice name = field(&rest), value = field(&rest);
    char number[32] = {0};
    memcpy(number, value.ptr, value.len < 31 ? value.len : 31);
    if (slice_eq(name, SLICE_LIT("sql_mode")))
        t->sql_mode = strtoull(number, NULL, 10);
    else if (slice_eq(name, SLICE_LIT("implicit_timestamp")))
        t->session.implicit_timestamp = number[0] == '1';
    else if (slice_eq(name, SLICE_LIT("failed")))
        t->session.failed = number[0] == '1';
    else if (slice_eq(name, SLICE_LIT("server_collation")))
        t->session.server_collation = keep(t, value);
    else if (slice_eq(name, SLICE_LIT("utf8mb4_collation")))
        t->session.utf8mb4_collation = keep(t, value);
    else if (slice_eq(name, SLICE_LIT("engine")))
        t->session.engine = keep(t, value);
    else
        fail("no such value");
}

static void print_effects(const struct catalog_effects *fx)
{
    static const char *const kinds[] = {"created", "changed", "renamed", "dropped",
                                        "emptied", "filled",  "doubt"};
    for (size_t i = 0; i < fx->count; i++) {
        const struct catalog_effect *e = &fx->items[i];
        printf("E\t%s", kinds[e->kind]);
        put_field(e->database);
        put_field(e->name);
        if (e->kind == CATALOG_RENAMED) {
            put_field(e->old_database);
            put_field(e->old_name);
        }
        putchar('\n');
    }
}

static void statement(struct tool *t, char *rest)
{
    struct slice database = field(&rest), sql = field(&rest);
    struct ddl_options o = {.dialect = {.sql_mode = t->sql_mode,
                                        .version = t->options.version,
                                        .mariadb = t->options.mariadb},
                            .default_database = database,
                            .lower_case_table_names = t->options.lower_case_table_names};
    struct ddl_statement st;
    struct catalog_effects fx;
    struct errmsg why;
    struct arena *a = arena_new(4096);
    if (a == NULL)
        fail("out of memory");
    enum err e = ddl_parse(sql, &o, a, &st);
    printf("P\t%s\t%d\t%s\n", ddl_kind_name(st.kind), (int)st.class, err_name(e));
    check(catalog_apply(t->catalog, &st, &t->session, &fx, &why), "catalog_apply");
    print_effects(&fx);
    if (why.text[0] != 0) {
        putchar('W');
        put_field(slice_str(why.text));
        putchar('\n');
    }
    arena_free(a);
}

static void print_key(const struct table_def *d, const struct key_def *k, char unique, uint32_t at)
{
    putchar('K');
    put_field(d->database);
    put_field(d->name);
    put_field(k->name);
    printf("\t%c\t%u\t%d%d%d\t", unique, at, k->primary, k->has_prefix, k->hash);
    for (uint32_t i = 0; i < k->part_count; i++)
        printf("%s%u:%u", i > 0 ? "," : "", k->parts[i],
               k->prefixes != NULL ? k->prefixes[i] : 99999u);
    putchar('\n');
}

/* T table engine collation flags; C column; K key u|n order flags parts */
static enum err print_table(void *arg, const struct table_def *d)
{
    (void)arg;
    putchar('T');
    put_field(d->database);
    put_field(d->name);
    put_field(d->engine);
    put_field(d->collation);
    printf("\t%d%d\n", d->system_versioned, d->sequence);
    for (uint32_t i = 0; i < d->column_count; i++) {
        const struct column_def *c = &d->columns[i];
        putchar('C');
        put_field(d->database);
        put_field(d->name);
        printf("\t%u", i);
        put_field(c->name);
        put_field(c->column_type);
        put_field(c->data_type);
        put_field(c->collation);
        printf("\t%u\t%d%d%d\n", c->datetime_precision, c->nullable, c->generated, c->invisible);
    }
    for (uint32_t i = 0; i < d->key_count; i++)
        print_key(d, &d->keys[i], 'u', i);
    for (uint32_t i = 0; i < d->index_count; i++)
        print_key(d, &d->indexes[i], 'n', 0);
    return ERR_OK;
}

static void command(struct tool *t, char *line)
{
    char *rest = line[0] != 0 && line[1] == '\t' ? line + 2 : NULL;
    switch (line[0]) {
    case 'V':
        set_value(t, rest);
        return;
    case 'B': {
        struct slice name = field(&rest), collation = field(&rest);
        check(catalog_put_database(t->catalog, name, collation), "catalog_put_database");
        return;
    }
    case 'S':
        statement(t, rest);
        break;
    case 'D':
        check(catalog_each(t->catalog, print_table, NULL), "catalog_each");
        break;
    default:
        fail("no such command");
    }
    puts(".");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct tool t = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    if (argc != 4)
        fail("usage: ddl_tool mysql|mariadb VERSION LOWER_CASE_TABLE_NAMES");
    t.options =
        (struct catalog_options){.mariadb = strcmp(argv[1], "mariadb") == 0,
                                 .version = (uint32_t)strtoul(argv[2], NULL, 10),
                                 .lower_case_table_names = (uint8_t)strtoul(argv[3], NULL, 10)};
    check(catalog_new(&t.options, &t.catalog), "catalog_new");
    while ((n = getline(&line, &cap, stdin)) > 0) {
        if (line[n - 1] == '\n')
            line[n - 1] = 0;
        command(&t, line);
    }
    free(line);
    for (size_t i = 0; i < sizeof(t.kept) / sizeof(t.kept[0]); i++)
        free(t.kept[i]);
    catalog_free(t.catalog);
    return 0;
}
