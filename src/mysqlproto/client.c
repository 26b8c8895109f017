/*
 * A login and one query, when all goes well:
 *
 *   1. want-greeting:  the server speaks first
 *   2. want-tls:       if agreed; SSLRequest is out, the caller makes TLS
 *   3. want-login:     the response is out; auth switch, more data, then OK
 *   4. ready:          a command goes out
 *   5. want-result:    OK, ERR, or a column count
 *   6. want-column:    one definition per column (then, on old servers, EOF)
 *   7. want-row:       rows, until EOF or OK
 *
 * Anything that is not expected in a state ends the connection.
 */
#include "mysqlproto/client.h"

#include "base/reader.h"
#include "mysqlproto/auth.h"
#include "mysqlproto/capability.h"
#include "mysqlproto/handshake.h"
#include "mysqlproto/packet.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define PACKET_MAX_DEFAULT  (64u << 20)
#define DEFINITIONS_MAX     (16u << 20) /* bytes of all column definitions of a result */
#define AUTH_REPLY_MAX      4096
#define AUTH_ROUNDS_MAX     16 /* packets of a login; no method needs more than four */
#define ZSTD_LEVEL_DEFAULT  3
#define HEADER_OK           0x00
#define HEADER_MORE_DATA    0x01
#define HEADER_NEXT_FACTOR  0x02
#define HEADER_LOCAL_INFILE 0xFB
#define HEADER_AUTH_SWITCH  0xFE
#define HEADER_ERR          0xFF

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

#define TO(s) (UINT32_C(1) << (s))
/* clang-format off */
static const struct {
    const char *name;
    uint32_t next; /* states that may follow; CLOSED always may */
} states[STATE_COUNT] = {
    [WANT_GREETING]    = {"want-greeting",    TO(WANT_TLS) | TO(WANT_LOGIN)},
    [WANT_TLS]         = {"want-tls",         TO(WANT_LOGIN)},
    [WANT_LOGIN]       = {"want-login",       TO(READY)},
    [READY]            = {"ready",            TO(WANT_RESULT) | TO(WANT_PREPARED) | TO(STREAMING)},
    [WANT_RESULT]      = {"want-result",      TO(READY) | TO(WANT_RESULT) | TO(WANT_COLUMN)},
    [WANT_COLUMN]      = {"want-column",      TO(WANT_COLUMNS_END) | TO(WANT_ROW) | TO(READY)},
    [WANT_COLUMNS_END] = {"want-columns-end", TO(WANT_ROW) | TO(READY)},
    [WANT_ROW]         = {"want-row",         TO(READY) | TO(WANT_RESULT)},
    [WANT_PREPARED]    = {"want-prepared",    TO(READY) | TO(WANT_PARAM) | TO(WANT_COLUMN)},
    [WANT_PARAM]       = {"want-param",       TO(WANT_PARAMS_END) | TO(WANT_COLUMN) | TO(READY)},
    [WANT_PARAMS_END]  = {"want-params-end",  TO(WANT_COLUMN) | TO(READY)},
    [STREAMING]        = {"streaming",        0},
    [CLOSED]           = {"closed",           0},
};
/* clang-format on */
#undef TO

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

static void client_move(struct my_client *c, enum client_state to)
{
    assert(to == CLOSED || (states[c->state].next >> to & 1) != 0);
    c->state = to;
}

/* Ends the connection; the sentence has been set. */
static enum err client_close(struct my_client *c, enum err e)
{
    client_move(c, CLOSED);
    return e;
}

/* Ends the connection after a message that cannot be right in the state at hand. */
static enum err client_refuse(struct my_client *c, const char *what)
{
    errmsg_set(&c->em, ERR_PROTOCOL, "the server broke the protocol: %s (state %s)", what,
               states[c->state].name);
    return client_close(c, ERR_PROTOCOL);
}

enum err my_client_new(const struct my_client_options *options, struct my_client **out)
{
    struct my_client *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return ERR_NO_MEMORY;
    c->options = *options;
    c->auth_plugin_name = SLICE_LIT("");
    my_packet_reader_init(&c->packets,
                          options->packet_max > 0 ? options->packet_max : PACKET_MAX_DEFAULT);
    writer_init(&c->definitions, DEFINITIONS_MAX);
    *out = c;
    return ERR_OK;
}

