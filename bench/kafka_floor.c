/*
 * The writing floor of the benchmark: what a bare librdkafka program needs to
 * produce the very messages that rowcast produced. Not one line of rowcast is
 * in it.
 *
 *   kafka_floor [options] FILE
 *     -b HOST:PORT   brokers; default: a mock cluster in this process
 *     -p N           partitions of a topic made in the mock cluster, at least
 *                    what FILE needs (default: that)
 *     -X NAME=VALUE  a librdkafka property, repeated; the last word
 *     -q BYTES       how many bytes may be queued, default 8 MiB, so that the
 *                    program is bounded as rowcast is
 *     -a produce | batch | producev   the call, default batch
 *     -n N           produce the file N times
 *     -t MS          in transactions, each committed when it is so old
 *
 * FILE, little-endian, as the bench writes it:
 *
 *   "KFLOOR1\n"                        8
 *   number of topics                   4
 *   for each topic: length 2, name
 *   for each message, up to the end of the file:
 *     topic, an index into the above   2
 *     partition                        4
 *     key length                       4   0: no key
 *     value length                     4
 *     key, value
 *
 * Everything is read into memory first and produced in the order of the file;
 * neighbours with the same topic and partition go in one call. Payloads are
 * not copied. The clock runs from the first message queued to the last
 * acknowledgement or, with -t, to the end of the last commit, after a metadata
 * request for each topic has been answered and the producer id is there. One
 * line of JSON on stdout.
 */
#include <librdkafka/rdkafka.h>
/* After rdkafka.h, as it demands. */
#include <librdkafka/rdkafka_mock.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define TOPICS_MAX 1024
#define RUN_MAX    64

enum call { CALL_BATCH, CALL_PRODUCE, CALL_PRODUCEV };

struct topic {
    char name[256];
    int partitions; /* highest used, plus one */
    rd_kafka_topic_t *rkt;
};

struct message {
    uint8_t *key;
    uint8_t *value;
    uint32_t key_len;
    uint32_t value_len;
    uint32_t partition;
    uint32_t topic;
};

struct input {
    uint8_t *bytes;
    size_t size;
    struct topic topics[TOPICS_MAX];
    size_t topic_count;
    struct message *messages;
    size_t count;
    uint64_t payload; /* keys and values */
};

