#include "mysqlproto/auth.h"

#include "base/writer.h"

#include <criterion/criterion.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>

/* Vectors: hashlib and a big-integer Ed25519, nonces 01 02 ... and 00 01 ... */
#define SCRAMBLE "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14"
#define NONCE32                                                                                    \
    "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15"     \
    "\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"

struct dialogue {
    struct my_auth auth;
    struct my_credentials cr;
    struct writer reply;
};

static void setup(struct dialogue *d, const char *password)
{
    *d = (struct dialogue){0};
    d->cr.password = slice_str(password);
    d->cr.key_pem = SLICE_LIT("");
    writer_init(&d->reply, 4096);
}

static enum err begin(struct dialogue *d, const char *plugin, struct slice data)
{
    return my_auth_begin(&d->auth, &d->cr, slice_str(plugin), data, &d->reply);
}

static enum err more(struct dialogue *d, struct slice data, bool *replied)
{
    writer_clear(&d->reply);
    return my_auth_more(&d->auth, &d->cr, data, &d->reply, replied);
}

static void expect_hex(struct dialogue *d, const char *hex)
{
    char text[512] = "";
    for (size_t i = 0; i < d->reply.len && i < 250; i++)
        snprintf(text + 2 * i, 3, "%02x", d->reply.base[i]);
    cr_assert_str_eq(text, hex);
}

static void expect_reply(const char *plugin, const char *password, struct slice data,
                         const char *hex)
{
    struct dialogue d;
    setup(&d, password);
    cr_assert_eq(begin(&d, plugin, data), ERR_OK);
    expect_hex(&d, hex);
    writer_fini(&d.reply);
}

Test(auth, native_password)
{
    expect_reply("mysql_native_password", "secret", SLICE_LIT(SCRAMBLE "\0"),
                 "b32bb3a583e1340c0a1108d58b1be49781ad8c2f");
    expect_reply("mysql_native_password", "", SLICE_LIT(SCRAMBLE "\0"), "");
}

Test(auth, caching_sha2_fast_path)
{
    expect_reply("caching_sha2_password", "secret", SLICE_LIT(SCRAMBLE "\0"),
                 "746ebe205d56a0707acb3e796e834e0dd7b1d61743b26bd5202c7a623230c7c9");
    expect_reply("caching_sha2_password", "", SLICE_LIT(SCRAMBLE), "");
}

Test(auth, ed25519_signs_with_the_hashed_password)
{
    expect_reply("client_ed25519", "secret", SLICE_LIT(NONCE32),
                 "546c3e9311d19ee389d1ae5d945821bfe459423910136f16b3bd2ae89fd7d63b"
                 "449e689f4be812891a85b8f999076446d92adb83d0707215aaa60b5a23220907");
    expect_reply("client_ed25519", "", SLICE_LIT(NONCE32),
                 "1e7e2c09c0c0e5f755a202872d95c85c4b14d23a888e9c40a0e9323e1ed28dd4"
                 "aee4a8197c2d2ca26942bf6496d61c60c63661959ab57706eb0bfda05749ad0f");
}

Test(auth, sha256_shows_the_password_on_a_private_link_only)
{
    struct dialogue d;
    setup(&d, "secret");
    d.cr.private_link = true;
    cr_assert_eq(begin(&d, "sha256_password", SLICE_LIT(SCRAMBLE "\0")), ERR_OK);
    expect_hex(&d, "73656372657400");
    writer_clear(&d.reply);
    d.cr.private_link = false;
    cr_assert_eq(begin(&d, "sha256_password", SLICE_LIT(SCRAMBLE "\0")), ERR_TLS);
    cr_assert_eq(d.reply.len, 0);
    d.cr.fetch_key = true;
    cr_assert_eq(begin(&d, "sha256_password", SLICE_LIT(SCRAMBLE "\0")), ERR_OK);
    expect_hex(&d, "01");
    writer_fini(&d.reply);
    expect_reply("sha256_password", "", SLICE_LIT(SCRAMBLE), "00");
}

Test(auth, caching_sha2_full_authentication_on_a_private_link)
{
    struct dialogue d;
    bool replied;
    setup(&d, "secret");
    d.cr.private_link = true;
    cr_assert_eq(begin(&d, "caching_sha2_password", SLICE_LIT(SCRAMBLE "\0")), ERR_OK);
    cr_assert_eq(more(&d, SLICE_LIT("\x03"), &replied), ERR_OK);
    cr_assert_not(replied);
    cr_assert_eq(more(&d, SLICE_LIT("\x04"), &replied), ERR_OK);
    cr_assert(replied);
    expect_hex(&d, "73656372657400");
    cr_assert_not(d.auth.key_fetched);
    writer_fini(&d.reply);
}

Test(auth, caching_sha2_keeps_the_password_on_an_open_link_without_a_key)
{
    struct dialogue d;
    bool replied;
    setup(&d, "secret");
    cr_assert_eq(begin(&d, "caching_sha2_password", SLICE_LIT(SCRAMBLE "\0")), ERR_OK);
    cr_assert_eq(more(&d, SLICE_LIT("\x04"), &replied), ERR_TLS);
    cr_assert_eq(d.reply.len, 0);
    writer_fini(&d.reply);
}

static EVP_PKEY *make_key(char *pem, size_t cap)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    cr_assert_eq(PEM_write_bio_PUBKEY(bio, key), 1);
    int n = BIO_read(bio, pem, (int)cap - 1);
    cr_assert_gt(n, 0);
    pem[n] = '\0';
    BIO_free(bio);
    return key;
}

