/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/scan.h"

#define BYTES(s) (s), sizeof(s) - 1
#define OPEN_16 "[[[[[[[[[[[[[[[["
#define CLOSE_16 "]]]]]]]]]]]]]]]]"

static const struct {
	const char *text;
	size_t len;
	coffer_err err;
} texts[] = {
	{BYTES("null"), COFFER_OK},
	{BYTES(" \t\r\n true \n"), COFFER_OK},
	{BYTES("false"), COFFER_OK},
	{BYTES("0"), COFFER_OK},
	{BYTES("-0"), COFFER_OK},
	{BYTES("-12.50e+10"), COFFER_OK},
	{BYTES("1E-7"), COFFER_OK},
	{BYTES("\"\""), COFFER_OK},
	{BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\""), COFFER_OK},
	{BYTES("[]"), COFFER_OK},
	{BYTES("{}"), COFFER_OK},
	{BYTES("[1,[2,{}],{\"a\":[],\"b\":{\"c\":null}}]"), COFFER_OK},
	{BYTES(OPEN_16 OPEN_16 CLOSE_16 CLOSE_16), COFFER_OK},
	{BYTES(OPEN_16 OPEN_16 "[]" CLOSE_16 CLOSE_16), COFFER_E_FORMAT},
	{BYTES(""), COFFER_E_FORMAT},
	{BYTES(" "), COFFER_E_FORMAT},
	{BYTES("nul"), COFFER_E_FORMAT},
	{BYTES("nulll"), COFFER_E_FORMAT},
	{BYTES("NaN"), COFFER_E_FORMAT},
	{BYTES("01"), COFFER_E_FORMAT},
	{BYTES("-"), COFFER_E_FORMAT},
	{BYTES("+1"), COFFER_E_FORMAT},
	{BYTES(".5"), COFFER_E_FORMAT},
	{BYTES("1."), COFFER_E_FORMAT},
	{BYTES("1e"), COFFER_E_FORMAT},
	{BYTES("1e+-1"), COFFER_E_FORMAT},
	{BYTES("0x1"), COFFER_E_FORMAT},
	{BYTES("\""), COFFER_E_FORMAT},
	{BYTES("'a'"), COFFER_E_FORMAT},
	{BYTES("\"\t\""), COFFER_E_FORMAT},
	{BYTES("\"\\u0000\""), COFFER_E_FORMAT},
	{BYTES("\"a\0b\""), COFFER_E_FORMAT},
	{BYTES("\"\\ud83d\""), COFFER_E_FORMAT},
	{BYTES("\"\\ud83d\\u0041\""), COFFER_E_FORMAT},
	{BYTES("\"\\u00g0\""), COFFER_E_FORMAT},
	{BYTES("\"\xf4\x90\x80\x80\""), COFFER_E_FORMAT},
	{BYTES("\"\xe2\x82\""), COFFER_E_FORMAT},
	{BYTES("[1,]"), COFFER_E_FORMAT},
	{BYTES("[,1]"), COFFER_E_FORMAT},
	{BYTES("[1 2]"), COFFER_E_FORMAT},
	{BYTES("[1}"), COFFER_E_FORMAT},
	{BYTES("[1"), COFFER_E_FORMAT},
	{BYTES("{\"a\"}"), COFFER_E_FORMAT},
	{BYTES("{\"a\":}"), COFFER_E_FORMAT},
	{BYTES("{\"a\":1,}"), COFFER_E_FORMAT},
	{BYTES("{1:1}"), COFFER_E_FORMAT},
	{BYTES("{\"a\" 1}"), COFFER_E_FORMAT},
	{BYTES("1 1"), COFFER_E_FORMAT},
	{BYTES("[]]"), COFFER_E_FORMAT},
	{BYTES("1\0"), COFFER_E_FORMAT},
};

static void
test_skip(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[100];
		struct scan r = scan_begin(text, texts[i].len);
		struct fault f = {0};
		coffer_err err;

		memcpy(text, texts[i].text, texts[i].len);
		err = scan_skip(&f, &r);
		if (err == COFFER_OK)
			err = scan_end(&f, &r);
		if (err != texts[i].err || f.err != err)
			fail_msg("%s: %s: %s", texts[i].text, coffer_err_name(err), f.text);
	}
}

static void
test_string(void **state)
{
	char text[] = "[\"a\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\n\xc3\xa9\", \"\", \"b\"]";
	struct scan r = scan_begin(text, sizeof(text) - 1);
	struct view first, second, third;
	bool more;

	(void)state;
	assert_int_equal(scan_enter(NULL, &r, '['), COFFER_OK);
	assert_int_equal(scan_next(NULL, &r, ']', &more), COFFER_OK);
	assert_int_equal(scan_string(NULL, &r, &first), COFFER_OK);
	assert_int_equal(scan_next(NULL, &r, ']', &more), COFFER_OK);
	assert_int_equal(scan_string(NULL, &r, &second), COFFER_OK);
	assert_int_equal(scan_next(NULL, &r, ']', &more), COFFER_OK);
	assert_int_equal(scan_string(NULL, &r, &third), COFFER_OK);
	assert_true(more);
	assert_int_equal(scan_next(NULL, &r, ']', &more), COFFER_OK);
	assert_false(more);
	assert_int_equal(scan_end(NULL, &r), COFFER_OK);
	/* all three are still good */
	assert_true(view_is(first, "aA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n\xc3\xa9"));
	assert_true(view_is(second, ""));
	assert_true(view_is(third, "b"));
}

