/* SPDX-License-Identifier: Apache-2.0 */
#include "key/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "data/doc.h"

#define RING "projects/p-1/locations/eu/keyRings/r"
#define VAULT "/subscriptions/1-2/resourceGroups/g/providers/Microsoft.KeyVault/vaults/prod"

static const char *const all_providers[] = {"hashivault", "awskms", "gcpkms", "azurekms"};
static const char *const scopes[] = {NULL, NULL, RING, VAULT};

static struct coffer_policy_options
options_of(size_t provider, enum coffer_role role)
{
	return (struct coffer_policy_options){.version_1 = 1,
					      .provider = all_providers[provider],
					      .environment = "production",
					      .role = role,
					      .scope = scopes[provider]};
}

static const char *
text_of(const struct coffer_policy_options *o, struct buf *out)
{
	struct fault f = {.text = ""};

	out->len = 0;
	if (policy_text(&f, o, out) != COFFER_OK)
		fail_msg("%s", f.text);
	assert_int_equal(buf_add(NULL, out, "", 1), COFFER_OK);
	return (const char *)out->p;
}

/* What each role may, and what it may not. */
static void
test_roles(void **state)
{
	static const struct {
		size_t provider;
		enum coffer_role role;
		const char *holds[4], *holds_not[4];
	} cases[] = {
		{0,
		 COFFER_ROLE_PUBLISHER,
		 {"\"transit/encrypt/model-production-*\" {\n  capabilities = [\"update\"]"},
		 {"decrypt/model-production-", "rewrap/model-production-", "/rotate"}},
		{0,
		 COFFER_ROLE_LOADER,
		 {"\"transit/decrypt/model-production-*\" {\n  capabilities = [\"update\"]",
		  "\"transit/decrypt/model-*\" {\n  capabilities = [\"deny\"]",
		  "\"transit/datakey/plaintext/model-*\" {\n  capabilities = [\"deny\"]"},
		 {"encrypt/model-production-", "rewrap/model-production-", "keys/model-production-"}},
		{0,
		 COFFER_ROLE_ROTATOR,
		 {"\"transit/rewrap/model-production-*\"", "\"transit/keys/model-production-*\""},
		 {"decrypt/model-production-", "encrypt/model-production-", "create", "delete"}},
		{0,
		 COFFER_ROLE_AUDITOR,
		 {"\"transit/keys/model-production-*\" {\n  capabilities = [\"read\"]"},
		 {"crypt/model-production-", "rewrap/model-production-"}},
		{1,
		 COFFER_ROLE_PUBLISHER,
		 {"\"kms:Encrypt\"]", "alias/model/production/*"},
		 {"\"kms:Decrypt\"]", "DescribeKey"}},
		{1,
		 COFFER_ROLE_LOADER,
		 {"\"kms:Decrypt\"]", "\"StringEquals\": { \"kms:EncryptionContext:environment\": \"production\""},
		 {"\"kms:Encrypt\"]", "DescribeKey"}},
		{1,
		 COFFER_ROLE_ROTATOR,
		 {"\"kms:ReEncryptFrom\", \"kms:ReEncryptTo\"]", "RotateKeyOnDemand"},
		 {"\"kms:Decrypt\"]"}},
		{1,
		 COFFER_ROLE_AUDITOR,
		 {"\"Action\": [\"kms:DescribeKey\", \"kms:ListKeyRotations\"]"},
		 {"\"kms:Encrypt\"]", "\"kms:Decrypt\"]", "RotateKeyOnDemand"}},
		{2, COFFER_ROLE_PUBLISHER, {"useToEncrypt", "coffer_publisher"}, {"useToDecrypt", "keys.get"}},
		{2,
		 COFFER_ROLE_LOADER,
		 {"useToDecrypt", "startsWith(\\\"" RING "/cryptoKeys/model-production-\\\")"},
		 {"useToEncrypt"}},
		{2,
		 COFFER_ROLE_ROTATOR,
		 {"cryptoKeyVersions.create", "cryptoKeys.update", "cryptoKeyVersions.get"},
		 {"destroy", "setIamPolicy"}},
		{2, COFFER_ROLE_AUDITOR, {"cryptoKeys.get", "cryptoKeyVersions.get"}, {"useTo", "list"}},
		{3, COFFER_ROLE_PUBLISHER, {"keys/wrap/action", "\"scope\": \"" VAULT "\""}, {"unwrap", "keys/read"}},
		{3, COFFER_ROLE_LOADER, {"keys/unwrap/action"}, {"keys/wrap/action", "keys/read"}},
		{3,
		 COFFER_ROLE_ROTATOR,
		 {"keys/rotate/action", "keys/read", "\"AssignableScopes\": [\"/subscriptions/1-2/resourceGroups/g\"]"},
		 {"delete", "encrypt/action"}},
		{3, COFFER_ROLE_AUDITOR, {"keys/read"}, {"action\""}},
	};
	struct buf out = BUF_INIT(100000);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct coffer_policy_options o = options_of(cases[i].provider, cases[i].role);
		const char *text = text_of(&o, &out);

		for (size_t k = 0; k < 4; k++) {
			if (cases[i].holds[k] && !strstr(text, cases[i].holds[k]))
				fail_msg("case %zu lacks %s:\n%s", i, cases[i].holds[k], text);
			if (cases[i].holds_not[k] && strstr(text, cases[i].holds_not[k]))
				fail_msg("case %zu has %s:\n%s", i, cases[i].holds_not[k], text);
		}
	}
	buf_free(&out);
}

