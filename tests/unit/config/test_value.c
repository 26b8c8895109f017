#include "config/value.h"

#include <criterion/criterion.h>
#include <string.h>

static struct conf_report report;
static struct conf_arena arena;

static void fini(void)
{
    conf_report_fini(&report);
    conf_arena_fini(&arena);
}

TestSuite(value, .fini = fini);

static struct conf_node scalar(const char *text)
{
    return (struct conf_node){.kind = CONF_SCALAR, .text = text, .plain = true};
}

static bool number(const char *path, const char *text, int64_t *out)
{
    struct conf_node n = scalar(text);
    return conf_number(conf_key_find(path), &n, &report, out);
}

static int64_t number_of(const char *path, const char *text)
{
    int64_t v = -77;
    cr_assert(number(path, text, &v), "%s: %s", path, text);
    return v;
}

static void not_a_number(const char *path, const char *text, const char *words)
{
    int64_t v;
    cr_assert_not(number(path, text, &v), "%s: %s", path, text);
    cr_assert(strstr(report.items[report.count - 1].text, words) != NULL, "%s",
              report.items[report.count - 1].text);
}

Test(value, integers_keep_to_their_range)
{
    cr_assert_eq(number_of("source.port", "1"), 1);
    cr_assert_eq(number_of("source.port", "65535"), 65535);
    not_a_number("source.port", "0", "1 to 65535");
    not_a_number("source.port", "65536", "1 to 65535");
    not_a_number("source.port", "-1", "1 to 65535");
    not_a_number("source.port", "3306x", "whole number");
    not_a_number("source.port", "", "single value");
    not_a_number("source.port", "0x10", "whole number");
    not_a_number("source.port", "99999999999999999999", "whole number");
    cr_assert_eq(number_of("source.server_id", "4294967295"), 4294967295);
    cr_assert_eq(number_of("source.server_id", "auto"), 0);
    not_a_number("source.server_id", "0", "or auto");
    cr_assert_eq(number_of("destination.compression_level", "default"), -1);
}

Test(value, sizes_are_powers_of_1024)
{
    cr_assert_eq(number_of("limits.memory", "40MB"), 40 << 20);
    cr_assert_eq(number_of("limits.memory", "1GB"), 1 << 30);
    cr_assert_eq(number_of("limits.memory", "16384KB"), 16 << 20);
    cr_assert_eq(number_of("limits.memory", "41943040"), 40 << 20);
    not_a_number("limits.memory", "40 MB", "size");
    not_a_number("limits.memory", "40mb", "size");
    not_a_number("limits.memory", "MB", "size");
    not_a_number("limits.memory", "-1MB", "size");
    not_a_number("limits.memory", "7MB", "8MB to 1024GB");
    not_a_number("limits.memory", "999999999999GB", "size");
}

Test(value, times_have_a_unit)
{
    cr_assert_eq(number_of("source.connect_timeout", "250ms"), 250);
    cr_assert_eq(number_of("source.connect_timeout", "10s"), 10000);
    cr_assert_eq(number_of("retry.connection", "720m"), 720 * 60000);
    cr_assert_eq(number_of("retry.connection", "12h"), 720 * 60000);
    not_a_number("source.connect_timeout", "10", "time");
    not_a_number("source.connect_timeout", "10d", "time");
    not_a_number("retry.connection", "9m", "10m to 24h");
    not_a_number("retry.connection", "1441m", "10m to 24h");
}

Test(value, choices_are_listed_when_they_are_missed)
{
    cr_assert_eq(number_of("destination.acks", "all"), CONF_ACKS_ALL);
    cr_assert_eq(number_of("destination.acks", "0"), CONF_ACKS_0);
    not_a_number("destination.acks", "2", "0, 1 or all");
    not_a_number("destination.create_topics", "yes", "false or true");
    not_a_number("destination.format", "xml", "canal-json or dts-avro");
}

static bool start_of(const char *text, struct conf_start *out)
{
    struct conf_node n = scalar(text);
    return conf_origin(conf_key_find("source.start"), &n, &arena, &report, out);
}

Test(value, a_start_has_five_forms)
{
    struct conf_start s;
    cr_assert(start_of("now", &s) && s.kind == CONF_START_NOW);
    cr_assert(start_of("earliest", &s) && s.kind == CONF_START_EARLIEST);
    cr_assert(start_of("binlog.000007:4", &s) && s.kind == CONF_START_FILE && s.offset == 4);
    cr_assert_str_eq(s.file, "binlog.000007");
    cr_assert(start_of("gtid:3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5", &s));
    cr_assert(s.kind == CONF_START_GTID && s.gtid_set[0] == '3');
    cr_assert(start_of("time:1970-01-01T00:00:01Z", &s) && s.time_us == 1000000);
    static const char *const wrong[] = {"",      "later", "binlog:3", ":4",       "binlog:",
                                        "a/b:4", "gtid:", "time:",    "time:now", "binlog.000007"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_not(start_of(wrong[i], &s), "%s", wrong[i]);
}

Test(value, rfc3339_times_become_microseconds)
{
    static const struct {
        const char *text;
        uint64_t seconds, us;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0, 0},
        {"2000-02-29T12:00:00Z", 951825600, 0},
        {"2026-01-31T12:00:00Z", 1769860800, 0},
        {"2026-01-31T12:00:00.5Z", 1769860800, 500000},
        {"2026-01-31t12:00:00.123456789z", 1769860800, 123456},
        {"2026-01-31T14:00:00+02:00", 1769860800, 0},
        {"2026-01-31T06:30:00-05:30", 1769860800, 0},
        {"2100-03-01T00:00:00Z", 4107542400, 0},
        {"9999-12-31T23:59:59Z", 253402300799, 0},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t us = 0;
        cr_assert(conf_rfc3339(good[i].text, &us), "%s", good[i].text);
        cr_assert_eq(us, good[i].seconds * 1000000 + good[i].us, "%s: %lu", good[i].text, us);
    }
    static const char whole[] = "2026-01-31T12:00:00.5+02:00";
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        char cut[sizeof(whole)] = "";
        uint64_t us;
        memcpy(cut, whole, len);
        cr_assert_not(conf_rfc3339(cut, &us), "%s", cut);
    }
    static const char *const wrong[] = {
        "2026-02-29T00:00:00Z",  "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",  "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:00",   "1969-12-31T00:00:00Z", "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00Zx", "1900-02-29T00:00:00Z", "1970-01-01T00:00:00+00:01",
        "2026-1-1T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint64_t us;
        cr_assert_not(conf_rfc3339(wrong[i], &us), "%s", wrong[i]);
    }
}

static bool zone_of(const char *text, struct conf_zone *out)
{
    struct conf_node n = scalar(text);
    return conf_offset(conf_key_find("source.time_zone"), &n, &report, out);
}

Test(value, a_zone_is_the_sources_utc_or_an_offset)
{
    struct conf_zone z;
    cr_assert(zone_of("source", &z) && z.of_source);
    cr_assert(zone_of("UTC", &z) && !z.of_source && z.offset_s == 0);
    cr_assert(zone_of("+05:30", &z) && z.offset_s == 19800);
    cr_assert(zone_of("-13:59", &z) && z.offset_s == -50340);
    cr_assert(zone_of("+14:00", &z) && z.offset_s == 50400);
    static const char *const wrong[] = {"+14:01",        "-14:00", "5:30", "+0530",
                                        "Europe/Berlin", "+05:3",  ""};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_not(zone_of(wrong[i], &z), "%s", wrong[i]);
}
