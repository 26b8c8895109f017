/*
 * The log: one line per event on stderr, as text or as JSON.
 *
 *   log_info("source.connected", "host=%s server_uuid=%s", host, uuid);
 *
 * The first argument names the event (dotted, lower case), the second gives
 * key=value fields; values with spaces or quotes are written in quotes by the
 * caller through log_quote(). Secrets are never passed here.
 *
 * Any thread; a line is written whole.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_setup(enum log_level level, bool json);
bool log_enabled(enum log_level level);

void log_write(enum log_level level, const char *event, const char *fmt, ...) PRINTF(3, 4);

#define log_error(event, ...) log_write(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  log_write(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  log_write(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...)                                                                      \
    do {                                                                                           \
        if (log_enabled(LOG_DEBUG))                                                                \
            log_write(LOG_DEBUG, event, __VA_ARGS__);                                              \
    } while (0)

/* s in double quotes with \" and \\ and control bytes escaped; cut to the buffer. Returns buf. */
const char *log_quote(char *buf, size_t cap, const char *s);

/*
 * Warnings and errors are also given to fn, whether their level is logged or
 * not; NULL ends that. Set while no other thread logs, or by the one who ends.
 */
typedef void (*log_watch_fn)(void *arg, bool warning, const char *event, const char *text);
void log_watch(log_watch_fn fn, void *arg);

/*
 * Lines that could not be written whole (a full disk), as long as the process
 * lives. The next line that can be is preceded by log.lost, which counts them.
 */
uint64_t log_lost(void);

/*
 * The status of a terminal: one line or several, which replace those shown
 * before; log lines go above them. An empty text takes them away. Nothing when
 * stderr is no terminal.
 */
void log_status(const char *text);
