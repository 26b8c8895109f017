#include "snapshot/copy_table.h"

#include "mysqlproto/copy_plan.h"
#include "schema/sql_name.h"
#include "source/copy.h"

#include <stdlib.h>

#define SQL_MAX           (4u << 20)
#define FOR_SHARE_VERSION 80022 /* from which on SELECT is all that it needs */
#define CHOICES_MAX       256   /* values of an ENUM or SET that are listed */

/* ---- texts ---- */

static void put_column(const struct copy_table *t, uint32_t i, struct writer *w)
{
    sql_put_name(w, t->table->columns[t->key[i]].name);
}

/*
 * How many values an ENUM or SET has, 0 among them; 0: too many to list, or
 * another type. Neither server reads a range of an index for `k` > 3 on these
 * types (Field_enum::optimize_range() in MySQL's sql/field.h), both do for a
 * list of values.
 */
static uint32_t choices(const struct column *c)
{
    if (c->kind == COL_ENUM && c->member_count < CHOICES_MAX)
        return c->member_count + 1;
    if (c->kind == COL_SET && c->member_count <= 8)
        return 1u << c->member_count;
    return 0;
}

enum relation { EQUAL, ABOVE, BELOW, NOT_ABOVE };

static void put_compare(const struct copy_table *t, uint32_t i, enum relation r, struct writer *w)
{
    static const char *const signs[] = {"=", ">", "<", "<="};
    const struct column *c = &t->table->columns[t->key[i]];
    uint32_t n = r != EQUAL ? choices(c) : 0;
    put_column(t, i, w);
    if (n == 0) {
        writer_slice_put(w, slice_str(signs[r]));
        src_param_text(w, c);
        return;
    }
    writer_lit(w, " IN (?");
    for (uint32_t v = 1; v < n; v++)
        writer_lit(w, ",?");
    writer_u8(w, ')');
}

/* a > ? OR (a = ? AND (b > ? OR (b = ? AND c > ?))): the last column takes last, the others r. */
static void put_range(const struct copy_table *t, enum relation r, enum relation last,
                      struct writer *w)
{
    for (uint32_t i = 0; i + 1 < t->key_count; i++) {
        writer_u8(w, '(');
        put_compare(t, i, r, w);
        writer_lit(w, " OR (");
        put_compare(t, i, EQUAL, w);
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
    if (t->table->identity_index.len > 0) {
        writer_lit(w, " FORCE INDEX (");
        sql_put_name(w, t->table->identity_index);
        writer_u8(w, ')');
    }
}

static void put_condition(const struct copy_table *t, struct writer *w)
{
    writer_u8(w, '(');
    writer_slice_put(w, slice_str(t->condition));
    writer_u8(w, ')');
}

static void put_where(const struct copy_table *t, bool after, bool upto, bool filters,
                      struct writer *w)
{
    if (after || upto || filters)
        writer_lit(w, " WHERE ");
    if (after)
        put_range(t, ABOVE, ABOVE, w);
    if (after && upto)
        writer_lit(w, " AND ");
    if (upto)
        put_range(t, BELOW, NOT_ABOVE, w);
    if (filters && (after || upto))
        writer_lit(w, " AND ");
    if (filters)
        put_condition(t, w);
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
    put_where(t, after, upto, copy_table_filters(t), w);
    writer_lit(w, " LIMIT ?");
    writer_slice_put(w, slice_str(t->share));
}

void copy_table_bound_sql(const struct copy_table *t, bool after, struct writer *w)
{
    writer_lit(w, "SELECT ");
    writer_slice_put(w, slice_str(t->key_columns));
    put_from(t, w);
    put_where(t, after, false, false, w);
    writer_lit(w, " LIMIT 1 OFFSET ?");
}

void copy_table_all_sql(const struct copy_table *t, struct writer *w)
{
    writer_lit(w, "SELECT ");
    writer_slice_put(w, slice_str(t->columns));
    writer_lit(w, " FROM ");
    writer_slice_put(w, slice_str(t->from));
    if (copy_table_filters(t)) {
        writer_lit(w, " WHERE ");
        put_condition(t, w);
    }
}

/* ---- parameters ---- */

static uint32_t compare_params(const struct copy_table *t, uint32_t i, enum relation r,
                               const struct cell *cell, struct src_param *params)
{
    static const struct cell none = {.kind = CELL_NULL}; /* equal to nothing */
    const struct column *c = &t->table->columns[t->key[i]];
    uint32_t n = r != EQUAL ? choices(c) : 0;
    if (n == 0) {
        *params = (struct src_param){.column = c, .cell = cell};
        return 1;
    }
    for (uint32_t v = 0; v < n; v++) {
        bool in = r == ABOVE ? v > cell->u64 : r == BELOW ? v < cell->u64 : v <= cell->u64;
        params[v] = (struct src_param){.column = c, .cell = in ? &t->choices[v] : &none};
    }
    return n;
}

static uint32_t range_params(const struct copy_table *t, const struct copy_key *k, enum relation r,
                             enum relation last, struct src_param *params)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i + 1 < t->key_count; i++) {
        n += compare_params(t, i, r, &k->cells[i], params + n);
        n += compare_params(t, i, EQUAL, &k->cells[i], params + n);
    }
    return n + compare_params(t, t->key_count - 1, last, &k->cells[t->key_count - 1], params + n);
}

