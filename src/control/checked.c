#include "control/checked.h"

#include "control/json.h"
#include "pipeline/precheck/precheck.h"

static void write_outcome(struct jw *j, const struct precheck_outcome *o)
{
    jw_open(j, NULL, '{');
    jw_text(j, "code", o->item->code);
    jw_text(j, "side", precheck_side_name(o->item->side));
    jw_text(j, "title", o->item->title);
    jw_text(j, "result", precheck_result_name(o->result));
    jw_text(j, "found", o->found);
    jw_text(j, "why", o->item->why);
    jw_text(j, "remedy", o->remedy);
    jw_bool(j, "ignorable",
            o->item->skip == PRECHECK_SKIP_ALL ||
                (o->item->skip == PRECHECK_SKIP_WARNINGS && o->result != PRECHECK_FAILED));
    jw_close(j);
}

void checked_write(const struct precheck_report *r, struct writer *out)
{
    static const char *const counts[] = {[PRECHECK_PASSED] = "passed",
                                         [PRECHECK_WARNING] = "warnings",
                                         [PRECHECK_FAILED] = "failed",
                                         [PRECHECK_SKIPPED] = "skipped"};
    struct jw j = jw_to(out);
    jw_open(&j, NULL, '{');
    jw_time(&j, "checked", r != NULL ? r->at_us : 0);
    if (r != NULL) {
        jw_decimal(&j, "seconds", r->took_ms, 1000);
        jw_open(&j, "counts", '{');
        for (int i = 0; i < PRECHECK_RESULTS; i++)
            jw_number(&j, counts[i], r->counts[i]);
        jw_close(&j);
    }
    jw_open(&j, "items", '[');
    for (size_t i = 0; r != NULL && i < r->count; i++)
        write_outcome(&j, &r->outcomes[i]);
    jw_close(&j);
    jw_close(&j);
    writer_lit(out, "\n");
}
