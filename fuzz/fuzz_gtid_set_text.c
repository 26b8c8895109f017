/*
 * GTID sets and MariaDB positions as text.
 *
 * What is taken is printed in a form that is taken again, means the same and
 * is printed the same; a set contains what it was made of and is its own
 * subset; bytes and back change nothing.
 */
#include "base/writer.h"
#include "mysqlproto/gtid_set.h"
#include "mysqlproto/mariadb_gtid.h"

#include <stdlib.h>

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)

static void check_sorted(const struct my_gtid_set *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const struct my_gtid_source *src = &s->sources[i];
        CHECK(src->count > 0);
        for (uint32_t j = 0; j < src->count; j++) {
            CHECK(src->intervals[j].start > 0 && src->intervals[j].start < src->intervals[j].end);
            CHECK(j == 0 || src->intervals[j - 1].end < src->intervals[j].start);
        }
    }
}

static void check_set(struct slice text)
{
    struct my_gtid_set a = {0}, b = {0}, none = {0};
    struct writer first, second, bytes;
    writer_init(&first, SIZE_MAX / 4);
    writer_init(&second, SIZE_MAX / 4);
    writer_init(&bytes, SIZE_MAX / 4);
    if (my_gtid_set_parse(&a, text) == ERR_OK) {
        check_sorted(&a);
        my_gtid_set_print(&a, &first);
        CHECK(my_gtid_set_parse(&b, writer_slice(&first)) == ERR_OK);
        my_gtid_set_print(&b, &second);
        CHECK(slice_eq(writer_slice(&first), writer_slice(&second)));
        CHECK(my_gtid_set_equal(&a, &b));
        CHECK(my_gtid_set_subtract(&a, &b, &none) == ERR_OK && my_gtid_set_empty(&none));
        my_gtid_set_encode(&a, &bytes);
        CHECK(my_gtid_set_decode(&b, writer_slice(&bytes)) == ERR_OK);
        CHECK(my_gtid_set_equal(&a, &b));
    }
    my_gtid_set_fini(&a);
    my_gtid_set_fini(&b);
    my_gtid_set_fini(&none);
    writer_fini(&first);
    writer_fini(&second);
    writer_fini(&bytes);
}

static void check_position(struct slice text)
{
    struct maria_gtid_pos a = {0}, b = {0};
    struct writer w;
    writer_init(&w, SIZE_MAX / 4);
    if (maria_gtid_pos_parse(&a, text) == ERR_OK) {
        maria_gtid_pos_print(&a, &w);
        CHECK(maria_gtid_pos_parse(&b, writer_slice(&w)) == ERR_OK);
        CHECK(maria_gtid_pos_equal(&a, &b));
    }
    maria_gtid_pos_fini(&a);
    maria_gtid_pos_fini(&b);
    writer_fini(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct my_gtid g;
    char text[MY_GTID_TEXT_MAX + 1];
    check_set(slice_of(data, size));
    check_position(slice_of(data, size));
    if (my_gtid_parse(slice_of(data, size), &g) == ERR_OK)
        CHECK(my_gtid_print(&g, text) <= MY_GTID_TEXT_MAX);
    return 0;
}
