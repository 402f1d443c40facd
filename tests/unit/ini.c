/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ini.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "# written by hand\n"
			   "[default]\n"
			   "aws_access_key_id = AKID\r\n"
			   "AWS_Secret_Access_Key=a=b:c/#;d\n"
			   "\n"
			   "  ; a comment, indented\n"
			   "s3 =\n"
			   "    region = of-the-value-above\n"
			   "  [not a section]\n"
			   "region: eu-central-1\n"
			   "empty =\n"
			   "[profile a b] trailing words\n"
			   "  region\t=  us-east-1  \n"
			   "  output = json\n"
			   "     region = of output\n"
			   "[a]b]\n"
			   "last = one";

/* the values are what Python 3.11's configparser gives, but for the lines of a value after its first */
static void
values_are_found(void **state)
{
	static const struct {
		const char *section, *key, *value;
	} cases[] = {
		{"default", "aws_access_key_id", "AKID"},
		{"default", "aws_secret_access_key", "a=b:c/#;d"},
		{"default", "REGION", "eu-central-1"},
		{"default", "s3", ""},
		{"default", "empty", ""},
		{"default", "output", NULL},
		{"Default", "region", NULL},
		{"profile a b", "region", "us-east-1"},
		{"profile a b", "output", "json"},
		{"a]b", "last", "one"},
		{"none", "region", NULL},
		{"not a section", "region", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault f = {0};
		struct view v;

		assert_int_equal(ini_get(&f, "x", view_str(text), cases[i].section, cases[i].key, &v), COFFER_OK);
		if (!cases[i].value) {
			assert_null(v.p);
			continue;
		}
		assert_non_null(v.p);
		assert_true(view_is(v, cases[i].value));
	}
}

static void
sections_are_found(void **state)
{
	static const struct {
		const char *section;
		bool has;
	} cases[] = {{"default", true}, {"profile a b", true}, {"profile a", false}, {"", false}};
	bool has;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ini_has(NULL, "x", view_str(text), cases[i].section, &has), COFFER_OK);
		assert_int_equal(has, cases[i].has);
	}
	assert_int_equal(ini_has(NULL, "x", view_of("", 0), "default", &has), COFFER_OK);
	assert_false(has);
}

static void
what_is_no_such_file_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"region = x\n", "f: line 1 is neither [SECTION] nor KEY = VALUE below one"},
		{"[a]\n\n# c\nregion\n", "f: line 4 is neither [SECTION] nor KEY = VALUE below one"},
		{"[a]\n= value\n", "f: line 2 is neither [SECTION] nor KEY = VALUE below one"},
		{"[]\n", "f: line 1 is neither [SECTION] nor KEY = VALUE below one"},
		{"[a\n", "f: line 1 is neither [SECTION] nor KEY = VALUE below one"},
		{"[a]\nk=1\n[b]\n[a]\n", "f: line 4 begins [a] for the second time; put the two together"},
		{"[a]\nk=1\nK=2\n", "f: line 3 gives k of [a] for the second time; take one away"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault f = {0};
		struct view v;

		assert_int_equal(ini_get(&f, "f", view_str(cases[i].text), "a", "k", &v), COFFER_E_FORMAT);
		assert_string_equal(f.text, cases[i].why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_found),
		cmocka_unit_test(sections_are_found),
		cmocka_unit_test(what_is_no_such_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
