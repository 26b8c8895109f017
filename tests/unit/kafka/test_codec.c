/* What messages come to under each codec. */
#include "kafka/codec.h"

#include <criterion/criterion.h>
#include <string.h>

static struct kafka_sizes sizes_of(size_t count, size_t partitions, struct slice value)
{
    struct kafka_options o;
    struct kafka_gauge *g;
    struct kafka_sizes s = {0};
    kafka_options_init(&o);
    cr_assert_eq(kafka_gauge_new(&o, &g), ERR_OK);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(kafka_gauge_put(g, 0, (int32_t)(i % partitions), SLICE_LIT("[1]"), value),
                     ERR_OK);
    cr_assert_eq(kafka_gauge_finish(g, &s), ERR_OK);
    kafka_gauge_free(g);
    return s;
}

Test(codec, one_message_is_a_batch_of_the_size_that_the_broker_counts)
{
    /* kafka_batch_bytes() in producer.h: head, length, four single bytes, key and value with theirs
     */
    struct kafka_sizes s = sizes_of(1, 1, SLICE_LIT("0123456789"));
    cr_assert_eq(s.messages, 1);
    cr_assert_eq(s.batches, 1);
    cr_assert_eq(s.bytes[KAFKA_NONE], 61 + 1 + 4 + 1 + 3 + 1 + 10);
}

Test(codec, what_repeats_gets_smaller_with_every_codec)
{
    struct kafka_sizes s =
        sizes_of(1000, 1, SLICE_LIT("{\"data\":[{\"id\":\"1\",\"name\":\"apple\"}]}"));
    cr_assert_eq(s.batches, 3); /* of 400 messages at most */
    for (size_t i = KAFKA_NONE + 1; i < KAFKA_CODECS; i++)
        cr_assert_lt(s.bytes[i] * 4, s.bytes[KAFKA_NONE], "%s", kafka_codec_names[i]);
}

Test(codec, what_does_not_get_smaller_counts_as_it_is)
{
    struct kafka_sizes s = sizes_of(1, 1, SLICE_LIT("q"));
    for (size_t i = 0; i < KAFKA_CODECS; i++)
        cr_assert_leq(s.bytes[i], s.bytes[KAFKA_NONE]);
}

Test(codec, more_partitions_than_batches_at_a_time_lose_nothing)
{
    struct kafka_sizes s = sizes_of(600, 200, SLICE_LIT("0123456789"));
    cr_assert_eq(s.messages, 600);
    cr_assert_geq(s.batches, 200);
    cr_assert_gt(s.bytes[KAFKA_NONE], 600 * (10 + 3 + 7));
}

Test(codec, a_message_larger_than_a_batch_is_one)
{
    static char large[3 << 20];
    memset(large, 'x', sizeof(large));
    struct kafka_sizes s = sizes_of(2, 1, slice_of(large, sizeof(large)));
    cr_assert_eq(s.batches, 2);
    cr_assert_gt(s.bytes[KAFKA_NONE], 2 * sizeof(large));
    cr_assert_lt(s.bytes[KAFKA_ZSTD], 10000);
}

static size_t memory_of(const char *codec, int level)
{
    struct kafka_options o;
    kafka_options_init(&o);
    o.compression = codec;
    o.compression_level = level;
    return kafka_codec_memory(&o);
}

Test(codec, high_levels_of_zstd_take_memory)
{
    cr_assert_eq(memory_of(NULL, KAFKA_LEVEL_DEFAULT), 0);
    cr_assert_eq(memory_of("lz4", 12), 0);
    cr_assert_eq(memory_of("gzip", 9), 0);
    cr_assert_gt(memory_of("zstd", KAFKA_LEVEL_DEFAULT), 1u << 20);
    cr_assert_eq(memory_of("zstd", KAFKA_LEVEL_DEFAULT), memory_of("zstd", 3));
    size_t last = 0;
    for (int level = 1; level <= 12; level++) {
        cr_assert_geq(memory_of("zstd", level), last, "level %d", level);
        last = memory_of("zstd", level);
    }
    cr_assert_gt(last, 32u << 20);
}
