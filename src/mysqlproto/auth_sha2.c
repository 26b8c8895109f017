/*
 * caching_sha2_password and sha256_password (sql/auth/sha2_password.cc,
 * sql-common/client_authentication.cc).
 *
 * caching_sha2_password first tries what the server has in its cache:
 *
 *   SHA256(p) xor SHA256(SHA256(SHA256(p)) || scramble)
 *
 * to which the server answers 0x03 (taken) or 0x04 (not in the cache: show the
 * password itself). sha256_password always shows it. On a private link it goes
 * as it is, with a NUL; on an open one encrypted with the server's RSA key,
 * which 0x02 (caching_sha2) or 0x01 (sha256) asks for.
 */
#include "base/writer.h"
#include "mysqlproto/auth.h"
#include "mysqlproto/handshake.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define SHA256_LEN           32
#define FAST_AUTH_OK         3
#define FULL_AUTH            4
#define CACHING_SHA2_ASK_KEY 2
#define SHA256_ASK_KEY       1
#define RSA_OUT_MAX          2048 /* a key of 16384 bits */
#define PASSWORD_MAX         1024

static bool sha256(const void *p, size_t n, uint8_t out[SHA256_LEN])
{
    return EVP_Digest(p, n, out, NULL, EVP_sha256(), NULL) == 1;
}

/* The password and its NUL, masked with the nonce. */
static enum err mask_password(const struct my_auth *a, struct slice password,
                              uint8_t out[PASSWORD_MAX])
{
    if (password.len >= PASSWORD_MAX)
        return ERR_CONFIG;
    if (a->nonce_len < MY_SCRAMBLE_LEN)
        return ERR_PROTOCOL;
    memcpy(out, password.ptr, password.len);
    out[password.len] = 0;
    for (size_t i = 0; i <= password.len; i++)
        out[i] ^= a->nonce[i % MY_SCRAMBLE_LEN];
    return ERR_OK;
}

static bool rsa_encrypt(EVP_PKEY *key, const uint8_t *plain, size_t n, struct writer *reply)
{
    uint8_t out[RSA_OUT_MAX];
    size_t out_len = sizeof(out);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok = ctx != NULL && EVP_PKEY_get_size(key) <= RSA_OUT_MAX &&
              EVP_PKEY_encrypt_init(ctx) > 0 &&
              EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
              EVP_PKEY_encrypt(ctx, out, &out_len, plain, n) > 0;
    EVP_PKEY_CTX_free(ctx);
    if (ok)
        writer_put(reply, out, out_len);
    return ok;
}

enum err my_auth_rsa(const struct my_auth *a, struct slice password, struct slice pem,
                     struct writer *reply)
{
    uint8_t plain[PASSWORD_MAX];
    if (pem.len == 0 || pem.len > MY_KEY_PEM_MAX)
        return ERR_PROTOCOL;
    TRY(mask_password(a, password, plain));
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    bool ok = key != NULL && EVP_PKEY_is_a(key, "RSA") &&
              rsa_encrypt(key, plain, password.len + 1, reply);
    EVP_PKEY_free(key);
    BIO_free(bio);
    OPENSSL_cleanse(plain, sizeof(plain));
    ERR_clear_error(); /* what failed is told by our own code */
    return ok ? reply->err : ERR_PROTOCOL;
}

/* Shows the password in the way that the link allows. */
static enum err show_password(struct my_auth *a, const struct my_credentials *cr, uint8_t ask_key,
                              struct writer *reply)
{
    if (cr->private_link) {
        writer_cstr(reply, cr->password);
        return reply->err;
    }
    if (cr->key_pem.len > 0)
        return my_auth_rsa(a, cr->password, cr->key_pem, reply);
    if (!cr->fetch_key)
        return ERR_TLS;
    writer_u8(reply, ask_key);
    a->want_key = true;
    return reply->err;
}

/* The key that was asked for has come. */
static enum err use_key(struct my_auth *a, const struct my_credentials *cr, struct slice pem,
                        struct writer *reply, bool *replied)
{
    a->want_key = false;
    TRY(my_auth_rsa(a, cr->password, pem, reply));
    a->key_fetched = true;
    *replied = true;
    return ERR_OK;
}

static enum err caching_sha2_begin(struct my_auth *a, const struct my_credentials *cr,
                                   struct writer *reply)
{
    uint8_t once[SHA256_LEN], seed[SHA256_LEN + MY_SCRAMBLE_LEN], mask[SHA256_LEN];
    if (cr->password.len == 0)
        return ERR_OK;
    if (a->nonce_len < MY_SCRAMBLE_LEN)
        return ERR_PROTOCOL;
    memcpy(seed + SHA256_LEN, a->nonce, MY_SCRAMBLE_LEN);
    bool ok = sha256(cr->password.ptr, cr->password.len, once) && sha256(once, SHA256_LEN, seed) &&
              sha256(seed, sizeof(seed), mask);
    for (size_t i = 0; i < SHA256_LEN; i++)
        mask[i] ^= once[i];
    if (ok)
        writer_put(reply, mask, SHA256_LEN);
    OPENSSL_cleanse(once, sizeof(once));
    return ok ? reply->err : ERR_SYSTEM;
}

static enum err caching_sha2_more(struct my_auth *a, const struct my_credentials *cr,
                                  struct slice data, struct writer *reply, bool *replied)
{
    if (a->want_key)
        return use_key(a, cr, data, reply, replied);
    if (data.len != 1)
        return ERR_PROTOCOL;
    if (data.ptr[0] == FAST_AUTH_OK)
        return ERR_OK; /* OK or ERR follows */
    if (data.ptr[0] != FULL_AUTH)
        return ERR_PROTOCOL;
    *replied = true;
    return show_password(a, cr, CACHING_SHA2_ASK_KEY, reply);
}

static enum err sha256_begin(struct my_auth *a, const struct my_credentials *cr,
                             struct writer *reply)
{
    if (cr->password.len == 0) {
        writer_u8(reply, 0);
        return reply->err;
    }
    return show_password(a, cr, SHA256_ASK_KEY, reply);
}

static enum err sha256_more(struct my_auth *a, const struct my_credentials *cr, struct slice data,
                            struct writer *reply, bool *replied)
{
    return a->want_key ? use_key(a, cr, data, reply, replied) : ERR_PROTOCOL;
}

const struct my_auth_plugin my_auth_caching_sha2 = {
    .name = "caching_sha2_password",
    .begin = caching_sha2_begin,
    .more = caching_sha2_more,
};

const struct my_auth_plugin my_auth_sha256 = {
    .name = "sha256_password",
    .begin = sha256_begin,
    .more = sha256_more,
};
