#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *text;
    enum err_class cls;
} errors[ERR_COUNT] = {
#define X(name, cls, text) [ERR_##name] = {#name, text, cls},
    ERR_TABLE(X)
#undef X
};

static const int exit_codes[] = {
    [ERRC_OK] = 0,     [ERRC_WAIT] = 1,    [ERRC_BUG] = 1,  [ERRC_CONFIG] = 2,
    [ERRC_CHECK] = 3,  [ERRC_SOURCE] = 4,  [ERRC_LINK] = 4, [ERRC_DEST] = 5,
    [ERRC_BROKER] = 5, [ERRC_HISTORY] = 6, [ERRC_DATA] = 7, [ERRC_STATE] = 8,
};

enum err_class err_class(enum err e)
{
    return (unsigned)e < ERR_COUNT ? errors[e].cls : ERRC_BUG;
}

const char *err_name(enum err e)
{
    return (unsigned)e < ERR_COUNT ? errors[e].name : "?";
}

const char *err_text(enum err e)
{
    return (unsigned)e < ERR_COUNT ? errors[e].text : "?";
}

int err_exit_code(enum err e)
{
    return exit_codes[err_class(e)];
}

enum err errmsg_set(struct errmsg *m, enum err e, const char *fmt, ...)
{
    if (m == NULL)
        return e;
    va_list args;
    va_start(args, fmt);
    vsnprintf(m->text, sizeof(m->text), fmt, args);
    va_end(args);
    return e;
}

void errmsg_prefix(struct errmsg *m, const char *fmt, ...)
{
    if (m == NULL)
        return;
    struct errmsg old = *m;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(m->text, sizeof(m->text), fmt, args);
    va_end(args);
    if (n < 0)
        n = 0;
    if ((size_t)n < sizeof(m->text)) {
        int len = (int)(sizeof(m->text) - (size_t)n - 3);
        snprintf(m->text + n, sizeof(m->text) - (size_t)n, ": %.*s", len > 0 ? len : 0, old.text);
    }
}
