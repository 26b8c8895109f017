/*
 * Learning a zone:
 *
 *   1. the offset at one instant a week from 1970 to 2106, 1024 a statement
 *   2. two neighbours that differ hold a change: all such gaps are halved at
 *      once, one statement a round, until each is a second wide
 *
 * A zone that changes twice within a week and back is seen as unchanged.
 */
#include "source/zone.h"

#include "source/session_int.h"

#include <stdio.h>
#include <stdlib.h>

#define WEEK          604800
#define LAST_SECOND   INT64_C(4294967295) /* where TIMESTAMP ends: 2106-02-07 */
#define SAMPLES       ((size_t)(LAST_SECOND / WEEK) + 1)
#define PER_STATEMENT 1024
#define CHANGES_MAX   4096
#define OFFSET_MAX    (26 * 3600)
#define UNKNOWN       INT32_MIN /* the server cannot tell: past what it knows */

static struct zone *zone_alloc(size_t count)
{
    struct zone *z = malloc(sizeof(*z) + count * sizeof(struct zone_step));
    if (z == NULL)
        return NULL;
    z->count = count;
    z->steps = (struct zone_step *)(z + 1);
    return z;
}

enum err src_zone_fixed(int32_t offset_s, struct zone **out)
{
    struct zone *z = zone_alloc(1);
    if (z == NULL)
        return ERR_NO_MEMORY;
    z->steps[0] = (struct zone_step){INT64_MIN, offset_s};
    *out = z;
    return ERR_OK;
}

/* "+05:30", "-3:00" or "UTC". */
static bool parse_fixed(const char *text, int32_t *offset_s)
{
    unsigned hours, minutes;
    char sign, end;
    if (strcmp(text, "UTC") == 0) {
        *offset_s = 0;
        return true;
    }
    if (sscanf(text, "%c%2u:%2u%c", &sign, &hours, &minutes, &end) != 3 ||
        (sign != '+' && sign != '-') || hours > 24 || minutes > 59)
        return false;
    int32_t s = (int32_t)(hours * 3600 + minutes * 60);
    *offset_s = sign == '-' ? -s : s;
    return true;
}

/* Instants that are asked for together, and what the server says of each. */
struct question {
    const int64_t *at;
    int32_t *offsets;
    size_t count;
};

static bool parse_seconds(struct slice text, int64_t *out)
{
    int64_t v = 0;
    size_t i = text.len > 0 && text.ptr[0] == '-';
    if (i == text.len || text.len > 15)
        return false;
    for (; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        v = v * 10 + (text.ptr[i] - '0');
    }
    *out = text.ptr[0] == '-' ? -v : v;
    return true;
}

static enum err take_offsets(void *arg, const struct src_row *row)
{
    struct question *q = arg;
    if (row->count != q->count)
        return ERR_PROTOCOL;
    for (size_t i = 0; i < q->count; i++) {
        int64_t local;
        q->offsets[i] = UNKNOWN;
        if (row->values[i].is_null)
            continue;
        if (!parse_seconds(row->values[i].text, &local))
            return ERR_PROTOCOL;
        int64_t offset = local - q->at[i];
        if (offset < -OFFSET_MAX || offset > OFFSET_MAX)
            return ERR_PROTOCOL;
        q->offsets[i] = (int32_t)offset;
    }
    return ERR_OK;
}

static enum err ask_some(struct src_session *s, struct question *q, struct writer *sql,
                         struct errmsg *em)
{
    writer_clear(sql);
    writer_lit(sql, "SELECT ");
    for (size_t i = 0; i < q->count; i++)
        writer_printf(sql, "%sTIMESTAMPDIFF(SECOND,'1970-01-01',FROM_UNIXTIME(%lld))",
                      i > 0 ? "," : "", (long long)q->at[i]);
    TRY(sql->err);
    return src_query(s, writer_slice(sql), take_offsets, q, em);
}

static enum err ask(struct src_session *s, const int64_t *at, int32_t *offsets, size_t count,
                    struct writer *sql, struct errmsg *em)
{
    for (size_t i = 0; i < count; i += PER_STATEMENT) {
        size_t n = count - i < PER_STATEMENT ? count - i : PER_STATEMENT;
        struct question q = {at + i, offsets + i, n};
        TRY(ask_some(s, &q, sql, em));
    }
    return ERR_OK;
}

/* The offset changes after lo and not after hi. */
struct change {
    int64_t lo, hi;
    int32_t before, after;
};

