/*
 * The courier: carries alerts to a webhook and to a command, on a thread of its
 * own, so that neither can hold anything up.
 *
 * A webhook that does not answer 2xx within 10 s is tried again, five times in
 * all within about a minute; a command is ended after 30 s. Both outcomes are
 * logged. Sixteen messages wait at most, then the oldest is dropped.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

struct courier;

NODISCARD enum err courier_new(struct courier **out);

/* Where to, from the next message on; NULL: nowhere. Copied. */
void courier_set(struct courier *c, const char *webhook, const char *command);

/* Takes a copy of a message. */
void courier_send(struct courier *c, struct slice message);

/* Waits for what is under way, that long at most, and ends. NULL is allowed. */
void courier_free(struct courier *c, uint64_t wait_ms);
