/* explain: what a task would make of a part of the binlog, for people and as JSON. */
#include "pipeline/explain.h"

#include "base/log.h"
#include "cli/command.h"
#include "config/task.h"
#include "control/json.h"
#include "encode/key.h"
#include "kafka/codec.h"
#include "pipeline/options.h"
#include "schema/ddl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX  ((size_t)1 << 30)
#define SHOWN_MAX 200 /* bytes of a value that people are shown */

struct printer {
    const struct task_config *config;
    bool json;
    uint64_t limit; /* 0: none */
    uint64_t changes;
    uint64_t messages;
    struct kafka_gauge *gauge;
    struct writer line;
    struct writer cell;
    enum err err;
};

static const char *op_name(enum change_op op)
{
    return op == CHANGE_INSERT   ? "INSERT"
           : op == CHANGE_UPDATE ? "UPDATE"
           : op == CHANGE_DELETE ? "DELETE"
                                 : "INIT";
}

/* What the change was on the source: halves are of an UPDATE. */
static const char *source_op(const struct row_ref *row)
{
    return row->half != ROW_WHOLE ? "UPDATE" : op_name((enum change_op)row->op);
}

static bool takes_op(const struct shape *s, const struct row_ref *row)
{
    unsigned bit = row->half != ROW_WHOLE || row->op == CHANGE_UPDATE ? SHAPE_UPDATE
                   : row->op == CHANGE_DELETE                         ? SHAPE_DELETE
                                                                      : SHAPE_INSERT;
    return (s->dml & bit) != 0;
}

/* Why a row has no message. */
static void put_reason(const struct printer *p, const struct explain_item *item, struct writer *w)
{
    const struct lane_sight *s = item->sight;
    const struct shape *shape = s->event->binding->shape;
    switch (s->fate) {
    case LANE_SENT:
        return;
    case LANE_LEFT_OUT:
        if (shape != NULL && !takes_op(shape, s->row))
            writer_printf(w, "dml of the entry does not take %s", source_op(s->row));
        else
            writer_printf(w, "filter: %s", item->entry->filter != NULL ? item->entry->filter : "");
        return;
    case LANE_DROPPED:
        if (s->why != NULL)
            writer_printf(w, "etl failed, and etl_on_error is skip: %s", s->why);
        else
            writer_lit(w, "etl: e_drop() or no e_keep()");
        return;
    case LANE_SKIPPED:
        writer_printf(w, "larger than message_max (%" PRIu64 " bytes), and too_large is skip",
                      p->config->destination.message_max);
        return;
    }
}

/* The text of a cell in p->cell. False: there is none to show. */
static bool cell_text_of(struct printer *p, const struct column *col, const struct cell *c)
{
    writer_clear(&p->cell);
    return c->kind != CELL_ABSENT && c->kind != CELL_NULL && key_text(col, c, &p->cell) == ERR_OK;
}

/* ---- for programs ---- */

static void json_image(struct printer *p, struct jw *j, const char *name, const struct table *t,
                       const struct cell *cells)
{
    char column[300];
    if (cells == NULL) {
        jw_null(j, name);
        return;
    }
    jw_open(j, name, '{');
    for (uint32_t i = 0; i < t->column_count; i++) {
        if (cells[i].kind == CELL_ABSENT || t->columns[i].hidden)
            continue;
        snprintf(column, sizeof(column), "%.*s", SLICE_ARG(t->columns[i].name));
        if (cell_text_of(p, &t->columns[i], &cells[i]))
            jw_slice(j, column, writer_slice(&p->cell));
        else
            jw_null(j, column);
    }
    jw_close(j);
}

static void json_message(const struct printer *p, struct jw *j, struct slice value)
{
    if (p->config->destination.format == CONF_CANAL_JSON) {
        jw_raw(j, "message", value);
        return;
    }
    static const char digits[] = "0123456789abcdef";
    struct writer hex;
    writer_init(&hex, TEXT_MAX);
    for (size_t i = 0; i < value.len; i++) {
        writer_u8(&hex, (uint8_t)digits[value.ptr[i] >> 4]);
        writer_u8(&hex, (uint8_t)digits[value.ptr[i] & 15]);
    }
    jw_slice(j, "message", writer_slice(&hex));
    writer_fini(&hex);
}

