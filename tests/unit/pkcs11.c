/* SPDX-License-Identifier: Apache-2.0 */
/* The provider «pkcs11»: envelopes and recipients on SoftHSM, and one key for several threads and processes that open models. */
#include "key/pkcs11.h"

#include <pthread.h>
#include <sys/wait.h>

#include "base/utc.h"
#include "key/envelope.h"
#include "support/kit.h"
#include "support/token_kit.h"

static bool there;

static const struct binding ours = {.text = {(const uint8_t *)"{\"name\":\"a\"}", 12},
				    .model_id = "00112233445566778899aabbccddeeff",
				    .name = "a",
				    .version = "",
				    .environment = ""};
static const struct binding others = {.text = {(const uint8_t *)"{\"name\":\"b\"}", 12},
				      .model_id = "00112233445566778899aabbccddeeff",
				      .name = "b",
				      .version = "",
				      .environment = ""};
static const struct key_env nobody = {.prompt = NULL};

/* 200 letters of two bytes: as a URI 1200 characters */
static void
make_long_label(struct token_kit *k)
{
	char label[401];

	for (size_t i = 0; i < 200; i++)
		memcpy(label + 2 * i, "ü", 2);
	label[400] = '\0';
	{
		CK_MECHANISM mechanism = {.mechanism = CKM_AES_KEY_GEN};
		CK_BBOOL yes = CK_TRUE;
		CK_ULONG len = 32;
		CK_OBJECT_HANDLE key;
		uint8_t id = 9;
		CK_ATTRIBUTE template[] = {{CKA_TOKEN, &yes, sizeof(yes)},
					   {CKA_ENCRYPT, &yes, sizeof(yes)},
					   {CKA_LABEL, label, 240},
					   {CKA_ID, &id, 1},
					   {CKA_VALUE_LEN, &len, sizeof(len)}};

		assert_int_equal(k->m->C_GenerateKey(k->session, &mechanism, template, 5, &key), CKR_OK);
	}
}

static int
setup(void **state)
{
	const char *module = token_kit_softhsm();
	struct token_kit k;

	if (kit_setup(state) != 0)
		return -1;
	there = module != NULL;
	if (!there)
		return 0;
	token_kit_files();
	token_kit_begin_softhsm(&k, module, TOKEN_LABEL);
	token_kit_aes(&k, "gcm", 1, ENCRYPTS | DECRYPTS);
	token_kit_aes(&k, "kw", 2, WRAPS | UNWRAPS);
	token_kit_rsa(&k, "rsa", 3, 2048, ENCRYPTS | DECRYPTS);
	make_long_label(&k);
	token_kit_end(&k);
	assert_int_equal(setenv("COFFER_PKCS11_MODULE", module, 1), 0);
	assert_int_equal(setenv("COFFER_PKCS11_PIN_FILE", "pin", 1), 0);
	return 0;
}

static void
need_token(void)
{
	if (there)
		return;
	print_message("skipped: SoftHSM 2 is not installed (Debian: softhsm2), or this is another machine's program\n");
	skip();
}

static void *
key(const char *rest)
{
	struct fault f = {.text = ""};
	void *self = NULL;

	if (pkcs11_new(&f, &nobody, rest, &self) != COFFER_OK)
		fail_msg("%s: %s", rest, f.text);
	return self;
}

/* Whatever the token binds itself, a wrap opens under its own name only. */
static void
binds(void **state)
{
	static const struct {
		const char *rest, *alg, *id; /* the end of the id */
	} cases[] = {
		{"object=gcm", "CKM_AES_GCM", ";object=gcm;id=%01"},
		{"object=kw", "CKM_AES_KEY_WRAP_PAD", ";object=kw;id=%02"},
		{"object=rsa", "CKM_RSA_PKCS_OAEP/SHA1", ";object=rsa;id=%03"},
	};
	uint8_t dek[DEK_LEN], back[DEK_LEN];

	(void)state;
	need_token();
	memset(dek, 0x5a, sizeof(dek));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		void *self = key(cases[i].rest);
		struct recipient r = {.foreign = NULL};
		struct fault f = {.text = ""};

		if (pkcs11_provider.wrap(self, &f, dek, &ours, &r) != COFFER_OK)
			fail_msg("%s: %s", cases[i].rest, f.text);
		assert_string_equal(r.kind, "pkcs11");
		assert_string_equal(r.alg, cases[i].alg);
		assert_string_equal(r.version, "");
		assert_string_equal(r.id + strlen(r.id) - strlen(cases[i].id), cases[i].id);
		assert_true(pkcs11_provider.matches(self, &r));
		assert_int_equal(pkcs11_provider.unwrap(self, &f, &r, &ours, back), COFFER_OK);
		assert_memory_equal(back, dek, sizeof(dek));
		assert_int_equal(pkcs11_provider.unwrap(self, &f, &r, &others, back), COFFER_E_AUTH);
		assert_true(view_zero(view_of(back, sizeof(back))));
		pkcs11_provider.free(self);
	}
}

