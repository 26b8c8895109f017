#include "control/client.h"

#include "base/writer.h"
#include "control/http.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX (64u << 20)
#define ANSWER_S   10L

struct client_task {
    json_t *json;
};

static size_t take(char *data, size_t size, size_t count, void *writer)
{
    struct writer *w = writer;
    writer_put(w, data, size * count);
    return w->err == ERR_OK ? size * count : 0;
}

/* A request; *status 0 with ERR_UNREACHABLE when nobody answers. */
static enum err ask(const char *folder, const char *method, const char *path, struct writer *body,
                    long *status, struct errmsg *em)
{
    char socket[64], url[200], why[CURL_ERROR_SIZE] = "";
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* The folder's path may be too long for a socket's address, its descriptor is not. */
    snprintf(socket, sizeof(socket), "/proc/self/fd/%d/" HTTP_SOCKET_NAME, dir);
    snprintf(url, sizeof(url), "http://localhost%s", path);
    CURL *h = dir >= 0 ? curl_easy_init() : NULL;
    if (h == NULL) {
        if (dir >= 0)
            close(dir);
        return errmsg_set(em, ERR_UNREACHABLE, "%s: no task has run there yet", folder);
    }
    struct curl_slist *headers = curl_slist_append(NULL, "X-Rowcast-Request: 1");
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_TIMEOUT, ANSWER_S);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_PROXY, "");
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, body);
    if (strcmp(method, "POST") == 0) {
        curl_easy_setopt(h, CURLOPT_POST, 1L);
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, "");
    }
    CURLcode done = curl_easy_perform(h);
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(h);
    close(dir);
    if (done == CURLE_OK)
        return ERR_OK;
    if (done == CURLE_COULDNT_CONNECT)
        return errmsg_set(em, ERR_UNREACHABLE, "%s: the task does not run", folder);
    return errmsg_set(em, ERR_UNREACHABLE, "%s/" HTTP_SOCKET_NAME ": %s", folder,
                      why[0] != 0 ? why : curl_easy_strerror(done));
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "";
}

static double number_of(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

enum err client_look(const char *folder, struct client_task **out, char **text, struct errmsg *em)
{
    struct writer body;
    long status = 0;
    writer_init(&body, ANSWER_MAX);
    enum err e = ask(folder, "GET", "/api/v1/task", &body, &status, em);
    writer_u8(&body, 0);
    struct client_task *t = calloc(1, sizeof(*t));
    if (e == ERR_OK && t != NULL && body.err == ERR_OK)
        t->json = json_loads((const char *)body.base, 0, NULL);
    if (e == ERR_OK && (t == NULL || t->json == NULL || status != 200))
        e = errmsg_set(em, ERR_UNREACHABLE, "%s/" HTTP_SOCKET_NAME ": an answer that is none (%ld)",
                       folder, status);
    if (e != ERR_OK) {
        writer_fini(&body);
        client_task_free(t);
        return e;
    }
    *out = t;
    if (text != NULL)
        *text = (char *)body.base;
    else
        writer_fini(&body);
    return ERR_OK;
}

void client_task_free(struct client_task *t)
{
    if (t == NULL)
        return;
    json_decref(t->json);
    free(t);
}

enum err client_ask(const char *folder, const char *wish, struct errmsg *em)
{
    struct writer body;
    char path[64];
    long status = 0;
    writer_init(&body, 1u << 20);
    snprintf(path, sizeof(path), "/api/v1/task/%s", wish);
    enum err e = ask(folder, "POST", path, &body, &status, em);
    if (e == ERR_OK && (status < 200 || status > 299)) {
        json_t *problem = json_loadb((const char *)body.base, body.len, 0, NULL);
        e = errmsg_set(em, ERR_USAGE, "%s", text_of(problem, "detail"));
        json_decref(problem);
    }
    writer_fini(&body);
    return e;
}

const char *client_state(const struct client_task *t)
{
    return text_of(t->json, "state");
}

const char *client_acknowledged(const struct client_task *t)
{
    return text_of(json_object_get(t->json, "positions"), "acknowledged");
}

bool client_wants_nothing(const struct client_task *t)
{
    return json_is_null(json_object_get(t->json, "wanted"));
}

/* ---- for people ---- */

static void print_if(FILE *out, const char *name, const char *text)
{
    if (text[0] != 0)
        fprintf(out, "%-14s%s\n", name, text);
}

static const char *size_text(double n, char buf[32])
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    size_t i = 0;
    for (; n >= 1024 && i < 4; i++)
        n /= 1024;
    snprintf(buf, 32, i == 0 ? "%.0f %s" : "%.1f %s", n, units[i]);
    return buf;
}

