/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic on quantities from outside: it says when it does not fit.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

/** num_add() - *out = a + b; false, and *out untouched, when that does not fit 64 bits */
static inline bool
num_add(uint64_t a, uint64_t b, uint64_t *out)
{
	uint64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return false;
	*out = sum;
	return true;
}

/** num_mul() - *out = a * b; false, and *out untouched, when that does not fit 64 bits */
static inline bool
num_mul(uint64_t a, uint64_t b, uint64_t *out)
{
	uint64_t product;

	if (__builtin_mul_overflow(a, b, &product))
		return false;
	*out = product;
	return true;
}

/** num_round_up() - @v raised to a multiple of @to, a power of two; the sum must fit */
static inline uint64_t
num_round_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) & ~(to - 1);
}

static inline bool
num_is_pow2(uint64_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

static inline uint64_t
num_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/** num_parse() - a whole decimal number from @min to @max, all of @s, no sign, no leading zero, no space */
bool num_parse(const char *s, uint64_t min, uint64_t max, uint64_t *out);

/** num_parse_size() - as num_parse(), with an optional K, M, G or T (powers of 1024) behind */
bool num_parse_size(const char *s, uint64_t min, uint64_t max, uint64_t *out);

#endif
