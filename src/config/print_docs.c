/* `rowcast config --example` and docs/configuration.md: the table of keys, for people. */
#include "config/emit.h"
#include "config/keys.h"
#include "config/print.h"
#include "config/value.h"

#include <string.h>

#define WRAP_AT 96

static bool is_built(const struct conf_key *k)
{
    return (k->flags & CONF_UNBUILT) == 0;
}

static unsigned level_of(const struct conf_key *k)
{
    unsigned level = strchr(k->path, '[') != NULL ? 1 : 0;
    for (const char *p = k->path; *p != '\0'; p++)
        level += *p == '.';
    return level;
}

/* "whole number, 1 to 65535, or auto" */
static void type_text(const struct conf_key *k, char *buf, size_t cap)
{
    static const char *const names[] = {
        [CONF_TEXT] = "text",
        [CONF_SECRET] = "secret text",
        [CONF_NAME] = "name",
        [CONF_TOPIC] = "topic",
        [CONF_TEMPLATE] = "topic",
        [CONF_PATH] = "path",
        [CONF_INT] = "number",
        [CONF_BOOL] = "true or false",
        [CONF_SIZE] = "size",
        [CONF_TIME] = "time",
        [CONF_TEXTS] = "list of texts",
        [CONF_BROKERS] = "list of HOST:PORT",
        [CONF_PAIRS] = "map of texts",
        [CONF_ORIGIN] = "position",
        [CONF_OFFSET] = "zone",
        [CONF_OPAQUE] = "structure",
        [CONF_CHOICE] = "",
        [CONF_CHOICES] = "list of ",
        [CONF_SECTION] = "section",
        [CONF_ENTRIES] = "list of entries",
    };
    char low[32], high[32], choices[256];
    if (k->type == CONF_CHOICE || k->type == CONF_CHOICES)
        snprintf(buf, cap, "%s%s%s%s", names[k->type],
                 conf_choice_list(k->choices, choices, sizeof(choices)),
                 k->word != NULL ? ", or " : "", k->word != NULL ? k->word : "");
    else if (k->type == CONF_INT || k->type == CONF_SIZE || k->type == CONF_TIME)
        snprintf(buf, cap, "%s, %s to %s%s%s", names[k->type],
                 conf_number_text(k, k->min, low, sizeof(low)),
                 conf_number_text(k, k->max, high, sizeof(high)), k->word != NULL ? ", or " : "",
                 k->word != NULL ? k->word : "");
    else
        snprintf(buf, cap, "%s", names[k->type]);
}

/* "" when all of it can be had. */
static void state_text(const struct conf_key *k, char *buf, size_t cap)
{
    char choices[256];
    buf[0] = '\0';
    if (!is_built(k))
        snprintf(buf, cap, "Not available in this version.");
    else if (k->built != NULL)
        snprintf(buf, cap, "In this version only %s.",
                 conf_choice_list(k->built, choices, sizeof(choices)));
}

/* A comment, wrapped at words. */
static void comment(unsigned level, const char *text, FILE *out)
{
    while (*text != '\0') {
        size_t room = WRAP_AT - 2 * level - 2, len = strlen(text);
        if (len > room) {
            len = room;
            while (len > 1 && text[len] != ' ')
                len--;
        }
        conf_emit_indent(level, out);
        fprintf(out, "# %.*s\n", (int)len, text);
        text += len;
        text += strspn(text, " ");
    }
}

static void example_section(const struct conf_key *k, FILE *out)
{
    fputc('\n', out);
    comment(level_of(k), k->sentence, out);
    conf_emit_indent(level_of(k), out);
    fprintf(out, "%s:\n", conf_key_leaf(k));
}

/* A key is in force where the file would be wrong without it, or where it has a default. */
static bool in_force(const struct conf_key *k)
{
    const char *leaf = conf_key_leaf(k);
    if (!is_built(k) || strcmp(leaf, "password_env") == 0)
        return false;
    return (k->flags & CONF_REQUIRED) != 0 || k->fallback != NULL ||
           strcmp(k->path, "destination.topic") == 0;
}

static void example_key(const struct conf_key *k, FILE *out)
{
    char type[400], state[300], text[1200];
    const char *value = k->example != NULL ? k->example : k->fallback;
    bool first_of_entry = strcmp(k->path, "objects[].table") == 0;
    unsigned level = level_of(k);
    type_text(k, type, sizeof(type));
    state_text(k, state, sizeof(state));
    snprintf(text, sizeof(text), "%s (%s)%s%s", k->sentence, type, state[0] != '\0' ? " " : "",
             state);
    comment(first_of_entry ? level - 1 : level, text, out);
    conf_emit_indent(first_of_entry ? level - 1 : level, out);
    fprintf(out, "%s%s%s: %s\n", in_force(k) ? "" : "# ", first_of_entry ? "- " : "",
            conf_key_leaf(k), value);
}

