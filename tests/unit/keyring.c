/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wrapped keys here were computed once by another implementation of docs/format.md
 * section 4, in Python with the «cryptography» package.
 */
#include "key/keyring.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/enc.h"
#include "key/kek.h"
#include "key/passphrase.h"
#include "key/store.h"
#include "support/tmpdir.h"

#define AES_ID "7e23917d8bf598061c6ef4c0e39b7788"
#define X_ID "bd31f353d8d92f451f65d8ae743d7410"
#define X_PUBLIC "coffer1fylg9lr5ge99jf5gza3r6gznch4cutxy4xytflhp08kxkqgd2vwscfr9ek"
#define PASSPHRASE "correct horse battery staple"
#define BINDING                                                                                                        \
	"{\"context\":{\"env\":\"test\"},\"model_id\":\"000102030405060708090a0b0c0d0e0f\",\"name\":\"tiny\","         \
	"\"version\":\"1\"}"

/* 00 to 1f */
static const char kek[33] = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
			    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";

/* the pair whose secret is 80 to 9f */
static const char pair[] = "coffer-key v1\nkind: x25519\nid: " X_ID "\ncreated: 2026-01-31T12:00:00Z\npublic: " X_PUBLIC
			   "\nsecret: gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp8=\n";

enum { AES, PASS, X, N_KINDS };

static const struct {
	const char *kind, *id, *wrapped;
	const char *uri; /* of the key that opens it; the files are made by setup() */
} known[N_KINDS] = {
	[AES] = {"aes", AES_ID,
		 "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
		 "04f79e0d437546fb1b69a53cb77124f0494a76ca038e55a6969430d6075fb1c1"
		 "e1bee74ce6b546eb703a7ab995b1bc3c",
		 "file:raw"},
	[PASS] = {"passphrase", "",
		  "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
		  "a49c3a3c7d5f9e5d24e719d1b8d29672ab5fb7902de7e3162c31ddaca11f8f1a"
		  "d510dc921dc9ec357d1249b37fe8df47",
		  "passphrase:file=pass"},
	[X] = {"x25519", X_ID,
	       "605a725d2a4adfeeb1a29e17edd621c1b7593ee8cdbc44ac6c4ab6e2f805d23c"
	       "7d74924b2a1456b1598bdd3e5d7d7184c9e9b32133d9863a3fcb8fd9c6dfa26a"
	       "7a63ca471f62f169f5a2064b5f5d1136",
	       "file:pair.key"},
};

static const uint8_t no_dek[DEK_LEN];
static uint8_t dek[DEK_LEN]; /* 40 to 5f */
static const struct binding binding = {
	.text = {(const uint8_t *)BINDING, sizeof(BINDING) - 1},
	.model_id = "000102030405060708090a0b0c0d0e0f",
	.name = "tiny",
	.version = "1",
};

static struct recipient
known_recipient(int kind)
{
	struct recipient r = {.wrapped_len = KEK_WRAPPED_LEN};

	(void)snprintf(r.kind, sizeof(r.kind), "%s", known[kind].kind);
	(void)snprintf(r.id, sizeof(r.id), "%s", known[kind].id);
	assert_true(dec_hex(known[kind].wrapped, strlen(known[kind].wrapped), r.wrapped, KEK_WRAPPED_LEN));
	for (size_t i = 0; kind == PASS && i < sizeof(r.scrypt_salt); i++)
		r.scrypt_salt[i] = (uint8_t)(0x60 + i);
	r.scrypt_log_n = kind == PASS ? 10 : 0;
	return r;
}

static int
setup(void **state)
{
	if (tmpdir_setup(state) != 0)
		return -1;
	unsetenv("COFFER_KEYS");
	unsetenv("XDG_CONFIG_HOME");
	setenv("HOME", "home", 1);
	for (size_t i = 0; i < sizeof(dek); i++)
		dek[i] = (uint8_t)(0x40 + i);
	tmpdir_file("raw", kek, 32, 0600);
	tmpdir_file("other", kek + 1, 32, 0600);
	tmpdir_file("pair.key", pair, strlen(pair), 0600);
	tmpdir_file("pass", PASSPHRASE "\nsecond line\n", strlen(PASSPHRASE) + 13, 0600);
	tmpdir_file("wrong", "wrong\n", 6, 0600);
	return 0;
}

