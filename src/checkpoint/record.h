/* Payloads of the checkpoint log, from and to the structs of checkpoint.h (layout: wal_format.h).
 */
#pragma once

#include "base/writer.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/wal_format.h"

/* Whether a payload is what its type says; all others here may rely on it afterwards. */
bool record_well_formed(enum wal_type type, struct slice payload);

/* Appends key length and key. */
void record_key(struct writer *w, struct slice key);

/* Append a value. The caller has checked the lengths. */
void record_position(struct writer *w, const struct ckpt_position *p);
void record_identity(struct writer *w, const struct ckpt_identity *id);

/* False: the bytes are no such value. Slices point into value. */
bool record_parse_position(struct slice value, struct ckpt_position *out);
bool record_parse_identity(struct slice value, struct ckpt_identity *out);