static const struct {
	const char *text;
	coffer_err err;
	uint64_t value;
} numbers[] = {
	{"0", COFFER_OK, 0},
	{" 7", COFFER_OK, 7},
	{"18446744073709551615", COFFER_OK, UINT64_MAX},
	{"18446744073709551616", COFFER_E_FORMAT, 0},
	{"99999999999999999999", COFFER_E_FORMAT, 0},
	{"00", COFFER_E_FORMAT, 0},
	{"-1", COFFER_E_FORMAT, 0},
	{"1.0", COFFER_E_FORMAT, 0},
	{"1e3", COFFER_E_FORMAT, 0},
	{"1E3", COFFER_E_FORMAT, 0},
	{"", COFFER_E_FORMAT, 0},
	{"x", COFFER_E_FORMAT, 0},
	{"\"1\"", COFFER_E_FORMAT, 0},
};

static void
test_uint(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char text[40];
		struct scan r = scan_begin(text, strlen(numbers[i].text));
		uint64_t value = 0;

		memcpy(text, numbers[i].text, strlen(numbers[i].text));
		assert_int_equal(scan_uint(NULL, &r, &value), numbers[i].err);
		assert_int_equal(value, numbers[i].value);
	}
}

static const struct {
	const char *text;
	coffer_err err;
	uint64_t value;
} wholes[] = {
	{"0", COFFER_OK, 0},
	{" 7", COFFER_OK, 7},
	{"18446744073709551615", COFFER_OK, UINT64_MAX},
	{"18446744073709551615.000", COFFER_OK, UINT64_MAX},
	{"1.8446744073709551615e19", COFFER_OK, UINT64_MAX},
	{"1000000000.0", COFFER_OK, 1000000000},
	{"1e9", COFFER_OK, 1000000000},
	{"1E+09", COFFER_OK, 1000000000},
	{"1.5e1", COFFER_OK, 15},
	{"1.05e2", COFFER_OK, 105},
	{"50e-1", COFFER_OK, 5},
	{"0.0", COFFER_OK, 0},
	{"0e18446744073709551615", COFFER_OK, 0},
	{"0.50e1", COFFER_OK, 5},
	{"18446744073709551616", COFFER_E_FORMAT, 0},
	{"18446744073709551615.1", COFFER_E_FORMAT, 0},
	{"1.8446744073709551616e19", COFFER_E_FORMAT, 0},
	{"1e20", COFFER_E_FORMAT, 0},
	{"1e18446744073709551615", COFFER_E_FORMAT, 0},
	{"1e-18446744073709551615", COFFER_E_FORMAT, 0},
	{"1e99999999999999999999", COFFER_E_FORMAT, 0},
	{"1.0e-18446744073709551615", COFFER_E_FORMAT, 0},
	{"1.5e-18446744073709551615", COFFER_E_FORMAT, 0},
	{"1.5", COFFER_E_FORMAT, 0},
	{"5e-1", COFFER_E_FORMAT, 0},
	{"1.05e1", COFFER_E_FORMAT, 0},
	{"-1", COFFER_E_FORMAT, 0},
	{"-0", COFFER_E_FORMAT, 0},
	{"1.", COFFER_E_FORMAT, 0},
	{".5", COFFER_E_FORMAT, 0},
	{"1e", COFFER_E_FORMAT, 0},
	{"1e+-1", COFFER_E_FORMAT, 0},
	{"", COFFER_E_FORMAT, 0},
	{"x", COFFER_E_FORMAT, 0},
	{"\"1\"", COFFER_E_FORMAT, 0},
	{"00", COFFER_E_FORMAT, 0},
	{"01.0", COFFER_E_FORMAT, 0},
};

static void
test_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++) {
		char text[40];
		struct scan r = scan_begin(text, strlen(wholes[i].text));
		uint64_t value = 0;
		coffer_err err;

		memcpy(text, wholes[i].text, strlen(wholes[i].text));
		err = scan_whole(NULL, &r, &value);
		/* what is left is no number of its own: the caller expects a comma or an end */
		if (err == COFFER_OK)
			err = scan_end(NULL, &r);
		else
			assert_int_equal(value, 0);
		if (err != wholes[i].err || (err == COFFER_OK && value != wholes[i].value))
			fail_msg("«%s»", wholes[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_skip),
		cmocka_unit_test(test_string),
		cmocka_unit_test(test_uint),
		cmocka_unit_test(test_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
