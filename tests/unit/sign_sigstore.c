/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/sign_sigstore.h"

#include "support/universe_kit.h"

/* a verifier for @identity, which takes the root over */
static struct verifier *
verifier_of(struct universe *u, const char *identity, const char *issuer)
{
	struct verifier *v = NULL;
	struct fault f = {.err = COFFER_OK};

	if (verifier_sigstore(&f, u->root, identity, issuer, &v) != COFFER_OK)
		fail_msg("%s", f.text);
	u->root = NULL;
	return v;
}

static void
test_right(void **state)
{
	static const char *const bundles[] = {universe_v1, universe_v2};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct signed_by who = {.who = NULL};
		struct verifier *v;
		struct universe u;

		universe_open(&u, bundles[i]);
		v = verifier_of(&u, UNIVERSE_IDENTITY, UNIVERSE_ISSUER);
		assert_string_equal(v->method, "sigstore");
		assert_int_equal(v->verify(v, NULL, &u.b, &who), COFFER_OK);
		assert_string_equal(who.identity, UNIVERSE_IDENTITY);
		signed_by_free(&who);
		verifier_free(&v);
		assert_null(v);
		universe_close(&u);
	}
}

static void
test_refused(void **state)
{
	struct signed_by who = {.who = NULL};
	struct verifier *v;
	struct universe u;

	(void)state;
	universe_open(&u, universe_v1);
	v = verifier_of(&u, "somebody@example.org", UNIVERSE_ISSUER);
	assert_says(v->verify(v, &f, &u.b, &who), COFFER_E_POLICY, "not by «somebody@example.org»");
	assert_null(who.who);
	verifier_free(&v);
	universe_close(&u);
}

/* a model's signature is an envelope of v0.3 */
static void
test_form(void **state)
{
	struct signed_by who = {.who = NULL};
	struct verifier *v;
	struct universe u;

	(void)state;
	universe_open(&u, universe_message);
	v = verifier_of(&u, UNIVERSE_IDENTITY, UNIVERSE_ISSUER);
	assert_says(v->verify(v, &f, &u.b, &who), COFFER_E_UNSUPPORTED, "a signature of something else");
	verifier_free(&v);
	universe_close(&u);
	universe_open(&u, universe_v1);
	v = verifier_of(&u, UNIVERSE_IDENTITY, UNIVERSE_ISSUER);
	u.b.version = 2;
	assert_says(v->verify(v, &f, &u.b, &who), COFFER_E_UNSUPPORTED, "version 0.2");
	verifier_free(&v);
	universe_close(&u);
}

static void
test_usage(void **state)
{
	static const struct {
		const char *identity, *issuer;
	} wrong[] = {
		{NULL, UNIVERSE_ISSUER}, {UNIVERSE_IDENTITY, NULL}, {"", UNIVERSE_ISSUER}, {UNIVERSE_IDENTITY, ""}};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct universe u;
		struct verifier *v = (struct verifier *)&u;

		universe_open(&u, universe_v1);
		assert_says(verifier_sigstore(&f, u.root, wrong[i].identity, wrong[i].issuer, &v), COFFER_E_USAGE,
			    "both");
		assert_null(v);
		u.root = NULL; /* taken over */
		universe_close(&u);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_usage),
	};

	return cmocka_run_group_tests_name("sign sigstore", tests, NULL, NULL);
}
