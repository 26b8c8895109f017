/*
 * Text of every character set to UTF-8. The last byte of the input chooses the
 * set.
 *
 * With replacement any bytes become valid UTF-8. Without, the same text comes
 * out exactly if nothing had to be replaced, and nothing is left otherwise. A
 * writer that the text just fits into gets it too.
 */
#include "base/utf8.h"
#include "base/writer.h"
#include "schema/charset.h"

#define CHECK(ok)                                                                                  \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            __builtin_trap();                                                                      \
    } while (0)

static const char *const names[] = {
    "utf8mb4",  "utf8mb3", "ascii",   "latin1",   "latin2", "latin5", "latin7",  "cp850",
    "cp852",    "cp866",   "cp1250",  "cp1251",   "cp1256", "cp1257", "koi8r",   "koi8u",
    "greek",    "hebrew",  "tis620",  "armscii8", "dec8",   "hp8",    "swe7",    "macce",
    "macroman", "keybcs2", "geostd8", "big5",     "gbk",    "gb2312", "gb18030", "sjis",
    "cp932",    "ujis",    "eucjpms", "euckr",    "ucs2",   "utf16",  "utf16le", "utf32",
};

static void check_exact_room(const struct charset *cs, struct slice in, struct slice text)
{
    struct writer w;
    writer_init(&w, text.len);
    CHECK(charset_to_utf8(cs, in, &w, true, NULL) == ERR_OK);
    CHECK(slice_eq(writer_slice(&w), text));
    writer_fini(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *name = names[data[size - 1] % (sizeof(names) / sizeof(names[0]))];
    const struct charset *cs = charset_of_name(slice_str(name));
    struct slice in = slice_of(data, size - 1);
    struct writer lenient, strict;
    uint64_t replaced = 0;
    writer_init(&lenient, SIZE_MAX / 4);
    writer_init(&strict, SIZE_MAX / 4);
    CHECK(cs != NULL && charset_prepare(cs) == ERR_OK);
    CHECK(charset_to_utf8(cs, in, &lenient, true, &replaced) == ERR_OK);
    CHECK(utf8_valid(writer_slice(&lenient)));
    CHECK(replaced <= in.len && (replaced == 0 || lenient.len >= 3 * replaced));
    enum err e = charset_to_utf8(cs, in, &strict, false, NULL);
    CHECK(e == (replaced == 0 ? ERR_OK : ERR_BAD_TEXT));
    CHECK(e == ERR_OK ? slice_eq(writer_slice(&strict), writer_slice(&lenient)) : strict.len == 0);
    check_exact_room(cs, in, writer_slice(&lenient));
    writer_fini(&lenient);
    writer_fini(&strict);
    return 0;
}
