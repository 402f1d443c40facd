/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/signing_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"

#define V1 "{\"predicateType\":\"https://model_signing/signature/v1.0\",\"x\":\"it's\"}"
#define V02 "{\"predicateType\":\"https://model_signing/Digests/v0.1\",\"x\":\"it's\"}"

static const enum pkey_kind curves[] = {PKEY_P256, PKEY_P384, PKEY_P521};

#define N_CURVES (sizeof(curves) / sizeof(curves[0]))

static struct privkey *keys[N_CURVES];

static int
setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CURVES; i++)
		if (privkey_generate(NULL, curves[i], &keys[i]) != COFFER_OK)
			return -1;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CURVES; i++)
		privkey_free(&keys[i]);
	return 0;
}

/* another object with the same key, for signers take theirs over */
static struct privkey *
copy_of(const struct privkey *k)
{
	struct secret pem = SECRET_INIT;
	struct privkey *copy;

	assert_int_equal(privkey_pem(NULL, k, NULL, &pem), COFFER_OK);
	assert_int_equal(privkey_from_pem(NULL, "a copy", view_of(pem.p, pem.len), NULL, &copy), COFFER_OK);
	secret_free(&pem);
	return copy;
}

static struct pubkey *
public_of(const struct privkey *k)
{
	struct pubkey *public;

	assert_int_equal(privkey_public(NULL, k, &public), COFFER_OK);
	return public;
}

static void
sign_with(const struct privkey *k, const char *statement, struct bundle *b)
{
	struct signer *s;

	assert_int_equal(signer_key(NULL, copy_of(k), &s), COFFER_OK);
	assert_string_equal(s->method, "key");
	bundle_init(b);
	assert_int_equal(sign_payload(NULL, s, view_str(statement), b), COFFER_OK);
	signer_free(&s);
	assert_null(s);
}

static coffer_err
verify_with(const struct privkey *k, const struct bundle *b, const char *why)
{
	struct signed_by who = {.who = NULL};
	struct fault f = {.text = ""};
	struct verifier *v;
	coffer_err err;

	assert_int_equal(verifier_key(NULL, public_of(k), &v), COFFER_OK);
	err = v->verify(v, &f, b, &who);
	if (!strstr(f.text, why))
		fail_msg("«%s» is not in: %s", why, f.text);
	if (err == COFFER_OK) {
		assert_true(strncmp(who.who, "key ", 4) == 0 && strcmp(who.who + 4, who.key_hint) == 0);
		assert_true(strlen(who.key_hint) == 64 && who.source == TIME_NONE && who.time == 0);
	} else {
		assert_true(!who.who && who.key_hint[0] == '\0');
	}
	signed_by_free(&who);
	verifier_free(&v);
	assert_null(v);
	return err;
}

static void
test_each_curve(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CURVES; i++) {
		static const enum digest_kind hashes[] = {DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};
		struct pubkey *public = public_of(keys[i]);
		struct buf pae = BUF_INIT(1000);
		struct bundle b;
		char hint[65];

		sign_with(keys[i], V1, &b);
		assert_int_equal(b.material, BUNDLE_PUBLIC_KEY);
		assert_int_equal(b.content, BUNDLE_DSSE);
		assert_string_equal(b.payload_type, "application/vnd.in-toto+json");
		assert_int_equal(signing_key_hint(NULL, public, hint), COFFER_OK);
		assert_string_equal(b.key_hint, hint);
		/* the hash is the curve's */
		assert_int_equal(dsse_pae(NULL, b.payload_type, buf_view(&b.payload), &pae), COFFER_OK);
		for (size_t h = 0; h < 3; h++)
			assert_int_equal(pubkey_verify(NULL, public, hashes[h], buf_view(&pae), buf_view(&b.signature)),
					 h == i ? COFFER_OK : COFFER_E_SIGNATURE);
		for (size_t k = 0; k < N_CURVES; k++)
			assert_int_equal(verify_with(keys[k], &b, k == i ? "" : "another key"),
					 k == i ? COFFER_OK : COFFER_E_SIGNATURE);
		bundle_free(&b);
		buf_free(&pae);
		pubkey_free(&public);
	}
}

/* hex SHA-256 of the PEM, as «openssl pkey -pubout | sha256sum» has it */
static void
test_hint(void **state)
{
	static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
				  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAETrbyESVYLijYGHymY4vCqR3Fsz35\n"
				  "4+fXin3JvmavNOXBKIV9jxREeUeHMphlaGqtiAgRVyuCH9CJEL+4Cmz1Vw==\n"
				  "-----END PUBLIC KEY-----\n";
	struct pubkey *k;
	char hint[65];

	(void)state;
	assert_int_equal(pubkey_from_pem(NULL, "it", view_str(pem), &k), COFFER_OK);
	assert_int_equal(signing_key_hint(NULL, k, hint), COFFER_OK);
	assert_string_equal(hint, "8866f164abc99a868694bc4f9e5885d9af1904bc76412ca494b7ac9751d866a1");
	pubkey_free(&k);
}

