#include "config/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

/* A parse under way: the stack holds the lists and maps that are open. */
struct build {
    struct conf_mark origin;
    struct conf_arena *arena;
    struct conf_report *report;
    struct conf_node *root;
    struct conf_node *stack[CONF_DEPTH_MAX];
    size_t depth;
    struct conf_node *key; /* a map's key whose value comes next, or NULL */
    size_t nodes;
    bool documents; /* one has begun */
};

struct conf_node *conf_member(const struct conf_node *map, const char *name)
{
    for (struct conf_node *n = map->first; n != NULL; n = n->next)
        if (strcmp(n->name, name) == 0)
            return n;
    return NULL;
}

void conf_append(struct conf_node *parent, struct conf_node *child)
{
    child->next = NULL;
    if (parent->last != NULL)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

bool conf_node_missing(const struct conf_node *n)
{
    return n->kind == CONF_SCALAR && n->plain && n->text[0] == '\0';
}

/* Recursion is bounded by CONF_DEPTH_MAX, as everywhere on a tree. */
bool conf_node_equal(const struct conf_node *a, const struct conf_node *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == CONF_SCALAR)
        return strcmp(a->text, b->text) == 0;
    const struct conf_node *y = b->first;
    for (const struct conf_node *x = a->first; x != NULL; x = x->next, y = y->next) {
        if (x->name != NULL && strcmp(x->name, y->name) != 0)
            return false;
        if (!conf_node_equal(x, y))
            return false;
    }
    return true;
}

const char *conf_kind_name(const struct conf_node *n)
{
    if (n->kind == CONF_LIST)
        return "a list";
    if (n->kind == CONF_MAP)
        return "a map of keys";
    return n->text[0] == '\0' ? "nothing" : "a single value";
}

static struct conf_mark mark_of(const struct build *b, yaml_mark_t m)
{
    if (b->origin.line == 0)
        return b->origin;
    return (struct conf_mark){b->origin.file, (uint32_t)m.line + 1, (uint32_t)m.column + 1};
}

static bool out_of_memory(struct build *b)
{
    conf_problem(b->report, (struct conf_mark){.file = b->origin.file}, "out of memory");
    return false;
}

/* The value of a scalar event. `table: !shop.tmp_*` is a tag to YAML, and an exclusion to us. */
static const char *scalar_text(struct build *b, const yaml_event_t *e)
{
    const char *tag = (const char *)e->data.scalar.tag;
    if (tag != NULL && e->data.scalar.length == 0 && tag[0] == '!')
        return conf_text(b->arena, tag, strlen(tag));
    return conf_text(b->arena, e->data.scalar.value, e->data.scalar.length);
}

static bool scalar_allowed(struct build *b, const yaml_event_t *e, struct conf_mark at)
{
    const char *tag = (const char *)e->data.scalar.tag;
    if (tag != NULL && (e->data.scalar.length != 0 || tag[0] != '!')) {
        conf_problem(b->report, at,
                     "the YAML tag %.100s has no meaning here: put the text in quotes", tag);
        return false;
    }
    if (memchr(e->data.scalar.value, 0, e->data.scalar.length) != NULL) {
        conf_problem(b->report, at, "a NUL character cannot be part of a value");
        return false;
    }
    return true;
}

static struct conf_node *node_new(struct build *b, enum conf_node_kind kind, struct conf_mark at)
{
    if (++b->nodes > CONF_NODES_MAX) {
        conf_problem(b->report, at, "more than %d values in one file", CONF_NODES_MAX);
        return NULL;
    }
    struct conf_node *n = conf_alloc(b->arena, sizeof(*n));
    if (n == NULL) {
        out_of_memory(b);
        return NULL;
    }
    n->kind = kind;
    n->at = at;
    return n;
}

/* A key of the map on top of the stack: kept until its value comes. */
static bool take_key(struct build *b, struct conf_node *n)
{
    struct conf_node *map = b->stack[b->depth - 1];
    if (n->kind != CONF_SCALAR) {
        conf_problem(b->report, n->at, "a key must be a name, not %s", conf_kind_name(n));
        return false;
    }
    if (map->count >= CONF_MEMBERS_MAX) {
        conf_problem(b->report, n->at, "more than %d keys in one place", CONF_MEMBERS_MAX);
        return false;
    }
    b->key = n;
    return true;
}

/* Puts a finished or opened node where it belongs. */
static bool place(struct build *b, struct conf_node *n)
{
    if (b->depth == 0) {
        b->root = n;
        return true;
    }
    struct conf_node *parent = b->stack[b->depth - 1];
    if (parent->kind == CONF_LIST) {
        conf_append(parent, n);
        return true;
    }
    if (b->key == NULL)
        return take_key(b, n);
    n->name = b->key->text;
    n->name_at = b->key->at;
    b->key = NULL;
    const struct conf_node *twin = conf_member(parent, n->name);
    if (twin != NULL) {
        /* Goes on, so that the other errors of the file are found, too. */
        conf_problem(b->report, n->name_at, "the key %.100s is here twice: first in line %u",
                     n->name, twin->name_at.line);
    }
    conf_append(parent, n);
    return true;
}

static bool on_scalar(struct build *b, const yaml_event_t *e)
{
    struct conf_mark at = mark_of(b, e->start_mark);
    if (!scalar_allowed(b, e, at))
        return false;
    struct conf_node *n = node_new(b, CONF_SCALAR, at);
    if (n == NULL)
        return false;
    n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    n->text = scalar_text(b, e);
    return n->text != NULL ? place(b, n) : out_of_memory(b);
}