static void print_lag(const json_t *task, FILE *out)
{
    const json_t *lag = json_object_get(task, "lag");
    const json_t *ack = json_object_get(lag, "commit_to_ack");
    char size[32];
    if (json_is_null(json_object_get(lag, "seconds")))
        fprintf(out, "%-14snot known yet", "lag");
    else
        fprintf(out, "%-14s%.1f s", "lag", number_of(lag, "seconds"));
    if (json_is_number(json_object_get(lag, "bytes_behind")))
        fprintf(out, ", %s of binlog behind", size_text(number_of(lag, "bytes_behind"), size));
    if (number_of(ack, "p50_seconds") > 0)
        fprintf(out, "; commit to acknowledged: half within %g s, 99 %% within %g s",
                number_of(ack, "p50_seconds"), number_of(ack, "p99_seconds"));
    fputc('\n', out);
}

static void print_copy(const json_t *task, FILE *out)
{
    size_t i;
    json_t *t;
    json_array_foreach(json_object_get(task, "copy"), i, t)
    {
        double rows = number_of(t, "rows"), all = number_of(t, "estimate");
        fprintf(out, "%-14s%s.%s  %s  %.0f rows", i == 0 ? "copy" : "", text_of(t, "database"),
                text_of(t, "table"), text_of(t, "state"), rows);
        if (all > 0)
            fprintf(out, "  %.0f %%", rows >= all ? 100.0 : rows * 100 / all);
        if (strcmp(text_of(t, "state"), "running") == 0)
            fprintf(out, "  %.0f/s", number_of(t, "rate"));
        if (json_is_number(json_object_get(t, "left_seconds")))
            fprintf(out, "  %.0f s left", number_of(t, "left_seconds"));
        fputc('\n', out);
    }
}

static void print_retry(const json_t *task, FILE *out)
{
    const json_t *r = json_object_get(task, "retrying");
    if (!json_is_object(r))
        return;
    fprintf(out, "%-14s%s since %s, %.0f tries, until %s\n", "retrying", text_of(r, "side"),
            text_of(r, "since"), number_of(r, "tries"), text_of(r, "window_end"));
}

void client_print(const struct client_task *t, FILE *out)
{
    const json_t *task = t->json, *positions = json_object_get(task, "positions");
    const json_t *rates = json_object_get(task, "rates"), *totals = json_object_get(task, "totals");
    const json_t *source = json_object_get(task, "source");
    char size[32];
    print_if(out, "task", text_of(task, "task"));
    fprintf(out, "%-14s%s since %s\n", "state", text_of(task, "state"), text_of(task, "since"));
    print_if(out, "wanted", text_of(task, "wanted"));
    print_if(out, "cause", text_of(task, "cause"));
    print_if(out, "what to do", text_of(task, "advice"));
    print_retry(task, out);
    const char *version = text_of(source, "version");
    fprintf(out, "%-14s%s%s%s\n", "source", text_of(source, "address"), version[0] != 0 ? " " : "",
            version);
    if (strcmp(text_of(task, "state"), "paused") == 0) {
        fprintf(out, "%-14snot looked at while it is paused\n", "lag");
    } else {
        print_lag(task, out);
        fprintf(out, "%-14s%.0f changes/s, %s/s\n", "rate", number_of(rates, "rows"),
                size_text(number_of(rates, "bytes"), size));
    }
    fprintf(out, "%-14s%.0f changes read, %.0f messages acknowledged\n", "so far",
            number_of(totals, "rows"), number_of(totals, "acknowledged_messages"));
    print_if(out, "acknowledged", text_of(positions, "acknowledged"));
    print_if(out, "restart at", text_of(positions, "durable"));
    print_copy(task, out);
}
