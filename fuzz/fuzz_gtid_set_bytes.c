/*
 * GTID sets as bytes (PREVIOUS_GTIDS), both forms.
 *
 * What is taken means the same after being written and taken again. The
 * differences of two sets cut from one input are in the one and not in the
 * other.
 */
#include "base/writer.h"
#include "mysqlproto/gtid_set.h"

#include <stdlib.h>

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)

static void check_pair(const struct my_gtid_set *a, const struct my_gtid_set *b)
{
    struct my_gtid_set out = {0}, both = {0}, rest = {0};
    CHECK(my_gtid_set_subtract(a, b, &out) == ERR_OK);
    CHECK(my_gtid_set_subset(&out, a));
    CHECK(my_gtid_set_subtract(&out, b, &rest) == ERR_OK);
    CHECK(my_gtid_set_equal(&out, &rest));
    CHECK(my_gtid_set_copy(&both, a) == ERR_OK);
    CHECK(my_gtid_set_add_set(&both, b) == ERR_OK);
    CHECK(my_gtid_set_subset(a, &both) && my_gtid_set_subset(b, &both));
    CHECK(my_gtid_set_add_set(&out, b) == ERR_OK);
    CHECK(my_gtid_set_equal(&out, &both));
    my_gtid_set_fini(&out);
    my_gtid_set_fini(&both);
    my_gtid_set_fini(&rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct my_gtid_set a = {0}, b = {0};
    struct writer w;
    if (size == 0)
        return 0;
    size_t cut = size > 1 ? data[size - 1] * (size - 1) / 255 : 0;
    bool first = my_gtid_set_decode(&a, slice_of(data, cut)) == ERR_OK;
    if (!first)
        first = my_gtid_set_decode(&a, slice_of(data, size - 1)) == ERR_OK;
    writer_init(&w, SIZE_MAX / 4);
    if (first) {
        my_gtid_set_encode(&a, &w);
        CHECK(my_gtid_set_decode(&b, writer_slice(&w)) == ERR_OK);
        CHECK(my_gtid_set_equal(&a, &b));
        if (my_gtid_set_decode(&b, slice_of(data + cut, size - 1 - cut)) == ERR_OK)
            check_pair(&a, &b);
    }
    writer_fini(&w);
    my_gtid_set_fini(&a);
    my_gtid_set_fini(&b);
    return 0;
}
