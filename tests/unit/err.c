/* SPDX-License-Identifier: Apache-2.0 */
#include <coffer/err.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	coffer_err err;
	int exit;
	const char *name;
} errors[] = {
	{COFFER_OK, 0, "OK"},
	{COFFER_E_OTHER, 1, "OTHER"},
	{COFFER_E_NOMEM, 1, "NOMEM"},
	{COFFER_E_INTERNAL, 1, "INTERNAL"},
	{COFFER_E_SELFTEST, 1, "SELFTEST"},
	{COFFER_E_USAGE, 2, "USAGE"},
	{COFFER_E_RANGE, 2, "RANGE"},
	{COFFER_E_NOTFOUND, 3, "NOTFOUND"},
	{COFFER_E_PERM, 4, "PERM"},
	{COFFER_E_AUTH, 5, "AUTH"},
	{COFFER_E_FORMAT, 5, "FORMAT"},
	{COFFER_E_UNSUPPORTED, 5, "UNSUPPORTED"},
	{COFFER_E_PLAIN, 5, "PLAIN"},
	{COFFER_E_FILESET, 5, "FILESET"},
	{COFFER_E_SIGNATURE, 6, "SIGNATURE"},
	{COFFER_E_POLICY, 6, "POLICY"},
	{COFFER_E_KEY, 7, "KEY"},
	{COFFER_E_NOKEY, 7, "NOKEY"},
	{COFFER_E_UNAVAILABLE, 7, "UNAVAILABLE"},
	{COFFER_E_REFUSED, 7, "REFUSED"},
	{COFFER_E_NET, 8, "NET"},
	{COFFER_E_ATTEST, 9, "ATTEST"},
	{COFFER_E_EXISTS, 10, "EXISTS"},
	{COFFER_E_SEALED, 10, "SEALED"},
	{COFFER_E_CHANGED, 10, "CHANGED"},
	{COFFER_E_BUSY, 10, "BUSY"},
	{COFFER_E_ROLLBACK, 10, "ROLLBACK"},
	{COFFER_E_RATE, 11, "RATE"},
	{COFFER_E_IO, 12, "IO"},
	{COFFER_E_SPACE, 12, "SPACE"},
	{COFFER_E_INTERRUPTED, 130, "INTERRUPTED"},
};

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		assert_int_equal(coffer_err_exit(errors[i].err), errors[i].exit);
		assert_string_equal(coffer_err_name(errors[i].err), errors[i].name);
		assert_true(strlen(coffer_err_text(errors[i].err)) > 3);
	}
}

static void
test_unknown(void **state)
{
	coffer_err unknown = (coffer_err)0x05ff;

	(void)state;
	assert_int_equal(coffer_err_exit(unknown), 5);
	assert_string_equal(coffer_err_name(unknown), "UNKNOWN");
	assert_non_null(coffer_err_text(unknown));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
