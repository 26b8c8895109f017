#include "schema/sql_lex.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static const struct sql_dialect mysql97 = {.version = 90704};
static const struct sql_dialect maria1011 = {.version = 101119, .mariadb = true};

/* The tokens of a text, each as its kind's letter and its text: "w:a s:, e:". */
static const char *tokens(const char *sql, const struct sql_dialect *d)
{
    static char out[4096];
    static const char letters[] = "e!wnsxb0s";
    struct sql_lexer l;
    struct sql_token t;
    size_t n = 0;
    sql_lexer_init(&l, slice_str(sql), d);
    do {
        t = sql_next(&l);
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%c:%.*s", n > 0 ? " " : "",
                              t.kind == SQL_STRING ? '\'' : letters[t.kind], SLICE_ARG(t.text));
    } while (t.kind != SQL_END && t.kind != SQL_BAD);
    return out;
}

Test(sql_lex, words_names_numbers_and_signs)
{
    cr_assert_str_eq(tokens("CREATE TABLE `a b`.c1 (x_$ INT, 'str' 12 1.5e-3)", &mysql97),
                     "w:CREATE w:TABLE n:a b s:. w:c1 s:( w:x_$ w:INT s:, ':str 0:12 0:1.5e-3 s:) "
                     "e:");
}

Test(sql_lex, names_may_begin_with_digits)
{
    cr_assert_str_eq(tokens("1a 1e 1e5 1e5x 0x1F 0x1G 0b01 0b02 .5", &mysql97),
                     "w:1a w:1e 0:1e5 0:1e5 w:x x:1F w:0x1G b:01 w:0b02 0:.5 e:");
    cr_assert_str_eq(tokens("db.1e5 `d`.1e5 db.5", &mysql97),
                     "w:db s:. w:1e5 n:d s:. w:1e5 w:db s:. w:5 e:");
}

Test(sql_lex, a_dot_begins_a_number_where_no_name_stands_before_it)
{
    cr_assert_str_eq(tokens("DEFAULT .5 -.5e-3 (.25x) db.5", &mysql97),
                     "w:DEFAULT 0:.5 s:- 0:.5e-3 s:( 0:.25 w:x s:) w:db s:. w:5 e:");
}

Test(sql_lex, bytes_from_0x80_on_are_letters)
{
    cr_assert_str_eq(tokens("\xC3\xA9t\xC3\xA9.\xF0\x9F\x98\x80", &mysql97),
                     "w:\xC3\xA9t\xC3\xA9 s:. w:\xF0\x9F\x98\x80 e:");
}

Test(sql_lex, quotes_are_doubled_or_escaped)
{
    cr_assert_str_eq(tokens("`a``b` 'it''s' 'it\\'s' \"a\"\"b\"", &mysql97),
                     "n:a``b ':it''s ':it\\'s ':a\"\"b e:");
    struct sql_dialect d = {.version = 90704, .sql_mode = SQL_MODE_ANSI_QUOTES};
    cr_assert_str_eq(tokens("\"a\\\" 'b'", &d), "n:a\\ ':b e:");
    d.sql_mode = SQL_MODE_NO_BACKSLASH_ESCAPES;
    cr_assert_str_eq(tokens("'a\\' 'b'", &d), "':a\\ ':b e:");
}

Test(sql_lex, unquoting_resolves_what_the_mode_allows)
{
    struct sql_lexer l;
    uint8_t out[32];
    sql_lexer_init(&l, SLICE_LIT("'a''b\\n\\%\\0'"), &mysql97);
    struct sql_token t = sql_next(&l);
    size_t n = sql_unquote(t, &mysql97, out);
    cr_assert_eq(n, 7);
    cr_assert_arr_eq(out, "a'b\n\\%", 7);
    sql_lexer_init(&l, SLICE_LIT("`a``\\n`"), &mysql97);
    t = sql_next(&l);
    n = sql_unquote(t, &mysql97, out);
    cr_assert_eq(n, 4);
    cr_assert_arr_eq(out, "a`\\n", 4);
}

Test(sql_lex, strings_may_be_marked)
{
    cr_assert_str_eq(tokens("n'a' X'6162' b'01' _utf8'x' nb", &mysql97),
                     "':a x:6162 b:01 w:_utf8 ':x w:nb e:");
}

