/*
 * Counts calls of malloc, calloc, realloc and aligned_alloc by the place that
 * made them. To be preloaded:
 *
 *   ALLOC_COUNT=FILE LD_PRELOAD=liballoc_count.so rowcast run ...
 *
 * At exit FILE gets a line "OFFSET CALLS" for each place in the program itself
 * (not in shared libraries); offsets are as in its symbol table. Who owns a
 * place, rowcast or the librdkafka in it, is for the reader of the file to say.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS 65536 /* a power of two; a program has some thousand places */

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);

static struct {
    _Atomic uintptr_t place;
    atomic_ullong calls;
} slots[SLOTS];

static void count(const void *return_address)
{
    uintptr_t place = (uintptr_t)return_address;
    size_t i = (size_t)((place * UINT64_C(0x9E3779B97F4A7C15)) >> 48) & (SLOTS - 1);
    for (size_t tries = 0; tries < SLOTS; tries++, i = (i + 1) & (SLOTS - 1)) {
        uintptr_t there = atomic_load_explicit(&slots[i].place, memory_order_relaxed);
        if (there == 0 && atomic_compare_exchange_strong(&slots[i].place, &there, place))
            there = place;
        if (there == place) {
            atomic_fetch_add_explicit(&slots[i].calls, 1, memory_order_relaxed);
            return;
        }
    }
}

void *malloc(size_t n)
{
    count(__builtin_return_address(0));
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    count(__builtin_return_address(0));
    return __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    count(__builtin_return_address(0));
    return __libc_memalign(align, n);
}

struct range {
    uintptr_t base;
    uintptr_t end;
};

/* The program is the first object of the walk. */
static int first_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct range *r = arg;
    (void)size;
    r->base = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && end > r->end)
            r->end = end;
    }
    return 1;
}

__attribute__((destructor)) static void write_counts(void)
{
    const char *path = getenv("ALLOC_COUNT");
    FILE *f = path != NULL ? fopen(path, "w") : NULL;
    if (f == NULL)
        return;
    struct range program = {0};
    dl_iterate_phdr(first_object, &program);
    for (size_t i = 0; i < SLOTS; i++) {
        uintptr_t place = atomic_load(&slots[i].place);
        if (place >= program.base && place < program.end)
            fprintf(f, "0x%llx %llu\n", (unsigned long long)(place - program.base),
                    (unsigned long long)atomic_load(&slots[i].calls));
    }
    fclose(f);
}
