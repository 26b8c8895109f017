/*
 * A document and a list of diffs: two bytes of length and the document, then
 * the diffs.
 *
 * Properties: no diffs leave a document as it is, less any bytes behind it;
 * the result of diffs stays the same bytes when no more diffs are applied.
 */
#include "binlog_fuzz.h"

#include "base/writer.h"
#include "mysqlproto/binlog/json_diff.h"
#include "schema/json_binary.h"

#define DOC_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {data, size};
    struct slice part = take_part(&in);
    struct slice before = own(part.ptr, part.len), diffs = own(in.ptr, in.len);
    struct writer text, out, again;
    writer_init(&text, DOC_MAX);
    writer_init(&out, DOC_MAX);
    writer_init(&again, DOC_MAX);
    if (json_binary_text(before, &text) == ERR_OK) {
        CHECK(json_diff_apply(before, SLICE_LIT(""), &out) == ERR_OK);
        CHECK(before.len == 0 || out.len <= before.len);
        CHECK(before.len == 0 || memcmp(out.base, before.ptr, out.len) == 0);
    }
    writer_clear(&out);
    writer_clear(&text);
    if (json_diff_apply(before, diffs, &out) == ERR_OK) {
        touch(writer_slice(&out));
        (void)!json_binary_text(writer_slice(&out), &text);
        CHECK(json_diff_apply(writer_slice(&out), SLICE_LIT(""), &again) == ERR_OK);
        CHECK(slice_eq(writer_slice(&out), writer_slice(&again)));
    }
    writer_fini(&text);
    writer_fini(&out);
    writer_fini(&again);
    disown(before);
    disown(diffs);
    return 0;
}
