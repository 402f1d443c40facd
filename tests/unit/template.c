/* SPDX-License-Identifier: Apache-2.0 */
#include "key/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- a service whose keys are the texts that they were made of ---- */

static int n_living;

static coffer_err
new_key(struct fault *f, const struct key_env *env, const char *rest, void **self_out)
{
	(void)env;
	if (strcmp(rest, "bad/model") == 0)
		return fault_set(f, COFFER_E_USAGE, "no such form");
	*self_out = strdup(rest);
	assert_non_null(*self_out);
	n_living++;
	return COFFER_OK;
}

static void
free_key(void *self)
{
	n_living--;
	free(self);
}

static const struct key_provider provider = {.kind = "test", .is_service = true, .free = free_key};
static const struct key_service service = {.scheme = "test://", .provider = &provider, .new_key = new_key};
static const struct key_env env;

static struct binding
model(const char *name, const char *environment)
{
	return (struct binding){.name = name, .environment = environment};
}

static void
test_filled_in(void **state)
{
	static const struct {
		const char *template, *name, *environment, *key; /* NULL: refused */
	} cases[] = {
		{"alias/model/{environment}/{name}", "llama-3.1_8B", "production",
		 "alias/model/production/llama-3.1_8B"},
		{"{name}", "m", "", "m"},
		{"{environment}", "", "staging2", "staging2"},
		{"a{name}{name}b", "x", "", "axxb"},
		{"x/{name}", "../secret", "", NULL},
		{"x/{name}", "a/b", "", NULL},
		{"x/{name}", ".hidden", "", NULL},
		{"x/{name}", "a b", "", NULL},
		{"x/{name}", "{environment}", "production", NULL},
		{"x/{name}", "", "", NULL},
		{"x/{environment}", "m", "", NULL},
		{"x/{environment}", "m", "Production", NULL},
		{"x/{environment}", "m", "a-b", NULL},
		{"x/{environment}", "m", "012345678901234567890123456789012", NULL},
		{"bad/{name}", "model", "", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct binding b = model(cases[i].name, cases[i].environment);
		struct template *t;
		void *key = NULL;
		coffer_err err;

		assert_int_equal(template_new(NULL, &service, &env, cases[i].template, &t), COFFER_OK);
		err = template_key(NULL, t, &b, &key);
		assert_int_equal(err, cases[i].key ? COFFER_OK : COFFER_E_USAGE);
		if (cases[i].key)
			assert_string_equal(key, cases[i].key);
		template_free(&t);
		assert_int_equal(n_living, 0);
	}
}

/* One key for a model, however often it is asked for. */
static void
test_made_once(void **state)
{
	struct binding a = model("a", "dev"), b = model("b", "dev");
	struct template *t;
	void *first, *second, *again;

	(void)state;
	assert_int_equal(template_new(NULL, &service, &env, "{environment}/{name}", &t), COFFER_OK);
	assert_int_equal(template_key(NULL, t, &a, &first), COFFER_OK);
	assert_int_equal(template_key(NULL, t, &b, &second), COFFER_OK);
	assert_int_equal(template_key(NULL, t, &a, &again), COFFER_OK);
	assert_ptr_equal(first, again);
	assert_ptr_not_equal(first, second);
	assert_int_equal(n_living, 2);
	template_free(&t);
	assert_null(t);
	assert_int_equal(n_living, 0);
}

static void
test_places(void **state)
{
	static const char *const bad[] = {"{", "a{b}", "{Name}", "{name", "{name}{version}", "{ name}"};
	struct template *t;

	(void)state;
	assert_true(template_is("a/{name}"));
	assert_false(template_is("a/name}"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(template_new(NULL, &service, &env, bad[i], &t), COFFER_E_USAGE);
		assert_null(t);
	}
}

static void
test_environments(void **state)
{
	static const char *const good[] = {"development", "staging", "production",
					   "p",		  "eu1",     "01234567890123456789012345678901"};
	static const char *const bad[] = {"",	 "Prod", "a-b",	     "a.b",
					  "a b", "a/b",	 "\xc3\xa4", "012345678901234567890123456789012"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(environment_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(environment_valid(bad[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filled_in),
		cmocka_unit_test(test_made_once),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_environments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
