#include "pipeline/throttle.h"

#define KEEP_S 0.1 /* how much of a second's amount is kept for later */
#define US     1e6

void throttle_init(struct throttle *t, const struct throttle_limits *l)
{
    *t = (struct throttle){0};
    pthread_mutex_init(&t->lock, NULL);
    throttle_set(t, l);
}

void throttle_fini(struct throttle *t)
{
    pthread_mutex_destroy(&t->lock);
}

/* What may be saved up of one kind: never less than one, or nothing could ever be taken. */
static double most(uint64_t rate)
{
    double keep = (double)rate * KEEP_S;
    return keep < 1 ? 1 : keep;
}

/* Credit grows with time. */
static void advance(struct throttle *t, uint64_t now_us)
{
    double passed = t->at_us != 0 && now_us > t->at_us ? (double)(now_us - t->at_us) / US : 0;
    for (int i = 0; i < THROTTLE_KINDS; i++) {
        t->credit[i] += passed * (double)t->rate[i];
        if (t->credit[i] > most(t->rate[i]))
            t->credit[i] = most(t->rate[i]);
    }
    if (now_us > t->at_us)
        t->at_us = now_us;
}

void throttle_set(struct throttle *t, const struct throttle_limits *l)
{
    const uint64_t rate[THROTTLE_KINDS] = {l->queries, l->rows, l->bytes};
    bool limited = false;
    pthread_mutex_lock(&t->lock);
    for (int i = 0; i < THROTTLE_KINDS; i++) {
        t->rate[i] = rate[i];
        if (rate[i] == 0 || t->credit[i] > most(rate[i]))
            t->credit[i] = 0;
        limited = limited || rate[i] != 0;
    }
    atomic_store_explicit(&t->limited, limited, memory_order_relaxed);
    pthread_mutex_unlock(&t->lock);
}

struct throttle_limits throttle_get(struct throttle *t)
{
    pthread_mutex_lock(&t->lock);
    struct throttle_limits l = {t->rate[THROTTLE_QUERIES], t->rate[THROTTLE_ROWS],
                                t->rate[THROTTLE_BYTES]};
    pthread_mutex_unlock(&t->lock);
    return l;
}

void throttle_take(struct throttle *t, uint64_t queries, uint64_t rows, uint64_t bytes,
                   uint64_t now_us)
{
    if (!throttle_limited(t))
        return;
    const uint64_t taken[THROTTLE_KINDS] = {queries, rows, bytes};
    pthread_mutex_lock(&t->lock);
    advance(t, now_us);
    for (int i = 0; i < THROTTLE_KINDS; i++)
        if (t->rate[i] != 0)
            t->credit[i] -= (double)taken[i];
    pthread_mutex_unlock(&t->lock);
}

uint64_t throttle_wait_us(struct throttle *t, uint64_t now_us)
{
    if (!throttle_limited(t))
        return 0;
    double wait = 0;
    pthread_mutex_lock(&t->lock);
    bool held = t->counted_us != 0;
    advance(t, now_us);
    for (int i = 0; i < THROTTLE_KINDS; i++)
        if (t->rate[i] != 0 && -t->credit[i] / (double)t->rate[i] > wait)
            wait = -t->credit[i] / (double)t->rate[i];
    if (held && now_us > t->counted_us)
        atomic_fetch_add_explicit(&t->held_us, now_us - t->counted_us, memory_order_relaxed);
    t->counted_us = wait > 0 ? now_us : 0;
    pthread_mutex_unlock(&t->lock);
    double us = wait * US;
    return us <= 0 ? 0 : us < 1 ? 1 : us > 3600 * US ? (uint64_t)(3600 * US) : (uint64_t)us;
}

uint64_t throttle_held_us(const struct throttle *t)
{
    return atomic_load_explicit(&t->held_us, memory_order_relaxed);
}
