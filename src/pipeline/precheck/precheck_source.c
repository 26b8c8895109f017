/*
 * The source's facts: in two parts, so that topics can be asked about as soon
 * as the tables are known.
 */
#include "pipeline/precheck/precheck_int.h"

#include "net/loop.h"
#include "pipeline/known.h"
#include "pipeline/pulse.h"
#include "schema/table_without_map.h"
#include "snapshot/protect.h"
#include "source/catalog.h"

#include <stdlib.h>
#include <string.h>

#define CASCADES_ASKED 300

/* Only what ends the precheck itself: a run's own session that died is connected again there. */
static enum err grave(const struct precheck_facts *f, enum err e, const struct errmsg *why,
                      struct errmsg *em)
{
    bool dead = err_class(e) == ERRC_LINK && !f->own_session && !src_session_alive(f->session);
    if (e != ERR_NO_MEMORY && e != ERR_STOPPED && !dead)
        return ERR_OK;
    *em = *why;
    return e;
}

static enum err open_own_session(struct precheck_facts *f)
{
    struct errmsg *em = &f->source.em;
    f->own_session = true;
    TRY(net_loop_new(NET_EPOLL, &f->loop, em));
    TRY(src_session_open(f->loop, &f->source_options, &f->session, em));
    return src_server_read(f->session, &f->server, em);
}

/* ---- the server ---- */

static void ask_server(struct precheck_facts *f)
{
    struct src_session *s = f->session;
    const struct src_server *sv = &f->server;
    struct src_position position = {0};
    f->tls = src_session_tls(s);
    f->key_unverified = src_session_key_unverified(s);
    src_server_account(s, f->account, sizeof(f->account));
    f->replicate.err = src_server_may_replicate(s, sv, &f->replicate.em);
    f->position.err = src_server_position(s, sv, &position, &f->position.em);
    src_position_fini(&position);
    const struct conf_protect *p = &f->config->throttle.protect;
    struct protect_limits limits = {.history_length = p->history_length,
                                    .threads_running = p->threads_running,
                                    .replica_lag_ms = p->replica_lag_ms};
    /* Whether it is a replica is always of interest. */
    f->load.err =
        src_load_read(s, sv, protect_needs(&limits) | SRC_LOAD_LAG, &f->busy, &f->load.em);
}

static enum err ask_rest(struct precheck_facts *f, struct errmsg *em)
{
    TRY(src_facts_read(f->session, &f->server, &f->settings, em));
    TRY(src_server_replica_ids(f->session, &f->server, &f->replica_ids, &f->replica_count, em));
    return pulse_clock(f->session, &f->ahead_us, em);
}

/* ---- the tables ---- */

static bool is_selected(void *arg, struct slice database, struct slice table)
{
    struct precheck_facts *f = arg;
    struct errmsg ignored;
    size_t index;
    struct table_def names = {.database = database, .name = table};
    if (table.len == 0) /* the survey is about tables that are not selected, too */
        return true;
    if (objects_match(f->objects, database, table, &index, &ignored) == ERR_OK &&
        index != OBJECTS_NONE)
        return true;
    enum err e = survey_table(f->survey, &names);
    (void)e; /* the survey remembers that it has no memory */
    return false;
}

static void describe_table(struct precheck_facts *f, struct checked_table *t)
{
    struct errmsg em;
    if (table_without_map(t->def, f->server.flavour == SRC_MARIADB, &t->table, &em) == ERR_OK)
        return;
    t->table = NULL;
    struct slice text = arena_copy(f->arena, slice_of(em.text, strlen(em.text) + 1));
    t->type_problem = (const char *)text.ptr;
}

static enum err add_table(void *arg, const struct table_def *def)
{
    struct precheck_facts *f = arg;
    struct errmsg ignored;
    TRY(survey_table(f->survey, def));
    if (def->sequence)
        return ERR_OK;
    if (f->table_count == f->table_cap) {
        size_t cap = f->table_cap == 0 ? 64 : f->table_cap * 2;
        struct checked_table *tables = realloc(f->tables, cap * sizeof(*tables));
        if (tables == NULL)
            return ERR_NO_MEMORY;
        f->tables = tables;
        f->table_cap = cap;
    }
    struct checked_table *t = &f->tables[f->table_count];
    *t = (struct checked_table){0};
    TRY(table_def_copy(def, &t->def));
    f->table_count++;
    if (objects_match(f->objects, def->database, def->name, &t->object, &ignored) != ERR_OK)
        t->object = OBJECTS_NONE;
    describe_table(f, t);
    return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct checked_table *x = a, *y = b;
    int c = slice_cmp(x->def->database, y->def->database);
    return c != 0 ? c : slice_cmp(x->def->name, y->def->name);
}

