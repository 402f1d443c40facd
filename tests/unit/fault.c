/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"
#include "support/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
test_set_and_prefix(void **state)
{
	struct fault f;

	(void)state;
	assert_int_equal(fault_set(&f, COFFER_E_FORMAT, "record size %d", 3), COFFER_E_FORMAT);
	assert_int_equal(fault_prefix(&f, "head of %s", "m"), COFFER_E_FORMAT);
	assert_int_equal(f.err, COFFER_E_FORMAT);
	assert_string_equal(f.text, "head of m: record size 3");
	fault_clear(&f);
	assert_int_equal(f.err, COFFER_OK);
	assert_string_equal(f.text, "");
}

static const struct {
	int errnum;
	coffer_err err;
} numbers[] = {
	{EACCES, COFFER_E_PERM},      {EPERM, COFFER_E_PERM},	    {EROFS, COFFER_E_PERM},
	{ENOENT, COFFER_E_NOTFOUND},  {ENOTDIR, COFFER_E_NOTFOUND}, {EEXIST, COFFER_E_EXISTS},
	{ENOTEMPTY, COFFER_E_EXISTS}, {ENOSPC, COFFER_E_SPACE},	    {EDQUOT, COFFER_E_SPACE},
	{EFBIG, COFFER_E_SPACE},      {ENOMEM, COFFER_E_NOMEM},	    {EIO, COFFER_E_IO},
	{EBADF, COFFER_E_IO},
};

static void
test_errno(void **state)
{
	struct fault f;

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char want[200] = "cannot read m: ";

		APPEND(want, strerror(numbers[i].errnum));
		assert_int_equal(fault_errno(&f, numbers[i].errnum, "cannot read %s", "m"), numbers[i].err);
		assert_int_equal(f.err, numbers[i].err);
		assert_string_equal(f.text, want);
		assert_int_equal(fault_errno(NULL, numbers[i].errnum, "x"), numbers[i].err);
	}
}

/* A sentence that is too long is cut; it never runs over. */
static void
test_long(void **state)
{
	struct {
		struct fault f;
		char guard[8];
	} s = {.guard = "guarded"};
	char longest[sizeof(s.f.text) * 2];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(fault_set(&s.f, COFFER_E_IO, "%s", longest), COFFER_E_IO);
	assert_int_equal(strlen(s.f.text), sizeof(s.f.text) - 1);
	assert_int_equal(fault_prefix(&s.f, "%s", longest), COFFER_E_IO);
	assert_int_equal(fault_errno(&s.f, EIO, "%s", longest), COFFER_E_IO);
	assert_int_equal(strlen(s.f.text), sizeof(s.f.text) - 1);
	assert_string_equal(s.guard, "guarded");
}

static void
test_nobody_listens(void **state)
{
	(void)state;
	assert_int_equal(fault_set(NULL, COFFER_E_AUTH, "x"), COFFER_E_AUTH);
	assert_int_equal(fault_nomem(NULL), COFFER_E_NOMEM);
}

static coffer_err
try_twice(coffer_err first, int *reached)
{
	coffer_err err;

	TRY(first);
	*reached = 1;
	TRY(COFFER_E_RANGE);
	*reached = 2;
out:
	return err;
}

static void
test_try(void **state)
{
	int reached = 0;

	(void)state;
	assert_int_equal(try_twice(COFFER_E_BUSY, &reached), COFFER_E_BUSY);
	assert_int_equal(reached, 0);
	assert_int_equal(try_twice(COFFER_OK, &reached), COFFER_E_RANGE);
	assert_int_equal(reached, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_and_prefix), cmocka_unit_test(test_errno), cmocka_unit_test(test_long),
		cmocka_unit_test(test_nobody_listens), cmocka_unit_test(test_try),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
