/* librdkafka's statistics, and texts that are none. */
#include "kafka/stats.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As librdkafka writes it, cut to what matters. */
static const char good[] =
    "{ \"name\": \"rdkafka#producer-1\", \"client_id\": \"a\", \"msg_cnt\":12, \"msg_size\":3400, "
    "\"brokers\":{ \"b1:9092/bootstrap\": { \"name\":\"b1:9092/bootstrap\", \"nodeid\":-1, "
    "\"state\":\"UP\", \"tx\":3 } , \"b1:9092/7\": { \"name\":\"b1:9092/7\", \"nodeid\":7, "
    "\"state\":\"UP\", \"outbuf_cnt\":1, \"waitresp_cnt\":2, \"tx\":100, \"txbytes\":5000, "
    "\"txerrs\":4, \"txretries\":5, \"req_timeouts\":6, \"rxbytes\":800, \"connects\":9, "
    "\"disconnects\":8, \"rtt\": { \"min\":1,\"avg\":1500, \"p99\":9000 }, \"throttle\": { "
    "\"max\":20 }, \"toppars\":{ \"t-0\": { \"topic\":\"t\", \"partition\":0} } } , \"b2:9092/8\": "
    "{ "
    "\"nodeid\":8, \"state\":\"DOWN\", \"tx\":-1 } }, \"topics\":{ \"t\": { \"topic\":\"t\", "
    "\"batchsize\": { \"avg\":77 } } } , \"tx\":103 }";

Test(kafka_stats, brokers_and_the_queue_are_taken)
{
    struct kafka_stats *s = NULL;
    cr_assert_eq(kafka_stats_parse(slice_str(good), &s), ERR_OK);
    cr_assert_eq(s->queue_messages, 12);
    cr_assert_eq(s->queue_bytes, 3400);
    cr_assert_eq(s->broker_count, 2, "an address that was only given is no broker");
    const struct kafka_broker_stats *b = &s->brokers[0];
    cr_assert_str_eq(b->name, "b1:9092/7");
    cr_assert(b->up);
    cr_assert_eq(b->requests, 100);
    cr_assert_eq(b->errors, 4);
    cr_assert_eq(b->retries, 5);
    cr_assert_eq(b->timeouts, 6);
    cr_assert_eq(b->connects, 9);
    cr_assert_eq(b->disconnects, 8);
    cr_assert_eq(b->sent_bytes, 5000);
    cr_assert_eq(b->received_bytes, 800);
    cr_assert_eq(b->queued, 1);
    cr_assert_eq(b->waiting, 2);
    cr_assert_eq(b->rtt_us, 1500);
    cr_assert_eq(b->rtt_p99_us, 9000);
    cr_assert_eq(b->throttle_us, 20000);
    cr_assert_not(s->brokers[1].up);
    cr_assert_eq(s->brokers[1].requests, 0, "what is below 0 counts as 0");
    free(s);
}

Test(kafka_stats, topics_are_not_even_read)
{
    struct kafka_stats *s = NULL;
    char text[sizeof(good)];
    memcpy(text, good, sizeof(good));
    memset(strstr(text, "\"topics\":") + 9, '{', 20);
    cr_assert_eq(kafka_stats_parse(slice_str(text), &s), ERR_OK);
    cr_assert_eq(s->broker_count, 2);
    free(s);
}

Test(kafka_stats, every_text_that_is_cut_off_before_the_topics_is_refused)
{
    size_t whole = (size_t)(strstr(good, "\"topics\":") - good) + 9;
    for (size_t n = 0; n < whole; n++) {
        struct kafka_stats *s = NULL;
        cr_assert_eq(kafka_stats_parse(slice_of(good, n), &s), ERR_MALFORMED, "%zu bytes", n);
        cr_assert_null(s);
    }
}

Test(kafka_stats, what_is_no_object_of_brokers_is_refused)
{
    static const char *const texts[] = {
        "", "[]", "{}", "{\"brokers\":[]}", "{\"brokers\":7}", "\"topics\":"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct kafka_stats *s = NULL;
        cr_assert_eq(kafka_stats_parse(slice_str(texts[i]), &s), ERR_MALFORMED, "%s", texts[i]);
    }
    static const char odd[] =
        "{\"brokers\":{\"a\":1,\"b\":{\"nodeid\":\"x\"},\"c\":{\"nodeid\":1,\"rtt\":[]}}}";
    struct kafka_stats *s = NULL;
    cr_assert_eq(kafka_stats_parse(slice_str(odd), &s), ERR_OK);
    cr_assert_eq(s->broker_count, 1);
    free(s);
}

Test(kafka_stats, there_is_a_most_of_bytes_and_of_brokers)
{
    struct kafka_stats *s = NULL;
    char *text = malloc(KAFKA_STATS_BYTES + 1);
    memset(text, ' ', KAFKA_STATS_BYTES + 1);
    cr_assert_eq(kafka_stats_parse(slice_of(text, KAFKA_STATS_BYTES + 1), &s), ERR_TOO_LARGE);
    cr_assert_eq(kafka_stats_parse(slice_of(text, KAFKA_STATS_BYTES), &s), ERR_MALFORMED);
    size_t n = (size_t)snprintf(text, 100, "{\"brokers\":{");
    for (int i = 0; i <= KAFKA_STATS_BROKERS; i++)
        n += (size_t)snprintf(text + n, 100, "%s\"b%d\":{\"nodeid\":%d}", i > 0 ? "," : "", i, i);
    n += (size_t)snprintf(text + n, 100, "}}");
    cr_assert_eq(kafka_stats_parse(slice_of(text, n), &s), ERR_OK);
    cr_assert_eq(s->broker_count, KAFKA_STATS_BROKERS);
    free(s);
    free(text);
}
