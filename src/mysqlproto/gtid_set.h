/*
 * Sets of MySQL GTIDs, tags included.
 *
 * A set is a sorted list of sources (uuid and tag), each with a sorted list of
 * half-open intervals that neither overlap nor touch. It is a plain value:
 * embed it, my_gtid_set_init() it (all zero is an empty set as well) and
 * my_gtid_set_fini() it.
 *
 * Cost: adding the gno that follows the last one of the source that was added
 * to last is O(1) and allocates nothing; other additions are a binary search
 * and at worst one move of the intervals of one source.
 *
 * Functions that may fail do so for want of memory (ERR_NO_MEMORY), for a set
 * beyond the bounds below (ERR_TOO_LARGE), or for bad input (ERR_MALFORMED,
 * ERR_TRUNCATED); the set is then unchanged unless said otherwise.
 *
 * Not thread-safe.
 */
#pragma once

#include "mysqlproto/gtid.h"

#define MY_GTID_SOURCES_MAX   (1u << 16)
#define MY_GTID_INTERVALS_MAX (1u << 22) /* of one source */

struct my_gno_interval {
    uint64_t start; /* first gno, at least 1 */
    uint64_t end;   /* one past the last gno, at most MY_GNO_MAX + 1 */
};

struct my_gtid_source {
    uint8_t uuid[MY_UUID_LEN];
    uint8_t tag_len;
    char tag[MY_GTID_TAG_MAX];
    uint32_t count;
    uint32_t cap;
    struct my_gno_interval *intervals;
};

struct my_gtid_set {
    uint32_t count;
    uint32_t cap;
    uint32_t last; /* index of the source that was added to last; a hint */
    struct my_gtid_source *sources;
};

void my_gtid_set_init(struct my_gtid_set *s);
void my_gtid_set_fini(struct my_gtid_set *s);
void my_gtid_set_clear(struct my_gtid_set *s);

/* to must be initialised; what it held is replaced. */
NODISCARD enum err my_gtid_set_copy(struct my_gtid_set *to, const struct my_gtid_set *from);

/*
 * Adds the GTIDs of the server's text form to s: "uuid:1-5:7:tag:1-3,uuid2:4".
 * White space, empty items, either case and any order are taken, as the server
 * takes them. On failure s may hold a part of them.
 */
NODISCARD enum err my_gtid_set_parse(struct my_gtid_set *s, struct slice text);

/* Canonical text: lower case, sorted, no spaces. */
void my_gtid_set_print(const struct my_gtid_set *s, struct writer *w);

NODISCARD enum err my_gtid_set_add(struct my_gtid_set *s, const struct my_gtid *g);

/* gnos first .. end - 1 of the uuid and tag in g; g->gno is not looked at. */
NODISCARD enum err my_gtid_set_add_interval(struct my_gtid_set *s, const struct my_gtid *g,
                                            uint64_t first, uint64_t end);

/* Union; on failure s may hold a part of other. */
NODISCARD enum err my_gtid_set_add_set(struct my_gtid_set *s, const struct my_gtid_set *other);

/* out = a without what is in b; out must be initialised and neither a nor b. */
NODISCARD enum err my_gtid_set_subtract(const struct my_gtid_set *a, const struct my_gtid_set *b,
                                        struct my_gtid_set *out);

bool my_gtid_set_contains(const struct my_gtid_set *s, const struct my_gtid *g);
bool my_gtid_set_subset(const struct my_gtid_set *sub, const struct my_gtid_set *super);
bool my_gtid_set_equal(const struct my_gtid_set *a, const struct my_gtid_set *b);
bool my_gtid_set_empty(const struct my_gtid_set *s);
bool my_gtid_set_tagged(const struct my_gtid_set *s);    /* some source has a tag */
uint64_t my_gtid_set_gtids(const struct my_gtid_set *s); /* how many; saturates */

/*
 * Binary form of COM_BINLOG_DUMP_GTID and PREVIOUS_GTIDS. Tagged sets take the
 * form of servers from 8.3 on, the others the form that every server reads.
 */
void my_gtid_set_encode(const struct my_gtid_set *s, struct writer *w);

/* Replaces s. Both forms. All of bytes must be used up. s is empty after a failure. */
NODISCARD enum err my_gtid_set_decode(struct my_gtid_set *s, struct slice bytes);