void conf_print_example(FILE *out)
{
    fputs("# A task file of rowcast. Keys that are left out have the values shown here, but for\n"
          "# those in comments, which have none or are worked out.\n"
          "# Sizes: KB, MB, GB are powers of 1024. Times: ms, s, m, h.\n\n",
          out);
    for (size_t i = 0; i < conf_key_count; i++) {
        const struct conf_key *k = &conf_keys[i];
        if (k->type == CONF_SECTION || k->type == CONF_ENTRIES)
            example_section(k, out);
        else
            example_key(k, out);
    }
}

/* A cell of a Markdown table: a bar would end it. */
static void cell(const char *text, FILE *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void default_cell(const struct conf_key *k, FILE *out)
{
    if (k->fallback != NULL)
        fprintf(out, "`%s`", k->fallback);
    else if (k->worked_out != NULL)
        cell(k->worked_out, out);
    else
        fputs((k->flags & CONF_REQUIRED) != 0 ? "required" : "none", out);
}

static void markdown_row(const struct conf_key *k, FILE *out)
{
    static const char *const effects[] = {[CONF_AT_START] = "start",
                                          [CONF_AT_FIRST_START] = "first start",
                                          [CONF_AT_RELOAD] = "SIGHUP"};
    char type[400], state[300];
    type_text(k, type, sizeof(type));
    state_text(k, state, sizeof(state));
    fprintf(out, "| `%s` | ", k->path);
    cell(type, out);
    fputs(" | ", out);
    default_cell(k, out);
    fprintf(out, " | %s | ", effects[k->effect]);
    cell(k->sentence, out);
    if (state[0] != '\0')
        fprintf(out, " **%s**", state);
    fputs(" |\n", out);
}

static void markdown_head(const char *title, const char *sentence, FILE *out)
{
    fprintf(out,
            "\n## %s\n\n%s\n\n| key | type | default | takes effect at | meaning |\n"
            "|---|---|---|---|---|\n",
            title, sentence);
}

static void markdown_section(const struct conf_key *section, FILE *out)
{
    char entries[64];
    snprintf(entries, sizeof(entries), "%s%s", section->path,
             section->type == CONF_ENTRIES ? "[]" : "");
    bool any = false;
    for (size_t i = 0; i < conf_key_count; i++) {
        const struct conf_key *k = &conf_keys[i];
        if (k->type == CONF_SECTION || k->type == CONF_ENTRIES || !conf_key_within(k, entries))
            continue;
        if (!any)
            markdown_head(section->path, section->sentence, out);
        any = true;
        markdown_row(k, out);
    }
}

static const char introduction[] =
    "# The task file\n"
    "\n"
    "<!-- Made by `rowcast config --markdown` from src/config/keys.c: change it there. -->\n"
    "\n"
    "One YAML file describes one task. `rowcast config TASK.yaml` prints what a task works with,\n"
    "defaults filled in and secrets as `****`; `rowcast config --example` prints a file to start "
    "from.\n"
    "\n"
    "- Sizes take KB, MB and GB, which are powers of 1024. Times take ms, s, m and h.\n"
    "- A path is relative to the folder of the file that it is written in; on the command line, "
    "to\n"
    "  the folder that the command is given in.\n"
    "- `--override KEY=VALUE` sets any key outside of `objects` for one run, and `objects` as a "
    "whole:\n"
    "  `--override source.port=3307`. It wins over the file, and the file over what it includes.\n"
    "- Under `source` and `destination`, `include: FILE` takes the keys of that section from "
    "another\n"
    "  file.\n"
    "- An unknown key, a value out of range and a contradiction are errors (exit code 2), all of "
    "them\n"
    "  reported at once with file, line and column.\n"
    "- A key whose feature is not available in this version is refused unless it is at its "
    "default.\n"
    "- YAML anchors, aliases and tags are not supported, and a key may stand in one place once "
    "only.\n"
    "\n"
    "Patterns in `objects`: `DATABASE.TABLE`, divided by the first dot. Each part is a glob (`*`, "
    "`?`,\n"
    "`[a-z]`, `[!a-z]`, `\\x` for a literal x), a name in backquotes that is taken literally, or\n"
    "`/regex/` (PCRE2). `/regex/` alone stands for `database.table`. A regex must match all of "
    "its\n"
    "part. A leading `!` excludes. The first entry that matches a table decides, so exclusions "
    "stand\n"
    "before what they except from.\n";

void conf_print_markdown(FILE *out)
{
    fputs(introduction, out);
    markdown_head("The file as a whole", "Keys outside of any section.", out);
    for (size_t i = 0; i < conf_key_count; i++)
        if (conf_key_within(&conf_keys[i], "") && conf_keys[i].type != CONF_SECTION &&
            conf_keys[i].type != CONF_ENTRIES)
            markdown_row(&conf_keys[i], out);
    for (size_t i = 0; i < conf_key_count; i++)
        if (conf_keys[i].type == CONF_SECTION || conf_keys[i].type == CONF_ENTRIES)
            markdown_section(&conf_keys[i], out);
}
