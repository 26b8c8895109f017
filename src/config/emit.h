/* Writing YAML: one value on one line. */
#pragma once

#include "config/tree.h"

#include <stdio.h>

#define CONF_MASK "****"

/* Text that reads back as the same text: in quotes where it needs them. */
void conf_emit_text(const char *text, FILE *out);

/* Lists as [a, b], maps as {a: b}; values whose name is a secret's as ****. */
void conf_emit_node(const struct conf_node *n, FILE *out);

/* Whether a name (of a key, of a librdkafka property) stands for a secret. */
bool conf_is_secret(const char *name);

/* Two spaces for each level. */
void conf_emit_indent(unsigned level, FILE *out);
