/*
 * A struct table from a definition alone, for rows that come without a table
 * map: those of the full copy.
 *
 * It has the columns that a table map of that definition shows, but for the
 * hidden ones (MariaDB's key hashes), which nobody can SELECT. What only a map
 * tells (the old forms of temporal columns) is assumed to be in its present
 * form: no row image may be read with such a table.
 */
#pragma once

#include "schema/table.h"

/* Errors as of table_resolve(). mariadb: types that the two servers keep in different forms. */
NODISCARD enum err table_without_map(const struct table_def *def, bool mariadb, struct table **out,
                                     struct errmsg *em);