static const struct key_env nobody = {.prompt = NULL};

/* a keyring of up to three keys */
static struct coffer_keyring *
keyring_of(const char *a, const char *b, const char *c)
{
	const char *uris[] = {a, b, c};
	struct coffer_keyring *keyring;
	struct fault f = {.text = ""};

	assert_int_equal(keyring_new(&f, &keyring), COFFER_OK);
	for (size_t i = 0; i < 3; i++)
		if (uris[i])
			assert_int_equal(keyring_add_uri(&f, keyring, &nobody, uris[i]), COFFER_OK);
	return keyring;
}

static void
test_known_answers(void **state)
{
	(void)state;
	for (int i = 0; i < N_KINDS; i++) {
		struct coffer_keyring *keyring = keyring_of(known[i].uri, NULL, NULL);
		struct recipient r = known_recipient(i);
		struct fault f = {.text = ""};
		uint8_t out[DEK_LEN];

		print_message("%s\n", known[i].kind);
		assert_int_equal(keyring_unwrap(&f, keyring, &r, 1, &binding, out, NULL), COFFER_OK);
		assert_memory_equal(out, dek, DEK_LEN);
		assert_true(keyring_matches(keyring, &r, &binding));
		keyring_free(&keyring);
		assert_null(keyring);
	}
}

/* A passphrase cannot tell a wrong one from a damaged wrap: NOKEY there. */
static coffer_err
refusal(int kind)
{
	return kind == PASS ? COFFER_E_NOKEY : COFFER_E_AUTH;
}

static void
expect_refusal(struct coffer_keyring *keyring, int kind, const struct recipient *r, const struct binding *b)
{
	struct fault f = {.text = ""};
	uint8_t out[DEK_LEN];

	memset(out, 7, sizeof(out));
	assert_int_equal(keyring_unwrap(&f, keyring, r, 1, b, out, NULL), refusal(kind));
	assert_memory_equal(out, no_dek, DEK_LEN);
	assert_non_null(
		strstr(f.text, kind == PASS ? "the passphrase does not open it" : "damaged or belongs to another"));
}

/* Bit 255 of x25519 too, which RFC 7748 has ignored: HPKE binds the encapsulated key as it stands. */
static void
test_every_bit(void **state)
{
	(void)state;
	for (int i = 0; i < N_KINDS; i++) {
		struct coffer_keyring *keyring = keyring_of(known[i].uri, NULL, NULL);
		/* scrypt takes its time: one bit of most bytes is enough there */
		size_t step = i == PASS ? 9 : 1;

		for (size_t bit = 0; bit < (size_t)8 * KEK_WRAPPED_LEN; bit += step) {
			struct recipient r = known_recipient(i);

			r.wrapped[bit / 8] ^= (uint8_t)(1u << bit % 8);
			expect_refusal(keyring, i, &r, &binding);
		}
		keyring_free(&keyring);
	}
}

static void
test_binding(void **state)
{
	static const char *const others[] = {
		"",
		"{\"context\":{\"env\":\"prod\"},\"model_id\":\"000102030405060708090a0b0c0d0e0f\",\"name\":\"tiny\","
		"\"version\":\"1\"}",
		BINDING " ",
	};

	(void)state;
	for (int i = 0; i < N_KINDS; i++) {
		struct coffer_keyring *keyring = keyring_of(known[i].uri, NULL, NULL);
		struct recipient r = known_recipient(i);

		for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++) {
			struct binding b = binding;

			b.text = view_str(others[k]);
			expect_refusal(keyring, i, &r, &b);
		}
		keyring_free(&keyring);
	}
}

