/*
 * Keys of the full copy as the checkpoint keeps them, and their order.
 *
 * What is taken is the same after being written and taken again; no key is
 * before itself; and of two keys that differ in order each sees the other on
 * the other side, in every order of text.
 */
#include "snapshot/key.h"

#include <stdlib.h>

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)

static const char *const collations[] = {"utf8mb4_bin", "utf8mb4_0900_bin", "binary",
                                         "latin1_bin",  "ucs2_bin",         "utf16_bin",
                                         "utf16le_bin", "utf32_bin"};

static struct column columns[COPY_KEY_COLUMNS_MAX];
static uint16_t numbers[COPY_KEY_COLUMNS_MAX];
static struct table table = {.columns = columns, .column_count = COPY_KEY_COLUMNS_MAX};

static void set_up(unsigned collation)
{
    for (uint16_t i = 0; i < COPY_KEY_COLUMNS_MAX; i++) {
        numbers[i] = i;
        columns[i].kind = COL_VARCHAR;
        columns[i].collation = slice_str(collations[(collation + i) % 8]);
        columns[i].charset = charset_of_collation_name(columns[i].collation);
        CHECK(charset_prepare(columns[i].charset) == ERR_OK);
    }
}

static void check_one(const struct copy_key *k)
{
    struct writer w;
    struct copy_key *back;
    char text[100];
    writer_init(&w, SIZE_MAX / 4);
    copy_key_put(k, &w);
    struct reader r = reader_of(writer_slice(&w));
    CHECK(copy_key_parse(&r, &back) == ERR_OK);
    CHECK(reader_left(&r) == 0 && copy_key_equal(k, back));
    CHECK(copy_key_compare(&table, numbers, k->cells, back) == 0);
    (void)copy_key_text(&table, numbers, k, text, sizeof(text));
    free(back);
    writer_fini(&w);
}

static void check_pair(const struct copy_key *a, const struct copy_key *b)
{
    if (a->count != b->count)
        return;
    int there = copy_key_compare(&table, numbers, a->cells, b);
    int back = copy_key_compare(&table, numbers, b->cells, a);
    CHECK((there > 0) == (back < 0) && (there < 0) == (back > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct copy_key *a, *b;
    if (size == 0)
        return 0;
    set_up(data[0]);
    struct reader r = reader_of(slice_of(data + 1, size - 1));
    if (copy_key_parse(&r, &a) != ERR_OK)
        return 0;
    check_one(a);
    if (copy_key_parse(&r, &b) == ERR_OK) {
        check_one(b);
        check_pair(a, b);
        free(b);
    }
    free(a);
    return 0;
}
