/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>

static void
test_grow(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct fault f = {.text = ""};

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		uint8_t byte = (uint8_t)(i * 3);

		assert_int_equal(buf_add(&f, &b, &byte, 1), COFFER_OK);
	}
	assert_int_equal(b.len, 1000);
	assert_true(b.cap <= 1000);
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(b.p[i], (uint8_t)(i * 3));
	/* the ceiling holds, and what is there stays */
	assert_int_equal(buf_add(&f, &b, "x", 1), COFFER_E_NOMEM);
	assert_string_equal(f.text, "more than 1000 bytes, the ceiling here");
	assert_int_equal(buf_reserve(&f, &b, SIZE_MAX), COFFER_E_NOMEM);
	assert_int_equal(buf_add(&f, &b, NULL, 0), COFFER_OK);
	assert_int_equal(b.len, 1000);
	buf_free(&b);
	assert_int_equal(buf_str(&f, &b, "again"), COFFER_OK);
	assert_int_equal(b.len, 5);
	buf_free(&b);
	buf_free(&b);
}

static void
test_text(void **state)
{
	struct buf b = BUF_INIT(600);
	struct view v;

	(void)state;
	assert_int_equal(buf_str(NULL, &b, "a"), COFFER_OK);
	assert_int_equal(buf_printf(NULL, &b, "%d-%s", 12, "b"), COFFER_OK);
	v = buf_view(&b);
	assert_int_equal(v.len, 5);
	assert_memory_equal(v.p, "a12-b", 5);
	assert_int_equal(buf_printf(NULL, &b, "%0511d", 1), COFFER_OK);
	assert_int_equal(b.len, 516);
	assert_int_equal(buf_printf(NULL, &b, "%084d", 1), COFFER_E_NOMEM);
	assert_int_equal(b.len, 516);
	assert_int_equal(buf_printf(NULL, &b, "%083d", 1), COFFER_OK);
	assert_int_equal(b.len, 599);
	assert_int_equal(b.p[598], '1');
	buf_free(&b);
}

static void
test_take(void **state)
{
	struct buf b = BUF_INIT(6);
	struct fault f;
	char *text = NULL;

	(void)state;
	assert_int_equal(buf_str(&f, &b, "seven"), COFFER_OK);
	assert_int_equal(buf_take_text(&f, &b, &text), COFFER_OK);
	assert_string_equal(text, "seven");
	assert_null(b.p);
	assert_int_equal(b.len, 0);
	free(text);

	/* of nothing it is the empty text */
	assert_int_equal(buf_take_text(&f, &b, &text), COFFER_OK);
	assert_string_equal(text, "");
	free(text);

	/* no room for the NUL: the bytes stay */
	text = NULL;
	assert_int_equal(buf_str(&f, &b, "eleven"), COFFER_OK);
	assert_int_equal(buf_take_text(&f, &b, &text), COFFER_E_NOMEM);
	assert_null(text);
	assert_int_equal(b.len, 6);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
