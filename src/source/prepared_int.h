/* What the files of prepared statements share. */
#pragma once

#include "source/prepared.h"
#include "source/session_int.h"

#define PARAM_TEXT_MAX 128 /* of a number or a date as text */

struct src_stmt {
    struct src_session *session;
    uint32_t id;
    uint32_t param_count;
    bool running;
    bool idle_wait; /* waiting for a frame, not for the server */
    struct src_sink sink;
    enum err verdict;     /* of the sink; its rows are thrown away once it is not ERR_OK */
    uint64_t silence_ms;  /* how long the server may be silent */
    uint64_t deadline_ms; /* until when it may be now */
    uint64_t bytes;
    uint64_t received; /* all bytes: whether anything has come */

    /* Received and not consumed: buf[at .. end). buf is the frame's memory or the session's. */
    struct frame *frame;
    uint8_t *buf;
    size_t cap;
    size_t at;
    size_t end;
    bool passing; /* in the middle of a packet that nobody wants */

    struct my_param *params;          /* param_count of them */
    uint8_t (*texts)[PARAM_TEXT_MAX]; /* one each */
    char what[164];                   /* the statement in sentences */
};

/* Parameters as the protocol has them; they point into the cells or into st->texts. */
NODISCARD enum err stmt_bind(struct src_stmt *st, const struct src_param *params, uint32_t count,
                             struct errmsg *em);

/*
 * Takes what was received and receives more, until the result is over
 * (ERR_OK), the server is silent (ERR_NEED_INPUT), there is no frame
 * (ERR_NO_ROOM), or something failed.
 */
NODISCARD enum err stmt_take(struct src_stmt *st, struct errmsg *em);

/* Lets go of the frame. */
void stmt_drop_frame(struct src_stmt *st);
