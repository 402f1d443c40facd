/* SPDX-License-Identifier: Apache-2.0 */
/* A KEK and other secrets in the KV engine, against a server of scripted answers. */
#include "key/vaultkv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "key/kek.h"
#include "key/kv.h"
#include "key/secret_source.h"
#include "support/emulator.h"
#include "support/script.h"

#define KEK_B64 "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
#define ENTRY(version, data)                                                                                           \
	"{\"data\":{\"data\":" data ",\"metadata\":{\"version\":" version ",\"destroyed\":false,"                      \
	"\"deletion_time\":\"\",\"created_time\":\"2026-01-31T12:00:00.123456789Z\"}}}"
#define GONE(version, destroyed)                                                                                       \
	"{\"data\":{\"data\":null,\"metadata\":{\"version\":" version ",\"destroyed\":" destroyed ","                  \
	"\"deletion_time\":\"2026-02-01T00:00:00Z\",\"created_time\":\"2026-01-31T12:00:00Z\"}}}"
#define WITH_KEK ENTRY("3", "{\"kek\":\"" KEK_B64 "\\n\",\"note\":\"n\"}")
#define BINDING "{\"name\":\"llama\"}"

static const struct key_provider *const provider = &vaultkv_provider;
static const uint8_t dek[DEK_LEN] = {0xd0, [31] = 0x1d};
static const struct binding binding = {.text = {.p = (const uint8_t *)BINDING, .len = sizeof(BINDING) - 1}};
static const struct binding another = {.text = {.p = (const uint8_t *)"{}", .len = 2}};

static int
setup(void **state)
{
	(void)state;
	script_start("VAULT_ADDR");
	secret_source_install();
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
	script_clear();
	return 0;
}

static void *
key(const char *rest)
{
	struct fault f = {.text = ""};
	void *self;

	if (vaultkv_new(&f, NULL, rest, &self) != COFFER_OK)
		fail_msg("%s: %s", rest, f.text);
	return self;
}

#define assert_fault(call, want, words)                                                                                \
	do {                                                                                                           \
		struct fault f_ = {.text = ""}, *f = &f_;                                                              \
		coffer_err got_ = (call);                                                                              \
                                                                                                                       \
		if (got_ != (want) || !strstr(f_.text, words))                                                         \
			fail_msg("%s: %s", coffer_err_name(got_), f_.text);                                            \
	} while (0)

/* ---- the KEK ---- */

static void
wraps_with_the_latest_and_unwraps_with_that_version(void **state)
{
	struct recipient r = {.kind = ""};
	void *self = key("secret/model/llama?namespace=team");
	uint8_t out[DEK_LEN], kek[KEK_LEN];

	(void)state;
	script_add(200, WITH_KEK);
	assert_fault(provider->wrap(self, f, dek, &binding, &r), COFFER_OK, "");
	assert_asked(0, "GET /v1/secret/data/model/llama", "X-Vault-Namespace: team\r\n");
	assert_string_equal(r.kind, "vaultkv");
	assert_string_equal(r.id, "team/secret/model/llama#kek");
	assert_string_equal(r.version, "3");
	assert_string_equal(r.alg, "aes-256-gcm");
	assert_true(provider->matches(self, &r));

	/* docs/format.md: as aes, with a label of its own */
	for (size_t i = 0; i < sizeof(kek); i++)
		kek[i] = (uint8_t)(i + 1);
	assert_int_equal(kek_unwrap(NULL, kek, "coffer/1 wrap vaultkv", &r, &binding, out), COFFER_OK);
	assert_memory_equal(out, dek, DEK_LEN);

	assert_fault(provider->unwrap(self, f, &r, &binding, out), COFFER_OK, "");
	assert_memory_equal(out, dek, DEK_LEN);
	assert_asked(1, "GET /v1/secret/data/model/llama?version=3", NULL);
	assert_fault(provider->unwrap(self, f, &r, &another, out), COFFER_E_AUTH, "belongs to another model");
	provider->free(self);
}

