/*
 * Two definitions side by side.
 */
#include "schema/catalog_model.h"
#include "schema/ddl_apply.h"
#include "schema/type_text.h"

#include <stdarg.h>
#include <stdio.h>

static bool differ(struct errmsg *why, const char *fmt, ...) PRINTF(2, 3);

/* Says what differs and is false, for a return. */
static bool differ(struct errmsg *why, const char *fmt, ...)
{
    va_list ap;
    if (why == NULL)
        return false;
    va_start(ap, fmt);
    (void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
    va_end(ap);
    return false;
}

/*
 * Whether two texts are the same, or could be: servers whose information_schema
 * is utf8mb3 show '?' for a character that takes four bytes.
 */
static bool same_shown(struct slice a, struct slice b)
{
    size_t i = 0, j = 0;
    while (i < a.len && j < b.len) {
        bool a_hidden = a.ptr[i] == '?' && b.ptr[j] >= 0xF0;
        bool b_hidden = b.ptr[j] == '?' && a.ptr[i] >= 0xF0;
        if (a.ptr[i] != b.ptr[j] && !a_hidden && !b_hidden)
            return false;
        i += b_hidden ? 4 : 1;
        j += a_hidden ? 4 : 1;
    }
    return i == a.len && j == b.len;
}

static bool same_text(struct slice a, struct slice b, const char *what, uint32_t column,
                      struct slice name, struct errmsg *why)
{
    if (same_shown(a, b))
        return true;
    return differ(why, "column %u `%.*s`: %s \"%.*s\" here, \"%.*s\" there", column + 1,
                  SLICE_ARG(name), what, SLICE_ARG(a), SLICE_ARG(b));
}

static bool same_flag(bool a, bool b, const char *what, uint32_t column, struct slice name,
                      struct errmsg *why)
{
    if (a == b)
        return true;
    return differ(why, "column %u `%.*s`: %s%s here, %s%s there", column + 1, SLICE_ARG(name),
                  a ? "" : "not ", what, b ? "" : "not ", what);
}

static bool same_column(const struct column_def *a, const struct column_def *b, uint32_t i,
                        struct errmsg *why)
{
    return same_text(a->name, b->name, "name", i, a->name, why) &&
           same_text(a->column_type, b->column_type, "type", i, a->name, why) &&
           same_text(a->data_type, b->data_type, "bare type", i, a->name, why) &&
           same_text(a->collation, b->collation, "collation", i, a->name, why) &&
           same_flag(a->datetime_precision == b->datetime_precision, true, "the same precision", i,
                     a->name, why) &&
           same_flag(a->nullable, b->nullable, "nullable", i, a->name, why) &&
           same_flag(a->generated, b->generated, "generated", i, a->name, why) &&
           same_flag(a->invisible, b->invisible, "invisible", i, a->name, why) &&
           same_flag(a->hires_old_temporal, b->hires_old_temporal, "of the old format", i, a->name,
                     why);
}

static bool same_key(const struct key_def *a, const struct key_def *b, struct errmsg *why)
{
    bool same = a->primary == b->primary && a->has_prefix == b->has_prefix && a->hash == b->hash &&
                a->part_count == b->part_count && sql_name_eq(a->name, b->name);
    for (uint32_t i = 0; same && i < a->part_count; i++)
        same = a->parts[i] == b->parts[i] &&
               (a->prefixes == NULL || b->prefixes == NULL || a->prefixes[i] == b->prefixes[i]);
    return same ||
           differ(why, "key `%.*s` differs from `%.*s`", SLICE_ARG(a->name), SLICE_ARG(b->name));
}

static const struct key_def *key_named(const struct key_def *keys, uint32_t count,
                                       struct slice name)
{
    for (uint32_t i = 0; i < count; i++)
        if (sql_name_eq(keys[i].name, name))
            return &keys[i];
    return NULL;
}

static bool same_keys(const struct key_def *a, uint32_t a_count, const struct key_def *b,
                      uint32_t b_count, bool in_order, struct errmsg *why)
{
    if (a_count != b_count)
        return differ(why, "%u keys here, %u there", a_count, b_count);
    for (uint32_t i = 0; i < a_count; i++) {
        const struct key_def *other = in_order ? &b[i] : key_named(b, b_count, a[i].name);
        if (other == NULL)
            return differ(why, "key `%.*s` is not there", SLICE_ARG(a[i].name));
        if (!same_key(&a[i], other, why))
            return false;
    }
    return true;
}

static bool same_table(const struct table_def *here, const struct table_def *there, bool in_order,
                       struct errmsg *why)
{
    bool both_know = here->collation.len > 0 && there->collation.len > 0;
    if (!slice_eq_nocase(here->engine, there->engine))
        return differ(why, "engine %.*s here, %.*s there", SLICE_ARG(here->engine),
                      SLICE_ARG(there->engine));
    if (both_know && !slice_eq(here->collation, there->collation))
        return differ(why, "collation %.*s here, %.*s there", SLICE_ARG(here->collation),
                      SLICE_ARG(there->collation));
    if (here->system_versioned != there->system_versioned || here->sequence != there->sequence)
        return differ(why, "one side is system-versioned, or a sequence");
    for (uint32_t i = 0; i < here->column_count && i < there->column_count; i++)
        if (!same_column(&here->columns[i], &there->columns[i], i, why))
            return false;
    if (here->column_count != there->column_count)
        return differ(why, "%u columns here, %u there", here->column_count, there->column_count);
    if (!same_keys(here->keys, here->key_count, there->keys, there->key_count, in_order, why))
        return false;
    return !both_know || same_keys(here->indexes, here->index_count, there->indexes,
                                   there->index_count, false, why);
}

bool catalog_same(const struct table_def *here, const struct table_def *there, struct errmsg *why)
{
    bool primary = here->key_count > 0 && here->keys[0].primary;
    return same_table(here, there, !primary, why);
}

/* Display widths and ZEROFILL are all that may differ: no value is read in another way. */
static bool same_values(struct slice a, struct slice b)
{
    struct type_text x, y;
    if (!type_text_parse(a, &x) || !type_text_parse(b, &y))
        return same_shown(a, b);
    bool number = x.kind <= COL_DOUBLE || x.kind == COL_YEAR;
    return x.kind == y.kind && x.is_unsigned == y.is_unsigned && x.length_bytes == y.length_bytes &&
           x.scale == y.scale && (number || x.length == y.length) &&
           x.member_count == y.member_count && same_shown(x.members, y.members);
}

static bool same_reading(const struct column_def *a, const struct column_def *b, uint32_t i,
                         struct errmsg *why)
{
    const struct charset *x = charset_of_collation_name(a->collation);
    const struct charset *y = charset_of_collation_name(b->collation);
    if (!same_text(a->name, b->name, "name", i, a->name, why))
        return false;
    if (!same_values(a->column_type, b->column_type))
        return same_text(a->column_type, b->column_type, "type", i, a->name, why);
    return x == y || same_text(a->collation, b->collation, "collation", i, a->name, why);
}

bool catalog_same_rows(const struct table_def *here, const struct table_def *there,
                       struct errmsg *why)
{
    for (uint32_t i = 0; i < here->column_count && i < there->column_count; i++)
        if (!same_reading(&here->columns[i], &there->columns[i], i, why))
            return false;
    return here->column_count == there->column_count ||
           differ(why, "%u columns here, %u there", here->column_count, there->column_count);
}

bool ddl_same_but_order(const struct table_def *a, const struct table_def *b)
{
    return same_table(a, b, false, NULL);
}