struct learning {
    int64_t at[SAMPLES + 1];
    int32_t offsets[SAMPLES + 1];
    struct change changes[CHANGES_MAX];
    size_t change_count;
    struct writer sql;
};

static enum err sample_weeks(struct src_session *s, struct learning *l, struct errmsg *em)
{
    size_t count = SAMPLES;
    for (size_t i = 0; i < SAMPLES; i++)
        l->at[i] = (int64_t)i * WEEK;
    /* The first second is asked for as 1: FROM_UNIXTIME(0) is the zero date to some servers. */
    l->at[0] = 1;
    l->at[count++] = LAST_SECOND;
    TRY(ask(s, l->at, l->offsets, count, &l->sql, em));
    for (size_t i = 1; i < count; i++) {
        if (l->offsets[i] == UNKNOWN) /* the last known one holds on */
            l->offsets[i] = l->offsets[i - 1];
        if (l->offsets[i] == l->offsets[i - 1])
            continue;
        if (l->change_count == CHANGES_MAX)
            return ERR_PROTOCOL;
        l->changes[l->change_count++] =
            (struct change){l->at[i - 1], l->at[i], l->offsets[i - 1], l->offsets[i]};
    }
    return l->offsets[0] == UNKNOWN ? ERR_PROTOCOL : ERR_OK;
}

/* Halves every gap that is wider than a second; *open says whether there was one. */
static enum err halve_gaps(struct src_session *s, struct learning *l, bool *open, struct errmsg *em)
{
    size_t n = 0;
    for (size_t i = 0; i < l->change_count; i++)
        if (l->changes[i].hi - l->changes[i].lo > 1)
            l->at[n++] = l->changes[i].lo + (l->changes[i].hi - l->changes[i].lo) / 2;
    *open = n > 0;
    if (n == 0)
        return ERR_OK;
    TRY(ask(s, l->at, l->offsets, n, &l->sql, em));
    n = 0;
    for (size_t i = 0; i < l->change_count; i++) {
        struct change *c = &l->changes[i];
        if (c->hi - c->lo <= 1)
            continue;
        if (l->offsets[n] == c->before)
            c->lo = l->at[n];
        else
            c->hi = l->at[n];
        n++;
    }
    return ERR_OK;
}

static enum err learn(struct src_session *s, struct learning *l, struct zone **out,
                      struct errmsg *em)
{
    bool open = true;
    TRY(sample_weeks(s, l, em));
    int32_t first = l->offsets[0];
    while (open)
        TRY(halve_gaps(s, l, &open, em));
    struct zone *z = zone_alloc(l->change_count + 1);
    if (z == NULL)
        return ERR_NO_MEMORY;
    z->steps[0] = (struct zone_step){INT64_MIN, first};
    for (size_t i = 0; i < l->change_count; i++)
        z->steps[i + 1] = (struct zone_step){l->changes[i].hi, l->changes[i].after};
    *out = z;
    return ERR_OK;
}

enum err src_zone_learn(struct src_session *s, const struct src_server *sv, struct zone **out,
                        struct errmsg *em)
{
    int32_t offset_s;
    const char *name = sv->time_zone;
    if (strcmp(name, "SYSTEM") == 0 && strcmp(sv->system_time_zone, "UTC") == 0)
        name = "UTC";
    if (parse_fixed(name, &offset_s)) {
        enum err e = src_zone_fixed(offset_s, out);
        return e == ERR_OK ? e : errmsg_set(em, e, "out of memory");
    }
    char session_zone[64];
    TRY(src_query_text(s, "SELECT @@SESSION.time_zone", session_zone, sizeof(session_zone), NULL,
                       em));
    TRY(src_execute(s, em, "SET SESSION time_zone=@@GLOBAL.time_zone"));
    struct learning *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return errmsg_set(em, ERR_NO_MEMORY, "out of memory");
    writer_init(&l->sql, 256 * 1024);
    enum err e = learn(s, l, out, em);
    writer_fini(&l->sql);
    free(l);
    if (e == ERR_PROTOCOL && src_session_alive(s))
        errmsg_set(em, e, "source %s: FROM_UNIXTIME() does not tell the zone %s", s->peer, name);
    if (e != ERR_OK)
        return e;
    e = src_execute(s, em, "SET SESSION time_zone='%s'", session_zone);
    if (e != ERR_OK)
        free(*out);
    return e;
}
