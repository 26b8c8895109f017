/*
 * Applying partial JSON updates to documents in MySQL's binary form.
 *
 * A list of diffs ("Json_diff_vector", MySQL source docs, sql-common/json_diff.cc)
 * is a row of
 *
 *     operation  1        0 REPLACE, 1 INSERT, 2 REMOVE
 *     path       lenenc   $.a[3]."b c"
 *     value      lenenc   binary JSON, type byte first; not with REMOVE
 *
 * Containers on the way to a change are written anew in the large form, all
 * else is copied as it is; as a document the result equals the server's.
 *
 * Only containers on a path are looked into: a document that is damaged
 * elsewhere stays so, for whoever prints it to find.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct writer;

/*
 * Appends the document that diffs make of before (empty: JSON null).
 * ERR_MALFORMED, ERR_TRUNCATED: a document or diff that cannot be, or a path
 * that is not there; ERR_TOO_LARGE, ERR_NO_MEMORY. out holds a part after a
 * failure.
 */
NODISCARD enum err json_diff_apply(struct slice before, struct slice diffs, struct writer *out);
