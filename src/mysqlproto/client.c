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
#include "mysqlproto/client_int.h"

#include <assert.h>
#include <stdlib.h>

#define PACKET_MAX_DEFAULT (64u << 20)
#define DEFINITIONS_MAX    (16u << 20) /* bytes of all column definitions of a result */

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

void my_client_move(struct my_client *c, enum client_state to)
{
    assert(to == CLOSED || (states[c->state].next >> to & 1) != 0);
    c->state = to;
}

enum err my_client_close(struct my_client *c, enum err e)
{
    my_client_move(c, CLOSED);
    return e;
}

enum err my_client_refuse(struct my_client *c, const char *what)
{
    errmsg_set(&c->em, ERR_PROTOCOL, "the server broke the protocol: %s (state %s)", what,
               states[c->state].name);
    return my_client_close(c, ERR_PROTOCOL);
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

/* ---- the machine ---- */

static enum err dispatch(struct my_client *c, struct slice payload, size_t input_left,
                         struct writer *output, struct my_event *event)
{
    switch (c->state) {
    case WANT_GREETING:
        return my_client_on_greeting(c, payload, input_left, output, event);
    case WANT_LOGIN:
        return my_client_on_login(c, payload, output, event);
    case READY:
        if (payload.len > 0 && payload.ptr[0] == HEADER_ERR)
            return my_client_server_refuses(c, payload);
        return my_client_refuse(c, "it speaks without being asked");
    case WANT_RESULT:
        return my_client_on_result(c, payload, event);
    case WANT_COLUMN:
        return my_client_on_column(c, payload, event);
    case WANT_COLUMNS_END:
        return my_client_on_columns_end(c, payload, event);
    case WANT_ROW:
        return my_client_on_row(c, payload, event);
    case WANT_PREPARED:
        return my_client_on_prepared(c, payload, event);
    case WANT_PARAM:
        return my_client_on_param(c, event);
    case WANT_PARAMS_END:
        return my_client_on_params_end(c, payload, event);
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
        return my_client_refuse(c, "a packet with a wrong sequence number");
    if (e == ERR_TOO_LARGE)
        return my_client_refuse(c, "a packet larger than any answer that was asked for");
    errmsg_set(&c->em, e, "%s", err_text(e));
    return my_client_close(c, e);
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
        my_client_move(c, next);
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