void my_client_free(struct my_client *c)
{
    if (c == NULL)
        return;
    my_packet_reader_fini(&c->packets);
    writer_fini(&c->definitions);
    free(c->definition_ends);
    free(c->columns);
    free(c);
}

/* ---- login ---- */

static void copy_text(char *to, size_t cap, struct slice text)
{
    size_t n = text.len < cap - 1 ? text.len : cap - 1;
    for (size_t i = 0; i < n; i++) /* it ends up in logs */
        to[i] = text.ptr[i] >= 0x20 && text.ptr[i] < 0x7F ? (char)text.ptr[i] : '?';
    to[n] = '\0';
}

static struct my_credentials credentials(const struct my_client *c)
{
    return (struct my_credentials){
        .password = c->options.password,
        .private_link = c->tls || c->options.private_link,
        .fetch_key = c->options.fetch_key,
        .key_pem = c->options.key_pem,
    };
}

static enum err auth_failed(struct my_client *c, enum err e)
{
    if (e == ERR_UNSUPPORTED_AUTH)
        errmsg_set(&c->em, e,
                   "the account uses the authentication plugin '%s', which is not supported: use "
                   "an account with caching_sha2_password, mysql_native_password, "
                   "sha256_password or ed25519",
                   c->plugin);
    else if (e == ERR_TLS)
        errmsg_set(&c->em, e,
                   "%s needs an encrypted connection to show the password: use TLS, or give the "
                   "server's RSA public key",
                   c->plugin);
    else if (e == ERR_CONFIG)
        errmsg_set(&c->em, e, "the password is too long");
    else
        errmsg_set(&c->em, e, "%s: what the server sent for the login cannot be used (%s)",
                   c->plugin, err_text(e));
    return client_close(c, e);
}

/* An ERR packet in the login, or one that ends the connection. */
static enum err server_refuses(struct my_client *c, struct slice payload)
{
    struct my_error error;
    if (my_error_parse(payload, &error) != ERR_OK)
        return client_refuse(c, "an error packet that ends too soon");
    char text[384];
    copy_text(text, sizeof(text), error.message);
    enum err e = my_error_class(&error);
    /* Before the login there is no statement that could be meant. */
    if (e == ERR_SOURCE_SQL && c->state == WANT_LOGIN)
        e = ERR_ACCESS_DENIED;
    else if (e == ERR_SOURCE_SQL)
        e = ERR_DISCONNECTED;
    errmsg_set(&c->em, e, "%s (error %u)", text, error.code);
    return client_close(c, e);
}

static enum err agree_compression(struct my_client *c, uint64_t offered, uint64_t *wanted)
{
    static const uint64_t bits[] = {0, MY_CAP_COMPRESS, MY_CAP_ZSTD};
    uint64_t bit = bits[c->options.compression];
    if ((offered & bit) != bit) {
        errmsg_set(&c->em, ERR_SOURCE_SETUP,
                   "the server offers no %s compression of the connection: set "
                   "source.compression to another method or to none",
                   c->options.compression == MY_ZSTD ? "zstd" : "zlib");
        return client_close(c, ERR_SOURCE_SETUP);
    }
    *wanted |= bit;
    return ERR_OK;
}

static enum err agree(struct my_client *c, const struct my_greeting *g)
{
    uint64_t wanted = MY_CAP_WANTED;
    bool offers_tls = (g->capabilities & MY_CAP_SSL) != 0;
    if ((g->capabilities & MY_CAP_PROTOCOL_41) == 0 ||
        (g->capabilities & MY_CAP_SECURE_CONNECTION) == 0)
        return client_refuse(c, "a server older than 4.1");
    if (c->options.tls == MY_TLS_MUST && !offers_tls) {
        errmsg_set(&c->em, ERR_TLS,
                   "the server offers no TLS: switch it on there, or set source.tls to preferred "
                   "or disabled");
        return client_close(c, ERR_TLS);
    }
    if (c->options.tls != MY_TLS_NO)
        wanted |= MY_CAP_SSL;
    if (c->options.database.len > 0)
        wanted |= MY_CAP_CONNECT_WITH_DB;
    if (c->options.extended_types)
        wanted |= MY_CAP_MARIADB_EXTENDED_TYPES;
    TRY(agree_compression(c, g->capabilities, &wanted));
    c->capabilities = wanted & g->capabilities;
    return ERR_OK;
}

