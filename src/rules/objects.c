#include "rules/objects.h"

#include "base/hash.h"
#include "rules/glob.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name is at most 64 characters; what backtracks more than this over one never ends well. */
#define REGEX_STEPS_MAX 1000000
#define REGEX_HEAP_KIB  4096

enum part_kind { PART_GLOB, PART_LITERAL, PART_REGEX };

/* One half of a pattern, or all of it. */
struct part {
    enum part_kind kind;
    struct slice text;   /* in the rule's copy */
    struct slice prefix; /* PART_GLOB: what all that it matches begins with */
    pcre2_code *regex;   /* PART_REGEX */
};

struct rule {
    char *pattern; /* owned */
    char *topic;   /* owned, or NULL */
    uint32_t line;
    bool excludes;
    bool whole; /* database is a regex over database.table */
    struct part database;
    struct part table;
    uint32_t next; /* of the names with the same hash, the next rule + 1; 0: none */
};

struct objects {
    bool fold_case;
    struct slice never[2]; /* database and table that no rule takes; len 0: none */
    uint32_t *names;       /* by hash, of rules that name one table: the first one + 1; 0: none */
    size_t name_mask;
    uint32_t *patterns; /* the other rules, in their order */
    size_t pattern_count;
    size_t count;
    struct rule rules[];
};

static enum err bad_pattern(const struct rule *r, struct errmsg *em, const char *why)
{
    if (r->line > 0)
        return errmsg_set(em, ERR_CONFIG, "objects: the pattern \"%.200s\" in line %u %s",
                          r->pattern, r->line, why);
    return errmsg_set(em, ERR_CONFIG, "objects: the pattern \"%.200s\" %s", r->pattern, why);
}

static enum err compile_regex(const struct rule *r, struct part *p, bool fold_case,
                              struct errmsg *em)
{
    uint32_t options = PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_BACKSLASH_C |
                       (fold_case ? PCRE2_CASELESS : 0);
    int code;
    PCRE2_SIZE offset;
    p->regex = pcre2_compile(p->text.ptr, p->text.len, options, &code, &offset, NULL);
    if (p->regex != NULL)
        return ERR_OK;
    PCRE2_UCHAR text[160];
    char why[240];
    if (pcre2_get_error_message(code, text, sizeof(text)) < 0)
        text[0] = '\0';
    snprintf(why, sizeof(why), "is no regular expression: %s at its character %zu", (char *)text,
             (size_t)offset + 1);
    return bad_pattern(r, em, why);
}

/* The bytes up to the next end character that no backslash hides; s moves behind it. */
static bool delimited(struct slice *s, uint8_t end, struct slice *out)
{
    for (size_t i = 0; i < s->len; i++) {
        if (s->ptr[i] == end) {
            *out = slice_of(s->ptr, i);
            *s = slice_of(s->ptr + i + 1, s->len - i - 1);
            return true;
        }
        if (s->ptr[i] == '\\' && end == '/')
            i++;
    }
    return false;
}

/* A glob ends at the first dot outside of a class, or at the end. */
static size_t glob_len(struct slice s)
{
    bool class = false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == '[')
            class = true;
        else if (s.ptr[i] == ']')
            class = false;
        else if (s.ptr[i] == '.' && !class)
            return i;
    }
    return s.len;
}

/* How far a glob is text alone. */
static size_t plain_len(struct slice s)
{
    size_t n = 0;
    while (n < s.len && strchr("*?[\\", s.ptr[n]) == NULL)
        n++;
    return n;
}

/* Takes one part off s. last: a glob may have dots of its own. */
static enum err take_part(const struct rule *r, struct slice *s, bool last, struct part *p,
                          struct errmsg *em)
{
    uint8_t first = s->len > 0 ? s->ptr[0] : 0;
    if (first == '/' || first == '`') {
        struct slice inner = slice_of(s->ptr + 1, s->len - 1);
        p->kind = first == '/' ? PART_REGEX : PART_LITERAL;
        if (!delimited(&inner, first, &p->text))
            return bad_pattern(r, em, first == '/' ? "has no closing /" : "has no closing `");
        *s = inner;
    } else {
        size_t n = last ? s->len : glob_len(*s);
        p->kind = PART_GLOB;
        p->text = slice_of(s->ptr, n);
        *s = slice_of(s->ptr + n, s->len - n);
        if (!glob_valid(p->text))
            return bad_pattern(r, em, "has a [ without ], or a \\ at its end");
        p->prefix = slice_of(p->text.ptr, plain_len(p->text));
        if (p->prefix.len == p->text.len)
            p->kind = PART_LITERAL;
    }
    return p->text.len > 0 ? ERR_OK
                           : bad_pattern(r, em, "has an empty part: DATABASE.TABLE is expected");
}

