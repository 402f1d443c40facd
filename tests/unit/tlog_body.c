/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/tlog_body.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/enc.h"
#include "base/limits.h"
#include "sign/dsse.h"
#include "support/universe_kit.h"

/* what the bundle is about, as the verifier finds it */
static struct tlog_subject
subject_of(const struct bundle *b)
{
	struct tlog_subject s = {.content = b->content,
				 .payload = buf_view(&b->payload),
				 .digest_kind = DIGEST_SHA256,
				 .signature = buf_view(&b->signature),
				 .cert = b->certs.v[0]};

	if (b->content == BUNDLE_MESSAGE)
		memcpy(s.digest, universe_digest, sizeof(universe_digest));
	else
		assert_int_equal(dsse_digest(NULL, DIGEST_SHA256, b->payload_type, buf_view(&b->payload), s.digest),
				 COFFER_OK);
	return s;
}

static const struct {
	const char *name;
	const char *bundle;
	enum tlog_kind kind;
} right[] = {
	{"v1", universe_v1, TLOG_DSSE},
	{"v2", universe_v2, TLOG_V2},
	{"message", universe_message, TLOG_HASHEDREKORD},
};

/* the body is about three things; with any of them another it is refused */
static void
test_three(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		static const uint8_t other_payload[] = "{}";
		enum tlog_kind kind = right[i].kind;
		struct tlog_entry *e;
		struct tlog_subject s;
		struct universe u;

		print_message("%s\n", right[i].name);
		universe_open(&u, right[i].bundle);
		e = u.b.entries;
		s = subject_of(&u.b);
		assert_int_equal(tlog_body_check(NULL, e, kind, &s), COFFER_OK);
		s.digest[31] ^= 1;
		s.payload = view_of(other_payload, 2);
		assert_says(tlog_body_check(&f, e, kind, &s), COFFER_E_SIGNATURE, "about other content");
		s = subject_of(&u.b);
		s.signature.len--;
		assert_says(tlog_body_check(&f, e, kind, &s), COFFER_E_SIGNATURE, "about another signature");
		s = subject_of(&u.b);
		s.cert = u.root->cas[0].roots.v[0];
		assert_says(tlog_body_check(&f, e, kind, &s), COFFER_E_SIGNATURE, "by another certificate");
		universe_close(&u);
	}
}

/* DSSE's hash in v2 is that of the curve, under its own name */
static void
test_digest_kind(void **state)
{
	struct tlog_subject s;
	struct universe u;

	(void)state;
	universe_open(&u, universe_v2);
	s = subject_of(&u.b);
	s.digest_kind = DIGEST_SHA384;
	assert_says(tlog_body_check(&f, u.b.entries, TLOG_V2, &s), COFFER_E_SIGNATURE, "about other content");
	universe_close(&u);
}

static void
test_kinds(void **state)
{
	struct tlog_subject s;
	struct universe u;

	(void)state;
	universe_open(&u, universe_v1);
	s = subject_of(&u.b);
	assert_says(tlog_body_check(&f, u.b.entries, TLOG_HASHEDREKORD, &s), COFFER_E_SIGNATURE,
		    "not about an envelope");
	s.content = BUNDLE_MESSAGE;
	assert_says(tlog_body_check(&f, u.b.entries, TLOG_DSSE, &s), COFFER_E_SIGNATURE, "not about a file");
	assert_says(tlog_body_check(&f, u.b.entries, TLOG_INTOTO, &s), COFFER_E_SIGNATURE, "not about a file");
	universe_close(&u);
}

/* ---- bodies by hand, signed by a key whose signature is the bytes 1, 2, 3 ---- */

#define DIGEST_HEX "6970ef51f54a3e4f7a5ccd707d95be3077298a0f68b1ebb25c124d38f6a78ad6"
#define RECORD(hash, signature, key)                                                                                   \
	"{\"kind\":\"hashedrekord\",\"apiVersion\":\"0.0.1\",\"spec\":{\"data\":{\"hash\":" hash                       \
	"},\"signature\":{\"content\":" signature ",\"publicKey\":{\"content\":" key "}}}}"
#define HASH "{\"algorithm\":\"sha256\",\"value\":\"" DIGEST_HEX "\"}"
#define SIGNATURE "\"AQID\""
#define KEY "\"@\"" /* stands for the key */

