#include "kafka/codec.h"

#include "base/writer.h"

#include <lz4frame.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define OPEN_MAX   64                /* batches that are being filled */
#define BATCH_HEAD 61                /* of a record batch, format v2 (Kafka's protocol guide) */
#define BATCH_MAX  ((size_t)1 << 30) /* bytes of one, whatever its message */
#define GZIP_BITS  (15 + 16)         /* windowBits of a gzip stream */

const char *const kafka_codec_names[KAFKA_CODECS] = {"none", "lz4", "gzip", "snappy", "zstd"};

struct open_batch {
    uint32_t topic;
    int32_t partition;
    uint32_t messages; /* 0: free */
    struct writer records;
};

struct kafka_gauge {
    struct kafka_batch full;
    int levels[KAFKA_CODECS];
    struct kafka_sizes sums;
    uint32_t count;
    struct open_batch open[OPEN_MAX];
    uint8_t *packed;
    size_t packed_cap;
    ZSTD_CCtx *zstd;
};

static int level_of(const struct kafka_options *o, enum kafka_codec codec, int fallback)
{
    bool ours = o->compression != NULL && strcmp(o->compression, kafka_codec_names[codec]) == 0;
    return ours && o->compression_level != KAFKA_LEVEL_DEFAULT ? o->compression_level : fallback;
}

enum err kafka_gauge_new(const struct kafka_options *o, struct kafka_gauge **out)
{
    struct kafka_gauge *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return ERR_NO_MEMORY;
    g->full = kafka_conf_batch(o, false);
    g->levels[KAFKA_LZ4] = level_of(o, KAFKA_LZ4, 0);
    g->levels[KAFKA_GZIP] = level_of(o, KAFKA_GZIP, Z_DEFAULT_COMPRESSION);
    g->levels[KAFKA_ZSTD] = level_of(o, KAFKA_ZSTD, ZSTD_CLEVEL_DEFAULT);
    g->zstd = ZSTD_createCCtx();
    for (size_t i = 0; i < OPEN_MAX; i++)
        writer_init(&g->open[i].records, BATCH_MAX);
    if (g->zstd == NULL) {
        kafka_gauge_free(g);
        return ERR_NO_MEMORY;
    }
    *out = g;
    return ERR_OK;
}

void kafka_gauge_free(struct kafka_gauge *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < OPEN_MAX; i++)
        writer_fini(&g->open[i].records);
    ZSTD_freeCCtx(g->zstd);
    free(g->packed);
    free(g);
}

static enum err need_room(struct kafka_gauge *g, size_t cap)
{
    if (cap <= g->packed_cap)
        return ERR_OK;
    free(g->packed);
    g->packed_cap = 0;
    g->packed = malloc(cap);
    if (g->packed == NULL)
        return ERR_NO_MEMORY;
    g->packed_cap = cap;
    return ERR_OK;
}

static enum err pack_lz4(struct kafka_gauge *g, struct slice in, size_t *out)
{
    LZ4F_preferences_t p = {.frameInfo = {.blockMode = LZ4F_blockIndependent},
                            .compressionLevel = g->levels[KAFKA_LZ4]};
    TRY(need_room(g, LZ4F_compressFrameBound(in.len, &p)));
    size_t n = LZ4F_compressFrame(g->packed, g->packed_cap, in.ptr, in.len, &p);
    if (LZ4F_isError(n))
        return ERR_BUG;
    *out = n;
    return ERR_OK;
}

