/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/ignore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"

static void
only_whole_names(void **state)
{
	static const struct {
		const char *path;
		bool has, covers;
	} rows[] = {
		{"a", true, true},
		{"a/b", false, true},
		{"a/b/c", false, true},
		{"ab", false, false},
		{"a.b", false, false},
		{"b", false, false},
		{"b/a", false, false},
		{"deep", false, false},
		{"deep/one", true, true},
		{"deep/one/x", false, true},
		{"deep/on", false, false},
		{"deep/one2", false, false},
		{".git", true, true},
		{".git/config", false, true},
		{"x/.git", false, false},
		{".gitmodules", false, false},
		{".github", true, true},
		{".gitignore", true, true},
		{".gitattributes", true, true},
		{"", false, false},
	};
	struct ignore set = {0};
	struct fault f = {0};

	(void)state;
	assert_int_equal(ignore_add(&f, &set, "deep/one"), COFFER_OK);
	assert_int_equal(ignore_add(&f, &set, "a"), COFFER_OK);
	assert_int_equal(ignore_add_git(&f, &set), COFFER_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (ignore_has(&set, rows[i].path) != rows[i].has ||
		    ignore_covers(&set, rows[i].path) != rows[i].covers)
			fail_msg("%s", rows[i].path);
	}
	ignore_free(&set);
	assert_false(ignore_covers(&set, "a"));
}

static void
each_once_and_in_order(void **state)
{
	static const char *const given[] = {"m", "b", "m", "z", "a", "b"};
	static const char *const want[] = {"a", "b", "m", "z"};
	struct ignore set = {0};
	struct fault f = {0};

	(void)state;
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(ignore_add(&f, &set, given[i]), COFFER_OK);
	assert_int_equal(set.n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(set.paths[i], want[i]);
	ignore_free(&set);
}

static void
has_a_ceiling(void **state)
{
	struct ignore set = {0};
	struct fault f = {0};
	char name[16];

	(void)state;
	for (unsigned int i = 0; i < LIMIT_IGNORE_PATHS; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(ignore_add(&f, &set, name), COFFER_OK);
	}
	assert_int_equal(ignore_add(&f, &set, "one more"), COFFER_E_USAGE);
	assert_int_equal(ignore_add(&f, &set, "f7"), COFFER_OK);
	assert_int_equal(set.n, LIMIT_IGNORE_PATHS);
	ignore_free(&set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_whole_names),
		cmocka_unit_test(each_once_and_in_order),
		cmocka_unit_test(has_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
