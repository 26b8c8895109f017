#include "pipeline/inflight.h"

#include <assert.h>
#include <stdlib.h>

#define BATCHES INFLIGHT_BATCHES

struct inflight {
    size_t budget;
    size_t pack_size;
    uint32_t owner;
    size_t bytes;      /* of packs in use */
    struct pack *idle; /* standard packs, ready */
    size_t idle_bytes;
    struct pack *in_use;   /* the others */
    struct pack *current;  /* what messages are encoded into now */
    struct ticket *ticket; /* of the open batch in the current pack, or NULL */
    struct ticket *idle_tickets;
    struct ticket *tickets; /* all of them, one block */
    uint64_t messages;
    uint64_t opened;                /* last batch opened */
    uint64_t closed;                /* last batch closed */
    _Atomic uint64_t acked;         /* last batch of the acknowledged run */
    uint32_t open_tickets[BATCHES]; /* of batch seq, at seq % BATCHES */
};

#define TICKETS (BATCHES * 2)

enum err inflight_new(size_t budget, size_t pack_size, struct inflight **out)
{
    struct inflight *in = calloc(1, sizeof(*in));
    struct ticket *tickets = calloc(TICKETS, sizeof(*tickets));
    if (in == NULL || tickets == NULL) {
        free(in);
        free(tickets);
        return ERR_NO_MEMORY;
    }
    in->budget = budget < 2 * pack_size ? 2 * pack_size : budget;
    in->pack_size = pack_size;
    in->tickets = tickets;
    for (size_t i = 0; i < TICKETS; i++) {
        tickets[i].next = in->idle_tickets;
        in->idle_tickets = &tickets[i];
    }
    *out = in;
    return ERR_OK;
}

static void link_pack(struct inflight *in, struct pack *p)
{
    p->prev = NULL;
    p->next = in->in_use;
    if (p->next != NULL)
        p->next->prev = p;
    in->in_use = p;
}

static void unlink_pack(struct inflight *in, struct pack *p)
{
    if (p->prev != NULL)
        p->prev->next = p->next;
    else
        in->in_use = p->next;
    if (p->next != NULL)
        p->next->prev = p->prev;
}

static void drop_idle(struct inflight *in)
{
    while (in->idle != NULL) {
        struct pack *p = in->idle;
        in->idle = p->next;
        in->idle_bytes -= p->cap;
        free(p);
    }
}

void inflight_free(struct inflight *in)
{
    if (in == NULL)
        return;
    drop_idle(in);
    while (in->in_use != NULL) {
        struct pack *p = in->in_use;
        unlink_pack(in, p);
        free(p);
    }
    free(in->tickets);
    free(in);
}

void inflight_set_owner(struct inflight *in, uint32_t owner)
{
    in->owner = owner;
}

bool inflight_open_batch(struct inflight *in, uint64_t seq)
{
    assert(seq == in->opened + 1 && in->opened == in->closed);
    if (seq - atomic_load_explicit(&in->acked, memory_order_relaxed) > BATCHES)
        return false; /* only this thread writes acked */
    in->opened = seq;
    in->open_tickets[seq % BATCHES] = 0;
    return true;
}

/* Moves acked over every batch that is closed and has no open ticket. */
static void advance(struct inflight *in)
{
    uint64_t acked = atomic_load_explicit(&in->acked, memory_order_relaxed);
    uint64_t at = acked;
    while (at < in->closed && in->open_tickets[(at + 1) % BATCHES] == 0)
        at++;
    /* Release: whoever sees the number sees everything that was done for those batches. */
    if (at != acked)
        atomic_store_explicit(&in->acked, at, memory_order_release);
}

static void release_pack(struct inflight *in, struct pack *p)
{
    assert(p->tickets > 0);
    if (--p->tickets > 0)
        return;
    unlink_pack(in, p);
    in->bytes -= p->cap;
    if (p->standard && in->idle_bytes + in->bytes + p->cap <= in->budget) {
        p->next = in->idle;
        in->idle = p;
        in->idle_bytes += p->cap;
    } else {
        free(p);
    }
}

static void finish_ticket(struct inflight *in, struct ticket *t)
{
    release_pack(in, t->pack);
    in->open_tickets[t->batch_seq % BATCHES]--;
    t->next = in->idle_tickets;
    in->idle_tickets = t;
}

/* No more messages come for the current ticket. */
static void close_ticket(struct inflight *in)
{
    struct ticket *t = in->ticket;
    if (t == NULL)
        return;
    in->ticket = NULL;
    t->open = false;
    if (t->messages == 0)
        finish_ticket(in, t);
}

void inflight_close_batch(struct inflight *in)
{
    assert(in->opened == in->closed + 1);
    close_ticket(in);
    in->closed = in->opened;
    advance(in);
}

struct pack *inflight_pack(struct inflight *in, size_t need)
{
    struct pack *p = in->current;
    if (p != NULL && p->cap - p->used >= need)
        return p;
    /* The pack is left, so its ticket ends here; what comes next takes another one. */
    close_ticket(in);
    if (p != NULL && p->tickets == 1) {
        p->used = 0; /* all that was in it is delivered */
        if (p->cap >= need)
            return p;
    }
    size_t cap = need > in->pack_size ? need : in->pack_size;
    /* One pack may always be had, however large: else a large row could never go out. */
    size_t held = in->bytes - (p != NULL && p->tickets == 1 ? p->cap : 0);
    if (held > 0 && held + cap > in->budget)
        return NULL;
    if (p != NULL) {
        in->current = NULL;
        release_pack(in, p);
    }
    bool standard = cap == in->pack_size;
    if (standard && in->idle != NULL) {
        p = in->idle;
        in->idle = p->next;
        in->idle_bytes -= p->cap;
    } else {
        if (!standard)
            drop_idle(in);
        p = malloc(sizeof(*p) + cap);
        if (p == NULL)
            return NULL;
        p->cap = cap;
        p->standard = standard;
    }
    link_pack(in, p);
    p->used = 0;
    p->tickets = 1;
    in->bytes += cap;
    in->current = p;
    return p;
}

size_t inflight_pack_size(const struct inflight *in)
{
    return in->pack_size;
}

struct ticket *inflight_ticket(struct inflight *in)
{
    if (in->ticket != NULL)
        return in->ticket;
    struct ticket *t = in->idle_tickets;
    if (t == NULL)
        return NULL;
    in->idle_tickets = t->next;
    *t = (struct ticket){
        .token = {.owner = in->owner}, .pack = in->current, .batch_seq = in->opened, .open = true};
    in->current->tickets++;
    in->open_tickets[in->opened % BATCHES]++;
    in->ticket = t;
    return t;
}

void inflight_sent(struct inflight *in, struct ticket *t)
{
    t->messages++;
    in->messages++;
}

void inflight_delivered(struct inflight *in, struct ticket *t, uint32_t count)
{
    assert(t->messages >= count);
    t->messages -= count;
    in->messages -= count;
    if (t->messages == 0 && !t->open) {
        finish_ticket(in, t);
        advance(in);
    }
}

uint64_t inflight_messages(const struct inflight *in)
{
    return in->messages;
}

size_t inflight_bytes(const struct inflight *in)
{
    return in->bytes;
}

uint64_t inflight_acked(const struct inflight *in)
{
    return atomic_load_explicit(&in->acked, memory_order_acquire); /* pairs with advance() */
}
