#include "rules/expression.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static enum err parse(const char *text, enum rule_dialect dialect, struct rule_errors *errors)
{
    struct rule_expression *x = NULL;
    *errors = (struct rule_errors){0};
    enum err e = rule_parse(slice_str(text), dialect, &x, errors);
    rule_expression_free(x);
    return e;
}

static void refused(const char *text, enum rule_dialect dialect, uint32_t offset, const char *words)
{
    struct rule_errors errors = {0};
    cr_expect_eq(parse(text, dialect, &errors), ERR_CONFIG, "%s", text);
    cr_expect_gt(errors.count, 0, "%s", text);
    cr_expect_eq(errors.items[0].offset, offset, "%s: at %u: %s", text, errors.items[0].offset,
                 errors.items[0].text);
    cr_expect(strstr(errors.items[0].text, words) != NULL, "%s: %s", text, errors.items[0].text);
}

Test(parse, conditions_are_understood)
{
    static const char *const texts[] = {"a = 1",
                                        "amount > 10 and status in ('paid','sent')",
                                        "not a between 1 and 2 and b",
                                        "a like 'x%' escape '|' or `b c` is not null",
                                        "((((a))))",
                                        "-a * -(b + 1) <= .5e3",
                                        "x'41' = 0x41 and b'101' <> 0b101",
                                        "date'2024-01-31' < d",
                                        "substring(a from 2 for 3) = ''",
                                        "a mod 2 = mod(a, 2)",
                                        "a xor b || c && ! d",
                                        "a is true = b",
                                        "'it''s' \"q\" = a"};
    struct rule_errors errors = {0};
    for (size_t i = 0; i + 1 < sizeof(texts) / sizeof(texts[0]); i++)
        cr_expect_eq(parse(texts[i], RULE_SQL, &errors), ERR_OK, "%s: %s", texts[i],
                     errors.items[0].text);
    cr_expect_eq(parse(texts[12], RULE_SQL, &errors), ERR_CONFIG);
}

Test(parse, scripts_are_understood)
{
    static const char *const texts[] = {
        "e_drop()",
        "script:e_if(op_gt(`id`, 10), e_drop())",
        "  script: e_set(`a`, \"x\" + 'y')",
        "e_switch(true, e_drop(), false, e_drop(), default = e_drop())",
        "e_set(`d`, dt_add(`d`, years=-1, months = 2))",
        "e_set(`a`, (`b` ? 1 : `c` ? 2 : 3))",
        "e_compose(e_set(`x`, -1), e_keep(`x` - 1 * 2))"};
    struct rule_errors errors = {0};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_expect_eq(parse(texts[i], RULE_ETL, &errors), ERR_OK, "%s: %s", texts[i],
                     errors.items[0].text);
}

Test(parse, what_is_wrong_is_said_with_its_place)
{
    refused("", RULE_SQL, 0, "ends where a value");
    refused("a >", RULE_SQL, 3, "ends where a value");
    refused("a > > 1", RULE_SQL, 4, "a value is expected, not >");
    refused("a = 1;", RULE_SQL, 5, "a ; has no place");
    refused("a in (select 1)", RULE_SQL, 6, "subquery");
    refused("exists (select 1)", RULE_SQL, 0, "subquery");
    refused("t.a = 1", RULE_SQL, 1, "without its table");
    refused("(a = 1", RULE_SQL, 0, "not closed");
    refused("a = 1)", RULE_SQL, 5, ") without (");
    refused("a between 1 or 2", RULE_SQL, 12, "AND is expected");
    refused("a = 'x", RULE_SQL, 4, "no closing '");
    refused("`a = 1", RULE_SQL, 0, "no closing `");
    refused("lowr(a) = 'x'", RULE_SQL, 0, "is lower meant");
    refused("lower(a, b)", RULE_SQL, 0, "takes 1 argument, not 2");
    refused("a 5", RULE_SQL, 2, "an operator is expected");
    refused("a like 'x' like 'y'", RULE_SQL, 11, "put parentheses");
    refused("a = 1 -- b", RULE_SQL, 6, "comments");
    refused("12ab = 1", RULE_SQL, 0, "neither a number nor a name");
    refused("x'4' = 1", RULE_SQL, 0, "no hex literal");
    refused("a collate utf8mb4_bin = 'x'", RULE_SQL, 2, "COLLATE");
    refused("a is 5", RULE_SQL, 5, "behind IS");
    refused("e_iff(true, e_drop())", RULE_ETL, 0, "is e_if meant");
    refused("e_drop(); e_drop()", RULE_ETL, 8, "a ; has no place");
    refused("e_set(phone, 1)", RULE_ETL, 6, "columns are written `phone`");
    refused("e_keep(1 : 2)", RULE_ETL, 9, "behind ? only");
    refused("bson_value(`a`)", RULE_ETL, 0, "MongoDB");
}

Test(parse, every_beginning_of_a_text_is_refused_or_understood)
{
    static const char text[] =
        "a between 1 and x'41' and not `b` in ('c\\'', -1.5e3) or lower(d) is "
        "not null and e like 'f' escape '|'";
    struct rule_errors errors = {0};
    for (size_t n = 0; n < sizeof(text); n++) {
        char part[sizeof(text)] = {0};
        memcpy(part, text, n);
        enum err e = parse(part, RULE_SQL, &errors);
        cr_assert(e == ERR_OK || (e == ERR_CONFIG && errors.count > 0), "%s", part);
    }
}

static char *nested(size_t n, const char *open, const char *middle, const char *close)
{
    char *text = malloc(n * (strlen(open) + strlen(close)) + strlen(middle) + 1), *p = text;
    for (size_t i = 0; i < n; i++)
        p = stpcpy(p, open);
    p = stpcpy(p, middle);
    for (size_t i = 0; i < n; i++)
        p = stpcpy(p, close);
    return text;
}

Test(parse, nesting_has_a_bound)
{
    struct rule_errors errors = {0};
    char *deep = nested(10000, "(", "a", ")");
    cr_assert_eq(parse(deep, RULE_SQL, &errors), ERR_CONFIG);
    cr_assert(strstr(errors.items[0].text, "nested too deeply") != NULL);
    free(deep);
    deep = nested(RULE_DEPTH_MAX, "(", "a", ")");
    cr_assert_eq(parse(deep, RULE_SQL, &errors), ERR_OK);
    free(deep);
    deep = nested(10000, "not ", "a", "");
    cr_assert_eq(parse(deep, RULE_SQL, &errors), ERR_CONFIG);
    free(deep);
    deep = nested(10000, "a or ", "a", "");
    cr_assert_eq(parse(deep, RULE_SQL, &errors), ERR_OK, "a chain is not deep");
    free(deep);
    deep = nested(30000, "a in (1) or ", "a", "");
    cr_assert_eq(parse(deep, RULE_SQL, &errors), ERR_CONFIG, "too long, or too many parts");
    free(deep);
}

Test(parse, an_error_is_drawn_with_a_caret)
{
    struct rule_errors errors = {0};
    struct slice text = SLICE_LIT("a = 'é'\n  and b > > 1");
    struct rule_expression *x;
    cr_assert_eq(rule_parse(text, RULE_SQL, &x, &errors), ERR_CONFIG);
    char *out;
    size_t len;
    FILE *f = open_memstream(&out, &len);
    rule_error_print(f, "orders.yaml", 12, "objects[].filter", text, &errors.items[0]);
    fclose(f);
    cr_assert_str_eq(out, "orders.yaml:12: objects[].filter, line 2, column 11: a value is "
                          "expected, not >\n    and b > > 1\n            ^\n");
    free(out);
}
