/*
 * Messages read back, in both formats: the first byte of the input says which,
 * the rest is a record's value as a topic may hold it.
 *
 * Property: what is read tells texts, names and columns that lie in the value
 * or in the reader's memory (all of them are looked at), twice the same; what
 * is refused leaves the reader usable.
 */
#include "base/hash.h"
#include "encode/message.h"

#include <stdlib.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t hash_value(uint64_t h, const struct message_value *v)
{
    h = hash_item(h, v->raw);
    h = hash_item(h, v->text);
    return h ^ (uint64_t)v->kind;
}

static uint64_t hash_message(const struct message *m)
{
    uint64_t h = HASH_START ^ m->id ^ m->es_ms;
    h = hash_item(h, m->type);
    h = hash_item(h, m->database);
    h = hash_item(h, m->table);
    h = hash_item(h, m->sql);
    for (uint32_t i = 0; i < m->column_count; i++) {
        h = hash_item(h, m->columns[i].name);
        h = hash_value(h, &m->columns[i].before);
        h = hash_value(h, &m->columns[i].after);
    }
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum format_kind kind = data[0] == 'a' ? FORMAT_DTS_AVRO : FORMAT_CANAL_JSON;
    struct slice value = slice_of(data + 1, size - 1);
    struct message_reader *r = message_reader_new(kind, true);
    struct message m;
    MUST(r != NULL);
    enum err e = message_read(r, value, &m);
    MUST(e == ERR_OK || e == ERR_MALFORMED);
    if (e == ERR_OK) {
        uint64_t h = hash_message(&m);
        MUST(m.kind != MESSAGE_ROW || m.table.len > 0);
        MUST(message_read(r, value, &m) == ERR_OK);
        MUST(hash_message(&m) == h);
    }
    MUST(message_read(r, SLICE_LIT("none"), &m) == ERR_MALFORMED);
    message_reader_free(r);
    return 0;
}
