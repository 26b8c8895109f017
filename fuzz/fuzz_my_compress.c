/*
 * Protocol compression (mysqlproto/compress.h), zlib and zstd.
 *
 * What comes out does not depend on how the bytes arrive and on how much room
 * there is, and no frame gives more than it announces. The last byte chooses
 * the method and the sizes.
 */
#include "base/reader.h"
#include "base/writer.h"
#include "mysqlproto/compress.h"

#include <stdlib.h>

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)
#define PLAIN_MAX (4u << 20) /* enough to tell */

static enum err unzip(enum my_compression kind, struct slice in, size_t step, size_t room,
                      struct writer *out)
{
    struct my_unzip *z;
    uint8_t buf[4096];
    enum err e = my_unzip_new(kind, &z);
    CHECK(e == ERR_OK);
    while (out->len < PLAIN_MAX) {
        size_t used, made, n = in.len < step ? in.len : step;
        e = my_unzip_step(z, slice_of(in.ptr, n), &used, buf, room, &made);
        CHECK(used <= n && made <= room);
        CHECK(e != ERR_OK || made > 0);
        CHECK(e != ERR_NEED_INPUT || (used == n && made == 0));
        writer_put(out, buf, made);
        in = slice_of(in.ptr + used, in.len - used);
        if (e != ERR_OK && (e != ERR_NEED_INPUT || in.len == 0))
            break;
    }
    my_unzip_free(z);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t choice = data[size - 1];
    enum my_compression kind = choice & 1 ? MY_ZSTD : MY_ZLIB;
    struct slice in = slice_of(data, size - 1);
    struct writer a, b;
    writer_init(&a, SIZE_MAX / 4);
    writer_init(&b, SIZE_MAX / 4);
    enum err ea = unzip(kind, in, SIZE_MAX, 4096, &a);
    enum err eb = unzip(kind, in, 1 + (choice >> 1 & 7), 1 + (size_t)(choice >> 4) * 100, &b);
    if (a.len < PLAIN_MAX && b.len < PLAIN_MAX && ea == ERR_NEED_INPUT && eb == ERR_NEED_INPUT)
        CHECK(slice_eq(writer_slice(&a), writer_slice(&b)));
    CHECK((ea == ERR_PROTOCOL) == (eb == ERR_PROTOCOL) || a.len >= PLAIN_MAX || b.len >= PLAIN_MAX);
    writer_fini(&a);
    writer_fini(&b);
    return 0;
}
