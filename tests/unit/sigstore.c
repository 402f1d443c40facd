/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/sigstore.h"

#include <stdlib.h>

#include "base/limits.h"
#include "support/universe_kit.h"

/* each refusal by itself is in tests/signing/universe.py; here is what a bundle that was read cannot be, and what is told */

static const struct sigstore_policy envelope = {.identity = UNIVERSE_IDENTITY, .issuer = UNIVERSE_ISSUER};
static const struct sigstore_policy message = {.identity = UNIVERSE_IDENTITY,
					       .issuer = UNIVERSE_ISSUER,
					       .digest = universe_digest,
					       .digest_kind = DIGEST_SHA256};

static coffer_err
judge(struct fault *f, const struct universe *u, const struct sigstore_policy *policy)
{
	struct signed_by who = {.who = NULL};
	coffer_err err = sigstore_verify_bundle(f, u->root, &u->b, policy, &who);

	/* nobody is named by a failure */
	if (err != COFFER_OK &&
	    (who.who || who.identity || who.issuer || who.chain.n || who.time || who.source != TIME_NONE))
		fail_msg("a failure names somebody");
	signed_by_free(&who);
	return err;
}

static const struct {
	const char *bundle;
	const struct sigstore_policy *policy;
	int64_t time;
	enum time_source source;
	uint64_t log_index;
} right[] = {
	{universe_v1, &envelope, UNIVERSE_TIME + 2, TIME_STAMP, 4163436},
	{universe_v2, &envelope, UNIVERSE_TIME + 2, TIME_STAMP, 5},
	{universe_message, &message, UNIVERSE_TIME, TIME_LOG, 4163436},
};

static void
test_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		struct signed_by who = {.who = NULL};
		struct fault f = {.err = COFFER_OK};
		struct universe u;

		universe_open(&u, right[i].bundle);
		if (sigstore_verify_bundle(&f, u.root, &u.b, right[i].policy, &who) != COFFER_OK)
			fail_msg("%s", f.text);
		assert_string_equal(who.who, UNIVERSE_IDENTITY " (issuer " UNIVERSE_ISSUER ")");
		assert_string_equal(who.identity, UNIVERSE_IDENTITY);
		assert_string_equal(who.issuer, UNIVERSE_ISSUER);
		assert_int_equal(strlen(who.key_hint), 64);
		assert_int_equal(who.chain.n, 3);
		assert_true(cert_equal(who.chain.v[0], u.b.certs.v[0]));
		assert_true(cert_equal(who.chain.v[2], u.root->cas[0].roots.v[0]));
		assert_true(who.time == right[i].time);
		assert_int_equal(who.source, right[i].source);
		assert_true(who.log_index == right[i].log_index);
		signed_by_free(&who);
		universe_close(&u);
	}
}

static void
test_policies(void **state)
{
	struct sigstore_policy p = envelope;
	struct privkey *secret_key = NULL;
	struct pubkey *key = NULL;
	struct universe u;

	(void)state;
	assert_int_equal(privkey_generate(NULL, PKEY_P256, &secret_key), COFFER_OK);
	assert_int_equal(privkey_public(NULL, secret_key, &key), COFFER_OK);
	universe_open(&u, universe_v1);
	p.identity = NULL;
	assert_says(judge(&f, &u, &p), COFFER_E_USAGE, "identity and issuer");
	p.identity = "";
	assert_says(judge(&f, &u, &p), COFFER_E_USAGE, "identity and issuer");
	p = (struct sigstore_policy){.identity = UNIVERSE_IDENTITY, .issuer = ""};
	assert_says(judge(&f, &u, &p), COFFER_E_USAGE, "identity and issuer");
	p.key = key;
	assert_says(judge(&f, &u, &p), COFFER_E_USAGE, "or a key alone");
	p = (struct sigstore_policy){.key = key};
	assert_says(judge(&f, &u, &p), COFFER_E_POLICY, "by a certificate, not by the key");
	p = (struct sigstore_policy){.identity = UNIVERSE_IDENTITY, .issuer = "https://issuer.exampl"};
	assert_says(judge(&f, &u, &p), COFFER_E_POLICY, "vouched for by «https://issuer.example»");
	p = (struct sigstore_policy){.identity = "x", .issuer = UNIVERSE_ISSUER};
	assert_says(judge(&f, &u, &p), COFFER_E_POLICY, "the signature is by «" UNIVERSE_IDENTITY "», not by «x»");
	assert_says(judge(&f, &u, &message), COFFER_E_SIGNATURE, "of an in-toto statement, not of a file");
	universe_close(&u);
	universe_open(&u, universe_message);
	assert_says(judge(&f, &u, &envelope), COFFER_E_SIGNATURE, "of a file, not of an in-toto statement");
	universe_close(&u);
	pubkey_free(&key);
	privkey_free(&secret_key);
}

/* a file by another hash, or another file */
static void
test_digests(void **state)
{
	uint8_t other[DIGEST_MAX] = {0};
	struct sigstore_policy p = message;
	struct universe u;

	(void)state;
	universe_open(&u, universe_message);
	p.digest = other;
	assert_says(judge(&f, &u, &p), COFFER_E_SIGNATURE, "the hash that it names differs");
	p.digest_kind = DIGEST_SHA384;
	assert_says(judge(&f, &u, &p), COFFER_E_SIGNATURE, "the hash that it names differs");
	u.b.has_digest = false;
	assert_says(judge(&f, &u, &p), COFFER_E_SIGNATURE, "about other content");
	assert_int_equal(judge(NULL, &u, &message), COFFER_OK);
	universe_close(&u);
}

/* what bundle_parse() would not let through */
static void
test_unread(void **state)
{
	struct universe u;
	size_t n;

	(void)state;
	universe_open(&u, universe_v1);
	n = u.b.certs.n;
	u.b.certs.n = 0;
	assert_says(judge(&f, &u, &envelope), COFFER_E_SIGNATURE, "has no certificate");
	u.b.certs.n = n;
	n = u.b.n_timestamps;
	u.b.n_timestamps = LIMIT_TIMESTAMPS + 1;
	assert_says(judge(&f, &u, &envelope), COFFER_E_FORMAT, "at most 32");
	u.b.n_timestamps = n;
	u.b.entries[0].integrated_time = UINT64_MAX;
	assert_says(judge(&f, &u, &envelope), COFFER_E_SIGNATURE, "SET");
	universe_close(&u);
}

/* without what it trusts a root believes nobody */
static void
test_root(void **state)
{
	struct universe u;

	(void)state;
	universe_open(&u, universe_v1);
	u.root->n_tsas--;
	assert_says(judge(&f, &u, &envelope), COFFER_E_SIGNATURE, "lists no timestamp authority");
	u.root->n_tsas++;
	u.root->n_cas--;
	assert_says(judge(&f, &u, &envelope), COFFER_E_SIGNATURE, "believes no certificate authority");
	u.root->n_cas++;
	u.root->n_ctlogs--;
	assert_says(judge(&f, &u, &envelope), COFFER_E_SIGNATURE, "none of the trusted root's logs of certificates");
	u.root->n_ctlogs++;
	assert_int_equal(judge(NULL, &u, &envelope), COFFER_OK);
	universe_close(&u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),  cmocka_unit_test(test_policies), cmocka_unit_test(test_digests),
		cmocka_unit_test(test_unread), cmocka_unit_test(test_root),
	};

	return cmocka_run_group_tests_name("sigstore", tests, NULL, NULL);
}
