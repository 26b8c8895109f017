/* What entries of objects come to for the tables of a source. */
#include "config/load.h"
#include "pipeline/survey.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct task_config *config;
static struct objects *objects;
static struct shaping *shaping;
static struct survey *survey;

/* The entries, and what stands beside them, as YAML. */
static void begin(const char *objects_yaml, const char *more)
{
    char text[4000];
    struct conf_report report = {0};
    struct errmsg em = {0};
    snprintf(text, sizeof(text),
             "task: t\nstate_dir: /tmp/none\nphases: [incremental]\n"
             "source: {host: 127.0.0.1, user: u, password: p}\n"
             "destination: {brokers: embedded, topic: t%s}\nobjects:\n%s",
             more, objects_yaml);
    enum err e = conf_load_text(slice_str(text), &config, &report);
    conf_report_print(&report, stderr);
    cr_assert_eq(e, ERR_OK);
    conf_report_fini(&report);
    cr_assert_eq(shaping_objects(config, false, &objects, &em), ERR_OK, "%s", em.text);
    cr_assert_eq(shaping_new(config, stderr, &shaping, &em), ERR_OK, "%s", em.text);
    const struct survey_options o = {config, objects, shaping, false};
    cr_assert_eq(survey_new(&o, &survey), ERR_OK);
}

/* shop.NAME with the columns id int, v varchar(9) */
static void show(const char *table)
{
    struct column_def columns[] = {
        {.name = SLICE_LIT("id"), .column_type = SLICE_LIT("int"), .data_type = SLICE_LIT("int")},
        {.name = SLICE_LIT("v"),
         .column_type = SLICE_LIT("varchar(9)"),
         .data_type = SLICE_LIT("varchar"),
         .collation = SLICE_LIT("utf8mb4_bin")}};
    const struct table_def def = {.database = SLICE_LIT("shop"),
                                  .name = slice_str(table),
                                  .engine = SLICE_LIT("InnoDB"),
                                  .column_count = 2,
                                  .columns = columns};
    cr_assert_eq(survey_table(survey, &def), ERR_OK);
}

/* The next finding is of the kind and says the words. */
static void expect(size_t i, enum survey_kind kind, bool is_error, const char *words)
{
    cr_assert_lt(i, survey_count(survey), "no finding %zu", i);
    const struct survey_finding *f = survey_finding(survey, i);
    cr_assert_eq(f->kind, kind, "%s", f->text);
    cr_assert_eq(f->is_error, is_error, "%s", f->text);
    cr_assert(strstr(f->text, words) != NULL, "%s", f->text);
}

static void end(size_t count)
{
    cr_assert_eq(survey_count(survey), count);
    survey_free(survey);
    shaping_free(shaping);
    objects_free(objects);
    conf_free(config);
}

Test(survey, entries_that_fit_say_nothing)
{
    begin(
        "  - {table: 'shop.a', filter: 'id > 1'}\n  - {table: 'shop.*', columns: {exclude: [v]}}\n",
        "");
    show("a");
    show("b");
    cr_assert_eq(survey_end(survey), ERR_OK);
    cr_assert_eq(survey_errors(survey), 0);
    end(0);
}

Test(survey, an_entry_that_takes_no_table_is_told_with_its_line)
{
    begin("  - table: shop.a\n  - table: shop.a?\n  - table: '!shop.tmp_*'\n  - table: shop.*\n",
          "");
    show("a");
    show("b");
    cr_assert_eq(survey_end(survey), ERR_OK);
    expect(0, SURVEY_NO_TABLE, false, "shop.a? decides for no table");
    expect(1, SURVEY_NO_TABLE, false, "!shop.tmp_*");
    cr_assert_eq(survey_finding(survey, 0)->line, 8);
    end(2);
}

Test(survey, an_entry_behind_one_that_takes_its_tables_is_told)
{
    begin("  - table: shop.*\n  - table: shop.a\n", "");
    show("a");
    cr_assert_eq(survey_end(survey), ERR_OK);
    expect(0, SURVEY_NO_TABLE, false, "entries in front of it");
    end(1);
}

Test(survey, tables_that_go_out_under_one_name_are_told)
{
    begin("  - {table: 'shop./user_(\\d)\\d/', table_as: 'user_{1}'}\n  - table: shop.*\n",
          ", names: lower");
    show("user_10");
    show("user_11");
    show("user_20");
    show("T");
    show("t");
    cr_assert_eq(survey_end(survey), ERR_OK);
    expect(0, SURVEY_SAME_PLACE, false, "shop.T and shop.t");
    expect(1, SURVEY_SAME_PLACE, false, "go out as shop.user_1 to topic t");
    end(2);
}

Test(survey, all_that_is_wrong_with_a_table_s_rules_is_told)
{
    begin("  - {table: shop.a, filter: 'x = 1 and y = 2 and id = 3', partition_key: [z], columns: "
          "{rename: {id: v}}, add_columns: [{name: v, type: int, value: '1'}, {name: w, type: "
          "blub, value: '2'}]}\n",
          "");
    show("a");
    cr_assert_eq(survey_end(survey), ERR_OK);
    cr_assert_eq(survey_errors(survey), 6);
    const char *const words[] = {"no column z",    "no column `y`",   "no column `x`",
                                 "has a column v", "blub is no type", "two columns"};
    for (size_t k = 0; k < 6; k++) {
        bool found = false;
        for (size_t i = 0; i < 6; i++)
            found = found || strstr(survey_finding(survey, i)->text, words[k]) != NULL;
        cr_expect(found, "%s", words[k]);
    }
    end(6);
}

Test(survey, a_word_of_columns_that_no_table_has_is_an_error_and_a_glob_a_warning)
{
    begin("  - {table: 'shop.*', columns: {exclude: [secrt, 'x*'], rename: {V: w}}}\n", "");
    show("a");
    show("b");
    cr_assert_eq(survey_end(survey), ERR_OK);
    expect(0, SURVEY_NO_COLUMN, true,
           "columns.exclude: no table that shop.* takes has a column secrt");
    expect(1, SURVEY_NO_COLUMN, false, "x*");
    cr_assert_eq(survey_errors(survey), 1);
    end(2);
}

Test(survey, findings_are_bounded_and_the_last_one_counts_the_rest)
{
    begin("  - {table: 'shop.*', filter: 'x = 1'}\n", "");
    for (int i = 0; i < SURVEY_KEPT + 7; i++) {
        char name[20];
        snprintf(name, sizeof(name), "t%d", i);
        show(name);
    }
    cr_assert_eq(survey_end(survey), ERR_OK);
    expect(SURVEY_KEPT - 1, SURVEY_RULES, true, "(and 7 more)");
    cr_assert_eq(survey_errors(survey), SURVEY_KEPT + 7);
    end(SURVEY_KEPT);
}

Test(survey, a_name_that_a_regex_cannot_decide_is_an_error)
{
    begin("  - table: '/shop\\.(b|bb|(b*b)+)+[cd]/'\n", "");
    show("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbx");
    cr_assert_eq(survey_end(survey), ERR_OK);
    expect(0, SURVEY_UNDECIDED, true, "make it simpler");
    end(2);
}
