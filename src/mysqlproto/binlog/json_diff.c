#include "mysqlproto/binlog/json_diff.h"

#include "base/arena.h"
#include "base/reader.h"
#include "base/writer.h"
#include "mysqlproto/binlog/json_path.h"

enum diff_operation { DIFF_REPLACE = 0, DIFF_INSERT = 1, DIFF_REMOVE = 2 };

/*
 * A value of the document: as it was (raw), or a container that was opened
 * because a path leads through it. Opened ones form a small tree above raw
 * values; what no path touches is never looked into.
 */
struct member {
    struct slice key; /* objects; in order of length, then bytes */
    struct node *value;
};

struct node {
    bool open;
    bool is_object;
    struct json_value raw; /* unless open */
    uint32_t count;
    uint32_t cap;
    struct member *members;
};

struct tree {
    struct arena *arena;
    struct node *root;
    size_t members_left; /* a bound on what a document that aliases itself can make us open */
};

static struct node *raw_node(struct tree *t, struct json_value v)
{
    struct node *n = arena_alloc(t->arena, sizeof *n);
    if (n != NULL)
        n->raw = v;
    return n;
}

static enum err open_member(struct tree *t, const struct json_container *c, uint32_t i,
                            struct member *m)
{
    struct json_value v;
    m->key = SLICE_LIT("");
    if (c->is_object)
        TRY(json_container_key(c, i, &m->key));
    TRY(json_container_value(c, i, &v));
    m->value = raw_node(t, v);
    return m->value != NULL ? ERR_OK : ERR_NO_MEMORY;
}

/* Makes members of a raw container. */
static enum err open_node(struct tree *t, struct node *n)
{
    if (n->open)
        return ERR_OK;
    if (!json_is_container(n->raw.type))
        return ERR_MALFORMED;
    struct json_container c;
    TRY(json_container_open(n->raw, &c));
    if (c.count > t->members_left)
        return ERR_MALFORMED;
    t->members_left -= c.count;
    n->cap = c.count + 4;
    n->members = arena_array(t->arena, n->cap, sizeof *n->members);
    if (n->members == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c.count; i++)
        TRY(open_member(t, &c, i, &n->members[i]));
    n->count = c.count;
    n->is_object = c.is_object;
    n->open = true;
    return ERR_OK;
}

/* Order of keys in an object ("json_binary.h", MySQL source docs). */
static int key_order(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return memcmp(a.ptr, b.ptr, a.len);
}

