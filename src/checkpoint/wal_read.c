#include "checkpoint/wal_read.h"

#include "base/crc32c.h"

#include <stddef.h>

/* How many bytes the search for later records may check; honest files need far less. */
#define SEARCH_BYTES_MAX (256u << 20)

static bool all_zero(struct slice s)
{
    return s.len == 0 || (s.ptr[0] == 0 && memcmp(s.ptr, s.ptr + 1, s.len - 1) == 0);
}

static enum err damaged(struct wal_contents *c, uint64_t at, const char *why)
{
    c->bad_at = at;
    c->why = why;
    return ERR_STATE_DAMAGED;
}

static enum err check_header(struct slice file, struct wal_contents *c, struct wal_file_header *h)
{
    if (file.len < sizeof(*h))
        return damaged(c, file.len, "the file is shorter than its header");
    memcpy(h, file.ptr, sizeof(*h));
    if (memcmp(h->magic, WAL_MAGIC, sizeof(h->magic)) != 0)
        return damaged(c, 0, "the file does not begin as a checkpoint log does");
    if (crc32c(0, h, offsetof(struct wal_file_header, crc32c)) != h->crc32c)
        return damaged(c, 0, "the checksum of the file's header does not match");
    if (h->version != WAL_VERSION || h->header_size != sizeof(*h))
        return damaged(c, 8, "the file is of a format version that this program does not know");
    c->sequence = h->sequence;
    return ERR_OK;
}

/* Copies out the header of the record at `at`, if all of the record can be there. */
static bool record_header(struct slice file, uint64_t at, struct wal_record_header *h)
{
    if (file.len < sizeof(*h) || at > file.len - sizeof(*h))
        return false;
    memcpy(h, file.ptr + at, sizeof(*h));
    return h->payload_len <= WAL_PAYLOAD_MAX && wal_record_size(h->payload_len) <= file.len - at;
}

static bool record_valid(struct slice file, uint64_t at, const struct wal_record_header *h)
{
    const uint8_t *bytes = file.ptr + at + sizeof(h->crc32c);
    size_t len = (size_t)wal_record_size(h->payload_len) - sizeof(h->crc32c);
    return h->type >= 1 && h->type <= WAL_TYPE_MAX && h->reserved == 0 &&
           crc32c(0, bytes, len) == h->crc32c;
}

/* Whether a valid record behind `from` says that bytes behind `end` were durable. */
static bool durable_behind(struct slice file, uint64_t from, uint64_t end, uint32_t number)
{
    uint64_t checked = 0;
    struct wal_record_header h;
    for (uint64_t at = from; at + sizeof(h) <= file.len; at += WAL_ALIGN) {
        /* Honest records are the next ones in number and know nothing from behind themselves. */
        if (!record_header(file, at, &h) || h.number < number || h.synced <= end || h.synced > at ||
            h.type == 0)
            continue;
        checked += h.payload_len;
        if (checked > SEARCH_BYTES_MAX || record_valid(file, at, &h))
            return true;
    }
    return false;
}

enum err wal_check(struct slice file, struct wal_contents *out)
{
    struct wal_file_header head;
    struct wal_record_header h;
    *out = (struct wal_contents){0};
    TRY(check_header(file, out, &head));

    uint64_t at = sizeof(head), synced = head.initial;
    uint32_t number = 0;
    for (; record_header(file, at, &h) && h.number == number && record_valid(file, at, &h);
         number++) {
        at += wal_record_size(h.payload_len);
        if (h.type == WAL_COMMIT)
            out->end = at;
        if (h.synced > synced)
            synced = h.synced;
    }
    if (out->end == 0 || synced > out->end || durable_behind(file, at, out->end, number))
        return damaged(out, at, "a record that was durable cannot be read");
    out->torn = !all_zero(slice_of(file.ptr + out->end, file.len - out->end));
    return ERR_OK;
}

bool wal_next(struct slice file, const struct wal_contents *contents, uint64_t *at,
              struct wal_record *out)
{
    struct wal_record_header h;
    if (*at >= contents->end)
        return false;
    memcpy(&h, file.ptr + *at, sizeof(h));
    out->type = (enum wal_type)h.type;
    out->payload = slice_of(file.ptr + *at + sizeof(h), h.payload_len);
    *at += wal_record_size(h.payload_len);
    return true;
}