static void json_destination(const struct printer *p, struct jw *j, const struct explain_item *item)
{
    const struct lane_sight *s = item->sight;
    jw_text(j, "topic", item->topic);
    jw_number(j, "partition", (uint64_t)s->partition);
    if (s->key.len > 0)
        jw_slice(j, "key", s->key);
    else
        jw_null(j, "key");
    jw_number(j, "bytes", s->key.len + s->value.len);
    json_message(p, j, s->value);
}

static void json_row(struct printer *p, struct jw *j, const struct explain_item *item)
{
    const struct lane_sight *s = item->sight;
    const struct table *t = s->event->binding->table;
    struct writer reason;
    jw_slice(j, "database", t->database);
    jw_slice(j, "table", t->name);
    jw_text(j, "op", source_op(s->row));
    if (s->row->half != ROW_WHOLE)
        jw_text(j, "half", s->row->half == ROW_DELETE_HALF ? "delete" : "insert");
    jw_open(j, "entry", '{');
    jw_number(j, "index", item->entry_index);
    jw_text(j, "table", item->entry->table);
    if (item->entry->line > 0)
        jw_number(j, "line", item->entry->line);
    jw_close(j);
    json_image(p, j, "before", t, s->before);
    json_image(p, j, "after", t, s->after);
    jw_bool(j, "sent", s->fate == LANE_SENT);
    if (s->fate == LANE_SENT) {
        jw_text(j, "sent_as", op_name(s->change->op));
        json_destination(p, j, item);
        return;
    }
    writer_init(&reason, 4096);
    put_reason(p, item, &reason);
    jw_slice(j, "reason", writer_slice(&reason));
    writer_fini(&reason);
}

static void json_statement(const struct printer *p, struct jw *j, const struct explain_item *item)
{
    if (item->unsent == NULL) {
        const struct ddl_change *d = &item->sight->ddl->change;
        jw_slice(j, "database", d->database);
        jw_slice(j, "table", d->table);
        jw_slice(j, "sql", d->sql);
        jw_bool(j, "sent", true);
        json_destination(p, j, item);
        return;
    }
    jw_slice(j, "sql", item->unsent->sql);
    jw_bool(j, "sent", false);
    jw_text(j, "reason", "ddl of the entry does not take it");
}

static void print_json(struct printer *p, const struct explain_item *item)
{
    struct jw j = jw_to(&p->line);
    bool row = item->unsent == NULL && item->sight->ddl == NULL;
    jw_open(&j, NULL, '{');
    jw_text(&j, "kind", row ? "row" : "statement");
    jw_text(&j, "position", item->place);
    jw_time(&j, "time", item->es_ms * 1000);
    if (row)
        json_row(p, &j, item);
    else
        json_statement(p, &j, item);
    jw_close(&j);
}

/* ---- for people ---- */

static void put_cell(struct printer *p, const struct column *col, const struct cell *c)
{
    if (cell_text_of(p, col, c)) {
        writer_u8(&p->line, '\'');
        cli_put_shown(&p->line, writer_slice(&p->cell), SHOWN_MAX);
        writer_u8(&p->line, '\'');
    } else {
        writer_lit(&p->line, "NULL");
    }
}

static void put_columns(struct printer *p, const struct lane_sight *s)
{
    const struct table *t = s->event->binding->table;
    bool first = true;
    for (uint32_t i = 0; i < t->column_count; i++) {
        const struct cell *b = s->before != NULL ? &s->before[i] : NULL;
        const struct cell *a = s->after != NULL ? &s->after[i] : NULL;
        bool has_b = b != NULL && b->kind != CELL_ABSENT;
        bool has_a = a != NULL && a->kind != CELL_ABSENT;
        if ((!has_b && !has_a) || t->columns[i].hidden)
            continue;
        if (!first)
            writer_lit(&p->line, ", ");
        first = false;
        writer_slice_put(&p->line, t->columns[i].name);
        writer_lit(&p->line, ": ");
        if (has_b)
            put_cell(p, &t->columns[i], b);
        if (has_b && has_a && cell_equal(a, b))
            continue;
        if (has_b && has_a)
            writer_lit(&p->line, " -> ");
        if (has_a)
            put_cell(p, &t->columns[i], a);
    }
}

