/*
 * At a start: what the entries of objects come to for the tables that are
 * there. Everything that is wrong is said at once, before anything is sent.
 */
#include "pipeline/task_int.h"

#include "base/log.h"
#include "pipeline/survey.h"

#include <stdlib.h>

#define WARNINGS_SAID 20

static enum err show_table(void *arg, const struct tables_view *v)
{
    const struct table_def names = {.database = v->database, .name = v->table};
    return survey_table(arg, v->def != NULL ? v->def : &names);
}

/* Here only tables that are selected were shown, so that nothing is known of exclusions. */
static bool is_known(const struct task *t, const struct survey_finding *f)
{
    return f->kind != SURVEY_NO_TABLE || t->config->objects[f->object].table[0] != '!';
}

/*
 * After a restart only what would end the task is an error: columns may have
 * gone since, and that a word of columns has lost its last one changes nothing.
 */
static bool is_error(const struct survey_finding *f, bool first_start)
{
    return f->is_error && (first_start || f->kind != SURVEY_NO_COLUMN);
}

static enum err tell(const struct task *t, const struct survey *s, bool first_start,
                     struct errmsg *em)
{
    char quoted[1200];
    size_t errors = 0, warnings = 0;
    const char *first = NULL;
    for (size_t i = 0; i < survey_count(s); i++) {
        const struct survey_finding *f = survey_finding(s, i);
        log_quote(quoted, sizeof(quoted), f->text);
        if (!is_error(f, first_start)) {
            if (!t->shared->prechecked && is_known(t, f) && warnings++ < WARNINGS_SAID)
                log_warn("objects.doubtful", "reason=%s", quoted);
            continue;
        }
        first = first != NULL ? first : f->text;
        errors++;
        log_error("objects.wrong", "reason=%s", quoted);
    }
    if (errors == 0)
        return ERR_OK;
    if (errors == 1)
        return errmsg_set(em, ERR_CONFIG, "%s: %s", t->config->path, first);
    return errmsg_set(em, ERR_CONFIG, "%s: %s (and %zu more that objects.wrong tells of)",
                      t->config->path, first, errors - 1);
}

enum err task_survey(struct task *t, bool first_start, struct errmsg *em)
{
    struct survey_options o = {.task = t->config,
                               .objects = t->objects,
                               .shaping = t->shaping,
                               .mariadb = t->server.flavour == SRC_MARIADB};
    struct survey *s;
    enum err e = survey_new(&o, &s);
    if (e != ERR_OK)
        return errmsg_set(em, e, "%s", err_text(e));
    e = tables_walk(t->tables, show_table, s);
    if (e == ERR_OK)
        e = survey_end(s);
    e = e == ERR_OK ? tell(t, s, first_start, em) : errmsg_set(em, e, "%s", err_text(e));
    survey_free(s);
    return e;
}
