/* What the files of this room share of a session. */
#pragma once

#include "mysqlproto/client.h"
#include "mysqlproto/compress.h"
#include "source/session.h"

#include "base/writer.h"
#include "net/conn.h"

#define SESSION_INPUT (64 * 1024)

struct src_session {
    struct net_loop *loop;
    struct net_conn *conn;
    struct src_options options;
    char peer[320]; /* "host:port", for sentences */

    struct my_client *client;
    struct my_client_options client_options;
    bool dead; /* the link failed, or the protocol */
    bool tls;
    uint16_t error_code;  /* of the last statement that was refused */
    uint64_t deadline_ms; /* of the call that is running, monotonic */

    /* Received and not consumed: plain bytes of the packet stream. */
    uint8_t *input;
    size_t input_at;
    size_t input_len;

    /* Protocol compression: what was received and not decompressed. NULL: none. */
    struct my_unzip *unzip;
    uint8_t *zipped;
    size_t zipped_at;
    size_t zipped_len;
    bool unzip_more; /* output was full last time: there may be more without input */

    struct writer output;        /* packets of the client, to be sent */
    struct writer output_zipped; /* the same as frames */

    struct my_text_value *values; /* of one row */
    uint32_t values_cap;
};

/* Sends what the client has written. */
NODISCARD enum err src_session_flush(struct src_session *s, struct errmsg *em);

/* Steps the client until it has something to tell, sending and receiving on the way. */
NODISCARD enum err src_session_step(struct src_session *s, struct my_event *event,
                                    struct errmsg *em);

/* Starts the time of one call. */
void src_session_begin(struct src_session *s);

/* Says what the server refused, with the peer's name, and classifies it. */
NODISCARD enum err src_session_refused(struct src_session *s, const struct my_error *error,
                                       const char *what, struct errmsg *em);

/* Ends the session for everything but src_session_close(). Returns e. */
enum err src_session_fail(struct src_session *s, enum err e, const char *why, struct errmsg *em);

/* Bytes of the packet stream that can be had without waiting, decompressed. */
NODISCARD enum err src_session_receive(struct src_session *s, uint8_t *buf, size_t cap, size_t *n);
