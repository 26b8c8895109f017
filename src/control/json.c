#include "control/json.h"

#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static void escaped(struct writer *w, struct slice s)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *p = s.ptr, *end = p + s.len;
    writer_u8(w, '"');
    while (p < end) {
        size_t n = 0;
        if (*p >= 0x80 && (n = utf8_char_len(p, end)) == 0) {
            writer_lit(w, "\xEF\xBF\xBD");
            p++;
        } else if (n > 0) {
            writer_put(w, p, n);
            p += n;
        } else if (*p < 0x20 || *p == '"' || *p == '\\' || *p == '<') {
            /* '<' too: the text may be put into a page */
            uint8_t u[6] = {'\\', 'u', '0', '0', (uint8_t)hex[*p >> 4], (uint8_t)hex[*p & 15]};
            writer_put(w, u, sizeof(u));
            p++;
        } else {
            writer_u8(w, *p++);
        }
    }
    writer_u8(w, '"');
}

static void begin(struct jw *j, const char *name)
{
    if (j->depth > 0 && j->comma[j->depth - 1])
        writer_u8(j->w, ',');
    if (j->depth > 0)
        j->comma[j->depth - 1] = true;
    if (name != NULL) {
        escaped(j->w, slice_str(name));
        writer_u8(j->w, ':');
    }
}

void jw_open(struct jw *j, const char *name, char kind)
{
    assert(j->depth < JSON_DEPTH);
    begin(j, name);
    writer_u8(j->w, (uint8_t)kind);
    j->closer[j->depth] = kind == '{' ? '}' : ']';
    j->comma[j->depth++] = false;
}

void jw_close(struct jw *j)
{
    writer_u8(j->w, (uint8_t)j->closer[--j->depth]);
}

void jw_slice(struct jw *j, const char *name, struct slice text)
{
    begin(j, name);
    escaped(j->w, text);
}

void jw_raw(struct jw *j, const char *name, struct slice json)
{
    begin(j, name);
    writer_slice_put(j->w, json);
}

void jw_text(struct jw *j, const char *name, const char *text)
{
    if (text == NULL) {
        jw_null(j, name);
        return;
    }
    begin(j, name);
    escaped(j->w, slice_str(text));
}

void jw_number(struct jw *j, const char *name, uint64_t n)
{
    begin(j, name);
    writer_printf(j->w, "%" PRIu64, n);
}

void jw_decimal(struct jw *j, const char *name, uint64_t n, uint64_t per)
{
    begin(j, name);
    writer_printf(j->w, "%" PRIu64 ".%03" PRIu64, n / per, n % per * 1000 / per);
}

void jw_bool(struct jw *j, const char *name, bool b)
{
    begin(j, name);
    if (b)
        writer_lit(j->w, "true");
    else
        writer_lit(j->w, "false");
}

void jw_null(struct jw *j, const char *name)
{
    begin(j, name);
    writer_lit(j->w, "null");
}

void jw_time_text(uint64_t us, char out[32])
{
    time_t s = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&s, &tm);
    size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, 32 - n, ".%03uZ", (unsigned)(us / 1000 % 1000));
}

void jw_time(struct jw *j, const char *name, uint64_t us)
{
    char text[32];
    if (us == 0) {
        jw_null(j, name);
        return;
    }
    jw_time_text(us, text);
    jw_text(j, name, text);
}
