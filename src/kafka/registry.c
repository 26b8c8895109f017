#include "kafka/registry.h"

#include "base/utf8.h"
#include "base/writer.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX   (64u << 10) /* bytes; a registry's answers have a few hundred */
#define MESSAGE_SHOW 240         /* bytes of its message that a sentence quotes */

struct registry {
    CURL *curl;
    struct curl_slist *headers;
    char *url; /* without a slash at its end */
    char *user;
    char *password;
    char *tls_ca;
    struct writer answer;
    char why[CURL_ERROR_SIZE];
};

static size_t take_answer(char *bytes, size_t size, size_t count, void *arg)
{
    struct registry *r = arg;
    writer_put(&r->answer, bytes, size * count);
    return r->answer.err == ERR_OK ? size * count : 0;
}

/* A copy, or NULL; *failed is set when there was something to copy. */
static char *copy(const char *text, bool *failed)
{
    char *s = text != NULL ? strdup(text) : NULL;
    if (text != NULL && s == NULL)
        *failed = true;
    return s;
}

/* Sets what is the same for all requests. */
static bool set_up(struct registry *r, int timeout_ms)
{
    CURL *c = r->curl;
    CURLcode e = CURLE_OK;
    e |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    e |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    e |= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    e |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
    e |= curl_easy_setopt(c, CURLOPT_HTTPHEADER, r->headers);
    e |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_answer);
    e |= curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
    e |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, r->why);
    e |=
        curl_easy_setopt(c, CURLOPT_PROXY, ""); /* the task file says where to go, no environment */
    e |= curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    if (r->user != NULL) {
        e |= curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        e |= curl_easy_setopt(c, CURLOPT_USERNAME, r->user);
        e |= curl_easy_setopt(c, CURLOPT_PASSWORD, r->password != NULL ? r->password : "");
    }
    if (r->tls_ca != NULL)
        e |= curl_easy_setopt(c, CURLOPT_CAINFO, r->tls_ca);
    return e == CURLE_OK;
}

enum err registry_new(const struct registry_options *o, struct registry **out, struct errmsg *em)
{
    bool failed = false;
    struct registry *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory for the schema registry's client");
    writer_init(&r->answer, ANSWER_MAX);
    r->url = copy(o->url, &failed);
    r->user = copy(o->user, &failed);
    r->password = copy(o->password, &failed);
    r->tls_ca = copy(o->tls_ca, &failed);
    for (size_t n = failed ? 0 : strlen(r->url); n > 0 && r->url[n - 1] == '/'; n--)
        r->url[n - 1] = 0;
    r->headers = curl_slist_append(NULL, "Content-Type: application/vnd.schemaregistry.v1+json");
    struct curl_slist *more = curl_slist_append(
        r->headers, "Accept: application/vnd.schemaregistry.v1+json, application/json");
    /* Large bodies would wait a second for leave to be sent. */
    struct curl_slist *most = more != NULL ? curl_slist_append(more, "Expect:") : NULL;
    failed |= curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK;
    r->curl = failed ? NULL : curl_easy_init();
    if (most == NULL || r->curl == NULL || !set_up(r, o->timeout_ms)) {
        registry_free(r);
        return errmsg_set(em, ERR_NO_MEMORY, "the schema registry's client cannot be set up");
    }
    *out = r;
    return ERR_OK;
}

void registry_free(struct registry *r)
{
    if (r == NULL)
        return;
    curl_easy_cleanup(r->curl);
    curl_slist_free_all(r->headers);
    writer_fini(&r->answer);
    free(r->url);
    free(r->user);
    free(r->password);
    free(r->tls_ca);
    free(r);
}

/* {"schema":"..."}; free() it. NULL: no memory, or no UTF-8. */
static char *body_of(struct slice schema)
{
    json_t *text = json_stringn((const char *)schema.ptr, schema.len);
    json_t *object = json_object();
    char *body = NULL;
    if (text != NULL && object != NULL && json_object_set(object, "schema", text) == 0)
        body = json_dumps(object, JSON_COMPACT);
    json_decref(text);
    json_decref(object);
    return body;
}

