/*
 * A YAML document as a tree that knows where each part was written.
 *
 * libyaml's events are turned into nodes; nothing is typed yet, that is
 * load.c's part with the table of keys. What a task file has no use for is
 * refused here: anchors, aliases and tags (but for the `!` of an exclusion
 * pattern), more than one document, duplicate keys, NUL bytes, and anything
 * past the limits below. Bytes that are not UTF-8 are refused by libyaml.
 *
 * Nodes and texts live in the arena.
 */
#pragma once

#include "base/slice.h"
#include "config/conf_arena.h"
#include "config/report.h"

#define CONF_FILE_MAX    (1u << 20) /* bytes of a file */
#define CONF_DEPTH_MAX   12         /* lists and maps within each other */
#define CONF_NODES_MAX   50000      /* of one document */
#define CONF_MEMBERS_MAX 500        /* keys of one map */

enum conf_node_kind { CONF_SCALAR, CONF_LIST, CONF_MAP };

struct conf_node {
    enum conf_node_kind kind;
    const char *text;       /* scalar: its text; else NULL */
    bool plain;             /* scalar: written without quotes */
    struct conf_mark at;    /* where it begins */
    struct conf_node *next; /* in the list or map that holds it */
    const char *name;       /* in a map: the key; else NULL */
    struct conf_mark name_at;
    size_t count; /* list, map: how many */
    struct conf_node *first;
    struct conf_node *last;
};

/*
 * Parses bytes. origin is the place of the first one, with a file name that
 * outlives the nodes; with line 0 the bytes are of no file, and all marks are
 * origin. *out is NULL for an empty document. False: problems were reported (or memory
 * ran out, also reported).
 */
NODISCARD bool conf_tree_parse(struct slice bytes, struct conf_mark origin, struct conf_arena *a,
                               struct conf_report *r, struct conf_node **out);

/* The same from a file. A failure to read is reported at `from`. */
NODISCARD bool conf_tree_read(const char *path, struct conf_mark from, struct conf_arena *a,
                              struct conf_report *r, struct conf_node **out);

/* The member of a map, or NULL. */
struct conf_node *conf_member(const struct conf_node *map, const char *name);

/* Puts child at the end of a list or map. */
void conf_append(struct conf_node *parent, struct conf_node *child);

/* An empty scalar without quotes: the key was written, but no value. */
bool conf_node_missing(const struct conf_node *n);

bool conf_node_equal(const struct conf_node *a, const struct conf_node *b);

const char *conf_kind_name(const struct conf_node *n); /* "a list" */
