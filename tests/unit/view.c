/* SPDX-License-Identifier: Apache-2.0 */
#include "base/view.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

static void
test_integers(void **state)
{
	struct view v = view_of(bytes, sizeof(bytes));
	uint16_t a;
	uint32_t b;
	uint64_t c;

	(void)state;
	assert_true(view_be16(&v, &a));
	assert_int_equal(a, 0x0102);
	assert_true(view_be64(&v, &c));
	assert_int_equal(c, UINT64_C(0x030405060708090a));
	assert_int_equal(v.len, 0);
	v = view_of(bytes, sizeof(bytes));
	assert_true(view_be32(&v, &b));
	assert_int_equal(b, 0x01020304);
}

/* One byte short: refused, with the view and the result as they were. */
static void
test_short(void **state)
{
	for (size_t len = 0; len < 9; len++) {
		struct view v = view_of(bytes, len), taken = {0};
		uint16_t a = 7;
		uint32_t b = 7;
		uint64_t c = 7;
		uint8_t copy[10] = {7};

		if (len < 2)
			assert_false(view_be16(&v, &a));
		if (len < 4)
			assert_false(view_be32(&v, &b));
		if (len < 8)
			assert_false(view_be64(&v, &c));
		assert_false(view_take(&v, len + 1, &taken));
		assert_false(view_take(&v, SIZE_MAX, &taken));
		assert_false(view_copy(&v, copy, len + 1));
		assert_true(a == 7 && b == 7 && c == 7 && copy[0] == 7 && taken.p == NULL);
		assert_ptr_equal(v.p, bytes);
		assert_int_equal(v.len, len);
	}
	(void)state;
}

static void
test_take(void **state)
{
	struct view v = view_str("abcdef"), taken;
	char two[3] = "";

	(void)state;
	assert_true(view_take(&v, 0, &taken));
	assert_int_equal(taken.len, 0);
	assert_true(view_take(&v, 4, &taken));
	assert_memory_equal(taken.p, "abcd", 4);
	assert_true(view_copy(&v, two, 2));
	assert_string_equal(two, "ef");
	assert_int_equal(v.len, 0);
}

static void
test_trim(void **state)
{
	static const struct {
		const char *text, *trimmed;
	} cases[] = {{"", ""}, {" \t\r\n", ""}, {"a", "a"}, {"\n a b\t\r\n", "a b"}, {"a ", "a"}, {" \va", "\va"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view v = view_trim(view_str(cases[i].text));

		assert_int_equal(v.len, strlen(cases[i].trimmed));
		assert_memory_equal(v.p, cases[i].trimmed, v.len);
	}
}

static void
test_is(void **state)
{
	(void)state;
	assert_true(view_is(view_of("abc", 2), "ab"));
	assert_true(view_is(view_of("abc", 0), ""));
	assert_false(view_is(view_of("abc", 2), "abc"));
	assert_false(view_is(view_of("abc", 2), "a"));
	assert_false(view_is(view_of("abc", 2), "ac"));
	assert_false(view_is(view_of("a\0", 2), "a"));
}

static void
test_zero(void **state)
{
	uint8_t some[70] = {0};

	(void)state;
	assert_true(view_zero(view_of(some, 0)));
	assert_true(view_zero(view_of(some, sizeof(some))));
	for (size_t i = 0; i < sizeof(some); i++) {
		some[i] = 0x80;
		assert_false(view_zero(view_of(some, sizeof(some))));
		assert_true(view_zero(view_of(some, i)));
		some[i] = 0;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers), cmocka_unit_test(test_short), cmocka_unit_test(test_take),
		cmocka_unit_test(test_is),	 cmocka_unit_test(test_trim),  cmocka_unit_test(test_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
