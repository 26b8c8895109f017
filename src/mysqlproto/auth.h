/*
 * Authentication methods ("plugins"), each as a small dialogue.
 *
 * A dialogue begins with the server's data (a scramble) and our first reply,
 * and may go on with more data from the server:
 *
 *   struct my_auth a;
 *   my_auth_begin(&a, credentials, plugin_name, data, reply)     first reply
 *   my_auth_more(&a, credentials, data, reply, &replied)         each AuthMoreData
 *
 * Replies are appended to a writer as they go on the wire, without framing.
 * Known: mysql_native_password, caching_sha2_password, sha256_password and
 * MariaDB's client_ed25519. mysql_clear_password, mysql_old_password and
 * dialogues with a person are refused.
 *
 * libcrypto and libsodium are called in auth_*.c only.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

struct writer;

#define MY_NONCE_MAX   64
#define MY_KEY_PEM_MAX 8192 /* of a public key that a server sends */

struct my_credentials {
    struct slice password; /* len 0: none */
    bool private_link;     /* TLS or a unix socket: the password may travel as it is */
    bool fetch_key;        /* on an open link, ask the server for its RSA key */
    struct slice key_pem;  /* its RSA key when it is known beforehand; len 0: not */
};

struct my_auth_plugin;

struct my_auth {
    const struct my_auth_plugin *plugin;
    uint8_t nonce[MY_NONCE_MAX];
    size_t nonce_len;
    bool want_key;    /* the server's key was asked for and has to come next */
    bool key_fetched; /* the password was encrypted with a key from the open link */
};

/* One method. A method without more() takes no further data. */
struct my_auth_plugin {
    const char *name;
    enum err (*begin)(struct my_auth *a, const struct my_credentials *cr, struct writer *reply);
    enum err (*more)(struct my_auth *a, const struct my_credentials *cr, struct slice data,
                     struct writer *reply, bool *replied);
};

extern const struct my_auth_plugin my_auth_native;
extern const struct my_auth_plugin my_auth_caching_sha2;
extern const struct my_auth_plugin my_auth_sha256;
extern const struct my_auth_plugin my_auth_ed25519;

/* NULL: not known. */
const struct my_auth_plugin *my_auth_find(struct slice name);

/*
 * ERR_UNSUPPORTED_AUTH: a method that is not known. ERR_PROTOCOL: data that
 * the method cannot work with. ERR_TLS: the method needs a private link (or a
 * key), which there is not.
 */
NODISCARD enum err my_auth_begin(struct my_auth *a, const struct my_credentials *cr,
                                 struct slice plugin, struct slice data, struct writer *reply);
NODISCARD enum err my_auth_more(struct my_auth *a, const struct my_credentials *cr,
                                struct slice data, struct writer *reply, bool *replied);

/*
 * For the methods: password and NUL, exclusive-or with the nonce over and
 * over, encrypted with the PEM key by RSA-OAEP (SHA-1). ERR_PROTOCOL: not an
 * RSA key, or one too small for the password.
 */
NODISCARD enum err my_auth_rsa(const struct my_auth *a, struct slice password, struct slice pem,
                               struct writer *reply);
