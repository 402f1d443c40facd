/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
test_arithmetic(void **state)
{
	uint64_t v = 77;

	(void)state;
	assert_true(num_add(UINT64_MAX - 1, 1, &v));
	assert_int_equal(v, UINT64_MAX);
	v = 77;
	assert_false(num_add(UINT64_MAX, 1, &v));
	assert_int_equal(v, 77);
	assert_true(num_mul(UINT64_C(1) << 32, UINT32_MAX, &v));
	assert_int_equal(v, UINT64_C(0xffffffff00000000));
	v = 77;
	assert_false(num_mul(UINT64_C(1) << 32, UINT64_C(1) << 32, &v));
	assert_int_equal(v, 77);
	assert_true(num_mul(0, UINT64_MAX, &v));
	assert_int_equal(v, 0);
}

static void
test_round(void **state)
{
	(void)state;
	assert_int_equal(num_round_up(0, 4096), 0);
	assert_int_equal(num_round_up(1, 4096), 4096);
	assert_int_equal(num_round_up(4096, 4096), 4096);
	assert_int_equal(num_round_up(4097, 4096), 8192);
	assert_false(num_is_pow2(0));
	assert_true(num_is_pow2(1));
	assert_false(num_is_pow2(3));
	assert_true(num_is_pow2(UINT64_C(1) << 63));
	assert_false(num_is_pow2(UINT64_MAX));
	assert_int_equal(num_min(1, 2), 1);
	assert_int_equal(num_min(UINT64_MAX, 2), 2);
}

#define NO UINT64_MAX /* refused, and the result untouched */

static const struct {
	const char *text;
	uint64_t number, size;
} numbers[] = {
	{"0", 0, 0},
	{"7", 7, 7},
	{"1000", 1000, 1000},
	{"18446744073709551614", UINT64_MAX - 1, UINT64_MAX - 1},
	{"18446744073709551616", NO, NO},
	{"99999999999999999999999", NO, NO},
	{"", NO, NO},
	{" 1", NO, NO},
	{"1 ", NO, NO},
	{"+1", NO, NO},
	{"-1", NO, NO},
	{"-0", NO, NO},
	{"00", NO, NO},
	{"01", NO, NO},
	{"0x10", NO, NO},
	{"1.5", NO, NO},
	{"1e3", NO, NO},
	{"1K", NO, 1024},
	{"64k", NO, 65536},
	{"1M", NO, 1048576},
	{"16m", NO, 16777216},
	{"2G", NO, UINT64_C(2) << 30},
	{"1T", NO, UINT64_C(1) << 40},
	{"0K", NO, 0},
	{"1P", NO, NO},
	{"1KB", NO, NO},
	{"1KiB", NO, NO},
	{"1 K", NO, NO},
	{"1K ", NO, NO},
	{"K", NO, NO},
	{"1\xcb", NO, NO},
	{"1+", NO, NO},
	{"16777216T", NO, NO},
	{"16777215T", NO, UINT64_C(0xffffff0000000000)},
};

static void
test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint64_t v = NO;

		assert_int_equal(num_parse(numbers[i].text, 0, UINT64_MAX, &v), numbers[i].number != NO);
		assert_int_equal(v, numbers[i].number);
		v = NO;
		if (num_parse_size(numbers[i].text, 0, UINT64_MAX, &v) != (numbers[i].size != NO))
			fail_msg("«%s»", numbers[i].text);
		assert_int_equal(v, numbers[i].size);
	}
}

static void
test_range(void **state)
{
	uint64_t v = NO;

	(void)state;
	assert_false(num_parse("9", 10, 20, &v));
	assert_true(num_parse("10", 10, 20, &v));
	assert_true(num_parse("20", 10, 20, &v));
	v = NO;
	assert_false(num_parse("21", 10, 20, &v));
	assert_false(num_parse_size("1K", 0, 1023, &v));
	assert_int_equal(v, NO);
	assert_true(num_parse_size("1K", 1024, 1024, &v));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
