#include "mysqlproto/binlog/event.h"

#include "base/reader.h"

#include <libdeflate.h>

#define FDE_FIXED          57u /* binlog version, server version, created, header length */
#define SERVER_VERSION_LEN 50u

const char *binlog_type_name(uint8_t type)
{
    static const char *const names[256] = {
#define X(name, code) [code] = #name,
        BINLOG_TYPE_TABLE(X)
#undef X
    };
    return names[type];
}

void binlog_format_init(struct binlog_format *f, bool checksum)
{
    *f = (struct binlog_format){.checksum = checksum};
    /* What every server of this format writes, for events before the first description. */
    f->post_header_len[BINLOG_QUERY] = 13;
    f->post_header_len[BINLOG_ROTATE] = 8;
    f->post_header_len[BINLOG_EXECUTE_LOAD_QUERY] = 26;
    f->post_header_len[BINLOG_TABLE_MAP] = 8;
    for (unsigned t = BINLOG_WRITE_ROWS_V0; t <= BINLOG_DELETE_ROWS_V1; t++)
        f->post_header_len[t] = 8;
    for (unsigned t = BINLOG_WRITE_ROWS_V2; t <= BINLOG_DELETE_ROWS_V2; t++)
        f->post_header_len[t] = 10;
    f->post_header_len[BINLOG_PARTIAL_UPDATE_ROWS] = 10;
}

void binlog_header_parse(const uint8_t *p, struct binlog_header *out)
{
    out->timestamp = load_le32(p);
    out->type = p[4];
    out->server_id = load_le32(p + 5);
    out->length = load_le32(p + 9);
    out->log_pos = load_le32(p + 13);
    out->flags = load_le16(p + 17);
}

