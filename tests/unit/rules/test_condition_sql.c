/* Conditions back to SQL. */
#include "rules/program.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct column columns[] = {
    {.name = SLICE_LIT("a")}, {.name = SLICE_LIT("Be`e")}, {.name = SLICE_LIT("c")}};
static const struct table table = {.column_count = 3, .columns = columns};

static void written(const char *text, const char *expected)
{
    struct rule_errors errors = {0};
    struct rule_expression *x = NULL;
    struct writer w;
    cr_assert_eq(rule_parse(slice_str(text), RULE_SQL, &x, &errors), ERR_OK, "%s: %s", text,
                 errors.items[0].text);
    writer_init(&w, 1 << 20);
    cr_assert_eq(rule_condition_sql(x, &table, &w), ERR_OK, "%s", text);
    cr_expect(slice_eq(writer_slice(&w), slice_str(expected)), "%s: %.*s", text, (int)w.len,
              (const char *)w.base);
    writer_fini(&w);
    rule_expression_free(x);
}

Test(condition_sql, operators_have_brackets)
{
    written("a = 1", "(`a` = 1)");
    written("a", "`a`");
    written("A > 1 or not c < 2 and a", "((`a` > 1) OR ((NOT (`c` < 2)) AND `a`))");
    written("a and c and 1 and 2", "(`a` AND `c` AND 1 AND 2)");
    written("a and (c and 1)", "(`a` AND (`c` AND 1))");
    written("a - c - 1 > -(a + 1)", "((`a` - `c` - 1) > (- (`a` + 1)))");
    written("a || c xor 1 && ! c", "(`a` OR (`c` XOR (1 AND (NOT `c`))))");
    written("a <=> null", "(`a` <=> NULL)");
    written("a != 5 div 2 mod 3", "(`a` <> ((5 DIV 2) % 3))");
}

Test(condition_sql, predicates_are_written_out)
{
    written("a not in (1, -2, 'x')", "(`a` NOT IN (1,(- 2),'x'))");
    written("a in (1)", "(`a` IN (1))");
    written("a between 1 and 2 and c not between 3 and 4",
            "((`a` BETWEEN 1 AND 2) AND (`c` NOT BETWEEN 3 AND 4))");
    written("a like 'x%' escape '|' or a not like c",
            "((`a` LIKE 'x%' ESCAPE '|') OR (`a` NOT LIKE `c`))");
    written("a regexp '^x' and a not rlike 'y'", "((`a` REGEXP '^x') AND (`a` NOT REGEXP 'y'))");
    written("a is null or a is not null", "((`a` IS NULL) OR (`a` IS NOT NULL))");
    written("a is unknown or a is not true or a is false",
            "((`a` IS NULL) OR (`a` IS NOT TRUE) OR (`a` IS FALSE))");
    written("(a like 'x') like 'y'", "((`a` LIKE 'x') LIKE 'y')");
    written("(a not like 'x') = c", "((`a` NOT LIKE 'x') = `c`)");
}

Test(condition_sql, functions_have_their_arguments)
{
    written("substr(a from 2 for 3) = concat('x', c, 1)",
            "(substring(`a`,2,3) = concat('x',`c`,1))");
    written("coalesce(a, c, 0) > ifnull(a, mod(c, 2)) + abs(-a)",
            "(coalesce(`a`,`c`,0) > (ifnull(`a`,mod(`c`,2)) + abs((- `a`))))");
    written("lcase(a) = upper('x') and length(a) < character_length(c)",
            "((lower(`a`) = upper('x')) AND (length(`a`) < char_length(`c`)))");
    written("year(date(a)) = 2024", "(year(date(`a`)) = 2024)");
}

Test(condition_sql, literals_mean_what_they_meant)
{
    written("a = 'it''s' or a = \"q\\\"\"", "((`a` = 'it''s') OR (`a` = 'q\"'))");
    written("a = 'x\\n\\\\y\\%'", "(`a` = 'x\n\\\\y\\\\%')");
    written("a = 'z\\0'", "(`a` = 'z\\0')");
    written("a = x'4a' or a = 0x4A or a = b'1' or a = x''",
            "((`a` = X'4A') OR (`a` = 0x4A) OR (`a` = 0x01) OR (`a` = X''))");
    written("a > date'2024-01-31' or a = timestamp'2024-01-31 10:00:00' or a = time'10:00:00'",
            "((`a` > DATE'2024-01-31') OR (`a` = TIMESTAMP'2024-01-31 10:00:00') OR (`a` = "
            "TIME'10:00:00'))");
    written("a = 1.50 and a < .5e3 and true", "((`a` = 1.50) AND (`a` < .5e3) AND TRUE)");
}

Test(condition_sql, names_are_the_table_s_in_quotes)
{
    written("`bE``E` = A", "(`Be``e` = `a`)");
}

Test(condition_sql, a_chain_of_thousands_has_one_bracket)
{
    enum { N = 5000 };
    char *text = malloc(N * 16), *p = text;
    for (int i = 0; i < N; i++)
        p += sprintf(p, "%sa = %d", i > 0 ? " or " : "", i);
    struct rule_errors errors = {0};
    struct rule_expression *x = NULL;
    struct writer w;
    cr_assert_eq(rule_parse(slice_str(text), RULE_SQL, &x, &errors), ERR_OK);
    writer_init(&w, 1 << 20);
    cr_assert_eq(rule_condition_sql(x, &table, &w), ERR_OK);
    cr_assert_eq(memcmp(w.base, "((`a` = 0) OR (`a` = 1) OR", 26), 0);
    writer_fini(&w);
    writer_init(&w, 100);
    cr_assert_eq(rule_condition_sql(x, &table, &w), ERR_TOO_LARGE);
    writer_fini(&w);
    rule_expression_free(x);
    free(text);
}
