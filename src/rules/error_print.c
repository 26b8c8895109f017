/* Where in a text an error is, for people. */
#include "rules/expression.h"

#include "base/utf8.h"

#define SHOWN_MAX 160 /* bytes of the line */

struct place {
    uint32_t line;
    uint32_t column; /* in characters */
    struct slice text;
    uint32_t in_text; /* bytes of it before the place */
};

static struct place place_of(struct slice text, uint32_t offset)
{
    struct place p = {.line = 1, .column = 1};
    size_t from = 0;
    if (offset > text.len)
        offset = (uint32_t)text.len;
    for (size_t i = 0; i < offset; i++) {
        if (text.ptr[i] == '\n') {
            p.line++;
            p.column = 1;
            from = i + 1;
        } else if ((text.ptr[i] & 0xC0) != 0x80) {
            p.column++;
        }
    }
    size_t end = offset;
    while (end < text.len && text.ptr[end] != '\n')
        end++;
    p.text = slice_of(text.ptr + from, end - from);
    p.in_text = (uint32_t)(offset - from);
    return p;
}

const char *rule_error_text(struct slice text, const struct rule_error *e, char *buf, size_t cap)
{
    struct place p = place_of(text, e->offset);
    snprintf(buf, cap, "line %u, column %u: %s", p.line, p.column, e->text);
    return buf;
}

void rule_error_print(FILE *out, const char *file, uint32_t line, const char *what,
                      struct slice text, const struct rule_error *e)
{
    struct place p = place_of(text, e->offset);
    char sentence[320];
    fprintf(out, "%s:%u: %s, %s\n", file, line, what,
            rule_error_text(text, e, sentence, sizeof(sentence)));
    uint32_t skip = p.in_text > SHOWN_MAX / 2 ? p.in_text - SHOWN_MAX / 2 : 0;
    while (skip > 0 && (p.text.ptr[skip] & 0xC0) == 0x80)
        skip--;
    size_t shown = p.text.len - skip < SHOWN_MAX ? p.text.len - skip : SHOWN_MAX;
    fprintf(out, "  %.*s\n  ", (int)shown, (const char *)p.text.ptr + skip);
    for (uint32_t i = skip; i < p.in_text; i++)
        if ((p.text.ptr[i] & 0xC0) != 0x80)
            fputc(' ', out);
    fputs("^\n", out);
}
