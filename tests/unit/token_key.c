/* SPDX-License-Identifier: Apache-2.0 */
/* A real token: SoftHSM 2, in a folder of its own, with keys that are made here. */
#include "crypto/token_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/tmpdir.h"
#include "support/token_kit.h"

static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static const uint8_t p521[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};
static const uint8_t secp256k1[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a};

static const char *module;

/* ---- making a token ---- */

static void
make_pair(struct token_kit *kit, const char *label, uint8_t id, const uint8_t *curve, size_t curve_len,
	  CK_BBOOL may_sign)
{
	CK_MECHANISM mechanism = {.mechanism = CKM_EC_KEY_PAIR_GEN};
	CK_BBOOL yes = CK_TRUE;
	uint8_t params[16];
	char name[32];
	CK_OBJECT_HANDLE public, private;
	int len = snprintf(name, sizeof(name), "%s", label);
	CK_ATTRIBUTE pub[] = {{CKA_TOKEN, &yes, sizeof(yes)},
			      {CKA_EC_PARAMS, params, curve_len},
			      {CKA_ID, &id, 1},
			      {CKA_LABEL, name, (CK_ULONG)len}};
	CK_ATTRIBUTE priv[] = {{CKA_TOKEN, &yes, sizeof(yes)},
			       {CKA_PRIVATE, &yes, sizeof(yes)},
			       {CKA_SIGN, &may_sign, sizeof(may_sign)},
			       {CKA_ID, &id, 1},
			       {CKA_LABEL, name, (CK_ULONG)len}};

	memcpy(params, curve, curve_len);
	assert_int_equal(kit->m->C_GenerateKeyPair(kit->session, &mechanism, pub, 4, priv, 5, &public, &private),
			 CKR_OK);
}

static int
make_token(void **state)
{
	struct token_kit kit;

	assert_int_equal(tmpdir_setup_fast(state), 0);
	token_kit_files();
	module = token_kit_softhsm();
	if (!module)
		return 0;
	token_kit_begin_softhsm(&kit, module, TOKEN_LABEL);
	make_pair(&kit, "p256", 1, p256, sizeof(p256), CK_TRUE);
	make_pair(&kit, "p384", 2, p384, sizeof(p384), CK_TRUE);
	make_pair(&kit, "p521", 3, p521, sizeof(p521), CK_TRUE);
	make_pair(&kit, "koblitz", 4, secp256k1, sizeof(secp256k1), CK_TRUE);
	make_pair(&kit, "decrypts", 5, p256, sizeof(p256), CK_FALSE);
	make_pair(&kit, "twin", 6, p256, sizeof(p256), CK_TRUE);
	make_pair(&kit, "twin", 7, p256, sizeof(p256), CK_TRUE);
	token_kit_rsa(&kit, "rsa", 9, 2048, 0);
	token_kit_end(&kit);
	return 0;
}

static void
need_softhsm(void)
{
	if (module)
		return;
	print_message("skipped: SoftHSM 2 is not installed (Debian: softhsm2), or this is another machine's program\n");
	skip();
}

static coffer_err
answer(void *user, struct fault *f, const char *token_label, struct secret *pin_out)
{
	coffer_err err;

	assert_string_equal(token_label, "coffer test");
	err = secret_new(f, pin_out, strlen(user));
	if (err == COFFER_OK)
		memcpy(pin_out->p, user, strlen(user));
	return err;
}

/* ---- what works ---- */

static void
signs(void **state)
{
	static const struct {
		const char *uri;
		enum pkey_kind kind;
	} cases[] = {
		{"pkcs11:token=coffer%20test;object=p256?pin-source=file:pin", PKEY_P256},
		{"pkcs11:token=coffer%20test;id=%02?pin-source=file:pin", PKEY_P384},
		{"pkcs11:object=p521;id=%03?pin-source=file:pin", PKEY_P521},
		{"pkcs11:token=coffer%20test;object=p256;type=public?pin-source=file:pin", PKEY_P256},
		{"pkcs11:manufacturer=SoftHSM%20project;object=twin;id=%07?pin-source=file:pin", PKEY_P256},
	};
	static const uint8_t message[] = "the weights";

	(void)state;
	need_softhsm();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fault f = {0};
		struct token_key *k = NULL;
		struct pubkey *public = NULL;
		struct buf sig = BUF_INIT(1024);
		uint8_t hash[DIGEST_MAX];
		enum digest_kind digest = pkey_digest(cases[i].kind);

		if (token_key_open(&f, cases[i].uri, module, NULL, &k) != COFFER_OK)
			fail_msg("%s: %s", cases[i].uri, f.text);
		assert_int_equal(token_key_public(&f, k, &public), COFFER_OK);
		assert_int_equal(pubkey_kind(public), cases[i].kind);
		assert_int_equal(digest_of(&f, digest, view_of(message, sizeof(message)), hash), COFFER_OK);
		/* many, for r and s with leading zeros */
		for (size_t j = 0; j < 40; j++) {
			sig.len = 0;
			if (token_key_sign(&f, k, digest, hash, &sig) != COFFER_OK)
				fail_msg("%s: %s", cases[i].uri, f.text);
			assert_int_equal(
				pubkey_verify(&f, public, digest, view_of(message, sizeof(message)), buf_view(&sig)),
				COFFER_OK);
		}
		buf_free(&sig);
		pubkey_free(&public);
		token_key_close(&k);
		assert_null(k);
	}
}