static struct my_response response_head(const struct my_client *c)
{
    return (struct my_response){
        .capabilities = c->capabilities,
        .mariadb = c->mariadb,
        .user = c->options.user,
        .database = c->options.database,
        .plugin = c->auth_plugin_name,
        .auth = SLICE_LIT(""),
        .zstd_level = c->options.zstd_level > 0 ? c->options.zstd_level : ZSTD_LEVEL_DEFAULT,
    };
}

/* The login packet with the first reply of the greeting's method. */
static enum err send_response(struct my_client *c, struct writer *output)
{
    const struct my_attribute attributes[] = {
        {SLICE_LIT("_client_name"), SLICE_LIT("rowcast")},
        {SLICE_LIT("_client_version"), c->options.program_version},
        {SLICE_LIT("program_name"), SLICE_LIT("rowcast")},
        {SLICE_LIT("_client_role"), c->options.role},
    };
    struct my_response rs = response_head(c);
    struct my_credentials cr = credentials(c);
    struct writer reply;
    writer_init(&reply, AUTH_REPLY_MAX);
    enum err e = my_auth_begin(&c->auth, &cr, c->auth_plugin_name,
                               slice_of(c->scramble, MY_SCRAMBLE_LEN), &reply);
    if (e == ERR_OK) {
        rs.auth = writer_slice(&reply);
        rs.attributes = attributes;
        rs.attribute_count = sizeof(attributes) / sizeof(attributes[0]);
        size_t mark = my_packet_begin(output);
        my_response_write(&rs, output);
        my_packet_end(output, mark, &c->sequence);
        c->packets.sequence = c->sequence;
        e = output->err;
    }
    writer_fini(&reply);
    if (e != ERR_OK)
        return auth_failed(c, e);
    client_move(c, WANT_LOGIN);
    return ERR_OK;
}

/*
 * The greeting names the server's default method, which need not be the
 * account's. One that we lack is no reason to give up: with any other the
 * server switches to what the account uses.
 */
static void choose_plugin(struct my_client *c, const struct my_greeting *g)
{
    const struct my_auth_plugin *p = my_auth_find(g->plugin);
    /* An open link may not be able to carry sha256_password's first reply; the switch tells. */
    if (p == NULL || p == &my_auth_sha256 || p == &my_auth_ed25519)
        p = &my_auth_native;
    c->auth_plugin_name = slice_str(p->name);
    copy_text(c->plugin, sizeof(c->plugin), c->auth_plugin_name);
}

static enum err on_greeting(struct my_client *c, struct slice payload, size_t input_left,
                            struct writer *output, struct my_event *event)
{
    struct my_greeting g;
    if (payload.len > 0 && payload.ptr[0] == HEADER_ERR)
        return server_refuses(c, payload);
    if (my_greeting_parse(payload, &g) != ERR_OK)
        return client_refuse(c, "its greeting is not that of a MySQL server");
    if (input_left > 0)
        return client_refuse(c, "it speaks on without waiting for our answer");
    c->mariadb = g.mariadb;
    c->thread_id = g.thread_id;
    copy_text(c->version, sizeof(c->version), g.version);
    memcpy(c->scramble, g.scramble, MY_SCRAMBLE_LEN);
    choose_plugin(c, &g);
    TRY(agree(c, &g));
    c->sequence = c->packets.sequence;
    if ((c->capabilities & MY_CAP_SSL) == 0) {
        TRY(send_response(c, output));
        return ERR_NEED_INPUT;
    }
    struct my_response rs = response_head(c);
    size_t mark = my_packet_begin(output);
    my_ssl_request_write(&rs, output);
    my_packet_end(output, mark, &c->sequence);
    client_move(c, WANT_TLS);
    *event = (struct my_event){.kind = MY_EVENT_START_TLS};
    return output->err;
}

enum err my_client_tls_started(struct my_client *c, struct writer *output)
{
    if (c->state != WANT_TLS)
        return ERR_BUG;
    c->tls = true;
    return send_response(c, output);
}

static enum err send_reply(struct my_client *c, struct writer *reply, struct writer *output)
{
    c->sequence = c->packets.sequence;
    size_t mark = my_packet_begin(output);
    writer_slice_put(output, writer_slice(reply));
    my_packet_end(output, mark, &c->sequence);
    c->packets.sequence = c->sequence;
    return output->err;
}

