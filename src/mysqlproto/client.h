/*
 * The client's side of one connection, from the greeting to the last answer:
 * a machine that takes bytes and gives bytes. It knows no sockets, threads or
 * clocks, so that the network, a byte array, a script and a fuzzer can drive
 * it alike.
 *
 *   struct my_client *c;
 *   my_client_new(&options, &c);
 *   for (;;) {
 *       e = my_client_step(c, input, &consumed, output, &event);
 *       send what is in output, whatever e is; drop consumed bytes of input;
 *       if (e == ERR_NEED_INPUT) read more; else if (e != ERR_OK) give up;
 *       else look at event.kind;
 *   }
 *
 * In order: MY_EVENT_START_TLS (only when TLS was agreed: send the output,
 * make the TLS handshake, my_client_tls_started(), step on), then
 * MY_EVENT_READY. From there on put my_client_compression() between the
 * machine and the link, both ways. Then one command at a time: my_client_query()
 * and so on write it to output; step until MY_EVENT_OK, MY_EVENT_ERROR,
 * MY_EVENT_PREPARED, or through MY_EVENT_COLUMNS and MY_EVENT_ROW to
 * MY_EVENT_END. Without `more` in these the machine is ready again.
 *
 * After my_client_dump() the machine is done: what comes are event packets,
 * which the caller reads on his own.
 *
 * Failures of the login and of the protocol are final: my_client_errmsg() has
 * the sentence, without the peer's name, which the machine does not know.
 *
 * Not thread-safe.
 */
#pragma once

#include "base/err.h"
#include "mysqlproto/command.h"
#include "mysqlproto/compress.h"
#include "mysqlproto/resultset.h"

struct my_client;

enum my_tls_wish {
    MY_TLS_NO,
    MY_TLS_IF_OFFERED,
    MY_TLS_MUST, /* a server that offers none gets no credentials: ERR_TLS */
};

/* Texts are borrowed for the machine's life. All zero but user is a valid choice. */
struct my_client_options {
    struct slice user;
    struct slice password;
    struct slice database; /* len 0: none */
    enum my_tls_wish tls;
    bool private_link;    /* a unix socket: the password may travel as it is */
    bool fetch_key;       /* on an open link, ask the server for its RSA key */
    struct slice key_pem; /* its RSA key when known; len 0: not */
    enum my_compression compression;
    uint8_t zstd_level;  /* 1 .. 22; 0: 3 */
    bool extended_types; /* ask MariaDB for type names in column definitions */
    struct slice program_version;
    struct slice role;   /* attribute _client_role, e.g. "binary_log_listener"; len 0: none */
    uint64_t packet_max; /* largest answer packet; 0: 64 MiB */
};

enum my_event_kind {
    MY_EVENT_START_TLS,
    MY_EVENT_READY,   /* logged in: ok */
    MY_EVENT_OK,      /* a command is done: ok, more */
    MY_EVENT_ERROR,   /* the server refuses a command: error; the connection is usable */
    MY_EVENT_COLUMNS, /* a result begins: columns; rows or the end follow */
    MY_EVENT_ROW,     /* row; parse with my_text_row_parse() or, if binary, by a copy_plan */
    MY_EVENT_END,     /* the result is over: ok, more */
    MY_EVENT_PREPARED, /* statement_id, param_count, columns */
};

/* Slices are valid until the next step and as long as its input, columns until the next result
 * begins. */
struct my_event {
    enum my_event_kind kind;
    bool binary; /* rows are in the binary form */
    bool more;   /* another result follows without a new command */
    struct my_ok ok;
    struct my_error error;
    struct slice row;
    const struct my_column *columns;
    uint32_t column_count;
    uint32_t statement_id;
    uint32_t param_count;
};

NODISCARD enum err my_client_new(const struct my_client_options *options, struct my_client **out);
void my_client_free(struct my_client *c); /* NULL is fine */

/*
 * One step. *consumed is always set; output may have been appended to, also
 * on failure. ERR_NEED_INPUT: all of in is taken.
 */
NODISCARD enum err my_client_step(struct my_client *c, struct slice in, size_t *consumed,
                                  struct writer *output, struct my_event *event);

/* The TLS handshake that MY_EVENT_START_TLS asked for is done: output gets the login. */
NODISCARD enum err my_client_tls_started(struct my_client *c, struct writer *output);

/* Commands. ERR_BUG unless the machine is ready. */
NODISCARD enum err my_client_query(struct my_client *c, struct slice sql, struct writer *output);
NODISCARD enum err my_client_ping(struct my_client *c, struct writer *output);
NODISCARD enum err my_client_prepare(struct my_client *c, struct slice sql, struct writer *output);
NODISCARD enum err my_client_execute(struct my_client *c, uint32_t statement_id,
                                     const struct my_param *params, uint32_t param_count,
                                     struct writer *output);
NODISCARD enum err my_client_register(struct my_client *c, uint32_t server_id, struct slice host,
                                      uint16_t port, struct writer *output);

/* Without an answer: the machine stays ready. */
NODISCARD enum err my_client_close_statement(struct my_client *c, uint32_t statement_id,
                                             struct writer *output);
/* Without an answer: the server hangs up. */
NODISCARD enum err my_client_quit(struct my_client *c, struct writer *output);

struct my_dump {
    uint32_t server_id;
    uint16_t flags;    /* MY_DUMP_ */
    struct slice file; /* with offset, unless executed is set */
    uint32_t offset;
    const struct my_gtid_set *executed; /* NULL: COM_BINLOG_DUMP */
};
NODISCARD enum err my_client_dump(struct my_client *c, const struct my_dump *dump,
                                  struct writer *output);

/*
 * While rows of a binary result come, and none of them has come in part, a
 * caller may take row packets past the machine: a packet whose first byte is
 * 0x00 is a row, by my_packet_in_place() or my_packet_skip() on this reader;
 * all others are the machine's. NULL at any other time.
 */
struct my_packet_reader;
struct my_packet_reader *my_client_rows(struct my_client *c);

/* The same reader, in the middle of such a packet. */
struct my_packet_reader *my_client_packets(struct my_client *c);

bool my_client_ready(const struct my_client *c);
const char *my_client_state_name(const struct my_client *c); /* "want-greeting" */
const struct errmsg *my_client_errmsg(const struct my_client *c);

/* Facts of the login. */
uint64_t my_client_capabilities(const struct my_client *c);           /* agreed */
enum my_compression my_client_compression(const struct my_client *c); /* agreed */
bool my_client_mariadb(const struct my_client *c);
const char *
my_client_server_version(const struct my_client *c); /* the greeting's; cut at 127 bytes */
uint32_t my_client_thread_id(const struct my_client *c);
const char *my_client_plugin(const struct my_client *c); /* that the account uses */
bool my_client_key_fetched(const struct my_client *c);   /* see struct my_auth */
uint16_t my_client_status(const struct my_client *c);    /* MY_STATUS_ of the last OK or EOF */
