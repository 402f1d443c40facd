/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/wiping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/emulator.h"
#include "support/traces.h"

static char *
marked(size_t size)
{
	char *p = malloc(size);

	assert_non_null(p);
	memset(p, 0, size);
	traces_mark(p);
	return p;
}

static void
what_is_freed_is_gone(void **state)
{
	static const size_t sizes[] = {TRACES_LEN, 100, 5000, 200000};

	(void)state;
	skip_under_emulator("memory of its own to look into");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *p = marked(sizes[i]);

		assert_true(traces_left());
		wiping_free(p);
		assert_false(traces_left());
	}
	wiping_free(NULL);
}

static void
what_is_resized_moves_and_leaves_nothing(void **state)
{
	static const size_t sizes[][2] = {{30, 31}, {30, 5000}, {5000, 200000}, {200000, TRACES_LEN}, {40, 40}};

	(void)state;
	skip_under_emulator("memory of its own to look into");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *q = wiping_realloc(marked(sizes[i][0]), sizes[i][1]);

		assert_non_null(q);
		assert_true(traces_at(q));
		memset(q, 0, TRACES_LEN);
		assert_false(traces_left());
		free(q);
	}
}

static void
nothing_can_be_resized(void **state)
{
	char *p = wiping_realloc(NULL, 10);

	(void)state;
	assert_non_null(p);
	memset(p, 'x', 10);
	wiping_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_freed_is_gone),
		cmocka_unit_test(what_is_resized_moves_and_leaves_nothing),
		cmocka_unit_test(nothing_can_be_resized),
	};

	return cmocka_run_group_tests_name("wiping", tests, NULL, NULL);
}
