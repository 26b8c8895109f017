/*
 * Passwords: from the environment, from a file, or (with a warning) from the
 * task file. At most one of the three is set; the environment's default name
 * counts only when nothing else is, and may then be missing.
 */
#include "config/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSWORD_MAX 4096

struct secret_keys {
    const char *env, *file, *text;
};

/* The first line of a file; NULL: reported. */
static const char *password_of_file(struct conf_load *l, const char *path, struct conf_mark at)
{
    char buf[PASSWORD_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n = fd >= 0 ? read(fd, buf, sizeof(buf)) : -1;
    int failed = errno;
    if (fd >= 0)
        close(fd);
    const char *password = NULL;
    if (n < 0)
        conf_problem(l->report, at, "the password file %.200s cannot be read: %s", path,
                     strerror(failed));
    else if ((size_t)n == sizeof(buf) || memchr(buf, 0, (size_t)n) != NULL)
        conf_problem(l->report, at, "the password file %.200s does not hold a password", path);
    else {
        size_t len = (size_t)n;
        if (len > 0 && buf[len - 1] == '\n')
            len--;
        if (len > 0 && buf[len - 1] == '\r')
            len--;
        password = conf_text(l->arena, buf, len);
    }
    explicit_bzero(buf, sizeof(buf));
    return password;
}

static const char *password_of_env(struct conf_load *l, const char *name, const char *key)
{
    const char *value = getenv(name);
    if (value == NULL && conf_value_of(l->values, key)->set)
        conf_problem(l->report, conf_value_mark(l, key),
                     "%s: the environment variable %.100s is not set", key, name);
    return value != NULL ? conf_text(l->arena, value, strlen(value)) : NULL;
}

/* NULL: there is none, or it was reported why. */
static const char *password_of(struct conf_load *l, const struct secret_keys *k)
{
    const struct conf_value *env = conf_value_of(l->values, k->env);
    const struct conf_value *file = conf_value_of(l->values, k->file);
    const struct conf_value *text = conf_value_of(l->values, k->text);
    if (env->broken || file->broken || text->broken)
        return NULL;
    if (env->set + file->set + text->set > 1) {
        const struct conf_value *second = text->set ? text : file;
        conf_problem(l->report, second->node->name_at, "only one of %s, %s and %s can be set",
                     k->env, k->file, k->text);
        return NULL;
    }
    if (text->set) {
        conf_warning(l->report, text->node->name_at,
                     "%s: the password can be read in the file: use %s or %s", k->text, k->env,
                     k->file);
        return text->node->text;
    }
    if (file->set) {
        const struct conf_node *n = file->node;
        const char *path = n->at.line > 0 ? conf_resolve(l->arena, n->at.file, n->text) : n->text;
        return path != NULL && !l->alone ? password_of_file(l, path, n->at) : NULL;
    }
    return password_of_env(l, env->node->text, k->env);
}

static const struct secret_keys source_keys = {"source.password_env", "source.password_file",
                                               "source.password"};
static const struct secret_keys sasl_keys = {
    "destination.sasl.password_env", "destination.sasl.password_file", "destination.sasl.password"};

/* Has a variable only, and no default: without a name there is no password. */
static const char *registry_password(struct conf_load *l)
{
    static const char key[] = "destination.schema_registry_password_env";
    const struct conf_value *v = conf_value_of(l->values, key);
    return v->set && !v->broken ? password_of_env(l, v->node->text, key) : NULL;
}

/* Without the variable of the default name there is no token; one of another name is meant. */
static void resolve_token(struct conf_load *l)
{
    static const char key[] = "http.token_env";
    const struct conf_value *v = conf_value_of(l->values, key);
    if (v->broken || v->node == NULL)
        return;
    const char *name = v->node->text, *text = getenv(name);
    if ((text == NULL || text[0] == '\0') && strcmp(name, conf_key_find(key)->fallback) != 0)
        conf_problem(l->report, conf_value_mark(l, key),
                     "%s: the environment variable %.100s is not set", key, name);
    else if (text != NULL && text[0] != '\0')
        l->task->http.token = conf_text(l->arena, text, strlen(text));
}

void conf_resolve_secrets(struct conf_load *l)
{
    const char *password = password_of(l, &source_keys);
    l->task->source.password = password != NULL ? password : "";
    l->task->destination.sasl_password = password_of(l, &sasl_keys);
    l->task->destination.registry_password = registry_password(l);
    resolve_token(l);
}
