/*
 * The formats of messages behind one face: the only place that tells them
 * apart. What each format says is in its own header (canal_json.h).
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

enum format_kind { FORMAT_CANAL_JSON };

struct format_options {
    enum format_kind kind;
    struct canal_options canal;
};

/* Plain values; all zero holds nothing and may be freed. */
struct format_table {
    enum format_kind kind;
    union {
        struct canal_table *canal;
    };
};

struct format_encoder {
    enum format_kind kind;
    union {
        struct canal_json *canal;
    };
};

/* As canal_table_new(). */
NODISCARD enum err format_table_new(const struct format_options *o, const struct table *t,
                                    const struct canal_names *names, struct format_table *out,
                                    struct errmsg *em);
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

/* Appends the message of a statement, as canal_ddl_encode(). */
NODISCARD enum err format_ddl_encode(const struct format_options *o, const struct ddl_change *d,
                                     struct writer *value);
