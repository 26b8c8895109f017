#include "control/listen.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

static enum err refuse(struct errmsg *em, const char *host, uint16_t port, int cause)
{
    if (cause == EADDRINUSE)
        return errmsg_set(em, ERR_CONFIG,
                          "http.listen: port %u of %s is in use, perhaps by another task: choose "
                          "another one, or http: {listen: off}",
                          port, host);
    if (cause == EACCES)
        return errmsg_set(em, ERR_CONFIG,
                          "http.listen: port %u of %s needs privileges: choose one above 1023",
                          port, host);
    return errmsg_set(em, ERR_CONFIG, "http.listen: %s:%u cannot be listened on: %s", host, port,
                      strerror(cause));
}

static int open_tcp(const struct addrinfo *a)
{
    int on = 1;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return 0;
    const void *p = &a;
    return ntohs(a.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)p)->sin6_port
                                         : ((const struct sockaddr_in *)p)->sin_port);
}

enum err listen_tcp(const char *host, uint16_t wanted, int *fd, uint16_t *port, struct errmsg *em)
{
    char service[8];
    struct addrinfo *list, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    snprintf(service, sizeof(service), "%u", wanted);
    int failed = getaddrinfo(host, service, &hints, &list);
    if (failed != 0)
        return errmsg_set(em, ERR_CONFIG, "http.listen: %s: %s", host, gai_strerror(failed));
    int got = -1, cause = EADDRNOTAVAIL;
    for (const struct addrinfo *a = list; a != NULL && got < 0; a = a->ai_next) {
        got = open_tcp(a);
        cause = errno;
    }
    freeaddrinfo(list);
    if (got < 0)
        return refuse(em, host, wanted, cause);
    *fd = got;
    *port = port_of(got);
    return ERR_OK;
}

/* Writable by nobody but us and those who could do anything anyway. */
static bool is_safe(const char *folder)
{
    struct stat st;
    if (stat(folder, &st) != 0)
        return false;
    bool owner = st.st_uid == geteuid() || geteuid() == 0;
    return owner && ((st.st_mode & S_IWOTH) == 0 || (st.st_mode & S_ISVTX) != 0);
}

/*
 * A path may be longer than an address of a socket takes (108 bytes), so the
 * folder is named by its descriptor.
 */
static bool address_of(const char *folder, const char *name, int *dir, struct sockaddr_un *a)
{
    *dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (*dir < 0)
        return false;
    snprintf(a->sun_path, sizeof(a->sun_path), "/proc/self/fd/%d/%s", *dir, name);
    return true;
}

enum err listen_local(const char *folder, const char *name, int *fd, struct errmsg *em)
{
    struct sockaddr_un a;
    int dir;
    if (!is_safe(folder)) {
        log_warn("control.unsafe",
                 "state_dir=%s note=\"others may write to the folder, so there "
                 "is no control socket in it: chmod o-w\"",
                 folder);
        return ERR_OK;
    }
    int got = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (got < 0 || !address_of(folder, name, &dir, &a)) {
        if (got >= 0)
            close(got);
        return errmsg_set(em, ERR_SYSTEM, "%s/%s: %s", folder, name, strerror(errno));
    }
    unlinkat(dir, name, 0);
    /* The mode holds from the first moment on: nobody connects before listen(). */
    bool bound = bind(got, (const struct sockaddr *)&a, sizeof(a)) == 0 &&
                 fchmodat(dir, name, 0600, 0) == 0 && listen(got, BACKLOG) == 0;
    int cause = errno;
    close(dir);
    if (!bound) {
        close(got);
        return errmsg_set(em, ERR_SYSTEM, "%s/%s: %s", folder, name, strerror(cause));
    }
    *fd = got;
    return ERR_OK;
}

void unlisten_local(const char *folder, const char *name)
{
    struct sockaddr_un a;
    int dir;
    if (!address_of(folder, name, &dir, &a))
        return;
    unlinkat(dir, name, 0);
    close(dir);
}
