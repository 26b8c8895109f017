/*
 * What a task says about its destination, and the librdkafka configuration
 * that is made of it.
 *
 * The promises of the program rest on a handful of librdkafka properties
 * (idempotence, acks, timeouts, who partitions): those are set here and cannot
 * be overridden through `properties`; everything else can, and has the last
 * word over what is set here.
 *
 *   acks      idempotent   in flight          a repeat or a gap is possible
 *   -1 (all)  yes          5 a partition      no
 *   -1, plain no           1 a broker         a repeat, when a connection is lost
 *   1         no           1 a broker         when a leader is lost
 *   0         no           1 a broker         whenever a connection is lost
 *
 * message.timeout.ms is 0: librdkafka tries for ever, and how long an outage
 * may last is for the owner of the producer to decide (kafka_producer_state()).
 *
 * Threads: all functions are pure; the options are borrowed for the call.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kafka_embedded;
struct rd_kafka_conf_s;
struct rd_kafka_s;

/* A librdkafka property by its own name. */
struct kafka_property {
    const char *name;
    const char *value;
};

/*
 * NULL strings mean "not given". Names and values of security, SASL mechanism
 * and compression are librdkafka's own, which are those of the task file.
 */
struct kafka_options {
    const char *brokers;             /* HOST:PORT,...; ignored when embedded is set */
    struct kafka_embedded *embedded; /* borrowed; the broker in this process */
    const char *client_id;           /* shown in broker logs; NULL is "rowcast" */

    const char *security;       /* plaintext, ssl, sasl_plaintext, sasl_ssl; NULL is plaintext */
    const char *sasl_mechanism; /* PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 */
    const char *sasl_user;
    const char *sasl_password;
    const char *tls_ca; /* files, PEM */
    const char *tls_cert;
    const char *tls_key;

    const char *compression; /* none, lz4, gzip, snappy, zstd; NULL is lz4 */
    int compression_level;   /* the codec's own scale; KAFKA_LEVEL_DEFAULT */
    int acks;                /* 0, 1, or -1 for all */
    bool plain;              /* no idempotence, for brokers that have none (ERR_DEST_OLD) */
    int linger_us;           /* KAFKA_LINGER_DEFAULT, or how long a batch may wait for company */
    size_t message_max;      /* bytes of the uncompressed batch of one message; 0 is 1 MiB */
    size_t queue_bytes;      /* what one producer may hold, see kafka_produce(); 0 is 8 MiB */
    const char *transactional_id; /* of a client for transactions (txn.h); NULL: none */

    const struct kafka_property *properties; /* `librdkafka:` of the task file */
    size_t property_count;
};

#define KAFKA_LEVEL_DEFAULT  (-1000)
#define KAFKA_LINGER_DEFAULT (-1) /* 5 ms: a bound, kafka_hurry() ends batches earlier */
#define KAFKA_MESSAGE_MAX    ((size_t)1 << 20) /* when 0 is given */
#define KAFKA_QUEUE_BYTES    ((size_t)8 << 20)

/* Everything not given; acks all. */
void kafka_options_init(struct kafka_options *o);

/*
 * Whether all of the options can be used: unknown or refused properties, bad
 * values, files that cannot be read, contradictions. ERR_CONFIG with a
 * sentence that names the property.
 */
NODISCARD enum err kafka_options_check(const struct kafka_options *o, struct errmsg *msg);

/*
 * Whether a property may be given by name. ERR_CONFIG when a promise depends
 * on it or when it has a key of its own in the task file; the sentence names
 * that key or the reason.
 */
NODISCARD enum err kafka_property_check(const char *name, struct errmsg *msg);

/* What a client is for: a producer, one that only asks (topic.h), one that reads what is committed
 * (kept.h). */
enum kafka_client { KAFKA_PRODUCES, KAFKA_ASKS, KAFKA_READS };

/*
 * Within this room: a librdkafka configuration, owned by the caller until it
 * is given to kafka_client_new(). No events or callbacks are set but the log's.
 */
NODISCARD enum err kafka_conf_new(const struct kafka_options *o, enum kafka_client client,
                                  struct rd_kafka_conf_s **out, struct errmsg *msg);

/* Within this room: a client; conf is taken over, on failure too. ERR_CONFIG. */
NODISCARD enum err kafka_client_new(enum kafka_client client, struct rd_kafka_conf_s *conf,
                                    struct rd_kafka_s **out, struct errmsg *msg);

/*
 * Within this room: what makes a batch full. librdkafka sends it as soon as it
 * has the last one of so many messages; one that is full by its bytes waits for
 * the linger time, since it holds bytes against the same limit with and without
 * overhead.
 */
struct kafka_batch {
    size_t bytes; /* the heads of request and record batch included */
    uint32_t messages;
};

/*
 * Within this room: shared: of the one client that all lanes have within
 * transactions, which has one connection and one thread for each broker, and
 * so pays for every request with time that the others wait for.
 */
struct kafka_batch kafka_conf_batch(const struct kafka_options *o, bool shared);
