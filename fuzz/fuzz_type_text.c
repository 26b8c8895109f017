/*
 * Type texts, as a catalogue or a checkpoint gives them.
 *
 * The members of an ENUM or SET are as many as were counted, and a label
 * quoted again gives itself when it is unquoted.
 */
#include "base/writer.h"
#include "schema/type_text.h"

#include <stdlib.h>

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)

static void check_label(struct slice label)
{
    struct writer w;
    struct type_text t;
    struct slice rest, quoted;
    writer_init(&w, SIZE_MAX / 4);
    writer_lit(&w, "enum(");
    type_member_quote(label, &w);
    writer_lit(&w, ")");
    CHECK(w.err == ERR_OK);
    CHECK(type_text_parse(writer_slice(&w), &t) && t.member_count == 1);
    rest = t.members;
    CHECK(type_member_next(&rest, &quoted) && rest.len == 0);
    uint8_t *again = malloc(quoted.len + 1);
    size_t n = type_member_unquote(quoted, again);
    CHECK(slice_eq(slice_of(again, n), label));
    free(again);
    writer_fini(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct type_text t;
    if (!type_text_parse(slice_of(data, size), &t) || t.member_count == 0)
        return 0;
    struct slice rest = t.members, quoted;
    uint8_t *label = malloc(size + 1);
    uint32_t count = 0;
    while (type_member_next(&rest, &quoted)) {
        size_t n = type_member_unquote(quoted, label);
        CHECK(n <= quoted.len);
        check_label(slice_of(label, n));
        count++;
    }
    CHECK(count == t.member_count && rest.len == 0);
    free(label);
    return 0;
}
