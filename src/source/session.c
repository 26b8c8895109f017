/*
 * Opening a session:
 *
 *   1. connect; the server greets
 *   2. TLS, if asked for and offered, or demanded
 *   3. login, in as many rounds as the account's method takes
 *   4. compression, if agreed
 *   5. settings that every session has: results in utf8mb4, and so on
 */
#include "source/session.h"

#include "base/clock.h"
#include "net/tls.h"
#include "source/session_int.h"

#include <stdio.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_DEFAULT_MS   10000
#define STATEMENT_TIMEOUT_DEFAULT_MS 60000
#define OUTPUT_MAX                   (64u << 20)

/* Puts "source host:port: " before a sentence, which may begin with the peer's name already. */
static enum err name_source(const struct src_session *s, enum err e, struct errmsg *em)
{
    size_t n = strlen(s->peer);
    if (em == NULL)
        return e;
    struct errmsg why = *em;
    bool named = strncmp(why.text, s->peer, n) == 0 && why.text[n] == ':';
    return errmsg_set(em, e, named ? "source %s%s" : "source %s: %s", s->peer,
                      named ? why.text + n : why.text);
}

enum err src_session_fail(struct src_session *s, enum err e, const char *why, struct errmsg *em)
{
    s->dead = true;
    errmsg_set(em, e, "%s", why);
    return name_source(s, e, em);
}

static enum err link_failed(struct src_session *s, enum err e, struct errmsg *em)
{
    const char *why = s->conn != NULL ? net_conn_errmsg(s->conn) : "";
    return src_session_fail(s, e, why[0] != '\0' ? why : err_text(e), em);
}

void src_session_begin(struct src_session *s)
{
    uint64_t ms = s->options.statement_timeout_ms;
    s->deadline_ms = clock_mono_ms() + (ms > 0 ? ms : STATEMENT_TIMEOUT_DEFAULT_MS);
}

enum err src_session_flush(struct src_session *s, struct errmsg *em)
{
    struct slice bytes = writer_slice(&s->output);
    if (s->unzip != NULL && bytes.len > 0) {
        uint8_t sequence = 0; /* every flush after the login begins a command */
        writer_clear(&s->output_zipped);
        enum err e =
            my_zip_write(my_client_compression(s->client), 0, bytes, &sequence, &s->output_zipped);
        if (e != ERR_OK)
            return src_session_fail(s, e, err_text(e), em);
        bytes = writer_slice(&s->output_zipped);
    }
    enum err e =
        bytes.len > 0 ? net_write_all(s->conn, bytes, s->deadline_ms, s->options.stop) : ERR_OK;
    writer_clear(&s->output);
    return e == ERR_OK ? ERR_OK : link_failed(s, e, em);
}

/* Decompresses into buf. ERR_NEED_INPUT: frames have to come first. */
static enum err unzip_some(struct src_session *s, uint8_t *buf, size_t cap, size_t *n)
{
    size_t taken;
    struct slice in = slice_of(s->zipped + s->zipped_at, s->zipped_len - s->zipped_at);
    if (in.len == 0 && !s->unzip_more)
        return ERR_NEED_INPUT;
    enum err e = my_unzip_step(s->unzip, in, &taken, buf, cap, n);
    s->zipped_at += taken;
    s->unzip_more = e == ERR_OK && *n == cap;
    return e;
}

enum err src_session_receive(struct src_session *s, uint8_t *buf, size_t cap, size_t *n)
{
    if (s->unzip == NULL)
        return net_read(s->conn, buf, cap, n);
    for (;;) {
        enum err e = unzip_some(s, buf, cap, n);
        if (e != ERR_NEED_INPUT)
            return e;
        size_t got;
        TRY(net_read(s->conn, s->zipped, SESSION_INPUT, &got));
        s->zipped_at = 0;
        s->zipped_len = got;
    }
}

/* Waits until there is plain input. */
static enum err receive_input(struct src_session *s, struct errmsg *em)
{
    for (;;) {
        size_t n = 0;
        enum err e = src_session_receive(s, s->input, SESSION_INPUT, &n);
        if (e == ERR_OK) {
            s->input_at = 0;
            s->input_len = n;
            return ERR_OK;
        }
        if (e != ERR_NEED_INPUT)
            return e == ERR_PROTOCOL && s->unzip != NULL
                       ? src_session_fail(s, e, "a compressed packet that cannot be read", em)
                       : link_failed(s, e, em);
        /* The waiting read stops for the deadline and for *stop; it is called on the raw bytes. */
        uint8_t *to = s->unzip != NULL ? s->zipped : s->input;
        e = net_read_some(s->conn, to, SESSION_INPUT, s->deadline_ms, s->options.stop, &n);
        if (e != ERR_OK)
            return link_failed(s, e, em);
        if (s->unzip == NULL) {
            s->input_at = 0;
            s->input_len = n;
            return ERR_OK;
        }
        s->zipped_at = 0;
        s->zipped_len = n;
    }
}