static enum err on_auth_switch(struct my_client *c, struct slice payload, struct writer *output)
{
    struct my_auth_switch s;
    struct my_credentials cr = credentials(c);
    if (payload.len == 1) {
        copy_text(c->plugin, sizeof(c->plugin), SLICE_LIT("mysql_old_password"));
        return auth_failed(c, ERR_UNSUPPORTED_AUTH);
    }
    if (my_auth_switch_parse(payload, &s) != ERR_OK)
        return client_refuse(c, "a request to switch the authentication that ends too soon");
    copy_text(c->plugin, sizeof(c->plugin), s.plugin);
    struct writer reply;
    writer_init(&reply, AUTH_REPLY_MAX);
    enum err e = my_auth_begin(&c->auth, &cr, s.plugin, s.data, &reply);
    if (e == ERR_OK)
        e = send_reply(c, &reply, output);
    writer_fini(&reply);
    return e == ERR_OK ? ERR_NEED_INPUT : auth_failed(c, e);
}

static enum err on_more_data(struct my_client *c, struct slice data, struct writer *output)
{
    struct my_credentials cr = credentials(c);
    struct writer reply;
    bool replied = false;
    writer_init(&reply, AUTH_REPLY_MAX);
    enum err e = my_auth_more(&c->auth, &cr, data, &reply, &replied);
    if (e == ERR_OK && replied)
        e = send_reply(c, &reply, output);
    writer_fini(&reply);
    return e == ERR_OK ? ERR_NEED_INPUT : auth_failed(c, e);
}

static enum err on_login(struct my_client *c, struct slice payload, struct writer *output,
                         struct my_event *event)
{
    if (payload.len == 0)
        return client_refuse(c, "an empty packet");
    if (++c->auth_rounds > AUTH_ROUNDS_MAX)
        return client_refuse(c, "the login does not come to an end");
    switch (payload.ptr[0]) {
    case HEADER_OK:
        *event = (struct my_event){.kind = MY_EVENT_READY};
        if (my_ok_parse(payload, c->capabilities, &event->ok) != ERR_OK)
            return client_refuse(c, "an OK packet that ends too soon");
        c->status = event->ok.status;
        client_move(c, READY);
        return ERR_OK;
    case HEADER_ERR:
        return server_refuses(c, payload);
    case HEADER_AUTH_SWITCH:
        return on_auth_switch(c, payload, output);
    case HEADER_MORE_DATA:
        return on_more_data(c, slice_of(payload.ptr + 1, payload.len - 1), output);
    case HEADER_NEXT_FACTOR:
        copy_text(c->plugin, sizeof(c->plugin), SLICE_LIT("second factor"));
        return auth_failed(c, ERR_UNSUPPORTED_AUTH);
    default:
        return client_refuse(c, "a packet that does not belong to a login");
    }
}

/* ---- results ---- */

static enum err on_error(struct my_client *c, struct slice payload, struct my_event *event)
{
    *event = (struct my_event){.kind = MY_EVENT_ERROR};
    if (my_error_parse(payload, &event->error) != ERR_OK)
        return client_refuse(c, "an error packet that ends too soon");
    client_move(c, READY);
    return ERR_OK;
}

/* The end of a result: back to ready, or on to the next one of the same command. */
static enum err result_over(struct my_client *c, struct my_event *event)
{
    c->status = event->ok.status;
    event->more = (event->ok.status & MY_STATUS_MORE_RESULTS) != 0;
    client_move(c, event->more ? WANT_RESULT : READY);
    return ERR_OK;
}

/* Makes ready for count definitions of columns. */
static enum err expect_columns(struct my_client *c, uint32_t count)
{
    if (count > c->columns_cap) {
        struct my_column *columns = realloc(c->columns, count * sizeof(*columns));
        if (columns != NULL)
            c->columns = columns;
        uint32_t *ends = realloc(c->definition_ends, count * sizeof(*ends));
        if (ends != NULL)
            c->definition_ends = ends;
        if (columns == NULL || ends == NULL) {
            errmsg_set(&c->em, ERR_NO_MEMORY, "out of memory for %u columns", count);
            return client_close(c, ERR_NO_MEMORY);
        }
        c->columns_cap = count;
    }
    writer_clear(&c->definitions);
    c->column_count = count;
    c->definitions_left = count;
    client_move(c, WANT_COLUMN);
    return ERR_OK;
}