static enum err compile_rule(struct rule *r, bool fold_case, struct errmsg *em)
{
    struct slice s = slice_str(r->pattern);
    if (s.len > 0 && s.ptr[0] == '!') {
        r->excludes = true;
        s = slice_of(s.ptr + 1, s.len - 1);
    }
    TRY(take_part(r, &s, false, &r->database, em));
    if (r->database.kind == PART_REGEX)
        TRY(compile_regex(r, &r->database, fold_case, em));
    if (s.len == 0 && r->database.kind == PART_REGEX) {
        r->whole = true;
        return ERR_OK;
    }
    if (s.len == 0 || s.ptr[0] != '.')
        return bad_pattern(r, em, "does not have the form DATABASE.TABLE or /regex/");
    s = slice_of(s.ptr + 1, s.len - 1);
    TRY(take_part(r, &s, true, &r->table, em));
    if (s.len != 0)
        return bad_pattern(r, em, "goes on behind its table");
    if (r->table.kind == PART_REGEX)
        TRY(compile_regex(r, &r->table, fold_case, em));
    return ERR_OK;
}

static bool names_one(const struct rule *r)
{
    return !r->whole && r->database.kind == PART_LITERAL && r->table.kind == PART_LITERAL;
}

/* Of names that are equal, whether case counts or not. */
static uint64_t name_hash(struct slice database, struct slice table)
{
    const struct slice parts[] = {database, table};
    uint64_t h = HASH_START;
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < parts[k].len; i++) {
            uint8_t c = parts[k].ptr[i];
            h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * UINT64_C(0x100000001b3);
        }
        h = hash_item(h, SLICE_LIT(""));
    }
    return h ^ h >> 32;
}

