/* SPDX-License-Identifier: Apache-2.0 */
/* Against a server of scripted answers; tests/services has one that really encrypts. */
#include "key/hashivault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <coffer/key.h>

#include "base/enc.h"
#include "key/envelope.h"
#include "key/keyring.h"
#include "support/emulator.h"
#include "support/script.h"

#define KEY(derived, more)                                                                                             \
	"{\"data\":{\"type\":\"aes256-gcm96\",\"derived\":" derived ",\"latest_version\":2,"                           \
	"\"keys\":{\"1\":1442851412,\"2\":1700000000},\"supports_encryption\":true" more "}}"
#define CIPHERTEXT "{\"data\":{\"ciphertext\":\"vault:v2:b2theQ==\"}}"
#define BINDING "{\"name\":\"llama\"}"
#define BINDING_B64 "eyJuYW1lIjoibGxhbWEifQ=="

static const struct key_provider *const provider = &hashivault_provider;
static const uint8_t dek[DEK_LEN] = {0xd0, [31] = 0x1d};
static const struct binding binding = {.text = {.p = (const uint8_t *)BINDING, .len = sizeof(BINDING) - 1}};

static int
setup(void **state)
{
	(void)state;
	script_start("VAULT_ADDR");
	(void)setenv("VAULT_TOKEN", "hvs.t", 1);
	return setenv("COFFER_KEY_RETRIES", "0", 1);
}

static int
teardown(void **state)
{
	(void)state;
	http_server_stop(&script_server);
	return 0;
}

static int
fresh(void **state)
{
	(void)state;
	(void)unsetenv("VAULT_NAMESPACE");
	script_clear();
	return 0;
}

static void *
key(const char *rest)
{
	struct fault f = {.text = ""};
	void *self;

	if (hashivault_new(&f, NULL, rest, &self) != COFFER_OK)
		fail_msg("%s: %s", rest, f.text);
	return self;
}

static struct recipient
wrapped(const char *alg)
{
	struct recipient r = {.is_service = true};

	PUT(r.kind, "hashivault");
	PUT(r.id, "transit/llama");
	PUT(r.version, "1");
	PUT(r.alg, alg);
	memcpy(r.wrapped, "vault:v1:b2xk", 13);
	r.wrapped_len = 13;
	return r;
}

/* The answer to decrypt: an envelope for @kind, of which byte @flip is another one. */
static void
add_envelope(const char *kind, size_t len, size_t flip)
{
	char body[256] = "{\"data\":{\"plaintext\":\"";
	uint8_t envelope[ENVELOPE_LEN];

	assert_int_equal(envelope_make(NULL, kind, dek, &binding, envelope), COFFER_OK);
	if (flip < sizeof(envelope))
		envelope[flip] ^= 1;
	enc_b64(envelope, len, strchr(body, '\0'));
	APPEND(body, "\"}}");
	script_add(200, body);
}

#define assert_fault(call, want, words)                                                                                \
	do {                                                                                                           \
		struct fault f_ = {.text = ""}, *f = &f_;                                                              \
		coffer_err got_ = (call);                                                                              \
                                                                                                                       \
		if (got_ != (want) || !strstr(f_.text, words))                                                         \
			fail_msg("%s: %s", coffer_err_name(got_), f_.text);                                            \
	} while (0)

/* ---- names ---- */