/* The request could not be made, or had no answer. */
static enum err describe_failure(const struct registry *r, CURLcode code, struct errmsg *em)
{
    const char *why = r->why[0] != 0 ? r->why : curl_easy_strerror(code);
    switch ((int)code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return errmsg_set(em, ERR_DEST_DENIED,
                          "schema registry %s: TLS cannot be agreed (%s): check "
                          "destination.schema_registry and destination.tls_ca",
                          r->url, why);
    case CURLE_WRITE_ERROR:
        return errmsg_set(em, ERR_DEST_REFUSED,
                          "schema registry %s: an answer of more than %u bytes, which no schema "
                          "registry gives: check destination.schema_registry",
                          r->url, ANSWER_MAX);
    case CURLE_URL_MALFORMAT:
        return errmsg_set(em, ERR_DEST_REFUSED,
                          "schema registry %s: %s: check "
                          "destination.schema_registry",
                          r->url, why);
    case CURLE_OUT_OF_MEMORY:
        return errmsg_set(em, ERR_NO_MEMORY, "schema registry %s: out of memory", r->url);
    default:
        return errmsg_set(em, ERR_BROKER_DOWN, "schema registry %s cannot be reached: %s", r->url,
                          why);
    }
}

/* The registry's own words: on one line, without what could upset a terminal. */
static const char *words_of(const json_t *answer, char buf[MESSAGE_SHOW + 4])
{
    const char *message = json_string_value(json_object_get(answer, "message"));
    if (message == NULL)
        return "no reason given";
    size_t n = strlen(message);
    bool cut = n > MESSAGE_SHOW;
    n = utf8_valid_len(slice_of(message, cut ? MESSAGE_SHOW : n));
    for (size_t i = 0; i < n; i++)
        buf[i] = (unsigned char)message[i] < ' ' || message[i] == 0x7F ? ' ' : message[i];
    memcpy(buf + n, cut ? "..." : "", cut ? 4 : 1);
    return buf;
}

static enum err describe_refusal(const struct registry *r, long status, const char *subject,
                                 const json_t *answer, struct errmsg *em)
{
    char buf[MESSAGE_SHOW + 4];
    const char *words = words_of(answer, buf);
    switch (status) {
    case 401:
    case 403:
        return errmsg_set(em, ERR_DEST_DENIED,
                          "schema registry %s denies access (%ld: %s): check "
                          "destination.schema_registry_user and its password",
                          r->url, status, words);
    case 404:
        return errmsg_set(em, ERR_DEST_REFUSED,
                          "schema registry %s knows no such path (404: %s): check "
                          "destination.schema_registry, which may have to end with a path as "
                          "/apis/ccompat/v7",
                          r->url, words);
    case 409:
        return errmsg_set(em, ERR_DEST_REFUSED,
                          "schema registry %s: subject %s holds another schema, which this one is "
                          "not compatible with (409: %s): choose another topic, or set the "
                          "subject's compatibility to NONE",
                          r->url, subject, words);
    case 422:
        return errmsg_set(em, ERR_DEST_REFUSED,
                          "schema registry %s takes no schema of this kind for subject %s (422: "
                          "%s): it must take Avro",
                          r->url, subject, words);
    case 429:
    case 502:
    case 503:
    case 504:
        return errmsg_set(em, ERR_BROKER_DOWN, "schema registry %s is not ready (%ld: %s)", r->url,
                          status, words);
    default:
        return errmsg_set(em, ERR_DEST_REFUSED,
                          "schema registry %s refuses the schema of subject %s (%ld: %s): its own "
                          "log may say more",
                          r->url, subject, status, words);
    }
}

static enum err describe_stranger(const struct registry *r, long status, struct errmsg *em)
{
    const char *type = NULL;
    (void)curl_easy_getinfo(r->curl, CURLINFO_CONTENT_TYPE, &type);
    return errmsg_set(em, ERR_DEST_REFUSED,
                      "%s does not answer as a schema registry does (status %ld, %.60s): check "
                      "destination.schema_registry",
                      r->url, status, type != NULL && type[0] != 0 ? type : "no content type");
}

