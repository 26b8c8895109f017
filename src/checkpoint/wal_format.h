/*
 * On-disk layout of the checkpoint log. docs/checkpoint-format.md says the
 * same for readers who have no C at hand, with the rule of recovery.
 *
 * The log is one file, NNNNNNNNNNNNNNNN.wal (its sequence in 16 hexadecimal
 * digits), of a size that is fixed when it is made and zero where nothing is
 * written. All integers are little-endian.
 *
 * File header, 64 bytes, written once:
 *     0  magic "ROWCKPT\n"     8
 *     8  format version        4   currently 1
 *    12  header size           4   64
 *    16  sequence              8   as in the file's name, from 1
 *    24  file size             8   bytes, a multiple of 4096
 *    32  made at               8   microseconds since 1970
 *    40  initial               8   bytes that were on disk before the file got its name
 *    48  reserved, zero       12
 *    60  crc32c of 0..59       4
 *
 * Records follow from offset 64, each at a multiple of 8:
 *     0  crc32c of the rest     4   from 4 to the end of the padding
 *     4  payload length         4   bytes, without padding
 *     8  type                   2   enum wal_type
 *    10  reserved, zero         2
 *    12  number                 4   of the record in its file, from 0
 *    16  synced                 8   bytes of this file that were on disk for
 *                                   sure when the record was written
 *    24  payload, then zeros up to a multiple of 8
 *
 * Payload: key length 2, key, value. A record replaces the one of the same
 * type and key before it; an _END record removes it. Types with one record at
 * most have an empty key. Records count only from the COMMIT behind them on:
 * all up to it, or none.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

#define WAL_MAGIC       "ROWCKPT\n"
#define WAL_VERSION     1
#define WAL_ALIGN       8
#define WAL_FILE_ALIGN  4096
#define WAL_PAYLOAD_MAX (16u << 20)

struct wal_file_header {
    uint8_t magic[8];
    uint32_t version;
    uint32_t header_size;
    uint64_t sequence;
    uint64_t file_size;
    uint64_t made_at_us;
    uint64_t initial;
    uint8_t reserved[12];
    uint32_t crc32c;
};
static_assert(sizeof(struct wal_file_header) == 64, "matches the layout above");

struct wal_record_header {
    uint32_t crc32c;
    uint32_t payload_len;
    uint16_t type;
    uint16_t reserved;
    uint32_t number;
    uint64_t synced;
};
static_assert(sizeof(struct wal_record_header) == 24, "matches the layout above");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the structs are written as they are");

/*
 * Values, by type:
 *
 * TASK      the task's name; no key
 * IDENTITY  flavour 1, server id 4, server uuid 16, version text length 2, version text; no key
 * POSITION  a position; no key
 *               0  kind 1          1 file, 2 GTID set, 3 MariaDB GTID list
 *               1  server uuid 16  zero: not known
 *              17  server id 4
 *              21  offset 8        in file
 *              29  rows 8          row changes covered behind the boundary
 *              37  next id 8
 *              45  source time 8   microseconds since 1970 of the last event covered
 *              53  taken at 8      microseconds since 1970
 *              61  file length 2, file, set length 4, set
 * XA        a position, where the prepared group begins; key: the xid
 * TOPIC     partition count 4; key: the topic's name
 * TABLE     bytes of the schema room; key: hers, too
 * RESERVED  number 8: below it any id may have been used; no key
 * FACT      bytes of the pipeline room; key: the fact's name
 * COMMIT    time 8, microseconds since 1970; key length and key are not there
 */
enum wal_type {
    WAL_COMMIT = 1,
    WAL_TASK = 2,
    WAL_IDENTITY = 3,
    WAL_POSITION = 4,
    WAL_XA = 5,
    WAL_XA_END = 6,
    WAL_TOPIC = 7,
    WAL_TABLE = 8,
    WAL_TABLE_END = 9,
    WAL_RESERVED = 10,
    WAL_FACT = 11,
    WAL_TYPE_MAX = 11,
};

#define WAL_POSITION_FIXED 61
#define WAL_IDENTITY_FIXED 21

/* Bytes of a record in the file. */
static inline uint64_t wal_record_size(uint64_t payload_len)
{
    return (sizeof(struct wal_record_header) + payload_len + WAL_ALIGN - 1) &
           ~(uint64_t)(WAL_ALIGN - 1);
}
