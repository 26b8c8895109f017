/*
 * Metrics as OpenMetrics text. One table says what there is: /metrics and
 * docs/metrics.md both come from it.
 *
 * Any thread.
 */
#pragma once

#include "base/writer.h"
#include "pipeline/view.h"

#include <stdio.h>

#define METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

void metrics_write(struct view *v, const char *task, const char *environment, struct writer *out);

/* docs/metrics.md */
void metrics_print_markdown(FILE *out);
