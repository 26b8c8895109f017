#include "snapshot/copy_table.h"

#include "mysqlproto/copy_plan.h"
#include "source/copy.h"

#include <stdlib.h>

#define SQL_MAX           (4u << 20)
#define FOR_SHARE_VERSION 80022 /* from which on SELECT is all that it needs */

/* ---- texts ---- */

static void put_column(const struct copy_table *t, uint32_t i, struct writer *w)
{
    src_quote_name(w, t->table->columns[t->key[i]].name);
}

static void put_compare(const struct copy_table *t, uint32_t i, const char *op, struct writer *w)
{
    put_column(t, i, w);
    writer_slice_put(w, slice_str(op));
    src_param_text(w, &t->table->columns[t->key[i]]);
}

/* a > ? OR (a = ? AND (b > ? OR (b = ? AND c > ?))): the last column takes last, the others op. */
static void put_range(const struct copy_table *t, const char *op, const char *last,
                      struct writer *w)
{
    for (uint32_t i = 0; i + 1 < t->key_count; i++) {
        writer_u8(w, '(');
        put_compare(t, i, op, w);
        writer_lit(w, " OR (");
        put_compare(t, i, "=", w);
        writer_lit(w, " AND ");
    }
    put_compare(t, t->key_count - 1, last, w);
    for (uint32_t i = 0; i + 1 < t->key_count; i++)
        writer_lit(w, "))");
}

static void put_from(const struct copy_table *t, struct writer *w)
{
    writer_lit(w, " FROM ");
    writer_slice_put(w, slice_str(t->from));
    if (t->table->identity_index.len > 0 &&
        !atomic_load_explicit(&t->plain, memory_order_relaxed)) {
        writer_lit(w, " FORCE INDEX (");
        src_quote_name(w, t->table->identity_index);
        writer_u8(w, ')');
    }
}

static void put_where(const struct copy_table *t, bool after, bool upto, struct writer *w)
{
    if (after || upto)
        writer_lit(w, " WHERE ");
    if (after)
        put_range(t, ">", ">", w);
    if (after && upto)
        writer_lit(w, " AND ");
    if (upto)
        put_range(t, "<", "<=", w);
    writer_lit(w, " ORDER BY ");
    for (uint32_t i = 0; i < t->key_count; i++) {
        if (i > 0)
            writer_u8(w, ',');
        put_column(t, i, w);
    }
}

void copy_table_rows_sql(const struct copy_table *t, bool after, bool upto, struct writer *w)
{
    writer_lit(w, "SELECT ");
    writer_slice_put(w, slice_str(t->columns));
    put_from(t, w);
    put_where(t, after, upto, w);
    writer_lit(w, " LIMIT ?");
    writer_slice_put(w, slice_str(t->share));
}

void copy_table_bound_sql(const struct copy_table *t, bool after, struct writer *w)
{
    writer_lit(w, "SELECT ");
    writer_slice_put(w, slice_str(t->key_columns));
    put_from(t, w);
    put_where(t, after, false, w);
    writer_lit(w, " LIMIT 1 OFFSET ?");
}

void copy_table_all_sql(const struct copy_table *t, struct writer *w)
{
    writer_lit(w, "SELECT ");
    writer_slice_put(w, slice_str(t->columns));
    writer_lit(w, " FROM ");
    writer_slice_put(w, slice_str(t->from));
}

static uint32_t range_params(const struct copy_table *t, const struct copy_key *k,
                             struct src_param *params)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->key_count; i++) {
        struct src_param p = {.column = &t->table->columns[t->key[i]], .cell = &k->cells[i]};
        params[n++] = p;
        if (i + 1 < t->key_count)
            params[n++] = p;
    }
    return n;
}

uint32_t copy_table_params(const struct copy_table *t, const struct copy_key *after,
                           const struct copy_key *upto, struct src_param *params)
{
    uint32_t n = after != NULL ? range_params(t, after, params) : 0;
    return n + (upto != NULL ? range_params(t, upto, params + n) : 0);
}

/* ---- making one ---- */

static enum err keep(struct writer *w, char **out)
{
    writer_u8(w, '\0');
    if (w->err != ERR_OK)
        return w->err;
    *out = malloc(w->len);
    if (*out == NULL)
        return ERR_NO_MEMORY;
    memcpy(*out, w->base, w->len);
    writer_clear(w);
    return ERR_OK;
}

static enum err make_texts(struct copy_table *t, const struct src_server *sv, struct writer *w)
{
    copy_plan_select_list(t->table, NULL, 0, w);
    TRY(keep(w, &t->columns));
    if (t->key_count > 0)
        copy_plan_select_list(t->table, t->key, t->key_count, w);
    TRY(keep(w, &t->key_columns));
    src_quote_name(w, t->table->database);
    writer_u8(w, '.');
    src_quote_name(w, t->table->name);
    TRY(keep(w, &t->from));
    if (t->locking && sv->version >= FOR_SHARE_VERSION)
        writer_lit(w, " FOR SHARE");
    else if (t->locking)
        writer_lit(w, " LOCK IN SHARE MODE");
    return keep(w, &t->share);
}

static enum err make(struct copy_table *t, const struct src_server *sv, struct errmsg *em)
{
    struct table *table = t->table;
    t->locking = sv->flavour == SRC_MYSQL && !sv->gtids;
    t->snapshot = slice_eq_nocase(table->engine, SLICE_LIT("InnoDB"));
    if (table->identity_count <= COPY_KEY_COLUMNS_MAX && !table->identity_hashed) {
        t->key = table->identity;
        t->key_count = table->identity_count;
        t->orderable = t->key_count > 0 && copy_key_orderable(table, t->key, t->key_count);
    }
    struct writer w;
    writer_init(&w, SQL_MAX);
    enum err e = make_texts(t, sv, &w);
    writer_fini(&w);
    if (e != ERR_OK)
        return errmsg_set(em, e, "%s", err_text(e));
    TRY(copy_plan_new(table, NULL, 0, &t->plan, em));
    if (t->key_count > 0)
        TRY(copy_plan_new(table, t->key, t->key_count, &t->key_plan, em));
    return ERR_OK;
}

enum err copy_table_new(const struct src_server *sv, struct table *table, struct copy_table **out,
                        struct errmsg *em)
{
    struct copy_table *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
    atomic_init(&t->refs, 1);
    t->table = table;
    table_ref(table);
    enum err e = make(t, sv, em);
    if (e != ERR_OK) {
        errmsg_prefix(em, "table %.*s.%.*s", SLICE_ARG(table->database), SLICE_ARG(table->name));
        copy_table_unref(t);
        return e;
    }
    *out = t;
    return ERR_OK;
}

void copy_table_unref(struct copy_table *t)
{
    /* Release: our reads of the table come before its end; acquire: so do everybody else's. */
    if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1)
        return;
    copy_plan_free(t->plan);
    copy_plan_free(t->key_plan);
    table_unref(t->table);
    free(t->columns);
    free(t->key_columns);
    free(t->from);
    free(t->share);
    free(t);
}
