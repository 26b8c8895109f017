#include "rules/script.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define UTF8 charset_of_name(SLICE_LIT("utf8mb4"))

enum { ID, PHONE, NAME, AMOUNT, RATE, AT, GONE, STATE, COLUMNS };

static struct slice labels[] = {{(const uint8_t *)"new", 3}, {(const uint8_t *)"paid", 4}};

static struct column columns[COLUMNS];
static struct table table;
static struct cell cells[COLUMNS];

static void setup(void)
{
    columns[ID] = (struct column){.name = SLICE_LIT("id"), .kind = COL_INT, .type_text = SLICE_LIT("int")};
    columns[PHONE] = (struct column){.name = SLICE_LIT("phone"), .kind = COL_VARCHAR, .type_text = SLICE_LIT("varchar(20)")};
    columns[NAME] = (struct column){.name = SLICE_LIT("name"), .kind = COL_TEXT, .type_text = SLICE_LIT("text")};
    columns[AMOUNT] = (struct column){.name = SLICE_LIT("amount"), .kind = COL_DECIMAL, .precision = 10, .scale = 2, .type_text = SLICE_LIT("decimal(10,2)")};
    columns[RATE] = (struct column){.name = SLICE_LIT("rate"), .kind = COL_DOUBLE, .type_text = SLICE_LIT("double")};
    columns[AT] = (struct column){.name = SLICE_LIT("at"), .kind = COL_DATETIME, .type_text = SLICE_LIT("datetime")};
    columns[GONE] = (struct column){.name = SLICE_LIT("gone"), .kind = COL_VARCHAR, .type_text = SLICE_LIT("varchar(5)")};
    columns[STATE] = (struct column){.name = SLICE_LIT("state"), .kind = COL_ENUM, .type_text = SLICE_LIT("enum('new','paid')"), .members = labels, .member_count = 2};
    for (int i = 0; i < COLUMNS; i++)
        columns[i].charset = UTF8;
    table = (struct table){.database = SLICE_LIT("shop"), .name = SLICE_LIT("user_7"), .column_count = COLUMNS, .columns = columns};
    cells[ID] = (struct cell){.kind = CELL_I64, .i64 = 42};
    cells[PHONE] = (struct cell){.kind = CELL_BYTES, .raw = SLICE_LIT("13800001234")};
    cells[NAME] = (struct cell){.kind = CELL_BYTES, .raw = SLICE_LIT("Ünïcode Ωmega")};
    cells[AMOUNT] = (struct cell){.kind = CELL_TEXT, .raw = SLICE_LIT("12.50")};
    cells[RATE] = (struct cell){.kind = CELL_F64, .f64 = 2.5};
    cells[AT] = (struct cell){.kind = CELL_DATETIME, .civil = {.year = 2024, .month = 1, .day = 31, .hour = 10, .minute = 11, .second = 12}};
    cells[GONE] = (struct cell){.kind = CELL_NULL};
    cells[STATE] = (struct cell){.kind = CELL_U64, .u64 = 2};
}

/* What the last script has used; its cells point there. */
static struct rule_machine *last_machine;
static struct rule_program *last_program;
static struct rule_expression *last_expression;

static void release(void)
{
    rule_program_free(last_program);
    rule_expression_free(last_expression);
    rule_machine_free(last_machine);
    last_program = NULL;
    last_expression = NULL;
    last_machine = NULL;
}

TestSuite(script, .init = setup, .fini = release);

static struct script_row row_of(struct cell *work)
{
    memcpy(work, cells, sizeof(cells));
    for (int i = COLUMNS; i < COLUMNS + 4; i++)
        work[i] = (struct cell){.kind = CELL_NULL};
    return (struct script_row){.after = cells, .work = work, .columns = columns, .operation = CHANGE_INSERT,
                               .commit_us = UINT64_C(1700000000123456), .now_us = UINT64_C(1700000001234567)};
}

