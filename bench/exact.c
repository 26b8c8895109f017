/*
 * Figures of the row path that are the same on every machine, as a table:
 * bytes of the messages, and how often our code asked for memory.
 *
 *   exact FILE
 *
 * The file is run twice. What the first run allocates is the set-up of the
 * tables; what the second one allocates is what rows cost. The linker puts the
 * functions below in the place of malloc and its kin (--wrap), so that every
 * call in our rooms is counted, and nothing that libraries call.
 */
#include "row_path.h"

#include <stdio.h>
#include <stdlib.h>

static unsigned long long calls;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
int __real_posix_memalign(void **p, size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
int __wrap_posix_memalign(void **p, size_t align, size_t n);

void *__wrap_malloc(size_t n)
{
    calls++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    calls++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    calls++;
    return __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
    calls++;
    return __real_aligned_alloc(align, n);
}

int __wrap_posix_memalign(void **p, size_t align, size_t n)
{
    calls++;
    return __real_posix_memalign(p, align, n);
}

static void line(const char *name, unsigned long long value)
{
    printf("%s\t%llu\n", name, value);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: exact FILE\n", stderr);
        return 2;
    }
    struct row_sum sum;
    struct row_path *p = row_path_new(argv[1]);
    calls = 0;
    row_path_run(p, STAGE_ENCODE, 1, &sum);
    unsigned long long first = calls;
    calls = 0;
    row_path_run(p, STAGE_ENCODE, 1, &sum);
    unsigned long long second = calls;

    printf("# %s\n", "figure\tvalue");
    line("events", sum.events);
    line("rows", sum.rows);
    line("inserts", sum.inserts);
    line("updates", sum.updates);
    line("deletes", sum.deletes);
    line("row_image_bytes", sum.image_bytes);
    line("key_bytes", sum.key_bytes);
    line("value_bytes", sum.value_bytes);
    printf("bytes_per_row_before_compression\t%.3f\n",
           (double)(sum.key_bytes + sum.value_bytes) / (double)sum.rows);
    for (int i = 0; i < 4; i++)
        printf("rows_of_partition_%d\t%llu\n", i, (unsigned long long)sum.partition_rows[i]);
    printf("messages_fnv1a\t%016llx\n", (unsigned long long)sum.hash);
    line("allocations_of_set_up", first);
    line("allocations_per_million_rows", second * 1000000 / sum.rows);
    row_path_free(p);
    return 0;
}
