/*
 * The consuming end of the latency figure: how long after its commit a change
 * is in a consumer's hands.
 *
 *   latency -b HOST:PORT -t TOPIC -n COUNT [-s SKIP] [-c COLUMN] [-w SECONDS]
 *
 * Every row of the load carries, in a column (default at_us), the time at
 * which its transaction was sent, in microseconds since 1970 by the clock of
 * this machine; that is before the commit, so the figure errs to the long
 * side. The topic is read from its end, which is announced by the line
 * "ready" on stdout, until COUNT messages have come or none for SECONDS
 * (default 10). The first SKIP messages are not counted. One line of JSON.
 *
 * The consumer asks as one does who is in a hurry: fetch.wait.max.ms is small
 * and fetch.min.bytes is 1.
 */
#include <librdkafka/rdkafka.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    const char *brokers;
    const char *topic;
    char mark[64]; /* "column":" */
    size_t count;
    size_t skip;
    int silence_s;
} opt = {.silence_s = 10};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "latency: %s: %s\n", what, why);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static rd_kafka_t *consumer(void)
{
    static const char *const properties[][2] = {
        {"group.id", "latency"},          {"enable.auto.commit", "false"},
        {"fetch.wait.max.ms", "5"},       {"fetch.min.bytes", "1"},
        {"socket.nagle.disable", "true"}, {"enable.partition.eof", "true"},
    };
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", opt.brokers, why, sizeof why) != 0)
        die("brokers", why);
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        if (rd_kafka_conf_set(conf, properties[i][0], properties[i][1], why, sizeof why) != 0)
            die("configuration", why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (rk == NULL)
        die("consumer", why);
    rd_kafka_poll_set_consumer(rk);
    return rk;
}

/* Takes all partitions, each from its end; returns their number. */
static int assign(rd_kafka_t *rk)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, opt.topic, NULL);
    rd_kafka_resp_err_t e = rd_kafka_metadata(rk, 0, rkt, &md, 10000);
    if (e || md->topic_cnt != 1 || md->topics[0].err)
        die(opt.topic, rd_kafka_err2str(e ? e : md->topics[0].err));
    int n = md->topics[0].partition_cnt;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    for (int i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, opt.topic, i)->offset = RD_KAFKA_OFFSET_END;
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(rkt);
    return n;
}

static int64_t stamp_of(const rd_kafka_message_t *m)
{
    const char *p = memmem(m->payload, m->len, opt.mark, strlen(opt.mark));
    if (p == NULL)
        die("a message without the column", opt.mark);
    const char *end = (const char *)m->payload + m->len;
    int64_t v = 0;
    for (p += strlen(opt.mark); p < end && *p >= '0' && *p <= '9'; p++)
        v = v * 10 + (*p - '0');
    return v;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void report(int64_t *late, size_t n, int64_t first, int64_t last)
{
    if (n == 0)
        die("nothing came", opt.topic);
    qsort(late, n, sizeof *late, ascending);
    double seconds = (double)(last - first) / 1e6;
    printf("{\"bench\":\"latency\",\"n\":%zu,\"rows_per_s\":%.0f,\"unit\":\"us\",\"min\":%lld,"
           "\"p50\":%lld,\"p90\":%lld,\"p99\":%lld,\"p999\":%lld,\"max\":%lld}\n",
           n, seconds > 0 ? (double)n / seconds : 0, (long long)late[0], (long long)late[n / 2],
           (long long)late[n * 9 / 10], (long long)late[n * 99 / 100],
           (long long)late[n * 999 / 1000], (long long)late[n - 1]);
}

static void options(int argc, char **argv)
{
    const char *column = "at_us";
    int c;
    while ((c = getopt(argc, argv, "b:t:n:s:c:w:")) != -1) {
        if (c == 'b')
            opt.brokers = optarg;
        else if (c == 't')
            opt.topic = optarg;
        else if (c == 'n')
            opt.count = strtoull(optarg, NULL, 10);
        else if (c == 's')
            opt.skip = strtoull(optarg, NULL, 10);
        else if (c == 'c')
            column = optarg;
        else if (c == 'w')
            opt.silence_s = atoi(optarg);
        else
            die("options", "see the head of bench/latency.c");
    }
    if (opt.brokers == NULL || opt.topic == NULL || opt.count <= opt.skip)
        die("options", "see the head of bench/latency.c");
    snprintf(opt.mark, sizeof opt.mark, "\"%s\":\"", column);
}

int main(int argc, char **argv)
{
    options(argc, argv);
    int64_t *late = calloc(opt.count, sizeof *late);
    if (late == NULL)
        die("latency", "out of memory");
    rd_kafka_t *rk = consumer();
    int waiting = assign(rk);
    size_t seen = 0, n = 0;
    int64_t first = 0, last = 0;
    while (seen < opt.count) {
        /* Until the load begins there is no telling how long that takes. */
        rd_kafka_message_t *m =
            rd_kafka_consumer_poll(rk, (seen > 0 ? 1 : 6) * opt.silence_s * 1000);
        if (m == NULL)
            break;
        int64_t now = now_us();
        if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            if (waiting > 0 && --waiting == 0) {
                puts("ready");
                fflush(stdout);
            }
        } else if (m->err) {
            die("consumer", rd_kafka_message_errstr(m));
        } else if (seen++ >= opt.skip) {
            first = n == 0 ? now : first;
            last = now;
            late[n++] = now - stamp_of(m);
        }
        rd_kafka_message_destroy(m);
    }
    report(late, n, first, last);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    free(late);
    return 0;
}