static void
test_malformed(void **state)
{
	static const size_t lengths[] = {0, 79, 81, LIMIT_WRAPPED};
	static const unsigned int log_n[] = {0, 9, 21, 63};
	uint8_t out[DEK_LEN];

	(void)state;
	for (int i = 0; i < N_KINDS; i++) {
		struct coffer_keyring *keyring = keyring_of(known[i].uri, NULL, NULL);
		struct recipient r = known_recipient(i);

		for (size_t k = 0; k < 4; k++) {
			r.wrapped_len = lengths[k];
			assert_int_equal(keyring_unwrap(NULL, keyring, &r, 1, &binding, out, NULL), COFFER_E_FORMAT);
			assert_memory_equal(out, no_dek, DEK_LEN);
		}
		r = known_recipient(i);
		for (size_t k = 0; i == PASS && k < 4; k++) {
			r.scrypt_log_n = log_n[k];
			assert_int_equal(keyring_unwrap(NULL, keyring, &r, 1, &binding, out, NULL), COFFER_E_FORMAT);
		}
		keyring_free(&keyring);
	}
}

static void
test_round_trip(void **state)
{
	struct coffer_keyring *to = keyring_of("file:raw", "recipient:" X_PUBLIC, "passphrase:file=pass");
	struct coffer_keyring *wrong = keyring_of("passphrase:file=wrong", "file:other", NULL);
	struct recipient r[N_KINDS], again;
	struct fault f = {.text = ""};
	uint8_t out[DEK_LEN];

	(void)state;
	for (size_t i = 0; i < keyring_size(to); i++)
		assert_int_equal(keyring_wrap(&f, to, i, dek, &binding, &r[i]), COFFER_OK);
	assert_string_equal(r[0].kind, "aes");
	assert_string_equal(r[0].id, AES_ID);
	assert_string_equal(r[1].kind, "x25519");
	assert_string_equal(r[1].id, X_ID);
	assert_string_equal(r[2].kind, "passphrase");
	assert_string_equal(r[2].id, "");
	assert_int_equal(r[2].scrypt_log_n, 17);
	for (int i = 0; i < N_KINDS; i++) {
		struct coffer_keyring *one = keyring_of(known[i].uri, NULL, NULL);

		assert_int_equal(keyring_unwrap(&f, one, r, N_KINDS, &binding, out, NULL), COFFER_OK);
		assert_memory_equal(out, dek, DEK_LEN);
		keyring_free(&one);
	}
	assert_int_equal(keyring_unwrap(&f, wrong, r, N_KINDS, &binding, out, NULL), COFFER_E_NOKEY);
	/* a wrap is never made twice alike */
	assert_int_equal(keyring_wrap(&f, to, 0, dek, &binding, &again), COFFER_OK);
	assert_memory_not_equal(again.wrapped, r[0].wrapped, KEK_WRAPPED_LEN);
	assert_int_equal(keyring_wrap(&f, to, 3, dek, &binding, &again), COFFER_E_INTERNAL);
	keyring_free(&to);
	keyring_free(&wrong);
}

static void
test_public_key_cannot_open(void **state)
{
	struct coffer_keyring *keyring = keyring_of("recipient:" X_PUBLIC, NULL, NULL);
	struct recipient r = known_recipient(X);
	struct fault f = {.text = ""};
	uint8_t out[DEK_LEN];

	(void)state;
	assert_int_equal(keyring_size(keyring), 1);
	assert_false(keyring_can_unwrap(keyring));
	assert_true(keyring_matches(keyring, &r, &binding));
	assert_int_equal(keyring_unwrap(&f, keyring, &r, 1, &binding, out, NULL), COFFER_E_NOKEY);
	assert_string_equal(f.text, "no key opens it: it is sealed for x25519 " X_ID
				    "; given to open it: none; give one of its keys with --kek");
	/* the pair takes the place of its public half, and not the other way */
	assert_int_equal(keyring_add_uri(&f, keyring, &nobody, "file:pair.key"), COFFER_OK);
	assert_int_equal(keyring_add_uri(&f, keyring, &nobody, "recipient:" X_PUBLIC), COFFER_OK);
	assert_int_equal(keyring_size(keyring), 1);
	assert_true(keyring_can_unwrap(keyring));
	assert_int_equal(keyring_unwrap(&f, keyring, &r, 1, &binding, out, NULL), COFFER_OK);
	keyring_free(&keyring);
}