static bool on_open(struct build *b, enum conf_node_kind kind, const yaml_event_t *e,
                    const yaml_char_t *tag)
{
    struct conf_mark at = mark_of(b, e->start_mark);
    if (tag != NULL) {
        conf_problem(b->report, at, "YAML tags have no meaning here");
        return false;
    }
    if (b->depth >= CONF_DEPTH_MAX) {
        conf_problem(b->report, at, "more than %d lists and maps within each other",
                     CONF_DEPTH_MAX);
        return false;
    }
    struct conf_node *n = node_new(b, kind, at);
    if (n == NULL || !place(b, n))
        return false;
    b->stack[b->depth++] = n;
    return true;
}

static bool on_anchor(struct build *b, const yaml_event_t *e)
{
    conf_problem(b->report, mark_of(b, e->start_mark),
                 "YAML anchors and aliases are not supported: write the value out (a pattern that "
                 "begins with * or & needs quotes)");
    return false;
}

static bool on_document(struct build *b, const yaml_event_t *e)
{
    if (b->documents) {
        conf_problem(b->report, mark_of(b, e->start_mark),
                     "a second YAML document: one file is one task");
        return false;
    }
    b->documents = true;
    return true;
}

static bool on_event(struct build *b, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return e->data.scalar.anchor == NULL ? on_scalar(b, e) : on_anchor(b, e);
    case YAML_SEQUENCE_START_EVENT:
        return e->data.sequence_start.anchor == NULL
                   ? on_open(b, CONF_LIST, e, e->data.sequence_start.tag)
                   : on_anchor(b, e);
    case YAML_MAPPING_START_EVENT:
        return e->data.mapping_start.anchor == NULL
                   ? on_open(b, CONF_MAP, e, e->data.mapping_start.tag)
                   : on_anchor(b, e);
    case YAML_ALIAS_EVENT:
        return on_anchor(b, e);
    case YAML_DOCUMENT_START_EVENT:
        return on_document(b, e);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return true;
    }
    return true;
}

/* libyaml gives byte offsets, not places, where bytes are no UTF-8. */
static struct conf_mark mark_of_offset(const struct build *b, struct slice bytes, size_t offset)
{
    struct conf_mark at = b->origin;
    if (at.line == 0)
        return at;
    for (size_t i = 0; i < offset && i < bytes.len; i++) {
        if (bytes.ptr[i] == '\n') {
            at.line++;
            at.column = 1;
        } else if ((bytes.ptr[i] & 0xC0) != 0x80) {
            at.column++;
        }
    }
    return at;
}

static bool syntax_error(struct build *b, const yaml_parser_t *p, struct slice bytes)
{
    const char *what = p->problem != NULL ? p->problem : "it cannot be read";
    if (p->error == YAML_MEMORY_ERROR)
        return out_of_memory(b);
    if (p->error == YAML_READER_ERROR)
        conf_problem(b->report, mark_of_offset(b, bytes, p->problem_offset),
                     "the file is not UTF-8 text: %s", what);
    else if (p->context != NULL)
        conf_problem(b->report, mark_of(b, p->problem_mark), "not valid YAML: %s, %s", p->context,
                     what);
    else
        conf_problem(b->report, mark_of(b, p->problem_mark), "not valid YAML: %s", what);
    return false;
}

bool conf_tree_parse(struct slice bytes, struct conf_mark origin, struct conf_arena *a,
                     struct conf_report *r, struct conf_node **out)
{
    struct build b = {.origin = origin, .arena = a, .report = r};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return out_of_memory(&b);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, bytes.ptr, bytes.len);

    size_t errors = r->error_count;
    bool ok = true, end = false;
    while (ok && !end) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            ok = syntax_error(&b, &parser, bytes);
            break;
        }
        end = event.type == YAML_STREAM_END_EVENT;
        ok = on_event(&b, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (!ok || (b.root == NULL && r->error_count != errors))
        return false;
    *out = b.root;
    return true;
}

/* The whole file as one block of the arena, or NULL with errno; EFBIG when it is past the limit. */
static uint8_t *file_bytes(const char *path, struct conf_arena *a, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return NULL;
    struct stat st;
    int failed = 0;
    uint8_t *bytes = NULL;
    if (fstat(fd, &st) != 0)
        failed = errno;
    else if (S_ISDIR(st.st_mode))
        failed = EISDIR;
    else if ((bytes = conf_alloc(a, CONF_FILE_MAX + 1)) == NULL)
        failed = ENOMEM;
    *len = 0;
    while (failed == 0) {
        ssize_t n = read(fd, bytes + *len, CONF_FILE_MAX + 1 - *len);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            failed = errno;
        if (n > 0 && (*len += (size_t)n) > CONF_FILE_MAX)
            failed = EFBIG;
    }
    close(fd);
    errno = failed;
    return failed == 0 ? bytes : NULL;
}

bool conf_tree_read(const char *path, struct conf_mark from, struct conf_arena *a,
                    struct conf_report *r, struct conf_node **out)
{
    size_t len;
    struct conf_arena scratch = {0};
    const char *file = conf_text(a, path, strlen(path));
    const uint8_t *bytes = file_bytes(path, &scratch, &len);
    bool ok = false;
    if (file == NULL)
        conf_problem(r, from, "out of memory");
    else if (bytes == NULL && errno == EFBIG)
        conf_problem(r, from, "the file %s is larger than %u bytes", path, CONF_FILE_MAX);
    else if (bytes == NULL)
        conf_problem(r, from, "the file %s cannot be read: %s", path, strerror(errno));
    else
        ok = conf_tree_parse(slice_of(bytes, len), (struct conf_mark){file, 1, 1}, a, r, out);
    conf_arena_fini(&scratch);
    return ok;
}