/* The text of an expression's value; "NULL"; "! why" when it fails; "? why" when it does not compile. */
static void value_of(const char *text, char out[512])
{
    static const struct column as_text = {.kind = COL_VARCHAR, .type_text = {(const uint8_t *)"varchar", 7}};
    struct rule_errors errors = {0};
    struct rule_expression *x = NULL;
    struct rule_program *p = NULL;
    struct rule_machine *m = rule_machine_new(&(struct rule_machine_options){0});
    enum err e = rule_parse(slice_str(text), RULE_ETL, &x, &errors);
    if (e == ERR_OK)
        e = rule_value_new(x, &table, &p, &errors);
    if (e != ERR_OK) {
        snprintf(out, 512, "? %s", errors.items[0].text);
    } else {
        struct cell work[COLUMNS + 4], cell;
        struct script_row row = row_of(work);
        rule_script_begin(m);
        e = rule_value_run(m, p, &row, &as_text, &cell);
        if (e != ERR_OK)
            snprintf(out, 512, "! %s", rule_machine_message(m));
        else if (cell.kind == CELL_NULL)
            strcpy(out, "NULL");
        else
            snprintf(out, 512, "%.*s", SLICE_ARG(cell.raw));
    }
    rule_program_free(p);
    rule_expression_free(x);
    rule_machine_free(m);
}

