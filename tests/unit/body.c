/* SPDX-License-Identifier: Apache-2.0 */
#include "key/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
	const char *text, *json;
} texts[] = {
	{"", "{\"a\":\"\"}"},
	{"plain", "{\"a\":\"plain\"}"},
	{"\"\\\"", "{\"a\":\"\\\"\\\\\\\"\"}"},
	{"one\ntwo\t\x1f", "{\"a\":\"one\\u000atwo\\u0009\\u001f\"}"},
	{"\xc3\xa9/\x7f", "{\"a\":\"\xc3\xa9/\x7f\"}"},
};

static void
assert_is(struct view have, const char *want)
{
	if (!view_is(have, want))
		fail_msg("%.*s is not %s", (int)have.len, (const char *)have.p, want);
}

static void
texts_are_escaped(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct view text = view_str(texts[i].text);
		struct body b = BODY_INIT;

		assert_int_equal(body_new(NULL, &b, BODY_TEXT_MAX(text.len)), COFFER_OK);
		assert_int_equal(body_text(NULL, &b, "a", text), COFFER_OK);
		assert_is(body_end(&b), texts[i].json);
		body_free(&b);
	}
}

static void
members_stand_in_order(void **state)
{
	struct body b = BODY_INIT;

	(void)state;
	assert_int_equal(body_new(NULL, &b, BODY_B64_MAX(3) + BODY_B64_MAX(4) + BODY_TEXT_MAX(1)), COFFER_OK);
	assert_int_equal(body_b64(NULL, &b, "x", view_of("\0\1\2", 3)), COFFER_OK);
	assert_int_equal(body_b64(NULL, &b, "y", view_of("\xff\xff\xff\xff", 4)), COFFER_OK);
	assert_int_equal(body_text(NULL, &b, "z", view_str("1")), COFFER_OK);
	assert_is(body_end(&b), "{\"x\":\"AAEC\",\"y\":\"/////w==\",\"z\":\"1\"}");
	body_free(&b);
	assert_null(b.mem.p);
}

static void
nothing_is_an_object_too(void **state)
{
	struct body b = BODY_INIT;

	(void)state;
	assert_int_equal(body_new(NULL, &b, 0), COFFER_OK);
	assert_is(body_end(&b), "{}");
	body_free(&b);
}

/* Of every size but the last: too small, and nothing is written past it (there is a guard page). */
static void
what_does_not_fit(void **state)
{
	struct fault f;

	(void)state;
	for (size_t cap = 0; cap < sizeof("\"a\":\"AAEC\"") - 1; cap++) {
		struct body b = BODY_INIT;

		assert_int_equal(body_new(&f, &b, cap), COFFER_OK);
		assert_int_equal(body_b64(&f, &b, "a", view_of("\0\1\2", 3)), COFFER_E_USAGE);
		assert_string_equal(f.text, "what is to be sent as «a» is too long");
		body_free(&b);
		assert_int_equal(body_new(&f, &b, cap), COFFER_OK);
		assert_int_equal(body_text(&f, &b, "a", view_str("AAEC")), COFFER_E_USAGE);
		body_free(&b);
	}
}

static void
what_just_fits(void **state)
{
	struct body b = BODY_INIT;

	(void)state;
	assert_int_equal(body_new(NULL, &b, sizeof("\"a\":\"AAEC\"") - 1), COFFER_OK);
	assert_int_equal(body_b64(NULL, &b, "a", view_of("\0\1\2", 3)), COFFER_OK);
	assert_is(body_end(&b), "{\"a\":\"AAEC\"}");
	body_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_escaped),	    cmocka_unit_test(members_stand_in_order),
		cmocka_unit_test(nothing_is_an_object_too), cmocka_unit_test(what_does_not_fit),
		cmocka_unit_test(what_just_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