static void
knows_its_own(void **state)
{
	void *self = key("token=coffer%20test;object=gcm?module-path=/nowhere/module.so");
	struct recipient r = {.kind = "pkcs11", .id = "pkcs11:token=coffer%20test;object=gcm;id=%01"};
	struct fault f = {.text = ""};
	uint8_t dek[DEK_LEN];

	(void)state;
	/* nobody is asked */
	assert_true(pkcs11_provider.matches(self, &r));
	(void)snprintf(r.id, sizeof(r.id), "pkcs11:token=coffer%%20test;object=kw;id=%%01");
	assert_false(pkcs11_provider.matches(self, &r));
	assert_int_equal(pkcs11_provider.unwrap(self, &f, &r, &ours, dek), COFFER_E_NOKEY);
	assert_non_null(strstr(f.text, "object=kw"));
	(void)snprintf(r.kind, sizeof(r.kind), "awskms");
	(void)snprintf(r.id, sizeof(r.id), "pkcs11:token=coffer%%20test;object=gcm");
	assert_false(pkcs11_provider.matches(self, &r));
	pkcs11_provider.free(self);
}

static void
refuses(void **state)
{
	static const char *const bad[] = {"object=k?pin-value=1",
					  "object=k?module-path=m.so",
					  "object=k?coffer-mech=x",
					  "object=k?unknown=1",
					  "object",
					  "object=%zz"};
	struct fault f = {.text = ""};
	void *self = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (pkcs11_new(&f, &nobody, bad[i], &self) != COFFER_E_USAGE)
			fail_msg("%s: %s", bad[i], f.text);
		assert_null(self);
	}
}

static void
refuses_long_names(void **state)
{
	struct recipient r = {.foreign = NULL};
	struct fault f = {.text = ""};
	uint8_t dek[DEK_LEN] = {0};
	void *self;

	(void)state;
	need_token();
	self = key("id=%09");
	assert_int_equal(pkcs11_provider.wrap(self, &f, dek, &ours, &r), COFFER_E_KEY);
	assert_non_null(strstr(f.text, "shorter label"));
	pkcs11_provider.free(self);
}

static void
makes_and_tells(void **state)
{
	char id[RECIPIENT_ID_MAX + 1];
	struct fault f = {.text = ""};
	struct key_state s;
	void *self;

	(void)state;
	need_token();
	assert_int_equal(pkcs11_generate(&f, &nobody, "object=made;id=%42", id), COFFER_OK);
	self = key("object=made");
	assert_int_equal(pkcs11_provider.state(self, &f, &s), COFFER_OK);
	assert_string_equal(s.id, id);
	assert_string_equal(s.version, "");
	assert_string_equal(s.alg, "CKM_AES_GCM");
	assert_true(s.usable);
	pkcs11_provider.free(self);
	self = key("object=rsa");
	assert_int_equal(pkcs11_provider.state(self, &f, &s), COFFER_OK);
	assert_string_equal(s.alg, "CKM_RSA_PKCS_OAEP");
	assert_true(s.usable);
	pkcs11_provider.free(self);
	assert_null(pkcs11_provider.rotate);
	assert_int_equal(pkcs11_generate(&f, &nobody, "object=made", id), COFFER_E_EXISTS);
	assert_string_equal(id, "");
}

/* ---- several who open ---- */

#define MODELS 6

