#include "pipeline/shaping.h"

#include <stdlib.h>
#include <string.h>

/* Parses one text of the task file; what is wrong is printed with its place. */
static enum err parse(const struct task_config *config, const char *what, const char *text,
                      uint32_t line, enum rule_dialect dialect, FILE *out,
                      struct rule_expression **x, struct errmsg *em)
{
    struct rule_errors errors = {0};
    char sentence[320], title[80];
    struct slice s = slice_str(text);
    enum err e = rule_parse(s, dialect, x, &errors);
    if (e != ERR_CONFIG)
        return e;
    snprintf(title, sizeof(title), "error: %s", what);
    for (uint32_t i = 0; i < errors.count && out != NULL; i++)
        rule_error_print(out, config->path, line, title, s, &errors.items[i]);
    return errmsg_set(em, e, "%s:%u: %s, %s", config->path, line, what,
                      rule_error_text(s, &errors.items[0], sentence, sizeof(sentence)));
}

static enum shape_names names_of(enum conf_names names)
{
    return names == CONF_NAMES_UPPER   ? SHAPE_UPPER
           : names == CONF_NAMES_LOWER ? SHAPE_LOWER
                                       : SHAPE_AS_SOURCE;
}

static enum err fill_rule(const struct task_config *config, const struct conf_object *o, FILE *out,
                          struct shape_rule *r, struct shape_pair *pairs, struct shape_add *adds,
                          struct errmsg *em)
{
    *r = (struct shape_rule){
        .database_as = o->database_as,
        .table_as = o->table_as,
        .include_count = o->columns_include.count,
        .include = o->columns_include.items,
        .exclude_count = o->columns_exclude.count,
        .exclude = o->columns_exclude.items,
        .rename_count = o->columns_rename.count,
        .rename = pairs,
        .dml = o->dml != 0 ? o->dml : SHAPE_ALL,
        .names = names_of(config->destination.names),
        .line = o->filter_line != 0 ? o->filter_line : o->line,
    };
    for (size_t i = 0; i < o->columns_rename.count; i++)
        pairs[i] =
            (struct shape_pair){o->columns_rename.items[i].name, o->columns_rename.items[i].value};
    enum err e = ERR_OK;
    struct rule_expression *x = NULL;
    if (o->filter != NULL)
        e = parse(config, "objects[].filter", o->filter, o->filter_line, RULE_SQL, out, &x, em);
    r->filter = x;
    r->add = adds;
    for (size_t i = 0; i < o->add_columns.count; i++) {
        const struct conf_column *c = &o->add_columns.items[i];
        struct rule_expression *value = NULL;
        struct errmsg next = {0};
        enum err one =
            parse(config, "objects[].add_columns", c->value, c->line, RULE_ETL, out, &value, &next);
        adds[i] = (struct shape_add){c->name, c->type, value};
        r->add_count = i + 1;
        if (one != ERR_OK && e == ERR_OK)
            e = errmsg_set(em, one, "%s", next.text);
    }
    return e;
}

static bool make_room(struct shaping *s, const struct task_config *config)
{
    size_t pairs = 0;
    for (size_t i = 0; i < config->object_count; i++) {
        pairs += config->objects[i].columns_rename.count;
        s->add_count += config->objects[i].add_columns.count;
    }
    s->adds = calloc(s->add_count + 1, sizeof(*s->adds));
    s->count = config->object_count;
    s->rules = calloc(s->count + 1, sizeof(*s->rules));
    s->pairs = calloc(pairs + 1, sizeof(*s->pairs));
    return s->rules != NULL && s->pairs != NULL && s->adds != NULL;
}

enum err shaping_new(const struct task_config *config, FILE *out, struct shaping **made,
                     struct errmsg *em)
{
    struct shaping *s = calloc(1, sizeof(*s));
    struct errmsg first = {0}, next = {0};
    enum err e = s != NULL && make_room(s, config) ? ERR_OK : ERR_NO_MEMORY;
    struct shape_pair *pairs = e == ERR_OK ? s->pairs : NULL;
    struct shape_add *adds = e == ERR_OK ? s->adds : NULL;
    if (e == ERR_OK && config->etl != NULL && config->etl[0] != '\0')
        e = parse(config, "etl", config->etl, config->etl_line, RULE_ETL, out, &s->etl, &first);
    for (size_t i = 0; i < config->object_count && e != ERR_NO_MEMORY; i++) {
        const struct conf_object *o = &config->objects[i];
        enum err one = fill_rule(config, o, out, &s->rules[i], pairs, adds, &next);
        pairs += o->columns_rename.count;
        adds += o->add_columns.count;
        s->rules[i].etl = s->etl;
        s->rules[i].on_error = config->etl_on_error == CONF_ERROR_SKIP   ? RULE_SKIP
                               : config->etl_on_error == CONF_ERROR_NULL ? RULE_NULL
                                                                         : RULE_FAIL;
        s->selects = s->selects || s->rules[i].filter != NULL || s->rules[i].dml != SHAPE_ALL ||
                     o->add_columns.count > 0 || s->etl != NULL;
        if (one != ERR_OK && e == ERR_OK) {
            e = one;
            first = next;
        }
    }
    if (e != ERR_OK) {
        shaping_free(s);
        return errmsg_set(em, e, "%s", first.text[0] != 0 ? first.text : err_text(e));
    }
    *made = s;
    return ERR_OK;
}

enum err shaping_objects(const struct task_config *config, bool fold_case, struct objects **out,
                         struct errmsg *em)
{
    struct object_rule *rules = calloc(config->object_count + 1, sizeof(*rules));
    if (rules == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "%s", err_text(ERR_NO_MEMORY));
    for (size_t i = 0; i < config->object_count; i++) {
        const struct conf_object *o = &config->objects[i];
        bool excludes = o->table[0] == '!';
        rules[i] = (struct object_rule){.pattern = o->table,
                                        .line = o->line,
                                        .topic = excludes           ? NULL
                                                 : o->topic != NULL ? o->topic
                                                                    : config->destination.topic};
    }
    struct objects *made;
    enum err e = objects_compile(rules, config->object_count, fold_case, &made, em);
    free(rules);
    TRY(e);
    const char *beat = config->heartbeat.table, *dot = strchr(beat, '.');
    if (dot != NULL)
        objects_never(made, slice_of(beat, (size_t)(dot - beat)), slice_str(dot + 1));
    *out = made;
    return ERR_OK;
}

void shaping_free(struct shaping *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; s->rules != NULL && i < s->count; i++)
        rule_expression_free((struct rule_expression *)(uintptr_t)s->rules[i].filter);
    for (size_t i = 0; s->adds != NULL && i < s->add_count; i++)
        rule_expression_free((struct rule_expression *)(uintptr_t)s->adds[i].value);
    rule_expression_free(s->etl);
    free(s->adds);
    free(s->rules);
    free(s->pairs);
    free(s);
}
