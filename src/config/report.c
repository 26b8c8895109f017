#include "config/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A hostile file cannot make the list grow without end; who has this many errors reads no more. */
#define REPORT_MAX 200

PRINTF(4, 0)
static void report_add(struct conf_report *r, struct conf_mark at, bool warning, const char *fmt,
                       va_list args)
{
    if (!warning)
        r->error_count++;
    if (r->count >= REPORT_MAX)
        return;
    struct conf_problem *items = realloc(r->items, (r->count + 1) * sizeof(*items));
    if (items == NULL)
        return;
    r->items = items;
    struct conf_problem p = {.line = at.line, .column = at.column, .warning = warning};
    p.file = strdup(at.file != NULL ? at.file : "");
    if (vasprintf(&p.text, fmt, args) < 0)
        p.text = NULL;
    if (p.file == NULL || p.text == NULL) {
        free(p.file);
        free(p.text);
        return;
    }
    items[r->count++] = p;
}

void conf_problem(struct conf_report *r, struct conf_mark at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    report_add(r, at, false, fmt, args);
    va_end(args);
}

void conf_warning(struct conf_report *r, struct conf_mark at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    report_add(r, at, true, fmt, args);
    va_end(args);
}

static bool problem_before(const struct conf_problem *a, const struct conf_problem *b)
{
    if (strcmp(a->file, b->file) != 0)
        return false; /* files keep the order in which they came */
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* Insertion sort: stable, and the list is nearly in order and at most REPORT_MAX long. */
void conf_report_sort(struct conf_report *r)
{
    for (size_t i = 1; i < r->count; i++) {
        struct conf_problem p = r->items[i];
        size_t to = i;
        for (size_t j = i; j-- > 0;)
            if (problem_before(&p, &r->items[j]))
                to = j;
        memmove(&r->items[to + 1], &r->items[to], (i - to) * sizeof(p));
        r->items[to] = p;
    }
}

void conf_report_print(const struct conf_report *r, FILE *out)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct conf_problem *p = &r->items[i];
        const char *kind = p->warning ? "warning" : "error";
        if (p->line > 0)
            fprintf(out, "%s:%u:%u: %s: %s\n", p->file, p->line, p->column, kind, p->text);
        else
            fprintf(out, "%s: %s: %s\n", p->file, kind, p->text);
    }
    if (r->count >= REPORT_MAX)
        fprintf(out, "more problems are not shown\n");
}

void conf_report_fini(struct conf_report *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->items[i].file);
        free(r->items[i].text);
    }
    free(r->items);
    *r = (struct conf_report){0};
}
