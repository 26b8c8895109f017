/*
 * The body of a TRANSACTION_PAYLOAD event. The first two bytes of the input
 * are the sizes of the pieces that go in and come out.
 *
 * Property: pieces of any size give what one large piece gives, up to the
 * same end.
 */
#include "binlog_fuzz.h"

#include "base/writer.h"
#include "mysqlproto/binlog/payload.h"

#define OUT_MAX    (1u << 20)
#define WINDOW_MAX (1u << 20)

/* What came out before the end, a failure or OUT_MAX bytes. */
static struct slice read_all(struct binlog_payload *p, struct slice body, size_t start,
                             size_t in_size, size_t out_size, uint8_t *out)
{
    size_t at = start, done = 0;
    if (binlog_payload_begin(p, slice_of(body.ptr, start), body.len) != ERR_OK)
        return SLICE_LIT("");
    while (done < OUT_MAX) {
        size_t n, cap = OUT_MAX - done < out_size ? OUT_MAX - done : out_size;
        enum err e = binlog_payload_read(p, out + done, cap, &n);
        CHECK(n <= cap);
        done += n;
        if (e == ERR_NEED_INPUT && at < body.len) {
            size_t more = body.len - at < in_size ? body.len - at : in_size;
            CHECK(binlog_payload_input(p, slice_of(body.ptr + at, more)) == ERR_OK);
            at += more;
            continue;
        }
        CHECK(e != ERR_NEED_INPUT && e != ERR_BUG);
        if (e != ERR_OK || n < cap)
            break;
    }
    return slice_of(out, done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct binlog_payload *p;
    static uint8_t once[OUT_MAX], pieces[OUT_MAX];
    if (p == NULL)
        CHECK(binlog_payload_new(WINDOW_MAX, &p) == ERR_OK);
    if (size < 2)
        return 0;
    struct slice body = own(data + 2, size - 2);
    struct binlog_payload_info info;
    if (binlog_payload_parse(body, &info) == ERR_OK) {
        struct slice a = read_all(p, body, body.len, body.len, OUT_MAX, once);
        struct slice b = read_all(p, body, info.header_len, data[0] + 1u, data[1] + 1u, pieces);
        size_t n = a.len < b.len ? a.len : b.len;
        CHECK(memcmp(a.ptr, b.ptr, n) == 0);
        size_t at = 0, need;
        struct slice ev;
        struct binlog_event parsed;
        while (binlog_run_next(a.ptr + at, a.len - at, &ev, &need) == ERR_OK) {
            CHECK(binlog_event_parse_inner(ev, &parsed) == ERR_OK);
            touch(parsed.body);
            at += ev.len;
        }
    }
    disown(body);
    return 0;
}
