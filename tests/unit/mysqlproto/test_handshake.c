#include "mysqlproto/handshake.h"

#include "mysqlproto/capability.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* A greeting as MySQL sends it; the parts that differ are arguments. */
static void greeting(struct writer *w, const char *version, uint32_t caps, uint32_t extended,
                     const char *plugin)
{
    writer_init(w, 1000);
    writer_u8(w, 10);
    writer_cstr(w, slice_str(version));
    writer_u32(w, 77);
    writer_lit(w, "abcdefgh\0");
    writer_u16(w, (uint16_t)caps);
    writer_u8(w, 255);
    writer_u16(w, 2);
    writer_u16(w, (uint16_t)(caps >> 16));
    writer_u8(w, 21);
    writer_lit(w, "\0\0\0\0\0\0");
    writer_u32(w, extended);
    writer_lit(w, "ijklmnopqrst\0");
    writer_cstr(w, slice_str(plugin));
}

#define CAPS_MYSQL   0xDFFFFFFFu
#define CAPS_MARIADB 0x81fff7feu

Test(handshake, a_mysql_greeting)
{
    struct writer w;
    struct my_greeting g;
    greeting(&w, "9.7.4", CAPS_MYSQL, 0, "caching_sha2_password");
    cr_assert_eq(my_greeting_parse(writer_slice(&w), &g), ERR_OK);
    cr_assert(slice_eq(g.version, SLICE_LIT("9.7.4")));
    cr_assert_eq(g.thread_id, 77);
    cr_assert_arr_eq(g.scramble, "abcdefghijklmnopqrst", MY_SCRAMBLE_LEN);
    cr_assert_eq(g.capabilities, CAPS_MYSQL);
    cr_assert_eq(g.status, 2);
    cr_assert(slice_eq(g.plugin, SLICE_LIT("caching_sha2_password")));
    cr_assert_not(g.mariadb);
    writer_fini(&w);
}

Test(handshake, a_mariadb_greeting_has_extended_capabilities)
{
    struct writer w;
    struct my_greeting g;
    greeting(&w, "5.5.5-10.11.19-MariaDB", CAPS_MARIADB, 0x1d, "mysql_native_password");
    cr_assert_eq(my_greeting_parse(writer_slice(&w), &g), ERR_OK);
    cr_assert(g.mariadb);
    cr_assert_eq(g.capabilities, CAPS_MARIADB | UINT64_C(0x1d) << 32);
    writer_fini(&w);
}

Test(handshake, what_mysql_has_in_the_reserved_bytes_is_no_capability)
{
    struct writer w;
    struct my_greeting g;
    greeting(&w, "8.0.1", CAPS_MYSQL, 0xFFFFFFFF, "");
    cr_assert_eq(my_greeting_parse(writer_slice(&w), &g), ERR_OK);
    cr_assert_eq(g.capabilities >> 32, 0);
    writer_fini(&w);
}

Test(handshake, a_plugin_name_without_its_nul_is_taken)
{
    struct writer w;
    struct my_greeting g;
    greeting(&w, "5.5.8", CAPS_MYSQL, 0, "mysql_native_password");
    w.len--;
    cr_assert_eq(my_greeting_parse(writer_slice(&w), &g), ERR_OK);
    cr_assert(slice_eq(g.plugin, SLICE_LIT("mysql_native_password")));
    writer_fini(&w);
}

Test(handshake, every_truncated_greeting_is_refused)
{
    struct writer w;
    struct my_greeting g;
    greeting(&w, "9.7.4", CAPS_MYSQL, 0, "");
    size_t least = w.len - 1; /* the plugin's NUL may be missing */
    for (size_t n = 0; n < least; n++) {
        uint8_t *exact = malloc(n + 1);
        memcpy(exact, w.base, n);
        cr_assert_neq(my_greeting_parse(slice_of(exact, n), &g), ERR_OK, "%zu bytes", n);
        free(exact);
    }
    cr_assert_eq(my_greeting_parse(slice_of(w.base, least), &g), ERR_OK);
    writer_fini(&w);
}

Test(handshake, another_protocol_is_refused)
{
    struct my_greeting g;
    cr_assert_eq(my_greeting_parse(SLICE_LIT("\x09old"), &g), ERR_PROTOCOL);
    cr_assert_eq(my_greeting_parse(SLICE_LIT("SSH-2.0-OpenSSH_9.2\r\n"), &g), ERR_PROTOCOL);
    cr_assert_eq(my_greeting_parse(SLICE_LIT("HTTP/1.1 400"), &g), ERR_PROTOCOL);
}

Test(handshake, the_response_to_the_byte)
{
    static const struct my_attribute attributes[] = {
        {{(const uint8_t *)"k", 1}, {(const uint8_t *)"v1", 2}},
        {{(const uint8_t *)"none", 4}, {(const uint8_t *)"", 0}},
    };
    struct my_response rs = {
        .capabilities = MY_CAP_PROTOCOL_41 | MY_CAP_LENENC_AUTH | MY_CAP_CONNECT_WITH_DB |
                        MY_CAP_PLUGIN_AUTH | MY_CAP_CONNECT_ATTRS | MY_CAP_ZSTD,
        .user = SLICE_LIT("me"),
        .auth = SLICE_LIT("\x01\x02"),
        .database = SLICE_LIT("db"),
        .plugin = SLICE_LIT("p"),
        .attributes = attributes,
        .attribute_count = 2,
        .zstd_level = 7,
    };
    static const char head[] =
        "\x08\x02\x38\x04\0\0\0\x01\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0";
    struct writer w;
    writer_init(&w, 1000);
    my_ssl_request_write(&rs, &w);
    cr_assert_eq(w.len, 32);
    cr_assert_arr_eq(w.base, head, 32);
    writer_clear(&w);
    my_response_write(&rs, &w);
    cr_assert_arr_eq(w.base, head, 32);
    cr_assert(slice_eq(slice_of(w.base + 32, w.len - 32), SLICE_LIT("me\0"
                                                                    "\x02\x01\x02"
                                                                    "db\0p\0"
                                                                    "\x05\x01k\x02v1"
                                                                    "\x07")));
    writer_fini(&w);
}

Test(handshake, extended_capabilities_go_to_mariadb_only)
{
    struct writer w;
    struct my_response rs = {.capabilities = UINT64_C(8) << 32, .mariadb = true};
    writer_init(&w, 1000);
    my_ssl_request_write(&rs, &w);
    cr_assert_eq(w.base[28], 8);
    writer_clear(&w);
    rs.mariadb = false;
    my_ssl_request_write(&rs, &w);
    cr_assert_eq(w.base[28], 0);
    writer_fini(&w);
}

Test(handshake, an_auth_switch)
{
    struct my_auth_switch s;
    cr_assert_eq(my_auth_switch_parse(SLICE_LIT("\xFEplugin\0data\0"), &s), ERR_OK);
    cr_assert(slice_eq(s.plugin, SLICE_LIT("plugin")));
    cr_assert(slice_eq(s.data, SLICE_LIT("data\0")));
    cr_assert_eq(my_auth_switch_parse(SLICE_LIT("\xFEplugin"), &s), ERR_TRUNCATED);
    cr_assert_eq(my_auth_switch_parse(SLICE_LIT("\xFE"), &s), ERR_TRUNCATED);
    cr_assert_neq(my_auth_switch_parse(SLICE_LIT(""), &s), ERR_OK);
}
