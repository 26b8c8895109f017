/*
 * What a server's refusal of a statement means to whoever reads tables. The
 * enum err of a refusal says whether to wait, to connect again or to stop;
 * this says more, of the same codes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct src_session;

enum src_refusal {
    SRC_REFUSED_NOT,      /* the last statement was not refused */
    SRC_REFUSED_OTHER,    /* for good, as far as one can tell */
    SRC_REFUSED_LINK,     /* the connection is gone: connect again */
    SRC_REFUSED_RETRY,    /* lock wait, deadlock, KILL QUERY, time limit, a table that changed under
                             a prepared statement or a snapshot: the same again */
    SRC_REFUSED_NO_TABLE, /* no such table or database */
    SRC_REFUSED_NO_COLUMN, /* no such column or index: the definition has changed */
    SRC_REFUSED_DENIED,    /* a privilege is missing */
    SRC_REFUSED_DAMAGED,   /* the engine cannot read the table or an index of it */
};

/* code: a server's error number; 0: none. */
enum src_refusal src_refusal_of_code(uint16_t code);

/* Of the last statement of the session, whose number is src_session_error_code(). */
enum src_refusal src_refusal_of(const struct src_session *s);

/* It ended one statement and says nothing about the session, whatever class its enum err has. */
static inline bool src_refusal_is_passing(uint16_t code)
{
    return src_refusal_of_code(code) == SRC_REFUSED_RETRY;
}
