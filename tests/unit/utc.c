/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
	const char *text;
	int64_t time;
} right[] = {
	{"1970-01-01T00:00:00Z", 0},
	{"2000-02-29T12:34:56Z", 951827696},
	{"2026-11-20T13:58:18Z", 1795183098},
	{"2021-01-12T11:53:27.000Z", 1610452407},
	{"2021-01-12T11:53:27.999999999Z", 1610452407},
	{"9999-12-31T23:59:59Z", INT64_C(253402300799)},
};

static const char *const wrong[] = {
	"",
	"2026-11-20",
	"2026-11-20T13:58:18",
	"2026-11-20T13:58:18z",
	"2026-11-20 13:58:18Z",
	"2026-11-20T13:58:18Z ",
	"2026-11-20T13:58:18+00:00",
	"2026-11-20T13:58:18.Z",
	"2026-11-20T13:58:18.5",
	"2026-11-20T13:58Z",
	"2026-04-31T00:00:00Z",
	"2025-02-29T00:00:00Z",
	"2026-00-10T00:00:00Z",
	"2026-13-10T00:00:00Z",
	"2026-01-00T00:00:00Z",
	"2026-01-01T24:00:00Z",
	"2026-01-01T23:60:00Z",
	"2026-12-31T23:59:60Z",
	"1969-12-31T23:59:59Z",
	"0000-00-00T00:00:00Z",
	"20x6-11-20T13:58:18Z",
	"+026-11-20T13:58:18Z",
};

static void
test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		int64_t t = -1;

		assert_true(utc_parse(right[i].text, &t));
		assert_int_equal(t, right[i].time);
	}
}

static void
test_refuse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int64_t t = 1;

		if (utc_parse(wrong[i], &t) || t != 0)
			fail_msg("«%s» was taken", wrong[i]);
	}
}

static const struct {
	const char *text;
	int64_t time; /* -1: refused */
} dates[] = {
	{"Fri, 20 Nov 2026 13:58:18 GMT", 1795183098},
	{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
	/* the day of the week is not held against the date */
	{"Sun, 20 Nov 2026 13:58:18 GMT", 1795183098},
	{"Friday, 20-Nov-26 13:58:18 GMT", -1},
	{"Fri Nov 20 13:58:18 2026", -1},
	{"Fri, 20 Nov 2026 13:58:18 UTC", -1},
	{"Fri, 20 Nov 2026 13:58:18 GMT ", -1},
	{"Fri, 20 Nov 2026 13:58:18", -1},
	{"Fri, 20 Nov", -1},
	{"Fri, 2", -1},
	{"Fr", -1},
	{"", -1},
	{"Fry, 20 Nov 2026 13:58:18 GMT", -1},
	{"Fri, 20 Nop 2026 13:58:18 GMT", -1},
	{"Fri, 31 Nov 2026 13:58:18 GMT", -1},
	{"Fri, 20 Nov 2026 25:58:18 GMT", -1},
	{"Fri, 20 Nov 1926 13:58:18 GMT", -1},
};

static void
test_parse_http(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		int64_t t = 1;

		if (utc_parse_http(dates[i].text, &t) != (dates[i].time >= 0) || t != (t ? dates[i].time : 0))
			fail_msg("«%s»", dates[i].text);
	}
}

static void
test_text(void **state)
{
	char out[UTC_LEN + 1];

	(void)state;
	assert_string_equal(utc_text(0, out), "1970-01-01T00:00:00Z");
	assert_string_equal(utc_text(1795183098, out), "2026-11-20T13:58:18Z");
	assert_string_equal(utc_text(INT64_C(253402300799), out), "9999-12-31T23:59:59Z");
	assert_string_equal(utc_text(INT64_C(253402300800), out), "?");
	assert_string_equal(utc_text(-1, out), "?");
}

static void
test_ages(void **state)
{
	static const struct {
		const char *text;
		int64_t age; /* -1: none */
	} ages[] = {
		{"0s", 0},
		{"90d", 7776000},
		{"12h", 43200},
		{"2w", 1209600},
		{"1y", 31536000},
		{"100y", INT64_C(3153600000)},
		{"101y", -1},
		{"", -1},
		{"d", -1},
		{"90", -1},
		{"-1d", -1},
		{"+1d", -1},
		{"1.5d", -1},
		{" 1d", -1},
		{"1d ", -1},
		{"1m", -1},
		{"1D", -1},
		{"01d", -1},
		{"99999999999999999999s", -1},
		{"1dd", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
		int64_t age = 7;

		assert_int_equal(utc_parse_age(ages[i].text, &age), ages[i].age >= 0);
		assert_int_equal(age, ages[i].age >= 0 ? ages[i].age : 0);
	}
}

static void
test_when(void **state)
{
	const int64_t now = INT64_C(1795183098);
	static const struct {
		const char *text;
		int64_t time; /* -1: none */
	} points[] = {
		{"2026-11-20T13:58:18Z", INT64_C(1795183098)},
		{"2026-11-20", INT64_C(1795132800)},
		{"1970-01-01", 0},
		{"1d", INT64_C(1795096698)},
		{"57y", -1}, /* there is no 1969 */
		{"2026-11-31", -1},
		{"2026-1-1", -1},
		{"2026-11-2", -1},
		{"yesterday!", -1},
		{"", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		int64_t t = -1;
		bool is = utc_parse_when(points[i].text, now, &t);

		assert_int_equal(is, points[i].time >= 0);
		if (is)
			assert_int_equal(t, points[i].time);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse), cmocka_unit_test(test_refuse), cmocka_unit_test(test_parse_http),
		cmocka_unit_test(test_ages),  cmocka_unit_test(test_when),   cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests_name("utc", tests, NULL, NULL);
}
