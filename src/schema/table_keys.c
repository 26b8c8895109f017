/*
 * Which columns are the primary key, which are a row's identity (its record
 * key), and which choose its partition.
 */
#include "schema/table_int.h"

static enum err copy_parts(struct resolver *b, const uint16_t *parts, uint32_t count,
                           uint32_t shift, uint16_t **out)
{
    uint16_t *p = arena_array(b->arena, count, sizeof(*p));
    if (p == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t column = parts[i] + shift;
        if (column >= b->table->column_count)
            return table_mismatch(b, "has a key over column %u, but only %u columns", column + 1,
                                  b->table->column_count);
        p[i] = (uint16_t)column;
    }
    *out = p;
    return ERR_OK;
}

/*
 * MySQL's metadata names a unique key without NULLs as the primary key where
 * the table has none. Whoever has the catalogue sees that it is not one.
 */
static bool is_promoted(const struct resolver *b)
{
    const struct table_map *map = b->map;
    if (b->def == NULL || (b->def->key_count > 0 && b->def->keys[0].primary))
        return false;
    for (uint32_t i = 0; i < b->def->key_count; i++) {
        const struct key_def *k = &b->def->keys[i];
        uint32_t same = 0;
        while (same < k->part_count && same < map->key_part_count &&
               k->parts[same] + b->before == map->key_parts[same].column)
            same++;
        if (same == k->part_count && same == map->key_part_count)
            return true;
    }
    return false;
}

/* The primary key; *prefix says whether some part is only a prefix. */
static enum err resolve_primary(struct resolver *b, bool *prefix)
{
    const struct table_map *map = b->map;
    struct table *t = b->table;
    const uint16_t first = 0;

    *prefix = false;
    if (map->has_primary_key) {
        if (is_promoted(b))
            return ERR_OK;
        uint16_t *parts = arena_array(b->arena, map->key_part_count, sizeof(*parts));
        if (parts == NULL)
            return ERR_NO_MEMORY;
        for (uint32_t i = 0; i < map->key_part_count; i++) {
            parts[i] = map->key_parts[i].column;
            *prefix |= map->key_parts[i].prefix > 0;
        }
        TRY(copy_parts(b, parts, map->key_part_count, 0, &t->pk));
        t->pk_count = map->key_part_count;
    } else if (b->before > 0) {
        TRY(copy_parts(b, &first, 1, 0, &t->pk));
        t->pk_count = 1;
    } else if (b->def != NULL && b->def->key_count > 0 && b->def->keys[0].primary) {
        const struct key_def *k = &b->def->keys[0];
        TRY(copy_parts(b, k->parts, k->part_count, 0, &t->pk));
        t->pk_count = k->part_count;
        *prefix = k->has_prefix;
    }
    return ERR_OK;
}

static bool key_is_not_null(const struct resolver *b, const struct key_def *k)
{
    for (uint32_t i = 0; i < k->part_count; i++) {
        uint32_t column = k->parts[i] + b->before;
        if (column >= b->table->column_count || b->table->columns[column].nullable)
            return false;
    }
    return true;
}

/* The first unique key that can be an identity, or with any, the first one at all. */
static const struct key_def *unique_key(const struct resolver *b, bool any)
{
    for (uint32_t i = 0; b->def != NULL && i < b->def->key_count; i++) {
        const struct key_def *k = &b->def->keys[i];
        if (!k->primary && k->part_count > 0 && (any || (!k->has_prefix && key_is_not_null(b, k))))
            return k;
    }
    return NULL;
}

static enum err copy_uniques(struct resolver *b)
{
    struct table *t = b->table;
    uint32_t count = b->def != NULL ? b->def->key_count : 0;
    if (count == 0)
        return ERR_OK;
    t->uniques = arena_array(b->arena, count, sizeof(*t->uniques));
    if (t->uniques == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        const struct key_def *k = &b->def->keys[i];
        if (k->primary || k->part_count == 0)
            continue;
        struct table_key *u = &t->uniques[t->unique_count];
        u->name = arena_copy(b->arena, k->name);
        u->count = k->part_count;
        TRY(copy_parts(b, k->parts, k->part_count, b->before, &u->columns));
        t->unique_count++;
    }
    return ERR_OK;
}

enum err table_keys(struct resolver *b)
{
    struct table *t = b->table;
    const struct key_def *k;
    bool prefix;

    TRY(resolve_primary(b, &prefix));
    t->identity_index = SLICE_LIT("");
    TRY(copy_uniques(b));
    if (t->pk_count > 0 && !prefix) {
        t->identity = t->pk;
        t->identity_count = t->pk_count;
        if (b->def != NULL) /* without it, what the map says may be a unique key */
            t->identity_index = SLICE_LIT("PRIMARY");
        if (b->def != NULL && b->def->key_count > 0 && b->def->keys[0].primary)
            t->identity_hashed = b->def->keys[0].hash;
    } else if ((k = unique_key(b, false)) != NULL) {
        TRY(copy_parts(b, k->parts, k->part_count, b->before, &t->identity));
        t->identity_count = k->part_count;
        t->identity_index = arena_copy(b->arena, k->name);
        t->identity_hashed = k->hash;
    }
    if (t->identity_count > 0) {
        t->partition = t->identity;
        t->partition_count = t->identity_count;
    } else if (t->pk_count > 0) {
        t->partition = t->pk;
        t->partition_count = t->pk_count;
    } else if ((k = unique_key(b, true)) != NULL) {
        TRY(copy_parts(b, k->parts, k->part_count, b->before, &t->partition));
        t->partition_count = k->part_count;
    }
    return ERR_OK;
}
