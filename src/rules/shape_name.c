/* The names that go out: of databases, tables and columns. See shape.h. */
#include "rules/shape_int.h"

#include "rules/glob.h"

#include <stdlib.h>
#include <string.h>

static bool any_matches(const char *const *patterns, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (glob_match(slice_str(patterns[i]), name, true))
            return true;
    return false;
}

static struct slice folded(struct arena *a, struct slice name, enum shape_names names)
{
    struct slice copy = arena_copy(a, name);
    uint8_t *p = (uint8_t *)(uintptr_t)copy.ptr; /* ours, and nobody else has it yet */
    for (size_t i = 0; i < copy.len && names != SHAPE_AS_SOURCE; i++) {
        bool letter =
            names == SHAPE_UPPER ? p[i] >= 'a' && p[i] <= 'z' : p[i] >= 'A' && p[i] <= 'Z';
        if (letter)
            p[i] ^= 0x20;
    }
    return copy;
}

/* What a pattern with one * makes of a name that it matches. */
static struct slice substitute(struct arena *a, const struct shape_pair *p, struct slice name)
{
    const char *star = strchr(p->from, '*'), *to = strchr(p->to, '*');
    if (star == NULL || to == NULL)
        return arena_copy(a, slice_str(p->to));
    size_t before = (size_t)(star - p->from), behind = strlen(star + 1);
    size_t middle = name.len - before - behind;
    size_t head = (size_t)(to - p->to), tail = strlen(to + 1);
    uint8_t *copy = arena_alloc(a, head + middle + tail + 1);
    if (copy == NULL)
        return SLICE_LIT("");
    memcpy(copy, p->to, head);
    memcpy(copy + head, name.ptr + before, middle);
    memcpy(copy + head + middle, to + 1, tail);
    return slice_of(copy, head + middle + tail);
}

static struct slice column_name(struct arena *a, const struct shape_rule *r, struct slice name)
{
    for (size_t i = 0; i < r->rename_count; i++)
        if (glob_match(slice_str(r->rename[i].from), name, true))
            return substitute(a, &r->rename[i], name);
    return folded(a, name, r->names);
}

struct slice shape_map_column(const struct shape_rule *r, struct slice column, struct arena *a)
{
    bool takes = (r->include_count == 0 || any_matches(r->include, r->include_count, column)) &&
                 !any_matches(r->exclude, r->exclude_count, column);
    return takes ? column_name(a, r, column) : SLICE_LIT("");
}

bool shape_renames(const struct shape_rule *r)
{
    return r->database_as != NULL || r->table_as != NULL || r->names != SHAPE_AS_SOURCE ||
           r->include_count + r->exclude_count + r->rename_count > 0;
}

static int by_name(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int c = memcmp(x->ptr, y->ptr, n);
    return c != 0 ? c : x->len < y->len ? -1 : x->len > y->len;
}

static enum err check_collisions(const struct shape *s, const struct shape_rule *r,
                                 const struct table *t, struct errmsg *em)
{
    struct slice *sorted = calloc(t->column_count + 1, sizeof(*sorted));
    if (sorted == NULL)
        return ERR_NO_MEMORY;
    memcpy(sorted, s->columns, t->column_count * sizeof(*sorted));
    qsort(sorted, t->column_count, sizeof(*sorted), by_name);
    enum err e = ERR_OK;
    for (uint32_t i = 1; i < t->column_count && e == ERR_OK; i++)
        if (sorted[i].len > 0 && slice_eq(sorted[i], sorted[i - 1]))
            e = errmsg_set(em, ERR_CONFIG,
                           "objects (line %u): two columns of table %.*s.%.*s would be sent as "
                           "%.*s: change columns.rename or destination.names",
                           r->line, SLICE_ARG(t->database), SLICE_ARG(t->name),
                           SLICE_ARG(sorted[i]));
    free(sorted);
    return e;
}

enum err shape_columns(struct shape *s, const struct shape_rule *r, const struct table *t,
                       uint32_t of_source, struct errmsg *em)
{
    uint32_t sent = 0;
    if (r->include_count + r->exclude_count + r->rename_count == 0 && r->names == SHAPE_AS_SOURCE)
        return ERR_OK;
    s->columns = arena_array(s->arena, t->column_count, sizeof(*s->columns));
    if (s->columns == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < t->column_count; i++) {
        struct slice name = t->columns[i].name;
        if (i >= of_source) { /* what was added is sent as it was named */
            s->columns[i] = arena_copy(s->arena, name);
            continue;
        }
        s->columns[i] = shape_map_column(r, name, s->arena);
        sent += s->columns[i].len > 0;
    }
    if (sent == 0 && t->column_count > 0)
        return errmsg_set(em, ERR_CONFIG,
                          "objects (line %u): no column of table %.*s.%.*s is left by columns",
                          r->line, SLICE_ARG(t->database), SLICE_ARG(t->name));
    return check_collisions(s, r, t, em);
}

enum err shape_name_as(const struct shape_rule *r, const struct objects *o, size_t index,
                       struct slice database, struct slice table, bool of_database, struct arena *a,
                       struct slice *out, struct errmsg *em)
{
    char text[OBJECTS_NAME_MAX + 1];
    const char *template = of_database ? r->database_as : r->table_as;
    if (template == NULL) {
        *out = folded(a, of_database ? database : table, r->names);
        return ERR_OK;
    }
    TRY(objects_expand(o, index, template, database, table, text, em));
    *out = arena_copy(a, slice_str(text));
    return ERR_OK;
}

enum err shape_map_table(const struct shape_rule *r, const struct objects *o, size_t index,
                         struct slice database, struct slice table, struct arena *a,
                         struct slice *to_database, struct slice *to_table, struct errmsg *em)
{
    TRY(shape_name_as(r, o, index, database, table, true, a, to_database, em));
    TRY(shape_name_as(r, o, index, database, table, false, a, to_table, em));
    return a->failed ? ERR_NO_MEMORY : ERR_OK;
}

struct slice shape_map_database(const struct shape_rule *r, struct slice database, struct arena *a)
{
    if (r->database_as == NULL)
        return folded(a, database, r->names);
    if (strchr(r->database_as, '{') != NULL)
        return arena_copy(a, database);
    return arena_copy(a, slice_str(r->database_as));
}