/* Where the key is, or where it would be; *found says which. */
static uint32_t key_place(const struct node *n, struct slice key, bool *found)
{
    uint32_t lo = 0, hi = n->count;
    *found = false;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int order = key_order(n->members[mid].key, key);
        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The place of a leg in an opened container; *found: there is something. */
static enum err leg_place(const struct node *n, const struct json_leg *leg, uint32_t *at,
                          bool *found)
{
    if (leg->is_index == n->is_object)
        return ERR_MALFORMED;
    if (leg->is_index) {
        *found = leg->index < n->count;
        *at = *found ? leg->index : n->count;
        return ERR_OK;
    }
    *at = key_place(n, leg->name, found);
    return ERR_OK;
}

/* Opens the container that the last leg of a path is in. */
static enum err find_parent(struct tree *t, const struct json_path *path, struct node **out)
{
    struct node *n = t->root;
    for (uint32_t i = 0;; i++) {
        TRY(open_node(t, n));
        if (i + 1 == path->count)
            break;
        uint32_t at;
        bool found;
        TRY(leg_place(n, &path->legs[i], &at, &found));
        if (!found)
            return ERR_MALFORMED;
        n = n->members[at].value;
    }
    *out = n;
    return ERR_OK;
}

static enum err insert(struct tree *t, struct node *n, uint32_t at, struct member m)
{
    if (n->count == n->cap) {
        struct member *more = arena_array(t->arena, n->cap * (size_t)2, sizeof *more);
        if (more == NULL)
            return ERR_NO_MEMORY;
        memcpy(more, n->members, n->count * sizeof *more);
        n->members = more;
        n->cap *= 2;
    }
    memmove(n->members + at + 1, n->members + at, (n->count - at) * sizeof m);
    n->members[at] = m;
    n->count++;
    return ERR_OK;
}

static enum err change(struct tree *t, enum diff_operation op, const struct json_path *path,
                       struct node *value)
{
    if (path->count == 0) {
        if (op != DIFF_REPLACE)
            return ERR_MALFORMED;
        t->root = value;
        return ERR_OK;
    }
    struct node *parent;
    uint32_t at;
    bool found;
    const struct json_leg *last = &path->legs[path->count - 1];
    TRY(find_parent(t, path, &parent));
    TRY(leg_place(parent, last, &at, &found));
    switch (op) {
    case DIFF_REPLACE:
        if (!found)
            return ERR_MALFORMED;
        parent->members[at].value = value;
        return ERR_OK;
    case DIFF_INSERT:
        /* Into an array: before the element of that index. Into an object: a new key only. */
        if (found && parent->is_object)
            return ERR_MALFORMED;
        return insert(t, parent, at, (struct member){last->name, value});
    case DIFF_REMOVE:
        if (!found)
            return ERR_MALFORMED;
        parent->count--;
        memmove(parent->members + at, parent->members + at + 1,
                (parent->count - at) * sizeof *parent->members);
        return ERR_OK;
    default:
        return ERR_MALFORMED;
    }
}

static enum err apply_next(struct tree *t, struct reader *r, struct json_path *path)
{
    uint8_t op = reader_u8(r);
    struct slice text = reader_lenenc_str(r);
    struct slice doc = SLICE_LIT("");
    if (op != DIFF_REMOVE)
        doc = reader_lenenc_str(r);
    TRY(reader_finish(r));
    if (op > DIFF_REMOVE || (op != DIFF_REMOVE && doc.len == 0))
        return ERR_MALFORMED;
    TRY(json_path_parse(text, t->arena, path));
    struct node *value = raw_node(t, json_value_of(doc));
    if (value == NULL)
        return ERR_NO_MEMORY;
    return change(t, (enum diff_operation)op, path, value);
}

/* ---- writing ---- */

/* A container that is being written. */
struct level {
    const struct node *node;
    size_t start;   /* of its count */
    size_t entries; /* of its value entries */
    uint32_t next;  /* member to be written */
};

static void patch_le32(struct writer *w, size_t at, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        w->base[at + i] = (uint8_t)(v >> (8 * i));
}

static uint8_t large_type(const struct node *n)
{
    return n->is_object ? JSON_LARGE_OBJECT : JSON_LARGE_ARRAY;
}

/* Values that stand in the entry itself in the large form; 0: not such a one. */
static size_t inline_size(uint8_t type)
{
    switch (type) {
    case JSON_LITERAL:
        return 1;
    case JSON_INT16:
    case JSON_UINT16:
        return 2;
    case JSON_INT32:
    case JSON_UINT32:
        return 4;
    default:
        return 0;
    }
}

/* Count, size, key entries, empty value entries, keys; values are appended behind. */
static enum err begin_level(struct writer *w, const struct node *n, struct level *lv)
{
    size_t head = 8, key_entries = n->is_object ? n->count * (size_t)6 : 0;
    size_t fixed = head + key_entries + n->count * (size_t)5;
    *lv = (struct level){.node = n, .start = w->len, .entries = w->len + head + key_entries};
    if (!writer_reserve(w, fixed))
        return w->err;
    memset(writer_tail(w), 0, fixed);
    writer_advance(w, fixed);
    patch_le32(w, lv->start, n->count);
    for (uint32_t i = 0; n->is_object && i < n->count; i++) {
        struct slice key = n->members[i].key;
        if (key.len > UINT16_MAX)
            return ERR_MALFORMED;
        size_t entry = lv->start + head + i * (size_t)6;
        patch_le32(w, entry, (uint32_t)(w->len - lv->start));
        w->base[entry + 4] = (uint8_t)key.len;
        w->base[entry + 5] = (uint8_t)(key.len >> 8);
        writer_slice_put(w, key);
    }
    return w->err;
}

/* The value entry of member i: its type, and where its data will begin. */
static enum err put_entry(struct writer *w, const struct level *lv, uint32_t i, uint8_t type)
{
    size_t offset = w->len - lv->start;
    if (offset > UINT32_MAX)
        return ERR_TOO_LARGE;
    size_t entry = lv->entries + i * (size_t)5;
    w->base[entry] = type;
    patch_le32(w, entry + 1, (uint32_t)offset);
    return ERR_OK;
}

static enum err put_raw(struct writer *w, const struct level *lv, uint32_t i,
                        const struct json_value *v)
{
    TRY(put_entry(w, lv, i, v->type));
    size_t size = inline_size(v->type);
    if (size > 0) {
        if (v->data.len < size)
            return ERR_TRUNCATED;
        size_t at = lv->entries + i * (size_t)5 + 1;
        patch_le32(w, at, 0);
        memcpy(w->base + at, v->data.ptr, size);
        return ERR_OK;
    }
    TRY(json_value_size(*v, &size));
    writer_put(w, v->data.ptr, size);
    return w->err;
}

static enum err write_root(struct writer *w, const struct json_value *v)
{
    size_t size;
    TRY(json_value_size(*v, &size));
    writer_u8(w, v->type);
    writer_put(w, v->data.ptr, size);
    return w->err;
}

/* The levels are at most those of a path: JSON_DEPTH_MAX containers are open under the root. */
static enum err write_tree(struct writer *w, const struct node *root)
{
    struct level stack[JSON_DEPTH_MAX + 1];
    unsigned depth = 0;
    if (!root->open)
        return write_root(w, &root->raw);
    writer_u8(w, large_type(root));
    TRY(begin_level(w, root, &stack[0]));
    for (;;) {
        struct level *lv = &stack[depth];
        if (lv->next == lv->node->count) {
            if (w->len - lv->start > UINT32_MAX)
                return ERR_TOO_LARGE;
            patch_le32(w, lv->start + 4, (uint32_t)(w->len - lv->start));
            if (depth == 0)
                return w->err;
            depth--;
            continue;
        }
        uint32_t i = lv->next++;
        const struct node *n = lv->node->members[i].value;
        if (!n->open) {
            TRY(put_raw(w, lv, i, &n->raw));
            continue;
        }
        if (depth == JSON_DEPTH_MAX)
            return ERR_MALFORMED;
        TRY(put_entry(w, lv, i, large_type(n)));
        TRY(begin_level(w, n, &stack[++depth]));
    }
}

static enum err apply_all(struct tree *t, struct slice diffs, struct writer *out)
{
    struct json_path path;
    struct reader r = reader_of(diffs);
    while (reader_left(&r) > 0)
        TRY(apply_next(t, &r, &path));
    return write_tree(out, t->root);
}

enum err json_diff_apply(struct slice before, struct slice diffs, struct writer *out)
{
    struct tree t = {.arena = arena_new(16384), .members_left = before.len + diffs.len};
    if (t.arena == NULL)
        return ERR_NO_MEMORY;
    t.root = raw_node(&t, json_value_of(before));
    enum err e = t.root != NULL ? apply_all(&t, diffs, out) : ERR_NO_MEMORY;
    arena_free(t.arena);
    return e;
}