enum err src_session_step(struct src_session *s, struct my_event *event, struct errmsg *em)
{
    for (;;) {
        size_t consumed;
        struct slice in = slice_of(s->input + s->input_at, s->input_len - s->input_at);
        enum err e = my_client_step(s->client, in, &consumed, &s->output, event);
        s->input_at += consumed;
        if (s->output.len > 0)
            TRY(src_session_flush(s, em));
        if (e == ERR_OK)
            return ERR_OK;
        if (e != ERR_NEED_INPUT)
            return src_session_fail(s, e, my_client_errmsg(s->client)->text, em);
        TRY(receive_input(s, em));
    }
}

/* A path is a socket file: nobody can listen in there, and TLS is not asked for. */
static bool is_socket(const struct src_options *o)
{
    return o->host[0] == '/';
}

static void client_options(struct src_session *s)
{
    const struct src_options *o = &s->options;
    enum my_tls_wish tls = MY_TLS_MUST;
    if (o->tls == SRC_TLS_DISABLED || is_socket(o))
        tls = MY_TLS_NO;
    else if (o->tls == SRC_TLS_PREFERRED)
        tls = MY_TLS_IF_OFFERED;
    s->client_options = (struct my_client_options){
        .user = slice_str(o->user),
        .password = slice_str(o->password != NULL ? o->password : ""),
        .database = SLICE_LIT(""),
        .key_pem = SLICE_LIT(""),
        .tls = tls,
        .private_link = is_socket(o),
        /* Whoever allows an open link to an unverified server gets no worse by this; it is told. */
        .fetch_key = true,
        .compression = (enum my_compression)o->compression,
        .program_version = SLICE_LIT(ROWCAST_VERSION),
        .role = o->role != NULL ? slice_str(o->role) : SLICE_LIT(""),
    };
}

static enum err start_tls(struct src_session *s, struct errmsg *em)
{
    const struct src_options *o = &s->options;
    struct net_tls_options tls = {
        .mode = (enum net_tls_mode)o->tls,
        .ca = o->tls_ca,
        .cert = o->tls_cert,
        .key = o->tls_key,
        .server_name = o->tls_server_name,
    };
    enum err e = net_start_tls(s->conn, &tls, s->deadline_ms, o->stop, em);
    if (e != ERR_OK) {
        s->dead = true;
        return name_source(s, e, em);
    }
    s->tls = true;
    e = my_client_tls_started(s->client, &s->output);
    if (e != ERR_OK)
        return src_session_fail(s, e, my_client_errmsg(s->client)->text, em);
    return src_session_flush(s, em);
}

/* What the user can look at, behind what the server said. */
static enum err login_failed(enum err e, struct errmsg *em)
{
    if (e == ERR_ACCESS_DENIED && em != NULL) {
        size_t n = strlen(em->text);
        snprintf(em->text + n, sizeof(em->text) - n, ": check source.user and source.password_env");
    }
    return e;
}

static enum err login(struct src_session *s, struct errmsg *em)
{
    for (;;) {
        struct my_event event;
        enum err e = src_session_step(s, &event, em);
        if (e != ERR_OK)
            return login_failed(e, em);
        if (event.kind == MY_EVENT_READY)
            break;
        if (event.kind != MY_EVENT_START_TLS)
            return src_session_fail(s, ERR_BUG, "an unexpected event of the login", em);
        TRY(start_tls(s, em));
    }
    if (s->input_at != s->input_len)
        return src_session_fail(s, ERR_PROTOCOL, "bytes behind the login that nobody asked for",
                                em);
    enum my_compression kind = my_client_compression(s->client);
    if (kind == MY_PLAIN)
        return ERR_OK;
    s->zipped = malloc(SESSION_INPUT);
    enum err e = s->zipped != NULL ? my_unzip_new(kind, &s->unzip) : ERR_NO_MEMORY;
    return e == ERR_OK ? ERR_OK : src_session_fail(s, e, err_text(e), em);
}

