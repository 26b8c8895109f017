/*
 * What messages add up to: the last state of each key, as a digest.
 *
 * A key is a hash of 96 bits, a row the sum of the hashes of its columns, of
 * 128 bits, so that rows can be compared over the columns that both sides have
 * and nothing of their values is kept. A key costs 40 bytes, some 55 with the
 * room that the table has to spare.
 *
 * Keyless tables are folded as multisets: the key is the row's own digest, and
 * what is kept are numbers of rows.
 *
 * Threads: one at a time.
 */
#pragma once

#include "base/siphash.h"
#include "encode/message.h"

struct fold;

struct fold_key {
    uint64_t a;
    uint32_t b;
};

struct fold_entry {
    uint64_t key_a;
    uint32_t key_b;
    uint32_t partition; /* where its last message lies */
    struct hash128 row; /* multiset: numbers of rows, a in the messages and b at the source */
    uint64_t offset : 47;
    uint64_t seen : 1;
    uint64_t shape : 16; /* the columns that row is made of: fold_shape_of() */
};

/* A row's columns and their hashes. */
struct fold_row {
    struct hash128 sum;
    uint16_t shape;
    bool whole;             /* it has all columns */
    struct hash128 *hashes; /* by column; borrowed from the fold until its next row */
};

/* names: of the columns that count, copied; others of a message are passed over. NULL: no memory.
 */
struct fold *fold_new(const uint64_t secret[2], const struct slice *names, uint32_t count);
void fold_free(struct fold *f); /* may be NULL */

/* Only keys of one slice out of so many are kept; forgets all that was put. */
void fold_begin(struct fold *f, uint32_t slice, uint32_t slices);

struct fold_key fold_key_of(const struct fold *f, struct slice text);
struct fold_key fold_key_of_row(const struct fold_row *row);
bool fold_takes(const struct fold *f, struct fold_key key);

/* The image of a message. ERR_TOO_LARGE: rows of more kinds than can be told apart. */
NODISCARD enum err fold_row_of(struct fold *f, const struct message *m, bool after,
                               struct fold_row *out);

/*
 * The UPDATE's row before: for columns that the message does not have twice,
 * as after it.
 */
NODISCARD enum err fold_row_before(struct fold *f, const struct message *m, struct fold_row *out);

/* The entry of a key, made when it is not there; NULL: no memory. */
struct fold_entry *fold_put(struct fold *f, struct fold_key key);
struct fold_entry *fold_find(struct fold *f, struct fold_key key);
void fold_remove(struct fold *f, struct fold_key key);

enum fold_verdict {
    FOLD_EQUAL,
    FOLD_EQUAL_PARTLY, /* over the columns that both have */
    FOLD_DIFFERENT,
};

/* row: the fold's last one, or one whose hashes still stand. */
enum fold_verdict fold_compare(const struct fold *f, const struct fold_entry *e,
                               const struct fold_row *row);

uint64_t fold_count(const struct fold *f);
size_t fold_bytes(const struct fold *f);

/* Every entry, in no order; e may be changed but for its key. */
typedef void (*fold_walk_fn)(void *arg, struct fold_entry *e);
void fold_walk(struct fold *f, fold_walk_fn fn, void *arg);
