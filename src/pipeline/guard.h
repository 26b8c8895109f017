/*
 * The guard: pauses the full copy while the source or its replicas are busy
 * (throttle.protect).
 *
 * A thread that looks once a second, on connections of its own: at the source,
 * and at the replicas that are named. A server that cannot be asked does not
 * pause the copy; it is said once.
 *
 * Threads: guard_start() and guard_stop() the owner's, guard_paused() and
 * guard_why() anyone's.
 */
#pragma once

#include "config/task.h"
#include "source/server.h"

#include <stdatomic.h>

struct guard;

/*
 * It looks while *copying. *out NULL: no limit is set, there is nothing to do.
 * Everything is borrowed.
 */
NODISCARD enum err guard_start(const struct task_config *task, const struct src_options *source,
                               const struct src_server *server, const atomic_bool *copying,
                               const atomic_bool *stop, struct guard **out, struct errmsg *em);

/* Waits for the thread. NULL is fine. */
void guard_stop(struct guard *g);

/* NULL: never. */
bool guard_paused(const struct guard *g);

/* Why the copy pauses, in a sentence; "": it does not. Returns buf. */
const char *guard_why(struct guard *g, char *buf, size_t cap);
