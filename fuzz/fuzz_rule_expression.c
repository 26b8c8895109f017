/*
 * Texts of expressions, both dialects, compiled and run.
 *
 * Input: the text; the last 24 bytes, where there are as many, are the values
 * of the row. A text is parsed as a condition and as a script, compiled for a
 * table with a column of every class, and run on a row made from the input.
 *
 * Property: a text is refused with at least one error whose place is in it, or
 * compiles to a program that ends; the same row gives the same answer twice,
 * and questions to the source are asked once. A condition written back to SQL
 * is one that gives the same answer.
 */
#include "rules/script.h"

#include <stdlib.h>

enum { A, B, C, D, E, F, G, H, COLUMNS };

static struct slice labels[] = {{(const uint8_t *)"x", 1}, {(const uint8_t *)"y", 1}};

static struct column columns[COLUMNS] = {
    [A] = {.kind = COL_INT, .nullable = true},
    [B] = {.kind = COL_BIGINT, .is_unsigned = true, .nullable = true},
    [C] = {.kind = COL_DECIMAL, .precision = 20, .scale = 5, .nullable = true},
    [D] = {.kind = COL_DOUBLE, .nullable = true},
    [E] = {.kind = COL_VARCHAR, .nullable = true},
    [F] = {.kind = COL_DATETIME, .fsp = 6, .nullable = true},
    [G] = {.kind = COL_ENUM, .nullable = true, .members = labels, .member_count = 2},
    [H] = {.kind = COL_VARBINARY, .nullable = true},
};

static struct table table = {.column_count = COLUMNS, .columns = columns};

static void name_columns(void)
{
    static const char names[] = "abcdefgh";
    for (int i = 0; i < COLUMNS; i++) {
        columns[i].name = slice_of(names + i, 1);
        columns[i].type_text = columns[i].bare_type = SLICE_LIT("t");
        columns[i].collation = i == E || i == G ? SLICE_LIT("utf8mb4_general_ci") : SLICE_LIT("");
        columns[i].charset = i == E || i == G ? charset_of_name(SLICE_LIT("utf8mb4")) : NULL;
    }
    table.database = SLICE_LIT("db");
    table.name = SLICE_LIT("t");
}

/* Some answer, the same whenever it is asked. */
static enum err ask(void *arg, const struct rule_question *q, struct rule_answer *out,
                    struct errmsg *em)
{
    struct writer w;
    (void)arg;
    (void)em;
    writer_init(&w, 1u << 26);
    rule_question_sql(q, &w);
    enum err e = w.err;
    *out = (struct rule_answer){.number = (int)(w.len % 2), .text = SLICE_LIT("é")};
    writer_fini(&w);
    return e;
}

static uint64_t number(const uint8_t *values, int at)
{
    uint64_t v;
    memcpy(&v, values + at, sizeof(v));
    return v;
}

static void fill(const uint8_t values[24], struct cell cells[COLUMNS], uint8_t packed[10])
{
    uint64_t x = number(values, 0), y = number(values, 8), z = number(values, 16);
    memset(packed, 0, 10);
    packed[0] = 0x80;
    packed[7] = (uint8_t)(x % 10);
    cells[A] = (struct cell){.kind = CELL_I64, .i64 = (int32_t)x};
    cells[B] = (struct cell){.kind = CELL_U64, .u64 = y};
    cells[C] = (struct cell){.kind = CELL_DECIMAL, .raw = slice_of(packed, 10)};
    cells[D] = (struct cell){.kind = CELL_F64, .f64 = (double)(int64_t)z / 1024};
    cells[E] = (struct cell){.kind = CELL_BYTES, .raw = slice_of(values, x % 24)};
    cells[F] = (struct cell){.kind = CELL_DATETIME,
                             .civil = {.year = (uint16_t)(y % 10000),
                                       .month = (uint8_t)(z % 13),
                                       .day = (uint8_t)(x % 32),
                                       .hour = (uint8_t)(y % 24)}};
    cells[G] = (struct cell){.kind = CELL_U64, .u64 = z % 3};
    cells[H] = (struct cell){.kind = CELL_BYTES, .raw = slice_of(values, y % 24)};
    for (int i = 0; i < COLUMNS; i++)
        if (values[i] % 5 == 0)
            cells[i] = (struct cell){.kind = CELL_NULL};
}

static void check_errors(enum err e, const struct rule_errors *errors, size_t len)
{
    if (e == ERR_CONFIG && (errors->count == 0 || errors->items[0].offset > len))
        abort();
}

