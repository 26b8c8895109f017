#include "pipeline/survey.h"

#include "base/arena.h"
#include "rules/glob.h"
#include "schema/table_without_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The words of columns.include, exclude and rename of one entry. */
struct words {
    size_t count;
    bool *met; /* some column of a table matched it */
};

enum { INCLUDE, EXCLUDE, RENAME, LISTS };

struct entry {
    size_t tables;  /* that it decides for */
    size_t columns; /* of those, tables whose columns are known */
    struct words words[LISTS];
};

/* Where the rows of a table go. */
struct place {
    struct slice text;  /* topic, database and table as sent */
    struct slice table; /* "shop.orders" */
    size_t object;
};

struct survey {
    struct survey_options o;
    struct entry *entries;
    struct place *places;
    size_t place_count;
    size_t place_cap;
    struct survey_finding *findings[SURVEY_KINDS]; /* SURVEY_KEPT of each */
    size_t found[SURVEY_KINDS];                    /* kept or not */
    size_t errors;
    size_t at; /* entry that is looked at */
    struct arena *arena;
    enum err err; /* ERR_NO_MEMORY */
};

static const struct conf_object *object(const struct survey *s, size_t i)
{
    return &s->o.task->objects[i];
}

static size_t list_count(const struct conf_object *o, int list)
{
    return list == INCLUDE   ? o->columns_include.count
           : list == EXCLUDE ? o->columns_exclude.count
                             : o->columns_rename.count;
}

static const char *list_word(const struct conf_object *o, int list, size_t i)
{
    return list == INCLUDE   ? o->columns_include.items[i]
           : list == EXCLUDE ? o->columns_exclude.items[i]
                             : o->columns_rename.items[i].name;
}

enum err survey_new(const struct survey_options *o, struct survey **out)
{
    struct arena *arena = arena_new(4096);
    struct survey *s = arena != NULL ? arena_alloc(arena, sizeof(*s)) : NULL;
    if (s == NULL) {
        if (arena != NULL)
            arena_free(arena);
        return ERR_NO_MEMORY;
    }
    *s = (struct survey){.o = *o, .arena = arena};
    s->entries = arena_array(arena, o->task->object_count + 1, sizeof(*s->entries));
    for (size_t i = 0; s->entries != NULL && i < o->task->object_count; i++) {
        for (int k = 0; k < LISTS; k++) {
            size_t n = list_count(object(s, i), k);
            s->entries[i].words[k] = (struct words){n, n > 0 ? arena_alloc(arena, n) : NULL};
        }
    }
    for (int k = 0; k < SURVEY_KINDS; k++)
        s->findings[k] = arena_array(arena, SURVEY_KEPT, sizeof(*s->findings[k]));
    if (arena->failed) {
        arena_free(arena);
        return ERR_NO_MEMORY;
    }
    *out = s;
    return ERR_OK;
}

void survey_free(struct survey *s)
{
    if (s == NULL)
        return;
    free(s->places);
    arena_free(s->arena);
}

/* --- findings ---------------------------------------------------------------- */

static void add(struct survey *s, enum survey_kind kind, bool is_error, size_t at, const char *text)
{
    size_t n = s->found[kind]++;
    s->errors += is_error;
    if (n >= SURVEY_KEPT)
        return;
    struct slice copy = arena_copy(s->arena, slice_of(text, strlen(text) + 1));
    if (copy.ptr == NULL || s->arena->failed) {
        s->err = ERR_NO_MEMORY;
        s->found[kind]--;
        return;
    }
    s->findings[kind][n] =
        (struct survey_finding){kind, is_error, at, object(s, at)->line, (const char *)copy.ptr};
}

static void on_rules_error(void *arg, const char *sentence)
{
    struct survey *s = arg;
    add(s, SURVEY_RULES, true, s->at, sentence);
}

/* The last one that is kept tells of those that are not. */
static void close_kind(struct survey *s, enum survey_kind kind)
{
    if (s->found[kind] <= SURVEY_KEPT)
        return;
    struct survey_finding *last = &s->findings[kind][SURVEY_KEPT - 1];
    size_t len = strlen(last->text) + 40;
    char *text = arena_alloc(s->arena, len);
    if (text == NULL) {
        s->err = ERR_NO_MEMORY;
        return;
    }
    snprintf(text, len, "%s (and %zu more)", last->text, s->found[kind] - SURVEY_KEPT);
    last->text = text;
}

/* --- one table ---------------------------------------------------------------- */

