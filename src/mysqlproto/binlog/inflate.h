/*
 * MariaDB's compressed records: SQL of QUERY_COMPRESSED, rows of the
 * *_ROWS_COMPRESSED events (sql/log_event.cc, binlog_buf_uncompress()).
 *
 *     0  0x80 | algorithm << 4 | n   1   algorithm 0: zlib
 *     1  expanded length             n   1 to 4 bytes, most significant first
 *     -  zlib stream                 to the end
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

/* How many bytes the record expands to, by its own word. */
NODISCARD enum err binlog_record_len(struct slice record, size_t *out);

/* Expands into buf, which has room for exactly len, the value of binlog_record_len(), bytes. */
NODISCARD enum err binlog_record_inflate(struct slice record, uint8_t *buf, size_t len);
