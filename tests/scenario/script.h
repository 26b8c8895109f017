/*
 * A scripted server for the client machine: what it says, what it has to hear,
 * and what the machine has to report, one behind the other. No sockets, no
 * threads, no clock.
 *
 *   static const struct line script[] = {
 *       SAYS(0, GREETING("mysql_native_password")),
 *       HEARS(1, "me\0"),
 *       SAYS(2, OK_PACKET),
 *       REPORTS(MY_EVENT_READY),
 *       END,
 *   };
 *   script_play(script, &options, 1);
 *
 * The step says in how many bytes at a time the server's words arrive.
 */
#pragma once

#include "mysqlproto/client.h"

enum line_kind {
    LINE_END,
    LINE_SAYS,       /* a packet of the server */
    LINE_SAYS_RAW,   /* bytes of the server, without framing */
    LINE_HEARS,      /* a packet of the client, with this sequence number, that contains bytes */
    LINE_HEARS_ONLY, /* ... and nothing else */
    LINE_SILENCE,    /* the client says nothing */
    LINE_REPORTS,    /* an event; rows contain bytes */
    LINE_FAILS,      /* the step fails with code; the sentence contains bytes */
    LINE_STARTS_TLS, /* the link becomes private */
    LINE_ASKS,       /* the client is given a query to send */
};

struct line {
    enum line_kind kind;
    int code; /* sequence, event kind or error */
    const char *bytes;
    size_t len;
};

#define BYTES(b) "" b, sizeof(b) - 1
#define SAYS(sequence, b) {LINE_SAYS, sequence, BYTES(b)}
#define SAYS_RAW(b) {LINE_SAYS_RAW, 0, BYTES(b)}
#define HEARS(sequence, b) {LINE_HEARS, sequence, BYTES(b)}
#define HEARS_ONLY(sequence, b) {LINE_HEARS_ONLY, sequence, BYTES(b)}
#define SILENCE {LINE_SILENCE, 0, "", 0}
#define REPORTS(event) {LINE_REPORTS, event, "", 0}
#define ROW(b) {LINE_REPORTS, MY_EVENT_ROW, BYTES(b)}
#define FAILS(err, b) {LINE_FAILS, err, BYTES(b)}
#define STARTS_TLS {LINE_STARTS_TLS, 0, "", 0}
#define ASKS(b) {LINE_ASKS, 0, BYTES(b)}
#define END {LINE_END, 0, "", 0}

/* Capabilities: all but TLS; with it as well; without DEPRECATE_EOF. Scramble "abcdefghijklmnopqrst". */
#define GREETING_CAPS(low, high, plugin)                                                           \
    "\x0a" "8.4.0\0" "\x09\0\0\0" "abcdefgh\0" low "\xff" "\x02\0" high "\x15"                     \
    "\0\0\0\0\0\0\0\0\0\0" "ijklmnopqrst\0" plugin "\0"
#define GREETING(plugin) GREETING_CAPS("\xff\xf7", "\xff\xdf", plugin)
#define GREETING_TLS(plugin) GREETING_CAPS("\xff\xff", "\xff\xdf", plugin)
#define GREETING_OLD(plugin) GREETING_CAPS("\xff\xf7", "\xff\xc0", plugin)

#define OK_PACKET "\0\0\0\x02\0\0\0"
#define ERR_PACKET(low, high, text) "\xff" low high "#HY000" text
#define SCRAMBLE_2 "ABCDEFGHIJKLMNOPQRST\0"

/* User me, password secret; the rest as in options. */
void script_play(const struct line *script, struct my_client_options options, size_t step);

/* script_play() in steps of 1, 2, 7 bytes and all at once. */
void script_play_all(const struct line *script, struct my_client_options options);

/*
 * The server's words cut off at every byte: the machine has to ask for more,
 * say no more than it said in the whole script, and never succeed.
 */
void script_cut_everywhere(const struct line *script, struct my_client_options options);
