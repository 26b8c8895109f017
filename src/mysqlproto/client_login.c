/* The login of a client: greeting, capabilities, authentication. See client.h. */
#include "mysqlproto/client_int.h"

#define AUTH_REPLY_MAX     4096
#define AUTH_ROUNDS_MAX    16 /* packets of a login; no method needs more than four */
#define ZSTD_LEVEL_DEFAULT 3

/* First bytes of packets that only a login has. */
#define HEADER_MORE_DATA   0x01
#define HEADER_NEXT_FACTOR 0x02
#define HEADER_AUTH_SWITCH 0xFE

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
    return my_client_close(c, e);
}

/* An ERR packet in the login, or one that ends the connection. */
enum err my_client_server_refuses(struct my_client *c, struct slice payload)
{
    struct my_error error;
    if (my_error_parse(payload, &error) != ERR_OK)
        return my_client_refuse(c, "an error packet that ends too soon");
    char text[384];
    copy_text(text, sizeof(text), error.message);
    enum err e = my_error_class(&error);
    /* Before the login there is no statement that could be meant. */
    if (e == ERR_SOURCE_SQL && c->state == WANT_LOGIN)
        e = ERR_ACCESS_DENIED;
    else if (e == ERR_SOURCE_SQL)
        e = ERR_DISCONNECTED;
    errmsg_set(&c->em, e, "%s (error %u)", text, error.code);
    return my_client_close(c, e);
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
        return my_client_close(c, ERR_SOURCE_SETUP);
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
        return my_client_refuse(c, "a server older than 4.1");
    if (c->options.tls == MY_TLS_MUST && !offers_tls) {
        errmsg_set(&c->em, ERR_TLS,
                   "the server offers no TLS: switch it on there, or set source.tls to preferred "
                   "or disabled");
        return my_client_close(c, ERR_TLS);
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
    my_client_move(c, WANT_LOGIN);
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

enum err my_client_on_greeting(struct my_client *c, struct slice payload, size_t input_left,
                               struct writer *output, struct my_event *event)
{
    struct my_greeting g;
    if (payload.len > 0 && payload.ptr[0] == HEADER_ERR)
        return my_client_server_refuses(c, payload);
    if (my_greeting_parse(payload, &g) != ERR_OK)
        return my_client_refuse(c, "its greeting is not that of a MySQL server");
    if (input_left > 0)
        return my_client_refuse(c, "it speaks on without waiting for our answer");
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
    my_client_move(c, WANT_TLS);
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
        return my_client_refuse(c, "a request to switch the authentication that ends too soon");
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

enum err my_client_on_login(struct my_client *c, struct slice payload, struct writer *output,
                            struct my_event *event)
{
    if (payload.len == 0)
        return my_client_refuse(c, "an empty packet");
    if (++c->auth_rounds > AUTH_ROUNDS_MAX)
        return my_client_refuse(c, "the login does not come to an end");
    switch (payload.ptr[0]) {
    case HEADER_OK:
        *event = (struct my_event){.kind = MY_EVENT_READY};
        if (my_ok_parse(payload, c->capabilities, &event->ok) != ERR_OK)
            return my_client_refuse(c, "an OK packet that ends too soon");
        c->status = event->ok.status;
        my_client_move(c, READY);
        return ERR_OK;
    case HEADER_ERR:
        return my_client_server_refuses(c, payload);
    case HEADER_AUTH_SWITCH:
        return on_auth_switch(c, payload, output);
    case HEADER_MORE_DATA:
        return on_more_data(c, slice_of(payload.ptr + 1, payload.len - 1), output);
    case HEADER_NEXT_FACTOR:
        copy_text(c->plugin, sizeof(c->plugin), SLICE_LIT("second factor"));
        return auth_failed(c, ERR_UNSUPPORTED_AUTH);
    default:
        return my_client_refuse(c, "a packet that does not belong to a login");
    }
}
