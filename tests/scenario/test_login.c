/* Logins against a scripted server: each method, each way that they can end. */
#include "script.h"

#include <criterion/criterion.h>

static const struct my_client_options plain;
static const struct my_client_options with_tls = {.tls = MY_TLS_IF_OFFERED};
static const struct my_client_options must_tls = {.tls = MY_TLS_MUST};
static const struct my_client_options with_key = {.fetch_key = true};

#define NATIVE               "mysql_native_password"
#define SHA2                 "caching_sha2_password"
#define SHA256               "sha256_password"
#define SWITCH(plugin, data) "\xfe" plugin "\0" data

static void play(const struct line *script, struct my_client_options options)
{
    script_play_all(script, options);
    script_cut_everywhere(script, options);
}

Test(login, native_password)
{
    static const struct line script[] = {
        SAYS(0, GREETING(NATIVE)),
        HEARS(1, "me\0\x14"),
        SAYS(2, OK_PACKET),
        REPORTS(MY_EVENT_READY),
        END,
    };
    play(script, plain);
}

Test(login, the_client_says_who_it_is)
{
    static const struct line script[] = {
        SAYS(0, GREETING(NATIVE)),
        HEARS(1, "\x0cprogram_name\x07rowcast\x0c_client_role\x13"
                 "binary_log_listener"),
        SAYS(2, OK_PACKET),
        REPORTS(MY_EVENT_READY),
        END,
    };
    play(script, plain);
}

Test(login, caching_sha2_from_the_servers_cache)
{
    static const struct line script[] = {
        SAYS(0, GREETING(SHA2)),
        HEARS(1, "me\0\x20"),
        SAYS(2, "\x01\x03"),
        SILENCE,
        SAYS(3, OK_PACKET),
        REPORTS(MY_EVENT_READY),
        END,
    };
    play(script, plain);
}

Test(login, caching_sha2_full_over_tls)
{
    static const struct line script[] = {
        SAYS(0, GREETING_TLS(SHA2)),
        REPORTS(MY_EVENT_START_TLS),
        HEARS(1, "\x01\x2d"), /* 32 bytes: no name of the user in clear */
        STARTS_TLS,
        HEARS(2, "me\0\x20"),
        SAYS(3, "\x01\x04"),
        HEARS_ONLY(4, "secret\0"),
        SAYS(5, OK_PACKET),
        REPORTS(MY_EVENT_READY),
        END,
    };
    play(script, with_tls);
    play(script, must_tls);
}

Test(login, caching_sha2_full_in_clear_needs_leave)
{
    static const struct line script[] = {
        SAYS(0, GREETING(SHA2)),
        HEARS(1, "me\0\x20"),
        SAYS(2, "\x01\x04"),
        FAILS(ERR_TLS, "TLS"),
        SILENCE,
        END,
    };
    play(script, plain);
}

#define KEY                                                                                        \
    "-----BEGIN PUBLIC KEY-----\n"                                                                 \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArXvPyRKoGtEAR8jeKuS/\n"                           \
    "7K2XS+wwIe/HbGou2xA6+24JKl1/tnxGBKMXY0kuSgSOGyRtWJ2f7I+nBiGxiPvb\n"                           \
    "TTceHxMOq73vJA+kglJC/UzZmFFOOgif4EH5rgbcC2g1ZNedGxmDbhQh8lW27FHD\n"                           \
    "ZiLeHyQBr39jPda8k+kfW0ukzvz6SXJK1eFc26a2E55bgm4QqdJd9yd2zTbeHRWA\n"                           \
    "dpnPJZC0Zvb+hhRjjqC1vWiyDdCje8z+aS0mCRP3j0Mx3OTXGFDTWUzV2/WuGMgX\n"                           \
    "qI123oS6k/02CrU58Gjg+rErEeqNIlkzeacz/GyAW18TwXg0PfpAlrJ0jhQybKy4\n"                           \
    "WQIDAQAB\n"                                                                                   \
    "-----END PUBLIC KEY-----\n"

Test(login, caching_sha2_full_in_clear_with_the_servers_key)
{
    static const struct line script[] = {
        SAYS(0, GREETING(SHA2)), HEARS(1, "me\0\x20"),    SAYS(2, "\x01\x04"),
        HEARS_ONLY(3, "\x02"),   SAYS(4, "\x01" KEY),     HEARS(5, ""),
        SAYS(6, OK_PACKET),      REPORTS(MY_EVENT_READY), END,
    };
    play(script, with_key);
}

Test(login, sha256_in_clear_with_the_servers_key)
{
    static const struct line script[] = {
        SAYS(0, GREETING(SHA2)), HEARS(1, "me\0\x20"),    SAYS(2, SWITCH(SHA256, SCRAMBLE_2)),
        HEARS_ONLY(3, "\x01"),   SAYS(4, "\x01" KEY),     HEARS(5, ""),
        SAYS(6, OK_PACKET),      REPORTS(MY_EVENT_READY), END,
    };
    play(script, with_key);
}

