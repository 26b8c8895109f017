/* Sockets that are listened on, with a clear word where they cannot be had. */
#pragma once

#include "base/err.h"

#include <stdint.h>

/* host: a name or address. *port: the one that it got, for 0. ERR_CONFIG: in use, or none of ours.
 */
NODISCARD enum err listen_tcp(const char *host, uint16_t wanted, int *fd, uint16_t *port,
                              struct errmsg *em);

/*
 * A Unix socket in a folder that is ours, mode 0600; one that is left over is
 * replaced, for whoever calls holds the folder's lock. *fd -1, with a warning
 * in the log: others may write to the folder, so it is not safe.
 */
NODISCARD enum err listen_local(const char *folder, const char *name, int *fd, struct errmsg *em);
void unlisten_local(const char *folder, const char *name);
