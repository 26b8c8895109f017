/*
 * Binary JSON documents from a binlog, printed.
 *
 * No bytes of a document may be read outside it, the text has no control
 * bytes, and a document printed twice gives the same text; a refused one
 * leaves the writer as it was.
 */
#include "base/writer.h"
#include "schema/json_binary.h"

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice doc = slice_of(data, size);
    struct writer a, b;
    writer_init(&a, 1 << 20);
    writer_init(&b, 1 << 20);
    enum err e = json_binary_text(doc, &a);
    CHECK(e == json_binary_text(doc, &b));
    CHECK(e != ERR_OK ? a.len == 0 && b.len == 0 : slice_eq(writer_slice(&a), writer_slice(&b)));
    CHECK(e == ERR_OK || e == ERR_TRUNCATED || e == ERR_MALFORMED || e == ERR_TOO_LARGE);
    for (size_t i = 0; i < a.len; i++)
        CHECK(a.base[i] >= 0x20);
    size_t used;
    if (e == ERR_OK && size > 0) {
        CHECK(a.len > 0);
        CHECK(json_value_size(json_value_of(doc), &used) == ERR_OK && used < size);
    }
    writer_fini(&a);
    writer_fini(&b);
    return 0;
}
