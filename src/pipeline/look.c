#include "pipeline/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_SIZE (256u << 10)
#define POOL_BYTES ((size_t)256 << 20) /* of received data, of which little is used at a time */
#define PACK_BYTES ((size_t)1 << 30)   /* of one batch's messages */
#define RETRY_MS   5000
#define ENTRY_HOLD ((size_t)64 << 20) /* what an open transaction may hold back */

static void wake(void *look)
{
    net_loop_wake(((struct look *)look)->t.setup_loop);
}

static enum err open_all(struct look *l, const struct conf_start *from, struct errmsg *em)
{
    struct task *t = &l->t;
    t->pool = frame_pool_new(FRAME_SIZE, POOL_BYTES, wake, l);
    if (t->pool == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory");
    TRY(task_look_destination(t, em));
    TRY(task_look_source(t, from, em));
    struct src_position now = {0};
    enum err e = src_server_position(t->session, &t->server, &now, em);
    snprintf(l->binlog, sizeof(l->binlog), "%s", now.file);
    src_position_fini(&now);
    return e;
}

enum err look_open(const struct task_config *config, const struct conf_start *from,
                   struct look **out, struct errmsg *em)
{
    struct look *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory");
    l->config = *config;
    l->config.source.server_id = 0;
    if (l->config.retry.connection_ms > RETRY_MS)
        l->config.retry.connection_ms = RETRY_MS;
    l->t.o.config = l->t.config = &l->config;
    l->t.o.until = UNTIL_CAUGHT_UP;
    pthread_mutex_init(&l->t.fault.lock, NULL);
    pthread_mutex_init(&l->t.progress.lock, NULL);
    enum err e = open_all(l, from, em);
    if (e != ERR_OK && em->text[0] == 0)
        errmsg_set(em, e, "source %s:%u: %s", config->source.host, config->source.port,
                   err_text(e));
    if (e != ERR_OK) {
        look_close(l);
        return e;
    }
    *out = l;
    return ERR_OK;
}

enum err look_lane(struct look *l, lane_watch_fn watch, void *arg, struct errmsg *em)
{
    struct task *t = &l->t;
    const struct conf_destination *d = &l->config.destination;
    struct lane_options o = {
        .peers = t->lanes,
        .format = &t->format,
        .zone = t->zone,
        .pack_bytes = PACK_BYTES,
        .message_max = d->message_max,
        .too_large = d->too_large == CONF_LARGE_SKIP       ? LANE_LARGE_SKIP
                     : d->too_large == CONF_LARGE_KEY_ONLY ? LANE_LARGE_KEY_ONLY
                                                           : LANE_LARGE_FAIL,
        .retry_ms = l->config.retry.connection_ms,
        .fault = &t->fault,
        .source = t->shaping->selects ? &t->source : NULL,
        .on_empty = wake,
        .on_empty_arg = l,
        .watch = watch,
        .watch_arg = arg,
    };
    TRY(lane_new(&o, &t->lanes[0], em));
    t->lane_count = 1;
    feeder_init(&t->feeder, t->lanes, 1, ENTRY_HOLD);
    return lane_start(t->lanes[0], em);
}

void look_close(struct look *l)
{
    if (l == NULL)
        return;
    struct task *t = &l->t;
    feeder_fini(&t->feeder);
    if (t->lane_count > 0)
        lane_free(t->lanes[0]);
    replica_free(t->replica);
    progress_fini(&t->progress);
    task_close_source(t);
    frame_pool_free(t->pool);
    topics_fini(&t->topics);
    kafka_admin_free(t->admin);

    destination_options_fini(&t->to);
    pthread_mutex_destroy(&t->fault.lock);
    pthread_mutex_destroy(&t->progress.lock);
    free(l);
}

const char *look_place(const struct look *l, struct binlog_place at, char *buf, size_t cap)
{
    const char *dot = strrchr(l->binlog, '.');
    int len = dot != NULL ? (int)(dot - l->binlog) : 0;
    snprintf(buf, cap, "%.*s.%06llu:%llu", len, l->binlog, (unsigned long long)at.file,
             (unsigned long long)at.offset);
    return buf;
}
