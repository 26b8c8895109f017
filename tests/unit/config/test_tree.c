#include "config/tree.h"

#include <criterion/criterion.h>
#include <string.h>

static struct conf_arena arena;
static struct conf_report report;

static struct conf_node *parsed(const char *text)
{
    struct conf_node *n = NULL;
    cr_assert(conf_tree_parse(slice_str(text), (struct conf_mark){"f", 1, 1}, &arena, &report, &n));
    return n;
}

static void fini(void)
{
    conf_arena_fini(&arena);
    conf_report_fini(&report);
}

TestSuite(tree, .fini = fini);

static void refused(struct slice text, uint32_t line, uint32_t column, const char *words)
{
    struct conf_node *n = NULL;
    cr_assert_not(conf_tree_parse(text, (struct conf_mark){"f", 1, 1}, &arena, &report, &n));
    cr_assert_null(n);
    cr_assert_eq(report.count, 1);
    const struct conf_problem *p = &report.items[0];
    cr_assert(strstr(p->text, words) != NULL, "%s", p->text);
    cr_assert(p->line == line && p->column == column, "%u:%u: %s", p->line, p->column, p->text);
    conf_report_fini(&report);
}

Test(tree, every_node_knows_its_place)
{
    struct conf_node *n = parsed("a: 1\nb:\n  - x\n  - {c: \"y\"}\n");
    cr_assert_eq(n->kind, CONF_MAP);
    cr_assert_eq(n->count, 2);
    const struct conf_node *b = conf_member(n, "b");
    cr_assert(b->kind == CONF_LIST && b->count == 2);
    cr_assert(b->name_at.line == 2 && b->name_at.column == 1);
    const struct conf_node *c = conf_member(b->last, "c");
    cr_assert_str_eq(c->text, "y");
    cr_assert_not(c->plain);
    cr_assert(c->at.line == 4 && c->at.column == 9, "%u:%u", c->at.line, c->at.column);
    cr_assert_null(conf_member(n, "c"));
}

Test(tree, an_empty_text_has_no_node)
{
    cr_assert_null(parsed(""));
    cr_assert_null(parsed("# only a comment\n"));
}

Test(tree, an_exclusion_needs_no_quotes)
{
    const struct conf_node *n = parsed("table: !shop.tmp_*\n");
    cr_assert_str_eq(n->first->text, "!shop.tmp_*");
}

Test(tree, columns_count_characters)
{
    const struct conf_node *n = parsed("\"\xC3\xA4\xC3\xA4\": x\n");
    cr_assert_eq(n->first->at.column, 7);
}

Test(tree, what_yaml_has_and_a_task_file_does_not_is_refused)
{
    refused(SLICE_LIT("a: &x 1\n"), 1, 4, "anchors");
    refused(SLICE_LIT("a: 1\nb: *x\n"), 2, 4, "anchors");
    refused(SLICE_LIT("a: &x [1]\n"), 1, 4, "anchors");
    refused(SLICE_LIT("a: !!str 1\n"), 1, 4, "tag");
    refused(SLICE_LIT("a: !x [1]\n"), 1, 4, "tag");
    refused(SLICE_LIT("a: 1\n---\nb: 2\n"), 2, 1, "second");
    refused(SLICE_LIT("[a]: 1\n"), 1, 1, "key");
    refused(SLICE_LIT("a: \"x\\0y\"\n"), 1, 4, "NUL");
}

Test(tree, broken_yaml_is_refused_where_it_breaks)
{
    refused(SLICE_LIT("a: 1\nb: [1, 2\nc: 3\n"), 3, 2, "not valid YAML");
    refused(SLICE_LIT("a: 'x\n"), 2, 1, "not valid YAML");
    refused(SLICE_LIT("a: b: c\n"), 1, 5, "not valid YAML");
}

Test(tree, bytes_that_are_no_utf8_are_refused_where_they_are)
{
    refused(SLICE_LIT("a: 1\nb: \xFF\n"), 2, 4, "UTF-8");
    refused(SLICE_LIT("\xFF\xFE"
                      "a\0"),
            1, 1, "UTF-8");
}

Test(tree, a_key_that_is_there_twice_is_reported_and_the_rest_read)
{
    const struct conf_node *n = parsed("a: 1\nb: 2\na: 3\n");
    cr_assert_eq(n->count, 3);
    cr_assert_eq(report.error_count, 1);
    cr_assert_eq(report.items[0].line, 3);
    cr_assert(strstr(report.items[0].text, "first in line 1") != NULL);
}

static char *repeated(const char *open, size_t times)
{
    size_t len = strlen(open);
    char *text = conf_alloc(&arena, len * times + 1);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * len, open, len);
    return text;
}

Test(tree, nesting_ends_at_its_limit)
{
    char text[64];
    memset(text, '[', CONF_DEPTH_MAX);
    memset(text + CONF_DEPTH_MAX, ']', CONF_DEPTH_MAX);
    text[2 * CONF_DEPTH_MAX] = '\0';
    cr_assert_not_null(parsed(text));
    refused(slice_str(repeated("[", 500)), 1, CONF_DEPTH_MAX + 1, "within each other");
}

Test(tree, a_file_has_so_many_values_and_a_map_so_many_keys)
{
    struct conf_node *n = NULL;
    const char *many = repeated("- x\n", CONF_NODES_MAX);
    cr_assert_not(
        conf_tree_parse(slice_str(many), (struct conf_mark){"f", 1, 1}, &arena, &report, &n));

    char *keys = conf_alloc(&arena, 16 * (CONF_MEMBERS_MAX + 2));
    size_t len = 0;
    for (int i = 0; i <= CONF_MEMBERS_MAX; i++)
        len += (size_t)sprintf(keys + len, "k%d: x\n", i);
    cr_assert_not(
        conf_tree_parse(slice_of(keys, len), (struct conf_mark){"f", 1, 1}, &arena, &report, &n));
    cr_assert_null(n);
}

Test(tree, a_file_that_cannot_be_read_is_named)
{
    struct conf_node *n = NULL;
    cr_assert_not(
        conf_tree_read("/nowhere/task.yaml", (struct conf_mark){"f", 0, 0}, &arena, &report, &n));
    cr_assert(strstr(report.items[0].text, "/nowhere/task.yaml") != NULL);
    cr_assert_not(conf_tree_read("/tmp", (struct conf_mark){"f", 0, 0}, &arena, &report, &n));
}
