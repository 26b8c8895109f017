/*
 * A precheck's report as JSON: for GET /api/v1/precheck and `rowcast check
 * --json`. docs/precheck.md describes it.
 */
#pragma once

#include "base/writer.h"

struct precheck_report;

/* r may be NULL: nothing was checked yet. Ends with a line feed. */
void checked_write(const struct precheck_report *r, struct writer *out);
