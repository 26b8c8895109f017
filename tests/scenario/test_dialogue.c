/* Statements against a scripted server that stalls, cuts off and contradicts itself. */
#include "script.h"

#include <criterion/criterion.h>

static const struct my_client_options plain;

#define LOGIN(greeting)                                                                            \
    SAYS(0, greeting), HEARS(1, "me\0"), SAYS(2, OK_PACKET), REPORTS(MY_EVENT_READY)
#define NEW GREETING("mysql_native_password")
#define OLD GREETING_OLD("mysql_native_password")
#define COLUMN(name)                                                                               \
    "\x03"                                                                                         \
    "def\0\0\0\x01" name "\0\x0c\x2d\0\x14\0\0\0\xFD\0\0\0\0\0"
#define EOF_PACKET "\xfe\0\0\x02\0"
#define OK_AT_END  "\xfe\0\0\x02\0\0\0"
#define OK_MORE    "\xfe\0\0\x0a\0\0\0"

static void play(const struct line *script)
{
    script_play_all(script, plain);
    script_cut_everywhere(script, plain);
}

Test(dialogue, a_result_of_two_rows)
{
    static const struct line script[] = {
        LOGIN(NEW),
        ASKS("SELECT 1"),
        HEARS_ONLY(0, "\x03SELECT 1"),
        SAYS(1, "\x01"),
        SAYS(2, COLUMN("a")),
        REPORTS(MY_EVENT_COLUMNS),
        SAYS(3, "\x03one"),
        ROW("one"),
        SAYS(4, "\x03two"),
        ROW("two"),
        SAYS(5, OK_AT_END),
        REPORTS(MY_EVENT_END),
        ASKS("DO 1"),
        HEARS_ONLY(0, "\x03"
                      "DO 1"),
        SAYS(1, OK_PACKET),
        REPORTS(MY_EVENT_OK),
        END,
    };
    play(script);
}

Test(dialogue, a_result_of_an_old_server)
{
    static const struct line script[] = {
        LOGIN(OLD),
        ASKS("SELECT 1"),
        HEARS_ONLY(0, "\x03SELECT 1"),
        SAYS(1, "\x01"),
        SAYS(2, COLUMN("a")),
        SILENCE,
        SAYS(3, EOF_PACKET),
        REPORTS(MY_EVENT_COLUMNS),
        SAYS(4, "\x03one"),
        ROW("one"),
        SAYS(5, EOF_PACKET),
        REPORTS(MY_EVENT_END),
        END,
    };
    play(script);
}

Test(dialogue, an_error_in_the_middle_of_the_rows)
{
    static const struct line script[] = {
        LOGIN(NEW),
        ASKS("SELECT 1"),
        HEARS(0, ""),
        SAYS(1, "\x01"),
        SAYS(2, COLUMN("a")),
        REPORTS(MY_EVENT_COLUMNS),
        SAYS(3, "\x03one"),
        ROW("one"),
        SAYS(4, ERR_PACKET("\xd0", "\x0b", "maximum statement execution time exceeded")),
        REPORTS(MY_EVENT_ERROR),
        ASKS("DO 1"),
        HEARS(0, ""),
        SAYS(1, OK_PACKET),
        REPORTS(MY_EVENT_OK),
        END,
    };
    play(script);
}

Test(dialogue, a_request_for_a_file_is_refused)
{
    static const struct line script[] = {
        LOGIN(NEW),
        ASKS("SELECT 1"),
        HEARS(0, ""),
        SAYS(1, "\xfb/etc/passwd"),
        FAILS(ERR_PROTOCOL, "file"),
        SILENCE,
        END,
    };
    play(script);
}

Test(dialogue, several_results)
{
    static const struct line script[] = {
        LOGIN(NEW),           ASKS("CALL p()"),          HEARS(0, ""),
        SAYS(1, "\x01"),      SAYS(2, COLUMN("a")),      REPORTS(MY_EVENT_COLUMNS),
        SAYS(3, OK_MORE),     REPORTS(MY_EVENT_END),     SAYS(4, "\x01"),
        SAYS(5, COLUMN("b")), REPORTS(MY_EVENT_COLUMNS), SAYS(6, "\xfb"),
        ROW("\xfb"),          SAYS(7, OK_MORE),          REPORTS(MY_EVENT_END),
        SAYS(8, OK_PACKET),   REPORTS(MY_EVENT_OK),      END,
    };
    play(script);
}

Test(dialogue, a_missing_eof_is_noticed)
{
    static const struct line script[] = {
        LOGIN(OLD),
        ASKS("SELECT 1"),
        HEARS(0, ""),
        SAYS(1, "\x01"),
        SAYS(2, COLUMN("a")),
        SILENCE,
        SAYS(3, "\x03one"),
        FAILS(ERR_PROTOCOL, "no EOF"),
        END,
    };
    play(script);
}

Test(dialogue, a_broken_definition_is_noticed)
{
    static const struct line script[] = {
        LOGIN(NEW),
        ASKS("SELECT 1"),
        HEARS(0, ""),
        SAYS(1, "\x01"),
        SAYS(2, "\x03"
                "def\0\0\xfc"),
        FAILS(ERR_PROTOCOL, "definition"),
        END,
    };
    play(script);
}

Test(dialogue, a_goodbye_between_two_statements)
{
    static const struct line script[] = {
        LOGIN(NEW),
        SAYS(9, ERR_PACKET("\x1d", "\x04", "Server shutdown in progress")),
        FAILS(ERR_DISCONNECTED, "Server shutdown in progress"),
        END,
    };
    play(script);
}
