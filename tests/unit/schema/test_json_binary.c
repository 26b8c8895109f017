#include "schema/json_binary.h"

#include "base/writer.h"
#include "json_vectors.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define VECTOR_COUNT (sizeof(json_vectors) / sizeof(json_vectors[0]))

static struct slice unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    unsigned b;
    for (; sscanf(hex + 2 * n, "%2x", &b) == 1; n++)
        out[n] = (uint8_t)b;
    return slice_of(out, n);
}

/* In a block of exactly its size, so that reading past its end is seen. */
static enum err text_of(struct slice doc, struct writer *w)
{
    uint8_t *exact = malloc(doc.len + 1);
    memcpy(exact, doc.ptr, doc.len);
    enum err e = json_binary_text(slice_of(doc.len > 0 ? exact : exact + 1, doc.len), w);
    free(exact);
    return e;
}

static void expect(struct slice doc, const char *text)
{
    struct writer w;
    writer_init(&w, 1 << 20);
    cr_expect_eq(text_of(doc, &w), ERR_OK);
    cr_expect(slice_eq(writer_slice(&w), slice_str(text)), "%.*s, not %s", (int)w.len, w.base,
              text);
    writer_fini(&w);
}

static void refused(struct slice doc, enum err want)
{
    struct writer w;
    writer_init(&w, 1 << 20);
    writer_lit(&w, "before");
    cr_expect_eq(text_of(doc, &w), want);
    cr_expect(slice_eq(writer_slice(&w), SLICE_LIT("before")), "something is left in the writer");
    writer_fini(&w);
}

Test(json_binary, prints_documents_as_the_server_does)
{
    uint8_t buf[4096];
    for (size_t i = 0; i < VECTOR_COUNT; i++)
        expect(unhex(json_vectors[i].doc, buf), json_vectors[i].text);
}

Test(json_binary, every_truncation_of_a_document_is_refused)
{
    uint8_t buf[4096];
    struct writer w;
    writer_init(&w, 1 << 20);
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct slice doc = unhex(json_vectors[i].doc, buf);
        for (size_t n = 1; n < doc.len; n++)
            cr_expect_neq(text_of(slice_of(doc.ptr, n), &w), ERR_OK, "%zu bytes of %s", n,
                          json_vectors[i].doc);
    }
    cr_expect_eq(w.len, 0);
    writer_fini(&w);
}

Test(json_binary, an_empty_column_is_null)
{
    expect(SLICE_LIT(""), "null");
}

Test(json_binary, lengths_and_offsets_are_held_against_their_container)
{
    expect(SLICE_LIT("\x00\x01\x00\x0c\x00\x0b\x00\x01\x00\x05\x01\x00"
                     "a"),
           "{\"a\": 1}");
    /* more bytes than there are */
    refused(SLICE_LIT("\x00\x01\x00\x0d\x00\x0b\x00\x01\x00\x05\x01\x00"
                      "a"),
            ERR_TRUNCATED);
    /* fewer than the entries take */
    refused(SLICE_LIT("\x00\x01\x00\x0a\x00\x0b\x00\x01\x00\x05\x01\x00"
                      "a"),
            ERR_MALFORMED);
    /* a key in the entries, behind the end, and longer than what is left */
    refused(SLICE_LIT("\x00\x01\x00\x0c\x00\x0a\x00\x01\x00\x05\x01\x00"
                      "a"),
            ERR_MALFORMED);
    refused(SLICE_LIT("\x00\x01\x00\x0c\x00\x0c\x00\x01\x00\x05\x01\x00"
                      "a"),
            ERR_MALFORMED);
    refused(SLICE_LIT("\x00\x01\x00\x0c\x00\x0b\x00\x02\x00\x05\x01\x00"
                      "a"),
            ERR_MALFORMED);
    /* an element in the entries, and behind the end */
    refused(SLICE_LIT("\x02\x01\x00\x09\x00\x0c\x06\x00\x01z"), ERR_MALFORMED);
    refused(SLICE_LIT("\x02\x01\x00\x09\x00\x0c\x09\x00\x01z"), ERR_MALFORMED);
    expect(SLICE_LIT("\x02\x01\x00\x09\x00\x0c\x07\x00\x01z"), "[\"z\"]");
    /* a count of the largest kind */
    refused(SLICE_LIT("\x03\xff\xff\xff\xff\x08\x00\x00\x00"), ERR_MALFORMED);
    refused(SLICE_LIT("\x01\xff\xff\xff\xff\xff\xff\xff\xff"), ERR_TRUNCATED);
}

