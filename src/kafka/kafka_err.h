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

/* What a user can do about it: a clause for the end of a sentence, or NULL. */
const char *kafka_err_remedy(rd_kafka_resp_err_t e);