/* Named models: whole names, and no name that one of them begins. */
static void
test_models(void **state)
{
	static const char *const models[] = {"llama", "phi-4"};
	static const struct {
		size_t provider;
		enum coffer_role role;
		const char *holds[2], *holds_not;
	} cases[] = {
		{0,
		 COFFER_ROLE_LOADER,
		 {"\"transit/decrypt/model-production-llama\"", "\"transit/decrypt/model-production-phi-4\""},
		 "production-*"},
		{0,
		 COFFER_ROLE_ROTATOR,
		 {"\"transit/keys/model-production-llama/rotate\"", "\"transit/rewrap/model-production-phi-4\""},
		 "production-*"},
		{1,
		 COFFER_ROLE_LOADER,
		 {"\"alias/model/production/llama\",\"alias/model/production/phi-4\""},
		 "production/*"},
		{2,
		 COFFER_ROLE_LOADER,
		 {"resource.name == \\\"" RING "/cryptoKeys/model-production-llama\\\"",
		  "startsWith(\\\"" RING "/cryptoKeys/model-production-phi-4/\\\")"},
		 "model-production-\\\""},
		{3,
		 COFFER_ROLE_LOADER,
		 {"\"scope\": \"" VAULT "/keys/model-production-llama\"", "/keys/model-production-phi-4\""},
		 "\"scope\": \"" VAULT "\""},
	};
	struct buf out = BUF_INIT(100000);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct coffer_policy_options o = options_of(cases[i].provider, cases[i].role);
		const char *text;

		o.models = models;
		o.n_models = 2;
		text = text_of(&o, &out);
		for (size_t k = 0; k < 2; k++)
			if (cases[i].holds[k] && !strstr(text, cases[i].holds[k]))
				fail_msg("case %zu lacks %s:\n%s", i, cases[i].holds[k], text);
		if (strstr(text, cases[i].holds_not))
			fail_msg("case %zu has %s:\n%s", i, cases[i].holds_not, text);
	}
	buf_free(&out);
}

/* What is JSON can be read, whatever the options. */
static void
test_json(void **state)
{
	static const char *const models[] = {"llama", "phi-4"};
	struct buf out = BUF_INIT(100000);

	(void)state;
	for (size_t i = 1; i < 4; i++) {
		for (enum coffer_role role = COFFER_ROLE_PUBLISHER; role <= COFFER_ROLE_AUDITOR; role++) {
			for (size_t n = 0; n <= 2; n++) {
				struct coffer_policy_options o = options_of(i, role);
				struct fault f = {.text = ""};
				struct doc *d;

				o.models = models;
				o.n_models = n;
				(void)text_of(&o, &out);
				if (doc_parse_foreign(&f, "the policy", view_of(out.p, out.len - 1), &d) != COFFER_OK)
					fail_msg("%s: %s", all_providers[i], f.text);
				doc_free(&d);
			}
		}
	}
	buf_free(&out);
}

static void
test_scopes(void **state)
{
	struct coffer_policy_options o = options_of(1, COFFER_ROLE_LOADER);
	struct buf out = BUF_INIT(100000);

	(void)state;
	assert_non_null(strstr(text_of(&o, &out), "\"arn:aws:kms:*:*:key/*\""));
	o.scope = "111122223333";
	assert_non_null(strstr(text_of(&o, &out), "\"arn:aws:kms:*:111122223333:key/*\""));
	o.scope = "eu-central-1/111122223333";
	assert_non_null(strstr(text_of(&o, &out), "\"arn:aws:kms:eu-central-1:111122223333:key/*\""));
	o.scope = "cn-north-1/111122223333";
	assert_non_null(strstr(text_of(&o, &out), "\"arn:aws-cn:kms:cn-north-1:111122223333:key/*\""));
	o = options_of(0, COFFER_ROLE_LOADER);
	o.scope = "team/transit";
	assert_non_null(strstr(text_of(&o, &out), "path \"team/transit/decrypt/model-production-*\""));
	buf_free(&out);
}