static const struct {
	unsigned int status;
	const char *body;
	coffer_err err;
	const char *words;
} no_keks[] = {
	{404, "{\"errors\":[]}", COFFER_E_REFUSED, "«coffer key rotate vaultkv://secret/a#kek» makes one"},
	{404, GONE("3", "false"), COFFER_E_REFUSED, "version 3 of secret/a#kek was deleted"},
	{404, GONE("3", "true"), COFFER_E_REFUSED, "was destroyed for ever"},
	{404, "{\"errors\":[\"no handler for route \\\"secret/data/a\\\". route entry not found.\"]}", COFFER_E_REFUSED,
	 "no handler for route"},
	{200, ENTRY("3", "{\"key\":\"" KEK_B64 "\"}"), COFFER_E_KEY, "no field «kek»"},
	{200, ENTRY("3", "{\"kek\":7}"), COFFER_E_KEY, "no field «kek» that is text"},
	{200, ENTRY("3", "{\"kek\":\"AQID\"}"), COFFER_E_KEY, "base64 of 32 bytes"},
	{200, ENTRY("3", "{\"kek\":\"" KEK_B64 "AAAA\"}"), COFFER_E_KEY, "base64 of 32 bytes"},
	{200, ENTRY("3", "{\"kek\":\"0102030405060708091011121314151617181920212223242526272829303132\"}"),
	 COFFER_E_KEY, "base64 of 32 bytes"},
	{200, "{\"data\":{\"kek\":\"" KEK_B64 "\"}}", COFFER_E_UNAVAILABLE, "version 2"},
};

static void
no_kek(void **state)
{
	for (size_t i = 0; i < sizeof(no_keks) / sizeof(no_keks[0]); i++) {
		struct recipient r = {.kind = ""};
		void *self = key("secret/a");

		(void)fresh(state);
		script_add(no_keks[i].status, no_keks[i].body);
		assert_fault(provider->wrap(self, f, dek, &binding, &r), no_keks[i].err, no_keks[i].words);
		provider->free(self);
	}
}

static void
recipients_that_cannot_be(void **state)
{
	struct recipient r = {.kind = "vaultkv", .id = "secret/b#kek", .version = "3"};
	void *self = key("secret/a");
	uint8_t out[DEK_LEN];

	(void)state;
	assert_fault(provider->unwrap(self, f, &r, &binding, out), COFFER_E_NOKEY, "secret/b#kek");
	PUT(r.id, "secret/a#kek");
	PUT(r.version, "");
	assert_fault(provider->unwrap(self, f, &r, &binding, out), COFFER_E_AUTH, "no version");
	PUT(r.version, "0");
	assert_fault(provider->unwrap(self, f, &r, &binding, out), COFFER_E_AUTH, "no version");
	PUT(r.version, "3&x=1");
	assert_fault(provider->unwrap(self, f, &r, &binding, out), COFFER_E_AUTH, "no version");
	assert_int_equal(script->n_asked, 0);
	provider->free(self);
}

/* ---- rotation ---- */

/* The KEK that request @n wrote. */
static void
take_written(unsigned int n, char kek_out[static 45])
{
	const char *at = strstr(script->asked[n], "\"kek\": \"");

	assert_non_null(at);
	memcpy(kek_out, at + 8, 44);
	kek_out[44] = '\0';
	assert_int_equal(at[8 + 44], '"');
}

static void
rotates_with_check_and_set(void **state)
{
	struct key_state s = {.id = ""};
	void *self = key("secret/a");
	char first[45], second[45];

	(void)state;
	script_add(200, WITH_KEK);
	script_add(200, "{\"data\":{\"version\":4}}");
	assert_fault(provider->rotate(self, f, &s), COFFER_OK, "");
	assert_asked(1, "POST /v1/secret/data/a", "\"options\": {\"cas\": 3}");
	assert_asked(1, "POST /v1/secret/data/a", "\"note\": \"n\"");
	assert_string_equal(s.version, "4");
	take_written(1, first);
	assert_string_not_equal(first, KEK_B64);

	script_clear();
	script_add(404, "{\"errors\":[]}");
	script_add(200, "{\"data\":{\"version\":1}}");
	assert_fault(provider->rotate(self, f, &s), COFFER_OK, "");
	assert_asked(1, "POST /v1/secret/data/a", "\"options\": {\"cas\": 0}");
	assert_string_equal(s.version, "1");
	take_written(1, second);
	assert_string_not_equal(first, second);

	script_clear();
	script_add(404, GONE("7", "false"));
	script_add(200, "{\"data\":{\"version\":8}}");
	assert_fault(provider->rotate(self, f, &s), COFFER_OK, "");
	assert_asked(1, "POST /v1/secret/data/a", "\"options\": {\"cas\": 7}");
	provider->free(self);
}