/* clang-format off */
static const struct { const char *text, *value; } values[] = {
    {"op_sum(1, 2)", "3"}, {"1 + 2 * 3", "7"}, {"(1 + 2) * 3", "9"}, {"'a' + 'b'", "ab"}, {"'n' + 5", "n5"}, {"`id` + 0.5", "42.5"},
    {"op_sum(`gone`, 1)", "NULL"}, {"9223372036854775807 + 1", "9223372036854775808"}, {"op_mul(18446744073709551615, 4)", "7.378697629483821e19"},
    {"op_sub(`amount`, 2)", "10.5"}, {"- `id`", "-42"}, {"1 - -1", "2"}, {"op_div_true(15, 2.0)", "7.5"}, {"15 / 2", "7"}, {"-15 / 2", "-7"}, {"op_mod(23, 10)", "3"},
    {"`id` / 0", "! op_div_true: division by zero"}, {"op_mod(`rate`, 0)", "! op_mod: division by zero"}, {"op_mul('x', 2)", "? op_mul: numbers are expected"},
    {"op_eq(`id`, 42)", "true"}, {"op_eq(`id`, '42')", "true"}, {"op_eq(`phone`, 13800001234)", "true"}, {"op_eq('a', 'A')", "false"}, {"op_gt(`amount`, 12)", "true"},
    {"op_lt(`at`, '2024-02-01')", "true"}, {"op_lt(`at`, '2024-01-31 10:11:12')", "false"}, {"op_ge(`rate`, 2.5)", "true"}, {"op_le('b', 'a')", "false"}, {"op_ne(1, 2)", "true"},
    {"op_eq(`gone`, 'x')", "NULL"}, {"op_and(true, op_eq(1, 1))", "true"}, {"op_or(op_gt(`id`, 50), op_lt(`id`, 45))", "1"}, {"op_not(op_eq(`id`, 1))", "true"},
    {"op_eq(`state`, 'paid')", "true"}, {"op_in(`id`, json_array('[1, 42]'))", "true"}, {"op_in('0', json_array('[\"0\",\"1\"]'))", "true"}, {"op_in('2', json_array('[]'))", "false"},
    {"op_in(`id`, json_array('[1'))", "? this is no JSON array of texts, numbers and truth values"}, {"op_in(`id`, 1)", "? json_array('[...]') is expected here"},
    {"op_is_null(`gone`)", "true"}, {"op_is_not_null(`gone`)", "false"}, {"op_is_null('')", "false"},
    {"op_add('a', `id`, \"c\")", "a42c"}, {"op_add('a')", "a"}, {"op_add('a', null)", "NULL"}, {"str_format(\"a {} b {}\", 1, `phone`)", "a 1 b 13800001234"},
    {"str_format('{} {}', 1)", "? str_format: there are more {} than values"}, {"str_format('x', 1)", "x"},
    {"str_replace('a.b.c', '.', '-')", "a-b-c"}, {"str_replace('a.b.c', '.', '', 1)", "ab.c"}, {"str_replace('aaa', 'aa', 'b', -1)", "ba"}, {"str_replace('abc', '', 'x')", "abc"}, {"str_replace('abc', 'b', 'x', 0)", "abc"},
    {"str_strip('axbzb', 'ab')", "xbz"}, {"str_strip('', 'ab')", ""}, {"str_strip('aaa', 'a')", ""}, {"str_strip('éxé', 'é')", "x"},
    {"str_lower(`name`)", "ünïcode ωmega"}, {"str_upper(`name`)", "ÜNÏCODE ΩMEGA"}, {"str_upper('straße ж ě ž')", "STRAßE Ж Ě Ž"},
    {"str_count('abcabc', 'bc')", "2"}, {"str_count('aaa', 'aa')", "1"}, {"str_count('a', '')", "0"}, {"str_find(`name`, 'Ω')", "8"}, {"str_find('abc', 'x')", "-1"}, {"str_find('abc', '')", "0"},
    {"str_contains('abc', 'bc')", "true"}, {"str_contains('abc', 'B')", "false"}, {"str_isalpha('abcÉ')", "true"}, {"str_isalpha('ab1')", "false"}, {"str_isalpha('')", "false"},
    {"str_isdigit('0123')", "true"}, {"str_isdigit('1.5')", "false"}, {"str_isdigit('')", "false"},
    {"regex_match(__TB__, 'user_\\\\d+')", "true"}, {"regex_match(__TB__, 'user_\\d+')", "true"}, {"regex_match('xuser_7', 'user_\\\\d+')", "false"}, {"regex_match('a', `name`)", "? the pattern has to be a constant text"}, {"regex_match('a', '(')", "? no regular expression: missing closing parenthesis"},
    {"str_mask(`phone`, 3, 6, '*')", "138****1234"}, {"str_mask('ab', 0, 9, '#')", "##"}, {"str_mask('ab', 5, 9, '#')", "ab"}, {"str_mask('日本語', 1, 1, '×')", "日×語"}, {"str_mask('ab', 1, 0, '#')", "ab"}, {"str_mask(`gone`, 0, 1, '*')", "NULL"},
    {"substring_after('a=b=c', '=')", "b=c"}, {"substring_after('abc', '=')", ""}, {"substring_before('a=b=c', '=')", "a"}, {"substring_before('abc', '=')", "abc"},
    {"substring_between('x[y]z', '[', ']')", "y"}, {"substring_between('xyz', '[', ']')", "NULL"},
    {"cast_string_to_long('123')", "123"}, {"cast_string_to_long('-9223372036854775808')", "-9223372036854775808"}, {"cast_string_to_long(`name`)", "! cast_string_to_long: this text is no integer"}, {"cast_string_to_long('1.5')", "? cast_string_to_long: this text is no integer"},
    {"cast_long_to_string(5) + 1", "51"}, {"is_string_value(`name`)", "true"}, {"is_string_value(`id`)", "false"},
    {"DATETIME('2021-01-01 10:10:01')", "2021-01-01 10:10:01"}, {"DATETIME('nonsense')", "? DATETIME: 'yyyy-MM-dd HH:mm:ss' is expected"}, {"__COMMIT_TIMESTAMP__", "2023-11-14 22:13:20"},
    {"dt_now()", "2023-11-14 22:13:21"}, {"dts_now()", "2023-11-14 22:13:21"}, {"dt_now_millis()", "2023-11-14 22:13:21.234"},
    {"dt_fromtimestamp(0)", "1970-01-01 00:00:00"}, {"dt_fromtimestamp(1700000000, 'GMT+08')", "2023-11-15 06:13:20"}, {"dt_fromtimestamp_millis(-1)", "1969-12-31 23:59:59.999"}, {"dt_fromtimestamp(0, 'Mars')", "! dt_fromtimestamp: a zone such as GMT+08 is expected"},
    {"dt_parsetimestamp(`at`)", "1706695872"}, {"dt_parsetimestamp('1970-01-02', 'GMT-01:00')", "90000"}, {"dt_parsetimestamp_millis('1970-01-01 00:00:01.5')", "1500"}, {"dt_parsetimestamp('x')", "! dt_parsetimestamp: this is no date"},
    {"dt_str(`at`, 'yyyy-MM-dd HH:mm:ss')", "2024-01-31 10:11:12"}, {"dt_str(`at`, \"yy/M/d 'at' H.m\")", "24/1/31 at 10.11"}, {"dt_str(`at`, 'EEE')", "? a pattern of yyyy MM dd HH mm ss SSS is expected"}, {"dt_str(dt_now_millis(), 'ss.SSS')", "21.234"},
    {"dt_strptime('31.12.2023 7:05', 'dd.MM.yyyy H:mm')", "2023-12-31 07:05:00"}, {"dt_strptime('2023-02-30', 'yyyy-MM-dd')", "? dt_strptime: the text is no date of this pattern"},
    {"dt_add(`at`, months=1)", "2024-02-29 10:11:12"}, {"dt_add(`at`, years=-1, days=1, hours=-11, minutes=0)", "2023-01-31 23:11:12"}, {"dt_add('2024-02-29', years=1)", "2025-02-28 00:00:00"}, {"dt_add(`at`, weeks=1)", "? years =, months =, days =, hours =, minutes = or seconds = is expected"}, {"dt_add(`at`, years=9000)", "! dt_add: the time is out of range"},
    {"(op_gt(`id`, 10) ? 'big' : 'small')", "big"}, {"(false ? `nothing` : 'ok')", "ok"}, {"(`gone` ? 1 : `id` ? 2 : 3)", "2"},
    {"__DB__ + '.' + __TB__", "shop.user_7"}, {"v(`phone`)", "13800001234"}, {"v(`phone`, __BEFORE__)", "NULL"}, {"v(`id`, __AFTER__)", "42"}, {"op_eq(__OPERATION__, __OP_INSERT__)", "true"},
    {"`nothing`", "? table shop.user_7 has no column `nothing`"}, {"`ID`", "? table shop.user_7 has no column `ID`"}, {"__SCN__", "? there is no variable __SCN__ for this source"}, {"e_drop()", "? a value is expected, not a row function"}, {"op_sum(1, x=2)", "? op_sum has no named arguments"},
};
/* clang-format on */

