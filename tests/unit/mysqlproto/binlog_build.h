/*
 * Bytes of binlog events for tests. What the builders make stays until the
 * test, which is a process of its own, is over.
 */
#pragma once

#include "base/writer.h"
#include "mysqlproto/binlog/event.h"
#include "schema/table.h"

#include <criterion/criterion.h>
#include <libdeflate.h>
#include <stdlib.h>

struct kept {
    struct kept *before;
    _Alignas(16) uint8_t data[];
};
static struct kept *kept_last; /* so that nothing counts as leaked */

static inline void *keep(size_t n)
{
    struct kept *k = malloc(sizeof *k + n);
    cr_assert_not_null(k);
    k->before = kept_last;
    kept_last = k;
    return k->data;
}

/* The bytes of hexadecimal text; anything that is no digit is passed over. */
static inline struct slice hex(const char *text)
{
    uint8_t *buf = keep(strlen(text) / 2 + 1);
    size_t n = 0;
    int high = -1;
    for (; *text != 0; text++) {
        int d = *text >= '0' && *text <= '9'   ? *text - '0'
                : *text >= 'a' && *text <= 'f' ? *text - 'a' + 10
                : *text >= 'A' && *text <= 'F' ? *text - 'A' + 10
                                               : -1;
        if (d < 0)
            continue;
        if (high < 0) {
            high = d;
        } else {
            buf[n++] = (uint8_t)(high << 4 | d);
            high = -1;
        }
    }
    return slice_of(buf, n);
}

static inline struct writer *new_writer(void)
{
    struct writer *w = keep(sizeof *w);
    writer_init(w, 1u << 30);
    return w;
}

/* One whole event. */
static inline struct slice make_event(uint8_t type, uint16_t flags, uint32_t log_pos,
                                      struct slice body, bool crc)
{
    struct writer *w = new_writer();
    writer_u32(w, 1700000000);
    writer_u8(w, type);
    writer_u32(w, 7);
    writer_u32(w, (uint32_t)(19 + body.len + (crc ? 4 : 0)));
    writer_u32(w, log_pos);
    writer_u16(w, flags);
    writer_slice_put(w, body);
    if (crc)
        writer_u32(w, libdeflate_crc32(0, w->base, w->len));
    return writer_slice(w);
}

/* An event that is parsed already. */
static inline struct binlog_event event_of(uint8_t type, struct slice body)
{
    return (struct binlog_event){.header = {.type = type, .server_id = 7}, .body = body};
}

/* What a server of version 8.0 says about itself. */
static inline struct slice fde_body(const char *version, uint8_t types, bool has_field,
                                    uint8_t algorithm)
{
    struct writer *w = new_writer();
    char server[50] = {0};
    strncpy(server, version, sizeof server - 1);
    writer_u16(w, 4);
    writer_put(w, server, sizeof server);
    writer_u32(w, 0);
    writer_u8(w, 19);
    for (unsigned i = 1; i <= types; i++)
        writer_u8(w, i == 2 ? 13 : i == 4 || i == 19 ? 8 : i >= 30 && i <= 32 ? 10 : 0);
    if (has_field)
        writer_u8(w, algorithm);
    return writer_slice(w);
}

/* No prefix of body may be taken by the expression, in which it is called cut. */
#define REFUSES_ALL_CUTS(body, call)                                                               \
    do {                                                                                           \
        for (size_t cut_len_ = 0; cut_len_ < (body).len; cut_len_++) {                             \
            uint8_t *copy_ = malloc(cut_len_ + 1);                                                 \
            memcpy(copy_, (body).ptr, cut_len_);                                                   \
            struct slice cut = slice_of(copy_, cut_len_);                                          \
            cr_expect_neq((call), ERR_OK, "a body cut to %zu bytes is taken", cut_len_);           \
            free(copy_);                                                                           \
        }                                                                                          \
    } while (0)

#define EXPECT_SLICE(s, text)                                                                      \
    cr_expect(slice_eq((s), slice_str(text)), "\"%.*s\" is not \"%s\"", SLICE_ARG(s), text)