/* A public key of low order would give everyone the wrapping key. */
static void
test_low_order(void **state)
{
	struct coffer_keyring *keyring =
		keyring_of("recipient:coffer1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq6d07nv", NULL, NULL);
	struct recipient r;
	struct fault f;

	(void)state;
	assert_int_equal(keyring_wrap(&f, keyring, 0, dek, &binding, &r), COFFER_E_KEY);
	assert_int_equal(r.wrapped_len, 0);
	keyring_free(&keyring);
}

static void
test_no_key(void **state)
{
	struct coffer_keyring *keyring = keyring_of("file:other", NULL, NULL);
	struct recipient r[3] = {known_recipient(AES), known_recipient(PASS), known_recipient(X)};
	struct fault f = {.text = ""};
	uint8_t out[DEK_LEN];

	(void)state;
	assert_int_equal(keyring_unwrap(&f, keyring, r, 3, &binding, out, NULL), COFFER_E_NOKEY);
	assert_non_null(
		strstr(f.text, "sealed for aes " AES_ID ", passphrase, x25519 " X_ID "; given to open it: aes "));
	assert_non_null(strstr(f.text, "--kek"));
	assert_false(keyring_matches(keyring, &r[0], &binding));
	keyring_free(&keyring);
}

/* However many recipients there are, the way out stands at the end. */
static void
test_no_key_of_many(void **state)
{
	struct coffer_keyring *keyring = keyring_of(NULL, NULL, NULL);
	struct recipient *r = calloc(LIMIT_RECIPIENTS, sizeof(*r));
	struct fault f = {.text = ""};
	uint8_t out[DEK_LEN];

	(void)state;
	for (size_t i = 0; i < LIMIT_RECIPIENTS; i++) {
		memset(r[i].kind, 'k', sizeof(r[i].kind) - 1);
		memset(r[i].id, 'i', sizeof(r[i].id) - 1);
	}
	assert_int_equal(keyring_unwrap(&f, keyring, r, LIMIT_RECIPIENTS, &binding, out, NULL), COFFER_E_NOKEY);
	assert_non_null(strstr(f.text, " and 31 more; given to open it: none; give one of its keys with --kek"));
	free(r);
	keyring_free(&keyring);
}

/* ---- asking ---- */

struct person {
	const char *says;
	int asked;
	bool confirm;
	char what[200];
	coffer_err err;
};

static coffer_err
answer(void *user, const char *what, bool confirm, char *out, size_t cap, size_t *len_out)
{
	struct person *p = user;

	p->asked++;
	p->confirm = confirm;
	(void)snprintf(p->what, sizeof(p->what), "%s", what);
	if (p->err)
		return p->err;
	assert_true(strlen(p->says) <= cap);
	memcpy(out, p->says, strlen(p->says));
	*len_out = strlen(p->says);
	return COFFER_OK;
}

static struct coffer_keyring *
asking(struct person *p)
{
	struct key_env env = {.prompt = answer, .prompt_user = p};
	struct coffer_keyring *keyring;
	struct fault f;

	assert_int_equal(keyring_new(&f, &keyring), COFFER_OK);
	assert_int_equal(keyring_add_uri(&f, keyring, &env, "passphrase:"), COFFER_OK);
	assert_int_equal(keyring_add_uri(&f, keyring, &env, "passphrase:"), COFFER_OK);
	assert_int_equal(keyring_size(keyring), 1);
	return keyring;
}