static enum err on_result(struct my_client *c, struct slice payload, struct my_event *event)
{
    if (payload.len == 0)
        return client_refuse(c, "an empty packet");
    switch (payload.ptr[0]) {
    case HEADER_ERR:
        return on_error(c, payload, event);
    case HEADER_OK:
        *event = (struct my_event){.kind = MY_EVENT_OK};
        if (my_ok_parse(payload, c->capabilities, &event->ok) != ERR_OK)
            return client_refuse(c, "an OK packet that ends too soon");
        return result_over(c, event);
    case HEADER_LOCAL_INFILE:
        return client_refuse(c, "it asks for a file of this machine");
    default:
        break;
    }
    struct reader r = reader_of(payload);
    uint64_t count = reader_lenenc(&r);
    if (reader_finish(&r) != ERR_OK || reader_left(&r) > 0 || count == 0 || count > MY_COLUMNS_MAX)
        return client_refuse(c, "a column count that cannot be");
    c->preparing = false;
    TRY(expect_columns(c, (uint32_t)count));
    return ERR_NEED_INPUT;
}

/* All definitions are in: their slices can be cut, for the bytes do not move any more. */
static enum err columns_complete(struct my_client *c, struct my_event *event)
{
    struct slice bytes = writer_slice(&c->definitions);
    uint32_t at = 0;
    for (uint32_t i = 0; i < c->column_count; i++) {
        struct slice payload = slice_of(bytes.ptr + at, c->definition_ends[i] - at);
        if (my_column_parse(payload, c->capabilities, &c->columns[i]) != ERR_OK)
            return client_refuse(c, "a column definition that cannot be read");
        at = c->definition_ends[i];
    }
    *event = (struct my_event){
        .kind = c->preparing ? MY_EVENT_PREPARED : MY_EVENT_COLUMNS,
        .binary = c->binary,
        .columns = c->columns,
        .column_count = c->column_count,
        .statement_id = c->statement_id,
        .param_count = c->param_count,
    };
    client_move(c, c->preparing ? READY : WANT_ROW);
    return ERR_OK;
}

static enum err on_column(struct my_client *c, struct slice payload, struct my_event *event)
{
    if (payload.len > 0 && payload.ptr[0] == HEADER_ERR && !c->preparing)
        return on_error(c, payload, event);
    writer_slice_put(&c->definitions, payload);
    if (c->definitions.err != ERR_OK)
        return client_refuse(c, "column definitions of more than 16 MB");
    c->definition_ends[c->column_count - c->definitions_left] = (uint32_t)c->definitions.len;
    if (--c->definitions_left > 0)
        return ERR_NEED_INPUT;
    if ((c->capabilities & MY_CAP_DEPRECATE_EOF) != 0)
        return columns_complete(c, event);
    client_move(c, WANT_COLUMNS_END);
    return ERR_NEED_INPUT;
}

static enum err on_columns_end(struct my_client *c, struct slice payload, struct my_event *event)
{
    if (!my_is_eof(payload, c->capabilities))
        return client_refuse(c, "no EOF packet behind the column definitions");
    return columns_complete(c, event);
}

static enum err on_row(struct my_client *c, struct slice payload, struct my_event *event)
{
    if (payload.len == 0)
        return client_refuse(c, "an empty row packet");
    if (payload.ptr[0] == HEADER_ERR)
        return on_error(c, payload, event);
    *event = (struct my_event){
        .binary = c->binary,
        .columns = c->columns,
        .column_count = c->column_count,
    };
    if (my_is_eof(payload, c->capabilities)) {
        event->kind = MY_EVENT_END;
        if (my_eof_parse(payload, c->capabilities, &event->ok) != ERR_OK)
            return client_refuse(c, "an EOF packet that ends too soon");
        return result_over(c, event);
    }
    event->kind = MY_EVENT_ROW;
    event->row = payload;
    return ERR_OK;
}

/* Parameter definitions say nothing of use; columns may follow. */
static enum err params_over(struct my_client *c, struct my_event *event)
{
    if (c->column_count > 0) {
        TRY(expect_columns(c, c->column_count));
        return ERR_NEED_INPUT;
    }
    return columns_complete(c, event);
}

