/*
 * The texts of values that have a bounded length, as both message values and
 * keys show them.
 *
 * Each function writes at p and returns the end; the caller has VALUE_TEXT_MAX
 * bytes there, of which those behind the end may have been overwritten. NULL:
 * the fields are none that the column can have (ERR_MALFORMED for the caller).
 * Any thread.
 */
#pragma once

#include "schema/cell.h"

#define VALUE_TEXT_MAX 40

/* "2024-02-31", "0000-00-00" */
uint8_t *value_date(uint8_t *p, const struct civil *c);

/* "-838:59:59.000000": at least two digits of hours, fsp digits of fraction */
uint8_t *value_time(uint8_t *p, const struct civil *c, unsigned fsp);

/* "2024-01-02 03:04:05.000006" */
uint8_t *value_datetime(uint8_t *p, const struct civil *c, unsigned fsp);

/* The same of an instant, offset_s seconds east of UTC; the zero stamp is all zeros everywhere. */
uint8_t *value_timestamp(uint8_t *p, struct stamp s, int32_t offset_s, unsigned fsp);

/* Four digits; 0 is "0000" */
uint8_t *value_year(uint8_t *p, uint64_t year);