static void
somebody_else_rotates_too(void **state)
{
	struct key_state s = {.id = ""};
	void *self = key("secret/a");

	(void)state;
	script_add(200, WITH_KEK);
	script_add(400, "{\"errors\":[\"check-and-set parameter did not match the current version\"]}");
	assert_fault(provider->rotate(self, f, &s), COFFER_E_CHANGED, "changed by somebody else");
	provider->free(self);
}

static void
tells_its_state(void **state)
{
	struct key_state s = {.id = ""};
	void *self = key("secret/a#other");

	(void)state;
	script_add(200, WITH_KEK);
	script_add(404, GONE("3", "false"));
	script_add(404, "{\"errors\":[]}");
	assert_fault(provider->state(self, f, &s), COFFER_OK, "");
	assert_string_equal(s.id, "secret/a#other");
	assert_string_equal(s.version, "3");
	assert_int_equal(s.created, 1769860800);
	assert_true(s.usable);
	assert_fault(provider->state(self, f, &s), COFFER_OK, "");
	assert_false(s.usable);
	assert_fault(provider->state(self, f, &s), COFFER_E_REFUSED, "has no secret secret/a#other");
	provider->free(self);
}

/* ---- other secrets ---- */

static void
in_place_of_a_file(void **state)
{
	struct secret s = SECRET_INIT;

	(void)state;
	script_add(200, ENTRY("1", "{\"value\":\"  s3cret \\n\",\"two\":\"first\\r\\nsecond\\n\",\"none\":\" \"}"));
	assert_fault(secret_from_file(f, "the token", "vaultkv://secret/app", 64, &s), COFFER_OK, "");
	assert_asked(0, "GET /v1/secret/data/app", NULL);
	assert_int_equal(s.len, 6);
	assert_memory_equal(s.p, "s3cret", 6);
	secret_free(&s);
	assert_fault(secret_from_file(f, "the token", "vaultkv://secret/app#two", 64, &s), COFFER_OK, "");
	assert_memory_equal(s.p, "first\r\nsecond", 13);
	secret_free(&s);
	assert_fault(secret_line_from_source(f, "the PIN", "vaultkv://secret/app#two", 64, &s), COFFER_OK, "");
	assert_int_equal(s.len, 5);
	secret_free(&s);
	assert_fault(secret_from_file(f, "the token", "vaultkv://secret/app#none", 64, &s), COFFER_E_KEY, "is empty");
	assert_fault(secret_from_file(f, "the token", "vaultkv://secret/app#nix", 64, &s), COFFER_E_NOTFOUND,
		     "the token: secret/app#nix has no field «nix»");
	assert_fault(secret_from_file(f, "the token", "vaultkv://secret/app#two", 12, &s), COFFER_E_KEY,
		     "longer than 12");
	assert_fault(secret_from_file(f, "the token", "vaultkv://secret", 64, &s), COFFER_E_USAGE,
		     "vaultkv://MOUNT/PATH");
	assert_fault(secret_from_plain_file(f, "the token", "vaultkv://secret/app", 64, &s), COFFER_E_NOTFOUND,
		     "cannot open");
	assert_null(s.p);
	script_clear();
	script_add(404, GONE("2", "false"));
	assert_fault(secret_from_file(f, "the token", "vaultkv://secret/app", 64, &s), COFFER_E_NOTFOUND,
		     "was deleted");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(wraps_with_the_latest_and_unwraps_with_that_version, fresh),
		cmocka_unit_test_setup(no_kek, fresh),
		cmocka_unit_test_setup(recipients_that_cannot_be, fresh),
		cmocka_unit_test_setup(rotates_with_check_and_set, fresh),
		cmocka_unit_test_setup(somebody_else_rotates_too, fresh),
		cmocka_unit_test_setup(tells_its_state, fresh),
		cmocka_unit_test_setup(in_place_of_a_file, fresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
