/*
 * Names to addresses, within a time.
 *
 * The C library's resolver blocks for as long as the system's settings say and
 * cannot be interrupted, so a name is looked up on a thread of its own, which
 * is left behind when the time is over. Addresses in digits need no thread.
 */
#pragma once

#include "base/err.h"

#include <netdb.h>
#include <stdatomic.h>
#include <stdint.h>

/*
 * Stream addresses of host in the order to try; freeaddrinfo() is the
 * caller's. ERR_UNREACHABLE, ERR_TIMEOUT, ERR_STOPPED, ERR_SYSTEM.
 */
NODISCARD enum err net_resolve(const char *host, uint16_t port, uint64_t deadline_mono_ms,
                               const atomic_bool *stop, struct addrinfo **out, struct errmsg *em);