static void
test_tampered(void **state)
{
	struct bundle b;

	(void)state;
	sign_with(keys[0], V1, &b);
	b.payload.p[5] ^= 1;
	assert_int_equal(verify_with(keys[0], &b, "signature"), COFFER_E_SIGNATURE);
	b.payload.p[5] ^= 1;
	b.payload.len--;
	assert_int_equal(verify_with(keys[0], &b, "signature"), COFFER_E_SIGNATURE);
	b.payload.len++;
	b.signature.p[b.signature.len - 1] ^= 1;
	assert_int_equal(verify_with(keys[0], &b, "signature"), COFFER_E_SIGNATURE);
	b.signature.p[b.signature.len - 1] ^= 1;
	b.signature.len--;
	assert_int_equal(verify_with(keys[0], &b, "signature"), COFFER_E_SIGNATURE);
	b.signature.len++;
	assert_int_equal(verify_with(keys[0], &b, ""), COFFER_OK);
	bundle_free(&b);
}

static void
test_hints_of_a_bundle(void **state)
{
	struct pubkey *public = public_of(keys[1]), *other = public_of(keys[0]);
	struct bundle b;

	(void)state;
	sign_with(keys[1], V1, &b);
	/* another one, though the signature is good */
	b.key_hint[0] ^= 1;
	assert_int_equal(verify_with(keys[1], &b, "another key"), COFFER_E_SIGNATURE);
	free(b.key_hint);
	b.key_hint = NULL;
	assert_int_equal(verify_with(keys[1], &b, ""), COFFER_OK);
	assert_int_equal(verify_with(keys[0], &b, "signature"), COFFER_E_SIGNATURE);
	/* before 1.1: the key itself */
	assert_int_equal(pubkey_pem(NULL, public, &b.key_raw), COFFER_OK);
	assert_int_equal(verify_with(keys[1], &b, ""), COFFER_OK);
	b.key_raw.len = 0;
	assert_int_equal(pubkey_pem(NULL, other, &b.key_raw), COFFER_OK);
	assert_int_equal(verify_with(keys[1], &b, "another key"), COFFER_E_SIGNATURE);
	/* what cannot be read says nothing, and the key that was given decides */
	b.key_raw.len = 5;
	assert_int_equal(verify_with(keys[1], &b, ""), COFFER_OK);
	bundle_free(&b);
	pubkey_free(&public);
	pubkey_free(&other);
}

static void
test_other_bundles(void **state)
{
	struct bundle b;

	(void)state;
	sign_with(keys[0], V1, &b);
	b.material = BUNDLE_CHAIN;
	assert_int_equal(verify_with(keys[0], &b, "certificate"), COFFER_E_POLICY);
	b.material = BUNDLE_PUBLIC_KEY;
	b.version = 2;
	assert_int_equal(verify_with(keys[0], &b, "0.2"), COFFER_E_UNSUPPORTED);
	b.version = 3;
	b.payload_type[0] ^= 1;
	assert_int_equal(verify_with(keys[0], &b, "something else"), COFFER_E_UNSUPPORTED);
	b.payload_type[0] ^= 1;
	b.content = BUNDLE_MESSAGE;
	assert_int_equal(verify_with(keys[0], &b, "something else"), COFFER_E_UNSUPPORTED);
	bundle_free(&b);
}

/* model_signing 0.2.0 signed something else, and only its own statements are believed that way */
static void
test_v02(void **state)
{
	static const char *const statements[] = {V02, V1, "no JSON"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct buf pae = BUF_INIT(1000);
		struct bundle b;

		sign_with(keys[1], statements[i], &b);
		assert_int_equal(dsse_pae_v02(NULL, b.payload_type, buf_view(&b.payload), &pae), COFFER_OK);
		b.signature.len = 0;
		assert_int_equal(privkey_sign(NULL, keys[1], DIGEST_SHA384, buf_view(&pae), &b.signature), COFFER_OK);
		assert_int_equal(verify_with(keys[1], &b, i == 0 ? "" : "signature"),
				 i == 0 ? COFFER_OK : COFFER_E_SIGNATURE);
		/* of another hash only certificates were */
		b.signature.len = 0;
		assert_int_equal(privkey_sign(NULL, keys[1], DIGEST_SHA256, buf_view(&pae), &b.signature), COFFER_OK);
		assert_int_equal(verify_with(keys[1], &b, "signature"), COFFER_E_SIGNATURE);
		bundle_free(&b);
		buf_free(&pae);
	}
}