static void
ids(void **state)
{
	static const struct {
		const char *rest, *namespace, *id;
	} names[] = {
		{"llama", NULL, "transit/llama"},
		{"llama?mount=keys/ml", NULL, "keys/ml/llama"},
		{"llama?namespace=team", NULL, "team/transit/llama"},
		{"llama", "/ns/a/", "ns/a/transit/llama"},
		{"llama?namespace=team", "ns/a", "team/transit/llama"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct recipient r = wrapped("aes256-gcm96+context");
		void *self;

		(void)unsetenv("VAULT_NAMESPACE");
		if (names[i].namespace)
			(void)setenv("VAULT_NAMESPACE", names[i].namespace, 1);
		self = key(names[i].rest);
		PUT(r.id, names[i].id);
		assert_true(provider->matches(self, &r));
		APPEND(r.id, "x");
		assert_false(provider->matches(self, &r));
		PUT(r.id, names[i].id);
		PUT(r.kind, "vaultkv");
		assert_false(provider->matches(self, &r));
		provider->free(self);
	}
	assert_int_equal(script->n_asked, 0);
}

/* ---- wrapping ---- */

static void
wraps_with_the_context(void **state)
{
	char sent[128] = "{\"context\":\"" BINDING_B64 "\",\"plaintext\":\"";
	struct recipient r = {.kind = ""};
	uint8_t envelope[ENVELOPE_LEN];
	void *self = key("llama");

	(void)state;
	script_add(200, KEY("true", ""));
	script_add(200, CIPHERTEXT);
	assert_fault(provider->wrap(self, f, dek, &binding, &r), COFFER_OK, "");
	assert_string_equal(r.kind, "hashivault");
	assert_string_equal(r.id, "transit/llama");
	assert_string_equal(r.version, "2");
	assert_string_equal(r.alg, "aes256-gcm96+context");
	assert_int_equal(r.wrapped_len, 17);
	assert_memory_equal(r.wrapped, "vault:v2:b2theQ==", 17);
	assert_asked(0, "GET /v1/transit/keys/llama", NULL);
	assert_int_equal(envelope_make(NULL, "hashivault", dek, &binding, envelope), COFFER_OK);
	enc_b64(envelope, 16, strchr(sent, '\0'));
	sent[strlen(sent) - 4] = '\0'; /* as far as 16 bytes and those behind them begin alike */
	assert_asked(1, "POST /v1/transit/encrypt/llama", sent);

	/* it was looked at once */
	assert_fault(provider->wrap(self, f, dek, &binding, &r), COFFER_OK, "");
	assert_asked(2, "POST /v1/transit/encrypt/llama", NULL);
	provider->free(self);
}

static void
wraps_with_associated_data(void **state)
{
	void *self = key("llama?bind=aad&mount=keys&namespace=team");
	struct recipient r = {.kind = ""};

	(void)state;
	script_add(200, KEY("false", ""));
	script_add(200, CIPHERTEXT);
	assert_fault(provider->wrap(self, f, dek, &binding, &r), COFFER_OK, "");
	assert_string_equal(r.alg, "aes256-gcm96+aad");
	assert_string_equal(r.id, "team/keys/llama");
	assert_asked(1, "POST /v1/keys/encrypt/llama", "{\"associated_data\":\"" BINDING_B64 "\",\"plaintext\":\"");
	assert_asked(1, "POST /v1/keys/encrypt/llama", "X-Vault-Namespace: team\r\n");
	provider->free(self);
}

static const struct {
	const char *rest;
	unsigned int status;
	const char *body;
	coffer_err err;
	const char *words;
} unfit[] = {
	{"llama", 404, "{\"errors\":[]}", COFFER_E_REFUSED,
	 "make it with «vault write -f transit/keys/llama derived=true»"},
	{"llama?bind=aad", 404, "{\"errors\":[]}", COFFER_E_REFUSED,
	 "make it with «vault write -f transit/keys/llama»"},
	{"llama", 200, KEY("false", ""), COFFER_E_KEY, "is not derived"},
	{"llama?bind=aad", 200, KEY("true", ""), COFFER_E_KEY, "leave bind=aad out"},
	{"llama", 200, KEY("true", ",\"soft_deleted\":true"), COFFER_E_REFUSED, "does not encrypt"},
	{"llama", 200,
	 "{\"data\":{\"type\":\"ed25519\",\"derived\":true,\"latest_version\":1,\"supports_encryption\":false}}",
	 COFFER_E_REFUSED, "does not encrypt"},
	{"llama", 200, "{\"data\":{\"type\":\"aes256-gcm96\"}}", COFFER_E_UNAVAILABLE, "did not say"},
	{"llama", 200, "{\"data\":{\"latest_version\":0,\"type\":\"aes256-gcm96\"}}", COFFER_E_UNAVAILABLE,
	 "did not say"},
	{"llama", 200, "{}", COFFER_E_REFUSED, "has no key"},
};

/* Nothing is encrypted, for that could make a key. */
static void
keys_that_are_not_fit(void **state)
{
	for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
		struct recipient r = {.kind = ""};
		void *self = key(unfit[i].rest);

		(void)fresh(state);
		script_add(unfit[i].status, unfit[i].body);
		assert_fault(provider->wrap(self, f, dek, &binding, &r), unfit[i].err, unfit[i].words);
		assert_int_equal(script->n_asked, 1);
		provider->free(self);
	}
}

