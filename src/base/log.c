#include "base/log.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
    pthread_mutex_t lock;
    enum log_level level;
    bool json;
    char status[256];
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

void log_write(enum log_level level, const char *event, const char *fmt, ...)
{
    if (!log_enabled(level))
        return;
    char text[2048], line[5000], when[32];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    timestamp(when);
    pthread_mutex_lock(&logger.lock);
    int n;
    if (logger.json) {
        char escaped[4500];
        escape(escaped, sizeof(escaped), text);
        n = snprintf(line, sizeof(line),
                     "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\",\"text\":\"%s\"}\n", when,
                     level_names[level], event, escaped);
    } else {
        n = snprintf(line, sizeof(line), "%s %-5s %s %s\n", when, level_names[level], event, text);
    }
    if (n > 0) {
        if (logger.status[0] != 0)
            dprintf(STDERR_FILENO, "\r\033[K");
        size_t len = (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1;
        ssize_t done = write(STDERR_FILENO, line, len);
        (void)done; /* there is nowhere to say that the log cannot be written */
        if (logger.status[0] != 0)
            dprintf(STDERR_FILENO, "%s", logger.status);
    }
    pthread_mutex_unlock(&logger.lock);
}

void log_status(const char *text)
{
    if (!isatty(STDERR_FILENO))
        return;
    pthread_mutex_lock(&logger.lock);
    snprintf(logger.status, sizeof(logger.status), "%s", text);
    dprintf(STDERR_FILENO, "\r\033[K%s", logger.status);
    pthread_mutex_unlock(&logger.lock);
}
