/*
 * GTIDs of MariaDB: domain-server-sequence, and positions made of them.
 *
 * A position holds the last GTID of each domain. Within a domain the newest
 * one counts, even if its sequence number is lower (several writers without
 * gtid_strict_mode); domains have no order among each other.
 *
 * A position is a plain value; all zero is the empty one. Not thread-safe.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct writer;

#define MARIA_DOMAINS_MAX 65536u

struct maria_gtid {
    uint32_t domain;
    uint32_t server_id;
    uint64_t sequence;
};

struct maria_gtid_pos {
    uint32_t count;
    uint32_t cap;
    uint32_t last;            /* index of the domain that was updated last; a hint */
    struct maria_gtid *gtids; /* ascending by domain */
};

void maria_gtid_pos_fini(struct maria_gtid_pos *p);
void maria_gtid_pos_clear(struct maria_gtid_pos *p);

/* to must be a valid position; what it held is replaced. */
NODISCARD enum err maria_gtid_pos_copy(struct maria_gtid_pos *to,
                                       const struct maria_gtid_pos *from);

/* "0-1-100". */
NODISCARD enum err maria_gtid_parse(struct slice text, struct maria_gtid *out);

/* Replaces p: "0-1-100,1-2-5", spaces around items allowed, "" is empty. A domain twice is
 * ERR_MALFORMED. p is empty after a failure. */
NODISCARD enum err maria_gtid_pos_parse(struct maria_gtid_pos *p, struct slice text);

/* As @@gtid_binlog_pos shows it, ascending by domain. */
void maria_gtid_pos_print(const struct maria_gtid_pos *p, struct writer *w);

/* g is the newest of its domain. O(1) for the domain of the last call. */
NODISCARD enum err maria_gtid_pos_update(struct maria_gtid_pos *p, const struct maria_gtid *g);

/* NULL: nothing of that domain. Valid until the position changes. */
const struct maria_gtid *maria_gtid_pos_get(const struct maria_gtid_pos *p, uint32_t domain);

bool maria_gtid_pos_equal(const struct maria_gtid_pos *a, const struct maria_gtid_pos *b);
