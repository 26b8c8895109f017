/*
 * MariaDB's client_ed25519 (plugin/auth_ed25519): an Ed25519 signature over the
 * server's nonce of 32 bytes. Unlike in RFC 8032 the secret that is hashed is
 * the password itself, of any length, so signing functions that take a seed of
 * 32 bytes do not fit. libsodium has the arithmetic that signing is made of:
 *
 *   h = SHA512(password)           a = h[0..31], clamped
 *   A = a * B                      r = SHA512(h[32..63] || nonce) mod L
 *   R = r * B                      k = SHA512(R || A || nonce) mod L
 *   s = r + k * a mod L            reply: R || s
 */
#include "base/writer.h"
#include "mysqlproto/auth.h"

#include <sodium.h>

#define NONCE_LEN  32
#define POINT_LEN  crypto_core_ed25519_BYTES
#define SCALAR_LEN crypto_core_ed25519_SCALARBYTES
#define HASH_LEN   crypto_hash_sha512_BYTES

static void hash_parts(const uint8_t *const parts[], size_t count, uint8_t out[HASH_LEN])
{
    crypto_hash_sha512_state st;
    crypto_hash_sha512_init(&st);
    for (size_t i = 0; i < count; i++)
        crypto_hash_sha512_update(&st, parts[i], 32);
    crypto_hash_sha512_final(&st, out);
}

static bool sign(struct slice password, const uint8_t nonce[NONCE_LEN],
                 uint8_t out[POINT_LEN + SCALAR_LEN])
{
    uint8_t h[HASH_LEN], wide[HASH_LEN];
    uint8_t public_key[POINT_LEN], r[SCALAR_LEN], k[SCALAR_LEN], ka[SCALAR_LEN];

    crypto_hash_sha512(h, password.ptr, password.len);
    h[0] &= 248;
    h[31] = (uint8_t)((h[31] & 127) | 64);
    bool ok = crypto_scalarmult_ed25519_base_noclamp(public_key, h) == 0;

    hash_parts((const uint8_t *const[]){h + 32, nonce}, 2, wide);
    crypto_core_ed25519_scalar_reduce(r, wide);
    ok = ok && crypto_scalarmult_ed25519_base_noclamp(out, r) == 0;

    hash_parts((const uint8_t *const[]){out, public_key, nonce}, 3, wide);
    crypto_core_ed25519_scalar_reduce(k, wide);
    crypto_core_ed25519_scalar_mul(ka, k, h);
    crypto_core_ed25519_scalar_add(out + POINT_LEN, r, ka);
    sodium_memzero(h, sizeof(h));
    sodium_memzero(r, sizeof(r));
    sodium_memzero(ka, sizeof(ka));
    return ok;
}

static enum err ed25519_begin(struct my_auth *a, const struct my_credentials *cr,
                              struct writer *reply)
{
    uint8_t signature[POINT_LEN + SCALAR_LEN];
    if (a->nonce_len < NONCE_LEN)
        return ERR_PROTOCOL;
    if (sodium_init() < 0 || !sign(cr->password, a->nonce, signature))
        return ERR_SYSTEM;
    writer_put(reply, signature, sizeof(signature));
    return reply->err;
}

const struct my_auth_plugin my_auth_ed25519 = {
    .name = "client_ed25519",
    .begin = ed25519_begin,
};
