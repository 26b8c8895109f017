/*
 * Protocol compression as a filter on the byte stream, zlib or zstd.
 *
 * Once it is agreed at login, everything travels in frames ("Compressed
 * Packet", MySQL source docs; sql-common/net_serv.cc):
 *
 *     0  length of the body       3
 *     3  sequence                 1   of its own, restarts with each command
 *     4  length when plain        3   0: the body is stored as it is
 *     7  body                     n   one zlib stream or one zstd frame
 *
 * Frames and packets do not line up: what comes out are plain bytes of the
 * packet stream, however frames cut it.
 *
 * Not thread-safe.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

struct writer;
struct my_unzip;

enum my_compression { MY_PLAIN, MY_ZLIB, MY_ZSTD };

#define MY_ZIP_HEADER 7
#define MY_ZIP_MIN    50 /* shorter pieces are stored: the server does the same */

/* Receiving. kind is MY_ZLIB or MY_ZSTD. */
NODISCARD enum err my_unzip_new(enum my_compression kind, struct my_unzip **out);
void my_unzip_free(struct my_unzip *z); /* NULL is fine */

/*
 * Takes compressed bytes from in and puts plain ones into out (cap > 0). *consumed and
 * *produced are always set. ERR_OK: something was produced; call again with
 * the rest of in, even if that is empty, for there may be more to come out.
 * ERR_NEED_INPUT: nothing came out, all of in is taken. ERR_PROTOCOL: lengths
 * or bodies that cannot be right; the stream is of no use any more.
 */
NODISCARD enum err my_unzip_step(struct my_unzip *z, struct slice in, size_t *consumed,
                                 uint8_t *out, size_t cap, size_t *produced);

/*
 * Sending: appends plain as frames. *sequence is 0 for each new command and
 * is counted up. level: 0 is the method's default.
 */
NODISCARD enum err my_zip_write(enum my_compression kind, int level, struct slice plain,
                                uint8_t *sequence, struct writer *w);
