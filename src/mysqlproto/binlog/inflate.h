/*
 * Deflated bytes of MariaDB: compressed events and compressed columns.
 *
 * Records, the SQL of QUERY_COMPRESSED and the rows of *_ROWS_COMPRESSED
 * events (sql/log_event.cc, binlog_buf_uncompress()):
 *
 *     0  0x80 | algorithm << 4 | n   1   algorithm 0: zlib
 *     1  expanded length             n   1 to 4 bytes, most significant first
 *     -  zlib stream                 to the end
 *
 * The expanded length is the record's own word: bound it before making room.
 * An inflater keeps its tables between calls; it belongs to one thread.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

/* All zero is empty. */
struct binlog_inflater {
    struct libdeflate_decompressor *d;
};

void binlog_inflater_fini(struct binlog_inflater *inf);

/* raw: without zlib header and checksum. Expands to exactly len bytes: ERR_MALFORMED else. */
NODISCARD enum err binlog_inflate(struct binlog_inflater *inf, struct slice in, bool raw,
                                  uint8_t *buf, size_t len);

/* How many bytes the record expands to, by its own word. */
NODISCARD enum err binlog_record_len(struct slice record, size_t *out);

/* Expands into buf, which has room for exactly len, the value of binlog_record_len(), bytes. */
NODISCARD enum err binlog_record_inflate(struct binlog_inflater *inf, struct slice record,
                                         uint8_t *buf, size_t len);
