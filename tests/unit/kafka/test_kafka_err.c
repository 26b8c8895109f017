/* The map of librdkafka's codes. */
#include "kafka/kafka_err.h"

#include <criterion/criterion.h>
#include <string.h>

Test(kafka_err, transport_faults_are_worth_a_retry_and_refusals_are_not)
{
    static const struct {
        rd_kafka_resp_err_t code;
        enum err_class class;
    } cases[] = {
        {RD_KAFKA_RESP_ERR_NO_ERROR, ERRC_OK},
        {RD_KAFKA_RESP_ERR__QUEUE_FULL, ERRC_WAIT},
        {RD_KAFKA_RESP_ERR__TRANSPORT, ERRC_BROKER},
        {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, ERRC_BROKER},
        {RD_KAFKA_RESP_ERR__RESOLVE, ERRC_BROKER},
        {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, ERRC_BROKER},
        {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, ERRC_BROKER},
        {RD_KAFKA_RESP_ERR__AUTHENTICATION, ERRC_DEST},
        {RD_KAFKA_RESP_ERR__SSL, ERRC_DEST},
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERRC_DEST},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ERRC_DEST},
        {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, ERRC_DEST},
        {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, ERRC_DEST},
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERRC_DATA},
        {RD_KAFKA_RESP_ERR__INVALID_ARG, ERRC_CONFIG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(err_class(kafka_err(cases[i].code)), cases[i].class, "%s",
                     rd_kafka_err2name(cases[i].code));
}

Test(kafka_err, every_code_that_librdkafka_knows_has_a_class_that_ends_or_retries)
{
    const struct rd_kafka_err_desc *all;
    size_t count;
    rd_kafka_get_err_descs(&all, &count);
    for (size_t i = 0; i < count; i++) {
        if (all[i].name == NULL || all[i].code == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        enum err_class c = err_class(kafka_err(all[i].code));
        cr_assert(c == ERRC_WAIT || c == ERRC_BROKER || c == ERRC_DEST || c == ERRC_DATA ||
                      c == ERRC_CONFIG || c == ERRC_BUG,
                  "%s", all[i].name);
    }
}

Test(kafka_err, a_certificate_that_the_broker_refuses_is_no_fault_of_the_transport)
{
    static const struct {
        rd_kafka_resp_err_t code, told;
        const char *text;
    } cases[] = {
        {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__SSL,
         "Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate required: SSL "
         "alert number 116 (after 1ms in state APIVERSION_QUERY)"},
        {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__SSL,
         "bad certificate: SSL alert number 42"},
        {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TRANSPORT,
         "internal: SSL alert number 80"},
        {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TRANSPORT, "Connection refused"},
        {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TRANSPORT, NULL},
        {RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT, "SSL alert number 42"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(kafka_err_told(cases[i].code, cases[i].text), cases[i].told, "%zu", i);
}

Test(kafka_err, what_a_user_can_mend_comes_with_the_way_out)
{
    char out[KAFKA_REMEDY_MAX];
    cr_assert_eq(
        strncmp(kafka_err_remedy(NULL, RD_KAFKA_RESP_ERR__AUTHENTICATION, NULL, out), ": ", 2), 0);
    cr_assert_eq(strncmp(kafka_err_remedy(NULL, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, NULL, out),
                         ": ", 2),
                 0);
    cr_assert_eq(
        strncmp(kafka_err_remedy(NULL, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, NULL, out), ": ", 2),
        0);
    cr_assert_str_eq(kafka_err_remedy(NULL, RD_KAFKA_RESP_ERR_NO_ERROR, NULL, out), "");
}
