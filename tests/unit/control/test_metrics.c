#include "control/metrics.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *page_of(struct view *v, const char *task)
{
    struct writer w;
    writer_init(&w, 1u << 20);
    metrics_write(v, task, "lab", &w);
    writer_u8(&w, 0);
    cr_assert_eq(w.err, ERR_OK);
    return (char *)w.base;
}

Test(metrics, names_and_labels_are_as_the_manual_says)
{
    struct view *v;
    cr_assert_eq(view_new(&v), ERR_OK);
    struct table_counter *t = counters_table(&v->counters, SLICE_LIT("s"), SLICE_LIT("a\"b\n"));
    count(&t->inserted, 3);
    count(&counters_topic(&v->counters, SLICE_LIT("t"))->bytes, 77);
    struct view_snapshot *s = view_blank();
    cr_assert(view_fill_counters(v, s, NULL));
    s->state = VIEW_PAUSED;
    s->totals.skipped[VIEW_SKIP_TOO_LARGE] = 4;
    s->lag_known = true;
    s->lag_us = 1500000;
    view_publish(v, s);
    view_took(v, 3000, 2);
    char *page = page_of(v, "o\\k");
    static const char *const lines[] = {
        ("\nrowcast_rows_total{task=\"o\\\\k\",environment=\"lab\",table=\"s.a\\\"b\\n\",op="
         "\"insert\"} 3\n"),
        "\nrowcast_produced_bytes_total{task=\"o\\\\k\",environment=\"lab\",topic=\"t\"} 77\n",
        "\nrowcast_state{task=\"o\\\\k\",environment=\"lab\",state=\"paused\"} 1\n",
        "\nrowcast_state{task=\"o\\\\k\",environment=\"lab\",state=\"failed\"} 0\n",
        "\nrowcast_lag_seconds{task=\"o\\\\k\",environment=\"lab\"} 1.500000\n",
        "environment=\"lab\",le=\"0.002\"} 0\n",
        "environment=\"lab\",le=\"0.005\"} 2\n",
        "environment=\"lab\",le=\"+Inf\"} 2\n",
        "\nrowcast_commit_to_ack_seconds_sum{task=\"o\\\\k\",environment=\"lab\"} 0.006000\n",
        "\nrowcast_skipped_total{task=\"o\\\\k\",environment=\"lab\",reason=\"too_large\"} 4\n",
        "\nrowcast_skipped_total{task=\"o\\\\k\",environment=\"lab\",reason=\"filter\"} 0\n",
        "\n# TYPE rowcast_rows counter\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        cr_assert_not_null(strstr(page, lines[i]), "%s in\n%s", lines[i], page);
    cr_assert_null(strstr(page, "rowcast_position_bytes_behind{"), "what is not known is absent");
    size_t len = strlen(page);
    cr_assert_str_eq(page + len - 6, "# EOF\n");
    free(page);
    view_free(v);
}

Test(metrics, every_sample_stands_below_its_type)
{
    struct view *v;
    cr_assert_eq(view_new(&v), ERR_OK);
    char *page = page_of(v, "x"), *rest = page;
    char family[100] = "";
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (strncmp(line, "# TYPE ", 7) == 0)
            snprintf(family, sizeof(family), "%.*s", (int)strcspn(line + 7, " "), line + 7);
        else if (line[0] != '#' && line[0] != 0)
            cr_assert_eq(strncmp(line, family, strlen(family)), 0, "%s below %s", line, family);
    }
    free(page);
    view_free(v);
}

Test(metrics, the_manual_is_up_to_date)
{
    char *now = NULL;
    size_t size;
    FILE *out = open_memstream(&now, &size);
    metrics_print_markdown(out);
    fclose(out);
    FILE *f = fopen(MANUAL, "r");
    cr_assert_not_null(f);
    char *kept = calloc(1, size + 2);
    cr_assert_eq(fread(kept, 1, size + 1, f), size,
                 "docs/metrics.md is stale: build/rowcast config --metrics > docs/metrics.md");
    fclose(f);
    cr_assert_str_eq(kept, now,
                     "docs/metrics.md is stale: build/rowcast config --metrics > docs/metrics.md");
    free(kept);
    free(now);
}