static enum err pack_gzip(struct kafka_gauge *g, struct slice in, size_t *out)
{
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)in.ptr, .avail_in = (uInt)in.len};
    if (deflateInit2(&z, g->levels[KAFKA_GZIP], Z_DEFLATED, GZIP_BITS, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return ERR_NO_MEMORY;
    enum err e = need_room(g, deflateBound(&z, in.len));
    if (e == ERR_OK) {
        z.next_out = g->packed;
        z.avail_out = (uInt)g->packed_cap;
        e = deflate(&z, Z_FINISH) == Z_STREAM_END ? ERR_OK : ERR_BUG;
    }
    if (e == ERR_OK)
        *out = z.total_out;
    deflateEnd(&z);
    return e;
}

static enum err pack_snappy(struct kafka_gauge *g, struct slice in, size_t *out)
{
    size_t n = snappy_max_compressed_length(in.len);
    TRY(need_room(g, n));
    if (snappy_compress((const char *)in.ptr, in.len, (char *)g->packed, &n) != SNAPPY_OK)
        return ERR_BUG;
    *out = n;
    return ERR_OK;
}

static enum err pack_zstd(struct kafka_gauge *g, struct slice in, size_t *out)
{
    TRY(need_room(g, ZSTD_compressBound(in.len)));
    size_t n =
        ZSTD_compressCCtx(g->zstd, g->packed, g->packed_cap, in.ptr, in.len, g->levels[KAFKA_ZSTD]);
    if (ZSTD_isError(n))
        return ERR_BUG;
    *out = n;
    return ERR_OK;
}

static enum err end_batch(struct kafka_gauge *g, struct open_batch *b)
{
    static enum err (*const pack[KAFKA_CODECS])(struct kafka_gauge *, struct slice, size_t *) = {
        [KAFKA_LZ4] = pack_lz4,
        [KAFKA_GZIP] = pack_gzip,
        [KAFKA_SNAPPY] = pack_snappy,
        [KAFKA_ZSTD] = pack_zstd,
    };
    struct slice records = writer_slice(&b->records);
    for (size_t i = 0; i < KAFKA_CODECS; i++) {
        size_t n = records.len;
        if (pack[i] != NULL)
            TRY(pack[i](g, records, &n));
        /* What does not get smaller goes out as it is. */
        g->sums.bytes[i] += BATCH_HEAD + (n < records.len ? n : records.len);
    }
    g->sums.batches++;
    b->messages = 0;
    writer_clear(&b->records);
    return ERR_OK;
}

/* The open batch of the partition, or one that takes its place. */
static enum err batch_of(struct kafka_gauge *g, uint32_t topic, int32_t partition,
                         struct open_batch **out)
{
    struct open_batch *largest = &g->open[0];
    for (uint32_t i = 0; i < g->count; i++) {
        struct open_batch *b = &g->open[i];
        if (b->topic == topic && b->partition == partition) {
            *out = b;
            return ERR_OK;
        }
        if (b->records.len > largest->records.len)
            largest = b;
    }
    if (g->count < OPEN_MAX)
        largest = &g->open[g->count++];
    else if (largest->messages > 0)
        TRY(end_batch(g, largest));
    largest->topic = topic;
    largest->partition = partition;
    *out = largest;
    return ERR_OK;
}

static void put_varint(struct writer *w, int64_t v)
{
    uint64_t z = (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
    for (; z > 0x7F; z >>= 7)
        writer_u8(w, (uint8_t)(z | 0x80));
    writer_u8(w, (uint8_t)z);
}

static size_t varint_size(int64_t v)
{
    uint64_t z = (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
    size_t n = 1;
    for (; z > 0x7F; z >>= 7)
        n++;
    return n;
}

/* A record of a batch, format v2; the times of a batch's messages are taken as equal. */
static void put_record(struct writer *w, uint32_t offset, struct slice key, struct slice value)
{
    int64_t key_len = key.len > 0 ? (int64_t)key.len : -1;
    size_t body = 1 + 1 + varint_size(offset) + varint_size(key_len) + key.len +
                  varint_size((int64_t)value.len) + value.len + 1;
    put_varint(w, (int64_t)body);
    writer_u8(w, 0); /* attributes */
    writer_u8(w, 0); /* timestamp delta */
    put_varint(w, offset);
    put_varint(w, key_len);
    writer_slice_put(w, key);
    put_varint(w, (int64_t)value.len);
    writer_slice_put(w, value);
    writer_u8(w, 0); /* headers */
}

enum err kafka_gauge_put(struct kafka_gauge *g, uint32_t topic, int32_t partition, struct slice key,
                         struct slice value)
{
    struct open_batch *b;
    TRY(batch_of(g, topic, partition, &b));
    bool full =
        b->messages >= g->full.messages || b->records.len + key.len + value.len > g->full.bytes;
    if (b->messages > 0 && full)
        TRY(end_batch(g, b));
    put_record(&b->records, b->messages, key, value);
    b->messages++;
    g->sums.messages++;
    return b->records.err;
}

enum err kafka_gauge_finish(struct kafka_gauge *g, struct kafka_sizes *out)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (g->open[i].messages > 0)
            TRY(end_batch(g, &g->open[i]));
    *out = g->sums;
    return ERR_OK;
}

/*
 * Asked of a stream that has been used as librdkafka uses it, whatever its
 * input; estimates by level alone are not part of the library's stable face.
 */
size_t kafka_codec_memory(const struct kafka_options *o)
{
    uint8_t in = 0, out[64];
    ZSTD_inBuffer from = {&in, 1, 0};
    ZSTD_outBuffer to = {out, sizeof(out), 0};
    size_t bytes = 0;
    if (o->compression == NULL || strcmp(o->compression, kafka_codec_names[KAFKA_ZSTD]) != 0)
        return 0;
    ZSTD_CStream *z = ZSTD_createCStream();
    if (z == NULL)
        return 0;
    size_t e = ZSTD_initCStream(z, level_of(o, KAFKA_ZSTD, ZSTD_CLEVEL_DEFAULT));
    if (!ZSTD_isError(e) && !ZSTD_isError(ZSTD_compressStream(z, &to, &from)))
        bytes = ZSTD_sizeof_CStream(z);
    ZSTD_freeCStream(z);
    return bytes;
}
