/*
 * What librdkafka's error codes mean to us. The only place that maps them.
 * Within this room.
 */
#pragma once

#include "base/err.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/*
 * The class of a librdkafka or broker code: ERR_BROKER_DOWN is worth a retry,
 * everything else but ERR_OK and ERR_NO_ROOM is final.
 */
enum err kafka_err(rd_kafka_resp_err_t e);

/*
 * The code of an error event, told more exactly by its text: a broker that does
 * not accept our certificate closes a connection that TLS 1.3 has opened
 * already, which librdkafka takes for a fault of the transport.
 */
rd_kafka_resp_err_t kafka_err_told(rd_kafka_resp_err_t e, const char *text);

#define KAFKA_REMEDY_MAX 400

/*
 * What a user can do about it: ": " and a clause for the end of a sentence, or
 * "". Of a permission it names whom the client logs in as, and what is to be
 * granted; needs: the operations on a topic, NULL: Describe and Write.
 */
const char *kafka_err_remedy(rd_kafka_t *rk, rd_kafka_resp_err_t e, const char *needs,
                             char out[KAFKA_REMEDY_MAX]);

/* The client's principal as ACLs name it, without its "User:"; false: it comes from a certificate,
 * and out says so. */
bool kafka_principal(rd_kafka_t *rk, char *out, size_t cap);