static struct {
    const char *file;
    const char *brokers;
    const char *properties[64];
    size_t property_count;
    int partitions;
    int times;
    int txn_ms; /* 0: no transactions */
    size_t queue_bytes;
    enum call call;
} opt = {.times = 1, .queue_bytes = 8 << 20};

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("kafka_floor: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static uint32_t u16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const uint8_t *p)
{
    return u16(p) | u16(p + 2) << 16;
}

/* Takes n bytes at *at, or dies. */
static uint8_t *take(struct input *in, size_t *at, size_t n)
{
    if (in->size - *at < n)
        die("%s: cut short at byte %zu", opt.file, *at);
    uint8_t *p = in->bytes + *at;
    *at += n;
    return p;
}

static void slurp(struct input *in)
{
    FILE *f = fopen(opt.file, "rb");
    if (f == NULL)
        die("%s: %m", opt.file);
    if (fseek(f, 0, SEEK_END) != 0)
        die("%s: %m", opt.file);
    in->size = (size_t)ftell(f);
    rewind(f);
    in->bytes = malloc(in->size + 1);
    if (in->bytes == NULL || fread(in->bytes, 1, in->size, f) != in->size)
        die("%s: cannot be read", opt.file);
    fclose(f);
}

static void parse(struct input *in)
{
    size_t at = 0, room = 0;
    if (memcmp(take(in, &at, 8), "KFLOOR1\n", 8) != 0)
        die("%s: not a message file", opt.file);
    in->topic_count = u32(take(in, &at, 4));
    if (in->topic_count > TOPICS_MAX)
        die("%s: %zu topics", opt.file, in->topic_count);
    for (size_t i = 0; i < in->topic_count; i++) {
        size_t n = u16(take(in, &at, 2));
        if (n >= sizeof in->topics[i].name)
            die("%s: a topic name of %zu bytes", opt.file, n);
        memcpy(in->topics[i].name, take(in, &at, n), n);
        in->topics[i].partitions = 1;
    }
    while (at < in->size) {
        if (in->count == room) {
            room = room == 0 ? 1 << 16 : 2 * room;
            in->messages = realloc(in->messages, room * sizeof *in->messages);
            if (in->messages == NULL)
                die("out of memory");
        }
        struct message *m = &in->messages[in->count++];
        const uint8_t *head = take(in, &at, 14);
        m->topic = u16(head);
        m->partition = u32(head + 2);
        m->key_len = u32(head + 6);
        m->value_len = u32(head + 10);
        if (m->topic >= in->topic_count || m->partition >= 100000)
            die("%s: a bad message before byte %zu", opt.file, at);
        m->key = take(in, &at, m->key_len);
        m->value = take(in, &at, m->value_len);
        in->payload += m->key_len + m->value_len;
        if ((int)m->partition >= in->topics[m->topic].partitions)
            in->topics[m->topic].partitions = (int)m->partition + 1;
    }
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        die("%s", why);
}

static rd_kafka_t *producer(const char *brokers)
{
    char why[256], kbytes[32];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    set(conf, "enable.idempotence", "true");
    set(conf, "acks", "all");
    set(conf, "compression.codec", "lz4");
    set(conf, "message.timeout.ms", "0");
    set(conf, "batch.num.messages", "1000000");
    set(conf, "queue.buffering.max.messages", "0");
    snprintf(kbytes, sizeof kbytes, "%zu", opt.queue_bytes / 1024);
    set(conf, "queue.buffering.max.kbytes", kbytes);
    for (size_t i = 0; i < opt.property_count; i++) {
        char *name = strdup(opt.properties[i]);
        char *value = strchr(name, '=');
        if (value == NULL)
            die("-X %s: NAME=VALUE", name);
        *value++ = '\0';
        set(conf, name, value);
        free(name);
    }
    if (opt.txn_ms > 0)
        set(conf, "transactional.id", "kafka_floor");
    /* A commit waits until somebody has taken all reports; without them it counts by itself. */
    rd_kafka_conf_set_events(conf, (opt.txn_ms > 0 ? 0 : RD_KAFKA_EVENT_DR) | RD_KAFKA_EVENT_ERROR);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (rk == NULL)
        die("%s", why);
    return rk;
}

static rd_kafka_mock_cluster_t *mock(const struct input *in, rd_kafka_t **home)
{
    char why[256];
    *home = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    rd_kafka_mock_cluster_t *c = *home != NULL ? rd_kafka_mock_cluster_new(*home, 1) : NULL;
    if (c == NULL)
        die("no mock cluster: %s", why);
    for (size_t i = 0; i < in->topic_count; i++) {
        int n =
            in->topics[i].partitions > opt.partitions ? in->topics[i].partitions : opt.partitions;
        (void)rd_kafka_mock_topic_create(c, in->topics[i].name, n, 1);
    }
    return c;
}

static size_t acknowledged;

/* Takes what reports there are; waits up to timeout_ms for the first. */
static void reports(rd_kafka_queue_t *q, int timeout_ms)
{
    rd_kafka_event_t *ev;
    while ((ev = rd_kafka_queue_poll(q, timeout_ms)) != NULL) {
        const rd_kafka_message_t *m;
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR) {
            while ((m = rd_kafka_event_message_next(ev)) != NULL) {
                if (m->err)
                    die("not delivered: %s", rd_kafka_err2str(m->err));
                acknowledged++;
            }
        } else if (rd_kafka_event_error_is_fatal(ev)) {
            die("%s", rd_kafka_event_error_string(ev));
        }
        rd_kafka_event_destroy(ev);
        timeout_ms = 0;
    }
}