static void meet_words(struct survey *s, const struct table *t)
{
    struct entry *e = &s->entries[s->at];
    for (int k = 0; k < LISTS; k++) {
        for (size_t i = 0; i < e->words[k].count; i++) {
            struct slice word = slice_str(list_word(object(s, s->at), k, i));
            for (uint32_t c = 0; c < t->column_count && !e->words[k].met[i]; c++)
                e->words[k].met[i] = glob_match(word, t->columns[c].name, true);
        }
    }
}

static void check_partition_key(struct survey *s, const struct table *t)
{
    const struct conf_list *key = &object(s, s->at)->partition_key;
    char text[400];
    for (size_t i = 0; i < key->count; i++) {
        uint32_t c = 0;
        while (c < t->column_count &&
               !slice_eq_nocase(t->columns[c].name, slice_str(key->items[i])))
            c++;
        if (c < t->column_count)
            continue;
        snprintf(text, sizeof(text),
                 "partition_key (objects, line %u): table %.*s.%.*s has no column %s",
                 object(s, s->at)->line, SLICE_ARG(t->database), SLICE_ARG(t->name), key->items[i]);
        on_rules_error(s, text);
    }
}

/* Names as they are sent, for a table of which no more than its name is known. */
static enum err names_only(struct survey *s, const struct table_def *def, struct shape **out)
{
    struct shape_rule r = s->o.shaping->rules[s->at];
    struct table t = {.database = def->database, .name = def->name};
    struct errmsg em = {0};
    r.filter = NULL;
    r.include_count = r.exclude_count = r.rename_count = r.add_count = 0;
    r.etl = NULL;
    return shape_new(&r, s->o.objects, s->at, &t, s->o.mariadb, out, &em);
}

/* Nothing that the entry asks for depends on the columns. */
static bool is_plain(const struct shape_rule *r, const struct conf_object *o)
{
    return !shape_renames(r) && r->filter == NULL && r->add_count == 0 && r->etl == NULL &&
           o->partition_key.count == 0;
}

static enum err shape_of(struct survey *s, const struct table_def *def, struct shape **out)
{
    const struct shape_rule *r = &s->o.shaping->rules[s->at];
    struct table *t = NULL;
    struct errmsg em = {0};
    *out = NULL;
    if (def->column_count == 0 || is_plain(r, object(s, s->at)))
        return names_only(s, def, out);
    enum err e = table_without_map(def, s->o.mariadb, &t, &em);
    if (e != ERR_OK)
        return e == ERR_NO_MEMORY ? e : names_only(s, def, out);
    s->entries[s->at].columns++;
    meet_words(s, t);
    check_partition_key(s, t);
    e = shape_check(r, s->o.objects, s->at, t, s->o.mariadb, on_rules_error, s);
    if (e == ERR_OK)
        e = names_only(s, def, out);
    table_unref(t);
    return e == ERR_CONFIG ? ERR_OK : e;
}

static enum err add_place(struct survey *s, const struct table_def *def, const struct shape *shape)
{
    char topic[TOPIC_NAME_MAX + 1];
    struct errmsg em = {0};
    enum err e = objects_topic(s->o.objects, s->at, def->database, def->name, topic, &em);
    if (e != ERR_OK) {
        if (e != ERR_NO_MEMORY)
            on_rules_error(s, em.text);
        return e == ERR_NO_MEMORY ? e : ERR_OK;
    }
    if (s->place_count == s->place_cap) {
        size_t cap = s->place_cap == 0 ? 64 : s->place_cap * 2;
        struct place *places = realloc(s->places, cap * sizeof(*places));
        if (places == NULL)
            return ERR_NO_MEMORY;
        s->places = places;
        s->place_cap = cap;
    }
    size_t n = strlen(topic) + 1, len = n + shape->database.len + 1 + shape->table.len;
    size_t own = def->database.len + 1 + def->name.len;
    uint8_t *p = arena_alloc(s->arena, len + own);
    if (p == NULL)
        return ERR_NO_MEMORY;
    memcpy(p, topic, n);
    memcpy(p + n, shape->database.ptr, shape->database.len);
    p[n + shape->database.len] = '.';
    memcpy(p + n + shape->database.len + 1, shape->table.ptr, shape->table.len);
    memcpy(p + len, def->database.ptr, def->database.len);
    p[len + def->database.len] = '.';
    memcpy(p + len + def->database.len + 1, def->name.ptr, def->name.len);
    s->places[s->place_count++] = (struct place){slice_of(p, len), slice_of(p + len, own), s->at};
    return ERR_OK;
}

