/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/view.h"

/* getrandom(2) may give fewer bytes than asked for from 257 up, and never more than 32 MiB - 1 at once */
static void
fills_to_the_last_byte(void **state)
{
	static const size_t lengths[] = {32, 257, 5000, (33 << 20) + 5};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		uint8_t *p = calloc(1, lengths[i] + 1);

		assert_non_null(p);
		assert_int_equal(rand_bytes(NULL, p, lengths[i]), COFFER_OK);
		/* 16 zero bytes: once in 2^128 */
		assert_false(view_zero(view_of(p + lengths[i] - 16, 16)));
		assert_int_equal(p[lengths[i]], 0);
		free(p);
	}
}

static void
differs_each_time(void **state)
{
	uint8_t a[32] = {0};
	uint8_t b[32] = {0};

	(void)state;
	assert_int_equal(rand_bytes(NULL, a, sizeof(a)), COFFER_OK);
	assert_int_equal(rand_bytes(NULL, b, sizeof(b)), COFFER_OK);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void
nothing_is_asked_for_nothing(void **state)
{
	(void)state;
	assert_int_equal(rand_bytes(NULL, NULL, 0), COFFER_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_to_the_last_byte),
		cmocka_unit_test(differs_each_time),
		cmocka_unit_test(nothing_is_asked_for_nothing),
	};

	return cmocka_run_group_tests_name("rand", tests, NULL, NULL);
}
