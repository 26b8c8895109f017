/*
 * Checks of the integration programs: plain programs that say what failed, go
 * on with the next test, and end with 1 when anything did.
 */
#pragma once

#include <setjmp.h>
#include <stdio.h>

extern jmp_buf check_failed;
extern const char *check_name;
extern int check_failures;

#define CHECK(ok, ...)                                                                             \
    do {                                                                                           \
        if (!(ok)) {                                                                               \
            fprintf(stderr, "%s:%d: %s: %s is not so:", __FILE__, __LINE__, check_name, #ok);      \
            fprintf(stderr, " " __VA_ARGS__);                                                      \
            fputc('\n', stderr);                                                                   \
            check_failures++;                                                                      \
            longjmp(check_failed, 1);                                                              \
        }                                                                                          \
    } while (0)

#define RUN(test)                                                                                  \
    do {                                                                                           \
        check_name = #test;                                                                        \
        if (setjmp(check_failed) == 0) {                                                           \
            test();                                                                                \
            printf("ok      %s\n", check_name);                                                    \
        } else {                                                                                   \
            printf("FAILED  %s\n", check_name);                                                    \
        }                                                                                          \
        fflush(stdout);                                                                            \
    } while (0)
