/*
 * What a column looks like on the wire (struct map_column) against what a type
 * text says it is: the check, the reverse way (a type text made from the wire
 * alone), and the words for a message.
 *
 * Control path: run once per table version, on the reader thread.
 */
#pragma once

#include "schema/charset.h"
#include "schema/table_map.h"
#include "schema/type_text.h"

/*
 * Whether values of this wire column are values of that type: wire type and
 * its metadata, signedness where the map knows it, bytes of strings, width of
 * ENUM and SET. cs is the column's character set, NULL if it has none or it is
 * not known (then lengths of text are not compared).
 */
bool type_wire_fits(const struct map_column *m, const struct type_text *t,
                    const struct charset *cs);

/* "VARCHAR of 200 bytes", "DECIMAL(10,2)", "INT UNSIGNED". cap of 64 always holds it. */
const char *type_wire_name(const struct map_column *m, char *buf, size_t cap);

/*
 * Appends the type text of a column that no catalogue describes, as MySQL 8
 * prints it, without ENUM and SET members' brackets filled by the caller.
 * False: the map does not say enough (signedness or character set not known,
 * old temporal types, whose fraction digits are nowhere).
 */
bool type_wire_text(const struct map_column *m, const struct charset *cs, struct writer *w);

#define TYPE_WIRE_COMPRESSED(type)                                                                 \
    ((type) == MY_TYPE_BLOB_COMPRESSED || (type) == MY_TYPE_VARCHAR_COMPRESSED)