static enum err on_param(struct my_client *c, struct my_event *event)
{
    if (--c->definitions_left > 0)
        return ERR_NEED_INPUT;
    if ((c->capabilities & MY_CAP_DEPRECATE_EOF) != 0)
        return params_over(c, event);
    client_move(c, WANT_PARAMS_END);
    return ERR_NEED_INPUT;
}

static enum err on_params_end(struct my_client *c, struct slice payload, struct my_event *event)
{
    if (!my_is_eof(payload, c->capabilities))
        return client_refuse(c, "no EOF packet behind the parameter definitions");
    return params_over(c, event);
}

/* header 1, statement id 4, columns 2, parameters 2, filler 1, warnings 2 */
static enum err on_prepared(struct my_client *c, struct slice payload, struct my_event *event)
{
    struct reader r = reader_of(payload);
    if (payload.len > 0 && payload.ptr[0] == HEADER_ERR)
        return on_error(c, payload, event);
    uint8_t header = reader_u8(&r);
    c->statement_id = reader_u32(&r);
    c->column_count = reader_u16(&r);
    c->param_count = reader_u16(&r);
    if (reader_finish(&r) != ERR_OK || header != HEADER_OK || c->column_count > MY_COLUMNS_MAX)
        return client_refuse(c, "an answer that does not fit a prepared statement");
    c->preparing = true;
    if (c->param_count == 0)
        return params_over(c, event);
    c->definitions_left = c->param_count;
    client_move(c, WANT_PARAM);
    return ERR_NEED_INPUT;
}

/* ---- the machine ---- */

/* ERR_NEED_INPUT from a handler: the packet is dealt with and nothing is to be told. */
static enum err dispatch(struct my_client *c, struct slice payload, size_t input_left,
                         struct writer *output, struct my_event *event)
{
    switch (c->state) {
    case WANT_GREETING:
        return on_greeting(c, payload, input_left, output, event);
    case WANT_LOGIN:
        return on_login(c, payload, output, event);
    case READY:
        if (payload.len > 0 && payload.ptr[0] == HEADER_ERR)
            return server_refuses(c, payload);
        return client_refuse(c, "it speaks without being asked");
    case WANT_RESULT:
        return on_result(c, payload, event);
    case WANT_COLUMN:
        return on_column(c, payload, event);
    case WANT_COLUMNS_END:
        return on_columns_end(c, payload, event);
    case WANT_ROW:
        return on_row(c, payload, event);
    case WANT_PREPARED:
        return on_prepared(c, payload, event);
    case WANT_PARAM:
        return on_param(c, event);
    case WANT_PARAMS_END:
        return on_params_end(c, payload, event);
    case WANT_TLS:
    case STREAMING:
    case CLOSED:
    case STATE_COUNT:
        break;
    }
    return ERR_BUG;
}

static enum err packet_failed(struct my_client *c, enum err e)
{
    if (e == ERR_PROTOCOL)
        return client_refuse(c, "a packet with a wrong sequence number");
    if (e == ERR_TOO_LARGE)
        return client_refuse(c, "a packet larger than any answer that was asked for");
    errmsg_set(&c->em, e, "%s", err_text(e));
    return client_close(c, e);
}

enum err my_client_step(struct my_client *c, struct slice in, size_t *consumed,
                        struct writer *output, struct my_event *event)
{
    *consumed = 0;
    if (c->state == WANT_TLS || c->state == STREAMING || c->state == CLOSED)
        return ERR_BUG;
    for (;;) {
        size_t n;
        struct slice payload;
        /* Compression renumbers packets, each server in its own way; and what a server says
         * unasked before it hangs up has any number. */
        c->packets.any_sequence =
            c->state == READY || (c->state > READY && my_client_compression(c) != MY_PLAIN);
        struct slice rest = slice_of(in.ptr + *consumed, in.len - *consumed);
        enum err e = my_packet_next(&c->packets, rest, &n, &payload);
        *consumed += n;
        if (e == ERR_NEED_INPUT)
            return e;
        if (e != ERR_OK)
            return packet_failed(c, e);
        e = dispatch(c, payload, in.len - *consumed, output, event);
        if (e != ERR_NEED_INPUT)
            return e;
    }
}

struct my_packet_reader *my_client_rows(struct my_client *c)
{
    if (c->state != WANT_ROW || !c->binary || !my_packet_idle(&c->packets))
        return NULL;
    c->packets.any_sequence = my_client_compression(c) != MY_PLAIN;
    return &c->packets;
}

