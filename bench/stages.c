/*
 * CPU of the row path by stage, in one thread, over a binlog file in memory.
 *
 *   stages FILE [ROUNDS, 7]
 *
 * Each round runs the path up to each stage in turn; a stage's own time is the
 * difference to the one before it, round by round. No socket, no TLS, no
 * librdkafka: reading here is finding events and checking their CRC32. One
 * JSON line per stage, CPU microseconds a row.
 */
#include "row_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS_MAX 100

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"read", "walk", "decode", "encode"};
    static double us[STAGE_COUNT][ROUNDS_MAX];
    int rounds = argc > 2 ? atoi(argv[2]) : 7;
    if (argc < 2 || rounds < 1 || rounds > ROUNDS_MAX) {
        fputs("usage: stages FILE [ROUNDS]\n", stderr);
        return 2;
    }
    struct row_path *p = row_path_new(argv[1]);
    struct row_sum sum;
    row_path_run(p, STAGE_ENCODE, 0, &sum); /* warm up; sets the tables up */
    for (int i = 0; i < rounds; i++) {
        double before = 0;
        for (int s = 0; s < STAGE_COUNT; s++) {
            double t = cpu_us();
            row_path_run(p, (enum stage)s, 0, &sum);
            t = cpu_us() - t;
            us[s][i] = t - before;
            before = t;
        }
    }
    for (int s = 0; s < STAGE_COUNT; s++) {
        double rows = sum.rows > 0 ? (double)sum.rows : 1;
        qsort(us[s], (size_t)rounds, sizeof(double), ascending);
        printf("{\"stage\":\"%s\",\"rows\":%llu,\"n\":%d,\"unit\":\"us/row\",\"min\":%.4f,"
               "\"median\":%.4f,\"max\":%.4f}\n",
               names[s], (unsigned long long)sum.rows, rounds, us[s][0] / rows,
               us[s][rounds / 2] / rows, us[s][rounds - 1] / rows);
    }
    row_path_free(p);
    return 0;
}
