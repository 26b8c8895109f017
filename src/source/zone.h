/*
 * The offsets of the source's time zone, learned from the server itself.
 *
 * A fixed offset (+HH:MM, UTC) needs no question. For SYSTEM and for named
 * zones the server is asked what FROM_UNIXTIME() makes of many instants
 * between 1970 and 2106, and each change found is narrowed down to its second,
 * many at a time: about 20 statements whatever the zone.
 */
#pragma once

#include "schema/zone.h"
#include "source/server.h"

/*
 * The zone named by @@global.time_zone. *out is one block of memory (steps
 * included): free() it.
 */
NODISCARD enum err src_zone_learn(struct src_session *s, const struct src_server *sv,
                                  struct zone **out, struct errmsg *em);

/* A zone with one offset; one block, free() it. */
NODISCARD enum err src_zone_fixed(int32_t offset_s, struct zone **out);