static void
test_ask_once(void **state)
{
	struct person p = {.says = PASSPHRASE};
	struct coffer_keyring *keyring = asking(&p);
	struct recipient r[2] = {known_recipient(X), known_recipient(PASS)};
	struct fault f = {.text = ""};
	uint8_t out[DEK_LEN];

	(void)state;
	assert_int_equal(keyring_unwrap(&f, keyring, r, 1, &binding, out, NULL), COFFER_E_NOKEY);
	assert_int_equal(p.asked, 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(keyring_unwrap(&f, keyring, r, 2, &binding, out, NULL), COFFER_OK);
	assert_int_equal(p.asked, 1);
	assert_false(p.confirm);
	assert_string_equal(p.what, "passphrase for tiny");
	keyring_free(&keyring);
}

static void
test_ask_for_a_new_one(void **state)
{
	struct person p = {.says = "new"};
	struct coffer_keyring *keyring = asking(&p);
	struct recipient r;
	struct fault f = {.text = ""};
	uint8_t out[DEK_LEN];

	(void)state;
	assert_int_equal(keyring_wrap(&f, keyring, 0, dek, &binding, &r), COFFER_OK);
	assert_true(p.confirm);
	assert_string_equal(p.what, "new passphrase for tiny");
	assert_int_equal(keyring_unwrap(&f, keyring, &r, 1, &binding, out, NULL), COFFER_OK);
	assert_int_equal(p.asked, 1);
	keyring_free(&keyring);
}

/* Keys at hand come first, wherever they stand; a person is not asked for nothing. */
static void
test_ask_last(void **state)
{
	struct person p = {.says = PASSPHRASE};
	struct coffer_keyring *keyring = asking(&p);
	struct recipient r[2] = {known_recipient(PASS), known_recipient(AES)};
	struct fault f = {.text = ""};
	uint8_t out[DEK_LEN];

	(void)state;
	assert_int_equal(keyring_add_uri(&f, keyring, &nobody, "file:raw"), COFFER_OK);
	assert_int_equal(keyring_unwrap(&f, keyring, r, 2, &binding, out, NULL), COFFER_OK);
	assert_int_equal(p.asked, 0);
	keyring_free(&keyring);
}

static void
test_ask_refused(void **state)
{
	static const struct {
		const char *says;
		coffer_err said, err;
	} cases[] = {{"", COFFER_OK, COFFER_E_KEY}, {"x", COFFER_E_INTERRUPTED, COFFER_E_INTERRUPTED}};
	struct recipient r = known_recipient(PASS);
	uint8_t out[DEK_LEN];
	struct fault f;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct person p = {.says = cases[i].says, .err = cases[i].said};
		struct coffer_keyring *keyring = asking(&p);

		assert_int_equal(keyring_unwrap(&f, keyring, &r, 1, &binding, out, NULL), cases[i].err);
		keyring_free(&keyring);
	}
}

static void
test_nobody_to_ask(void **state)
{
	struct coffer_keyring *keyring = keyring_of("passphrase:", NULL, NULL);
	struct recipient r = known_recipient(PASS);
	struct fault f = {.text = ""};
	uint8_t out[DEK_LEN];

	(void)state;
	assert_int_equal(keyring_unwrap(&f, keyring, &r, 1, &binding, out, NULL), COFFER_E_KEY);
	assert_non_null(strstr(f.text, "passphrase:file=PATH"));
	keyring_free(&keyring);
}

/* ---- passphrases from files ---- */

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define THOUSAND HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED
#define LONGEST THOUSAND TEN TEN "0123"

static const struct {
	const char *name;
	const char *text;
	coffer_err err;
	bool opens;
} lines[] = {
	{"no line end", PASSPHRASE, COFFER_OK, true},
	{"LF", PASSPHRASE "\n", COFFER_OK, true},
	{"CRLF", PASSPHRASE "\r\n", COFFER_OK, true},
	{"more lines", PASSPHRASE "\nmore\n", COFFER_OK, true},
	{"a space behind it is part of it", PASSPHRASE " \n", COFFER_OK, false},
	{"nothing", "", COFFER_E_KEY, false},
	{"an empty line", "\n" PASSPHRASE, COFFER_E_KEY, false},
	{"an empty line, CRLF", "\r\n" PASSPHRASE, COFFER_E_KEY, false},
	{"1024 bytes", LONGEST, COFFER_OK, false},
	{"1024 bytes, CRLF", LONGEST "\r\n", COFFER_OK, false},
	{"1025 bytes", LONGEST "4", COFFER_E_KEY, false},
	{"1025 bytes, LF", LONGEST "4\n", COFFER_E_KEY, false},
	{"2000 bytes", THOUSAND THOUSAND, COFFER_E_KEY, false},
};

