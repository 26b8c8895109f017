/* The io_uring backend. */
#include "net/loop_int.h"

static enum err ur_init(struct net_loop *loop, const struct net_loop_options *opt,
                        struct errmsg *em)
{
    (void)loop, (void)opt;
    return errmsg_set(em, ERR_SYSTEM, "io_uring is not built in yet");
}

const struct backend_ops uring_ops = {.name = "io_uring", .init = ur_init};