Test(sql_lex, comments_are_passed_over)
{
    cr_assert_str_eq(tokens("a -- b\nc # d\ne /* f ' */ g --h", &mysql97),
                     "w:a w:c w:e w:g s:- s:- w:h e:");
    cr_assert_str_eq(tokens("a --", &mysql97), "w:a e:");
}

Test(sql_lex, executable_comments_go_by_version)
{
    cr_assert_str_eq(tokens("a /*!80013 b */ c", &mysql97), "w:a w:b w:c e:");
    cr_assert_str_eq(tokens("a /*!90705 b /* x */ d */ c", &mysql97), "w:a w:c e:");
    cr_assert_str_eq(tokens("a /*!b*/ c", &mysql97), "w:a w:b w:c e:");
    cr_assert_str_eq(tokens("a /*!090704 b*/ c", &mysql97), "w:a w:b w:c e:");
    cr_assert_str_eq(tokens("a /*M!100100 b */ c", &mysql97), "w:a w:c e:");
    cr_assert_str_eq(tokens("a /*!50000 b /* x */ d */ c", &mysql97), "w:a w:b w:d w:c e:");
}

Test(sql_lex, mariadb_has_executable_comments_of_its_own)
{
    cr_assert_str_eq(tokens("a /*M!100100 b */ c", &maria1011), "w:a w:b w:c e:");
    cr_assert_str_eq(tokens("a /*M!110000 b */ c", &maria1011), "w:a w:c e:");
    cr_assert_str_eq(tokens("a /*!80013 b */ c", &maria1011), "w:a w:c e:");
    cr_assert_str_eq(tokens("a /*!50699 b */ c", &maria1011), "w:a w:b w:c e:");
    cr_assert_str_eq(tokens("a /*!100100 b */ c", &maria1011), "w:a w:b w:c e:");
}

Test(sql_lex, what_nothing_closes_is_bad_for_good)
{
    static const char *const cut[] = {"'a", "`a", "\"a", "/* a", "/*!a", "'a\\", "x'", "/*!99999 "};
    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
        struct sql_lexer l;
        struct sql_token t;
        sql_lexer_init(&l, slice_str(cut[i]), &mysql97);
        do {
            t = sql_next(&l);
        } while (t.kind != SQL_END && t.kind != SQL_BAD);
        cr_assert_eq(t.kind, SQL_BAD, "%s", cut[i]);
        cr_assert_eq(sql_next(&l).kind, SQL_BAD);
    }
}

Test(sql_lex, names_compare_in_either_case_and_with_accents)
{
    cr_assert(sql_name_eq(SLICE_LIT("Stra\xC3\x9F"
                                    "e_\xC3\x89"),
                          SLICE_LIT("stra\xC3\x9F"
                                    "E_\xC3\xA9")));
    cr_assert(sql_name_eq(SLICE_LIT("\xD0\x9A\xD0\x86"), SLICE_LIT("\xD0\xBA\xD1\x96")));
    cr_assert(!sql_name_eq(SLICE_LIT("e"), SLICE_LIT("\xC3\xA9")));
    cr_assert(!sql_name_eq(SLICE_LIT("ab"), SLICE_LIT("abc")));
    cr_assert(!sql_name_eq(SLICE_LIT("\xC3"), SLICE_LIT("\xC4")));
}

Test(sql_lex, a_name_in_lower_case)
{
    uint8_t out[64];
    struct slice name = SLICE_LIT("AbC\xC3\x89\xFF\xF0\x9F\x98\x80");
    size_t n = sql_name_lower(name, out);
    cr_assert_eq(n, name.len);
    cr_assert_arr_eq(out, "abc\xC3\xA9\xFF\xF0\x9F\x98\x80", n);
}

Test(sql_lex, sixteen_megabytes_are_read_in_one_go)
{
    size_t size = 16u << 20;
    char *sql = malloc(size);
    cr_assert(sql != NULL);
    for (size_t i = 0; i < size; i++)
        sql[i] = "/*!"[i % 3];
    struct sql_lexer l;
    sql_lexer_init(&l, slice_of(sql, size), &mysql97);
    struct sql_token t;
    do {
        t = sql_next(&l);
    } while (t.kind != SQL_END && t.kind != SQL_BAD);
    free(sql);
}
