/*
 * What messages come to on the wire under each compression codec.
 *
 * A gauge gathers messages into record batches per partition, cut as the
 * producer cuts them, and compresses each batch with every codec, at the
 * levels that librdkafka uses. The sums are those of a producer that is always
 * busy; one that is idle sends smaller batches, which compress less.
 *
 *   struct kafka_gauge *g;
 *   TRY(kafka_gauge_new(&options, &g));
 *   TRY(kafka_gauge_put(g, topic, partition, key, value));     per message
 *   TRY(kafka_gauge_finish(g, &sizes));
 *   kafka_gauge_free(g);
 *
 * Threads: one at a time per gauge.
 */
#pragma once

#include "base/slice.h"
#include "kafka/config.h"

#include <stdint.h>

enum kafka_codec { KAFKA_NONE, KAFKA_LZ4, KAFKA_GZIP, KAFKA_SNAPPY, KAFKA_ZSTD, KAFKA_CODECS };

/* As task files have them. */
extern const char *const kafka_codec_names[KAFKA_CODECS];

struct kafka_gauge;

struct kafka_sizes {
    uint64_t messages;
    uint64_t batches;
    uint64_t bytes[KAFKA_CODECS]; /* of batches, their heads included */
};

/* The options say how large batches are, and the level of their codec. */
NODISCARD enum err kafka_gauge_new(const struct kafka_options *o, struct kafka_gauge **out);
void kafka_gauge_free(struct kafka_gauge *g); /* may be NULL */

/* A message; topics are told apart by the number. key.len 0: none. */
NODISCARD enum err kafka_gauge_put(struct kafka_gauge *g, uint32_t topic, int32_t partition,
                                   struct slice key, struct slice value);

/* Ends the batches that are open. */
NODISCARD enum err kafka_gauge_finish(struct kafka_gauge *g, struct kafka_sizes *out);

/*
 * Working memory that the codec of the options takes while it compresses one
 * batch, at its level; 0 for those that take next to none. Any thread.
 */
size_t kafka_codec_memory(const struct kafka_options *o);
