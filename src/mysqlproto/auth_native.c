/*
 * mysql_native_password (sql/auth/password.cc):
 *
 *   SHA1(p) xor SHA1(scramble || SHA1(SHA1(p)))
 *
 * and nothing for an empty password.
 */
#include "base/writer.h"
#include "mysqlproto/auth.h"
#include "mysqlproto/handshake.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define SHA1_LEN 20

static bool sha1(const void *p, size_t n, uint8_t out[SHA1_LEN])
{
    return EVP_Digest(p, n, out, NULL, EVP_sha1(), NULL) == 1;
}

static enum err native_begin(struct my_auth *a, const struct my_credentials *cr,
                             struct writer *reply)
{
    uint8_t once[SHA1_LEN], seed[MY_SCRAMBLE_LEN + SHA1_LEN], mask[SHA1_LEN];
    if (cr->password.len == 0)
        return ERR_OK;
    if (a->nonce_len < MY_SCRAMBLE_LEN)
        return ERR_PROTOCOL;
    memcpy(seed, a->nonce, MY_SCRAMBLE_LEN);
    bool ok = sha1(cr->password.ptr, cr->password.len, once) &&
              sha1(once, SHA1_LEN, seed + MY_SCRAMBLE_LEN) && sha1(seed, sizeof(seed), mask);
    for (size_t i = 0; i < SHA1_LEN; i++)
        mask[i] ^= once[i];
    if (ok)
        writer_put(reply, mask, SHA1_LEN);
    OPENSSL_cleanse(once, sizeof(once));
    return ok ? reply->err : ERR_SYSTEM;
}

const struct my_auth_plugin my_auth_native = {
    .name = "mysql_native_password",
    .begin = native_begin,
};
