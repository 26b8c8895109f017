/*
 * The row path without threads, sockets and librdkafka: what the reader and
 * the lanes do with the bytes of a binlog file, up to the finished message.
 * For the benchmarks, which cut it into stages.
 *
 *   row_path_new("mysql-bin.000001", &p)   the whole file in memory, gzipped or not
 *   row_path_run(p, STAGE_ENCODE, &sum)    as often as wanted
 *
 * The tables are sysbench's (sbtest1 to sbtest99); rows of others are passed
 * over, and so is everything between transactions. Faults end the program.
 *
 * Threads: one.
 */
#pragma once

#include <stdint.h>

/* A stage does everything that the stages before it do. */
enum stage {
    STAGE_READ,   /* events: header, length, CRC32 */
    STAGE_WALK,   /* tables found, ends of rows found, partition of each row */
    STAGE_DECODE, /* cells */
    STAGE_ENCODE, /* record key and Canal JSON */
    STAGE_COUNT
};

struct row_sum {
    uint64_t events;
    uint64_t rows; /* of the tables above */
    uint64_t inserts;
    uint64_t updates;
    uint64_t deletes;
    uint64_t image_bytes;
    uint64_t key_bytes;
    uint64_t value_bytes;
    uint64_t partition_rows[4];
    uint64_t hash; /* over keys, values and partitions: FNV-1a */
};

struct row_path;

struct row_path *row_path_new(const char *file);
void row_path_free(struct row_path *p);

/* hash: keys and values go into sum->hash, which takes longer than making them. */
void row_path_run(struct row_path *p, enum stage last, int hash, struct row_sum *sum);
