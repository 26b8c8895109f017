/*
 * Values in the notation of the expected texts: strings as Python literals,
 * everything else as the notes in binlog_text.c say.
 */
#pragma once

#include "base/writer.h"
#include "schema/cell.h"
#include "schema/table.h"

/* 'text' with escapes, or X'hex' for what is not UTF-8. */
void text_repr(struct writer *w, struct slice s);

/* The same twice: the literal of a literal. */
void text_repr_repr(struct writer *w, struct slice s);

void text_hex(struct writer *w, struct slice s);

/* signed_known: the column's signedness is in the event. */
void text_cell(struct writer *w, const struct column *col, bool signed_known,
               const struct cell *cell);