static struct checked_table *find_table(struct precheck_facts *f, struct slice database,
                                        struct slice name)
{
    struct table_def def = {.database = database, .name = name};
    struct checked_table key = {.def = &def};
    return f->table_count > 0 ? bsearch(&key, f->tables, f->table_count, sizeof(key), by_name)
                              : NULL;
}

/* Tables that are named without a pattern, and are not to be seen. */
static void note_unseen(struct precheck_facts *f)
{
    for (size_t i = 0; i < objects_count(f->objects); i++) {
        struct slice database, table;
        struct errmsg ignored;
        size_t index;
        if (!objects_name(f->objects, i, &database, &table) ||
            objects_match(f->objects, database, table, &index, &ignored) != ERR_OK || index != i ||
            find_table(f, database, table) != NULL)
            continue;
        if (f->unseen_count++ < NAMES_SHOWN)
            writer_printf(&f->unseen, "%s%.*s.%.*s", f->unseen.len > 0 ? ", " : "",
                          SLICE_ARG(database), SLICE_ARG(table));
    }
}

static bool is_checked(void *arg, struct slice database, struct slice table)
{
    struct precheck_facts *f = arg;
    struct errmsg ignored;
    size_t object;
    if (table.len == 0)
        return objects_match_database(f->objects, database, &object, &ignored) != ERR_OK ||
               object != OBJECTS_NONE;
    return find_table(f, database, table) != NULL;
}

static enum err take_stats(void *arg, const struct src_table_stats *s)
{
    struct checked_table *t = find_table(arg, s->database, s->name);
    t->rows = s->rows;
    t->bytes = s->bytes;
    t->row_len = s->row_len;
    t->encrypted = s->encrypted;
    return ERR_OK;
}

static enum err read_tables(struct precheck_facts *f, struct errmsg *em)
{
    TRY(shaping_objects(f->config, f->server.lower_case_table_names != 0, &f->objects, em));
    struct survey_options o = {.task = f->config,
                               .objects = f->objects,
                               .shaping = f->shaping,
                               .mariadb = f->server.flavour == SRC_MARIADB};
    TRY(survey_new(&o, &f->survey));
    TRY(src_catalog_walk(f->session, &f->server, is_selected, add_table, f, em));
    TRY(survey_end(f->survey));
    if (f->table_count > 0)
        qsort(f->tables, f->table_count, sizeof(*f->tables), by_name);
    note_unseen(f);
    return src_table_stats(f->session, &f->server, is_checked, take_stats, f, em);
}

enum err precheck_gather_source(struct precheck_facts *f, struct errmsg *em)
{
    options_of_source(f->config, f->o->stop, &f->source_options);
    f->source_options.role = NULL;
    writer_init(&f->unseen, 64u << 10);
    f->session = f->o->session;
    f->catalogue.err = ERR_UNREACHABLE;
    if (f->session != NULL)
        f->server = *f->o->server;
    else
        f->source.err = open_own_session(f);
    if (f->source.err != ERR_OK)
        return grave(f, f->source.err, &f->source.em, em);
    ask_server(f);
    f->catalogue.err = ask_rest(f, &f->catalogue.em);
    if (f->catalogue.err == ERR_OK)
        f->catalogue.err = read_tables(f, &f->catalogue.em);
    return grave(f, f->catalogue.err, &f->catalogue.em, em);
}

/* ---- what only the catalogue tells ---- */

static enum err mark_denied(void *arg, const struct table_def *def)
{
    find_table(arg, def->database, def->name)->denied = true;
    return ERR_OK;
}

static enum err mark_cascades(void *arg, const struct table_def *def)
{
    find_table(arg, def->database, def->name)->cascades = true;
    return ERR_OK;
}

/* One of the privileges that are looked for, and on what it is held. */
struct held {
    struct precheck_facts *f;
    unsigned heartbeat; /* bits of CREATE, INSERT, UPDATE */
};

