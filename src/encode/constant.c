#include "encode/constant.h"

/* In row images but none of the table's own: a hash column, or Alibaba's key of tables without one.
 */
static bool is_hidden(const struct column *c)
{
    return c->hidden || slice_eq(c->name, SLICE_LIT("__#alibaba_rds_row_id#__"));
}

enum err builder_begin(struct builder *b, const struct table *t, const struct message_names *names,
                       size_t arena_bytes)
{
    *b = (struct builder){.names = *names};
    writer_init(&b->w, SIZE_MAX / 2);
    b->arena = arena_new(arena_bytes);
    struct slice *columns =
        b->arena != NULL ? arena_array(b->arena, t->column_count + 1, sizeof(*columns)) : NULL;
    if (columns == NULL) {
        if (b->arena != NULL)
            arena_free(b->arena);
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < t->column_count; i++)
        columns[i] = is_hidden(&t->columns[i]) ? SLICE_LIT("")
                     : names->columns != NULL  ? names->columns[i]
                                               : t->columns[i].name;
    b->names.columns = columns;
    return ERR_OK;
}

struct slice builder_keep(struct builder *b)
{
    struct slice s = writer_slice(&b->w);
    uint8_t *copy = arena_alloc(b->arena, s.len + ENCODE_COPY);
    if (copy == NULL)
        return SLICE_LIT("");
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    writer_clear(&b->w);
    return slice_of(copy, s.len);
}

enum err builder_end(struct builder *b, const struct table *t, const char *what, struct errmsg *em)
{
    enum err e = b->w.err == ERR_OK && !b->arena->failed ? ERR_OK : ERR_NO_MEMORY;
    if (b->bad.ptr != NULL)
        e = errmsg_set(em, ERR_BAD_TEXT, "table %.*s.%.*s: a %s is not valid UTF-8 (near \"%.*s\")",
                       SLICE_ARG(t->database), SLICE_ARG(t->name), what, SLICE_ARG(b->bad));
    writer_fini(&b->w);
    if (e != ERR_OK)
        arena_free(b->arena);
    return e;
}
