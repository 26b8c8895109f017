/*
 * The formats of messages behind one face: the only place that tells them
 * apart. What each format says is in its own header (canal_json.h, dts_avro.h).
 *
 *   format_table_new()     once per table version, shared by all lanes
 *   format_encoder_new()   once per lane
 *   format_encode()        per change
 *   format_ddl_encode()    per statement
 *
 * Threads and errors are those of the formats: a table is immutable, an
 * encoder belongs to one lane.
 */
#pragma once

#include "encode/canal_json.h"
#include "encode/dts_avro.h"

enum format_kind { FORMAT_CANAL_JSON, FORMAT_DTS_AVRO };

struct format_options {
    enum format_kind kind;
    struct canal_options canal;
    struct dts_avro_options avro;
};

/* Plain values; all zero holds nothing and may be freed. */
struct format_table {
    enum format_kind kind;
    union {
        struct canal_table *canal;
        struct dts_avro_table *avro;
    };
};

struct format_encoder {
    enum format_kind kind;
    union {
        struct canal_json *canal;
        struct dts_avro *avro;
    };
};

/* The text that a schema registry is to know the format by; len 0: it has none. */
struct slice format_schema(const struct format_options *o);

/* As canal_table_new(). frame: bytes before each message of a format with a schema, else len 0. */
NODISCARD enum err format_table_new(const struct format_options *o, const struct table *t,
                                    const struct message_names *names, struct slice frame,
                                    struct format_table *out, struct errmsg *em);
void format_table_free(struct format_table *ft);

/* zone is borrowed for the life of the encoder. ERR_NO_MEMORY. */
NODISCARD enum err format_encoder_new(const struct format_options *o, const struct zone *zone,
                                      struct format_encoder *out);
void format_encoder_free(struct format_encoder *enc);

/* Appends one message, as canal_json_encode(). */
NODISCARD enum err format_encode(const struct format_encoder *enc, const struct format_table *ft,
                                 const struct change *c, struct writer *value);

/* Name of the column of the last failure, NULL when it was not in a column. Until the next call. */
const char *format_failed_column(const struct format_encoder *enc);

/* Characters replaced by U+FFFD since format_encoder_new(), where the format replaces any. */
uint64_t format_replaced(const struct format_encoder *enc);

/* Appends the message of a statement, as canal_ddl_encode(). */
NODISCARD enum err format_ddl_encode(const struct format_options *o, const struct ddl_change *d,
                                     struct slice frame, struct writer *value);
