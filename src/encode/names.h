/* What a table is called in messages, whatever their format. */
#pragma once

#include "base/slice.h"

struct message_names {
    struct slice database;
    struct slice table;
    const struct slice
        *columns; /* column_count names, len 0: not sent; NULL: all, as in the table */
};
