#include "pipeline/known.h"

#include <stdlib.h>

enum err known_add(struct known *k, struct slice database, struct slice name, uint64_t rows,
                   bool denied)
{
    if (k->names == NULL && (k->names = arena_new(4096)) == NULL)
        return ERR_NO_MEMORY;
    if (k->count == k->cap) {
        size_t cap = k->cap == 0 ? 64 : k->cap * 2;
        struct known_table *tables = realloc(k->tables, cap * sizeof(*tables));
        if (tables == NULL)
            return ERR_NO_MEMORY;
        k->tables = tables;
        k->cap = cap;
    }
    k->tables[k->count++] = (struct known_table){.database = arena_copy(k->names, database),
                                                 .name = arena_copy(k->names, name),
                                                 .rows = rows,
                                                 .denied = denied};
    return k->names->failed ? ERR_NO_MEMORY : ERR_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct known_table *x = a, *y = b;
    int c = slice_cmp(x->database, y->database);
    return c != 0 ? c : slice_cmp(x->name, y->name);
}

void known_sort(struct known *k)
{
    if (k->count > 0)
        qsort(k->tables, k->count, sizeof(*k->tables), by_name);
}

const struct known_table *known_find(const struct known *k, struct slice database,
                                     struct slice name)
{
    const struct known_table key = {.database = database, .name = name};
    return k->count > 0 ? bsearch(&key, k->tables, k->count, sizeof(key), by_name) : NULL;
}

void known_fini(struct known *k)
{
    free(k->tables);
    if (k->names != NULL)
        arena_free(k->names);
    *k = (struct known){0};
}
