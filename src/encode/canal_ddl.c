/* A statement as Canal JSON. */
#include "base/number.h"
#include "encode/canal_int.h"
#include "encode/spare.h"

#define TEXT_PIECE CANAL_PIECE

/* Bytes that may be asked for in vain while the message is put together. */
#define TEXT_SPARE (JSON_ESCAPE_ROOM(TEXT_PIECE) + 1024)

static const char *type_name(enum ddl_change_type type)
{
    static const char *const names[] = {
        [DDL_TYPE_QUERY] = "QUERY",   [DDL_TYPE_CREATE] = "CREATE",
        [DDL_TYPE_ALTER] = "ALTER",   [DDL_TYPE_ERASE] = "ERASE",
        [DDL_TYPE_RENAME] = "RENAME", [DDL_TYPE_TRUNCATE] = "TRUNCATE",
        [DDL_TYPE_CINDEX] = "CINDEX", [DDL_TYPE_DINDEX] = "DINDEX",
    };
    return names[type];
}

/* A long text is escaped piece by piece, cut between characters, so that little is spare. */
static size_t piece_of(struct slice s)
{
    if (s.len <= TEXT_PIECE)
        return s.len;
    size_t n = TEXT_PIECE;
    for (int back = 0; back < 3 && (s.ptr[n] & 0xC0) == 0x80; back++)
        n--;
    return n;
}

static void put_text(const struct json_escape *escape, struct slice s, struct writer *w)
{
    writer_u8(w, '"');
    while (s.len > 0 && w->err == ERR_OK) {
        size_t n = piece_of(s);
        if (!writer_reserve(w, JSON_ESCAPE_ROOM(n)))
            return;
        const uint8_t *end = escape->utf8(writer_tail(w), s.ptr, n);
        if (end == NULL) {
            w->err = ERR_BAD_TEXT;
            return;
        }
        w->len = (size_t)(end - w->base);
        s.ptr += n;
        s.len -= n;
    }
    writer_u8(w, '"');
}

static void put_number(uint64_t n, struct writer *w)
{
    if (writer_reserve(w, NUMBER_U64_MAX))
        w->len = (size_t)(number_u64(writer_tail(w), n) - w->base);
}

static void put_ddl(const struct canal_options *o, const struct ddl_change *d, struct writer *w)
{
    const struct json_escape *escape = json_escape_best();
    if (o->ddl_canal)
        writer_lit(w, "{\"data\":null,\"database\":");
    else
        writer_lit(w, "{\"database\":");
    put_text(escape, d->database, w);
    writer_lit(w, ",\"es\":");
    put_number(d->es_ms, w);
    if (o->gtid && d->gtid.len > 0) {
        writer_lit(w, ",\"gtid\":");
        put_text(escape, d->gtid, w);
    }
    writer_lit(w, ",\"id\":");
    put_number(d->id, w);
    writer_lit(w, ",\"isDdl\":true");
    if (o->ddl_canal)
        writer_lit(w, ",\"mysqlType\":null,\"old\":null,\"pkNames\":null");
    writer_lit(w, ",\"sql\":");
    put_text(escape, d->sql, w);
    if (o->ddl_canal)
        writer_lit(w, ",\"sqlType\":null");
    writer_lit(w, ",\"table\":");
    put_text(escape, d->table, w);
    writer_lit(w, ",\"ts\":");
    put_number(d->ts_ms, w);
    writer_printf(w, ",\"type\":\"%s\"}", o->ddl_canal ? type_name(d->type) : "DDL");
}

enum err canal_ddl_encode(const struct canal_options *o, const struct ddl_change *d,
                          struct writer *value)
{
    struct writer w;
    spare_begin(&w, value, TEXT_SPARE);
    put_ddl(o, d, &w);
    return spare_append(&w, value);
}
