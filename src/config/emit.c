#include "config/emit.h"

#include <ctype.h>
#include <string.h>

/* Careful rather than complete: what is not plainly a word is quoted. No value is typed by its
 * look. */
static bool plain_is_safe(const char *s)
{
    size_t len = strlen(s);
    bool first = isalnum((unsigned char)s[0]) || strchr("_./+", s[0]) != NULL;
    if (len == 0 || !first || s[len - 1] == ':')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)s[i]) && strchr("_./+-:@%*?=", s[i]) == NULL)
            return false;
    return true;
}

void conf_emit_text(const char *text, FILE *out)
{
    if (plain_is_safe(text)) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p == '\n')
            fputs("\\n", out);
        else if ((unsigned char)*p < 0x20 || *p == 0x7F)
            fprintf(out, "\\x%02X", (unsigned)*p);
        else
            fputc(*p, out);
    }
    fputc('"', out);
}

bool conf_is_secret(const char *name)
{
    static const char *const parts[] = {"password", "secret", "ssl.key.pem", "oauthbearer.config",
                                        "token"};
    size_t len = strlen(name);
    if ((len > 4 && strcmp(name + len - 4, "_env") == 0) ||
        (len > 5 && strcmp(name + len - 5, "_file") == 0))
        return false; /* says where the secret is */
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strcasestr(name, parts[i]) != NULL)
            return true;
    return false;
}

/* Recursion is bounded by CONF_DEPTH_MAX. */
void conf_emit_node(const struct conf_node *n, FILE *out)
{
    if (n->name != NULL && conf_is_secret(n->name)) {
        fputs("\"" CONF_MASK "\"", out);
        return;
    }
    if (n->kind == CONF_SCALAR) {
        conf_emit_text(n->text, out);
        return;
    }
    fputc(n->kind == CONF_LIST ? '[' : '{', out);
    for (const struct conf_node *m = n->first; m != NULL; m = m->next) {
        if (m->name != NULL) {
            conf_emit_text(m->name, out);
            fputs(": ", out);
        }
        conf_emit_node(m, out);
        if (m->next != NULL)
            fputs(", ", out);
    }
    fputc(n->kind == CONF_LIST ? ']' : '}', out);
}

void conf_emit_indent(unsigned level, FILE *out)
{
    for (unsigned i = 0; i < level; i++)
        fputs("  ", out);
}
