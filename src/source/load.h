/*
 * How busy a server is, for whoever reads much of it and should not be felt.
 */
#pragma once

#include "source/server.h"

enum { SRC_LOAD_HISTORY = 1, SRC_LOAD_THREADS = 2, SRC_LOAD_LAG = 4 };

struct src_load {
    uint64_t history_length;  /* of InnoDB: transactions whose old rows are still kept */
    uint64_t threads_running; /* the session that asks included */
    bool replica;             /* the server replicates from another one */
    bool replica_stopped;     /* on some channel it does not, now: its lag is not known */
    uint64_t replica_lag_s;   /* of the channel that is furthest behind */
};

/*
 * Reads those that `what` names; the others are 0. ERR_ACCESS_DENIED names the
 * GRANT: PROCESS for the history, REPLICATION CLIENT (MariaDB: SLAVE MONITOR)
 * for the lag.
 */
NODISCARD enum err src_load_read(struct src_session *s, const struct src_server *sv, unsigned what,
                                 struct src_load *out, struct errmsg *em);
