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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_parse_http),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests_name("utc", tests, NULL, NULL);
}
