/*
 * Table definitions as they come back from a checkpoint.
 *
 * What can be parsed is a definition with all indexes in bounds, and written
 * and parsed again it is the same definition.
 */
#include "base/writer.h"
#include "schema/table.h"

#include <stdlib.h>

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct table_def *def, *again;
    if (table_def_parse(slice_of(data, size), &def) != ERR_OK)
        return 0;
    for (uint32_t i = 0; i < def->key_count; i++)
        for (uint32_t k = 0; k < def->keys[i].part_count; k++)
            CHECK(def->keys[i].parts[k] < def->column_count);
    struct writer a, b;
    writer_init(&a, SIZE_MAX / 4);
    writer_init(&b, SIZE_MAX / 4);
    table_def_serialize(def, &a);
    CHECK(a.err == ERR_OK);
    CHECK(table_def_parse(writer_slice(&a), &again) == ERR_OK);
    table_def_serialize(again, &b);
    CHECK(slice_eq(writer_slice(&a), writer_slice(&b)));
    writer_fini(&a);
    writer_fini(&b);
    free(def);
    free(again);
    return 0;
}
