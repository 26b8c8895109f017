/* What the files of a shape share. Private to this room. */
#pragma once

#include "rules/shape.h"

/* shape_name.c: the name that is sent of a table, or of its database. */
NODISCARD enum err shape_name_as(const struct shape_rule *r, const struct objects *o, size_t index,
                                 struct slice database, struct slice table, bool of_database,
                                 struct arena *a, struct slice *out, struct errmsg *em);

/*
 * shape_name.c: s->columns, by column of t, of which the first of_source are
 * the source's; what is behind them is sent as it is named. ERR_CONFIG with a
 * sentence: none is left, or two would have one name.
 */
NODISCARD enum err shape_columns(struct shape *s, const struct shape_rule *r, const struct table *t,
                                 uint32_t of_source, struct errmsg *em);
