/* What the task file itself asks for. */
#include "pipeline/precheck/precheck_int.h"

#include <string.h>

/* Findings of some kinds, as they are. */
static void take_findings(const struct precheck_facts *f, unsigned kinds, struct finding *out)
{
    for (size_t i = 0; i < survey_count(f->survey); i++) {
        const struct survey_finding *s = survey_finding(f->survey, i);
        if ((kinds >> s->kind & 1) == 0)
            continue;
        if (s->is_error)
            find_failure(out, ERR_CONFIG, "%s", s->text);
        else
            find_warning(out, "%s", s->text);
    }
}

void judge_objects(const struct precheck_facts *f, struct finding *out)
{
    take_findings(f, 1u << SURVEY_NO_TABLE | 1u << SURVEY_UNDECIDED, out);
    if (out->found.len == 0)
        find_note(out, "%zu %s %zu %s", f->config->object_count,
                  AGREES(f->config->object_count, "entry takes", "entries take"),
                  COUNT_OF(f->table_count, "table"));
    else
        find_remedy(out, "objects: the pattern of the line that is named");
}

void judge_same_names(const struct precheck_facts *f, struct finding *out)
{
    take_findings(f, 1u << SURVEY_SAME_PLACE, out);
    if (out->found.len == 0)
        find_note(out, "none");
    else
        find_remedy(out, "objects: [{table: ..., table_as: ANOTHER_NAME}]");
}

void judge_expressions(const struct precheck_facts *f, struct finding *out)
{
    take_findings(f, 1u << SURVEY_RULES | 1u << SURVEY_NO_COLUMN, out);
    if (out->found.len == 0)
        find_note(out, "they have a meaning for all tables");
    else
        find_remedy(out, "objects, etl: the line that is named");
}

void judge_phases(const struct precheck_facts *f, struct finding *out)
{
    unsigned phases = f->config->phases;
    if ((phases & CONF_PHASE_FULL) == 0 || (phases & CONF_PHASE_INCREMENTAL) != 0) {
        find_note(out, "changes are followed");
        return;
    }
    find_warning(out,
                 "without the incremental phase, what is written after the copy has ended does "
                 "not come");
    find_remedy(out, "phases: [schema, full, incremental]");
}

void judge_acks(const struct precheck_facts *f, struct finding *out)
{
    enum conf_acks acks = f->config->destination.acks;
    if (acks == CONF_ACKS_ALL) {
        find_note(out, "acks: all, idempotent: nothing is lost, and no broken connection repeats a "
                       "message");
        return;
    }
    find_warning(
        out, "%s",
        acks == CONF_ACKS_0
            ? "acks: 0 promises nothing: the checkpoint means sent, not received, and what "
              "is under way when a connection breaks is lost or repeated"
            : "acks: 1 promises one broker: what only the leader has is lost with it, and "
              "a broken connection may repeat messages");
    find_remedy(out, "destination: {acks: all}");
}

void judge_folder(const struct precheck_facts *f, struct finding *out)
{
    const char *folder = f->config->state_dir;
    if (f->running) {
        find_note(out, "this task runs on %s now", folder);
        return;
    }
    if (f->state.err != ERR_OK) {
        find_failure(out, f->state.err, "%s", f->state.em.text);
        find_remedy(out, "state_dir: ./%s.state", f->config->task);
        return;
    }
    if (f->kept_begun)
        find_note(out, "%s holds no state: the task goes on from what the topic %s holds", folder,
                  f->kept_name);
    else
        find_note(out, f->first_start ? "%s: a first start" : "%s: the task has begun", folder);
}

void judge_same_topic(const struct precheck_facts *f, struct finding *out)
{
    if (f->running) {
        find_note(out, "this task runs now");
        return;
    }
    for (size_t i = 0; i < f->topic_count; i++) {
        if (!f->found[i].written)
            continue;
        find_warning(out,
                     "topic %s got records within the last minute, while this task does not run: "
                     "another task, or another program, writes to it",
                     f->topics[i].name);
    }
    if (out->found.len == 0)
        find_note(out, "nobody has written to them within the last minute");
    else
        find_remedy(out, "rowcast stop OTHER.yaml  -- or destination: {topic: ...}");
}
