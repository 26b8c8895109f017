/*
 * A clock that a test sets forward, and a disk that it makes slow. Preloaded,
 * it adds the seconds that stand in the file SKEWED_CLOCK (shared memory, two
 * numbers of eight bytes) to what the kernel says. So a test comes to the end
 * of a window of ten minutes without waiting for it. Waits of the C library
 * itself go by the kernel's own clock. The second number is how many
 * milliseconds each msync() takes; who waits in one goes on when it is set to 0.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t *ahead_s; /* behind it: milliseconds of an msync() */

__attribute__((constructor)) static void open_it(void)
{
    const char *path = getenv("SKEWED_CLOCK");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *at = mmap(NULL, 2 * sizeof(*ahead_s), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (at != MAP_FAILED)
        ahead_s = at;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    long done = syscall(SYS_clock_gettime, clock, t);
    if (done == 0 && ahead_s != NULL && (clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME))
        t->tv_sec += atomic_load(ahead_s);
    return (int)done;
}

int msync(void *at, size_t len, int flags)
{
    for (int64_t ms = 0; ahead_s != NULL && ms < atomic_load(&ahead_s[1]); ms += 10)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    return (int)syscall(SYS_msync, at, len, flags);
}
