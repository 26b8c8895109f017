/*
 * What the pipeline keeps in the checkpoint, in its own terms.
 *
 * Threads: the supervisor's.
 */
#pragma once

#include "checkpoint/checkpoint.h"
#include "pipeline/position.h"
#include "pipeline/progress.h"
#include "pipeline/schema_phase.h"
#include "pipeline/tables.h"
#include "pipeline/topics.h"
#include "pipeline/xa.h"
#include "source/server.h"

/* Ids are reserved in blocks, so that after a change of server none is used again. */
#define ID_BLOCK (UINT64_C(1) << 20)

/* The source as the checkpoint knows it: flavour, ids. False: a first start. */
bool state_source(const struct ckpt *c, struct src_server *out);

/* The position and id counter; *found false: a first start. server_uuid as text. */
NODISCARD enum err state_position(const struct ckpt *c, struct position *out, uint64_t *next_id,
                                  char server_uuid[40], bool *found);

/* How many row changes behind the position are done, and what group they belong to. */
NODISCARD enum err state_rows(const struct ckpt *c, uint64_t *rows, struct group_name *group);
NODISCARD enum err state_xa(const struct ckpt *c, struct xa_list *out);
NODISCARD enum err state_topics(const struct ckpt *c, struct topics *t);
NODISCARD enum err state_tables(const struct ckpt *c, struct tables *t, size_t *count,
                                struct errmsg *em);

/*
 * Whether the changes that are numbered are chosen as in the last run: a hash
 * of objects and of what splits an UPDATE. Puts the new one.
 */
NODISCARD enum err state_same_choice(struct ckpt *c, uint64_t hash, bool *same);

/* The messages of the schema phase are acknowledged. */
bool state_schema_done(const struct ckpt *c);

/* Its statements as long as they are not: what was read once is what is sent. *out NULL: none. */
NODISCARD enum err state_put_schema(struct ckpt *c, const struct schema_phase *p);
NODISCARD enum err state_schema(const struct ckpt *c, struct schema_phase **out);

/* When the binlog file of the position was made (its format description); 0: not known. */
uint32_t state_binlog_made(const struct ckpt *c, const char *file);
NODISCARD enum err state_put_binlog_made(struct ckpt *c, const char *file, uint32_t made);

/* Reserves ids ahead of next_id; *put: there was something to put. */
NODISCARD enum err state_reserve_ids(struct ckpt *c, uint64_t next_id, bool *put);

/* The state that a task shows (a name of view.h), since when, and why. False: never put. */
bool state_shown(const struct ckpt *c, struct slice *name, uint64_t *since_us, struct slice *cause);
NODISCARD enum err state_put_shown(struct ckpt *c, struct slice name, uint64_t since_us,
                                   struct slice cause);

NODISCARD enum err state_put_source(struct ckpt *c, const struct src_server *sv);
NODISCARD enum err state_put_position(struct ckpt *c, const struct src_server *sv,
                                      const struct position *p, uint64_t next_id, uint64_t es_ms);
/* The same of a point that may lie inside of a group. */
NODISCARD enum err state_put_point(struct ckpt *c, const struct commit_point *p);

/*
 * Exactly-once: which process the state belongs to, a line for people that
 * begins with a word of its own. Empty: the folder went on without
 * transactions since. False: there never were any.
 */
bool state_owner(const struct ckpt *c, struct slice *owner);
NODISCARD enum err state_put_owner(struct ckpt *c, struct slice owner);
#define STATE_OWNER_RECORD "fact/owner"

/* A record that is about this machine, and not kept elsewhere. */
bool state_is_local(const struct ckpt_record *r);

/* Makes the list in the checkpoint equal to xa. */
NODISCARD enum err state_put_xa(struct ckpt *c, const struct src_server *sv,
                                const struct xa_list *xa);
NODISCARD enum err state_put_notes(struct ckpt *c, const struct tables_note *notes);
