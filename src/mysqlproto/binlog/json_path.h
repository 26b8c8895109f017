/*
 * JSON paths as diffs carry them: $.name."quoted name"[3].
 *
 * Only what the server writes into the binlog (sql-common/json_path.cc,
 * Json_path::to_string()): no wildcards, no ranges, no "last".
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "schema/json_binary.h"

struct arena;

struct json_leg {
    bool is_index;
    uint32_t index;
    struct slice name; /* member name, escapes undone */
};

struct json_path {
    uint32_t count;
    struct json_leg legs[JSON_DEPTH_MAX];
};

/* Names with escapes are put into a. ERR_MALFORMED. */
NODISCARD enum err json_path_parse(struct slice text, struct arena *a, struct json_path *out);