static bool same_answer(struct rule_machine *m, const struct rule_program *p, struct cell *cells,
                        enum err expected, bool pass)
{
    bool is;
    enum err e = rule_filter(m, p, cells, NULL, &is);
    return e == expected && (e != ERR_OK || is == pass);
}

/* The condition as SQL is a condition, unless its brackets are too many, and says the same. */
static void run_sql(struct rule_machine *m, const struct rule_expression *x, struct cell *cells,
                    bool mariadb, enum err expected, bool pass)
{
    struct rule_errors errors = {0};
    struct rule_expression *again = NULL;
    struct rule_program *p = NULL;
    struct writer w;
    writer_init(&w, 1u << 26);
    if (rule_condition_sql(x, &table, &w) != ERR_OK)
        abort();
    enum err e = rule_parse(writer_slice(&w), RULE_SQL, &again, &errors);
    if (e == ERR_OK)
        e = rule_filter_new(again, &table, mariadb, &p, &errors);
    if (e == ERR_OK && !same_answer(m, p, cells, expected, pass))
        abort();
    if (e == ERR_CONFIG && strstr(errors.items[0].text, "too deeply") == NULL &&
        strstr(errors.items[0].text, "too long") == NULL)
        abort();
    rule_program_free(p);
    rule_expression_free(again);
    writer_fini(&w);
}

static void run_filter(struct rule_machine *m, const struct rule_expression *x, struct cell *cells,
                       bool mariadb, size_t len)
{
    struct rule_errors errors = {0};
    struct rule_program *p;
    bool first = false, second = false;
    enum err e = rule_filter_new(x, &table, mariadb, &p, &errors);
    check_errors(e, &errors, len);
    if (e != ERR_OK)
        return;
    enum err one = rule_filter(m, p, cells, NULL, &first);
    uint64_t asked = rule_machine_asked(m);
    enum err two = rule_filter(m, p, cells, NULL, &second);
    if (one != two || (one == ERR_OK && (first != second || rule_machine_asked(m) != asked)))
        abort();
    run_sql(m, x, cells, mariadb, one, first);
    rule_program_free(p);
}

static void run_script(struct rule_machine *m, const struct rule_expression *x, struct cell *cells,
                       size_t len)
{
    struct rule_errors errors = {0};
    struct rule_program *p;
    uint64_t failures = 0;
    enum err e = rule_script_new(x, &table, &p, &errors);
    check_errors(e, &errors, len);
    if (e != ERR_OK)
        return;
    size_t most = COLUMNS + rule_script_sets_max(x);
    struct column *all = calloc(most, sizeof(*all));
    struct cell *work = calloc(most, sizeof(*work));
    if (all == NULL || work == NULL)
        abort();
    memcpy(all, columns, sizeof(columns));
    memcpy(work, cells, COLUMNS * sizeof(*cells));
    size_t n = COLUMNS + rule_script_new_columns(p, all + COLUMNS);
    for (size_t i = COLUMNS; i < n; i++)
        work[i].kind = CELL_NULL;
    struct script_row row = {.after = cells, .work = work, .columns = all, .now_us = 1};
    rule_script_begin(m);
    e = rule_script_run(m, p, &row, RULE_NULL, &failures);
    if (e == ERR_EXPRESSION || e == ERR_BUG)
        abort();
    free(all);
    free(work);
    rule_program_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t values[24] = {1, 2, 3, 4}, packed[10];
    struct cell cells[COLUMNS];
    struct rule_machine_options o = {.ask = ask};
    struct rule_expression *x;
    if (size > 8192)
        return 0;
    if (size >= 24) {
        size -= 24;
        memcpy(values, data + size, 24);
    }
    name_columns();
    fill(values, cells, packed);
    struct rule_machine *m = rule_machine_new(&o);
    if (m == NULL)
        abort();
    for (int dialect = 0; dialect < 2; dialect++) {
        struct rule_errors errors = {0};
        enum err e = rule_parse(slice_of(data, size), (enum rule_dialect)dialect, &x, &errors);
        check_errors(e, &errors, size);
        if (e != ERR_OK)
            continue;
        if (dialect == RULE_SQL) {
            run_filter(m, x, cells, false, size);
            run_filter(m, x, cells, true, size);
        } else {
            run_script(m, x, cells, size);
        }
        rule_expression_free(x);
    }
    rule_machine_free(m);
    return 0;
}
