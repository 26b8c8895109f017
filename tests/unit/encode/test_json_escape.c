#include "encode/json_escape.h"

#include "base/cpu.h"
#include "base/utf8.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 300

/* Runs f on a copy that ends where its heap block ends, as does the room for the result. */
static uint8_t *run(uint8_t *(*f)(uint8_t *, const uint8_t *, size_t), const void *in, size_t len,
                    size_t *out_len)
{
    uint8_t *exact = malloc(len + 1); /* +1: malloc(0) may be NULL */
    uint8_t *copy = exact + 1;
    uint8_t *out = malloc(JSON_ESCAPE_ROOM(len));
    cr_assert(exact != NULL && out != NULL);
    memcpy(copy, in, len);
    uint8_t *end = f(out, copy, len);
    free(exact);
    if (end == NULL) {
        free(out);
        return NULL;
    }
    *out_len = (size_t)(end - out);
    cr_assert_leq(*out_len, 6 * len);
    return out;
}

static void check(const char *in, size_t len, const char *want, size_t want_len, bool latin1)
{
    const struct json_escape *e;
    for (size_t i = 0; (e = json_escape_variant(i)) != NULL; i++) {
        size_t got_len = 0;
        uint8_t *got = run(latin1 ? e->latin1 : e->utf8, in, len, &got_len);
        if (want == NULL) {
            cr_assert_null(got, "%s took bad text of %zu bytes", e->name, len);
            continue;
        }
        cr_assert_not_null(got, "%s refused good text of %zu bytes", e->name, len);
        cr_assert_eq(got_len, want_len, "%s: %.*s", e->name, (int)got_len, (char *)got);
        cr_assert_eq(memcmp(got, want, want_len), 0, "%s: %.*s", e->name, (int)got_len,
                     (char *)got);
        free(got);
    }
}

#define CHECK(in, want)        check(in, sizeof(in) - 1, want, sizeof(want) - 1, false)
#define CHECK_LATIN1(in, want) check(in, sizeof(in) - 1, want, sizeof(want) - 1, true)

Test(json_escape, every_variant_of_this_cpu_is_there_and_the_scalar_one_is_last)
{
    size_t n = 0;
    while (json_escape_variant(n) != NULL)
        n++;
    cr_assert_geq(n, 1);
    cr_assert_str_eq(json_escape_variant(n - 1)->name, "scalar");
    cr_assert_eq(json_escape_best(), json_escape_variant(0));
    cpu_restrict(0);
    cr_assert_str_eq(json_escape_best()->name, "scalar");
}

Test(json_escape, quote_backslash_and_control_bytes_are_escaped_and_nothing_else)
{
    CHECK("", "");
    CHECK("plain", "plain");
    CHECK("a\"b\\c/d", "a\\\"b\\\\c/d");
    CHECK("\b\t\n\f\r", "\\b\\t\\n\\f\\r");
    CHECK("\0\1\x0B\x1F\x7F", "\\u0000\\u0001\\u000b\\u001f\x7F");
    CHECK("\xE6\x9D\xAD\xE5\xB7\x9E \xF0\x9F\x98\x80", "\xE6\x9D\xAD\xE5\xB7\x9E \xF0\x9F\x98\x80");
}

Test(json_escape, latin1_bytes_become_code_points_of_their_value)
{
    CHECK_LATIN1("", "");
    CHECK_LATIN1("\x00\xFF\x22", "\\u0000\xC3\xBF\\\"");
    CHECK_LATIN1("\x80\xBF\xC0\x7F", "\xC2\x80\xC2\xBF\xC3\x80\x7F");
}

static size_t reference(char *out, const uint8_t *in, size_t len, bool latin1)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = in[i];
        if (c == '"' || c == '\\')
            n += (size_t)sprintf(out + n, "\\%c", c);
        else if (c == '\b' || c == '\t' || c == '\n' || c == '\f' || c == '\r')
            n += (size_t)sprintf(out + n, "\\%c", "btn?fr"[c - 8]);
        else if (c < 0x20)
            n += (size_t)sprintf(out + n, "\\u%04x", c);
        else if (c >= 0x80 && latin1)
            n += (size_t)(utf8_put((uint8_t *)out + n, c) - ((uint8_t *)out + n));
        else
            out[n++] = (char)c;
    }
    return n;
}

