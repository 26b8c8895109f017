/*
 * Number text: the bits of a double, a float and integers to text and back.
 *
 * Property: every layout reads back to the same number, is as long as the
 * header says at most, and one significant digit less does not read back.
 */
#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* How many significant digits the text has, without zeros at either end. */
static int significant(const char *text)
{
    int count = 0, zeros = 0;
    for (; *text != '\0' && *text != 'e' && *text != 'E'; text++) {
        if (*text < '0' || *text > '9')
            continue;
        if (*text != '0') {
            count += zeros + 1;
            zeros = 0;
        } else if (count > 0) {
            zeros++;
        }
    }
    return count;
}

static void check_double(double v)
{
    uint8_t *(*const layouts[])(uint8_t *, double) = {number_double_java, number_double_mysql,
                                                      number_double_mysql_json};
    char text[NUMBER_DOUBLE_MAX + 1];
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        uint8_t *end = layouts[i]((uint8_t *)text, v);
        MUST(end - (uint8_t *)text <= NUMBER_DOUBLE_MAX);
        *end = '\0';
        double back = strtod(text, NULL);
        MUST(isnan(v) ? isnan(back) : memcmp(&v, &back, sizeof v) == 0);
    }
    int digits = significant(text);
    if (isfinite(v) && digits > 2) { /* Java's text has two where one would do */
        char less[64];
        snprintf(less, sizeof less, "%.*e", digits - 2, v);
        MUST(strtod(less, NULL) != v);
    }
}

static void check_float(float v)
{
    char text[NUMBER_DOUBLE_MAX + 1];
    uint8_t *end = number_float_java((uint8_t *)text, v);
    MUST(end - (uint8_t *)text <= NUMBER_DOUBLE_MAX);
    *end = '\0';
    float back = strtof(text, NULL);
    MUST(isnan(v) ? isnan(back) : memcmp(&v, &back, sizeof v) == 0);
    int digits = significant(text);
    if (isfinite(v) && digits > 2) {
        char less[64];
        snprintf(less, sizeof less, "%.*e", digits - 2, (double)v);
        MUST(strtof(less, NULL) != v);
    }
}

static void check_integer(uint64_t v)
{
    char text[NUMBER_U64_MAX + 1];
    uint8_t *end = number_u64((uint8_t *)text, v);
    MUST(end - (uint8_t *)text <= NUMBER_U64_MAX);
    *end = '\0';
    MUST(strtoull(text, NULL, 10) == v && (text[0] != '0' || text[1] == '\0'));
    end = number_i64((uint8_t *)text, (int64_t)v);
    MUST(end - (uint8_t *)text <= NUMBER_I64_MAX);
    *end = '\0';
    MUST(strtoll(text, NULL, 10) == (int64_t)v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (; size >= 8; data += 8, size -= 8) {
        uint64_t bits;
        double d;
        float f;
        memcpy(&bits, data, 8);
        memcpy(&d, data, 8);
        memcpy(&f, data, 4);
        check_double(d);
        check_float(f);
        check_integer(bits);
        check_integer(bits >> (bits & 63));
    }
    return 0;
}