Test(login, what_comes_instead_of_a_key_is_refused)
{
    static const struct line script[] = {
        SAYS(0, GREETING(SHA2)),
        HEARS(1, "me\0"),
        SAYS(2, "\x01\x04"),
        HEARS_ONLY(3, "\x02"),
        SAYS(4, "\x01not a key"),
        FAILS(ERR_PROTOCOL, SHA2),
        SILENCE,
        END,
    };
    play(script, with_key);
}

Test(login, the_server_switches_the_method)
{
    static const struct line script[] = {
        SAYS(0, GREETING(SHA2)),
        HEARS(1, "me\0\x20"),
        SAYS(2, SWITCH(NATIVE, SCRAMBLE_2)),
        /* SHA1("secret") xor SHA1(scramble, SHA1(SHA1("secret"))) */
        HEARS_ONLY(
            3, "\x28\x44\x15\x90\x67\x42\x85\xe7\xd0\x3c\xae\x7a\xf2\x37\x50\x47\x97\xf7\x0e\x91"),
        SAYS(4, OK_PACKET),
        REPORTS(MY_EVENT_READY),
        END,
    };
    play(script, plain);
}

Test(login, the_server_switches_the_method_twice)
{
    static const struct line script[] = {
        SAYS(0, GREETING(NATIVE)),
        HEARS(1, "me\0\x14"),
        SAYS(2, SWITCH(SHA2, SCRAMBLE_2)),
        HEARS(3, ""),
        SAYS(4, SWITCH("client_ed25519", "0123456789abcdef0123456789abcdef")),
        HEARS(5, ""),
        SAYS(6, OK_PACKET),
        REPORTS(MY_EVENT_READY),
        END,
    };
    play(script, plain);
}

Test(login, a_login_without_end_is_given_up)
{
    static const struct line script[] = {
        SAYS(0, GREETING(SHA2)),
        HEARS(1, "me\0"),
#define THREE(n)                                                                                   \
    SAYS(n, "\x01\x03"), SILENCE, SAYS(n + 1, "\x01\x03"), SILENCE, SAYS(n + 2, "\x01\x03"), SILENCE
        THREE(2),
        THREE(5),
        THREE(8),
        THREE(11),
        THREE(14),
        SAYS(17, "\x01\x03"),
        SILENCE,
        SAYS(18, "\x01\x03"),
        FAILS(ERR_PROTOCOL, "does not come to an end"),
        END,
    };
    play(script, plain);
}

Test(login, methods_that_are_not_supported)
{
    static const struct line dialog[] = {
        SAYS(0, GREETING(SHA2)),
        HEARS(1, "me\0"),
        SAYS(2, SWITCH("dialog", "\x02Password: \0")),
        FAILS(ERR_UNSUPPORTED_AUTH, "'dialog'"),
        SILENCE,
        END,
    };
    static const struct line clear[] = {
        SAYS(0, GREETING_TLS(SHA2)),
        REPORTS(MY_EVENT_START_TLS),
        HEARS(1, ""),
        STARTS_TLS,
        HEARS(2, "me\0"),
        SAYS(3, SWITCH("mysql_clear_password", "")),
        FAILS(ERR_UNSUPPORTED_AUTH, "'mysql_clear_password'"),
        SILENCE,
        END,
    };
    static const struct line old[] = {
        SAYS(0, GREETING(SHA2)),
        HEARS(1, "me\0"),
        SAYS(2, "\xfe"),
        FAILS(ERR_UNSUPPORTED_AUTH, "'mysql_old_password'"),
        SILENCE,
        END,
    };
    static const struct line factor[] = {
        SAYS(0, GREETING(SHA2)),
        HEARS(1, "me\0"),
        SAYS(2, "\x02webauthn\0"),
        FAILS(ERR_UNSUPPORTED_AUTH, "second factor"),
        SILENCE,
        END,
    };
    play(dialog, plain);
    play(clear, with_tls);
    play(old, plain);
    play(factor, plain);
}

Test(login, an_unknown_default_method_is_no_obstacle)
{
    static const struct line script[] = {
        SAYS(0, GREETING("parsec")),
        HEARS(1, NATIVE "\0"),
        SAYS(2, SWITCH(SHA2, SCRAMBLE_2)),
        HEARS(3, ""),
        SAYS(4, OK_PACKET),
        REPORTS(MY_EVENT_READY),
        END,
    };
    play(script, plain);
}

Test(login, an_error_instead_of_the_greeting)
{
    static const struct line script[] = {
        SAYS(0, "\xff\x10\x04Too many connections"),
        FAILS(ERR_UNREACHABLE, "Too many connections (error 1040)"),
        SILENCE,
        END,
    };
    static const struct line host[] = {
        SAYS(0, "\xff\x6a\x04Host '10.0.0.1' is not allowed"),
        FAILS(ERR_ACCESS_DENIED, "not allowed"),
        SILENCE,
        END,
    };
    play(script, plain);
    play(host, plain);
}