Test(script, every_function_has_its_values)
{
    char found[512];
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        value_of(values[i].text, found);
        cr_expect_str_eq(found, values[i].value, "%s: %s, not %s", values[i].text, found, values[i].value);
    }
}

struct run {
    enum err err;
    struct script_row row;
    struct cell work[COLUMNS + 4];
    uint64_t failures;
    bool empty;
    uint32_t added;
    struct column added_columns[4];
    char message[300];
};

static void run_script(const char *text, enum change_op op, enum rule_on_error on_error, struct run *r)
{
    static struct column all[COLUMNS + 4];
    struct rule_errors errors = {0};
    release();
    struct rule_machine *m = last_machine = rule_machine_new(&(struct rule_machine_options){0});
    memset(r, 0, sizeof(*r));
    r->err = rule_parse(slice_str(text), RULE_ETL, &last_expression, &errors);
    if (r->err == ERR_OK)
        r->err = rule_script_new(last_expression, &table, &last_program, &errors);
    snprintf(r->message, sizeof(r->message), "%s", errors.items[0].text);
    if (r->err == ERR_OK) {
        r->empty = rule_script_is_empty(last_program);
        r->added = rule_script_new_columns(last_program, r->added_columns);
        memcpy(all, columns, sizeof(columns));
        memcpy(all + COLUMNS, r->added_columns, sizeof(r->added_columns));
        r->row = row_of(r->work);
        r->row.columns = all;
        r->row.operation = op;
        rule_script_begin(m);
        r->err = rule_script_run(m, last_program, &r->row, on_error, &r->failures);
        snprintf(r->message, sizeof(r->message), "%s", rule_machine_message(m));
    }
}

static bool shows(const struct cell *c, const char *text)
{
    return (c->kind == CELL_TEXT || c->kind == CELL_BYTES) && slice_eq(c->raw, slice_str(text));
}