static void check_against_reference(const uint8_t *in, size_t len)
{
    static char want[6 * TEXT_MAX + 16];
    size_t n = reference(want, in, len, false);
    check((const char *)in, len, utf8_valid(slice_of(in, len)) ? want : NULL, n, false);
    n = reference(want, in, len, true);
    check((const char *)in, len, want, n, true);
}

Test(json_escape, a_special_byte_is_found_at_every_place_of_every_length)
{
    static const uint8_t specials[] = {'"', '\\', '\n', 0x00, 0x1F, 0x7F, 0x20, 0xE9};
    uint8_t text[TEXT_MAX];
    for (size_t len = 0; len <= 130; len++)
        for (size_t s = 0; s < sizeof specials; s++)
            for (size_t at = 0; at < len; at++) {
                memset(text, 'x', len);
                text[at] = specials[s];
                check_against_reference(text, len);
                if (at > 2) {
                    text[at - 2] = specials[s];
                    check_against_reference(text, len);
                }
            }
}

Test(json_escape, bad_utf8_is_refused_at_every_place)
{
    static const char *const cases[] = {
        "\x80",
        "\xC0\x80",
        "\xC1\xBF",
        "\xC2",
        "\xC2\xC2",
        "\xE0\x9F\xBF",
        "\xE2\x82",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xEF\xBF",
        "\xF0\x90\x80",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80",
        "\xFF",
        "\xC3\xA9\xA9",
        "\xE2\x82\xAC\x80",
        "\xF7\xBF\xBF\xBF",
        "\xF8\x88\x80",
        "\xF5\x90\x80\x80",
        /* and good ones */
        "\xC2\x80",
        "\xDF\xBF",
        "\xE0\xA0\x80",
        "\xED\x9F\xBF",
        "\xEE\x80\x80",
        "\xEF\xBF\xBF",
        "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF",
        "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80",
    };
    uint8_t text[TEXT_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i]);
        for (size_t len = n; len <= 100; len++)
            for (size_t at = 0; at + n <= len; at++) {
                memset(text, 'x', len);
                memcpy(text + at, cases[i], n);
                check_against_reference(text, len);
                if (at > 0) {
                    text[at - 1] = '"';
                    check_against_reference(text, len);
                }
                if (at + n < len) {
                    text[at + n] = '\n';
                    check_against_reference(text, len);
                }
            }
    }
}

Test(json_escape, all_pairs_and_leads_of_bytes_are_judged_alike)
{
    uint8_t text[40];
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++)
            for (unsigned c = 0x7F; c < 0xC2; c += 0x21) {
                memset(text, 'y', sizeof text);
                text[30] = (uint8_t)a;
                text[31] = (uint8_t)b;
                text[32] = (uint8_t)c;
                text[33] = (uint8_t)c;
                check_against_reference(text, 33);
                check_against_reference(text, 34);
                check_against_reference(text, 40);
            }
}

Test(json_escape, random_text_is_as_the_reference_says)
{
    static const uint8_t alphabet[] = "abc \"\\\n\x01\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xED\xA0";
    uint8_t text[TEXT_MAX];
    srand(7);
    for (int round = 0; round < 30000; round++) {
        size_t len = (size_t)rand() % TEXT_MAX;
        int kind = rand() % 4;
        for (size_t i = 0; i < len; i++) {
            if (kind == 0)
                text[i] = (uint8_t)rand();
            else if (kind == 1)
                text[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
            else
                text[i] = (uint8_t)(' ' + rand() % 95);
        }
        for (size_t i = 0; kind == 3 && i + 4 <= len;) {
            uint32_t c = (uint32_t)rand() % 0x110000;
            if (c < 0xD800 || c >= 0xE000)
                i += (size_t)(utf8_put(text + i, c) - (text + i));
            if (rand() % 50 == 0 && i < len)
                text[i++] = '"';
        }
        check_against_reference(text, len);
    }
}