/* a stranger's signature that claims to be of model_signing 0.2 cannot have much memory taken */
static void
test_large_v02(void **state)
{
	struct buf pae = BUF_INIT((size_t)5 * LIMIT_V02_PAYLOAD);

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		size_t len = LIMIT_V02_PAYLOAD + more;
		char *statement = malloc(len + 1);
		struct bundle b;

		assert_non_null(statement);
		(void)snprintf(statement, len + 1, "%s%*s", V02, (int)(len - strlen(V02)), "");
		sign_with(keys[1], statement, &b);
		b.signature.len = pae.len = 0;
		assert_int_equal(dsse_pae_v02(NULL, b.payload_type, buf_view(&b.payload), &pae), COFFER_OK);
		assert_int_equal(privkey_sign(NULL, keys[1], DIGEST_SHA384, buf_view(&pae), &b.signature), COFFER_OK);
		assert_int_equal(verify_with(keys[1], &b, more ? "at most 4 MiB" : ""),
				 more ? COFFER_E_SIGNATURE : COFFER_OK);
		bundle_free(&b);
		free(statement);
	}
	buf_free(&pae);
}

static void
test_other_keys(void **state)
{
	static const enum pkey_kind kinds[] = {PKEY_RSA, PKEY_ED25519};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fault f = {.text = ""};
		struct privkey *k;
		struct verifier *v;
		struct signer *s;

		assert_int_equal(privkey_generate(NULL, kinds[i], &k), COFFER_OK);
		assert_int_equal(verifier_key(&f, public_of(k), &v), COFFER_E_KEY);
		assert_non_null(strstr(f.text, "P-256, P-384 or P-521"));
		assert_null(v);
		f.text[0] = '\0';
		assert_int_equal(signer_key(&f, k, &s), COFFER_E_KEY);
		assert_non_null(strstr(f.text, "P-256, P-384 or P-521"));
		assert_null(s);
	}
}

/* ---- a key that is elsewhere, and breaks ---- */

static unsigned int n_freed;

static coffer_err
sign_wrongly(struct fault *f, void *key, enum digest_kind digest, const uint8_t *hash, struct buf *sig_out)
{
	uint8_t other[DIGEST_MAX];

	memcpy(other, hash, digest_len(digest));
	other[0] ^= 1;
	return privkey_sign_digest(f, *(struct privkey **)key, digest, other, sig_out);
}

static coffer_err
fail_to_sign(struct fault *f, void *key, enum digest_kind digest, const uint8_t *hash, struct buf *sig_out)
{
	(void)key;
	(void)digest;
	(void)hash;
	(void)sig_out;
	return fault_set(f, COFFER_E_KEY, "the token was pulled out");
}

static coffer_err
give_public(struct fault *f, void *key, struct pubkey **out)
{
	return privkey_public(f, *(struct privkey **)key, out);
}

static coffer_err
give_no_public(struct fault *f, void *key, struct pubkey **out)
{
	(void)key;
	*out = NULL;
	return fault_set(f, COFFER_E_KEY, "the token has no public key");
}

static void
count_free(void *key)
{
	(void)key;
	n_freed++;
}

static void
test_broken_keys(void **state)
{
	struct signing_key k = {.key = &keys[0], .sign = sign_wrongly, .public = give_public, .free = count_free};
	struct signer *s;
	struct bundle b;

	(void)state;
	n_freed = 0;
	bundle_init(&b);
	/* a bad signature does not get out */
	assert_int_equal(signer_key_of(NULL, k, &s), COFFER_OK);
	assert_int_equal(sign_payload(NULL, s, view_str(V1), &b), COFFER_E_SIGNATURE);
	assert_true(!b.signature.p && !b.payload.p && !b.payload_type);
	signer_free(&s);
	assert_int_equal(n_freed, 1);
	k.sign = fail_to_sign;
	assert_int_equal(signer_key_of(NULL, k, &s), COFFER_OK);
	assert_int_equal(sign_payload(NULL, s, view_str(V1), &b), COFFER_E_KEY);
	assert_null(b.payload.p);
	signer_free(&s);
	assert_int_equal(n_freed, 2);
	/* taken over after a failure, too */
	k.public = give_no_public;
	assert_int_equal(signer_key_of(NULL, k, &s), COFFER_E_KEY);
	assert_null(s);
	assert_int_equal(n_freed, 3);
	bundle_free(&b);
}

/* one signer, several models */
static void
test_again(void **state)
{
	struct signer *s;
	struct bundle b;

	(void)state;
	bundle_init(&b);
	assert_int_equal(signer_key(NULL, copy_of(keys[2]), &s), COFFER_OK);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(sign_payload(NULL, s, view_str(i == 0 ? V1 : V1 " "), &b), COFFER_OK);
		assert_int_equal(b.payload.len, sizeof(V1) - 1 + i);
		assert_int_equal(verify_with(keys[2], &b, ""), COFFER_OK);
	}
	/* and one bundle twice */
	assert_int_equal(s->sign(s, NULL, &b), COFFER_OK);
	assert_int_equal(verify_with(keys[2], &b, ""), COFFER_OK);
	bundle_free(&b);
	signer_free(&s);
	signer_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_curve),    cmocka_unit_test(test_hint),
		cmocka_unit_test(test_tampered),      cmocka_unit_test(test_hints_of_a_bundle),
		cmocka_unit_test(test_other_bundles), cmocka_unit_test(test_v02),
		cmocka_unit_test(test_large_v02),     cmocka_unit_test(test_other_keys),
		cmocka_unit_test(test_broken_keys),   cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