static enum err connect_to(struct src_session *s, struct errmsg *em)
{
    const struct src_options *o = &s->options;
    uint64_t ms = o->connect_timeout_ms > 0 ? o->connect_timeout_ms : CONNECT_TIMEOUT_DEFAULT_MS;
    struct net_options net = {
        .host = is_socket(o) ? NULL : o->host,
        .port = o->port,
        .unix_path = is_socket(o) ? o->host : NULL,
        .connect_timeout_ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX,
        .stop = o->stop,
    };
    s->deadline_ms = clock_mono_ms() + ms;
    enum err e = net_connect(s->loop, &net, &s->conn, em);
    return e == ERR_OK ? e : name_source(s, e, em);
}

static enum err session_open(struct src_session *s, struct errmsg *em)
{
    s->input = malloc(SESSION_INPUT);
    if (s->input == NULL)
        return src_session_fail(s, ERR_NO_MEMORY, err_text(ERR_NO_MEMORY), em);
    client_options(s);
    enum err e = my_client_new(&s->client_options, &s->client);
    if (e != ERR_OK)
        return src_session_fail(s, e, err_text(e), em);
    TRY(connect_to(s, em));
    TRY(login(s, em));
    /* What a server's configuration may have set otherwise: under autocommit=0 the catalogue would
     * be that of the first look; some sql_modes change what it shows; a limit of time is meant for
     * others; and a few of the server's sentences are told apart by their English words. */
    return src_execute(s, em,
                       "SET NAMES utf8mb4, SESSION autocommit=1, SESSION sql_mode='', "
                       "/*!50708 SESSION max_execution_time=0, */"
                       "/*M!100101 SESSION max_statement_time=0, */"
                       "SESSION lc_messages='en_US'");
}

enum err src_session_open(struct net_loop *loop, const struct src_options *options,
                          struct src_session **out, struct errmsg *em)
{
    struct src_session *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory");
    s->loop = loop;
    s->options = *options;
    writer_init(&s->output, OUTPUT_MAX);
    writer_init(&s->output_zipped, OUTPUT_MAX);
    if (is_socket(options))
        snprintf(s->peer, sizeof(s->peer), "%s", options->host);
    else
        snprintf(s->peer, sizeof(s->peer), "%s:%u", options->host, options->port);
    enum err e = session_open(s, em);
    if (e != ERR_OK) {
        s->dead = true;
        src_session_close(s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

/* Says goodbye as far as the socket takes it at once. */
static void say_quit(struct src_session *s)
{
    size_t n;
    uint8_t sequence = 0;
    writer_clear(&s->output);
    writer_clear(&s->output_zipped);
    if (my_client_quit(s->client, &s->output) != ERR_OK)
        return;
    struct slice bytes = writer_slice(&s->output);
    if (s->unzip != NULL) {
        if (my_zip_write(my_client_compression(s->client), 0, bytes, &sequence,
                         &s->output_zipped) != ERR_OK)
            return;
        bytes = writer_slice(&s->output_zipped);
    }
    if (net_write(s->conn, bytes, &n) != ERR_OK)
        return; /* the server notices the end of the stream, too */
}

void src_session_close(struct src_session *s)
{
    if (s == NULL)
        return;
    if (!s->dead && s->client != NULL && my_client_ready(s->client))
        say_quit(s);
    net_close(s->conn);
    my_client_free(s->client);
    my_unzip_free(s->unzip);
    writer_fini(&s->output);
    writer_fini(&s->output_zipped);
    free(s->input);
    free(s->zipped);
    free(s->values);
    free(s);
}

bool src_session_alive(const struct src_session *s)
{
    return !s->dead;
}

bool src_session_tls(const struct src_session *s)
{
    return s->tls;
}

bool src_session_is_mariadb(const struct src_session *s)
{
    return my_client_mariadb(s->client);
}

const char *src_session_version(const struct src_session *s)
{
    return my_client_server_version(s->client);
}

uint32_t src_session_thread_id(const struct src_session *s)
{
    return my_client_thread_id(s->client);
}

const char *src_session_plugin(const struct src_session *s)
{
    return my_client_plugin(s->client);
}

bool src_session_key_unverified(const struct src_session *s)
{
    return my_client_key_fetched(s->client);
}

uint16_t src_session_error_code(const struct src_session *s)
{
    return s->error_code;
}
