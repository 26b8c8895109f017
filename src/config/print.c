/* `rowcast config`: what a task works with, as a file that would ask for the same. */
#include "config/print.h"

#include "config/emit.h"
#include "config/load.h"

#include <string.h>

/* Prints the headers that lead from the section that is open to that of path. */
static unsigned enter_section(const char *path, char open[64], FILE *out)
{
    unsigned level = 0;
    const char *leaf = strrchr(path, '.');
    size_t len = leaf != NULL ? (size_t)(leaf - path) : 0;
    for (size_t from = 0; from < len; level++) {
        size_t to = from + strcspn(path + from, ".");
        bool there = strncmp(open, path, to) == 0 && (open[to] == '.' || open[to] == '\0');
        if (!there) {
            conf_emit_indent(level, out);
            fprintf(out, "%.*s:\n", (int)(to - from), path + from);
            snprintf(open, 64, "%.*s", (int)to, path);
        }
        from = to + 1;
    }
    snprintf(open, 64, "%.*s", (int)len, path);
    return level;
}

/* Whether a key that was left at its default would read back as an error. */
static bool only_by_default(const struct task_config *t, const struct conf_key *k)
{
    if (conf_value_of(t->values, k->path)->set)
        return false;
    if (strcmp(k->path, "source.password_env") == 0)
        return t->source.password[0] == '\0' || conf_value_of(t->values, "source.password")->set ||
               conf_value_of(t->values, "source.password_file")->set;
    if (strcmp(k->path, "destination.sasl.password_env") == 0)
        return t->destination.sasl_mechanism == CONF_SASL_NONE ||
               conf_value_of(t->values, "destination.sasl.password")->set ||
               conf_value_of(t->values, "destination.sasl.password_file")->set;
    return false;
}

static void print_value(const struct task_config *t, const struct conf_key *k,
                        const struct conf_value *v, FILE *out)
{
    const char *text = NULL;
    if (k->type == CONF_PATH && k->field != CONF_NO_FIELD)
        memcpy(&text, (const uint8_t *)t + k->field, sizeof(text));
    if (k->type == CONF_SECRET)
        fputs("\"" CONF_MASK "\"", out);
    else if (text != NULL)
        conf_emit_text(text, out);
    else if (k->type == CONF_PATH)
        conf_emit_text(conf_resolve(&t->values->arena, v->node->at.file, v->node->text), out);
    else
        conf_emit_node(v->node, out);
}

static void print_objects(const struct task_config *t, FILE *out)
{
    fputs("objects:\n", out);
    for (const struct conf_node *n = t->values->objects->first; n != NULL; n = n->next) {
        const char *lead = "  - ";
        for (const struct conf_node *m = n->first; m != NULL; m = m->next) {
            fprintf(out, "%s%s: ", lead, m->name);
            conf_emit_node(m, out);
            fputc('\n', out);
            lead = "    ";
        }
    }
}

void conf_print(const struct task_config *t, FILE *out)
{
    char open[64] = "";
    for (size_t i = 0; i < conf_key_count; i++) {
        const struct conf_key *k = &conf_keys[i];
        const struct conf_value *v = &t->values->items[i];
        bool worked_out = strcmp(k->path, "state_dir") == 0;
        if (k->type == CONF_ENTRIES)
            print_objects(t, out);
        if (k->type == CONF_SECTION || k->type == CONF_ENTRIES || strchr(k->path, '[') != NULL ||
            (v->node == NULL && !worked_out) || (k->flags & (CONF_UNBUILT | CONF_NOT_SHOWN)) ||
            only_by_default(t, k))
            continue;
        conf_emit_indent(enter_section(k->path, open, out), out);
        fprintf(out, "%s: ", conf_key_leaf(k));
        print_value(t, k, v, out);
        fputc('\n', out);
    }
}
