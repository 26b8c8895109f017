/* Partial updates of JSON columns: lists of diffs in after images into documents. */
#include "mysqlproto/binlog/row_plan_int.h"

#include "mysqlproto/binlog/json_diff.h"

/* The document ends up in the scratch, where it lives as long as other values of the row. */
static enum err build(const struct cell *before, struct row_scratch *s, struct cell *after)
{
    if (before->kind == CELL_ABSENT)
        return ERR_UNSUPPORTED;
    if (before->kind != CELL_JSON)
        return ERR_MALFORMED;
    if (after->raw.len == 0) {
        *after = *before;
        return ERR_OK;
    }
    writer_clear(&s->json);
    s->json.max = s->max;
    TRY(json_diff_apply(before->raw, after->raw, &s->json));
    struct slice doc = writer_slice(&s->json);
    uint8_t *kept;
    TRY(row_scratch_get(s, doc.len, &kept));
    memcpy(kept, doc.ptr, doc.len);
    after->raw = slice_of(kept, doc.len);
    return ERR_OK;
}

enum err row_apply_json_diffs(const struct row_plan *p, const uint8_t *json_diff,
                              const struct cell *before, struct row_scratch *s, struct cell *after)
{
    uint32_t bit = 0;
    for (uint32_t i = 0; i < p->count && bit < p->json_count; i++) {
        if (p->ops[i].code != ROW_JSON)
            continue;
        if (row_bit(json_diff, bit++) && after[i].kind == CELL_JSON)
            TRY(build(&before[i], s, &after[i]));
    }
    return ERR_OK;
}
