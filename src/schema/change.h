/*
 * One change of one row, on its way from a lane's decoder to an encoder.
 * Everything in it is borrowed for the call.
 */
#pragma once

#include "schema/cell.h"
#include "schema/table.h"

enum change_op { CHANGE_INSERT, CHANGE_UPDATE, CHANGE_DELETE, CHANGE_INIT };

struct change {
    enum change_op op;
    const struct table *table;
    const struct cell *before; /* UPDATE, DELETE: column_count cells; else NULL */
    const struct cell *after;  /* INSERT, UPDATE, INIT: column_count cells; else NULL */
    uint64_t id;               /* number of the change within the task */
    uint64_t es_ms;            /* when the statement ran on the source, since 1970 */
    uint64_t ts_ms;            /* time of encoding */
    struct slice gtid;         /* text; len 0: not known or not wanted */
};
