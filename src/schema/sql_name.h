/*
 * Names in the text of statements that we write. In backquotes they mean the
 * same under every sql_mode.
 */
#pragma once

#include "base/writer.h"

/* Appends `name`, with inner backquotes doubled. */
void sql_put_name(struct writer *w, struct slice name);

/* Appends `database`.`table`. */
void sql_put_table(struct writer *w, struct slice database, struct slice table);