static const struct {
	const char *name, *body;
	coffer_err err;
	const char *says;
} bodies[] = {
	{"right", RECORD(HASH, SIGNATURE, KEY), COFFER_OK, ""},
	{"no JSON", "@", COFFER_E_FORMAT, "the body of the log entry"},
	{"no object", "[\"@\"]", COFFER_E_SIGNATURE, "is not of the kind hashedrekord 0.0.1"},
	{"another kind", "{\"kind\":\"dsse\",\"apiVersion\":\"0.0.1\",\"x\":\"@\"}", COFFER_E_SIGNATURE,
	 "is not of the kind"},
	{"another version", "{\"kind\":\"hashedrekord\",\"apiVersion\":\"0.0.2\",\"x\":\"@\"}", COFFER_E_SIGNATURE,
	 "is not of the kind"},
	{"no spec", "{\"kind\":\"hashedrekord\",\"apiVersion\":\"0.0.1\",\"x\":\"@\"}", COFFER_E_FORMAT,
	 "not as its kind"},
	{"a hash in upper case", RECORD("{\"algorithm\":\"sha256\",\"value\":\"6970EF51\"}", SIGNATURE, KEY),
	 COFFER_E_FORMAT, "not as its kind"},
	{"a hash of no algorithm", RECORD("{\"value\":\"" DIGEST_HEX "\"}", SIGNATURE, KEY), COFFER_E_FORMAT,
	 "not as its kind"},
	{"a hash of an unknown one", RECORD("{\"algorithm\":\"md5\",\"value\":\"" DIGEST_HEX "\"}", SIGNATURE, KEY),
	 COFFER_E_FORMAT, "not as its kind"},
	{"a hash of another one", RECORD("{\"algorithm\":\"blake3\",\"value\":\"" DIGEST_HEX "\"}", SIGNATURE, KEY),
	 COFFER_E_SIGNATURE, "about other content"},
	{"a signature that is no base64", RECORD(HASH, "\"AQI\"", KEY), COFFER_E_FORMAT, "not as its kind"},
	{"a signature that is no text", RECORD(HASH, "5", KEY), COFFER_E_FORMAT, "not as its kind"},
	{"a longer signature", RECORD(HASH, "\"AQIDBA==\"", KEY), COFFER_E_SIGNATURE, "about another signature"},
	{"an empty signature", RECORD(HASH, "\"\"", KEY), COFFER_E_SIGNATURE, "about another signature"},
	{"a key that is none", RECORD(HASH, SIGNATURE, "\"AAAA\""), COFFER_E_SIGNATURE, "by another key"},
};

static void
put_key(const char *text, const char *key, char *out, size_t size)
{
	const char *at = strchr(text, '@');

	if (at)
		(void)snprintf(out, size, "%.*s%s%s", (int)(at - text), text, key, at + 1);
	else
		(void)snprintf(out, size, "%s", text);
}

static void
test_bodies(void **state)
{
	struct buf pem = BUF_INIT(LIMIT_CERT);
	struct privkey *secret_key = NULL, *other_key = NULL;
	struct pubkey *key = NULL, *other = NULL;
	char b64[1024], body[4096];

	(void)state;
	assert_int_equal(privkey_generate(NULL, PKEY_P256, &secret_key), COFFER_OK);
	assert_int_equal(privkey_generate(NULL, PKEY_P256, &other_key), COFFER_OK);
	assert_int_equal(privkey_public(NULL, secret_key, &key), COFFER_OK);
	assert_int_equal(privkey_public(NULL, other_key, &other), COFFER_OK);
	assert_int_equal(pubkey_pem(NULL, key, &pem), COFFER_OK);
	enc_b64(pem.p, pem.len, b64);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct tlog_entry e = {.kind = "hashedrekord", .version = "0.0.1"};
		struct tlog_subject s = {.content = BUNDLE_MESSAGE, .digest_kind = DIGEST_SHA256, .key = key};
		struct fault f = {.err = COFFER_OK};

		print_message("%s\n", bodies[i].name);
		memcpy(s.digest, universe_digest, sizeof(universe_digest));
		s.signature = view_of("\1\2\3", 3);
		put_key(bodies[i].body, b64, body, sizeof(body));
		e.body = (struct buf){.p = (uint8_t *)body, .len = strlen(body)};
		assert_int_equal(tlog_body_check(&f, &e, TLOG_HASHEDREKORD, &s), bodies[i].err);
		if (!strstr(f.text, bodies[i].says))
			fail_msg("«%s», not «%s»", f.text, bodies[i].says);
		s.key = other;
		assert_int_not_equal(tlog_body_check(NULL, &e, TLOG_HASHEDREKORD, &s), COFFER_OK);
	}
	buf_free(&pem);
	pubkey_free(&key);
	pubkey_free(&other);
	privkey_free(&secret_key);
	privkey_free(&other_key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three),
		cmocka_unit_test(test_digest_kind),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_bodies),
	};

	return cmocka_run_group_tests_name("tlog body", tests, NULL, NULL);
}
