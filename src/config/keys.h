/*
 * The table of keys: everything that may stand in a task file.
 *
 * One row a key: its place, type, unit, default, range, whether its feature is
 * built, when it takes effect, and its sentence in the manual. Parsing,
 * `rowcast config`, its --example and docs/configuration.md all follow from
 * it, so a key is added by adding its row (and its field in task.h).
 */
#pragma once

#include "config/task.h"

enum conf_type {
    CONF_SECTION, /* a map of further keys */
    CONF_ENTRIES, /* a list of maps of further keys, named PATH[].KEY */
    CONF_TEXT,
    CONF_SECRET,   /* text that is shown as **** */
    CONF_NAME,     /* letters, digits, . _ - */
    CONF_TOPIC,    /* a Kafka topic's name */
    CONF_TEMPLATE, /* a topic's name with {database} and {table} */
    CONF_PATH,     /* relative to the file that it is written in */
    CONF_INT,
    CONF_BOOL,
    CONF_SIZE,    /* bytes, with KB, MB, GB */
    CONF_TIME,    /* milliseconds, with ms, s, m, h */
    CONF_CHOICE,  /* one of choices */
    CONF_CHOICES, /* a list of choices */
    CONF_TEXTS,   /* a list of texts; a single text is a list of one */
    CONF_BROKERS, /* CONF_TEXTS of HOST:PORT, or the word embedded */
    CONF_PAIRS,   /* a map of names to texts */
    CONF_ORIGIN,  /* now, earliest, FILE:POS, gtid:SET, time:RFC3339 */
    CONF_OFFSET,  /* source, UTC, +HH:MM */
    CONF_COLUMNS, /* a list of maps with name, type and value */
    CONF_OPAQUE,  /* a structure of a feature that is not built: not looked into */
};

enum conf_effect { CONF_AT_START, CONF_AT_FIRST_START, CONF_AT_RELOAD };

#define CONF_REQUIRED     1u  /* must be set */
#define CONF_UNBUILT      2u  /* refused unless it is at its default */
#define CONF_NOT_SHOWN    4u  /* used up while loading: not part of the effective configuration */
#define CONF_MAY_BE_EMPTY 8u  /* CONF_CHOICES: [] is a value */
#define CONF_EXPRESSION   16u /* may have lines of its own */
#define CONF_NO_FIELD     UINT16_MAX

struct conf_key {
    const char *path; /* "source.port"; "objects[].topic" */
    enum conf_type type;
    const char *fallback;   /* the default as YAML, or NULL: none */
    const char *worked_out; /* in place of a constant default, for the manual; or NULL */
    int64_t min, max;       /* CONF_INT, CONF_SIZE, CONF_TIME */
    const char *word;       /* CONF_INT: also this word, for word_value; or NULL */
    int64_t word_value;
    const char *choices; /* "a|b|c", in the order of the enum */
    const char *built;   /* the choices that can be had, in the same form; NULL: all */
    unsigned flags;
    enum conf_effect effect;
    uint16_t field;      /* offset in struct task_config (or conf_object), or CONF_NO_FIELD */
    uint8_t size;        /* bytes of an integer field */
    const char *example; /* another value for the example file, or NULL: the default */
    const char *sentence;
};

extern const struct conf_key conf_keys[];
extern const size_t conf_key_count;

/* NULL: no such key. */
const struct conf_key *conf_key_find(const char *path);

/* The part of a path behind its last dot. */
const char *conf_key_leaf(const struct conf_key *k);

/* Whether path lies directly within the section ("" is the whole file). */
bool conf_key_within(const struct conf_key *k, const char *section);

/* Position of text in "a|b|c", or -1. */
int conf_choice_find(const char *choices, const char *text);

/* "a, b or c" from "a|b|c", cut to the buffer; returns buf. */
const char *conf_choice_list(const char *choices, char *buf, size_t cap);

/*
 * The key that an unknown one was probably meant to be: the nearest in its
 * section, else one of that name elsewhere; NULL: nothing is near.
 */
const struct conf_key *conf_key_nearest(const char *section, const char *leaf);

/* Edits (insert, remove, replace) that turn a into b; more than any name has for long ones. */
unsigned conf_edit_distance(const char *a, const char *b);
