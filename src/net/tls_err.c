/* The one file where OpenSSL's errors become codes and sentences of ours. */
#include "net/loop_int.h"
#include "net/tls_int.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static void describe(char *buf, size_t cap, unsigned long code)
{
    const char *text =
        ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
    if (code == 0)
        text = "no reason given";
    if (text != NULL)
        snprintf(buf, cap, "%s", text);
    else
        snprintf(buf, cap, "OpenSSL error %lx", code);
}

/* The oldest error of the queue, which is the cause of the others, in words. Empties the queue. */
static const char *first_reason(char *buf, size_t cap)
{
    describe(buf, cap, ERR_peek_error());
    ERR_clear_error();
    return buf;
}

/* What an error says about a file, for whoever wrote its name into the configuration. */
static const char *known_file_reason(unsigned long code)
{
    int lib = ERR_GET_LIB(code), reason = ERR_GET_REASON(code);
    if (lib == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE)
        return "it holds none in PEM form";
    if (lib == ERR_LIB_X509 && reason == X509_R_NO_CERTIFICATE_OR_CRL_FOUND)
        return "it holds none in PEM form";
    if (lib == ERR_LIB_X509 && reason == X509_R_KEY_VALUES_MISMATCH)
        return "it does not belong to the certificate";
    /* What our refusal to ask for a passphrase turns into. */
    if (reason == PEM_R_BAD_PASSWORD_READ && lib == ERR_LIB_PEM)
        return "it is protected by a passphrase; take one that is not";
    if (reason == ERR_R_INTERRUPTED_OR_CANCELLED)
        return "it is protected by a passphrase; take one that is not";
    return NULL;
}

/* The same in words: one that we know anywhere in the queue, else the oldest. Empties it. */
static const char *file_reason(char *buf, size_t cap)
{
    describe(buf, cap, ERR_peek_error());
    unsigned long code;
    const char *known = NULL;
    while ((code = ERR_get_error()) != 0)
        known = known != NULL ? known : known_file_reason(code);
    return known != NULL ? known : buf;
}

enum err tls_file_error(struct errmsg *em, const char *what, const char *file)
{
    char buf[160];
    return errmsg_set(em, ERR_CONFIG, "TLS: %s cannot be taken from %s: %s", what, file,
                      file_reason(buf, sizeof(buf)));
}

enum err tls_setup_error(struct errmsg *em, const char *what)
{
    char buf[160];
    return errmsg_set(em, ERR_SYSTEM, "TLS: OpenSSL cannot set up %s: %s", what,
                      first_reason(buf, sizeof(buf)));
}

/* --- certificates --- */

static void write_subject(char *out, size_t cap, X509 *cert)
{
    BIO *mem = BIO_new(BIO_s_mem());
    if (mem == NULL)
        return;
    /* RFC 2253 form escapes whatever could disturb a log line. */
    X509_NAME_print_ex(mem, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253);
    int n = BIO_read(mem, out, (int)cap - 1);
    out[n > 0 ? n : 0] = 0;
    BIO_free(mem);
}

static size_t add_name(char *out, size_t cap, size_t used, const GENERAL_NAME *name)
{
    char text[64];
    const uint8_t *p = NULL;
    int len = 0;
    if (name->type == GEN_DNS) {
        p = ASN1_STRING_get0_data(name->d.dNSName);
        len = ASN1_STRING_length(name->d.dNSName);
    } else if (name->type == GEN_IPADD) {
        const uint8_t *a = ASN1_STRING_get0_data(name->d.iPAddress);
        int alen = ASN1_STRING_length(name->d.iPAddress);
        if ((alen == 4 || alen == 16) &&
            inet_ntop(alen == 4 ? AF_INET : AF_INET6, a, text, sizeof(text)) != NULL) {
            p = (const uint8_t *)text;
            len = (int)strlen(text);
        }
    }
    if (p == NULL || used + (size_t)len + 3 > cap)
        return used;
    if (used > 0) {
        out[used++] = ',';
        out[used++] = ' ';
    }
    for (int i = 0; i < len; i++)
        out[used++] = p[i] > 0x20 && p[i] < 0x7F ? (char)p[i] : '?';
    out[used] = 0;
    return used;
}

static void write_names(char *out, size_t cap, X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    size_t used = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        used = add_name(out, cap, used, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
}

int tls_verify_callback(int ok, X509_STORE_CTX *store)
{
    if (ok)
        return 1;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *t = SSL_get_app_data(ssl);
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    t->verify_error = X509_STORE_CTX_get_error(store);
    if (cert != NULL) {
        write_subject(t->subject, sizeof(t->subject), cert);
        write_names(t->names, sizeof(t->names), cert);
    }
    return 0;
}

static enum err certificate_error(const struct tls *t, struct errmsg *em)
{
    const char *subject = t->subject[0] != 0 ? t->subject : "(no subject)";
    if (t->verify_error == X509_V_ERR_HOSTNAME_MISMATCH ||
        t->verify_error == X509_V_ERR_IP_ADDRESS_MISMATCH)
        return errmsg_set(em, ERR_TLS,
                          "the server's certificate %s is not for %s%s%s: use a name that it is "
                          "for, or verify-ca",
                          subject, t->want, t->names[0] != 0 ? " but for " : "", t->names);
    return errmsg_set(em, ERR_TLS, "certificate %s is refused: %s (authorities: %s)", subject,
                      X509_verify_cert_error_string(t->verify_error),
                      t->ca != NULL ? t->ca : "those of the system");
}

/* --- streams --- */

/* The alert that the peer sent, by its number; 0 when the error is not an alert. */
static int peer_alert(void)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    return reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256
               ? reason - SSL_AD_REASON_OFFSET
               : 0;
}

enum err tls_handshake_error(struct net_conn *c, struct errmsg *em)
{
    char buf[160];
    unsigned long code = ERR_peek_error();
    int alert = peer_alert();
    bool ssl = ERR_GET_LIB(code) == ERR_LIB_SSL;
    if (ssl && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && c->tls->verify_error) {
        ERR_clear_error();
        return certificate_error(c->tls, em);
    }
    if (alert != 0) {
        ERR_clear_error();
        return errmsg_set(em, ERR_TLS, "the server refuses: %s", SSL_alert_desc_string_long(alert));
    }
    if (ssl && ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER) {
        ERR_clear_error();
        return errmsg_set(em, ERR_TLS, "what the server answers is not TLS 1.2 or 1.3");
    }
    return errmsg_set(em, ERR_TLS, "%s", first_reason(buf, sizeof(buf)));
}

enum err tls_stream_error(struct net_conn *c)
{
    char buf[160];
    int alert = peer_alert();
    /* With TLS 1.3 the peer judges our certificate only after we are done. */
    if (alert != 0 && !c->tls->heard) {
        ERR_clear_error();
        return errmsg_set(&c->em, ERR_TLS, "%s: TLS: the server refuses: %s", c->name,
                          SSL_alert_desc_string_long(alert));
    }
    return errmsg_set(&c->em, ERR_PROTOCOL, "%s: TLS stream broken: %s", c->name,
                      first_reason(buf, sizeof(buf)));
}