/* Rules that name one table go into a hash table, the first one of a chain first. */
static enum err index_rules(struct objects *o, struct errmsg *em)
{
    size_t size = 16;
    while (size < o->count * 2)
        size *= 2;
    o->names = calloc(size, sizeof(*o->names));
    o->patterns = calloc(o->count + 1, sizeof(*o->patterns));
    o->name_mask = size - 1;
    if (o->names == NULL || o->patterns == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for the object list");
    for (size_t i = o->count; i-- > 0;) {
        struct rule *r = &o->rules[i];
        if (!names_one(r))
            continue;
        uint32_t *slot = &o->names[name_hash(r->database.text, r->table.text) & o->name_mask];
        r->next = *slot;
        *slot = (uint32_t)i + 1;
    }
    for (size_t i = 0; i < o->count; i++)
        if (!names_one(&o->rules[i]))
            o->patterns[o->pattern_count++] = (uint32_t)i;
    return ERR_OK;
}

enum err objects_compile(const struct object_rule *rules, size_t count, bool fold_case,
                         struct objects **out, struct errmsg *em)
{
    struct objects *o = calloc(1, sizeof(*o) + count * sizeof(o->rules[0]));
    if (o == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for the object list");
    o->fold_case = fold_case;
    enum err e = ERR_OK;
    while (o->count < count && e == ERR_OK) {
        const struct object_rule *from = &rules[o->count];
        struct rule *r = &o->rules[o->count++];
        r->line = from->line;
        r->pattern = strdup(from->pattern);
        r->topic = from->topic != NULL ? strdup(from->topic) : NULL;
        if (r->pattern == NULL || (from->topic != NULL && r->topic == NULL))
            e = errmsg_set(em, ERR_NO_MEMORY, "out of memory for the object list");
        else
            e = compile_rule(r, fold_case, em);
    }
    if (e == ERR_OK)
        e = index_rules(o, em);
    if (e == ERR_OK)
        *out = o;
    else
        objects_free(o);
    return e;
}

void objects_free(struct objects *o)
{
    for (size_t i = 0; o != NULL && i < o->count; i++) {
        struct rule *r = &o->rules[i];
        pcre2_code_free(r->database.regex);
        pcre2_code_free(r->table.regex);
        free(r->pattern);
        free(r->topic);
    }
    if (o != NULL) {
        free(o->names);
        free(o->patterns);
    }
    free(o);
}

static enum err regex_match(const struct rule *r, const pcre2_code *regex, struct slice text,
                            bool *matches, struct errmsg *em)
{
    pcre2_match_context *ctx = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int rc = PCRE2_ERROR_NOMEMORY;
    if (ctx != NULL && data != NULL) {
        pcre2_set_match_limit(ctx, REGEX_STEPS_MAX);
        pcre2_set_heap_limit(ctx, REGEX_HEAP_KIB);
        rc = pcre2_match(regex, text.ptr, text.len, 0, 0, data, ctx);
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(ctx);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) {
        errmsg_set(em, ERR_CONFIG,
                   "objects: the pattern \"%.200s\" in line %u cannot be decided for \"%.*s\" "
                   "(PCRE2 error %d): make it simpler",
                   r->pattern, r->line, (int)(text.len < 200 ? text.len : 200),
                   (const char *)text.ptr, rc);
        return ERR_CONFIG;
    }
    *matches = rc >= 0;
    return ERR_OK;
}

static bool begins_with(struct slice text, struct slice prefix, bool fold_case)
{
    if (text.len < prefix.len)
        return false;
    struct slice head = slice_of(text.ptr, prefix.len);
    return fold_case ? slice_eq_nocase(head, prefix) : slice_eq(head, prefix);
}

static enum err part_match(const struct objects *o, const struct rule *r, const struct part *p,
                           struct slice text, bool *matches, struct errmsg *em)
{
    switch (p->kind) {
    case PART_LITERAL:
        *matches = o->fold_case ? slice_eq_nocase(p->text, text) : slice_eq(p->text, text);
        return ERR_OK;
    case PART_GLOB:
        *matches =
            begins_with(text, p->prefix, o->fold_case) && glob_match(p->text, text, o->fold_case);
        return ERR_OK;
    case PART_REGEX:
        break;
    }
    return regex_match(r, p->regex, text, matches, em);
}

static enum err rule_match(const struct objects *o, const struct rule *r, struct slice database,
                           struct slice table, bool *matches, struct errmsg *em)
{
    uint8_t both[1024];
    if (!r->whole) {
        TRY(part_match(o, r, &r->database, database, matches, em));
        return *matches ? part_match(o, r, &r->table, table, matches, em) : ERR_OK;
    }
    if (database.len + table.len + 1 > sizeof(both)) {
        *matches = false; /* longer than any name can be */
        return ERR_OK;
    }
    memcpy(both, database.ptr, database.len);
    both[database.len] = '.';
    memcpy(both + database.len + 1, table.ptr, table.len);
    return regex_match(r, r->database.regex, slice_of(both, database.len + 1 + table.len), matches,
                       em);
}

void objects_never(struct objects *o, struct slice database, struct slice table)
{
    o->never[0] = database;
    o->never[1] = table;
}

static bool is_never(const struct objects *o, struct slice database, struct slice table)
{
    if (o->fold_case)
        return slice_eq_nocase(o->never[0], database) && slice_eq_nocase(o->never[1], table);
    return slice_eq(o->never[0], database) && slice_eq(o->never[1], table);
}

/* The first rule that names the table, or OBJECTS_NONE. */
static size_t find_name(const struct objects *o, struct slice database, struct slice table)
{
    uint32_t i = o->names[name_hash(database, table) & o->name_mask];
    for (; i != 0; i = o->rules[i - 1].next) {
        const struct rule *r = &o->rules[i - 1];
        bool same = o->fold_case
                        ? slice_eq_nocase(r->database.text, database) &&
                              slice_eq_nocase(r->table.text, table)
                        : slice_eq(r->database.text, database) && slice_eq(r->table.text, table);
        if (same)
            return i - 1;
    }
    return OBJECTS_NONE;
}

enum err objects_decide(const struct objects *o, struct slice database, struct slice table,
                        size_t *index, bool *excludes, struct errmsg *em)
{
    size_t found = OBJECTS_NONE;
    if (o->never[0].len == 0 || !is_never(o, database, table)) {
        found = find_name(o, database, table);
        for (size_t i = 0; i < o->pattern_count && o->patterns[i] < found; i++) {
            bool matches = false;
            TRY(rule_match(o, &o->rules[o->patterns[i]], database, table, &matches, em));
            if (matches)
                found = o->patterns[i];
        }
    }
    *index = found;
    *excludes = found != OBJECTS_NONE && o->rules[found].excludes;
    return ERR_OK;
}

enum err objects_match(const struct objects *o, struct slice database, struct slice table,
                       size_t *index, struct errmsg *em)
{
    bool excludes;
    size_t found;
    TRY(objects_decide(o, database, table, &found, &excludes, em));
    *index = excludes ? OBJECTS_NONE : found;
    return ERR_OK;
}

/*
 * Whether a regex over database.table may match what begins with "database.".
 * PCRE2 matches in part only what is not anchored at its end, so that it is
 * compiled anew: databases are rare.
 */
static bool may_begin(const struct objects *o, const struct rule *r, struct slice database)
{
    uint8_t text[1024];
    int code;
    PCRE2_SIZE offset;
    if (database.len + 1 > sizeof(text))
        return false;
    memcpy(text, database.ptr, database.len);
    text[database.len] = '.';
    uint32_t options =
        PCRE2_UTF | PCRE2_ANCHORED | PCRE2_NEVER_BACKSLASH_C | (o->fold_case ? PCRE2_CASELESS : 0);
    pcre2_code *regex =
        pcre2_compile(r->database.text.ptr, r->database.text.len, options, &code, &offset, NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int rc = PCRE2_ERROR_PARTIAL; /* without memory nobody knows: it may */
    if (regex != NULL && data != NULL)
        rc = pcre2_match(regex, text, database.len + 1, 0, PCRE2_PARTIAL_HARD, data, NULL);
    pcre2_match_data_free(data);
    pcre2_code_free(regex);
    return rc != PCRE2_ERROR_NOMATCH;
}

static bool takes_all_tables(const struct rule *r)
{
    return !r->whole && r->table.kind == PART_GLOB && slice_eq(r->table.text, SLICE_LIT("*"));
}

enum err objects_match_database(const struct objects *o, struct slice database, size_t *index,
                                struct errmsg *em)
{
    *index = OBJECTS_NONE;
    for (size_t i = 0; i < o->count; i++) {
        const struct rule *r = &o->rules[i];
        bool matches = false;
        if (r->whole)
            matches = may_begin(o, r, database);
        else
            TRY(part_match(o, r, &r->database, database, &matches, em));
        if (!matches || (r->excludes && !takes_all_tables(r)))
            continue;
        if (!r->excludes)
            *index = i;
        return ERR_OK;
    }
    return ERR_OK;
}

#define GROUPS_MAX 9

struct groups {
    uint32_t count;
    struct slice items[GROUPS_MAX];
};

/* What the groups of a regular expression match in a name that it takes. */
static enum err take_groups(const pcre2_code *regex, struct slice text, struct groups *g)
{
    pcre2_match_context *ctx = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(regex, NULL);
    enum err e = ERR_NO_MEMORY;
    if (ctx != NULL && data != NULL) {
        pcre2_set_match_limit(ctx, REGEX_STEPS_MAX);
        pcre2_set_heap_limit(ctx, REGEX_HEAP_KIB);
        e = pcre2_match(regex, text.ptr, text.len, 0, 0, data, ctx) >= 0 ? ERR_OK : ERR_CONFIG;
    }
    uint32_t pairs = e == ERR_OK ? pcre2_get_ovector_count(data) : 0;
    const PCRE2_SIZE *at = e == ERR_OK ? pcre2_get_ovector_pointer(data) : NULL;
    for (uint32_t i = 1; i < pairs && g->count < GROUPS_MAX; i++)
        g->items[g->count++] = at[2 * i] == PCRE2_UNSET
                                   ? SLICE_LIT("")
                                   : slice_of(text.ptr + at[2 * i], at[2 * i + 1] - at[2 * i]);
    pcre2_match_data_free(data);
    pcre2_match_context_free(ctx);
    return e;
}

static enum err groups_of(const struct rule *r, struct slice database, struct slice table,
                          uint8_t both[1024], struct groups *g)
{
    if (r->whole) {
        if (database.len + table.len + 1 > 1024)
            return ERR_CONFIG;
        memcpy(both, database.ptr, database.len);
        both[database.len] = '.';
        memcpy(both + database.len + 1, table.ptr, table.len);
        return take_groups(r->database.regex, slice_of(both, database.len + 1 + table.len), g);
    }
    if (r->database.kind == PART_REGEX)
        TRY(take_groups(r->database.regex, database, g));
    return r->table.kind == PART_REGEX ? take_groups(r->table.regex, table, g) : ERR_OK;
}

/* Puts s at *len, as far as there is room; the length says how much was wanted. */
static void name_put(char *out, size_t *len, struct slice s)
{
    for (size_t i = 0; i < s.len; i++, (*len)++)
        if (*len < OBJECTS_NAME_MAX)
            out[*len] = (char)s.ptr[i];
}

static bool is_group(const char *p)
{
    return p[0] == '{' && p[1] >= '1' && p[1] <= '9' && p[2] == '}';
}

/* Fills in a template; *wanted is the length that it would have, cut to OBJECTS_NAME_MAX in name.
 */
static enum err expand(const struct rule *r, const char *template, struct slice database,
                       struct slice table, char name[OBJECTS_NAME_MAX + 1], size_t *wanted,
                       struct errmsg *em)
{
    struct groups groups = {0};
    uint8_t both[1024];
    size_t len = 0;
    if (strchr(template, '{') != NULL && groups_of(r, database, table, both, &groups) != ERR_OK)
        return bad_pattern(r, em, "cannot be matched again for its groups");
    for (const char *p = template; *p != '\0';) {
        if (strncmp(p, "{database}", 10) == 0) {
            name_put(name, &len, database);
            p += 10;
        } else if (strncmp(p, "{table}", 7) == 0) {
            name_put(name, &len, table);
            p += 7;
        } else if (is_group(p)) {
            uint32_t i = (uint32_t)(p[1] - '1');
            if (i >= groups.count)
                return bad_pattern(r, em, "has fewer groups than a name that is made from them");
            name_put(name, &len, groups.items[i]);
            p += 3;
        } else {
            name_put(name, &len, slice_of(p++, 1));
        }
    }
    name[len < OBJECTS_NAME_MAX ? len : OBJECTS_NAME_MAX] = '\0';
    *wanted = len;
    return ERR_OK;
}

enum err objects_expand(const struct objects *o, size_t index, const char *template,
                        struct slice database, struct slice table, char out[OBJECTS_NAME_MAX + 1],
                        struct errmsg *em)
{
    const struct rule *r = &o->rules[index];
    char name[OBJECTS_NAME_MAX + 1];
    size_t len;
    TRY(expand(r, template, database, table, name, &len, em));
    if (len == 0 || len > OBJECTS_NAME_MAX)
        return errmsg_set(em, ERR_CONFIG,
                          "objects (line %u): the name \"%.200s\" of table %.*s.%.*s is %s",
                          r->line, template, SLICE_ARG(database), SLICE_ARG(table),
                          len == 0 ? "empty" : "too long");
    memcpy(out, name, len + 1);
    return ERR_OK;
}

static bool topic_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

size_t objects_count(const struct objects *o)
{
    return o->count;
}

bool objects_name(const struct objects *o, size_t index, struct slice *database,
                  struct slice *table)
{
    const struct rule *r = &o->rules[index];
    if (r->excludes || !names_one(r))
        return false;
    *database = r->database.text;
    *table = r->table.text;
    return true;
}

enum err objects_topic(const struct objects *o, size_t index, struct slice database,
                       struct slice table, char out[TOPIC_NAME_MAX + 1], struct errmsg *em)
{
    const struct rule *r = &o->rules[index];
    char topic[OBJECTS_NAME_MAX + 1];
    size_t len;
    TRY(expand(r, r->topic, database, table, topic, &len, em));
    bool ok = len > 0 && len <= TOPIC_NAME_MAX;
    for (size_t i = 0; ok && i < len; i++)
        ok = topic_char(topic[i]);
    topic[ok || len < TOPIC_NAME_MAX ? len : TOPIC_NAME_MAX] = '\0';
    if (!ok || strcmp(topic, ".") == 0 || strcmp(topic, "..") == 0)
        return errmsg_set(
            em, ERR_DEST_TOPIC,
            "the topic \"%.249s\" of table %.*s.%.*s (objects, line %u) is no name that "
            "Kafka allows: give the table an entry with a topic of its own",
            topic, SLICE_ARG(database), SLICE_ARG(table), r->line);
    memcpy(out, topic, len + 1);
    return ERR_OK;
}