enum err survey_table(struct survey *s, const struct table_def *def)
{
    bool excludes;
    struct errmsg em = {0};
    struct shape *shape = NULL;
    if (def->sequence)
        return ERR_OK;
    enum err e = objects_decide(s->o.objects, def->database, def->name, &s->at, &excludes, &em);
    if (e == ERR_CONFIG) {
        add(s, SURVEY_UNDECIDED, true, 0, em.text);
        return s->err;
    }
    TRY(e);
    if (s->at == OBJECTS_NONE)
        return ERR_OK;
    s->entries[s->at].tables++;
    if (excludes)
        return ERR_OK;
    e = shape_of(s, def, &shape);
    if (e == ERR_OK && shape != NULL)
        e = add_place(s, def, shape);
    shape_free(shape);
    return e == ERR_CONFIG ? s->err : e != ERR_OK ? e : s->err;
}

/* --- all of them ---------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    size_t n = x->text.len < y->text.len ? x->text.len : y->text.len;
    int c = memcmp(x->text.ptr, y->text.ptr, n);
    if (c != 0)
        return c;
    if (x->text.len != y->text.len)
        return x->text.len < y->text.len ? -1 : 1;
    n = x->table.len < y->table.len ? x->table.len : y->table.len;
    c = memcmp(x->table.ptr, y->table.ptr, n);
    return c != 0 ? c : (x->table.len > y->table.len) - (x->table.len < y->table.len);
}

static void find_same_places(struct survey *s)
{
    char text[700];
    if (s->place_count > 1)
        qsort(s->places, s->place_count, sizeof(*s->places), by_place);
    for (size_t i = 0, n; i < s->place_count; i += n) {
        const struct place *p = &s->places[i];
        for (n = 1; i + n < s->place_count && slice_eq(p[n].text, p->text);)
            n++;
        if (n == 1)
            continue;
        const char *topic = (const char *)p->text.ptr;
        size_t head = strlen(topic) + 1;
        snprintf(text, sizeof(text),
                 "%zu tables, %.*s and %.*s among them (objects, lines %u and %u), go out as "
                 "%.*s to topic %s: consumers cannot tell them apart; map them to names of their "
                 "own with table_as, or leave one out",
                 n, SLICE_ARG(p->table), SLICE_ARG(p[1].table), object(s, p->object)->line,
                 object(s, p[1].object)->line, (int)(p->text.len - head), topic + head, topic);
        add(s, SURVEY_SAME_PLACE, false, p[1].object, text);
    }
}

static void find_unmet_words(struct survey *s, size_t i)
{
    static const char *const lists[] = {"include", "exclude", "rename"};
    const struct entry *e = &s->entries[i];
    char text[500];
    for (int k = 0; k < LISTS; k++) {
        for (size_t w = 0; w < e->words[k].count; w++) {
            const char *word = list_word(object(s, i), k, w);
            if (e->words[k].met[w])
                continue;
            bool is_glob = strpbrk(word, "*?[") != NULL;
            snprintf(text, sizeof(text),
                     "objects (line %u): columns.%s: no table that %s takes has a column %.100s",
                     object(s, i)->line, lists[k], object(s, i)->table, word);
            add(s, SURVEY_NO_COLUMN, !is_glob, i, text);
        }
    }
}

enum err survey_end(struct survey *s)
{
    char text[400];
    for (size_t i = 0; i < s->o.task->object_count; i++) {
        if (s->entries[i].columns > 0)
            find_unmet_words(s, i);
        if (s->entries[i].tables > 0)
            continue;
        snprintf(text, sizeof(text),
                 "objects (line %u): %.200s decides for no table that is there: none matches it, "
                 "or entries in front of it take those that do",
                 object(s, i)->line, object(s, i)->table);
        add(s, SURVEY_NO_TABLE, false, i, text);
    }
    find_same_places(s);
    for (int k = 0; k < SURVEY_KINDS; k++)
        close_kind(s, (enum survey_kind)k);
    return s->err;
}

size_t survey_count(const struct survey *s)
{
    size_t n = 0;
    for (int k = 0; k < SURVEY_KINDS; k++)
        n += s->found[k] < SURVEY_KEPT ? s->found[k] : SURVEY_KEPT;
    return n;
}

const struct survey_finding *survey_finding(const struct survey *s, size_t i)
{
    for (int k = 0; k < SURVEY_KINDS; k++) {
        size_t n = s->found[k] < SURVEY_KEPT ? s->found[k] : SURVEY_KEPT;
        if (i < n)
            return &s->findings[k][i];
        i -= n;
    }
    return NULL;
}

size_t survey_errors(const struct survey *s)
{
    return s->errors;
}
