#include "pipeline/fault.h"

#include "base/log.h"

void fault_raise(struct fault *f, enum err e, const struct errmsg *em)
{
    pthread_mutex_lock(&f->lock);
    bool first = atomic_load_explicit(&f->err, memory_order_relaxed) == ERR_OK;
    if (first) {
        f->message = *em;
        if (f->message.text[0] == 0)
            errmsg_set(&f->message, e, "%s", err_text(e));
        /* Release: the message is written before the code shows that there is one. */
        atomic_store_explicit(&f->err, e, memory_order_release);
    }
    pthread_mutex_unlock(&f->lock);
    if (!first)
        log_debug("task.fault.later", "error=%s text=\"%s\"", err_name(e), em->text);
}
