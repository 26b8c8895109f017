#include "control/courier.h"

#include "base/clock.h"
#include "base/cond.h"
#include "base/log.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAITING_MAX 16
#define TRIES       5
#define ANSWER_S    10L
#define COMMAND_MS  30000
#define NAP_MS      20

struct courier {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    char *webhook;
    char *command;
    char *messages[WAITING_MAX]; /* oldest first */
    size_t count;
    bool busy;
    bool ending;
    atomic_bool hurry; /* no time for another try */
};

static size_t swallow(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

static int give_up(void *courier, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&((struct courier *)courier)->hurry);
}

/* One POST. *why: what was wrong, for the log. */
static bool post(struct courier *c, const char *url, const char *message, char why[CURL_ERROR_SIZE])
{
    CURL *h = curl_easy_init();
    if (h == NULL)
        return false;
    long status = 0;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    why[0] = 0;
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_POSTFIELDS, message);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_USERAGENT, "rowcast/" ROWCAST_VERSION);
    curl_easy_setopt(h, CURLOPT_TIMEOUT, ANSWER_S);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, give_up);
    curl_easy_setopt(h, CURLOPT_XFERINFODATA, c);
    CURLcode done = curl_easy_perform(h);
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    if (done != CURLE_OK && why[0] == 0)
        snprintf(why, CURL_ERROR_SIZE, "%s", curl_easy_strerror(done));
    else if (done == CURLE_OK && (status < 200 || status > 299))
        snprintf(why, CURL_ERROR_SIZE, "it answered %ld", status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(h);
    return done == CURLE_OK && status >= 200 && status <= 299;
}

static void nap(uint64_t ms)
{
    nanosleep(
        &(struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000},
        NULL);
}

static void deliver(struct courier *c, const char *url, const char *message)
{
    char why[CURL_ERROR_SIZE] = "", quoted[400];
    for (int n = 0; n < TRIES; n++) {
        if (post(c, url, message, why)) {
            log_info("alert.sent", "to=webhook tries=%d", n + 1);
            return;
        }
        for (uint64_t ms = UINT64_C(1000) << n; ms > 0 && !atomic_load(&c->hurry);) {
            uint64_t step = ms < NAP_MS ? ms : NAP_MS;
            nap(step);
            ms -= step;
        }
        if (atomic_load(&c->hurry))
            break;
    }
    log_warn("alert.unsent", "to=webhook reason=%s", log_quote(quoted, sizeof(quoted), why));
}

/* ---- the command ---- */

extern char **environ;

/* Our environment with ROWCAST_ALERT; free() the block. Secrets of ours stay out. */
static char **environment_with(char *alert)
{
    size_t n = 0, k = 0;
    while (environ[n] != NULL)
        n++;
    char **env = calloc(n + 2, sizeof(*env));
    if (env == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "ROWCAST_", 8) != 0)
            env[k++] = environ[i];
    env[k] = alert;
    return env;
}

/* Starts it with the message on its standard input. -1: it cannot be started. */
static pid_t start_command(const char *command, const char *message, char *alert)
{
    int in[2];
    pid_t pid = -1;
    if (pipe2(in, O_CLOEXEC) != 0)
        return -1;
    /* It fits into the pipe's buffer, or it is cut: nobody waits for a reader. */
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    ssize_t wrote = write(in[1], message, strlen(message));
    (void)wrote;
    close(in[1]);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    sigset_t usual;
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGHUP);
    posix_spawnattr_setsigdefault(&how, &usual);
    char **env = environment_with(alert);
    char *argv[] = {(char *)(uintptr_t)command, NULL};
    int failed = env == NULL ? ENOMEM : posix_spawn(&pid, command, &files, &how, argv, env);
    free(env);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    close(in[0]);
    errno = failed;
    return failed == 0 ? pid : -1;
}

