/*
 * Prepared statements of a session: what the full copy reads rows with.
 *
 *   struct src_stmt *st;
 *   TRY(src_prepare(s, sql, &st, em));
 *   TRY(src_stmt_run(st, params, n, &sink, em));     any number of times
 *   src_stmt_close(st);                              before the session
 *
 * Rows come in the binary form and are received straight into frames that the
 * sink gives; the sink sees each as a slice of its frame and keeps it by
 * keeping the frame (frame_ref()). No row lies in two frames: what has come of
 * a row that does not fit into the rest of a frame is moved to the front of
 * the next one, and a row longer than a standard frame gets a frame of its
 * size. A row of 16 MiB or more, which the protocol cuts into packets, is
 * joined in place.
 *
 * src_stmt_run() blocks and runs the loop, as everything in session.h does.
 * For several sessions on one thread: src_stmt_start() sends, src_stmt_step()
 * takes what is there and never waits.
 *
 * One statement of a session runs at a time. A statement whose call has failed
 * can be run again as long as src_session_alive().
 */
#pragma once

#include "schema/cell.h"
#include "schema/table.h"
#include "source/refusal.h"
#include "source/session.h"

struct frame;
struct src_stmt;

/*
 * A parameter. With a column, the cell is a value of that column, as rows of
 * both phases have it, and is sent so that it compares as the column's values
 * do: see src_param_text(). Without one (NULL) it may be CELL_NULL, _I64,
 * _U64, _F64, _TEXT (UTF-8) or _BYTES (binary). ERR_BAD_TEXT: the cell is no
 * text of its column's character set, and a server would compare another one.
 */
struct src_param {
    const struct column *column;
    const struct cell *cell;
};

/*
 * Where rows go. Functions are called from within src_stmt_run() and
 * src_stmt_step(). When one of them fails, no more rows are shown: the rest of
 * the result is received and thrown away, and the failure is what the call
 * returns, with the sentence left to the sink; the session stays usable. (So a
 * sink with no room for more fails and uses what it has.)
 */
struct src_sink {
    void *arg;

    /*
     * A frame of at least cap bytes, with one reference that the call takes
     * over. ERR_NEED_INPUT: none now; src_stmt_run() asks again when its loop
     * was woken, at the latest after 50 ms, and does not count that time;
     * src_stmt_step() returns ERR_NO_ROOM.
     */
    enum err (*frame)(void *arg, size_t cap, struct frame **out);

    /* The result's columns, once before its rows. NULL: not wanted. */
    enum err (*columns)(void *arg, const struct my_column *columns, uint32_t count);

    /* A row: its packet for copy_row_decode(), and the frame that it lies in. */
    enum err (*row)(void *arg, struct slice packet, struct frame *frame);

    /*
     * A row of more than row_max bytes: only its first bytes (at least 1 KiB of
     * them) are shown, and the rest is passed over. NULL: the call ends with
     * ERR_TOO_LARGE.
     */
    enum err (*large)(void *arg, struct slice head, struct frame *frame);
    size_t row_max; /* 0: 1 GiB */
};

/* The text is not kept. ERR_SOURCE_SQL and so on: src_session_error_code() has the number. */
NODISCARD enum err src_prepare(struct src_session *s, struct slice sql, struct src_stmt **out,
                               struct errmsg *em);

/* Tells the server, if it is there. NULL is fine. */
void src_stmt_close(struct src_stmt *st);

uint32_t src_stmt_param_count(const struct src_stmt *st);

/*
 * Runs the statement to its end. sink may be NULL: rows are thrown away.
 *
 * The options' statement_timeout_ms is how long the server may be silent, not
 * how long the result may take.
 *
 * Refusals of the server are classified by src_refusal_of(), beside the usual
 * enum err, and leave the session usable unless they end it.
 */
NODISCARD enum err src_stmt_run(struct src_stmt *st, const struct src_param *params, uint32_t count,
                                const struct src_sink *sink, struct errmsg *em);

/* The first half: sends. The sink is copied; params are not kept. */
NODISCARD enum err src_stmt_start(struct src_stmt *st, const struct src_param *params,
                                  uint32_t count, const struct src_sink *sink, struct errmsg *em);

/*
 * The second half: takes what is there. ERR_OK: the result is over.
 * ERR_NEED_INPUT: net_loop_wait(), at most until *deadline_ms (monotonic), and
 * again. ERR_NO_ROOM: again when there is a frame.
 */
NODISCARD enum err src_stmt_step(struct src_stmt *st, uint64_t *deadline_ms, struct errmsg *em);

/* Bytes of rows that the last run received, packet headers not counted. */
uint64_t src_stmt_bytes(const struct src_stmt *st);
