/*
 * A session with the source: one connection, logged in, answering statements.
 *
 *   struct src_session *s;
 *   TRY(src_session_open(loop, &options, &s, em));
 *   TRY(src_query(s, SLICE_LIT("SELECT @@version"), on_row, &arg, em));
 *   src_session_close(s);
 *
 * A session drives mysqlproto/client.h (what to say) over net/conn.h (how it
 * travels): TCP or Unix socket, TLS, protocol compression. All calls block
 * until they are done, fail, time out, or are asked to stop, and run the loop
 * meanwhile; the exception is the replication stream, see dump.h.
 *
 * Errors: class ERRC_LINK means in general that the session is dead (close it,
 * connect again). ERR_SOURCE_SQL, ERR_ACCESS_DENIED and what else the server
 * answers to a statement leave it usable, lock waits and time limits
 * (ERR_TIMEOUT) too: src_session_alive() tells. em gets one
 * sentence that names host, port and what was refused.
 *
 * Threads: a session belongs to the thread that runs its loop.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "mysqlproto/resultset.h"

#include <stdatomic.h>
#include <stdint.h>

struct net_loop;
struct net_conn;
struct src_session;

enum src_tls {
    SRC_TLS_DISABLED,
    SRC_TLS_PREFERRED, /* TLS unless the server offers none; its certificate is not checked */
    SRC_TLS_REQUIRED,  /* TLS or nothing; its certificate is not checked */
    SRC_TLS_VERIFY_CA,
    SRC_TLS_VERIFY_IDENTITY,
};

enum src_compression { SRC_PLAIN, SRC_ZLIB, SRC_ZSTD };

/* Everything is borrowed for the life of the session. */
struct src_options {
    const char *host; /* name, address, or the absolute path of a Unix socket */
    uint16_t port;
    const char *user;
    const char *password; /* "": none */
    enum src_tls tls;
    const char *tls_ca;          /* NULL: the system's */
    const char *tls_cert;        /* NULL: none */
    const char *tls_key;         /* NULL: none */
    const char *tls_server_name; /* NULL: host */
    enum src_compression compression;
    uint64_t connect_timeout_ms;   /* address, TLS and login together */
    uint64_t statement_timeout_ms; /* of one src_query(); 0: 60 s */
    const char *role;              /* attribute program_name's companion _client_role; NULL: none */
    const atomic_bool *stop; /* NULL: none. Set (and the loop woken): calls end with ERR_STOPPED */
};

/* Connects and logs in. Nothing is left behind on failure. */
NODISCARD enum err src_session_open(struct net_loop *loop, const struct src_options *options,
                                    struct src_session **out, struct errmsg *em);

/* NULL is fine. A living session says goodbye first, without waiting for an answer. */
void src_session_close(struct src_session *s);

bool src_session_alive(const struct src_session *s);
bool src_session_tls(const struct src_session *s);            /* the link is encrypted */
bool src_session_is_mariadb(const struct src_session *s);     /* as the greeting says */
const char *src_session_version(const struct src_session *s); /* the greeting's text */
uint32_t src_session_thread_id(const struct src_session *s);  /* for KILL */
const char *
src_session_plugin(const struct src_session *s); /* the account's, "caching_sha2_password" */

/* The password went out encrypted with a key that an unverified link delivered: worth a warning. */
bool src_session_key_unverified(const struct src_session *s);

/*
 * One row of a text result: count values, NULL has is_null set. Borrowed for
 * the call. Anything but ERR_OK stops the calls, and is what src_query()
 * returns after it has read the rest of the result.
 */
struct src_row {
    uint32_t count;
    const struct my_column *columns;
    const struct my_text_value *values;
};
typedef enum err (*src_row_fn)(void *arg, const struct src_row *row);

/* Runs one statement. on_row may be NULL: rows are thrown away. */
NODISCARD enum err src_query(struct src_session *s, struct slice sql, src_row_fn on_row, void *arg,
                             struct errmsg *em);

/* src_query() of a printf format without rows. Only for SET and the like: values are not quoted. */
NODISCARD enum err src_execute(struct src_session *s, struct errmsg *em, const char *fmt, ...)
    PRINTF(3, 4);

/*
 * The first column of the first row as text, NUL-terminated, into buf; NULL
 * and no row at all give "". ERR_TOO_LARGE when it does not fit. *found (may
 * be NULL): there was a row and it was not NULL.
 */
NODISCARD enum err src_query_text(struct src_session *s, const char *sql, char *buf, size_t cap,
                                  bool *found, struct errmsg *em);

/* The server's code of the last statement that it refused, e.g. 1064; 0: none. */
uint16_t src_session_error_code(const struct src_session *s);

/*
 * Appends text as an SQL string in quotes, right under every sql_mode: plain
 * where it holds only letters, digits and harmless signs, else as
 * CONVERT(X'...' USING utf8mb4).
 */
struct writer;
void src_quote(struct writer *w, struct slice text);
