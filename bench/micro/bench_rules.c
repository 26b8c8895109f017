/*
 * What rules cost a row: filters, a mask with an added column; and what the
 * object list costs a table that is met. One JSON line per result; times are the fastest of
 * many rounds, in nanoseconds.
 *
 *   bench_rules [SECONDS PER RESULT, 0.3]
 */
#include "bench.h"

#include "rules/objects.h"
#include "rules/script.h"

#include <stdio.h>
#include <stdlib.h>

enum { ID, AMOUNT, STATUS, PHONE, COLUMNS };

static struct column columns[COLUMNS];
static struct table table = {.column_count = COLUMNS, .columns = columns};
static struct cell cells[COLUMNS];

static void make_row(void)
{
    static const uint8_t packed[] = {0x80, 0x00, 0x00, 0x19, 0x32}; /* 25.50 */
    columns[ID] = (struct column){.name = SLICE_LIT("id"), .kind = COL_INT};
    columns[AMOUNT] = (struct column){
        .name = SLICE_LIT("amount"), .kind = COL_DECIMAL, .precision = 10, .scale = 2};
    columns[STATUS] = (struct column){.name = SLICE_LIT("status"), .kind = COL_VARCHAR};
    columns[PHONE] = (struct column){.name = SLICE_LIT("phone"), .kind = COL_VARCHAR};
    for (int i = STATUS; i <= PHONE; i++) {
        columns[i].collation = SLICE_LIT("utf8mb4_0900_ai_ci");
        columns[i].charset = charset_of_name(SLICE_LIT("utf8mb4"));
    }
    for (int i = 0; i < COLUMNS; i++)
        columns[i].type_text = SLICE_LIT("type");
    table.database = SLICE_LIT("shop");
    table.name = SLICE_LIT("orders");
    cells[ID] = (struct cell){.kind = CELL_I64, .i64 = 4711};
    cells[AMOUNT] = (struct cell){.kind = CELL_DECIMAL, .raw = slice_of(packed, sizeof(packed))};
    cells[STATUS] = (struct cell){.kind = CELL_BYTES, .raw = SLICE_LIT("paid")};
    cells[PHONE] = (struct cell){.kind = CELL_BYTES, .raw = SLICE_LIT("13800001234")};
}

struct job {
    struct rule_machine *m;
    struct rule_program *p;
    bool script;
    struct column all[COLUMNS + 4];
    struct cell work[COLUMNS + 4];
};

static void run(void *arg, uint32_t rounds)
{
    struct job *job = arg;
    for (uint32_t i = 0; i < rounds; i++) {
        if (!job->script) {
            bool pass = false;
            if (rule_filter(job->m, job->p, cells, NULL, &pass) != ERR_OK)
                abort();
            sink += pass;
            continue;
        }
        uint64_t failures = 0;
        struct script_row row = {.after = cells, .work = job->work, .columns = job->all};
        memcpy(job->work, cells, sizeof(cells));
        job->work[COLUMNS].kind = CELL_NULL;
        rule_script_begin(job->m);
        if (rule_script_run(job->m, job->p, &row, RULE_FAIL, &failures) != ERR_OK)
            abort();
        sink += row.dropped;
    }
}

static void print(const char *name, double ns)
{
    printf(
        "{\"bench\":\"rules\",\"name\":\"%s\",\"unit\":\"ns\",\"min\":%.1f,\"compiler\":\"%s\"}\n",
        name, ns, __VERSION__);
}

static void bench(const char *name, const char *text, bool script)
{
    struct rule_errors errors = {0};
    struct rule_expression *x = NULL;
    struct job job = {.script = script, .m = rule_machine_new(&(struct rule_machine_options){0})};
    enum err e = rule_parse(slice_str(text), script ? RULE_ETL : RULE_SQL, &x, &errors);
    if (e == ERR_OK)
        e = script ? rule_script_new(x, &table, &job.p, &errors)
                   : rule_filter_new(x, &table, false, &job.p, &errors);
    if (e != ERR_OK || job.m == NULL) {
        fprintf(stderr, "bench_rules: %s: %s\n", name, errors.items[0].text);
        exit(1);
    }
    memcpy(job.all, columns, sizeof(columns));
    if (script)
        rule_script_new_columns(job.p, job.all + COLUMNS);
    print(name, measure(run, &job, 5000));
    rule_program_free(job.p);
    rule_expression_free(x);
    rule_machine_free(job.m);
}

/* ---- the object list ---- */

#define ENTRIES 10000

static struct objects *compile(const char *end, double *ns)
{
    static char patterns[ENTRIES][32];
    static struct object_rule rules[ENTRIES];
    struct objects *o;
    struct errmsg em;
    struct timespec a, b;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        snprintf(patterns[i], sizeof(patterns[i]), "shop.table_%u%s", i, end);
        rules[i] = (struct object_rule){patterns[i], i + 1, "t"};
    }
    clock_gettime(CLOCK_MONOTONIC, &a);
    if (objects_compile(rules, ENTRIES, false, &o, &em) != ERR_OK)
        abort();
    clock_gettime(CLOCK_MONOTONIC, &b);
    *ns = bench_ns(&a, &b);
    return o;
}

static void find_entry(void *arg, uint32_t rounds)
{
    const struct objects *o = arg;
    struct errmsg em;
    size_t index = 0;
    for (uint32_t i = 0; i < rounds; i++)
        if (objects_match(o, SLICE_LIT("shop"), SLICE_LIT("table_9999x"), &index, &em) != ERR_OK)
            abort();
    sink += index;
}

/* What it costs to find the entry of one table that is new; never paid for a row. */
static void bench_objects(const char *end, const char *what, const char *compiled)
{
    double ns;
    struct objects *o = compile(end, &ns);
    if (compiled != NULL)
        print(compiled, ns);
    print(what, measure(find_entry, o, 100));
    objects_free(o);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        seconds = strtod(argv[1], NULL);
    make_row();
    bench("filter, one integer", "id > 100", false);
    bench("filter, two integers", "id > 100 and id < 5000", false);
    bench("filter, decimal and text", "amount > 10 and status = 'paid'", false);
    bench("filter, decimal and list", "amount > 10 and status in ('new', 'paid', 'sent')", false);
    bench("mask", "e_set(`phone`, str_mask(`phone`, 3, 6, '*'))", true);
    bench("mask and an added column",
          "e_compose(e_set(`phone`, str_mask(`phone`, 3, 6, '*')), e_set(`region`, 'eu'))", true);
    bench_objects("", "10,000 names: a table", "10,000 names: compiled");
    bench_objects("*y", "10,000 patterns: a table", NULL);
    return 0;
}
