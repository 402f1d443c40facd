/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
acceptance_needs_reasons(void **state)
{
	struct signed_by who = {0};
	struct verdict *v;
	struct fault f;

	(void)state;
	assert_int_equal(verdict_new(&f, &v), COFFER_OK);
	assert_int_equal(verdict_accept(&f, v, 1, 1), COFFER_E_INTERNAL);
	assert_false(v->public.verified);
	who.who = strdup("somebody");
	assert_int_equal(verdict_signed(&f, v, COFFER_METHOD_KEY, &who), COFFER_OK);
	assert_int_equal(v->public.n_fingerprints, 0);
	assert_int_equal(verdict_accept(&f, v, 0, 0), COFFER_E_INTERNAL);
	assert_false(v->public.verified);
	assert_int_equal(verdict_find(&f, v, COFFER_FOUND_EXTRA, "x", "no"), COFFER_OK);
	assert_int_equal(verdict_accept(&f, v, 1, 1), COFFER_E_INTERNAL);
	assert_false(v->public.verified);
	assert_int_equal(verdict_judge(&f, v, "m"), COFFER_E_FILESET);
	assert_string_equal(f.text, "m is not what was signed: x no");
	{
		struct coffer_verdict *public = &v->public;

		coffer_verdict_free(&public);
		assert_null(public);
		coffer_verdict_free(&public);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acceptance_needs_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
