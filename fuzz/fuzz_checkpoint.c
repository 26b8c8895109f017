/*
 * The checkpoint log as it is found on disk.
 *
 * The last byte chooses: even, the bytes as they are; odd, with the checksums
 * put right first, so that what is behind them is reached. A log that passes
 * is walked: its records end where it says, sensible ones build a state, and
 * the log cut at its own end is the same log, as is one with garbage behind.
 */
#include "base/crc32c.h"
#include "checkpoint/ckpt_state.h"
#include "checkpoint/record.h"
#include "checkpoint/wal_read.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_right(uint8_t *log, size_t len)
{
    struct wal_file_header head;
    struct wal_record_header h;
    if (len < sizeof(head))
        return;
    memcpy(&head, log, sizeof(head));
    head.crc32c = crc32c(0, &head, offsetof(struct wal_file_header, crc32c));
    memcpy(log, &head, sizeof(head));
    for (size_t at = sizeof(head); at + sizeof(h) <= len;) {
        memcpy(&h, log + at, sizeof(h));
        uint64_t bytes = wal_record_size(h.payload_len);
        if (h.type == 0 || bytes > len - at)
            break;
        h.crc32c = crc32c(0, log + at + 4, bytes - 4);
        memcpy(log + at, &h.crc32c, 4);
        at += bytes;
    }
}

/* What checkpoint.c does with a record of a log. */
static void apply(struct ckpt_state *s, const struct wal_record *r)
{
    if (!record_well_formed(r->type, r->payload) || r->type == WAL_COMMIT)
        return;
    struct slice key =
        slice_of(r->payload.ptr + 2, (size_t)(r->payload.ptr[0] | r->payload.ptr[1] << 8));
    if (r->type == WAL_XA_END || r->type == WAL_TABLE_END) {
        enum wal_type type = r->type == WAL_XA_END ? WAL_XA : WAL_TABLE;
        ckpt_state_drop(s, type, key);
        CHECK(ckpt_state_get(s, type, key) == NULL);
        return;
    }
    CHECK(ckpt_state_put(s, r->type, r->payload) == ERR_OK);
    const struct ckpt_entry *e = ckpt_state_get(s, r->type, key);
    CHECK(e != NULL && slice_eq(e->bytes, r->payload));
}

static void walk(struct slice log, const struct wal_contents *contents)
{
    struct ckpt_state state = {0};
    uint64_t at = sizeof(struct wal_file_header), bytes = 0;
    for (struct wal_record r; wal_next(log, contents, &at, &r);) {
        CHECK(at <= contents->end);
        apply(&state, &r);
    }
    CHECK(at == contents->end);
    for (size_t i = 0; i < state.count; i++)
        bytes += wal_record_size(state.entries[i].bytes.len);
    CHECK(bytes == state.bytes);
    ckpt_state_fini(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wal_contents contents, cut;
    if (size == 0)
        return 0;
    size_t len = size - 1;
    uint8_t *bytes = malloc(len + 1);
    memcpy(bytes, data, len);
    if (data[len] & 1)
        put_right(bytes, len);
    struct slice log = slice_of(bytes, len);
    if (wal_check(log, &contents) == ERR_OK) {
        CHECK(contents.end <= len);
        walk(log, &contents);
        CHECK(wal_check(slice_of(bytes, contents.end), &cut) == ERR_OK);
        CHECK(cut.end == contents.end && !cut.torn);
    } else {
        CHECK(contents.why != NULL && contents.bad_at <= len);
    }
    free(bytes);
    return 0;
}
