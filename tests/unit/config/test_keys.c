#include "config/keys.h"

#include "config/value.h"

#include <criterion/criterion.h>
#include <string.h>

Test(keys, every_key_is_there_once_and_behind_its_section)
{
    for (size_t i = 0; i < conf_key_count; i++) {
        char section[64] = "";
        const char *path = conf_keys[i].path, *dot = strrchr(path, '.');
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(path, conf_keys[j].path);
        if (dot == NULL)
            continue;
        memcpy(section, path, (size_t)(dot - path));
        char *entries = strstr(section, "[]");
        if (entries != NULL)
            *entries = '\0';
        const struct conf_key *s = conf_key_find(section);
        cr_assert(s != NULL && s < &conf_keys[i], "%s", path);
        cr_assert_eq(s->type, entries != NULL ? CONF_ENTRIES : CONF_SECTION, "%s", path);
    }
}

Test(keys, every_key_has_a_sentence_and_a_value_for_the_example)
{
    for (size_t i = 0; i < conf_key_count; i++) {
        const struct conf_key *k = &conf_keys[i];
        cr_assert(strlen(k->sentence) > 4 && k->sentence[strlen(k->sentence) - 1] == '.', "%s",
                  k->path);
        if (k->type != CONF_SECTION && k->type != CONF_ENTRIES)
            cr_assert(k->example != NULL || k->fallback != NULL, "%s", k->path);
        if (k->type == CONF_CHOICE || k->type == CONF_CHOICES)
            cr_assert_not_null(k->choices, "%s", k->path);
        if (k->type == CONF_INT || k->type == CONF_SIZE || k->type == CONF_TIME)
            cr_assert_lt(k->min, k->max, "%s", k->path);
        if (k->field == CONF_NO_FIELD)
            continue;
        size_t whole =
            strchr(k->path, '[') != NULL ? sizeof(struct conf_object) : sizeof(struct task_config);
        cr_assert_leq(k->field + (size_t)k->size, whole, "%s", k->path);
    }
}

Test(keys, every_default_is_a_value_of_its_key)
{
    for (size_t i = 0; i < conf_key_count; i++) {
        const struct conf_key *k = &conf_keys[i];
        struct conf_arena a = {0};
        struct conf_report r = {0};
        struct conf_node *n = NULL;
        int64_t number;
        if (k->fallback == NULL)
            continue;
        cr_assert(conf_tree_parse(slice_str(k->fallback), (struct conf_mark){0}, &a, &r, &n));
        cr_assert_not_null(n, "%s", k->path);
        if (conf_is_number(k))
            cr_assert(conf_number(k, n, &r, &number), "%s: %s", k->path,
                      r.count > 0 ? r.items[0].text : "");
        conf_arena_fini(&a);
        conf_report_fini(&r);
    }
}

Test(keys, the_nearest_key_of_the_section_is_found)
{
    cr_assert_str_eq(conf_key_nearest("source", "prot")->path, "source.port");
    cr_assert_str_eq(conf_key_nearest("source", "Host")->path, "source.host");
    cr_assert_str_eq(conf_key_nearest("", "desitnation")->path, "destination");
    cr_assert_str_eq(conf_key_nearest("objects[]", "tabel")->path, "objects[].table");
    cr_assert_str_eq(conf_key_nearest("", "brokers")->path, "destination.brokers");
    cr_assert_null(conf_key_nearest("source", "something_else_entirely"));
}

Test(keys, a_very_long_name_is_near_to_nothing)
{
    static char name[5000];
    memset(name, 'x', sizeof(name) - 1);
    cr_assert_null(conf_key_nearest("source", name));
}

Test(keys, choices_are_found_and_listed)
{
    char buf[64];
    cr_assert_eq(conf_choice_find("a|bc|d", "bc"), 1);
    cr_assert_eq(conf_choice_find("a|bc|d", "b"), -1);
    cr_assert_eq(conf_choice_find("a|bc|d", ""), -1);
    cr_assert_str_eq(conf_choice_list("a|bc|d", buf, sizeof(buf)), "a, bc or d");
    cr_assert_str_eq(conf_choice_list("a", buf, sizeof(buf)), "a");
}
