/*
 * Errors of the whole program: one enum, each code with a class and a text.
 *
 * Fallible functions return enum err and hand results out through their last
 * parameters, written on success only. Callers decide by class: err_class()
 * says whether to wait, to reconnect, or to stop, and err_exit_code() is the
 * process exit code that a class stands for.
 *
 * The sentence a user reads is built in a struct errmsg that the owner of an
 * operation holds (connection, lane, task). Each level may put a prefix before
 * it on the way up. Decoders never format text: they return a code and leave
 * their reader where it stopped.
 *
 * All functions here may be called on any thread.
 */
#pragma once

#include <stddef.h>

enum err_class {
    ERRC_OK,      /* not an error */
    ERRC_WAIT,    /* nothing is wrong: come back with more input or more room */
    ERRC_BUG,     /* an invariant of ours is broken: exit 1 */
    ERRC_CONFIG,  /* wrong use or configuration: exit 2 */
    ERRC_CHECK,   /* the precheck found what stops the task: exit 3 */
    ERRC_SOURCE,  /* the source refuses us for good: exit 4 */
    ERRC_LINK,    /* the link to the source failed: retry, exit 4 when the window is over */
    ERRC_DEST,    /* the destination refuses us for good: exit 5 */
    ERRC_BROKER,  /* the link to the destination failed: retry, then exit 5 */
    ERRC_HISTORY, /* the source's history is lost or foreign: exit 6 */
    ERRC_DATA,    /* data that cannot be carried faithfully: exit 7 */
    ERRC_STATE,   /* checkpoint damaged, locked, or fenced: exit 8 */
};

/* clang-format off */
/*   name               class         text */
#define ERR_TABLE(X)                                                                         \
    X(OK,               ERRC_OK,      "ok")                                                  \
    X(NEED_INPUT,       ERRC_WAIT,    "more input is needed")                                \
    X(NO_ROOM,          ERRC_WAIT,    "there is no room now")                                \
    X(STOPPED,          ERRC_WAIT,    "asked to stop")                                       \
    X(BUG,              ERRC_BUG,     "internal fault")                                      \
    X(NO_MEMORY,        ERRC_BUG,     "out of memory")                                       \
    X(SYSTEM,           ERRC_BUG,     "a system call failed")                                \
    X(CONFIG,           ERRC_CONFIG,  "wrong configuration")                                 \
    X(USAGE,            ERRC_CONFIG,  "wrong use")                                           \
    X(PRECHECK,         ERRC_CHECK,   "the precheck failed")                                 \
    X(ACCESS_DENIED,    ERRC_SOURCE,  "the source denies access")                            \
    X(UNSUPPORTED_AUTH, ERRC_SOURCE,  "the account's authentication plugin is not supported") \
    X(TLS,              ERRC_SOURCE,  "TLS cannot be agreed")                                \
    X(SOURCE_SETUP,     ERRC_SOURCE,  "the source is not set up for replication")            \
    X(SOURCE_SQL,       ERRC_SOURCE,  "the source refuses a statement")                      \
    X(DISCONNECTED,     ERRC_LINK,    "the connection was closed")                           \
    X(TIMEOUT,          ERRC_LINK,    "the peer did not answer in time")                     \
    X(UNREACHABLE,      ERRC_LINK,    "the host cannot be reached")                          \
    X(PROTOCOL,         ERRC_LINK,    "the peer broke the protocol")                         \
    X(BAD_CHECKSUM,     ERRC_LINK,    "an event's checksum does not match")                  \
    X(DEST_DENIED,      ERRC_DEST,    "the destination denies access")                       \
    X(DEST_TOPIC,       ERRC_DEST,    "a topic is missing or not as it was")                 \
    X(DEST_REFUSED,     ERRC_DEST,    "the destination refuses the messages")                \
    X(DEST_OLD,         ERRC_DEST,    "the brokers know no idempotent producer")               \
    X(BROKER_DOWN,      ERRC_BROKER,  "the brokers cannot be reached")                       \
    X(ABORTED,          ERRC_BROKER,  "the brokers have aborted the transaction")            \
    X(HISTORY,          ERRC_HISTORY, "the source's history is not the one that was followed") \
    X(TRUNCATED,        ERRC_DATA,    "a field runs past the end of its event")              \
    X(MALFORMED,        ERRC_DATA,    "a field has a value that it cannot have")             \
    X(UNKNOWN_EVENT,    ERRC_DATA,    "an event of unknown type")                            \
    X(UNKNOWN_TABLE_ID, ERRC_DATA,    "a rows event without its table map")                  \
    X(TABLE_MISMATCH,   ERRC_DATA,    "a table's rows do not fit its definition")            \
    X(UNSUPPORTED,      ERRC_DATA,    "an event that cannot be carried")                     \
    X(BAD_TEXT,         ERRC_DATA,    "bytes that are not valid in their character set")     \
    X(TOO_LARGE,        ERRC_DATA,    "a value is larger than its limit")                    \
    X(EXPRESSION,       ERRC_DATA,    "an expression fails for this row")                    \
    X(STATE_DAMAGED,    ERRC_STATE,   "the checkpoint is damaged")                           \
    X(STATE_LOCKED,     ERRC_STATE,   "the state folder is in use by another process")       \
    X(STATE_IO,         ERRC_STATE,   "the checkpoint cannot be written")                    \
    X(STATE_FULL,       ERRC_STATE,   "there is no room for the checkpoint")                 \
    X(FENCED,           ERRC_STATE,   "another instance of the task has taken over")
/* clang-format on */

#define X(name, cls, text) ERR_##name,
enum err { ERR_TABLE(X) ERR_COUNT };
#undef X

#define NODISCARD __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Hand a failure to the caller. Only where there is nothing to release. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        enum err try_err_ = (expr);                                                                \
        if (__builtin_expect(try_err_ != ERR_OK, 0))                                               \
            return try_err_;                                                                       \
    } while (0)

/* The sentence about a failure. All zero is empty. Cut at its end, never overrun. */
struct errmsg {
    char text[768];
};

enum err_class err_class(enum err e);
const char *err_name(enum err e); /* "BAD_CHECKSUM" */
const char *err_text(enum err e); /* the table's text */
int err_exit_code(enum err e);

/* Replaces the sentence; returns e, so that a failure is one statement. m may be NULL. */
enum err errmsg_set(struct errmsg *m, enum err e, const char *fmt, ...) PRINTF(3, 4);

/* Puts a prefix and ": " before the sentence. m may be NULL. */
void errmsg_prefix(struct errmsg *m, const char *fmt, ...) PRINTF(2, 3);