uint32_t copy_table_params(const struct copy_table *t, const struct copy_key *after,
                           const struct copy_key *upto, struct src_param *params)
{
    uint32_t n = after != NULL ? range_params(t, after, ABOVE, ABOVE, params) : 0;
    return n + (upto != NULL ? range_params(t, upto, BELOW, NOT_ABOVE, params + n) : 0);
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
    sql_put_table(w, t->table->database, t->table->name);
    TRY(keep(w, &t->from));
    if (t->locking && sv->version >= FOR_SHARE_VERSION)
        writer_lit(w, " FOR SHARE");
    else if (t->locking)
        writer_lit(w, " LOCK IN SHARE MODE");
    return keep(w, &t->share);
}

/* Room for the parameters, and the values that lists of them are made of. */
static enum err make_params(struct copy_table *t)
{
    uint32_t most = 0;
    t->param_max = 1; /* the limit */
    for (uint32_t i = 0; i < t->key_count; i++) {
        uint32_t n = choices(&t->table->columns[t->key[i]]);
        t->param_max += 2 * ((n > 0 ? n : 1) + 1);
        most = n > most ? n : most;
    }
    if (most == 0)
        return ERR_OK;
    t->choices = calloc(most, sizeof(*t->choices));
    if (t->choices == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t v = 0; v < most; v++)
        t->choices[v] = (struct cell){.kind = CELL_U64, .u64 = v};
    return ERR_OK;
}

/*
 * A SET of 64 members is compared with numbers as a signed one and indexed as
 * an unsigned one: the values with its last member are above and below all
 * others, and no range has them.
 */
static bool key_has_ranges(const struct table *table)
{
    for (uint32_t i = 0; i < table->identity_count; i++) {
        const struct column *c = &table->columns[table->identity[i]];
        if (c->kind == COL_SET && c->member_count == 64)
            return false;
    }
    return table->identity_count <= COPY_KEY_COLUMNS_MAX && !table->identity_hashed;
}

static enum err make(struct copy_table *t, const struct src_server *sv, struct slice condition,
                     struct errmsg *em)
{
    struct table *table = t->table;
    t->locking = sv->flavour == SRC_MYSQL && !sv->gtids;
    t->snapshot = slice_eq_nocase(table->engine, SLICE_LIT("InnoDB"));
    if (key_has_ranges(table)) {
        t->key = table->identity;
        t->key_count = table->identity_count;
        t->orderable = t->key_count > 0 && copy_key_orderable(table, t->key, t->key_count);
    }
    struct writer w;
    writer_init(&w, SQL_MAX);
    enum err e = make_texts(t, sv, &w);
    if (e == ERR_OK)
        e = make_params(t);
    writer_slice_put(&w, condition);
    if (e == ERR_OK && condition.len > 0)
        e = keep(&w, &t->condition);
    writer_fini(&w);
    if (e != ERR_OK)
        return errmsg_set(em, e, "%s", err_text(e));
    TRY(copy_plan_new(table, NULL, 0, &t->plan, em));
    if (t->key_count > 0)
        TRY(copy_plan_new(table, t->key, t->key_count, &t->key_plan, em));
    return ERR_OK;
}

enum err copy_table_new(const struct src_server *sv, struct table *table, struct slice condition,
                        struct copy_table **out, struct errmsg *em)
{
    struct copy_table *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
    atomic_init(&t->refs, 1);
    atomic_init(&t->whole, false);
    t->table = table;
    table_ref(table);
    enum err e = make(t, sv, condition, em);
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
    free(t->choices);
    free(t->columns);
    free(t->key_columns);
    free(t->from);
    free(t->share);
    free(t->condition);
    free(t);
}
