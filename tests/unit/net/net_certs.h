/*
 * Certificates for the TLS tests, made on the spot with elliptic keys, and a
 * small TLS server that runs in a thread over one accepted socket.
 */
#pragma once

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* PEM files in a folder of their own. */
struct certs {
    char dir[40];
    char ca[64];         /* the authority that signs the ones below */
    char good[64];       /* for 127.0.0.1 and localhost; certificate and key in one file */
    char wrong_name[64]; /* for other.example */
    char expired[64];
    char no_names[64]; /* with a common name only, as MySQL makes its own */
    char client[64];
    char client_key[64]; /* the key of it alone */
    char locked[64];     /* that key under a passphrase */
    char other_ca[64];   /* an authority that signed nothing */
    char stranger[64];   /* self-signed, for 127.0.0.1 */
    char garbage[64];    /* no PEM */
};

void certs_make(struct certs *c);
void certs_drop(struct certs *c);

enum server_does {
    SERVER_ECHO,          /* sends back what comes until the end */
    SERVER_SEND,          /* sends total bytes of the pattern, says goodbye and closes */
    SERVER_SEND_AND_CUT,  /* the same without the goodbye */
    SERVER_RECEIVE,       /* takes the pattern, slowly at first; 'k' after total bytes */
    SERVER_BREAKS_STREAM, /* sends a few bytes, then some that are no TLS record */
    SERVER_PLAIN_TEXT,    /* answers in clear */
    SERVER_CLOSES,        /* in the middle of the handshake */
    SERVER_SILENT,        /* never answers */
};

struct tls_server {
    int fd; /* accepted, owned by the server */
    const char *cert;
    enum server_does does;
    const char *client_ca; /* a client certificate from here is demanded */
    int max_version;       /* 0: any */
    bool key_updates;      /* new keys now and then */
    size_t total;          /* bytes to send, or received */
    bool right;            /* what was received was the pattern */
    char asked_name[64];   /* by the client's hello */
    bool encrypted;        /* the handshake was done */
    pthread_t thread;
};

void server_start(struct tls_server *s);
void server_join(struct tls_server *s);
