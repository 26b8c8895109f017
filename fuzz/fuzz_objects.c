/*
 * Object patterns against names.
 *
 * The input is a pattern, a database and a table, divided by line ends. What
 * compiles, matches without a fault; its exclusion takes exactly what it takes
 * away; and a glob agrees with a matcher that tries everything.
 */
#include "rules/glob.h"
#include "rules/objects.h"

#include <stdlib.h>

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice take_line(struct slice *s)
{
    const uint8_t *end = memchr(s->ptr, '\n', s->len);
    size_t n = end != NULL ? (size_t)(end - s->ptr) : s->len;
    struct slice line = slice_of(s->ptr, n);
    size_t used = n + (end != NULL);
    *s = slice_of(s->ptr + used, s->len - used);
    return line;
}

/* Stars and literal ASCII only, trying everything: for short patterns. */
static bool slow_match(const uint8_t *p, size_t p_len, const uint8_t *t, size_t t_len)
{
    if (p_len == 0)
        return t_len == 0;
    if (*p == '*')
        return slow_match(p + 1, p_len - 1, t, t_len) ||
               (t_len > 0 && slow_match(p, p_len, t + 1, t_len - 1));
    return t_len > 0 && *p == *t && slow_match(p + 1, p_len - 1, t + 1, t_len - 1);
}

static bool is_simple(struct slice s, bool stars)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] >= 0x80 || strchr(stars ? "?[\\" : "", s.ptr[i]) != NULL)
            return false;
    return s.len <= 12;
}

static void check_glob(struct slice pattern, struct slice text)
{
    if (!glob_valid(pattern))
        return;
    bool matches = glob_match(pattern, text, false);
    if (matches &&
        memchr(pattern.ptr, '[', pattern.len) == NULL) /* [!a] takes A but for its case */
        CHECK(glob_match(pattern, text, true));
    if (is_simple(pattern, true) && is_simple(text, false))
        CHECK(matches == slow_match(pattern.ptr, pattern.len, text.ptr, text.len));
}

static enum err match_one(const char *pattern, struct slice database, struct slice table,
                          size_t *index)
{
    const struct object_rule rules[] = {{pattern, 1, "{database}.{table}"}, {"*.*", 2, "rest"}};
    struct objects *o;
    TRY(objects_compile(rules, 2, false, &o, NULL));
    enum err e = objects_match(o, database, table, index, NULL);
    if (e == ERR_OK && *index != OBJECTS_NONE) {
        char topic[TOPIC_NAME_MAX + 1] = "";
        enum err named = objects_topic(o, *index, database, table, topic, NULL);
        CHECK(named == ERR_DEST_TOPIC || (named == ERR_OK && strlen(topic) > 0));
    }
    objects_free(o);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1000)
        return 0;
    struct slice rest = slice_of(data, size);
    struct slice pattern = take_line(&rest), database = take_line(&rest), table = take_line(&rest);
    char text[1002] = "!";
    memcpy(text + 1, pattern.ptr, pattern.len);
    text[1 + pattern.len] = '\0';

    check_glob(pattern, database);
    size_t with, without;
    enum err e = match_one(text + 1, database, table, &with);
    if (text[1] == '!')
        return 0;
    enum err excluded = match_one(text, database, table, &without);
    CHECK(e == excluded);
    if (e == ERR_OK)
        CHECK(with == 0 ? without == OBJECTS_NONE : without == with);
    return 0;
}