/* Undoes what the server has to undo: RSA, then the mask. */
static void expect_encrypted(struct dialogue *d, EVP_PKEY *key, const char *password)
{
    uint8_t plain[512];
    size_t n = sizeof(plain);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    cr_assert_eq(d->reply.len, 256);
    cr_assert_gt(EVP_PKEY_decrypt_init(ctx), 0);
    cr_assert_gt(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 0);
    cr_assert_gt(EVP_PKEY_decrypt(ctx, plain, &n, d->reply.base, d->reply.len), 0);
    EVP_PKEY_CTX_free(ctx);
    cr_assert_eq(n, strlen(password) + 1);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(plain[i] ^ (uint8_t)(i % 20 + 1), (uint8_t)password[i]);
}

Test(auth, a_fetched_key_encrypts_the_password_and_is_remembered)
{
    static const char password[] = "a password that is longer than the scramble";
    struct dialogue d;
    char pem[1024];
    bool replied;
    EVP_PKEY *key = make_key(pem, sizeof(pem));
    setup(&d, password);
    d.cr.fetch_key = true;
    cr_assert_eq(begin(&d, "caching_sha2_password", SLICE_LIT(SCRAMBLE "\0")), ERR_OK);
    cr_assert_eq(more(&d, SLICE_LIT("\x04"), &replied), ERR_OK);
    expect_hex(&d, "02");
    cr_assert_not(d.auth.key_fetched);
    cr_assert_eq(more(&d, slice_str(pem), &replied), ERR_OK);
    cr_assert(replied);
    cr_assert(d.auth.key_fetched);
    expect_encrypted(&d, key, password);
    writer_fini(&d.reply);
    EVP_PKEY_free(key);
}

Test(auth, a_known_key_is_used_without_asking)
{
    struct dialogue d;
    char pem[1024];
    EVP_PKEY *key = make_key(pem, sizeof(pem));
    setup(&d, "secret");
    d.cr.key_pem = slice_str(pem);
    cr_assert_eq(begin(&d, "sha256_password", SLICE_LIT(SCRAMBLE "\0")), ERR_OK);
    expect_encrypted(&d, key, "secret");
    cr_assert_not(d.auth.key_fetched);
    writer_fini(&d.reply);
    EVP_PKEY_free(key);
}

Test(auth, what_is_no_rsa_key_is_refused)
{
    char pem[1024];
    EVP_PKEY *key = make_key(pem, sizeof(pem));
    for (size_t n = 0; n + 2 < strlen(pem); n += 7) {
        struct dialogue d;
        bool replied;
        setup(&d, "secret");
        d.cr.fetch_key = true;
        cr_assert_eq(begin(&d, "sha256_password", SLICE_LIT(SCRAMBLE "\0")), ERR_OK);
        cr_assert_eq(more(&d, slice_of(pem, n), &replied), ERR_PROTOCOL, "%zu bytes", n);
        cr_assert_eq(d.reply.len, 0);
        writer_fini(&d.reply);
    }
    EVP_PKEY_free(key);
}

Test(auth, a_password_too_long_for_the_key_is_refused)
{
    struct dialogue d;
    char pem[1024], password[301];
    EVP_PKEY *key = make_key(pem, sizeof(pem));
    memset(password, 'x', 300);
    password[300] = '\0';
    setup(&d, password);
    d.cr.key_pem = slice_str(pem);
    cr_assert_eq(begin(&d, "sha256_password", SLICE_LIT(SCRAMBLE "\0")), ERR_PROTOCOL);
    cr_assert_eq(d.reply.len, 0);
    writer_fini(&d.reply);
    EVP_PKEY_free(key);
}

Test(auth, a_short_or_long_scramble_is_refused)
{
    static const char *const plugins[] = {"mysql_native_password", "caching_sha2_password",
                                          "client_ed25519"};
    uint8_t data[MY_NONCE_MAX + 1] = {0};
    for (size_t i = 0; i < 3; i++) {
        struct dialogue d;
        setup(&d, "secret");
        cr_assert_eq(begin(&d, plugins[i], slice_of(data, 19)), ERR_PROTOCOL);
        cr_assert_eq(begin(&d, plugins[i], slice_of(data, sizeof(data))), ERR_PROTOCOL);
        cr_assert_eq(begin(&d, plugins[i], slice_of(data, MY_NONCE_MAX)), ERR_OK);
        writer_fini(&d.reply);
    }
}

Test(auth, other_methods_are_refused)
{
    static const char *const plugins[] = {"mysql_clear_password", "mysql_old_password", "dialog",
                                          "authentication_ldap_sasl_client", ""};
    for (size_t i = 0; i < 5; i++) {
        struct dialogue d;
        setup(&d, "secret");
        cr_assert_eq(begin(&d, plugins[i], SLICE_LIT(SCRAMBLE)), ERR_UNSUPPORTED_AUTH);
        cr_assert_eq(d.reply.len, 0);
        writer_fini(&d.reply);
    }
}

Test(auth, data_that_was_not_asked_for_is_refused)
{
    struct dialogue d;
    bool replied;
    setup(&d, "secret");
    cr_assert_eq(begin(&d, "mysql_native_password", SLICE_LIT(SCRAMBLE)), ERR_OK);
    cr_assert_eq(more(&d, SLICE_LIT("\x04"), &replied), ERR_PROTOCOL);
    writer_clear(&d.reply);
    cr_assert_eq(begin(&d, "caching_sha2_password", SLICE_LIT(SCRAMBLE)), ERR_OK);
    cr_assert_eq(more(&d, SLICE_LIT("\x05"), &replied), ERR_PROTOCOL);
    cr_assert_eq(more(&d, SLICE_LIT(""), &replied), ERR_PROTOCOL);
    cr_assert_eq(more(&d, SLICE_LIT("-----BEGIN PUBLIC KEY-----"), &replied), ERR_PROTOCOL);
    writer_fini(&d.reply);
}