struct opener {
	const struct coffer_keyring *keys;
	char in[16], out[16];
	pthread_t thread;
	coffer_err err;
	char text[300];
};

static void *
open_one(void *arg)
{
	struct opener *o = arg;
	struct coffer_ctx *ctx = NULL;

	o->err = coffer_ctx_new(&ctx);
	if (o->err == COFFER_OK)
		coffer_ctx_set_jobs(ctx, 1); /* a child that makes threads is too much for ThreadSanitizer */
	if (o->err == COFFER_OK)
		o->err = coffer_open(ctx, o->in, o->out, o->keys, NULL, NULL);
	if (o->err != COFFER_OK && ctx)
		(void)snprintf(o->text, sizeof(o->text), "%s", coffer_ctx_message(ctx));
	coffer_ctx_free(&ctx);
	return NULL;
}

static struct coffer_keyring *
token_keys(void)
{
	struct coffer_keyring *keys = NULL;

	assert_ok(coffer_keyring_new(kit.ctx, &keys));
	assert_ok(coffer_keyring_add(kit.ctx, keys, "pkcs11:token=coffer%20test;object=gcm"));
	return keys;
}

static void
seal_models(const struct coffer_keyring *keys, const char *prefix)
{
	for (unsigned int i = 0; i < MODELS; i++) {
		char in[32], out[32];

		(void)snprintf(in, sizeof(in), "%s%u", prefix, i);
		(void)snprintf(out, sizeof(out), "%s%u.s", prefix, i);
		kit_file(in, 10000 + i, i);
		assert_ok(coffer_seal(kit.ctx, in, out, keys, NULL, NULL));
	}
}

static void
opens_in_threads(void **state)
{
	struct opener all[MODELS] = {{.keys = NULL}};
	struct coffer_keyring *keys;

	(void)state;
	need_token();
	keys = token_keys();
	seal_models(keys, "t");
	coffer_keyring_free(&keys);
	/* nobody is logged in when they begin */
	keys = token_keys();
	for (unsigned int i = 0; i < MODELS; i++) {
		all[i].keys = keys;
		(void)snprintf(all[i].in, sizeof(all[i].in), "t%u.s", i);
		(void)snprintf(all[i].out, sizeof(all[i].out), "t%u.o", i);
		assert_int_equal(pthread_create(&all[i].thread, NULL, open_one, &all[i]), 0);
	}
	for (unsigned int i = 0; i < MODELS; i++) {
		assert_int_equal(pthread_join(all[i].thread, NULL), 0);
		if (all[i].err != COFFER_OK)
			fail_msg("thread %u: %s", i, all[i].text);
		assert_file(all[i].out, 10000 + i, i);
	}
	coffer_keyring_free(&keys);
}

/* A server that opened a model and then forks its workers. */
static void
opens_in_children(void **state)
{
	struct opener o = {.keys = NULL};
	struct coffer_keyring *keys;

	(void)state;
	need_token();
	keys = token_keys();
	seal_models(keys, "f");
	for (unsigned int i = 0; i < MODELS; i++) {
		int status = -1;
		pid_t pid;

		o.keys = keys;
		(void)snprintf(o.in, sizeof(o.in), "f%u.s", i);
		(void)snprintf(o.out, sizeof(o.out), "f%u.o", i);
		pid = i % 2 == 0 ? fork() : 0;
		if (i % 2 == 0 && pid == 0) {
			(void)open_one(&o);
			coffer_keyring_free(&keys);
			_exit(o.err == COFFER_OK ? 0 : 1);
		}
		if (i % 2 == 0) {
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_int_equal(status, 0);
		} else {
			(void)open_one(&o);
			if (o.err != COFFER_OK)
				fail_msg("in the parent, after a child: %s", o.text);
		}
		assert_file(o.out, 10000 + i, i);
	}
	coffer_keyring_free(&keys);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binds),
		cmocka_unit_test(knows_its_own),
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_long_names),
		cmocka_unit_test(makes_and_tells),
		cmocka_unit_test(opens_in_threads),
		cmocka_unit_test(opens_in_children),
	};

	return cmocka_run_group_tests(tests, setup, kit_teardown);
}
