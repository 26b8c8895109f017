#include "mysqlproto/auth.h"

static const struct my_auth_plugin *const plugins[] = {
    &my_auth_native,
    &my_auth_caching_sha2,
    &my_auth_sha256,
    &my_auth_ed25519,
};

const struct my_auth_plugin *my_auth_find(struct slice name)
{
    for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++)
        if (slice_eq(name, slice_str(plugins[i]->name)))
            return plugins[i];
    return NULL;
}

enum err my_auth_begin(struct my_auth *a, const struct my_credentials *cr, struct slice plugin,
                       struct slice data, struct writer *reply)
{
    *a = (struct my_auth){.plugin = my_auth_find(plugin)};
    if (a->plugin == NULL)
        return ERR_UNSUPPORTED_AUTH;
    if (data.len > MY_NONCE_MAX)
        return ERR_PROTOCOL;
    memcpy(a->nonce, data.ptr, data.len);
    a->nonce_len = data.len;
    return a->plugin->begin(a, cr, reply);
}

enum err my_auth_more(struct my_auth *a, const struct my_credentials *cr, struct slice data,
                      struct writer *reply, bool *replied)
{
    *replied = false;
    if (a->plugin == NULL || a->plugin->more == NULL)
        return ERR_PROTOCOL;
    return a->plugin->more(a, cr, data, reply, replied);
}
