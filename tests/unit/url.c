/* SPDX-License-Identifier: Apache-2.0 */
#include "net/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
urls_are_joined(void **state)
{
	static const char *const bases[] = {"https://a/b", "https://a/b/", "https://a/b//"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *joined;

		assert_int_equal(url_join(NULL, bases[i], "c/d", &joined), COFFER_OK);
		assert_string_equal(joined, "https://a/b/c/d");
		free(joined);
	}
}

static void
forms_are_written(void **state)
{
	static const char want[] = "scope=openid%20email&empty=&u=http%3A%2F%2Flocalhost%3A1%2Fa&b=%00%FF%2B%26%3D%25";
	struct form form = FORM_INIT;

	(void)state;
	assert_int_equal(form_new(NULL, &form, 200), COFFER_OK);
	assert_int_equal(form_add_text(NULL, &form, "scope", "openid email"), COFFER_OK);
	assert_int_equal(form_add_text(NULL, &form, "none", NULL), COFFER_OK);
	assert_int_equal(form_add_text(NULL, &form, "empty", ""), COFFER_OK);
	assert_int_equal(form_add_text(NULL, &form, "u", "http://localhost:1/a"), COFFER_OK);
	assert_int_equal(form_add(NULL, &form, "b", view_of("\0\xff+&=%", 6)), COFFER_OK);
	assert_int_equal(form_view(&form).len, strlen(want));
	assert_memory_equal(form_view(&form).p, want, strlen(want));
	form_free(&form);
	assert_null(form.mem.p);
}

/* «a=bc» fills four bytes, and an escape is three */
static void
a_form_stays_in_its_room(void **state)
{
	static const struct {
		size_t cap;
		const char *value;
		coffer_err err;
	} cases[] = {
		{4, "bc", COFFER_OK},	  {4, "bcd", COFFER_E_USAGE}, {5, "/", COFFER_OK},
		{4, "/", COFFER_E_USAGE}, {3, "/", COFFER_E_USAGE},   {1, "", COFFER_E_USAGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct form form = FORM_INIT;
		struct fault f = {.text = ""};

		assert_int_equal(form_new(&f, &form, cases[i].cap), COFFER_OK);
		assert_int_equal(form_add_text(&f, &form, "a", cases[i].value), cases[i].err);
		assert_true(form.len <= cases[i].cap);
		assert_int_equal(f.text[0] != '\0', cases[i].err != COFFER_OK);
		form_free(&form);
	}
}

static const struct {
	const char *query, *name;
	size_t cap;
	const char *value; /* NULL: there is none */
} queries[] = {
	{"code=abc&state=x", "code", 16, "abc"},
	{"code=abc&state=x", "state", 16, "x"},
	{"code=abc&state=x", "stat", 16, NULL},
	{"code=abc&state=x", "tate", 16, NULL},
	{"code=abc&state=x", "", 16, NULL},
	{"code=a%2Fb+c%20d%2b", "code", 16, "a/b c d+"},
	{"code=a%2fb", "code", 16, "a/b"},
	{"code=a=b", "code", 16, "a=b"},
	{"code=", "code", 16, ""},
	{"code", "code", 16, ""},
	{"&&code=a&&", "code", 16, "a"},
	{"code=a&code=a", "code", 16, NULL},
	{"code=a&code=b", "code", 16, NULL},
	{"code=%", "code", 16, NULL},
	{"code=%4", "code", 16, NULL},
	{"code=%4g", "code", 16, NULL},
	{"code=%g4", "code", 16, NULL},
	{"code=a%00b", "code", 16, NULL},
	{"code=abc", "code", 4, "abc"},
	{"code=abcd", "code", 4, NULL},
	{"code=a", "code", 0, NULL},
	{"", "code", 16, NULL},
};

static void
queries_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		char out[17];
		bool found;

		memset(out, '#', sizeof(out));
		found = query_get(view_str(queries[i].query), queries[i].name, out, queries[i].cap);
		if (found != (queries[i].value != NULL) || (found && strcmp(out, queries[i].value) != 0))
			fail_msg("«%s» of «%s»: %d", queries[i].name, queries[i].query, found);
		assert_int_equal(out[queries[i].cap], '#');
		if (!found)
			assert_true(view_zero(view_of(out, queries[i].cap)));
	}
	assert_false(query_get(view_of("code=\0", 6), "code", (char[8]){0}, 8));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_joined),
		cmocka_unit_test(forms_are_written),
		cmocka_unit_test(a_form_stays_in_its_room),
		cmocka_unit_test(queries_are_read),
	};

	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
