#include "kafka/flusher.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * How long one flush lasts at most. Long enough for every broker thread to see
 * it; short, because while it lasts everything that is produced goes out in
 * batches as small as it comes.
 */
#define FLUSH_MS    2
#define STACK_BYTES ((size_t)128 << 10)

struct kafka_flusher {
    rd_kafka_t *rk;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t asked; /* under lock, as all below */
    uint64_t served;
    bool asleep;
    bool stop;
};

static void *flusher_main(void *arg)
{
    struct kafka_flusher *f = arg;

    pthread_mutex_lock(&f->lock);
    while (!f->stop) {
        if (f->served == f->asked) {
            f->asleep = true;
            pthread_cond_wait(&f->changed, &f->lock);
            f->asleep = false;
            continue;
        }
        /* A message queued after this line may miss this flush, and asks for another. */
        f->served = f->asked;
        pthread_mutex_unlock(&f->lock);
        (void)rd_kafka_flush(f->rk, FLUSH_MS);
        pthread_mutex_lock(&f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static int start_thread(struct kafka_flusher *f)
{
    pthread_attr_t attr;
    int failed = pthread_attr_init(&attr);
    if (failed != 0)
        return failed;
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
    failed = pthread_create(&f->thread, &attr, flusher_main, f);
    pthread_attr_destroy(&attr);
    return failed;
}

enum err kafka_flusher_new(rd_kafka_t *rk, struct kafka_flusher **out)
{
    struct kafka_flusher *f = calloc(1, sizeof *f);
    if (f == NULL)
        return ERR_NO_MEMORY;
    f->rk = rk;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    if (start_thread(f) != 0) {
        pthread_cond_destroy(&f->changed);
        pthread_mutex_destroy(&f->lock);
        free(f);
        return ERR_SYSTEM;
    }
    (void)pthread_setname_np(f->thread, "flusher");
    *out = f;
    return ERR_OK;
}

void kafka_flusher_free(struct kafka_flusher *f)
{
    if (f == NULL)
        return;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

void kafka_flusher_ask(struct kafka_flusher *f)
{
    pthread_mutex_lock(&f->lock);
    f->asked++;
    bool wake = f->asleep;
    pthread_mutex_unlock(&f->lock);
    if (wake)
        pthread_cond_signal(&f->changed);
}