/* "8.4.2-log" is 80402. Stops at the first thing that is no number. */
static uint32_t version_number(const char *text)
{
    uint32_t parts[3] = {0};
    for (unsigned i = 0; i < 3; i++) {
        while (*text >= '0' && *text <= '9' && parts[i] < 1000)
            parts[i] = parts[i] * 10 + (uint32_t)(*text++ - '0');
        if (*text != '.')
            break;
        text++;
    }
    return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

/*
 * Servers that know checksums (MySQL from 5.6.1, MariaDB from 5.3) end the
 * description with an algorithm byte and four bytes of checksum, even where
 * the algorithm is none.
 */
static bool fde_has_checksum(const char *server_version, bool *is_mariadb, uint32_t *version)
{
    *is_mariadb = strstr(server_version, "MariaDB") != NULL;
    *version = version_number(server_version);
    return *version >= (*is_mariadb ? 50300u : 50601u);
}

static void fde_server_version(const uint8_t *body, char out[SERVER_VERSION_LEN + 1])
{
    memcpy(out, body + 2, SERVER_VERSION_LEN);
    out[SERVER_VERSION_LEN] = 0;
}

static bool crc_matches(struct slice raw)
{
    size_t n = raw.len - BINLOG_CRC_LEN;
    return libdeflate_crc32(0, raw.ptr, n) == load_le32(raw.ptr + n);
}

/* While its file is open a description is marked IN_USE, and the checksum is made without the mark.
 */
static bool fde_crc_matches(struct slice raw)
{
    uint8_t head[BINLOG_HEADER_LEN];
    memcpy(head, raw.ptr, sizeof head);
    head[17] &= (uint8_t)~BINLOG_FLAG_IN_USE;
    size_t n = raw.len - BINLOG_CRC_LEN;
    uint32_t crc = libdeflate_crc32(0, head, sizeof head);
    crc = libdeflate_crc32(crc, raw.ptr + sizeof head, n - sizeof head);
    return crc == load_le32(raw.ptr + n);
}

/*
 * A description says itself whether it has a checksum. With algorithm none the
 * four bytes are there but not looked at: MariaDB does not keep them right.
 */
static enum err fde_tail(struct slice raw, bool verify, size_t *tail)
{
    if (raw.len < BINLOG_HEADER_LEN + FDE_FIXED)
        return ERR_TRUNCATED;
    char server[SERVER_VERSION_LEN + 1];
    fde_server_version(raw.ptr + BINLOG_HEADER_LEN, server);
    bool is_mariadb;
    uint32_t version;
    *tail = 0;
    if (!fde_has_checksum(server, &is_mariadb, &version))
        return ERR_OK;
    if (raw.len < BINLOG_HEADER_LEN + FDE_FIXED + 1 + BINLOG_CRC_LEN)
        return ERR_TRUNCATED;
    *tail = BINLOG_CRC_LEN;
    uint8_t algorithm = raw.ptr[raw.len - BINLOG_CRC_LEN - 1];
    return algorithm == 0 || !verify || fde_crc_matches(raw) ? ERR_OK : ERR_BAD_CHECKSUM;
}

static bool made_up(const struct binlog_header *h)
{
    return h->type == BINLOG_HEARTBEAT || h->type == BINLOG_HEARTBEAT_V2 ||
           (h->type == BINLOG_ROTATE && (h->log_pos == 0 || (h->flags & BINLOG_FLAG_ARTIFICIAL)));
}

/* How many bytes of checksum the event ends with. */
static enum err checksum_tail(const struct binlog_format *f, const struct binlog_header *h,
                              struct slice raw, bool verify, size_t *tail)
{
    if (h->type == BINLOG_FORMAT_DESCRIPTION)
        return fde_tail(raw, verify, tail);
    bool room = raw.len >= BINLOG_HEADER_LEN + BINLOG_CRC_LEN;
    *tail = BINLOG_CRC_LEN;
    if (made_up(h)) {
        /* The dump thread follows what was negotiated at first and the last
           description afterwards; servers do not agree which is which around
           a change, so a right checksum is one wherever it is found. */
        if (room && crc_matches(raw))
            return ERR_OK;
        if (f->checksum && f->known)
            return ERR_BAD_CHECKSUM;
        *tail = 0;
        return ERR_OK;
    }
    if (!f->checksum) {
        *tail = 0;
        return ERR_OK;
    }
    if (!room)
        return ERR_TRUNCATED;
    return !verify || crc_matches(raw) ? ERR_OK : ERR_BAD_CHECKSUM;
}

static enum err open_envelope(const struct binlog_format *f, struct slice raw, bool verify,
                              struct binlog_event *out)
{
    if (raw.len < BINLOG_HEADER_LEN)
        return ERR_TRUNCATED;
    struct binlog_header h;
    binlog_header_parse(raw.ptr, &h);
    if (h.length != raw.len)
        return ERR_MALFORMED;
    size_t tail = 0;
    if (f != NULL)
        TRY(checksum_tail(f, &h, raw, verify, &tail));
    out->header = h;
    out->body = slice_of(raw.ptr + BINLOG_HEADER_LEN, raw.len - BINLOG_HEADER_LEN - tail);
    return ERR_OK;
}

enum err binlog_event_parse(const struct binlog_format *f, struct slice raw,
                            struct binlog_event *out)
{
    return open_envelope(f, raw, true, out);
}

enum err binlog_event_trust(const struct binlog_format *f, struct slice raw,
                            struct binlog_event *out)
{
    return open_envelope(f, raw, false, out);
}

enum err binlog_event_parse_inner(struct slice raw, struct binlog_event *out)
{
    return open_envelope(NULL, raw, false, out);
}

/*
 *     0  binlog version      2   4
 *     2  server version     50   padded with 0
 *    52  created             4
 *    56  header length       1   19
 *    57  post-header lengths n   of types 1 to n
 *     -  checksum algorithm  1   with servers that know checksums
 */
enum err binlog_format_parse(const struct binlog_event *fde, struct binlog_format *f)
{
    struct slice b = fde->body;
    if (b.len < FDE_FIXED)
        return ERR_TRUNCATED;
    if (load_le16(b.ptr) != 4)
        return ERR_UNSUPPORTED;
    if (b.ptr[56] != BINLOG_HEADER_LEN)
        return ERR_MALFORMED;
    struct binlog_format n = {.known = true, .created = load_le32(b.ptr + 52)};
    fde_server_version(b.ptr, n.server_version);
    size_t count = b.len - FDE_FIXED;
    if (fde_has_checksum(n.server_version, &n.is_mariadb, &n.version)) {
        if (count == 0)
            return ERR_TRUNCATED;
        count--;
        uint8_t algorithm = b.ptr[b.len - 1];
        if (algorithm > 1)
            return ERR_MALFORMED;
        n.checksum = algorithm == 1;
    }
    if (count > 255)
        return ERR_MALFORMED;
    n.type_count = (uint8_t)count;
    memcpy(n.post_header_len + 1, b.ptr + FDE_FIXED, count);
    *f = n;
    return ERR_OK;
}

bool binlog_may_pass(const struct binlog_header *h)
{
    switch (h->type) {
    case BINLOG_STOP:
    case BINLOG_ROTATE:
    case BINLOG_INTVAR:
    case BINLOG_APPEND_BLOCK:
    case BINLOG_DELETE_FILE:
    case BINLOG_RAND:
    case BINLOG_USER_VAR:
    case BINLOG_FORMAT_DESCRIPTION:
    case BINLOG_BEGIN_LOAD_QUERY:
    case BINLOG_HEARTBEAT:
    case BINLOG_IGNORABLE:
    case BINLOG_ROWS_QUERY:
    case BINLOG_PREVIOUS_GTIDS:
    case BINLOG_TRANSACTION_CONTEXT:
    case BINLOG_VIEW_CHANGE:
    case BINLOG_HEARTBEAT_V2:
    case BINLOG_LARGE_TRANSACTION_HEADER:
    case BINLOG_ANNOTATE_ROWS:
    case BINLOG_BINLOG_CHECKPOINT:
    case BINLOG_MARIA_GTID_LIST:
    case BINLOG_START_ENCRYPTION:
        return true;
    default:
        return binlog_ignorable(h);
    }
}

uint64_t binlog_offset_after(uint64_t offset, const struct binlog_header *h)
{
    if ((h->flags & BINLOG_FLAG_ARTIFICIAL) || h->type == BINLOG_HEARTBEAT ||
        h->type == BINLOG_HEARTBEAT_V2)
        return offset;
    if (h->log_pos == 0) {
        /* A description sent in mid file has no position of its own. */
        bool placeless = h->type == BINLOG_FORMAT_DESCRIPTION || h->type == BINLOG_ROTATE;
        return placeless ? offset : offset + h->length;
    }
    uint64_t after = (offset & ~UINT64_C(0xFFFFFFFF)) | h->log_pos;
    return h->log_pos < (uint32_t)offset ? after + (UINT64_C(1) << 32) : after;
}