struct my_packet_reader *my_client_packets(struct my_client *c)
{
    return &c->packets;
}

/* ---- commands ---- */

static enum err command_begin(struct my_client *c, struct writer *output, size_t *mark)
{
    if (c->state != READY)
        return ERR_BUG;
    c->sequence = 0;
    c->binary = false;
    *mark = my_packet_begin(output);
    return ERR_OK;
}

static enum err command_end(struct my_client *c, struct writer *output, size_t mark,
                            enum client_state next)
{
    my_packet_end(output, mark, &c->sequence);
    TRY(output->err);
    c->packets.sequence = c->sequence;
    if (next != READY)
        client_move(c, next);
    return ERR_OK;
}

enum err my_client_query(struct my_client *c, struct slice sql, struct writer *output)
{
    size_t mark;
    TRY(command_begin(c, output, &mark));
    my_command_query(output, sql);
    return command_end(c, output, mark, WANT_RESULT);
}

enum err my_client_ping(struct my_client *c, struct writer *output)
{
    size_t mark;
    TRY(command_begin(c, output, &mark));
    my_command_ping(output);
    return command_end(c, output, mark, WANT_RESULT);
}

enum err my_client_prepare(struct my_client *c, struct slice sql, struct writer *output)
{
    size_t mark;
    TRY(command_begin(c, output, &mark));
    my_command_prepare(output, sql);
    return command_end(c, output, mark, WANT_PREPARED);
}

enum err my_client_execute(struct my_client *c, uint32_t statement_id,
                           const struct my_param *params, uint32_t param_count,
                           struct writer *output)
{
    size_t mark;
    TRY(command_begin(c, output, &mark));
    my_command_execute(output, statement_id, params, param_count);
    c->binary = true;
    return command_end(c, output, mark, WANT_RESULT);
}

enum err my_client_register(struct my_client *c, uint32_t server_id, struct slice host,
                            uint16_t port, struct writer *output)
{
    size_t mark;
    TRY(command_begin(c, output, &mark));
    my_command_register(output, server_id, host, port);
    return command_end(c, output, mark, WANT_RESULT);
}

enum err my_client_close_statement(struct my_client *c, uint32_t statement_id,
                                   struct writer *output)
{
    size_t mark;
    TRY(command_begin(c, output, &mark));
    my_command_close(output, statement_id);
    return command_end(c, output, mark, READY);
}

enum err my_client_quit(struct my_client *c, struct writer *output)
{
    size_t mark;
    TRY(command_begin(c, output, &mark));
    my_command_quit(output);
    return command_end(c, output, mark, CLOSED);
}

enum err my_client_dump(struct my_client *c, const struct my_dump *dump, struct writer *output)
{
    size_t mark;
    TRY(command_begin(c, output, &mark));
    if (dump->executed != NULL)
        my_command_dump_gtid(output, dump->server_id, dump->flags, dump->executed);
    else
        my_command_dump(output, dump->server_id, dump->flags, dump->file, dump->offset);
    return command_end(c, output, mark, STREAMING);
}

/* ---- facts ---- */

bool my_client_ready(const struct my_client *c)
{
    return c->state == READY;
}

const char *my_client_state_name(const struct my_client *c)
{
    return states[c->state].name;
}

const struct errmsg *my_client_errmsg(const struct my_client *c)
{
    return &c->em;
}

uint64_t my_client_capabilities(const struct my_client *c)
{
    return c->capabilities;
}

enum my_compression my_client_compression(const struct my_client *c)
{
    if ((c->capabilities & MY_CAP_ZSTD) != 0)
        return MY_ZSTD;
    return (c->capabilities & MY_CAP_COMPRESS) != 0 ? MY_ZLIB : MY_PLAIN;
}

bool my_client_mariadb(const struct my_client *c)
{
    return c->mariadb;
}

const char *my_client_server_version(const struct my_client *c)
{
    return c->version;
}

uint32_t my_client_thread_id(const struct my_client *c)
{
    return c->thread_id;
}

const char *my_client_plugin(const struct my_client *c)
{
    return c->plugin;
}

bool my_client_key_fetched(const struct my_client *c)
{
    return c->auth.key_fetched;
}

uint16_t my_client_status(const struct my_client *c)
{
    return c->status;
}
