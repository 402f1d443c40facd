/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a test of signatures needs beside support/kit.h: a key pair in files, its signer, and a trust in it and in another.
 */
#ifndef TESTS_SUPPORT_SIGN_KIT_H
#define TESTS_SUPPORT_SIGN_KIT_H

#include "support/kit.h"

#include "base/buf.h"
#include "base/file.h"
#include "engine/trust.h"

#define SIGN_KEY "signing.pem"
#define SIGN_PUB "signing.pub"

struct sign_kit {
	struct coffer_signer *signer;
	struct coffer_trust trust, other; /* in the signer's key, and in one that has signed nothing */
};

static struct sign_kit sign_kit;

static inline struct coffer_trust
sign_kit_trust(const char *pub)
{
	struct buf pem = BUF_INIT(65536);
	struct coffer_trust t = {0};
	struct pubkey *key;
	struct fault f;

	if (file_slurp(&f, pub, 65536, &pem, NULL) != COFFER_OK ||
	    pubkey_from_pem(&f, pub, buf_view(&pem), &key) != COFFER_OK ||
	    verifier_key(&f, key, &t.verifier) != COFFER_OK)
		abort();
	buf_free(&pem);
	return t;
}

static inline int
sign_kit_setup(void **state)
{
	struct coffer_signer_options options = {.version_1 = 1, .method = COFFER_METHOD_KEY, .private_key = SIGN_KEY};
	char id[65];

	if (kit_setup(state) != 0 ||
	    coffer_signing_key_generate(kit.ctx, COFFER_CURVE_P256, SIGN_KEY, SIGN_PUB, NULL, id) != COFFER_OK ||
	    coffer_signing_key_generate(kit.ctx, COFFER_CURVE_P256, "other.pem", "other.pub", NULL, id) != COFFER_OK ||
	    coffer_signer_open(kit.ctx, &options, &sign_kit.signer) != COFFER_OK)
		return -1;
	sign_kit.trust = sign_kit_trust(SIGN_PUB);
	sign_kit.other = sign_kit_trust("other.pub");
	return 0;
}

static inline int
sign_kit_teardown(void **state)
{
	coffer_signer_free(&sign_kit.signer);
	verifier_free(&sign_kit.trust.verifier);
	verifier_free(&sign_kit.other.verifier);
	return kit_teardown(state);
}

/** sign_kit_verify() - coffer_verify() of which only the error counts; that it agrees with the verdict is checked */
static inline coffer_err
sign_kit_verify(const char *model, const char *signature, const struct coffer_verify_options *options)
{
	struct coffer_verdict *v;
	coffer_err err = coffer_verify(kit.ctx, model, signature, &sign_kit.trust, options, &v);

	assert_non_null(v);
	assert_int_equal(v->verified, err == COFFER_OK);
	assert_int_equal(v->n_failures == 0, err == COFFER_OK);
	coffer_verdict_free(&v);
	assert_null(v);
	return err;
}

#define SIGN_TEST(name) cmocka_unit_test_setup_teardown(name, sign_kit_setup, sign_kit_teardown)

#endif
