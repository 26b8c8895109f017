/*
 * Marks of the source's history, read on the session that reads the rows.
 *
 * Which mark is taken how, by kind of server, is chunk.h's subject; this is
 * the SQL of it. What needs a privilege says which one is missing.
 */
#pragma once

#include "snapshot/chunk.h"
#include "source/server.h"

/*
 * <0, 0, >0: one place before, at or behind another. Files count by the number
 * behind their last dot.
 */
int copy_place_compare(const char *file_a, uint64_t offset_a, const char *file_b,
                       uint64_t offset_b);

/* The end of the binlog now: SHOW BINARY LOG STATUS. m's set is left alone. */
NODISCARD enum err copy_mark_place(struct src_session *s, const struct src_server *sv,
                                   struct copy_mark *m, struct errmsg *em);

/*
 * MySQL with GTIDs: waits until the server has executed all of seen, in slices
 * between which *stop is looked at. executed is what it was seen to have
 * before, and is brought up to date; all in it needs no question.
 */
NODISCARD enum err copy_mark_wait(struct src_session *s, const struct src_server *sv,
                                  const struct my_gtid_set *seen, const atomic_bool *stop,
                                  struct my_gtid_set *executed, struct errmsg *em);

/*
 * MariaDB: begins a transaction whose snapshot lies at m or behind it, and has
 * all up to seen. The caller ends it (COMMIT).
 */
NODISCARD enum err copy_mark_snapshot(struct src_session *s, const struct copy_mark *seen,
                                      const atomic_bool *stop, struct copy_mark *m,
                                      struct errmsg *em);