static void run_command(struct courier *c, const char *command, const char *message)
{
    size_t len = strlen(message) + 32;
    char *alert = malloc(len);
    if (alert == NULL)
        return;
    snprintf(alert, len, "ROWCAST_ALERT=%s", message);
    pid_t pid = start_command(command, message, alert);
    free(alert);
    if (pid < 0) {
        log_warn("alert.unsent", "to=command command=%s reason=\"%s\"", command, strerror(errno));
        return;
    }
    uint64_t began = clock_mono_ms();
    int status = 0;
    pid_t got;
    bool killed = false;
    while ((got = waitpid(pid, &status, WNOHANG)) == 0) {
        bool late = clock_mono_ms() - began > COMMAND_MS || atomic_load(&c->hurry);
        if (late && !killed) {
            kill(-pid, SIGKILL); /* with all that it has started */
            killed = true;
        }
        nap(NAP_MS);
    }
    if (killed)
        log_warn("alert.unsent", "to=command command=%s reason=\"it was ended after %llu s\"",
                 command, (unsigned long long)((clock_mono_ms() - began) / 1000));
    else if (got != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        log_warn("alert.unsent", "to=command command=%s reason=\"it ended with %d\"", command,
                 WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    else
        log_info("alert.sent", "to=command command=%s", command);
}

/* ---- life ---- */

static char *copy_or_null(const char *s)
{
    return s != NULL ? strdup(s) : NULL;
}

static void *carry(void *courier)
{
    struct courier *c = courier;
    pthread_mutex_lock(&c->lock);
    while (c->count > 0 || !c->ending) {
        if (c->count == 0) {
            pthread_cond_wait(&c->changed, &c->lock);
            continue;
        }
        char *message = c->messages[0];
        memmove(c->messages, c->messages + 1, --c->count * sizeof(c->messages[0]));
        char *webhook = copy_or_null(c->webhook), *command = copy_or_null(c->command);
        c->busy = true;
        pthread_mutex_unlock(&c->lock);
        if (command != NULL)
            run_command(c, command, message);
        if (webhook != NULL)
            deliver(c, webhook, message);
        free(webhook);
        free(command);
        free(message);
        pthread_mutex_lock(&c->lock);
        c->busy = false;
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

enum err courier_new(struct courier **out)
{
    struct courier *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return ERR_NO_MEMORY;
    pthread_mutex_init(&c->lock, NULL);
    cond_init(&c->changed);
    if (pthread_create(&c->thread, NULL, carry, c) != 0) {
        free(c);
        return ERR_SYSTEM;
    }
    pthread_setname_np(c->thread, "courier");
    *out = c;
    return ERR_OK;
}

void courier_set(struct courier *c, const char *webhook, const char *command)
{
    pthread_mutex_lock(&c->lock);
    free(c->webhook);
    free(c->command);
    c->webhook = copy_or_null(webhook);
    c->command = copy_or_null(command);
    pthread_mutex_unlock(&c->lock);
}

void courier_send(struct courier *c, struct slice message)
{
    char *copy = strndup((const char *)message.ptr, message.len);
    if (copy == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    if (c->webhook == NULL && c->command == NULL) {
        free(copy);
    } else {
        if (c->count == WAITING_MAX) {
            free(c->messages[0]);
            memmove(c->messages, c->messages + 1, --c->count * sizeof(c->messages[0]));
            log_warn("alert.unsent", "reason=\"%d older ones wait already\"", WAITING_MAX);
        }
        c->messages[c->count++] = copy;
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
}

void courier_free(struct courier *c, uint64_t wait_ms)
{
    if (c == NULL)
        return;
    uint64_t until_ms = clock_mono_ms() + wait_ms;
    pthread_mutex_lock(&c->lock);
    c->ending = true;
    pthread_cond_broadcast(&c->changed);
    while ((c->count > 0 || c->busy) && cond_wait_until(&c->changed, &c->lock, until_ms))
        ;
    for (size_t i = 0; i < c->count; i++)
        free(c->messages[i]);
    c->count = 0;
    pthread_mutex_unlock(&c->lock);
    atomic_store(&c->hurry, true);
    pthread_join(c->thread, NULL);
    free(c->webhook);
    free(c->command);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