/* The id of an answer; the sentence where there is none. */
static enum err read_answer(const struct registry *r, const char *subject, uint32_t *id,
                            struct errmsg *em)
{
    long status = 0;
    (void)curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
    struct slice text = writer_slice(&r->answer);
    json_t *answer = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    enum err e;
    json_t *number = json_object_get(answer, "id");
    /* A proxy before a registry that is away speaks HTML: worth a retry as its own words. */
    bool away = status == 429 || status == 502 || status == 503 || status == 504;
    bool says_why = status == 401 || status == 403 || status == 404;
    if (status >= 400 && (json_is_object(answer) || away || says_why)) {
        e = describe_refusal(r, status, subject, answer, em);
    } else if (status != 200 || !json_is_integer(number)) {
        e = describe_stranger(r, status, em);
    } else if (json_integer_value(number) < 0 || json_integer_value(number) > INT32_MAX) {
        e = describe_stranger(r, status, em);
    } else {
        *id = (uint32_t)json_integer_value(number);
        e = ERR_OK;
    }
    json_decref(answer);
    return e;
}

static enum err request(struct registry *r, const char *subject, const char *body, uint32_t *id,
                        struct errmsg *em)
{
    struct writer url;
    char *escaped = curl_easy_escape(r->curl, subject, 0);
    writer_init(&url, 64u << 10);
    writer_printf(&url, "%s/subjects/%s/versions", r->url, escaped != NULL ? escaped : "");
    writer_u8(&url, 0);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (escaped != NULL && url.err == ERR_OK) {
        r->why[0] = 0;
        writer_clear(&r->answer);
        code = curl_easy_setopt(r->curl, CURLOPT_URL, (const char *)url.base);
        if (code == CURLE_OK)
            code = curl_easy_setopt(r->curl, CURLOPT_POSTFIELDS, body);
        if (code == CURLE_OK)
            code = curl_easy_perform(r->curl);
    }
    curl_free(escaped);
    writer_fini(&url);
    return code == CURLE_OK ? read_answer(r, subject, id, em) : describe_failure(r, code, em);
}

enum err registry_register(struct registry *r, const char *topic, struct slice schema,
                           uint8_t frame[REGISTRY_FRAME_LEN], struct errmsg *em)
{
    uint32_t id = 0;
    char *body = body_of(schema);
    struct writer subject;
    writer_init(&subject, 4096);
    writer_printf(&subject, "%s-value", topic);
    writer_u8(&subject, 0);
    enum err e = ERR_NO_MEMORY;
    if (body != NULL && subject.err == ERR_OK)
        e = request(r, (const char *)subject.base, body, &id, em);
    else
        errmsg_set(em, e, "out of memory for the schema of topic %s", topic);
    free(body);
    writer_fini(&subject);
    if (e != ERR_OK)
        return e;
    frame[0] = 0;
    for (unsigned i = 0; i < 4; i++)
        frame[1 + i] = (uint8_t)(id >> (24 - 8 * i));
    return ERR_OK;
}

static enum err read_config(const struct registry *r, struct errmsg *em)
{
    long status = 0;
    (void)curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
    struct slice text = writer_slice(&r->answer);
    json_t *answer = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    enum err e = ERR_OK;
    if (status >= 400 && (json_is_object(answer) || status == 401 || status == 403))
        e = describe_refusal(r, status, "(none)", answer, em);
    else if (status != 200 || !json_is_object(answer))
        e = describe_stranger(r, status, em);
    json_decref(answer);
    return e;
}

/* Its settings are the smallest thing that every registry tells. */
enum err registry_reach(struct registry *r, struct errmsg *em)
{
    struct writer url;
    writer_init(&url, 64u << 10);
    writer_printf(&url, "%s/config", r->url);
    writer_u8(&url, 0);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (url.err == ERR_OK) {
        r->why[0] = 0;
        writer_clear(&r->answer);
        code = curl_easy_setopt(r->curl, CURLOPT_URL, (const char *)url.base);
        if (code == CURLE_OK)
            code = curl_easy_setopt(r->curl, CURLOPT_HTTPGET, 1L);
        if (code == CURLE_OK)
            code = curl_easy_perform(r->curl);
    }
    writer_fini(&url);
    return code == CURLE_OK ? read_config(r, em) : describe_failure(r, code, em);
}
