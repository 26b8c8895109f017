/*
 * The list of sets, their ids and names, and the conversion's outer loop: it
 * works in pieces, so that a writer is asked for the worst case of a piece
 * only, and decides what becomes of bytes that are no character.
 */
#include "schema/charset.h"

#include "base/utf8.h"
#include "base/writer.h"
#include "schema/charset_data.h"
#include "schema/charset_int.h"

#include <pthread.h>

#define PIECE 4096 /* input bytes between two reservations */

#define SET_COUNT 41

static struct charset_tables set_tables[SET_COUNT];

/* clang-format off */
#define OTHER(i, name, max_len) {name, CHARSET_OTHER, max_len, &set_tables[i]}
static const struct charset sets[SET_COUNT] = {
    {"binary", CHARSET_BINARY, 1, NULL},
    {"utf8mb4", CHARSET_UTF8, 4, NULL},
    {"utf8mb3", CHARSET_UTF8, 3, NULL},
    {"ascii", CHARSET_UTF8, 1, NULL},
    OTHER(4, "latin1", 1),    OTHER(5, "latin2", 1),    OTHER(6, "latin5", 1),
    OTHER(7, "latin7", 1),    OTHER(8, "cp850", 1),     OTHER(9, "cp852", 1),
    OTHER(10, "cp866", 1),    OTHER(11, "cp1250", 1),   OTHER(12, "cp1251", 1),
    OTHER(13, "cp1256", 1),   OTHER(14, "cp1257", 1),   OTHER(15, "koi8r", 1),
    OTHER(16, "koi8u", 1),    OTHER(17, "greek", 1),    OTHER(18, "hebrew", 1),
    OTHER(19, "tis620", 1),   OTHER(20, "armscii8", 1), OTHER(21, "dec8", 1),
    OTHER(22, "hp8", 1),      OTHER(23, "swe7", 1),     OTHER(24, "macce", 1),
    OTHER(25, "macroman", 1), OTHER(26, "keybcs2", 1),  OTHER(27, "geostd8", 1),
    OTHER(28, "big5", 2),     OTHER(29, "gbk", 2),      OTHER(30, "gb2312", 2),
    OTHER(31, "gb18030", 4),  OTHER(32, "sjis", 2),     OTHER(33, "cp932", 2),
    OTHER(34, "ujis", 3),     OTHER(35, "eucjpms", 3),  OTHER(36, "euckr", 2),
    OTHER(37, "ucs2", 2),     OTHER(38, "utf16", 4),    OTHER(39, "utf16le", 4),
    OTHER(40, "utf32", 4),
};
#undef OTHER
/* clang-format on */

const struct charset *charset_of_name(struct slice name)
{
    if (slice_eq_nocase(name, SLICE_LIT("utf8"))) /* what servers before 8.0.30 and 10.6 call it */
        name = SLICE_LIT("utf8mb3");
    for (size_t i = 0; i < SET_COUNT; i++)
        if (slice_eq_nocase(name, slice_str(sets[i].name)))
            return &sets[i];
    return NULL;
}

const struct charset *charset_of_collation(uint32_t id)
{
    size_t lo = 0, hi = charset_ids_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (id > charset_ids[mid].last)
            lo = mid + 1;
        else if (id < charset_ids[mid].first)
            hi = mid;
        else
            return charset_of_name(slice_str(charset_ids[mid].name));
    }
    return NULL;
}

/* Every collation is named after its set: "latin1_swedish_ci", "utf8mb4_uca1400_ai_ci", "binary".
 */
const struct charset *charset_of_collation_name(struct slice name)
{
    const uint8_t *end = name.len > 0 ? memchr(name.ptr, '_', name.len) : NULL;
    if (end != NULL)
        name.len = (size_t)(end - name.ptr);
    return charset_of_name(name);
}

enum err charset_prepare(const struct charset *cs)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* makers only; rare and short */
    if (cs->form != CHARSET_OTHER)
        return ERR_OK;
    _Atomic(struct charset_map *) *slot = &cs->tables->map;
    /* Acquire: whoever sees the pointer sees the finished tables. */
    if (atomic_load_explicit(slot, memory_order_acquire) != NULL)
        return ERR_OK;
    pthread_mutex_lock(&lock);
    struct charset_map *map = atomic_load_explicit(slot, memory_order_relaxed);
    if (map == NULL) {
        map = charset_map_new(cs);
        atomic_store_explicit(slot, map, memory_order_release); /* pairs with the loads */
    }
    pthread_mutex_unlock(&lock);
    return map != NULL ? ERR_OK : ERR_NO_MEMORY;
}

/* UTF-8 itself: valid stretches are copied, the bytes between them are counted one by one. */
static enum err copy_utf8(struct slice in, struct writer *out, bool replace, uint64_t *bad)
{
    for (;;) {
        size_t n = utf8_valid_len(in);
        if (n < in.len && !replace)
            return ERR_BAD_TEXT;
        writer_put(out, in.ptr, n);
        if (n == in.len)
            return out->err;
        writer_lit(out, "\xEF\xBF\xBD");
        ++*bad;
        in.ptr += n + 1;
        in.len -= n + 1;
    }
}

#define OUT_SLACK 8 /* bytes that a converter may store behind what counts */

/*
 * One piece, into the writer itself or, near its maximum, character by
 * character through a buffer, so that what fits is not refused for the room
 * that the worst case would take.
 */
static enum err convert_piece(const struct charset_map *m, struct charset_cursor *c,
                              struct writer *out, size_t *wrong)
{
    uint8_t one[3 + OUT_SLACK];
    size_t left = (size_t)(c->end - c->in), room = out->max - out->len;
    size_t piece = left < PIECE ? left : PIECE;
    bool direct = room >= 3 * piece + OUT_SLACK;
    if (direct && !writer_reserve(out, 3 * piece + OUT_SLACK))
        return out->err;
    uint8_t *start = direct ? writer_tail(out) : one;
    c->stop = c->in + (direct ? piece : 1);
    c->out = start;
    *wrong = m->convert(m, c);
    size_t made = (size_t)(c->out - start);
    if (direct)
        writer_advance(out, made);
    else
        writer_put(out, one, made);
    return out->err;
}

static enum err convert(const struct charset_map *m, struct slice in, struct writer *out,
                        bool replace, uint64_t *bad)
{
    struct charset_cursor c = {.in = in.ptr, .end = in.ptr + in.len};
    while (c.in < c.end) {
        size_t wrong = 0;
        TRY(convert_piece(m, &c, out, &wrong));
        if (wrong == 0)
            continue;
        if (!replace)
            return ERR_BAD_TEXT;
        writer_lit(out, "\xEF\xBF\xBD");
        c.in += wrong;
        ++*bad;
    }
    return out->err;
}

enum err charset_to_utf8(const struct charset *cs, struct slice in, struct writer *out,
                         bool replace, uint64_t *replaced)
{
    const size_t start = out->len;
    uint64_t bad = 0;
    enum err e = ERR_BUG;
    if (out->err != ERR_OK)
        return out->err;
    if (cs->form == CHARSET_UTF8) {
        e = copy_utf8(in, out, replace, &bad);
    } else if (cs->form == CHARSET_OTHER) {
        const struct charset_map *m = atomic_load_explicit(
            &cs->tables->map, memory_order_acquire); /* see charset_prepare() */
        if (m != NULL)
            e = convert(m, in, out, replace, &bad);
    }
    if (e != ERR_OK) {
        out->len = start;
        return e;
    }
    if (replaced != NULL)
        *replaced += bad;
    return ERR_OK;
}
