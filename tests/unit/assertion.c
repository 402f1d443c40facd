/* SPDX-License-Identifier: Apache-2.0 */
#include "key/assertion.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/enc.h"
#include "data/doc.h"

static struct privkey *rsa, *p256;
static struct pubkey *public;

static int
setup(void **state)
{
	(void)state;
	return privkey_generate(NULL, PKEY_RSA, &rsa) || privkey_generate(NULL, PKEY_P256, &p256) ||
	       privkey_public(NULL, rsa, &public);
}

static int
teardown(void **state)
{
	(void)state;
	privkey_free(&rsa);
	privkey_free(&p256);
	pubkey_free(&public);
	return 0;
}

/* the part of @token that begins at @*at, decoded; @*at is behind its dot then */
static size_t
take_part(const struct secret *token, size_t *at, uint8_t *out, size_t cap)
{
	const uint8_t *from = token->p + *at, *dot = memchr(from, '.', token->len - *at);
	size_t len = dot ? (size_t)(dot - from) : token->len - *at, got;

	assert_true(dec_b64url((const char *)from, len, out, cap, &got));
	*at += len + (dot ? 1 : 0);
	return got;
}

static struct doc *
take_doc(const struct secret *token, size_t *at)
{
	uint8_t text[2048];
	size_t len = take_part(token, at, text, sizeof(text));
	struct doc *d;

	assert_int_equal(doc_parse(NULL, "it", view_of(text, len), &d), COFFER_OK);
	return d;
}

static void
assert_text(const struct doc *d, const char *name, const char *want)
{
	const char *text = doc_text(doc_get(d, name), 1, 512);

	if (!want)
		assert_null(doc_get(d, name));
	else
		assert_string_equal(text ? text : "not there", want);
}

static const struct assertion google = {
	.alg = ASSERTION_RS256,
	.key_name = "kid",
	.key_id = "k1",
	.issuer = "me@\"p\"",
	.audience = "https://token",
	.scope = "https://scope",
	.lifetime_s = 3600,
};

static const struct assertion entra = {
	.alg = ASSERTION_PS256,
	.key_name = "x5t#S256",
	.key_id = "thumb",
	.issuer = "client",
	.subject = "client",
	.audience = "https://token",
	.lifetime_s = 600,
};

static void
assert_says(const struct assertion *a, const char *alg)
{
	struct secret token = SECRET_INIT;
	uint64_t from, to, now = (uint64_t)time(NULL);
	struct doc *header, *claims;
	size_t at = 0;

	assert_int_equal(assertion_make(NULL, a, rsa, &token), COFFER_OK);
	header = take_doc(&token, &at);
	claims = take_doc(&token, &at);
	assert_text(header, "alg", alg);
	assert_text(header, "typ", "JWT");
	assert_text(header, a->key_name, a->key_id);
	assert_text(claims, "iss", a->issuer);
	assert_text(claims, "sub", a->subject);
	assert_text(claims, "aud", a->audience);
	assert_text(claims, "scope", a->scope);
	assert_non_null(doc_text(doc_get(claims, "jti"), 32, 32));
	assert_true(doc_number(doc_get(claims, "iat"), now - 60, now, &from));
	assert_true(doc_number(doc_get(claims, "exp"), now, now + a->lifetime_s, &to));
	assert_int_equal(to - from, a->lifetime_s);
	doc_free(&header);
	doc_free(&claims);
	secret_free(&token);
}

static void
test_says(void **state)
{
	(void)state;
	assert_says(&google, "RS256");
	assert_says(&entra, "PS256");
}

/* PS256 is verified by tests/services/azure.py */
static void
test_signed(void **state)
{
	struct secret token = SECRET_INIT, again = SECRET_INIT;
	uint8_t sig[1024], text[2048];
	size_t at = 0, len;

	(void)state;
	assert_int_equal(assertion_make(NULL, &google, rsa, &token), COFFER_OK);
	(void)take_part(&token, &at, text, sizeof(text));
	(void)take_part(&token, &at, text, sizeof(text));
	len = take_part(&token, &at, sig, sizeof(sig));
	at = (size_t)((uint8_t *)memrchr(token.p, '.', token.len) - token.p);
	assert_int_equal(pubkey_verify(NULL, public, DIGEST_SHA256, view_of(token.p, at), view_of(sig, len)),
			 COFFER_OK);
	/* none is ever used twice */
	assert_int_equal(assertion_make(NULL, &google, rsa, &again), COFFER_OK);
	assert_true(again.len != token.len || memcmp(again.p, token.p, token.len) != 0);
	secret_free(&token);
	secret_free(&again);
}

static void
test_other_keys(void **state)
{
	struct secret token = SECRET_INIT;

	(void)state;
	assert_int_equal(assertion_make(NULL, &google, p256, &token), COFFER_E_KEY);
	assert_int_equal(assertion_make(NULL, &entra, p256, &token), COFFER_E_KEY);
	assert_null(token.p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says),
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_other_keys),
	};

	return cmocka_run_group_tests_name("assertion", tests, setup, teardown);
}
