#include "pipeline/schema_phase.h"

#include "base/log.h"
#include "schema/sql_name.h"

#include <stdlib.h>
#include <string.h>

struct names {
    struct schema_text **items; /* without a text yet */
    size_t count;
    size_t cap;
};

static struct schema_text *new_text(struct slice database, struct slice table, struct slice sql)
{
    struct schema_text *x = malloc(sizeof(*x) + database.len + table.len + sql.len);
    if (x == NULL)
        return NULL;
    uint8_t *at = (uint8_t *)(x + 1);
    memcpy(at, database.ptr, database.len);
    memcpy(at + database.len, table.ptr, table.len);
    memcpy(at + database.len + table.len, sql.ptr, sql.len);
    *x = (struct schema_text){
        .database = slice_of(at, database.len),
        .table = slice_of(at + database.len, table.len),
        .sql = slice_of(at + database.len + table.len, sql.len),
    };
    return x;
}

static enum err take_name(void *arg, const struct tables_view *v)
{
    struct names *n = arg;
    if (v->touched) {
        if (!v->evolves)
            log_warn("schema.skipped",
                     "table=%.*s.%.*s reason=\"it was changed behind the place where the stream "
                     "begins, so that its CREATE TABLE of then is not known; its own statements "
                     "follow\"",
                     SLICE_ARG(v->database), SLICE_ARG(v->table));
        return ERR_OK;
    }
    if (n->count == n->cap) {
        size_t cap = n->cap == 0 ? 64 : n->cap * 2;
        struct schema_text **items = realloc(n->items, cap * sizeof(struct schema_text *));
        if (items == NULL)
            return ERR_NO_MEMORY;
        n->items = items;
        n->cap = cap;
    }
    n->items[n->count] = new_text(v->database, v->table, SLICE_LIT(""));
    return n->items[n->count] != NULL ? (n->count++, ERR_OK) : ERR_NO_MEMORY;
}

static int by_name(const void *a, const void *b)
{
    const struct schema_text *x = *(struct schema_text *const *)a;
    const struct schema_text *y = *(struct schema_text *const *)b;
    int c = slice_cmp(x->database, y->database);
    return c != 0 ? c : slice_cmp(x->table, y->table);
}

/* Table, Create Table */
static enum err take_text(void *arg, const struct src_row *row)
{
    struct schema_text **x = arg;
    if (row->count < 2)
        return ERR_PROTOCOL;
    struct schema_text *full = new_text((*x)->database, (*x)->table, row->values[1].text);
    if (full == NULL)
        return ERR_NO_MEMORY;
    free(*x);
    *x = full;
    return ERR_OK;
}

static enum err read_text(struct src_session *s, struct schema_text **x, struct writer *sql,
                          struct errmsg *em)
{
    writer_clear(sql);
    writer_lit(sql, "SHOW CREATE TABLE ");
    sql_put_table(sql, (*x)->database, (*x)->table);
    TRY(sql->err);
    enum err e = src_query(s, writer_slice(sql), take_text, x, em);
    if (e != ERR_SOURCE_SQL || !src_session_alive(s))
        return e;
    log_warn("schema.skipped", "table=%.*s.%.*s reason=\"the source does not show it: %.200s\"",
             SLICE_ARG((*x)->database), SLICE_ARG((*x)->table), em->text);
    em->text[0] = 0;
    return ERR_OK;
}

static enum err read_all(struct src_session *s, const struct names *n, struct errmsg *em)
{
    struct writer sql;
    writer_init(&sql, 4096);
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < n->count; i++)
        e = read_text(s, &n->items[i], &sql, em);
    writer_fini(&sql);
    return e;
}

static void sort_names(struct names *n)
{
    if (n->count > 1)
        qsort(n->items, n->count, sizeof(struct schema_text *), by_name);
}

/* The texts become a list; tables that were not shown fall out. */
static void link_all(struct names *n, struct schema_phase *p)
{
    struct schema_text **end = &p->first;
    for (size_t i = 0; i < n->count; i++) {
        if (n->items[i]->sql.len == 0) {
            free(n->items[i]);
            continue;
        }
        *end = n->items[i];
        end = &n->items[i]->next;
        p->count++;
    }
    n->count = 0;
}

enum err schema_phase_read(struct src_session *s, struct tables *t, struct schema_phase **out,
                           struct errmsg *em)
{
    struct names n = {0};
    struct schema_phase *p = schema_phase_new();
    enum err e = p != NULL ? tables_walk(t, take_name, &n) : ERR_NO_MEMORY;
    if (e == ERR_OK) {
        sort_names(&n);
        e = read_all(s, &n, em);
    }
    if (e == ERR_OK)
        link_all(&n, p);
    for (size_t i = 0; i < n.count; i++)
        free(n.items[i]);
    free(n.items);
    if (e != ERR_OK) {
        schema_phase_free(p);
        return e;
    }
    *out = p;
    return ERR_OK;
}

void schema_phase_free(struct schema_phase *p)
{
    if (p == NULL)
        return;
    while (p->first != NULL) {
        struct schema_text *x = p->first;
        p->first = x->next;
        free(x);
    }
    free(p);
}

struct schema_phase *schema_phase_new(void)
{
    return calloc(1, sizeof(struct schema_phase));
}

enum err schema_phase_add(struct schema_phase *p, struct slice database, struct slice table,
                          struct slice sql)
{
    struct schema_text *x = new_text(database, table, sql);
    if (x == NULL)
        return ERR_NO_MEMORY;
    x->next = p->first;
    p->first = x;
    p->count++;
    return ERR_OK;
}

enum err schema_phase_sort(struct schema_phase *p)
{
    struct names n = {.count = p->count};
    n.items = calloc(p->count + 1, sizeof(struct schema_text *));
    if (n.items == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < n.count; i++) {
        n.items[i] = p->first;
        p->first = p->first->next;
        n.items[i]->next = NULL;
    }
    sort_names(&n);
    p->count = 0;
    link_all(&n, p);
    free(n.items);
    return ERR_OK;
}