static const char *const no_ciphertexts[] = {
	"{}",
	"{\"data\":{\"ciphertext\":\"\"}}",
	"{\"data\":{\"ciphertext\":\"vault:v\"}}",
	"{\"data\":{\"ciphertext\":\"vault:v:x\"}}",
	"{\"data\":{\"ciphertext\":\"vault:v1\"}}",
	"{\"data\":{\"ciphertext\":\"vault:v1234567890:x\"}}",
	"{\"data\":{\"ciphertext\":\"vault:vx:y\"}}",
	"{\"data\":{\"ciphertext\":7}}",
};

static void
answers_that_are_no_ciphertext(void **state)
{
	for (size_t i = 0; i < sizeof(no_ciphertexts) / sizeof(no_ciphertexts[0]); i++) {
		struct recipient r = {.kind = ""};
		void *self = key("llama");

		(void)fresh(state);
		script_add(200, KEY("true", ""));
		script_add(200, no_ciphertexts[i]);
		assert_fault(provider->wrap(self, f, dek, &binding, &r), COFFER_E_UNAVAILABLE, "no ciphertext");
		provider->free(self);
	}
}

/* ---- unwrapping ---- */

static void
unwraps_as_it_was_wrapped(void **state)
{
	static const char *const as[][3] = {
		{"llama", "aes256-gcm96+context", "{\"context\":\"" BINDING_B64 "\",\"ciphertext\":\"vault:v1:b2xk\"}"},
		{"llama?bind=aad", "aes256-gcm96+context",
		 "{\"context\":\"" BINDING_B64 "\",\"ciphertext\":\"vault:v1:b2xk\"}"},
		{"llama", "chacha20-poly1305+aad",
		 "{\"associated_data\":\"" BINDING_B64 "\",\"ciphertext\":\"vault:v1:b2xk\"}"},
	};

	for (size_t i = 0; i < sizeof(as) / sizeof(as[0]); i++) {
		struct recipient r = wrapped(as[i][1]);
		void *self = key(as[i][0]);
		uint8_t out[DEK_LEN];

		(void)fresh(state);
		add_envelope("hashivault", ENVELOPE_LEN, ENVELOPE_LEN);
		assert_fault(provider->unwrap(self, f, &r, &binding, out), COFFER_OK, "");
		assert_memory_equal(out, dek, DEK_LEN);
		assert_asked(0, "POST /v1/transit/decrypt/llama", as[i][2]);
		assert_int_equal(script->n_asked, 1);
		provider->free(self);
	}
}

