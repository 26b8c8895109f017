/*
 * A row change as Alibaba's DTS writes it: one datum of the Avro schema
 * com.alibaba.dts.formats.avro.Record, without a container file's header.
 * docs/messages.md has the fields and types; dts_avro_schema() the schema.
 *
 * Two objects share the work. A struct dts_avro_table is all that is constant
 * for one version of a table: the list of fields, the tags that name its keys,
 * the way each column is written. It is immutable, so all lanes share it. A
 * struct dts_avro is what one lane needs beside it: room for conversions, and
 * after a failure the column that failed.
 *
 *   dts_avro_table_new() once per table version, dts_avro_new() once per lane,
 *   dts_avro_encode() per change.
 *
 * What a change shows:
 *   INSERT, INIT  afterImages
 *   UPDATE        beforeImages and afterImages, each with all columns
 *   DELETE        beforeImages
 * A cell that the after image of an UPDATE leaves out is taken from the before
 * image; any other that is missing is EmptyObject NONE.
 *
 * Texts go out as stored, in their column's character set, which stands beside
 * them: nothing is converted, and nothing can be invalid.
 */
#pragma once

#include "base/err.h"
#include "base/writer.h"
#include "encode/names.h"
#include "schema/change.h"

/* What a schema registry's clients look for before a datum: 0x00 and the id of the schema. */
#define DTS_AVRO_FRAME_LEN 5

struct dts_avro_options {
    struct slice server_version; /* "8.0.36"; borrowed for the calls that take the options */
    bool lower_case_names;       /* the source's lower_case_table_names is not 0 */
};

struct dts_avro_table;
struct dts_avro;

/* The schema, as JSON text: one record with the others inside, as a registry takes it. */
struct slice dts_avro_schema(void);

/*
 * o, names and frame are read now; t must live as long as the result. frame:
 * bytes before each datum, len 0 for none. ERR_BAD_TEXT with a sentence when a
 * name or label is not UTF-8; ERR_NO_MEMORY.
 */
NODISCARD enum err dts_avro_table_new(const struct dts_avro_options *o, const struct table *t,
                                      const struct message_names *names, struct slice frame,
                                      struct dts_avro_table **out, struct errmsg *em);
void dts_avro_table_free(struct dts_avro_table *at); /* may be NULL */

struct dts_avro *dts_avro_new(void);      /* NULL: no memory */
void dts_avro_free(struct dts_avro *enc); /* may be NULL */

/*
 * Appends one datum to value. c->table is the table that at was made from.
 * Where there is no origin the position is "0@0".
 *
 * value may be a growing writer or one over the caller's memory, and the datum
 * may fill it to the last byte of value->max, as canal_json_encode() has it.
 *
 * ERR_TOO_LARGE    the datum does not fit under value->max
 * ERR_NO_ROOM      it may not fit into fixed memory that is smaller than value->max: try larger
 * ERR_BAD_TEXT     a JSON document or label is not UTF-8
 * ERR_MALFORMED    a value that its column cannot have (ENUM index, JSON bytes)
 * ERR_NO_MEMORY    value or a conversion buffer could not grow
 * ERR_BUG          a cell of a kind that the column never has
 * On failure nothing is appended, value stays usable, and
 * dts_avro_failed_column() tells where it happened.
 */
NODISCARD enum err dts_avro_encode(struct dts_avro *enc, const struct dts_avro_table *at,
                                   const struct change *c, struct writer *value);

/* Name of the column of the last failure, NULL when it was not in a column. Until the next call. */
const char *dts_avro_failed_column(const struct dts_avro *enc);

/*
 * Appends a statement: operation DDL, objectName the database (null without
 * one), afterImages the statement's text. Errors as canal_ddl_encode().
 * Allocates: statements are rare. Any thread.
 */
NODISCARD enum err dts_avro_ddl_encode(const struct dts_avro_options *o, const struct ddl_change *d,
                                       struct slice frame, struct writer *value);

/* Where a transaction begins or ends. */
struct dts_avro_mark {
    bool commit; /* else begin */
    uint64_t id;
    uint64_t es_ms;
    uint64_t ts_ms;
    struct slice gtid;                  /* len 0: not known */
    const struct change_origin *origin; /* NULL: not known */
};

/* Appends a BEGIN or COMMIT. As dts_avro_ddl_encode(). */
NODISCARD enum err dts_avro_mark_encode(const struct dts_avro_options *o,
                                        const struct dts_avro_mark *m, struct slice frame,
                                        struct writer *value);
