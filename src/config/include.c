/*
 * The three sources of a key, in one tree: the command line wins over the task
 * file, and the task file over the files that it includes.
 */
#include "config/load.h"

#include <stdlib.h>
#include <string.h>

static const struct conf_mark command_line = {.file = CONF_OVERRIDE};

const char *conf_resolve(struct conf_arena *a, const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    if (path[0] == '/' || slash == NULL)
        return path;
    while (strncmp(path, "./", 2) == 0 && path[2] != '\0')
        path += 2;
    size_t folder = (size_t)(slash - file) + 1, len = strlen(path);
    char *full = conf_text(a, file, folder + len);
    if (full != NULL)
        memcpy(full + folder, path, len + 1);
    return full;
}

static struct conf_node *node_named(struct conf_load *l, enum conf_node_kind kind, const char *name)
{
    struct conf_node *n = conf_alloc(l->arena, sizeof(*n));
    if (n == NULL)
        return NULL;
    *n =
        (struct conf_node){.kind = kind, .name = name, .at = command_line, .name_at = command_line};
    return n;
}

/* Puts value into the map in place of the member of its name, if there is one. */
static void put_member(struct conf_node *map, struct conf_node *value)
{
    struct conf_node *old = conf_member(map, value->name);
    if (old == NULL) {
        conf_append(map, value);
        return;
    }
    struct conf_node *next = old->next;
    *old = *value;
    old->next = next;
}

/* The map below parent of that name; made, or made a map, where it is none. */
static struct conf_node *map_below(struct conf_load *l, struct conf_node *parent, const char *name)
{
    struct conf_node *n = conf_member(parent, name);
    if (n != NULL && n->kind == CONF_MAP)
        return n;
    n = node_named(l, CONF_MAP, name);
    if (n == NULL)
        return NULL;
    put_member(parent, n);
    return conf_member(parent, name);
}

/* VALUE as YAML, or as it stands when that gives nothing ("#", ""). */
static struct conf_node *override_value(struct conf_load *l, const char *text)
{
    struct conf_node *n = NULL;
    if (!conf_tree_parse(slice_str(text), command_line, l->arena, l->report, &n))
        return NULL;
    if (n == NULL && (n = node_named(l, CONF_SCALAR, NULL)) != NULL)
        n->text = text;
    return n;
}

static void unknown_override(struct conf_load *l, const char *path)
{
    char section[64] = "";
    const char *dot = strrchr(path, '.');
    if (dot != NULL && (size_t)(dot - path) < sizeof(section))
        memcpy(section, path, (size_t)(dot - path));
    const struct conf_key *near = conf_key_nearest(section, dot != NULL ? dot + 1 : path);
    conf_problem(l->report, command_line, "unknown key %.100s%s%s%s", path,
                 near != NULL ? ": did you mean " : "", near != NULL ? near->path : "",
                 near != NULL ? "?" : "");
}

/* A property of librdkafka has dots of its own: all behind destination.librdkafka. is its name. */
static const struct conf_key *pairs_key(const char *path)
{
    static const char prefix[] = "destination.librdkafka.";
    if (strncmp(path, prefix, sizeof(prefix) - 1) != 0 || path[sizeof(prefix) - 1] == '\0')
        return NULL;
    return conf_key_find("destination.librdkafka");
}

static void apply_override(struct conf_load *l, struct conf_node *root, const char *override)
{
    const char *equals = strchr(override, '=');
    if (equals == NULL || equals == override) {
        conf_problem(l->report, command_line, "KEY=VALUE is expected, not \"%.100s\"", override);
        return;
    }
    char *path = conf_text(l->arena, override, (size_t)(equals - override));
    if (path == NULL)
        return;
    const struct conf_key *pairs = pairs_key(path);
    if (pairs == NULL && (conf_key_find(path) == NULL || strchr(path, '[') != NULL)) {
        unknown_override(l, path);
        return;
    }
    struct conf_node *value = override_value(l, equals + 1);
    char *leaf = path;
    char *end = path + (pairs != NULL ? strlen(pairs->path) + 1 : strlen(path));
    for (char *dot; root != NULL && (dot = strchr(leaf, '.')) != NULL && dot < end;
         leaf = dot + 1) {
        *dot = '\0';
        root = map_below(l, root, leaf);
    }
    if (value == NULL || root == NULL)
        return;
    value->name = leaf;
    value->name_at = command_line;
    put_member(root, value);
}

void conf_apply_overrides(struct conf_load *l, struct conf_node *root, const char *const *overrides,
                          size_t count)
{
    for (size_t i = 0; i < count; i++)
        apply_override(l, root, overrides[i]);
}

/* Adds to `to` what it does not have. Recursion is bounded by CONF_DEPTH_MAX. */
static void merge_missing(struct conf_node *to, struct conf_node *from)
{
    for (struct conf_node *n = from->first, *next; n != NULL; n = next) {
        next = n->next;
        struct conf_node *own = conf_member(to, n->name);
        if (own == NULL)
            conf_append(to, n);
        else if (own->kind == CONF_MAP && n->kind == CONF_MAP)
            merge_missing(own, n);
    }
}

static void include_into(struct conf_load *l, struct conf_node *section)
{
    const struct conf_node *include = conf_member(section, "include");
    struct conf_node *shared = NULL;
    if (include == NULL || include->kind != CONF_SCALAR || include->text[0] == '\0' || l->alone)
        return; /* a wrong kind is reported with all other values */
    const char *path = conf_resolve(l->arena, include->at.file, include->text);
    if (path == NULL || !conf_tree_read(path, include->at, l->arena, l->report, &shared))
        return;
    if (shared == NULL || shared->kind != CONF_MAP) {
        conf_problem(l->report, include->at, "the file %.200s has no keys of %s", path,
                     section->name);
        return;
    }
    const struct conf_node *nested = conf_member(shared, "include");
    if (nested != NULL)
        conf_problem(l->report, nested->name_at, "an included file cannot include another one");
    merge_missing(section, shared);
}

void conf_apply_includes(struct conf_load *l, struct conf_node *root)
{
    static const char *const sections[] = {"source", "destination"};
    for (size_t i = 0; i < 2; i++) {
        struct conf_node *section = conf_member(root, sections[i]);
        if (section != NULL && section->kind == CONF_MAP)
            include_into(l, section);
    }
}
