/*
 * Cells of bounded length as text, for messages, keys, rules and JSON.
 *
 * Each function writes at p and returns the end, without a NUL. The caller has
 * CELL_TEXT_MAX bytes at p (CELL_DECIMAL_TEXT_MAX for decimals), of which
 * those behind the end may have been overwritten. NULL: the value is none that
 * its column can have (ERR_MALFORMED for the caller).
 *
 * These run once per value: they divide by constants only and do not allocate.
 * Any thread.
 */
#pragma once

#include "schema/cell.h"
#include "schema/table.h"
#include "schema/zone.h"

#define CELL_TEXT_MAX         48
#define CELL_DECIMAL_TEXT_MAX 96 /* a sign, "0." and 81 digits, and room to work in */

/* Bytes of a packed decimal: groups of nine digits in four bytes each, fewer for what is left. */
size_t cell_decimal_size(unsigned precision, unsigned scale);

/*
 * A packed decimal ("decimal2bin", MySQL source docs, strings/decimal.cc):
 * "-0.50", all of the scale's digits, no zeros in front but the one before the
 * point. NULL too when packed.len is not cell_decimal_size(), precision is not
 * 1 to 81 (columns have 65 at most, decimals in JSON count whole groups of
 * nine digits) or scale is more than precision.
 */
uint8_t *cell_decimal_text(uint8_t *p, struct slice packed, unsigned precision, unsigned scale);

/*
 * The other way: text as result sets show it ("-0.50", with zeros in front if
 * the column has ZEROFILL) into cell_decimal_size() bytes. False: no decimal
 * number, or one that the column cannot have.
 */
bool cell_decimal_pack(struct slice text, unsigned precision, unsigned scale, uint8_t *out);

/* "2024-02-31", "0000-00-00" */
uint8_t *cell_date_text(uint8_t *p, const struct civil *c);

/* "-838:59:59.000000": at least two digits of hours, fsp digits of fraction, 0 to 6 */
uint8_t *cell_time_text(uint8_t *p, const struct civil *c, unsigned fsp);

/* "2024-01-02 03:04:05.000006" */
uint8_t *cell_datetime_text(uint8_t *p, const struct civil *c, unsigned fsp);

/* The same of an instant as local time of zone; the zero stamp is all zeros in every zone. */
uint8_t *cell_timestamp_text(uint8_t *p, struct stamp s, const struct zone *zone, unsigned fsp);

/* Four digits; 0 is "0000". */
uint8_t *cell_year_text(uint8_t *p, uint64_t year);

/* MariaDB's types, as its SELECT shows them; raw has column.fixed_len bytes. */
uint8_t *cell_uuid_text(uint8_t *p, struct slice raw);  /* "123e4567-e89b-12d3-a456-426614174000" */
uint8_t *cell_inet4_text(uint8_t *p, struct slice raw); /* "192.168.0.1" */
uint8_t *cell_inet6_text(uint8_t *p, struct slice raw); /* "2001:db8::ff00:42:8329" */

/* The label of an ENUM's index; 0, the error value, is empty. False: there is no such member. */
static inline bool cell_enum_label(const struct column *c, uint64_t index, struct slice *out)
{
    if (index > c->member_count)
        return false;
    *out = index == 0 ? SLICE_LIT("") : c->members[index - 1];
    return true;
}

/* Appends the labels of a SET, with commas between. False: a bit without a member; nothing
 * appended. */
bool cell_set_text(const struct column *c, uint64_t bits, struct writer *w);
