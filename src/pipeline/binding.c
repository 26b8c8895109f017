#include "pipeline/binding.h"

#include <stdlib.h>

void binding_unref(struct binding *b)
{
    /* Release and acquire: the last one to let go sees what all others did with it. */
    if (b == NULL || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) > 1)
        return;
    row_plan_free(b->plan);
    copy_table_unref(b->copy);
    format_table_free(&b->format);
    shape_free(b->shape);
    key_table_free(b->key);
    table_unref(b->table);
    free(b->topic);
    free(b->probe_columns);
    free(b->partition_at);
    free(b);
}
