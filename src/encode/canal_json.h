/*
 * A row change as Canal JSON: one compact object per change, members in
 * alphabetical order, every value a string or null.
 *
 *   {"data":[{"id":"7"}],"database":"shop","es":1767225600000,"id":101,
 *    "isDdl":false,"mysqlType":{"id":"int(11)"},"old":null,"pkNames":["id"],
 *    "sql":"","sqlType":{"id":4},"table":"item","ts":1767225600250,"type":"INSERT"}
 *
 * Two objects share the work. A struct canal_table is all that is constant for
 * one version of a table: quoted names, the type objects, the way each column
 * is written. It is immutable, so all lanes share it. A struct canal_json is
 * what one lane needs beside it: the zone, room for conversions, and after a
 * failure the column that failed.
 *
 *   canal_table_new() once per table version, canal_json_new() once per lane,
 *   canal_json_encode() per change.
 *
 * What a change shows:
 *   INSERT, INIT  data = after, "old":null
 *   UPDATE        data = after, old = the before values of changed columns
 *   DELETE        data = before, no member "old"
 * A cell that the row image leaves out is taken from the other image where
 * that is certain (UPDATE: not in after, hence as before); otherwise its
 * member is left out. "old" names a column only if both images have it.
 */
#pragma once

#include "base/err.h"
#include "base/writer.h"
#include "encode/names.h"
#include "schema/change.h"
#include "schema/zone.h"

enum canal_binary { CANAL_LATIN1, CANAL_BASE64, CANAL_HEX };

/* The canal section of the task file. All zero is the default. */
struct canal_options {
    bool bare_type;       /* mysql_type: bare */
    bool enum_ordinal;    /* enum: ordinal */
    bool gtid;            /* gtid: true, a member "gtid" where the change has one */
    bool init_as_insert;  /* init_type: INSERT */
    bool replace_invalid; /* invalid_text: replace */
    bool ddl_canal;       /* ddl_type: canal */
    enum canal_binary binary;
};

struct canal_table;
struct canal_json;

/*
 * t, o and names are read now; t must live as long as the result, which uses
 * its columns. ERR_BAD_TEXT with a sentence when a name or type text is not
 * UTF-8; ERR_NO_MEMORY.
 */
NODISCARD enum err canal_table_new(const struct canal_options *o, const struct table *t,
                                   const struct message_names *names, struct canal_table **out,
                                   struct errmsg *em);
void canal_table_free(struct canal_table *ct); /* may be NULL */

/* zone is borrowed for the life of the result. NULL: no memory. */
struct canal_json *canal_json_new(const struct canal_options *o, const struct zone *zone);
void canal_json_free(struct canal_json *enc); /* may be NULL */

/*
 * Appends one object to value. c->table is the table that ct was made from.
 *
 * value may be a growing writer or one over the caller's memory. The object
 * may fill it to the last byte of value->max. Room is asked for in advance, so
 * in fixed memory it takes a detour through memory of the encoder's own if
 * there are not some ten KB more than that.
 *
 * ERR_TOO_LARGE    the object does not fit under value->max
 * ERR_NO_ROOM      it may not fit into fixed memory that is smaller than value->max: try larger
 * ERR_BAD_TEXT     a text is not valid in its character set
 * ERR_MALFORMED    a value that its column cannot have (ENUM index, JSON bytes)
 * ERR_NO_MEMORY    value or a conversion buffer could not grow
 * ERR_BUG          a cell of a kind that the column never has
 * On failure nothing is appended, value stays usable, and
 * canal_json_failed_column() tells where it happened.
 */
NODISCARD enum err canal_json_encode(struct canal_json *enc, const struct canal_table *ct,
                                     const struct change *c, struct writer *value);

/* Name of the column of the last failure, NULL when it was not in a column. Until the next call. */
const char *canal_json_failed_column(const struct canal_json *enc);

/* Characters that replace_invalid has replaced since canal_json_new(). */
uint64_t canal_json_replaced(const struct canal_json *enc);

/*
 * Appends a statement as one object, with the members of DTS
 *
 *   {"database":"shop","es":1767225600000,"id":102,"isDdl":true,
 *    "sql":"ALTER TABLE item ADD c int","table":"item","ts":1767225600300,"type":"DDL"}
 *
 * or with ddl_canal those of stock Canal, where what a statement does not have
 * is null ("data", "mysqlType", "old", "pkNames", "sqlType") and the type is
 * CREATE, ALTER, ERASE, TRUNCATE, RENAME, CINDEX, DINDEX or QUERY.
 *
 * ERR_TOO_LARGE under value->max, ERR_NO_ROOM in fixed memory, ERR_BAD_TEXT
 * when a text is not UTF-8 (replace_invalid makes no difference), ERR_NO_MEMORY.
 * On failure nothing is appended and value stays usable. Allocates: statements
 * are rare. Any thread.
 */
NODISCARD enum err canal_ddl_encode(const struct canal_options *o, const struct ddl_change *d,
                                    struct writer *value);