/* Google takes 12 logical operators in a condition: six models, each by its name and what is below it. */
static void
test_many_models(void **state)
{
	static const char *models[121];
	struct coffer_policy_options o = options_of(2, COFFER_ROLE_LOADER);
	struct buf out = BUF_INIT(1000000);
	size_t operators = 0, bindings = 0, most = 0;

	(void)state;
	for (size_t i = 0; i < 121; i++)
		models[i] = "llama";
	o.models = models;
	o.n_models = 120;
	for (const char *at = text_of(&o, &out); *at; at++) {
		if (strncmp(at, "\"expression\"", 12) == 0) {
			bindings++;
			operators = 0;
		}
		operators += strncmp(at, " || ", 4) == 0;
		most = operators > most ? operators : most;
	}
	assert_int_equal(bindings, 20);
	assert_int_equal(most, 11);
	o.n_models = 7;
	assert_non_null(strstr(text_of(&o, &out), "},\n      {\n        \"role\""));
	o.n_models = 121;
	out.len = 0;
	assert_int_equal(policy_text(NULL, &o, &out), COFFER_E_USAGE);
	buf_free(&out);
}

/* A key's name has an end, too, which the model's must leave room for. */
static void
test_long_names(void **state)
{
	static const char longest[] = "0123456789012345678901234567890123456789abcdefgh"; /* 48 */
	static const struct {
		size_t provider, len;
		coffer_err err;
	} cases[] = {
		{0, 48, COFFER_OK}, {1, 48, COFFER_OK}, {2, 46, COFFER_OK}, {2, 47, COFFER_E_USAGE}, {3, 48, COFFER_OK},
	};
	struct buf out = BUF_INIT(100000);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct coffer_policy_options o = options_of(cases[i].provider, COFFER_ROLE_LOADER);
		const char *model = longest + 48 - cases[i].len;

		o.models = &model;
		o.n_models = 1;
		assert_int_equal(policy_text(NULL, &o, &out), cases[i].err);
	}
	buf_free(&out);
}

static void
test_refused(void **state)
{
	static const char *const bad_environments[] = {"", "Production", "a-b", "a*", "a\"b", "a/b"};
	static const char *const bad_models[][5] = {{"", "a/b", "a*", "a\"b", "a-"},
						    {".a", "a.b", "a/b", "a b", "a*"},
						    {"a.b", "a/b", "a\\b", "a\nb", "a\""},
						    {"a_b", "a.b", "a/b", "a\"b", "a "}};
	static const char *const bad_scopes[][8] = {
		{"", "a\"b", "/a", "a/", "a//b", "+", "a*", "/"},
		{"a b", "*", "", "11112222333", "1111222233334", "eu-central-1/", "/111122223333", "EU/111122223333"},
		{NULL, "projects/p\"/locations/l", "projects/p/locations/l", "projects/p/locations/l/keyRings/",
		 "projects/p/locations/l/keyRings/r/", "projects/p/locations/l/keyRings/r/cryptoKeys/k",
		 "projects//locations/l/keyRings/r", "x/p/locations/l/keyRings/r"},
		{NULL, "/other", "/subscriptions/s/resourceGroups/g", "subscriptions/s/resourceGroups/g/providers/v",
		 VAULT "/", VAULT "/keys/k",
		 "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/managedHSMs/h",
		 "/subscriptions//resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"}};
	struct buf out = BUF_INIT(100000);
	struct coffer_policy_options o;

	(void)state;
	for (size_t p = 0; p < 4; p++) {
		for (size_t i = 0; i < sizeof(bad_environments) / sizeof(bad_environments[0]); i++) {
			o = options_of(p, COFFER_ROLE_LOADER);
			o.environment = bad_environments[i];
			assert_int_equal(policy_text(NULL, &o, &out), COFFER_E_USAGE);
		}
		for (size_t i = 0; i < 5; i++) {
			o = options_of(p, COFFER_ROLE_LOADER);
			o.models = &bad_models[p][i];
			o.n_models = 1;
			assert_int_equal(policy_text(NULL, &o, &out), COFFER_E_USAGE);
		}
		for (size_t i = 0; i < 8; i++) {
			o = options_of(p, COFFER_ROLE_LOADER);
			o.scope = bad_scopes[p][i];
			assert_int_equal(policy_text(NULL, &o, &out), COFFER_E_USAGE);
		}
		o = options_of(p, 0);
		assert_int_equal(policy_text(NULL, &o, &out), COFFER_E_USAGE);
		o = options_of(p, 5);
		assert_int_equal(policy_text(NULL, &o, &out), COFFER_E_USAGE);
		o = options_of(p, COFFER_ROLE_LOADER);
		o.member = "user:a\"";
		assert_int_equal(policy_text(NULL, &o, &out), COFFER_E_USAGE);
		o.member = NULL;
		o.environment = NULL;
		assert_int_equal(policy_text(NULL, &o, &out), COFFER_E_USAGE);
	}
	o = options_of(0, COFFER_ROLE_LOADER);
	o.provider = "pkcs11";
	assert_int_equal(policy_text(NULL, &o, &out), COFFER_E_USAGE);
	o.provider = NULL;
	assert_int_equal(policy_text(NULL, &o, &out), COFFER_E_USAGE);
	o = options_of(0, COFFER_ROLE_LOADER);
	o.version_1 = 2;
	assert_int_equal(policy_text(NULL, &o, &out), COFFER_E_USAGE);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles),	cmocka_unit_test(test_models),	    cmocka_unit_test(test_json),
		cmocka_unit_test(test_scopes),	cmocka_unit_test(test_many_models), cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
