/*
 * What librdkafka's error codes mean to us. The only place that maps them.
 * Within this room.
 */
#pragma once

#include "base/err.h"

#include <librdkafka/rdkafka.h>

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

/* What a user can do about it: a clause for the end of a sentence, or NULL. */
const char *kafka_err_remedy(rd_kafka_resp_err_t e);