Test(script, columns_are_set_with_their_types)
{
    struct run r;
    run_script("e_compose(e_set(`id`, '7'), e_set(`amount`, 1.006), e_set(`at`, '2020-02-29'), e_set(`state`, 'new'), e_set(`phone`, `id` + 1), e_set(`gone`, null))",
               CHANGE_INSERT, RULE_FAIL, &r);
    cr_assert_eq(r.err, ERR_OK, "%s", r.message);
    cr_assert_eq(r.work[ID].i64, 7);
    cr_assert(shows(&r.work[AMOUNT], "1.01"));
    cr_assert_eq(r.work[AT].civil.day, 29);
    cr_assert_eq(r.work[STATE].u64, 1);
    cr_assert(shows(&r.work[PHONE], "8"), "what was set is what is read");
    cr_assert_eq(r.work[GONE].kind, CELL_NULL);
}

Test(script, new_columns_have_the_type_of_their_values)
{
    struct run r;
    run_script("e_compose(e_set(`a`, `id` * 2), e_set(`b`, 'x'), e_set(`c`, __COMMIT_TIMESTAMP__), e_set(`d`, 1.5), e_set(`b`, `b` + 'y'))", CHANGE_INSERT, RULE_FAIL, &r);
    cr_assert_eq(r.err, ERR_OK, "%s", r.message);
    cr_assert_eq(r.added, 4);
    static const char *const types[] = {"bigint", "varchar(4096)", "datetime", "double"};
    for (int i = 0; i < 4; i++)
        cr_expect(slice_eq(r.added_columns[i].type_text, slice_str(types[i])), "%s", types[i]);
    cr_assert_eq(r.work[COLUMNS].i64, 84);
    cr_assert(shows(&r.work[COLUMNS + 1], "xy"));
}

Test(script, rows_are_dropped_and_kept)
{
    struct run r;
    run_script("e_if(op_gt(`id`, 10), e_drop())", CHANGE_INSERT, RULE_FAIL, &r);
    cr_assert(r.row.dropped);
    run_script("e_if(op_gt(`id`, 100), e_drop())", CHANGE_INSERT, RULE_FAIL, &r);
    cr_assert_not(r.row.dropped);
    run_script("e_keep(op_eq(`gone`, 'x'))", CHANGE_INSERT, RULE_FAIL, &r);
    cr_assert(r.row.dropped, "unknown is not true");
    run_script("e_compose(e_drop(), e_set(`id`, 1 / 0))", CHANGE_INSERT, RULE_FAIL, &r);
    cr_assert_eq(r.err, ERR_CONFIG, "a constant that fails is said at once");
    run_script("e_compose(e_drop(), e_set(`id`, 1 / (`id` - 42)))", CHANGE_INSERT, RULE_FAIL, &r);
    cr_assert_eq(r.err, ERR_OK, "nothing runs behind e_drop()");
}

Test(script, branches_are_taken_in_order)
{
    static const char sw[] = "e_switch(op_eq(__OPERATION__, __OP_INSERT__), e_set(`name`, 'i'), op_eq(__OPERATION__, __OP_UPDATE__), e_set(`name`, 'u'), default = e_set(`name`, 'd'))";
    struct run r;
    run_script(sw, CHANGE_INSERT, RULE_FAIL, &r);
    cr_assert(shows(&r.work[NAME], "i"), "%s", r.message);
    run_script(sw, CHANGE_UPDATE, RULE_FAIL, &r);
    cr_assert(shows(&r.work[NAME], "u"));
    run_script(sw, CHANGE_DELETE, RULE_FAIL, &r);
    cr_assert(shows(&r.work[NAME], "d"));
    run_script("e_if(op_gt(`id`, 1), e_set(`name`, '1'), op_gt(`id`, 100), e_set(`name`, '2'), true, e_set(`phone`, '3'))", CHANGE_INSERT, RULE_FAIL, &r);
    cr_assert(shows(&r.work[NAME], "1") && shows(&r.work[PHONE], "3"));
    run_script("e_if_else(op_gt(`id`, 100), e_set(`name`, '1'), e_set(`name`, '2'))", CHANGE_INSERT, RULE_FAIL, &r);
    cr_assert(shows(&r.work[NAME], "2"));
}

