/*
 * What the files of a client share. Within this room. See client.h.
 *
 *   client.c          the machine: states, commands, facts
 *   client_login.c    from the greeting to the first OK
 *   client_result.c   what the server answers to commands
 *
 * A handler gets one whole packet. ERR_OK: *event is filled in; ERR_NEED_INPUT:
 * the packet is dealt with and nothing is to be told; others: the connection
 * has ended, and the sentence is set.
 */
#pragma once

#include "mysqlproto/auth.h"
#include "mysqlproto/capability.h"
#include "mysqlproto/client.h"
#include "mysqlproto/handshake.h"
#include "mysqlproto/packet.h"

/* First bytes of packets. */
#define HEADER_OK  0x00
#define HEADER_ERR 0xFF

/* States are named for what the client is waiting for. */
enum client_state {
    WANT_GREETING,
    WANT_TLS,
    WANT_LOGIN,
    READY,
    WANT_RESULT,
    WANT_COLUMN,
    WANT_COLUMNS_END,
    WANT_ROW,
    WANT_PREPARED,
    WANT_PARAM,
    WANT_PARAMS_END,
    STREAMING,
    CLOSED,
    STATE_COUNT
};

struct my_client {
    enum client_state state;
    struct my_client_options options;
    struct errmsg em;
    struct my_packet_reader packets;
    uint8_t sequence; /* of the next packet that we send */

    uint64_t capabilities; /* agreed */
    bool mariadb;
    bool tls; /* the link is encrypted */
    uint32_t thread_id;
    char version[128];
    char plugin[64];
    uint16_t status;

    struct my_auth auth;
    unsigned auth_rounds;
    struct slice auth_plugin_name;     /* static text: named in the response */
    uint8_t scramble[MY_SCRAMBLE_LEN]; /* of the greeting */

    bool binary;    /* the running command gives binary rows */
    bool preparing; /* definitions at hand belong to a prepared statement */
    uint32_t statement_id;
    uint32_t param_count;
    uint32_t column_count;
    uint32_t definitions_left;
    struct writer definitions; /* payloads of the definitions, behind each other */
    uint32_t *definition_ends; /* offset behind each in it */
    struct my_column *columns;
    uint32_t columns_cap;
};

void my_client_move(struct my_client *c, enum client_state to);

/* Ends the connection; the sentence has been set. Returns e. */
enum err my_client_close(struct my_client *c, enum err e);

/* Ends the connection after a message that cannot be right in the state at hand. */
enum err my_client_refuse(struct my_client *c, const char *what);

/* client_login.c: an ERR packet in the login, or one that ends the connection. */
NODISCARD enum err my_client_server_refuses(struct my_client *c, struct slice payload);

/* client_login.c; input_left: bytes that came behind the greeting. */
NODISCARD enum err my_client_on_greeting(struct my_client *c, struct slice payload,
                                         size_t input_left, struct writer *output,
                                         struct my_event *event);
NODISCARD enum err my_client_on_login(struct my_client *c, struct slice payload,
                                      struct writer *output, struct my_event *event);

/* client_result.c */
NODISCARD enum err my_client_on_result(struct my_client *c, struct slice payload,
                                       struct my_event *event);
NODISCARD enum err my_client_on_column(struct my_client *c, struct slice payload,
                                       struct my_event *event);
NODISCARD enum err my_client_on_columns_end(struct my_client *c, struct slice payload,
                                            struct my_event *event);
NODISCARD enum err my_client_on_row(struct my_client *c, struct slice payload,
                                    struct my_event *event);
NODISCARD enum err my_client_on_prepared(struct my_client *c, struct slice payload,
                                         struct my_event *event);
NODISCARD enum err my_client_on_param(struct my_client *c, struct my_event *event);
NODISCARD enum err my_client_on_params_end(struct my_client *c, struct slice payload,
                                           struct my_event *event);
