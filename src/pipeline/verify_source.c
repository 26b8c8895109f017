/* The source's rows, read as the full copy reads them, through the rules and the encoder. */
#include "pipeline/verify_int.h"

#include "base/clock.h"
#include "mysqlproto/copy_plan.h"
#include "source/copy.h"
#include "source/prepared.h"

#include <stdlib.h>

#define CHUNK_ROWS 10000
#define SQL_MAX    (4u << 20)

struct reading {
    struct verify *v;
    struct verify_table *t;
    struct row_event event;
    struct frame *frame; /* that the last event was given to the feeder with */
    uint64_t rows;       /* of this statement */
    struct copy_key *last;
    struct row_scratch scratch;
};

static enum err on_frame(void *arg, size_t cap, struct frame **out)
{
    const struct reading *r = arg;
    *out = frame_get(r->v->look->t.pool, cap);
    return *out != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static enum err on_columns(void *arg, const struct my_column *columns, uint32_t count)
{
    const struct reading *r = arg;
    return copy_plan_check(r->t->copy->plan, columns, count);
}

/* The lanes do a batch as soon as it is handed over, and the frame is free then. */
static enum err on_row(void *arg, struct slice packet, struct frame *frame)
{
    struct reading *r = arg;
    struct feeder *f = &r->v->look->t.feeder;
    if (r->frame != frame) {
        feeder_commit(f);
        feeder_publish(f);
        feeder_event(f, &r->event, frame);
        r->frame = frame;
    }
    struct row_ref ref = {.image = packet.ptr, .len = (uint32_t)packet.len, .op = CHANGE_INIT};
    TRY(feeder_row(f, 0, &ref));
    r->rows++;
    const struct copy_table *t = r->t->copy;
    if (t->key_count == 0 || r->rows < CHUNK_ROWS)
        return ERR_OK;
    struct cell cells[COPY_KEY_COLUMNS_MAX];
    row_scratch_reset(&r->scratch);
    TRY(copy_row_decode_columns(t->plan, packet, t->key, t->key_count, &r->scratch, cells));
    free(r->last);
    r->last = NULL;
    return copy_key_new(t->table, t->key, t->key_count, cells, &r->last);
}

static enum err make_statement(struct verify *v, const struct copy_table *t, bool after,
                               struct src_stmt **out, struct errmsg *em)
{
    struct writer sql;
    writer_init(&sql, SQL_MAX);
    if (t->key_count == 0)
        copy_table_all_sql(t, &sql);
    else
        copy_table_rows_sql(t, after, false, &sql);
    enum err e = sql.err == ERR_OK ? src_prepare(v->session, writer_slice(&sql), out, em)
                                   : errmsg_set(em, sql.err, "%s", err_text(sql.err));
    writer_fini(&sql);
    return e;
}

static enum err run_chunk(struct reading *r, struct src_stmt *st, const struct copy_key *after,
                          struct errmsg *em)
{
    const struct copy_table *t = r->t->copy;
    struct feeder *f = &r->v->look->t.feeder;
    struct src_sink sink = {.arg = r, .frame = on_frame, .columns = on_columns, .row = on_row};
    struct cell limit = {.kind = CELL_U64, .u64 = CHUNK_ROWS};
    struct src_param *params = calloc(t->param_max + 1, sizeof(*params));
    if (params == NULL)
        return ERR_NO_MEMORY;
    uint32_t n = 0;
    if (t->key_count > 0) {
        n = copy_table_params(t, after, NULL, params);
        params[n++] = (struct src_param){.cell = &limit};
    }
    r->rows = 0;
    r->event.es_ms = clock_wall_us() / 1000;
    enum err e = src_stmt_run(st, params, n, &sink, em);
    feeder_commit(f);
    feeder_publish(f);
    r->frame = NULL;
    free(params);
    return e;
}

static enum err read_chunks(struct reading *r, struct errmsg *em)
{
    struct src_stmt *first = NULL, *rest = NULL;
    struct copy_key *after = NULL;
    const struct fault *fault = &r->v->look->t.fault;
    enum err e = make_statement(r->v, r->t->copy, false, &first, em);
    if (e == ERR_OK)
        e = run_chunk(r, first, NULL, em);
    while (e == ERR_OK && r->last != NULL && fault_err(fault) == ERR_OK &&
           r->v->watch_err == ERR_OK) {
        free(after);
        after = r->last;
        r->last = NULL;
        if (rest == NULL)
            e = make_statement(r->v, r->t->copy, true, &rest, em);
        if (e == ERR_OK)
            e = run_chunk(r, rest, after, em);
        if (atomic_load(&task_stopping))
            e = ERR_STOPPED;
    }
    src_stmt_close(first);
    src_stmt_close(rest);
    free(after);
    free(r->last);
    return e;
}

static enum err open_session(struct verify *v, struct errmsg *em)
{
    const struct task *t = &v->look->t;
    struct src_copy_options settings = {0};
    if (v->session != NULL && src_session_alive(v->session))
        return ERR_OK;
    src_session_close(v->session);
    v->session = NULL;
    TRY(src_session_open(t->setup_loop, &t->source, &v->session, em));
    return src_copy_settings(v->session, &t->server, &settings, em);
}

/* What the server says of a table that is not as its definition. */
static bool has_changed(const struct verify *v, enum err e)
{
    if (e == ERR_TABLE_MISMATCH)
        return true;
    if (e != ERR_SOURCE_SQL || !src_session_alive(v->session))
        return false;
    enum src_refusal r = src_refusal_of(v->session);
    return r == SRC_REFUSED_NO_TABLE || r == SRC_REFUSED_NO_COLUMN;
}

enum err verify_read_table(struct verify *v, struct verify_table *t, struct errmsg *em)
{
    struct reading r = {.v = v,
                        .t = t,
                        .event = {.binding = t->binding,
                                  .after_present = row_all_present,
                                  .width = t->binding->table->column_count}};
    TRY(open_session(v, em));
    v->reading = t;
    v->watch_err = ERR_OK;
    row_scratch_init(&r.scratch, SQL_MAX);
    enum err e = read_chunks(&r, em);
    row_scratch_fini(&r.scratch);
    v->reading = NULL;
    const struct fault *fault = &v->look->t.fault;
    if (fault_err(fault) != ERR_OK)
        return errmsg_set(em, fault_err(fault), "%s", fault_text(fault));
    if (v->watch_err != ERR_OK)
        return errmsg_set(em, v->watch_err, "%s.%s: %s", t->database, t->name,
                          err_text(v->watch_err));
    if (has_changed(v, e)) {
        snprintf(t->result.why, sizeof(t->result.why),
                 "its definition was changed while it was read: compare it again");
        return ERR_OK;
    }
    if (e != ERR_OK && em->text[0] == 0)
        errmsg_set(em, e, "%s.%s: %s", t->database, t->name, err_text(e));
    return e;
}
