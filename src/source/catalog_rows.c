/* Rows of information_schema.COLUMNS and .STATISTICS into definitions. */
#include "source/catalog_int.h"

#define COLUMNS_PER_TABLE_MAX 4096
#define KEYS_PER_TABLE_MAX    256
#define PARTS_PER_KEY_MAX     64

static bool contains(struct slice s, const char *word)
{
    return memmem(s.ptr, s.len, word, strlen(word)) != NULL;
}

/* Makes room for one more in an array of the arena; what it was before stays as waste. */
enum err catalog_grow(struct arena *a, void **items, uint32_t *cap, uint32_t count, size_t size,
                      uint32_t max)
{
    if (count < *cap)
        return ERR_OK;
    if (count >= max)
        return ERR_TOO_LARGE;
    uint32_t more = *cap == 0 ? 8 : *cap * 2;
    void *p = arena_array(a, more, size);
    if (p == NULL)
        return ERR_NO_MEMORY;
    if (count > 0)
        memcpy(p, *items, count * size);
    *items = p;
    *cap = more;
    return ERR_OK;
}

/* ---- columns ---- */

static bool is_temporal(struct slice data_type)
{
    return slice_eq_nocase(data_type, SLICE_LIT("time")) ||
           slice_eq_nocase(data_type, SLICE_LIT("datetime")) ||
           slice_eq_nocase(data_type, SLICE_LIT("timestamp"));
}

/* A comment in the type marks temporal columns in the formats of old: no part of the type. */
static struct slice without_comment(struct slice type, struct slice data_type)
{
    const uint8_t *c = memmem(type.ptr, type.len, " /* ", 4);
    return c != NULL && is_temporal(data_type) ? slice_of(type.ptr, (size_t)(c - type.ptr)) : type;
}

static bool is_generated(struct slice extra)
{
    /* Not "DEFAULT_GENERATED": that is a default which is an expression. */
    return contains(extra, "VIRTUAL") || contains(extra, "STORED GENERATED") ||
           contains(extra, "PERSISTENT");
}

enum err catalog_add_column(struct arena *a, struct draft *d, const struct my_text_value *v)
{
    void *items = d->def.columns;
    TRY(catalog_grow(a, &items, &d->columns_cap, d->def.column_count, sizeof(struct column_def),
                     COLUMNS_PER_TABLE_MAX));
    d->def.columns = items;
    struct slice type = v[1].text;
    d->def.columns[d->def.column_count++] = (struct column_def){
        .name = arena_copy(a, v[0].text),
        .column_type = arena_copy(a, without_comment(type, v[2].text)),
        .data_type = arena_copy(a, v[2].text),
        .collation = arena_copy(a, v[3].text),
        .datetime_precision = (uint32_t)slice_number(v[4].text),
        .nullable = slice_eq_nocase(v[5].text, SLICE_LIT("YES")),
        .generated = is_generated(v[6].text),
        .invisible = contains(v[6].text, "INVISIBLE"),
        .hires_old_temporal = contains(type, "/* mariadb-5.3 */"),
    };
    return a->failed ? ERR_NO_MEMORY : ERR_OK;
}

/* ---- keys ---- */

static struct key_def *find_key(struct key_def *keys, uint32_t count, struct slice name)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_eq(keys[i].name, name))
            return &keys[i];
    return NULL;
}

static enum err key_of(struct arena *a, struct draft *d, const struct key_part *part,
                       struct key_def **out)
{
    struct key_def **keys = part->unique ? &d->def.keys : &d->def.indexes;
    uint32_t *count = part->unique ? &d->def.key_count : &d->def.index_count;
    uint32_t *cap = part->unique ? &d->keys_cap : &d->indexes_cap;
    *out = find_key(*keys, *count, part->key);
    if (*out != NULL)
        return ERR_OK;
    void *items = *keys;
    TRY(catalog_grow(a, &items, cap, *count, sizeof(struct key_def), KEYS_PER_TABLE_MAX));
    *keys = items;
    struct key_def *k = &(*keys)[(*count)++];
    *k = (struct key_def){
        .name = arena_copy(a, part->key),
        .primary = slice_eq(part->key, SLICE_LIT("PRIMARY")),
        .parts = arena_array(a, PARTS_PER_KEY_MAX, sizeof(uint16_t)),
        .prefixes = arena_array(a, PARTS_PER_KEY_MAX, sizeof(uint16_t)),
    };
    *out = k;
    return a->failed ? ERR_NO_MEMORY : ERR_OK;
}

static bool column_index(const struct table_def *def, struct slice name, uint16_t *out)
{
    for (uint32_t i = 0; i < def->column_count; i++) {
        if (slice_eq_nocase(def->columns[i].name, name)) {
            *out = (uint16_t)i;
            return true;
        }
    }
    return false;
}

enum err catalog_add_key_part(struct arena *a, struct draft *d, const struct key_part *part)
{
    struct key_def *k;
    uint16_t column;
    TRY(key_of(a, d, part, &k));
    k->hash = part->hash;
    /* A part that is an expression has no column: such a key identifies nothing that we see. */
    bool known = !part->expression && column_index(&d->def, part->column, &column);
    if (!known || part->prefix > 0)
        k->has_prefix = true;
    if (!known)
        return ERR_OK;
    if (k->part_count >= PARTS_PER_KEY_MAX)
        return ERR_TOO_LARGE;
    k->prefixes[k->part_count] = part->prefix;
    k->parts[k->part_count++] = column;
    return ERR_OK;
}

static enum err to_indexes(struct arena *a, struct draft *d, const struct key_def *k)
{
    void *items = d->def.indexes;
    TRY(catalog_grow(a, &items, &d->indexes_cap, d->def.index_count, sizeof(struct key_def),
                     2 * KEYS_PER_TABLE_MAX));
    d->def.indexes = items;
    d->def.indexes[d->def.index_count++] = *k;
    return ERR_OK;
}

enum err catalog_tidy_keys(struct arena *a, struct draft *d)
{
    struct table_def *def = &d->def;
    uint32_t n = 0;
    for (uint32_t i = 0; i < def->key_count; i++) {
        if (def->keys[i].part_count > 0)
            def->keys[n++] = def->keys[i];
        else
            TRY(to_indexes(a, d, &def->keys[i]));
    }
    def->key_count = n;
    for (uint32_t i = 1; i < n; i++) {
        if (def->keys[i].primary) {
            struct key_def primary = def->keys[i];
            memmove(&def->keys[1], &def->keys[0], i * sizeof(primary));
            def->keys[0] = primary;
        }
    }
    return ERR_OK;
}