static void
test_passphrase_files(void **state)
{
	struct recipient r = known_recipient(PASS);

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct coffer_keyring *keyring = keyring_of(NULL, NULL, NULL);
		struct fault f = {.text = ""};

		print_message("%s\n", lines[i].name);
		tmpdir_file("p", lines[i].text, strlen(lines[i].text), 0600);
		assert_int_equal(keyring_add_uri(&f, keyring, &nobody, "passphrase:file=p"), lines[i].err);
		assert_null(strstr(f.text, PASSPHRASE));
		assert_int_equal(keyring_size(keyring), lines[i].err == COFFER_OK);
		assert_int_equal(keyring_matches(keyring, &r, &binding), lines[i].opens);
		keyring_free(&keyring);
	}
}

static void
test_passphrase_fd(void **state)
{
	struct coffer_keyring *keyring = keyring_of(NULL, NULL, NULL);
	struct recipient r = known_recipient(PASS);
	struct fault f = {.text = ""};
	int fds[2];
	char uri[40], rest[16] = "";

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], PASSPHRASE "\nrest", strlen(PASSPHRASE) + 5), strlen(PASSPHRASE) + 5);
	(void)snprintf(uri, sizeof(uri), "passphrase:fd=%d", fds[0]);
	assert_int_equal(keyring_add_uri(&f, keyring, &nobody, uri), COFFER_OK);
	assert_true(keyring_matches(keyring, &r, &binding));
	/* what follows the line was left alone */
	assert_int_equal(read(fds[0], rest, sizeof(rest)), 4);
	assert_string_equal(rest, "rest");
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(keyring_add_uri(&f, keyring, &nobody, uri), COFFER_E_IO);
	assert_int_equal(keyring_add_uri(&f, keyring, &nobody, "passphrase:file=absent"), COFFER_E_NOTFOUND);
	keyring_free(&keyring);
}

/* ---- the local keyring ---- */

static void
test_store(void **state)
{
	struct coffer_keyring *keyring = keyring_of(NULL, NULL, NULL);
	struct recipient r = known_recipient(AES);
	struct fault f = {.text = ""};
	uint8_t out[DEK_LEN];

	(void)state;
	assert_int_equal(keyring_add_store(&f, keyring, "absent"), COFFER_OK);
	assert_int_equal(keyring_size(keyring), 0);
	assert_int_equal(store_import(&f, NULL, "mine", "file:raw"), COFFER_OK);
	assert_int_equal(store_import(&f, NULL, "bob", "recipient:" X_PUBLIC), COFFER_OK);
	assert_int_equal(keyring_add_store(&f, keyring, NULL), COFFER_OK);
	assert_int_equal(keyring_size(keyring), 1); /* bob's public key opens nothing */
	assert_int_equal(keyring_unwrap(&f, keyring, &r, 1, &binding, out, NULL), COFFER_OK);
	/* the same key again is the same key; bob's is there by name */
	assert_int_equal(keyring_add_uri(&f, keyring, &nobody, "keyring:mine"), COFFER_OK);
	assert_int_equal(keyring_add_raw(&f, keyring, (const uint8_t *)kek), COFFER_OK);
	assert_int_equal(keyring_size(keyring), 1);
	assert_int_equal(keyring_add_uri(&f, keyring, &nobody, "keyring:bob"), COFFER_OK);
	assert_int_equal(keyring_size(keyring), 2);
	assert_int_equal(keyring_add_uri(&f, keyring, &nobody, "keyring:nobody"), COFFER_E_NOTFOUND);
	keyring_free(&keyring);
}

#define in_tmpdir(test) cmocka_unit_test_setup_teardown(test, setup, tmpdir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		in_tmpdir(test_known_answers),
		in_tmpdir(test_every_bit),
		in_tmpdir(test_binding),
		in_tmpdir(test_malformed),
		in_tmpdir(test_round_trip),
		in_tmpdir(test_public_key_cannot_open),
		in_tmpdir(test_low_order),
		in_tmpdir(test_no_key),
		in_tmpdir(test_no_key_of_many),
		in_tmpdir(test_ask_once),
		in_tmpdir(test_ask_for_a_new_one),
		in_tmpdir(test_ask_last),
		in_tmpdir(test_ask_refused),
		in_tmpdir(test_nobody_to_ask),
		in_tmpdir(test_passphrase_files),
		in_tmpdir(test_passphrase_fd),
		in_tmpdir(test_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