Test(login, an_error_at_each_later_stage)
{
#define DENIED ERR_PACKET("\x15", "\x04", "Access denied for user 'me'")
    static const struct line response[] = {
        SAYS(0, GREETING(SHA2)),
        HEARS(1, "me\0"),
        SAYS(2, DENIED),
        FAILS(ERR_ACCESS_DENIED, "Access denied for user 'me' (error 1045)"),
        SILENCE,
        END,
    };
    static const struct line after_tls[] = {
        SAYS(0, GREETING_TLS(SHA2)),
        REPORTS(MY_EVENT_START_TLS),
        HEARS(1, ""),
        STARTS_TLS,
        HEARS(2, "me\0"),
        SAYS(3, DENIED),
        FAILS(ERR_ACCESS_DENIED, ""),
        END,
    };
    static const struct line after_switch[] = {
        SAYS(0, GREETING(SHA2)),
        HEARS(1, "me\0"),
        SAYS(2, SWITCH(NATIVE, SCRAMBLE_2)),
        HEARS(3, ""),
        SAYS(4, DENIED),
        FAILS(ERR_ACCESS_DENIED, ""),
        END,
    };
    static const struct line after_fast[] = {
        SAYS(0, GREETING(SHA2)),
        HEARS(1, "me\0"),
        SAYS(2, "\x01\x03"),
        SILENCE,
        SAYS(3, DENIED),
        FAILS(ERR_ACCESS_DENIED, ""),
        END,
    };
    static const struct line after_key[] = {
        SAYS(0, GREETING(SHA2)),
        HEARS(1, "me\0"),
        SAYS(2, "\x01\x04"),
        HEARS_ONLY(3, "\x02"),
        SAYS(4, "\x01" KEY),
        HEARS(5, ""),
        SAYS(6, DENIED),
        FAILS(ERR_ACCESS_DENIED, ""),
        END,
    };
    static const struct line secure_transport[] = {
        SAYS(0, GREETING(SHA2)),
        HEARS(1, "me\0"),
        SAYS(2, ERR_PACKET("\x57", "\x0c", "Connections using insecure transport are prohibited")),
        FAILS(ERR_TLS, "insecure transport"),
        END,
    };
    play(response, plain);
    play(after_tls, with_tls);
    play(after_switch, plain);
    play(after_fast, plain);
    play(after_key, with_key);
    play(secure_transport, plain);
}

Test(login, a_peer_that_is_no_mysql_server)
{
    static const struct line ssh[] = {
        SAYS_RAW("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"),
        FAILS(ERR_PROTOCOL, ""),
        END,
    };
    static const struct line http[] = {
        SAYS(0, "HTTP/1.1 400 Bad Request\r\n\r\n"),
        FAILS(ERR_PROTOCOL, "greeting"),
        SILENCE,
        END,
    };
    static const struct line old[] = {
        SAYS(0, "\x09"
                "3.20\0"),
        FAILS(ERR_PROTOCOL, "greeting"),
        SILENCE,
        END,
    };
    script_play_all(ssh, plain);
    play(http, plain);
    play(old, plain);
}

Test(login, every_wrong_first_byte_of_an_answer_is_refused)
{
    for (int b = 0x03; b < 0xfe; b++) {
        char packet[8] = {(char)b, 'a', 'b', 'c', 'd', 'e', 'f', 'g'};
        const struct line script[] = {
            SAYS(0, GREETING(SHA2)),
            HEARS(1, "me\0"),
            {LINE_SAYS, 2, packet, sizeof(packet)},
            FAILS(ERR_PROTOCOL, "does not belong to a login"),
            SILENCE,
            END,
        };
        script_play(script, plain, 3);
    }
}

Test(login, wrong_sequence_numbers_are_refused)
{
    static const struct line greeting[] = {
        SAYS(1, GREETING(NATIVE)),
        FAILS(ERR_PROTOCOL, "sequence"),
        SILENCE,
        END,
    };
    static const struct line answer[] = {
        SAYS(0, GREETING(NATIVE)),
        HEARS(1, "me\0"),
        SAYS(3, OK_PACKET),
        FAILS(ERR_PROTOCOL, "sequence"),
        END,
    };
    script_play_all(greeting, plain);
    script_play_all(answer, plain);
}

Test(login, empty_packets_are_refused)
{
    static const struct line greeting[] = {SAYS(0, ""), FAILS(ERR_PROTOCOL, "greeting"), SILENCE,
                                           END};
    static const struct line answer[] = {
        SAYS(0, GREETING(NATIVE)), HEARS(1, "me\0"), SAYS(2, ""), FAILS(ERR_PROTOCOL, "empty"), END,
    };
    play(greeting, plain);
    play(answer, plain);
}

Test(login, a_database_goes_with_the_login)
{
    static const struct line script[] = {
        SAYS(0, GREETING(NATIVE)),
        HEARS(1, "shop\0" NATIVE "\0"),
        SAYS(2, OK_PACKET),
        REPORTS(MY_EVENT_READY),
        END,
    };
    play(script, (struct my_client_options){.database = SLICE_LIT("shop")});
}
