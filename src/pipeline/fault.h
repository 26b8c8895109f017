/*
 * Why a task ends: the first failure of any thread, kept with its sentence.
 * Later failures are mostly its consequences and are only logged at debug.
 * Any thread.
 */
#pragma once

#include "base/err.h"

#include <pthread.h>
#include <stdatomic.h>

struct fault {
    pthread_mutex_t lock;
    _Atomic(enum err) err; /* ERR_OK: nothing happened */
    struct errmsg message;
};

#define FAULT_INIT                                                                                 \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* Records e with its sentence, if it is the first. */
void fault_raise(struct fault *f, enum err e, const struct errmsg *em);

static inline enum err fault_err(const struct fault *f)
{
    return atomic_load_explicit(&f->err, memory_order_acquire); /* pairs with fault_raise() */
}

/* The sentence; valid once fault_err() is not ERR_OK. */
static inline const char *fault_text(const struct fault *f)
{
    return f->message.text;
}