static void warm_up(rd_kafka_t *rk, struct input *in)
{
    for (size_t i = 0; i < in->topic_count; i++) {
        const struct rd_kafka_metadata *md;
        in->topics[i].rkt = rd_kafka_topic_new(rk, in->topics[i].name, NULL);
        rd_kafka_resp_err_t e = rd_kafka_metadata(rk, 0, in->topics[i].rkt, &md, 10000);
        if (e || md->topic_cnt != 1 || md->topics[0].err)
            die("topic %s: %s", in->topics[i].name, rd_kafka_err2str(e ? e : md->topics[0].err));
        if (md->topics[0].partition_cnt < in->topics[i].partitions)
            die("topic %s: %d partitions, %d are used", in->topics[i].name,
                md->topics[0].partition_cnt, in->topics[i].partitions);
        rd_kafka_metadata_destroy(md);
    }
    usleep(1000000); /* producer id and connections */
}

/* Queues messages [i, i + n) that share topic and partition; returns how many were taken. */
static size_t queue_run(struct input *in, size_t i, size_t n)
{
    const struct message *m = &in->messages[i];
    rd_kafka_topic_t *rkt = in->topics[m->topic].rkt;

    if (opt.call != CALL_BATCH) {
        int bad = rd_kafka_produce(rkt, (int32_t)m->partition, 0, m->value, m->value_len,
                                   m->key_len > 0 ? m->key : NULL, m->key_len, NULL);
        if (bad && rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            die("%s", rd_kafka_err2str(rd_kafka_last_error()));
        return bad ? 0 : 1;
    }
    rd_kafka_message_t run[RUN_MAX];
    for (size_t k = 0; k < n; k++) {
        run[k].payload = m[k].value;
        run[k].len = m[k].value_len;
        run[k].key = m[k].key_len > 0 ? m[k].key : NULL;
        run[k].key_len = m[k].key_len;
        run[k]._private = NULL;
        run[k].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    (void)rd_kafka_produce_batch(rkt, (int32_t)m->partition, 0, run, (int)n);
    size_t good = 0;
    while (good < n && !run[good].err)
        good++;
    if (good < n && run[good].err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        die("%s", rd_kafka_err2str(run[good].err));
    return good;
}

static size_t queue_v(rd_kafka_t *rk, struct input *in, size_t i)
{
    const struct message *m = &in->messages[i];
    rd_kafka_vu_t v[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = in->topics[m->topic].rkt},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = (int32_t)m->partition},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {m->value, m->value_len}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {m->key, m->key_len}},
    };
    rd_kafka_error_t *e = rd_kafka_produceva(rk, v, sizeof v / sizeof *v);
    if (e == NULL)
        return 1;
    if (rd_kafka_error_code(e) != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        die("%s", rd_kafka_error_string(e));
    rd_kafka_error_destroy(e);
    return 0;
}

static void check_txn(rd_kafka_error_t *e)
{
    if (e != NULL)
        die("%s", rd_kafka_error_string(e));
}

static double txn_began;
static size_t commits;

static void begin(rd_kafka_t *rk)
{
    check_txn(rd_kafka_begin_transaction(rk));
    txn_began = seconds();
}

static void commit(rd_kafka_t *rk)
{
    check_txn(rd_kafka_commit_transaction(rk, -1));
    commits++;
}

static void produce_all(rd_kafka_t *rk, rd_kafka_queue_t *q, struct input *in)
{
    for (size_t i = 0; i < in->count;) {
        size_t n = 1;
        while (n < RUN_MAX && i + n < in->count &&
               in->messages[i + n].topic == in->messages[i].topic &&
               in->messages[i + n].partition == in->messages[i].partition)
            n++;
        size_t taken = opt.call == CALL_PRODUCEV ? queue_v(rk, in, i) : queue_run(in, i, n);
        if (opt.txn_ms > 0 && seconds() - txn_began > opt.txn_ms / 1e3) {
            commit(rk);
            begin(rk);
        }
        if (taken == 0)
            reports(q, opt.txn_ms > 0 ? 1 : 10); /* nothing ends this wait where none come */
        else if ((i & 255) + taken > 255)
            reports(q, 0);
        i += taken;
    }
}

static void options(int argc, char **argv)
{
    int c;
    while ((c = getopt(argc, argv, "b:p:X:q:a:n:t:")) != -1) {
        switch (c) {
        case 'b':
            opt.brokers = optarg;
            break;
        case 'p':
            opt.partitions = atoi(optarg);
            break;
        case 'X':
            if (opt.property_count == sizeof opt.properties / sizeof *opt.properties)
                die("too many -X");
            opt.properties[opt.property_count++] = optarg;
            break;
        case 'q':
            opt.queue_bytes = strtoull(optarg, NULL, 10);
            break;
        case 'a':
            opt.call = strcmp(optarg, "produce") == 0    ? CALL_PRODUCE
                       : strcmp(optarg, "producev") == 0 ? CALL_PRODUCEV
                                                         : CALL_BATCH;
            break;
        case 'n':
            opt.times = atoi(optarg);
            break;
        case 't':
            opt.txn_ms = atoi(optarg);
            break;
        default:
            die("see the head of bench/kafka_floor.c");
        }
    }
    if (optind + 1 != argc)
        die("one FILE is needed");
    opt.file = argv[optind];
}

int main(int argc, char **argv)
{
    static struct input in;
    static const char *const calls[] = {"batch", "produce", "producev"};
    options(argc, argv);
    slurp(&in);
    parse(&in);

    rd_kafka_t *home = NULL;
    rd_kafka_mock_cluster_t *cluster = opt.brokers == NULL ? mock(&in, &home) : NULL;
    rd_kafka_t *rk =
        producer(cluster != NULL ? rd_kafka_mock_cluster_bootstraps(cluster) : opt.brokers);
    rd_kafka_queue_t *q = rd_kafka_queue_get_main(rk);
    if (opt.txn_ms > 0)
        check_txn(rd_kafka_init_transactions(rk, 30000));
    warm_up(rk, &in);
    if (opt.txn_ms > 0)
        begin(rk);

    size_t total = in.count * (size_t)opt.times;
    double wall = seconds(), cpu = cpu_seconds();
    for (int i = 0; i < opt.times; i++)
        produce_all(rk, q, &in);
    if (opt.txn_ms > 0)
        commit(rk);
    while (opt.txn_ms == 0 && acknowledged < total)
        reports(q, 100);
    wall = seconds() - wall;
    cpu = cpu_seconds() - cpu;

    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("{\"bench\":\"kafka_floor\",\"broker\":\"%s\",\"call\":\"%s\",\"messages\":%zu,"
           "\"bytes\":%llu,\"file_bytes\":%zu,\"wall_s\":%.3f,\"cpu_s\":%.3f,"
           "\"cpu_us_per_message\":%.3f,\"commits\":%zu,\"max_rss_kb\":%ld}\n",
           cluster != NULL ? "embedded" : "real", calls[opt.call], total,
           (unsigned long long)in.payload * (unsigned long long)opt.times, in.size, wall, cpu,
           cpu * 1e6 / (double)total, commits, u.ru_maxrss);

    for (size_t i = 0; i < in.topic_count; i++)
        rd_kafka_topic_destroy(in.topics[i].rkt);
    rd_kafka_queue_destroy(q);
    rd_kafka_destroy(rk);
    if (cluster != NULL) {
        rd_kafka_mock_cluster_destroy(cluster);
        rd_kafka_destroy(home);
    }
    free(in.messages);
    free(in.bytes);
    return 0;
}