static void put_destination(struct printer *p, const struct explain_item *item)
{
    const struct lane_sight *s = item->sight;
    writer_printf(&p->line, "%s/%d, key ", item->topic, s->partition);
    if (s->key.len > 0)
        cli_put_shown(&p->line, s->key, SHOWN_MAX);
    else
        writer_lit(&p->line, "none");
    writer_printf(&p->line, ", %zu bytes\n", s->key.len + s->value.len);
    writer_lit(&p->line, "    message  ");
    if (p->config->destination.format == CONF_CANAL_JSON)
        writer_slice_put(&p->line, s->value);
    else
        writer_printf(&p->line, "%zu bytes of Avro", s->value.len);
    writer_u8(&p->line, '\n');
}

static void print_row(struct printer *p, const struct explain_item *item)
{
    const struct lane_sight *s = item->sight;
    const struct table *t = s->event->binding->table;
    writer_printf(&p->line, "%s %.*s.%.*s", source_op(s->row), SLICE_ARG(t->database),
                  SLICE_ARG(t->name));
    if (s->row->half != ROW_WHOLE)
        writer_printf(&p->line, " (its key changes: the %s of two messages)",
                      s->row->half == ROW_DELETE_HALF ? "first" : "second");
    writer_printf(&p->line, "  by %s", item->entry->table);
    if (item->entry->line > 0)
        writer_printf(&p->line, " (line %u)", item->entry->line);
    writer_lit(&p->line, "\n    row      ");
    put_columns(p, s);
    if (s->fate != LANE_SENT) {
        writer_lit(&p->line, "\n    not sent ");
        put_reason(p, item, &p->line);
        writer_u8(&p->line, '\n');
        return;
    }
    writer_printf(&p->line, "\n    %-6s to ", op_name(s->change->op));
    put_destination(p, item);
}

static void print_statement(struct printer *p, const struct explain_item *item)
{
    bool sent = item->unsent == NULL;
    writer_lit(&p->line, "STATEMENT\n    text     ");
    cli_put_shown(&p->line, sent ? item->sight->ddl->change.sql : item->unsent->sql, SHOWN_MAX);
    if (!sent) {
        writer_lit(&p->line, "\n    not sent ddl of the entry does not take it\n");
        return;
    }
    writer_lit(&p->line, "\n    DDL    to ");
    put_destination(p, item);
}

static void print_text(struct printer *p, const struct explain_item *item)
{
    char time[32] = "";
    if (item->es_ms != 0)
        jw_time_text(item->es_ms * 1000, time);
    writer_printf(&p->line, "%s  %s  ", item->place, time);
    if (item->unsent == NULL && item->sight->ddl == NULL)
        print_row(p, item);
    else
        print_statement(p, item);
}

/* ---- all ---- */

static enum err on_item(void *arg, const struct explain_item *item)
{
    struct printer *p = arg;
    const struct lane_sight *s = item->sight;
    bool sent = s != NULL && s->fate == LANE_SENT;
    writer_clear(&p->line);
    if (p->json)
        print_json(p, item);
    else
        print_text(p, item);
    if (p->json)
        writer_u8(&p->line, '\n');
    p->err = p->line.err;
    if (p->err == ERR_OK && sent)
        p->err = kafka_gauge_put(
            p->gauge, s->ddl != NULL ? s->ddl->topic_index : s->event->binding->topic_index,
            s->partition, s->key, s->value);
    fwrite(p->line.base, 1, p->line.len, stdout);
    p->changes++;
    p->messages += sent;
    bool enough = p->err != ERR_OK || ferror(stdout) || (p->limit != 0 && p->changes == p->limit);
    return enough ? ERR_STOPPED : ERR_OK;
}

