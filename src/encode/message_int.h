/* What the readers of the formats share. See message.h. */
#pragma once

#include "base/arena.h"
#include "encode/message.h"

struct message_reader {
    enum format_kind format;
    bool texts;
    void *document;      /* canal-json: what the last message was parsed into; NULL: none */
    struct arena *arena; /* texts of the last message; NULL: none */
    struct message_column *columns;
    uint32_t column_cap;
};

/* message.c: room for one more column behind count; its values are absent. */
NODISCARD enum err message_add_column(struct message_reader *r, uint32_t *count, struct slice name);

/* message.c: n bytes for a text; NULL: no memory. */
uint8_t *message_room(struct message_reader *r, size_t n);

NODISCARD enum err canal_read(struct message_reader *r, struct slice value, struct message *out);
void canal_read_forget(struct message_reader *r);

NODISCARD enum err dts_avro_read(struct message_reader *r, struct slice value, struct message *out);
