/*
 * Writes what lies in a topic to a message file for kafka_floor.
 *
 *   dump_topic -b HOST:PORT -t TOPIC [-o by-id | by-partition] FILE
 *
 * Every partition is read from its beginning to the end it had at the start.
 * by-id puts the messages into the order in which rowcast numbered them (the
 * "id" of Canal JSON and of DTS Avro), which is the order of the binlog;
 * by-partition leaves one partition's messages together. The format stands at the head of
 * kafka_floor.c. One line of JSON on stdout: messages, bytes of keys, bytes of
 * values.
 */
#include <librdkafka/rdkafka.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SILENCE_MS 20000

struct message {
    uint64_t id;
    uint8_t *bytes; /* key, then value */
    uint32_t key_len;
    uint32_t value_len;
    int32_t partition;
};

static struct {
    struct message *at;
    size_t count;
    size_t room;
} all;

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("dump_topic: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static rd_kafka_t *consumer(const char *brokers)
{
    static const char *const properties[][2] = {
        {"group.id", "dump"},
        {"enable.auto.commit", "false"},
        {"auto.offset.reset", "error"},
        {"enable.partition.eof", "true"},
        {"fetch.max.bytes", "16000000"},
        {"max.partition.fetch.bytes", "8000000"},
    };
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why) != 0)
        die("%s", why);
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        if (rd_kafka_conf_set(conf, properties[i][0], properties[i][1], why, sizeof why) != 0)
            die("%s", why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (rk == NULL)
        die("%s", why);
    rd_kafka_poll_set_consumer(rk);
    return rk;
}

/* Assigns all partitions that hold something; returns their number. */
static int assign(rd_kafka_t *rk, const char *topic)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    rd_kafka_resp_err_t e = rd_kafka_metadata(rk, 0, rkt, &md, 10000);
    if (e || md->topic_cnt != 1 || md->topics[0].err)
        die("topic %s: %s", topic, rd_kafka_err2str(e ? e : md->topics[0].err));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    for (int i = 0; i < md->topics[0].partition_cnt; i++) {
        int64_t low, high;
        e = rd_kafka_query_watermark_offsets(rk, topic, i, &low, &high, 10000);
        if (e)
            die("topic %s [%d]: %s", topic, i, rd_kafka_err2str(e));
        if (high > low)
            rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    int n = list->cnt;
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(rkt);
    return n;
}

/* The member id, a number; a column may have the same name, and is a text. */
static uint64_t id_in_json(const char *p, const char *end)
{
    static const char mark[] = "\"id\":";
    uint64_t id = 0;
    while (id == 0 && (p = memmem(p, (size_t)(end - p), mark, sizeof mark - 1)) != NULL)
        for (p += sizeof mark - 1; p < end && *p >= '0' && *p <= '9'; p++)
            id = id * 10 + (uint64_t)(*p - '0');
    return id;
}

/* The second field of the record, a long; the first is a version of 0. */
static uint64_t id_in_avro(const uint8_t *p, const uint8_t *end)
{
    uint64_t zigzag = 0;
    unsigned shift = 0;
    for (p++; p < end && shift < 64; p++, shift += 7) {
        zigzag |= (uint64_t)(*p & 0x7F) << shift;
        if (*p < 0x80)
            break;
    }
    return zigzag >> 1;
}

static uint64_t id_of(const rd_kafka_message_t *m)
{
    const char *p = m->payload, *end = p + m->len;
    if (m->len > 0 && *p == '{')
        return id_in_json(p, end);
    return id_in_avro((const uint8_t *)p, (const uint8_t *)end);
}

static void keep(const rd_kafka_message_t *m)
{
    if (all.count == all.room) {
        all.room = all.room == 0 ? 1 << 16 : 2 * all.room;
        all.at = realloc(all.at, all.room * sizeof *all.at);
        if (all.at == NULL)
            die("out of memory");
    }
    struct message *mine = &all.at[all.count++];
    mine->id = id_of(m);
    mine->partition = m->partition;
    mine->key_len = (uint32_t)m->key_len;
    mine->value_len = (uint32_t)m->len;
    mine->bytes = malloc(m->key_len + m->len + 1);
    if (mine->bytes == NULL)
        die("out of memory");
    memcpy(mine->bytes, m->key, m->key_len);
    memcpy(mine->bytes + m->key_len, m->payload, m->len);
}

static void consume(rd_kafka_t *rk, int partitions)
{
    while (partitions > 0) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, SILENCE_MS);
        if (m == NULL)
            die("nothing came for %d ms", SILENCE_MS);
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            keep(m);
        else if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            partitions--;
        else
            die("%s", rd_kafka_message_errstr(m));
        rd_kafka_message_destroy(m);
    }
}

static int by_id(const void *a, const void *b)
{
    const struct message *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int by_partition(const void *a, const void *b)
{
    const struct message *x = a, *y = b;
    return x->partition != y->partition ? x->partition - y->partition : by_id(a, b);
}

static void put(FILE *f, uint64_t v, int bytes)
{
    for (; bytes > 0; bytes--, v >>= 8)
        putc((int)(v & 255), f);
}

static void write_file(const char *path, const char *topic)
{
    uint64_t keys = 0, values = 0;
    FILE *f = fopen(path, "wb");
    if (f == NULL)
        die("%s: %m", path);
    fputs("KFLOOR1\n", f);
    put(f, 1, 4);
    put(f, strlen(topic), 2);
    fputs(topic, f);
    for (size_t i = 0; i < all.count; i++) {
        const struct message *m = &all.at[i];
        put(f, 0, 2);
        put(f, (uint64_t)m->partition, 4);
        put(f, m->key_len, 4);
        put(f, m->value_len, 4);
        fwrite(m->bytes, 1, m->key_len + m->value_len, f);
        keys += m->key_len;
        values += m->value_len;
    }
    if (ferror(f) || fclose(f) != 0)
        die("%s: %m", path);
    printf("{\"bench\":\"dump_topic\",\"messages\":%zu,\"key_bytes\":%llu,\"value_bytes\":%llu}\n",
           all.count, (unsigned long long)keys, (unsigned long long)values);
}

int main(int argc, char **argv)
{
    const char *brokers = NULL, *topic = NULL, *order = "by-id";
    int c;
    while ((c = getopt(argc, argv, "b:t:o:")) != -1) {
        if (c == 'b')
            brokers = optarg;
        else if (c == 't')
            topic = optarg;
        else if (c == 'o')
            order = optarg;
        else
            die("see the head of bench/dump_topic.c");
    }
    if (optind + 1 != argc || brokers == NULL || topic == NULL)
        die("see the head of bench/dump_topic.c");
    rd_kafka_t *rk = consumer(brokers);
    consume(rk, assign(rk, topic));
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    qsort(all.at, all.count, sizeof *all.at, strcmp(order, "by-id") == 0 ? by_id : by_partition);
    write_file(argv[optind], topic);
    for (size_t i = 0; i < all.count; i++)
        free(all.at[i].bytes);
    free(all.at);
    return 0;
}