static void summary_json(const struct printer *p, const struct explain_span *span,
                         const struct kafka_sizes *sizes, struct writer *w)
{
    struct jw j = jw_to(w);
    jw_open(&j, NULL, '{');
    jw_text(&j, "kind", "summary");
    jw_text(&j, "from", span->from);
    jw_text(&j, "end", span->to);
    jw_number(&j, "changes", p->changes);
    jw_number(&j, "messages", p->messages);
    jw_number(&j, "batches", sizes->batches);
    jw_open(&j, "bytes", '{');
    for (size_t i = 0; i < KAFKA_CODECS; i++)
        jw_number(&j, kafka_codec_names[i], sizes->bytes[i]);
    jw_close(&j);
    jw_close(&j);
    writer_u8(w, '\n');
}

static void summary_text(const struct printer *p, const struct explain_span *span,
                         const struct kafka_sizes *sizes, struct writer *w)
{
    bool cut = p->limit != 0 && p->changes == p->limit;
    writer_printf(w, "%" PRIu64 " changes, %" PRIu64 " messages; from %s %s %s\n", p->changes,
                  p->messages, span->from, cut ? "on, not to the end at" : "to", span->to);
    if (p->messages == 0)
        return;
    writer_printf(w, "bytes in %" PRIu64 " batches:", sizes->batches);
    for (size_t i = 0; i < KAFKA_CODECS; i++)
        writer_printf(w, "%s %s %" PRIu64 " (%.0f %%)", i > 0 ? "," : "", kafka_codec_names[i],
                      sizes->bytes[i],
                      100.0 * (double)sizes->bytes[i] / (double)sizes->bytes[KAFKA_NONE]);
    writer_u8(w, '\n');
}

static enum err explain(const struct cli_args *a, const struct task_config *config,
                        struct printer *p, struct errmsg *em)
{
    struct explain_options o = {.config = config, .from = a->from, .each = on_item, .arg = p};
    struct explain_span span = {0};
    struct kafka_sizes sizes = {0};
    if (o.from.kind == CONF_START_FILE)
        o.from.file = a->from_file;
    TRY(explain_run(&o, &span, em));
    enum err e = p->err == ERR_OK ? kafka_gauge_finish(p->gauge, &sizes) : p->err;
    if (e != ERR_OK)
        return errmsg_set(em, e, "a message cannot be shown: %s", err_text(e));
    writer_clear(&p->line);
    if (p->json)
        summary_json(p, &span, &sizes, &p->line);
    else
        summary_text(p, &span, &sizes, &p->line);
    fwrite(p->line.base, 1, p->line.len, stdout);
    return ERR_OK;
}

static enum err make_gauge(const struct task_config *config, struct printer *p)
{
    struct destination_options to = {0};
    enum err e = options_of_destination(config, &to);
    if (e == ERR_OK)
        e = kafka_gauge_new(&to.kafka, &p->gauge);
    destination_options_fini(&to);
    return e;
}

int cmd_explain(const struct cli_args *a)
{
    struct task_config *config;
    struct errmsg em = {0};
    int code = cli_load_task(a, &config);
    if (code != 0)
        return code;
    cli_catch_signals();
    log_setup(LOG_WARN, config->log.format == CONF_LOG_JSON);
    struct printer p = {.config = config, .json = a->json, .limit = a->limit};
    writer_init(&p.line, TEXT_MAX);
    writer_init(&p.cell, TEXT_MAX);
    enum err e = make_gauge(config, &p);
    if (e == ERR_OK)
        e = explain(a, config, &p, &em);
    if (e != ERR_OK) {
        fflush(stdout);
        fprintf(stderr, "rowcast: %s\n", em.text[0] != 0 ? em.text : err_text(e));
    }
    writer_fini(&p.line);
    writer_fini(&p.cell);
    kafka_gauge_free(p.gauge);
    conf_free(config);
    return cli_finish_output(err_exit_code(e));
}
