/* A state folder of a test's own, and looking at and changing the log in it from outside. */
#pragma once

#include "checkpoint/checkpoint.h"

#include <stdio.h>

struct folder {
    char path[64];
};

struct folder folder_new(void); /* does not exist yet, below a fresh folder in /tmp */
void folder_remove(struct folder *f);

/* Name of the only log in it. */
void folder_log(const struct folder *f, char path[128]);

struct bytes {
    uint8_t *ptr;
    size_t len;
};

struct bytes file_read(const char *path);
void file_write(const char *path, const uint8_t *ptr, size_t len);
size_t bytes_used(struct bytes b); /* up to the last byte that is not zero, in eights */

/* A position whose fields all follow from n. */
struct ckpt_position position_of(uint64_t n);

/* Opens (task "t", smallest files), or fails the test. */
struct ckpt *opened(const struct folder *f);
enum err try_open(const struct folder *f, struct ckpt **out, struct errmsg *em);

void put_position(struct ckpt *c, uint64_t n);
void synced(struct ckpt *c);

/* The n of the position, which must be whole; 0: none. */
uint64_t position_in(const struct ckpt *c);