/* A pattern of LIKE, where \ takes the next character literally. */
static bool is_like(struct slice pattern, struct slice text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, back = 0;
    while (t < text.len) {
        bool escaped = p + 1 < pattern.len && pattern.ptr[p] == '\\';
        if (p < pattern.len && pattern.ptr[p] == '%' && !escaped) {
            star = p++;
            back = t;
        } else if (p < pattern.len &&
                   (escaped ? pattern.ptr[p + 1] == text.ptr[t]
                            : pattern.ptr[p] == '_' || pattern.ptr[p] == text.ptr[t])) {
            p += escaped ? 2 : 1;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++back;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '%')
        p++;
    return p == pattern.len;
}

static bool covers(const struct src_privilege *p, struct slice database, struct slice table)
{
    if (p->database.len == 0)
        return true;
    return is_like(p->database, database) && (p->table.len == 0 || slice_eq(p->table, table));
}

static enum err take_privilege(void *arg, const struct src_privilege *p)
{
    static const char *const wanted[] = {"CREATE", "INSERT", "UPDATE"};
    struct held *h = arg;
    const char *beat = h->f->config->heartbeat.table, *dot = strchr(beat, '.');
    if (slice_eq(p->privilege, SLICE_LIT("LOCK TABLES"))) {
        for (size_t i = 0; i < h->f->table_count; i++) {
            struct checked_table *t = &h->f->tables[i];
            t->lockable = t->lockable || covers(p, t->def->database, t->def->name);
        }
    }
    for (unsigned i = 0; dot != NULL && i < 3; i++)
        if (slice_eq(p->privilege, slice_str(wanted[i])) &&
            covers(p, slice_of(beat, (size_t)(dot - beat)), slice_str(dot + 1)))
            h->heartbeat |= 1u << i;
    return ERR_OK;
}

/* One statement a table: for some hundred of them. The rest is left unknown. */
static enum err ask_each_for_cascades(struct precheck_facts *f, struct errmsg *em)
{
    for (size_t i = 0; i < f->table_count && i < CASCADES_ASKED; i++) {
        struct checked_table *t = &f->tables[i];
        if (!slice_eq_nocase(t->def->engine, SLICE_LIT("InnoDB")))
            continue;
        enum err e =
            src_facts_table_cascades(f->session, t->def->database, t->def->name, &t->cascades, em);
        if (e != ERR_OK && !src_session_alive(f->session))
            return e; /* else it is gone, or may not be read: other items tell */
    }
    return ERR_OK;
}

static enum err ask_catalogue(struct precheck_facts *f, struct errmsg *em)
{
    struct held held = {.f = f};
    TRY(src_catalog_denied(f->session, &f->server, is_checked, mark_denied, f, em));
    /* Older servers show foreign keys only to those who may change tables, and MariaDB opens every
     * table that it has for them: a few tables are asked one by one alone. */
    bool each = f->server.flavour == SRC_MARIADB || f->server.version < 80000;
    if (!each || f->table_count > CASCADES_ASKED)
        TRY(src_facts_cascades(f->session, &f->server, is_checked, mark_cascades, f, em));
    if (each)
        TRY(ask_each_for_cascades(f, em));
    TRY(src_facts_privileges(f->session, take_privilege, &held, em));
    f->writes_heartbeat = held.heartbeat == 7;
    return ERR_OK;
}

enum err precheck_gather_more(struct precheck_facts *f, struct errmsg *em)
{
    if (f->source.err != ERR_OK || f->catalogue.err != ERR_OK)
        return ERR_OK;
    f->catalogue.err = ask_catalogue(f, &f->catalogue.em);
    return grave(f, f->catalogue.err, &f->catalogue.em, em);
}

enum err precheck_hand_over(const struct precheck_facts *f, struct known *out)
{
    known_fini(out);
    if (f->source.err != ERR_OK || f->catalogue.err != ERR_OK)
        return ERR_OK;
    for (size_t i = 0; i < f->table_count; i++) {
        const struct checked_table *t = &f->tables[i];
        TRY(known_add(out, t->def->database, t->def->name, t->rows, t->denied));
    }
    known_sort(out);
    out->whole = true;
    return ERR_OK;
}

void precheck_forget_source(struct precheck_facts *f)
{
    for (size_t i = 0; i < f->table_count; i++) {
        free(f->tables[i].def);
        if (f->tables[i].table != NULL)
            table_unref(f->tables[i].table);
    }
    free(f->tables);
    free(f->replica_ids);
    writer_fini(&f->unseen);
    survey_free(f->survey);
    objects_free(f->objects);
    if (f->own_session) {
        src_session_close(f->session);
        net_loop_free(f->loop);
    }
}