static void
asks_for_the_pin(void **state)
{
	char right[] = TOKEN_PIN, wrong[] = "0815";
	const struct token_pin good = {answer, right}, bad = {answer, wrong};
	struct token_key *k = NULL;
	struct fault f = {0};

	(void)state;
	need_softhsm();
	assert_int_equal(token_key_open(&f, "pkcs11:object=p256", module, &good, &k), COFFER_OK);
	token_key_close(&k);
	assert_int_equal(token_key_open(&f, "pkcs11:object=p256", module, &bad, &k), COFFER_E_KEY);
	assert_non_null(strstr(f.text, "wrong PIN for token «coffer test»"));
	assert_null(k);
}

static void
finds_the_module(void **state)
{
	char uri[256];
	struct token_key *k = NULL;
	struct fault f = {0};

	(void)state;
	need_softhsm();
	(void)snprintf(uri, sizeof(uri), "pkcs11:object=p256?module-path=%s&pin-source=file:pin", module);
	assert_int_equal(token_key_open(&f, uri, NULL, NULL, &k), COFFER_OK);
	token_key_close(&k);
	assert_int_equal(
		token_key_open(&f, "pkcs11:object=p256?module-name=softhsm2&pin-source=file:pin", NULL, NULL, &k),
		COFFER_OK);
	token_key_close(&k);
}

/* ---- what is refused ---- */

static void
refuses(void **state)
{
	static const struct {
		const char *uri;
		coffer_err err;
		const char *text; /* a part of the sentence */
	} cases[] = {
		{"pkcs11:object=p256?pin-value=4711", COFFER_E_USAGE, "has a pin-value"},
		{"http://p256", COFFER_E_USAGE, "cannot be read"},
		{"pkcs11:object=%zz", COFFER_E_USAGE, "cannot be read"},
		{"pkcs11:object=p256;colour=red?pin-source=file:pin", COFFER_E_USAGE, "not known"},
		{"pkcs11:token=other;object=p256?pin-source=file:pin", COFFER_E_NOTFOUND, "no token"},
		{"pkcs11:slot-id=77;object=p256?pin-source=file:pin", COFFER_E_NOTFOUND, "no token"},
		{"pkcs11:object=p257?pin-source=file:pin", COFFER_E_NOTFOUND, "no private key"},
		{"pkcs11:object=twin?pin-source=file:pin", COFFER_E_KEY, "fits several keys"},
		{"pkcs11:?pin-source=file:pin", COFFER_E_KEY, "fits several keys"},
		{"pkcs11:object=rsa?pin-source=file:pin", COFFER_E_KEY, "no EC key"},
		{"pkcs11:object=koblitz?pin-source=file:pin", COFFER_E_KEY, ""},
		{"pkcs11:object=decrypts?pin-source=file:pin", COFFER_E_KEY, "may not sign"},
		{"pkcs11:object=p256", COFFER_E_KEY, "wants a PIN"},
		{"pkcs11:object=p256?pin-source=file:missing", COFFER_E_NOTFOUND, "missing"},
		{"pkcs11:object=p256?pin-source=file:no%20pin", COFFER_E_KEY, "must hold a PIN"},
		{"pkcs11:object=p256?pin-source=%7Ccat%20pin", COFFER_E_USAGE, "it is a file"},
		{"pkcs11:object=p256?pin-source=file:wrong%20pin", COFFER_E_KEY, "wrong PIN"},
	};

	(void)state;
	need_softhsm();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct token_key *k = NULL;
		struct fault f = {0};
		coffer_err err = token_key_open(&f, cases[i].uri, module, NULL, &k);

		if (err != cases[i].err || !strstr(f.text, cases[i].text))
			fail_msg("%s: %s: %s", cases[i].uri, coffer_err_name(err), f.text);
		assert_null(k);
		assert_null(strstr(f.text, TOKEN_PIN)); /* no PIN in any message */
	}
}

static void
refuses_modules(void **state)
{
	static const struct {
		const char *uri;
		const char *module;
		coffer_err err;
	} cases[] = {
		{"pkcs11:object=p256", "/nowhere/module.so", COFFER_E_NOTFOUND},
		{"pkcs11:object=p256", "module.so", COFFER_E_USAGE},
		{"pkcs11:object=p256", "/dev/null", COFFER_E_NOTFOUND},
		{"pkcs11:object=p256?module-path=relative.so", NULL, COFFER_E_USAGE},
		{"pkcs11:object=p256?module-name=no-such-module", NULL, COFFER_E_NOTFOUND},
		{"pkcs11:object=p256?module-name=..%2Flibc.so.6", NULL, COFFER_E_NOTFOUND},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct token_key *k = NULL;
		struct fault f = {0};
		coffer_err err = token_key_open(&f, cases[i].uri, cases[i].module, NULL, &k);

		if (err != cases[i].err)
			fail_msg("%zu: %s: %s", i, coffer_err_name(err), f.text);
		assert_null(k);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs),   cmocka_unit_test(asks_for_the_pin), cmocka_unit_test(finds_the_module),
		cmocka_unit_test(refuses), cmocka_unit_test(refuses_modules),
	};

	return cmocka_run_group_tests(tests, make_token, tmpdir_teardown);
}
