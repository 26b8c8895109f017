/*
 * A place in the source's history, at a transaction boundary.
 *
 * With GTIDs the set (MySQL) or the state (MariaDB) is the position; file and
 * offset then only tell where that boundary lay on the server that was
 * followed, and are never used towards another one. Without GTIDs file and
 * offset are the position.
 *
 * A plain value, all zero is "nowhere". Not thread-safe.
 */
#pragma once

#include "mysqlproto/gtid_set.h"
#include "mysqlproto/mariadb_gtid.h"

#include <stdbool.h>
#include <stdint.h>

#define BINLOG_NAME_MAX 512

enum position_kind { POSITION_FILE, POSITION_GTID, POSITION_MARIADB };

struct position {
    enum position_kind kind;
    char file[BINLOG_NAME_MAX]; /* "": not known */
    uint64_t offset;
    struct my_gtid_set set;      /* POSITION_GTID */
    struct maria_gtid_pos maria; /* POSITION_MARIADB */
};

void position_fini(struct position *p);
NODISCARD enum err position_copy(struct position *to, const struct position *from);

/* "binlog.000007:1234", "gtid:uuid:1-5" or "gtid:0-1-100", as source.start takes it. */
void position_print(const struct position *p, struct writer *w);

/* position_print() into a buffer, cut with "..." when it does not fit. Returns buf. */
const char *position_text(const struct position *p, char *buf, size_t cap);

/* A place in the binlog of one server: the number behind the last dot of the file's name, and
 * offset. */
struct binlog_place {
    uint64_t file; /* 0: nowhere */
    uint64_t offset;
};

struct binlog_place binlog_place_of(const char *file, uint64_t offset);

/* a is not behind b. */
static inline bool binlog_place_upto(struct binlog_place a, struct binlog_place b)
{
    return a.file != b.file ? a.file < b.file : a.offset <= b.offset;
}

/* Compares binlog places: the number behind the last dot, then the offset. <0, 0, >0. */
int binlog_place_compare(const char *a_file, uint64_t a_offset, const char *b_file,
                         uint64_t b_offset);

/* Everything up to `target` is covered by p. Both are of the same kind and source. */
bool position_reached(const struct position *p, const struct position *target);