Test(json_binary, values_that_cannot_be_are_refused)
{
    refused(SLICE_LIT("\x04\x03"), ERR_MALFORMED);                             /* literal */
    refused(SLICE_LIT("\x0d\x00\x00"), ERR_MALFORMED);                         /* type */
    refused(SLICE_LIT("\x0b\x00\x00\x00\x00\x00\x00\xf0\x7f"), ERR_MALFORMED); /* infinity */
    refused(SLICE_LIT("\x0c\xff\xff\xff\xff\x7f"), ERR_MALFORMED);             /* 35 bits */
    refused(SLICE_LIT("\x0c\xff\xff\xff\xff\x0f"), ERR_TRUNCATED);             /* 4 GiB */
    refused(SLICE_LIT("\x0c\xff\xff\xff\xff\xff\x00"), ERR_MALFORMED);         /* six bytes */
    refused(SLICE_LIT("\x0f\xf6\x02\x42\x00"), ERR_MALFORMED);                 /* decimal */
    refused(SLICE_LIT("\x0f\xf6\x01\x05"), ERR_MALFORMED);                     /* decimal */
    refused(SLICE_LIT("\x0f\xf6\x03\x02\x00\xe4"), ERR_MALFORMED);             /* 100 in 2 digits */
    refused(SLICE_LIT("\x0f\x0c\x07\x00\x00\x00\x00\x00\x00\x00"), ERR_MALFORMED); /* datetime */
    refused(SLICE_LIT("\x0f\x0c\x08\x00\x00\x00\x00\x00\x00\x00\x80"), ERR_MALFORMED);
    refused(SLICE_LIT("\x0f\x0c\x08\xff\xff\xff\x00\x00\x00\x00\x00"), ERR_MALFORMED); /* 16.7 s */
}

static size_t put_nested(uint8_t *doc, size_t depth)
{
    uint8_t *p = doc; /* 7 bytes a level, the innermost array being empty */
    *p++ = 0x02;
    for (size_t left = depth - 1; left > 0; left--) {
        size_t size = left * 7 + 4;
        uint8_t entry[] = {1, 0, (uint8_t)size, (uint8_t)(size >> 8), 0x02, 7, 0};
        memcpy(p, entry, 7);
        p += 7;
    }
    memcpy(p, "\0\0\4\0", 4);
    return (size_t)(p + 4 - doc);
}

Test(json_binary, a_hundred_levels_are_the_limit)
{
    uint8_t doc[1024];
    char text[256];
    size_t n = put_nested(doc, 100);
    memset(text, '[', 100);
    memset(text + 100, ']', 100);
    text[200] = 0;
    expect(slice_of(doc, n), text);
    n = put_nested(doc, 101);
    refused(slice_of(doc, n), ERR_MALFORMED);
}

Test(json_binary, elements_cannot_share_bytes_to_make_an_endless_text)
{
    /* Each array has two elements, which both are the next array. */
    uint8_t doc[1024] = {0x02};
    uint8_t *p = doc + 1;
    for (size_t left = 40; left > 0; left--) {
        size_t size = left * 10 + 4;
        uint8_t head[] = {2, 0, (uint8_t)size, (uint8_t)(size >> 8), 2, 10, 0, 2, 10, 0};
        memcpy(p, head, 10);
        p += 10;
    }
    memcpy(p, "\0\0\4\0", 4);
    refused(slice_of(doc, (size_t)(p + 4 - doc)), ERR_MALFORMED);
}

Test(json_binary, a_full_writer_is_told)
{
    struct writer w;
    writer_init(&w, 4);
    cr_assert_eq(json_binary_text(SLICE_LIT("\x0c\x03xyz"), &w), ERR_TOO_LARGE);
    cr_assert_eq(w.len, 0);
    writer_fini(&w);
}

Test(json_binary, a_walker_sees_keys_values_and_sizes)
{
    struct slice doc = SLICE_LIT("\x00\x02\x00\x1a\x00\x12\x00\x01\x00\x13\x00\x02\x00\x05\x01\x00"
                                 "\x0c\x15\x00"
                                 "abb\x04text");
    struct json_container c;
    struct json_value v;
    struct slice key, s;
    size_t size;
    cr_assert_eq(json_container_open(json_value_of(doc), &c), ERR_OK);
    cr_assert(c.is_object && !c.is_large);
    cr_assert_eq(c.count, 2);
    cr_assert_eq(json_container_key(&c, 1, &key), ERR_OK);
    cr_assert(slice_eq(key, SLICE_LIT("bb")));
    cr_assert_eq(json_container_value(&c, 0, &v), ERR_OK);
    cr_assert_eq(v.type, JSON_INT16);
    cr_assert_eq(json_value_size(v, &size), ERR_OK);
    cr_assert_eq(size, 2);
    cr_assert_eq(json_container_value(&c, 1, &v), ERR_OK);
    cr_assert_eq(json_string(v, &s), ERR_OK);
    cr_assert(slice_eq(s, SLICE_LIT("text")));
    cr_assert_eq(json_value_size(v, &size), ERR_OK);
    cr_assert_eq(size, 5);
    cr_assert_eq(json_value_size(json_value_of(doc), &size), ERR_OK);
    cr_assert_eq(size, 26);
    cr_assert_eq(json_container_open(v, &c), ERR_MALFORMED);
    cr_assert_eq(json_string(json_value_of(doc), &s), ERR_MALFORMED);
}

Test(json_binary, an_opaque_value_has_its_field_type)
{
    struct json_value v = json_value_of(SLICE_LIT("\x0f\x0f\x03raw"));
    struct slice s;
    uint8_t type;
    size_t size;
    cr_assert_eq(json_opaque(v, &type, &s), ERR_OK);
    cr_assert_eq(type, 15);
    cr_assert(slice_eq(s, SLICE_LIT("raw")));
    cr_assert_eq(json_value_size(v, &size), ERR_OK);
    cr_assert_eq(size, 5);
}