/* Two uses for one question, as was said, and then another question; without a cache each use asks. */
static void
a_keyring_with_a_cache_asks_less(void **state)
{
	struct coffer_ctx *ctx = NULL;
	struct recipient r = wrapped("aes256-gcm96+context");
	struct coffer_keyring *keys = NULL;
	uint8_t out[DEK_LEN];
	size_t which;

	(void)state;
	assert_int_equal(coffer_ctx_new(&ctx), COFFER_OK);
	assert_int_equal(coffer_keyring_new(ctx, &keys), COFFER_OK);
	assert_int_equal(coffer_keyring_add(ctx, keys, "hashivault://llama"), COFFER_OK);
	assert_int_equal(coffer_keyring_cache(ctx, keys, 0, 2), COFFER_E_USAGE);
	assert_int_equal(coffer_keyring_cache(ctx, keys, 60, 0), COFFER_E_USAGE);
	for (size_t i = 0; i < 4; i++)
		add_envelope("hashivault", ENVELOPE_LEN, ENVELOPE_LEN);
	for (size_t i = 0; i < 2; i++)
		assert_fault(keyring_unwrap(f, keys, &r, 1, &binding, out, &which), COFFER_OK, "");
	assert_int_equal(script->n_asked, 2);
	assert_int_equal(coffer_keyring_cache(ctx, keys, 60, 2), COFFER_OK);
	for (size_t i = 0; i < 3; i++) {
		memset(out, 0, sizeof(out));
		assert_fault(keyring_unwrap(f, keys, &r, 1, &binding, out, &which), COFFER_OK, "");
		assert_memory_equal(out, dek, DEK_LEN);
		assert_int_equal(script->n_asked, i < 2 ? 3 : 4);
	}
	coffer_keyring_free(&keys);
	coffer_ctx_free(&ctx);
}

static void
envelopes_of_something_else(void **state)
{
	static const struct {
		const char *kind;
		size_t len, flip;
		coffer_err err;
	} bad[] = {
		{"awskms", ENVELOPE_LEN, ENVELOPE_LEN, COFFER_E_AUTH},
		{"hashivault", ENVELOPE_LEN, ENVELOPE_LEN - 1, COFFER_E_AUTH},
		{"hashivault", DEK_LEN, ENVELOPE_LEN, COFFER_E_AUTH},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		static const uint8_t zero[DEK_LEN];
		struct recipient r = wrapped("aes256-gcm96+context");
		void *self = key("llama");
		uint8_t out[DEK_LEN];

		(void)fresh(state);
		add_envelope(bad[i].kind, bad[i].len, bad[i].flip);
		assert_fault(provider->unwrap(self, f, &r, &binding, out), bad[i].err, "belongs to another model");
		assert_memory_equal(out, zero, DEK_LEN);
		provider->free(self);
	}
}

/* Nobody is asked. */
static void
recipients_that_cannot_be(void **state)
{
	struct recipient other = wrapped("aes256-gcm96+context"), alg = wrapped("aes256-gcm96"),
			 dirt = wrapped("a+aad");
	uint8_t out[DEK_LEN];
	void *self = key("llama");

	(void)state;
	PUT(other.id, "transit/other");
	assert_fault(provider->unwrap(self, f, &other, &binding, out), COFFER_E_NOKEY, "transit/other");
	assert_fault(provider->unwrap(self, f, &alg, &binding, out), COFFER_E_AUTH, "aes256-gcm96");
	dirt.wrapped[4] = '\n';
	assert_fault(provider->unwrap(self, f, &dirt, &binding, out), COFFER_E_AUTH, "damaged");
	dirt.wrapped[4] = 0xff;
	assert_fault(provider->unwrap(self, f, &dirt, &binding, out), COFFER_E_AUTH, "damaged");
	assert_int_equal(script->n_asked, 0);
	provider->free(self);
}

static void
no_plaintext(void **state)
{
	static const char *const bodies[] = {"{}", "{\"data\":{\"plaintext\":\"!\"}}",
					     "{\"data\":{\"plaintext\":null}}"};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct recipient r = wrapped("aes256-gcm96+context");
		void *self = key("llama");
		uint8_t out[DEK_LEN];

		(void)fresh(state);
		script_add(200, bodies[i]);
		assert_fault(provider->unwrap(self, f, &r, &binding, out), COFFER_E_UNAVAILABLE, "Vault");
		provider->free(self);
	}
}

/* ---- rotation ---- */

