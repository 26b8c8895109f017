/*
 * Exact decimal numbers, as the server computes with them.
 *
 * A number has at most 65 digits before the point here (the server's limit)
 * and 36 behind it; the server shows 30. It is kept as twelve groups of nine
 * digits around a fixed point, so that comparing, adding and subtracting go
 * group by group. scale is how many digits behind the point are meant.
 *
 * Nothing allocates. Functions that may pass the limits return false, having
 * written nothing. Any thread.
 */
#pragma once

#include "base/slice.h"

#define DEC_GROUP       1000000000u
#define DEC_GROUP_WIDTH 9
#define DEC_WHOLE       8 /* groups before the point */
#define DEC_FRACTION    4 /* groups behind it */
#define DEC_GROUPS      (DEC_WHOLE + DEC_FRACTION)
#define DEC_DIGITS_MAX  65 /* before the point */
#define DEC_SCALE_MAX   30 /* of what columns and literals have */
#define DEC_TEXT_MAX    112

struct dec {
    bool negative; /* of zero only where a server has it so */
    uint8_t scale;
    uint32_t group[DEC_GROUPS]; /* most significant first */
};

void dec_of_u64(uint64_t v, struct dec *out);
void dec_of_i64(int64_t v, struct dec *out);

/* "-12.340": digits with at most one point, and nothing else. */
bool dec_of_text(struct slice text, struct dec *out);

bool dec_is_zero(const struct dec *d);
int dec_cmp(const struct dec *a, const struct dec *b); /* -1, 0, 1 */
bool dec_add(const struct dec *a, const struct dec *b, struct dec *out);
bool dec_sub(const struct dec *a, const struct dec *b, struct dec *out);
bool dec_mul(const struct dec *a, const struct dec *b, struct dec *out);

/*
 * b is not zero. The quotient is cut, not rounded, behind as many groups of
 * nine digits as the server works out for a precision increment of 4
 * ("do_div_mod", MySQL source docs, strings/decimal.cc): 1/3 is 0.333333333.
 */
bool dec_div(const struct dec *a, const struct dec *b, struct dec *out);

/* b is not zero. The remainder has the sign of a. */
bool dec_mod(const struct dec *a, const struct dec *b, struct dec *out);

/* The digits that dec_div() leaves behind the point; more than 36 cannot be had. */
unsigned dec_div_scale(unsigned a, unsigned b);

/* Toward zero. False: it does not fit. */
bool dec_to_i64(const struct dec *d, int64_t *out);
bool dec_to_u64(const struct dec *d, uint64_t *out); /* of a number that is not negative */

/* To so many digits behind the point, half away from zero. */
bool dec_round(const struct dec *d, unsigned scale, struct dec *out);

double dec_to_double(const struct dec *d);

/* With all digits of its scale: "-0.50". Returns the end; room for DEC_TEXT_MAX. */
uint8_t *dec_text(uint8_t *p, const struct dec *d);