Test(script, a_script_about_another_table_is_nothing)
{
    struct run r;
    run_script("e_if(op_eq(__TB__, 'orders'), e_set(`no_such_column`, str_mask(`no_such_column`, 3, 6, '*')))", CHANGE_INSERT, RULE_FAIL, &r);
    cr_assert_eq(r.err, ERR_OK, "%s", r.message);
    cr_assert(r.empty);
    cr_assert_eq(r.added, 0);
    run_script("e_switch(op_and(op_eq(__DB__, 'shop'), regex_match(__TB__, 'order_.*')), e_drop(), op_eq(__TB__, 'user_7'), e_set(`id`, 1), default = e_set(`x`, `y`))", CHANGE_INSERT, RULE_FAIL, &r);
    cr_assert_eq(r.err, ERR_OK, "%s", r.message);
    cr_assert_eq(r.work[ID].i64, 1);
    cr_assert_eq(r.added, 0);
}

Test(script, the_operation_may_be_set)
{
    struct run r;
    run_script("e_set(__OPERATION__, __OP_INSERT__)", CHANGE_DELETE, RULE_FAIL, &r);
    cr_assert_eq(r.row.operation, CHANGE_INSERT);
    run_script("e_keep(op_eq(__OPERATION__, __OP_INSERT__))", CHANGE_INIT, RULE_FAIL, &r);
    cr_assert_not(r.row.dropped);
    cr_assert_eq(r.row.operation, CHANGE_INIT, "what was not set stays what it is");
    run_script("e_set(__OPERATION__, 5)", CHANGE_DELETE, RULE_FAIL, &r);
    cr_assert_eq(r.err, ERR_CONFIG);
}

Test(script, a_failure_ends_the_row_or_is_null)
{
    static const char text[] = "e_compose(e_set(`phone`, 'set'), e_set(`id`, `id` / (`id` - 42)), e_if(op_gt(1 / (`id` - 42), 5), e_drop()), e_set(`name`, 'behind'), e_set(`rate`, 'no number'))";
    struct run r;
    run_script(text, CHANGE_INSERT, RULE_FAIL, &r);
    cr_assert_eq(r.err, ERR_EXPRESSION);
    cr_assert_str_eq(r.message, "op_div_true: division by zero");
    run_script("e_compose(e_set(`phone`, 'set'), e_set(`gone`, `id` / (`id` - 42)), e_if(op_gt(1 / (`id` - 42), 5), e_drop()), e_set(`name`, 'behind'), e_set(`rate`, 'no number'))", CHANGE_INSERT, RULE_NULL, &r);
    cr_assert_eq(r.err, ERR_OK, "%s", r.message);
    cr_assert_eq(r.failures, 3);
    cr_assert_eq(r.work[GONE].kind, CELL_NULL);
    cr_assert_not(r.row.dropped);
    cr_assert(shows(&r.work[NAME], "behind"));
    cr_assert_eq(r.work[RATE].kind, CELL_NULL);
}

Test(script, texts_of_a_row_are_replaced_at_once)
{
    struct run r;
    run_script("tail_replace_string_field('0', 'o', true)", CHANGE_INSERT, RULE_FAIL, &r);
    cr_assert(shows(&r.work[PHONE], "138oooo1234"), "%s", r.message);
}

Test(script, what_makes_no_sense_is_refused)
{
    static const char *const texts[] = {"e_set(`a`)",
                                        "op_sum(1, 2)",
                                        "e_if(e_drop(), e_drop())",
                                        "e_if(true, 1)",
                                        "e_if(true)",
                                        "e_set('a', 1)",
                                        "e_set(__TB__, 'x')",
                                        "e_set(`a`, e_drop())",
                                        "e_switch(op_eq(`id`, 1), e_drop(), e_drop())",
                                        "e_compose(1)",
                                        "e_set(`a`, 1, OLD)",
                                        "e_keep(e_drop())",
                                        "e_set(`a`, json_array('[]'))"};
    struct run r;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        run_script(texts[i], CHANGE_INSERT, RULE_FAIL, &r);
        cr_expect_eq(r.err, ERR_CONFIG, "%s", texts[i]);
    }
}