static void
rewraps_in_the_server(void **state)
{
	struct recipient in = wrapped("aes256-gcm96+context"), out = {.kind = ""};
	void *self = key("llama"), *from = key("llama");

	(void)state;
	script_add(200, CIPHERTEXT);
	assert_fault(provider->rewrap(self, f, from, &in, &binding, &out), COFFER_OK, "");
	assert_asked(0, "POST /v1/transit/rewrap/llama",
		     "{\"context\":\"" BINDING_B64 "\",\"ciphertext\":\"vault:v1:b2xk\"}");
	assert_int_equal(script->n_asked, 1);
	assert_string_equal(out.kind, "hashivault");
	assert_string_equal(out.id, "transit/llama");
	assert_string_equal(out.version, "2");
	assert_string_equal(out.alg, "aes256-gcm96+context");
	provider->free(self);
	provider->free(from);
}

static void
what_the_server_cannot_rewrap(void **state)
{
	struct recipient in = wrapped("aes256-gcm96+context"), aad = wrapped("aes256-gcm96+aad"),
			 odd = wrapped("rot13");
	void *self = key("llama"), *other = key("other"), *bound = key("llama?bind=aad");

	(void)state;
	assert_false(provider->can_rewrap(self, other, &in));
	assert_false(provider->can_rewrap(other, self, &in));
	assert_false(provider->can_rewrap(bound, self, &in));
	assert_false(provider->can_rewrap(self, self, &aad));
	assert_false(provider->can_rewrap(self, self, &odd));
	assert_true(provider->can_rewrap(self, self, &in));
	assert_int_equal(script->n_asked, 0);
	provider->free(self);
	provider->free(other);
	provider->free(bound);
}

static void
rotates_and_tells(void **state)
{
	struct key_state s = {.id = ""};
	void *self = key("llama");

	(void)state;
	script_add(204, "");
	script_add(200, KEY("true", ""));
	assert_fault(provider->rotate(self, f, &s), COFFER_OK, "");
	assert_asked(0, "POST /v1/transit/keys/llama/rotate", NULL);
	assert_asked(1, "GET /v1/transit/keys/llama", NULL);
	assert_string_equal(s.id, "transit/llama");
	assert_string_equal(s.version, "2");
	assert_string_equal(s.alg, "aes256-gcm96+context");
	assert_int_equal(s.created, 1700000000);
	assert_true(s.usable);

	script_clear();
	script_add(
		200,
		"{\"data\":{\"type\":\"rsa-4096\",\"derived\":false,\"latest_version\":1,\"supports_encryption\":true,"
		"\"soft_deleted\":true,\"keys\":{\"1\":{\"creation_time\":\"2026-01-01T00:00:00Z\"}}}}");
	assert_fault(provider->state(self, f, &s), COFFER_OK, "");
	assert_string_equal(s.version, "1");
	assert_int_equal(s.created, 0);
	assert_false(s.usable);

	script_clear();
	script_add(404, "{\"errors\":[]}");
	assert_fault(provider->state(self, f, &s), COFFER_E_REFUSED, "has no key transit/llama");
	provider->free(self);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(ids, fresh),
		cmocka_unit_test_setup(wraps_with_the_context, fresh),
		cmocka_unit_test_setup(wraps_with_associated_data, fresh),
		cmocka_unit_test_setup(keys_that_are_not_fit, fresh),
		cmocka_unit_test_setup(answers_that_are_no_ciphertext, fresh),
		cmocka_unit_test_setup(unwraps_as_it_was_wrapped, fresh),
		cmocka_unit_test_setup(a_keyring_with_a_cache_asks_less, fresh),
		cmocka_unit_test_setup(envelopes_of_something_else, fresh),
		cmocka_unit_test_setup(recipients_that_cannot_be, fresh),
		cmocka_unit_test_setup(no_plaintext, fresh),
		cmocka_unit_test_setup(rewraps_in_the_server, fresh),
		cmocka_unit_test_setup(what_the_server_cannot_rewrap, fresh),
		cmocka_unit_test_setup(rotates_and_tells, fresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
