#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct {
    pthread_mutex_t lock;
    enum log_level level;
    bool json;
    char status[2048]; /* lines that are shown below the log */
    log_watch_fn watch;
    void *watch_arg;
    atomic_uint_fast64_t lost; /* lines that could not be written, ever */
    uint64_t lost_told;        /* of those, told by log.lost */
    bool lost_watched;         /* whoever watches knows that lines are being lost */
    bool torn;                 /* the last one was written by half */
} logger = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_INFO};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_setup(enum log_level level, bool json)
{
    pthread_mutex_lock(&logger.lock);
    logger.level = level;
    logger.json = json;
    pthread_mutex_unlock(&logger.lock);
}

bool log_enabled(enum log_level level)
{
    return level <= logger.level;
}

/* Escapes s into a JSON string body; returns its length. */
static size_t escape(char *out, size_t cap, const char *s)
{
    size_t n = 0;
    for (; *s != 0 && n + 7 < cap; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            out[n++] = '\\';
            out[n++] = (char)c;
        } else if (c < 0x20) {
            n += (size_t)snprintf(out + n, cap - n, "\\u%04x", c);
        } else {
            out[n++] = (char)c;
        }
    }
    out[n] = 0;
    return n;
}

const char *log_quote(char *buf, size_t cap, const char *s)
{
    if (cap < 16)
        return "";
    buf[0] = '"';
    size_t n = escape(buf + 1, cap - 3, s) + 1;
    buf[n] = '"';
    buf[n + 1] = 0;
    return buf;
}

static void timestamp(char out[32])
{
    uint64_t us = clock_wall_us();
    time_t s = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&s, &tm);
    size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, 32 - n, ".%03uZ", (unsigned)(us / 1000 % 1000));
}

/* Appends n bytes of s if they fit; returns the new length. */
static size_t append(char *out, size_t cap, size_t at, const char *s, size_t n)
{
    if (n >= cap - at)
        return at;
    memcpy(out + at, s, n);
    out[at + n] = 0;
    return at + n;
}

/*
 * The fields of a line as members of a JSON object, each with a comma before
 * it. A value in quotes is a JSON string already (log_quote()); what has no key
 * goes into "text".
 */
static void fields_to_json(const char *text, char *out, size_t cap)
{
    size_t at = 0;
    out[0] = 0;
    while (*text != 0) {
        text += strspn(text, " ");
        size_t key = strcspn(text, "= ");
        bool has_key = key > 0 && text[key] == '=';
        const char *value = has_key ? text + key + 1 : text;
        size_t len = strcspn(value, has_key ? " " : "");
        bool quoted = has_key && value[0] == '"';
        if (quoted)
            for (len = 1; value[len] != 0 && value[len] != '"'; len++)
                len += value[len] == '\\' && value[len + 1] != 0;
        char raw[2048], body[4096];
        size_t n = quoted ? len - 1 : len;
        snprintf(raw, sizeof(raw), "%.*s", (int)n, quoted ? value + 1 : value);
        if (quoted)
            snprintf(body, sizeof(body), "%s", raw);
        else
            escape(body, sizeof(body), raw);
        at = append(out, cap, at, ",\"", 2);
        at = append(out, cap, at, has_key ? text : "text", has_key ? key : 4);
        at = append(out, cap, at, "\":\"", 3);
        at = append(out, cap, at, body, strlen(body));
        at = append(out, cap, at, "\"", 1);
        text = value + len + (quoted && value[len] == '"');
    }
}

void log_watch(log_watch_fn fn, void *arg)
{
    pthread_mutex_lock(&logger.lock);
    logger.watch = fn;
    logger.watch_arg = arg;
    pthread_mutex_unlock(&logger.lock);
}

/* Takes away what is shown below the log, from its last line up. */
static void erase_status(void)
{
    if (logger.status[0] == 0)
        return;
    dprintf(STDERR_FILENO, "\r\033[K");
    for (const char *p = logger.status; *p != 0; p++)
        if (*p == '\n')
            dprintf(STDERR_FILENO, "\033[A\033[K");
}

/* A whole line to stderr; false: not, or only the first part of it. */
static bool put_line(enum log_level level, const char *event, const char *text)
{
    char line[5000], when[32];
    int n;
    timestamp(when);
    if (logger.json) {
        char fields[4700];
        fields_to_json(text, fields, sizeof(fields));
        n = snprintf(line, sizeof(line), "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"%s}\n",
                     when, level_names[level], event, fields);
    } else {
        n = snprintf(line, sizeof(line), "%s %-5s %s %s\n", when, level_names[level], event, text);
    }
    if (n <= 0)
        return true;
    size_t len = (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1;
    ssize_t done;
    do
        done = write(STDERR_FILENO, line, len);
    while (done < 0 && errno == EINTR);
    logger.torn = done > 0 && (size_t)done < len;
    return done == (ssize_t)len;
}

/* Where lines were lost and there is room again, that is said first. */
static void put_line_or_count(enum log_level level, const char *event, const char *text)
{
    uint64_t lost = atomic_load(&logger.lost);
    if (lost != logger.lost_told) {
        char told[100];
        snprintf(told, sizeof(told), "lines=%llu note=\"they could not be written\"",
                 (unsigned long long)(lost - logger.lost_told));
        bool whole = !logger.torn || write(STDERR_FILENO, "\n", 1) == 1;
        if (whole && put_line(LOG_WARN, "log.lost", told))
            logger.lost_told = lost;
        if (logger.lost_told == lost)
            logger.lost_watched = false;
    }
    if (put_line(level, event, text))
        return;
    int why = errno;
    atomic_fetch_add(&logger.lost, 1);
    if (!logger.lost_watched && logger.watch != NULL) {
        char told[200];
        logger.lost_watched = true;
        snprintf(told, sizeof(told), "reason=\"the log cannot be written: %s\"", strerror(why));
        logger.watch(logger.watch_arg, true, "log.lost", told);
    }
}

uint64_t log_lost(void)
{
    return atomic_load(&logger.lost);
}

void log_write(enum log_level level, const char *event, const char *fmt, ...)
{
    if (!log_enabled(level) && level > LOG_WARN)
        return;
    char text[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    pthread_mutex_lock(&logger.lock);
    if (level <= LOG_WARN && logger.watch != NULL)
        logger.watch(logger.watch_arg, level == LOG_WARN, event, text);
    if (log_enabled(level)) {
        erase_status();
        put_line_or_count(level, event, text);
        if (logger.status[0] != 0)
            dprintf(STDERR_FILENO, "%s", logger.status);
    }
    pthread_mutex_unlock(&logger.lock);
}

/* Lines are cut to the terminal's width: one that wraps could not be taken away again. */
static void keep_status(const char *text)
{
    struct winsize size;
    size_t width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1
                       ? (size_t)size.ws_col - 1
                       : 79;
    size_t n = 0, column = 0;
    for (; *text != 0 && n + 1 < sizeof(logger.status); text++) {
        bool begins = (*text & 0xC0) != 0x80; /* of a character in UTF-8 */
        if (*text == '\n')
            column = 0;
        else if (begins && ++column > width)
            while (text[1] != 0 && text[1] != '\n')
                text++;
        if (column <= width)
            logger.status[n++] = *text;
    }
    logger.status[n] = 0;
}

void log_status(const char *text)
{
    if (!isatty(STDERR_FILENO))
        return;
    pthread_mutex_lock(&logger.lock);
    erase_status();
    keep_status(text);
    dprintf(STDERR_FILENO, "%s", logger.status);
    pthread_mutex_unlock(&logger.lock);
}
