#include "mysqlproto/binlog/inflate.h"

#include "base/reader.h"

#include <libdeflate.h>

#define RECORD_MARK      0x80
#define RECORD_ALGORITHM 0x70
#define RECORD_LEN_BYTES 0x07

void binlog_inflater_fini(struct binlog_inflater *inf)
{
    if (inf->d != NULL)
        libdeflate_free_decompressor(inf->d);
    inf->d = NULL;
}

enum err binlog_inflate(struct binlog_inflater *inf, struct slice in, bool raw, uint8_t *buf,
                        size_t len)
{
    if (inf->d == NULL)
        inf->d = libdeflate_alloc_decompressor();
    if (inf->d == NULL)
        return ERR_NO_MEMORY;
    enum libdeflate_result rc =
        raw ? libdeflate_deflate_decompress(inf->d, in.ptr, in.len, buf, len, NULL)
            : libdeflate_zlib_decompress(inf->d, in.ptr, in.len, buf, len, NULL);
    return rc == LIBDEFLATE_SUCCESS ? ERR_OK : ERR_MALFORMED;
}

static enum err record_head(struct slice record, size_t *head, size_t *len)
{
    if (record.len < 1)
        return ERR_TRUNCATED;
    uint8_t first = record.ptr[0];
    unsigned n = first & RECORD_LEN_BYTES;
    if (!(first & RECORD_MARK) || n == 0 || n > 4)
        return ERR_MALFORMED;
    if (first & RECORD_ALGORITHM)
        return ERR_UNSUPPORTED;
    if (record.len < 1 + n)
        return ERR_TRUNCATED;
    *head = 1 + n;
    *len = (size_t)load_be(record.ptr + 1, n);
    return ERR_OK;
}

enum err binlog_record_len(struct slice record, size_t *out)
{
    size_t head;
    return record_head(record, &head, out);
}

enum err binlog_record_inflate(struct binlog_inflater *inf, struct slice record, uint8_t *buf,
                               size_t len)
{
    size_t head, announced;
    TRY(record_head(record, &head, &announced));
    if (announced != len)
        return ERR_BUG;
    struct slice stream = slice_of(record.ptr + head, record.len - head);
    return binlog_inflate(inf, stream, false, buf, len);
}
