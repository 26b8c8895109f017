#include "pipeline/asker.h"

#include "base/log.h"
#include "net/loop.h"
#include "pipeline/retry.h"

#include <stdlib.h>

#define STATEMENT_MAX (64u << 20)

struct asker {
    struct asker_options o;
    struct src_options source; /* with a stop of our own: a task that ends lets its lanes finish */
    struct net_loop *loop;
    struct src_session *session; /* NULL: not connected */
    struct writer sql;
    struct writer text; /* of the answer */
    bool found;
    bool is_null;
};

struct asker *asker_new(const struct asker_options *o)
{
    struct asker *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return NULL;
    a->o = *o;
    a->source = *o->source;
    a->source.stop = o->stop;
    writer_init(&a->sql, STATEMENT_MAX);
    writer_init(&a->text, STATEMENT_MAX);
    return a;
}

void asker_close(struct asker *a)
{
    if (a == NULL)
        return;
    src_session_close(a->session);
    net_loop_free(a->loop);
    a->session = NULL;
    a->loop = NULL;
}

void asker_free(struct asker *a)
{
    if (a == NULL)
        return;
    asker_close(a);
    writer_fini(&a->sql);
    writer_fini(&a->text);
    free(a);
}

static enum err connect(struct asker *a, struct errmsg *em)
{
    if (a->session != NULL)
        return ERR_OK;
    if (a->loop == NULL)
        TRY(net_loop_new(NET_EPOLL, &a->loop, em)); /* rare statements need no buffers */
    return src_session_open(a->loop, &a->source, &a->session, em);
}

static enum err take_value(void *arg, const struct src_row *row)
{
    struct asker *a = arg;
    if (row->count != 1 || a->found)
        return ERR_PROTOCOL;
    a->found = true;
    a->is_null = row->values[0].is_null;
    writer_slice_put(&a->text, a->is_null ? SLICE_LIT("") : row->values[0].text);
    return a->text.err;
}

static enum err ask_once(struct asker *a, struct errmsg *em)
{
    TRY(connect(a, em));
    writer_clear(&a->text);
    a->found = false;
    enum err e = src_query(a->session, writer_slice(&a->sql), take_value, a, em);
    if (!src_session_alive(a->session)) {
        src_session_close(a->session);
        a->session = NULL;
    }
    if (e == ERR_OK && !a->found)
        return errmsg_set(em, ERR_PROTOCOL,
                          "the source answers a question of a filter with no row");
    return e;
}

enum err asker_ask(void *arg, const struct rule_question *q, struct rule_answer *out,
                   struct errmsg *em)
{
    struct asker *a = arg;
    struct retry retry = {.view = a->o.view,
                          .side = VIEW_SOURCE,
                          .bit = a->o.bit,
                          .event = "source.down",
                          .window_key = "retry.connection",
                          .window_ms = a->o.retry_ms,
                          .stop = a->o.stop};
    writer_clear(&a->sql);
    rule_question_sql(q, &a->sql);
    if (a->sql.err != ERR_OK)
        return errmsg_set(em, a->sql.err, "a question of a filter is too long for the source");
    for (;;) {
        enum err e = ask_once(a, em);
        if (e == ERR_OK || err_class(e) != ERRC_LINK) {
            retry_end(&retry, NULL);
            TRY(e);
            return rule_answer_parse(q, a->is_null, writer_slice(&a->text), out);
        }
        TRY(retry_wait(&retry, e, em));
    }
}
