/*
 * The text of a column's type, as information_schema.columns.column_type and
 * SHOW CREATE TABLE print it: "int(10) unsigned", "decimal(10,2)",
 * "enum('a','it''s')"; attributes and comments may follow.
 *
 * type_text_parse() takes it apart without allocating; all slices point into
 * the text. Only the spellings that servers print are known, not every alias
 * that SQL allows.
 */
#pragma once

#include "base/slice.h"
#include "schema/table.h"

struct type_text {
    enum column_kind kind;
    struct slice bare;    /* "int" */
    uint8_t length_bytes; /* TEXT and BLOB: 1 tiny, 2, 3 medium, 4 long; JSON, GEOMETRY: 4 */
    bool is_unsigned;
    bool has_length;       /* a number in brackets */
    uint32_t length;       /* that number; where the server omits it, what it stands for */
    uint32_t scale;        /* the second number */
    uint32_t member_count; /* ENUM, SET */
    struct slice members;  /* ENUM, SET: what is between the brackets, checked */
};

#define TYPE_MEMBERS_MAX 65535 /* of an ENUM; a SET has 64 */

/* False: not a type that this program knows, or no type text at all. */
NODISCARD bool type_text_parse(struct slice text, struct type_text *out);

/*
 * Takes the next quoted member off rest, which starts as type_text.members:
 * what is between its quotes, still escaped. False at the end.
 */
bool type_member_next(struct slice *rest, struct slice *quoted);

/* Resolves doubled quotes and backslashes; out has room for quoted.len bytes. Returns the length.
 */
size_t type_member_unquote(struct slice quoted, uint8_t *out);

/* Appends a label as the server quotes it in a type text. */
void type_member_quote(struct slice label, struct writer *w);
