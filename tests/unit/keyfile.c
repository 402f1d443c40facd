/* SPDX-License-Identifier: Apache-2.0 */
#include "key/keyfile.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "mem/secret_file.h"
#include "support/tmpdir.h"

#define AES_ID "7e23917d8bf598061c6ef4c0e39b7788"
#define AES_SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define X_ID "bd31f353d8d92f451f65d8ae743d7410"
#define X_PUBLIC "coffer1fylg9lr5ge99jf5gza3r6gznch4cutxy4xytflhp08kxkqgd2vwscfr9ek"
#define X_PUBLIC_UPPER "COFFER1FYLG9LR5GE99JF5GZA3R6GZNCH4CUTXY4XYTFLHP08KXKQGD2VWSCFR9EK"
#define X_PUBLIC_ZERO "coffer1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq6d07nv"
#define X_SECRET "gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp8="
#define MAGIC "coffer-key v1\n"
#define CREATED "created: 2026-01-31T12:00:00Z\n"

#define AES MAGIC "kind: aes\nid: " AES_ID "\n" CREATED "secret: " AES_SECRET "\n"
#define AES_NAMED MAGIC "kind: aes\nid: " AES_ID "\n" CREATED "name: release-2026\nsecret: " AES_SECRET "\n"
#define PAIR MAGIC "kind: x25519\nid: " X_ID "\n" CREATED "public: " X_PUBLIC "\nsecret: " X_SECRET "\n"
#define PUBLIC MAGIC "kind: x25519-public\nid: " X_ID "\n" CREATED "name: bob\npublic: " X_PUBLIC "\n"

static const struct {
	const char *text;
	enum coffer_key_kind kind;
	const char *id;
	const char *name;
	const char *public_key;
	uint8_t first; /* of the secret: it counts up from there; 0xff for none */
} good[] = {
	{AES, COFFER_KEY_AES, AES_ID, "", "", 0x00},
	{AES_NAMED, COFFER_KEY_AES, AES_ID, "release-2026", "", 0x00},
	{PAIR, COFFER_KEY_X25519, X_ID, "", X_PUBLIC, 0x80},
	{PUBLIC, COFFER_KEY_X25519, X_ID, "bob", X_PUBLIC, 0xff},
};

static void
test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct keyfile k = KEYFILE_INIT;
		struct secret text = SECRET_INIT;
		struct fault f = {.text = ""};

		assert_int_equal(keyfile_parse(&f, view_str(good[i].text), &k), COFFER_OK);
		assert_int_equal(k.info.kind, good[i].kind);
		assert_string_equal(k.info.id, good[i].id);
		assert_string_equal(k.info.name, good[i].name);
		assert_string_equal(k.info.created, "2026-01-31T12:00:00Z");
		assert_string_equal(k.info.public_key, good[i].public_key);
		assert_int_equal(k.info.secret, good[i].first != 0xff);
		assert_int_equal(k.secret.len, k.info.secret ? 32 : 0);
		for (size_t b = 0; b < k.secret.len; b++)
			assert_int_equal(k.secret.p[b], good[i].first + b);
		/* there is one text for a key */
		assert_int_equal(keyfile_format(&f, &k, &text), COFFER_OK);
		assert_int_equal(text.len, strlen(good[i].text));
		assert_memory_equal(text.p, good[i].text, text.len);
		secret_free(&text);
		keyfile_free(&k);
	}
}

static const struct {
	const char *name;
	const char *text;
	const char *says;
} bad[] = {
	{"nothing", "", "line 1"},
	{"magic alone, no line end", "coffer-key v1", "line 1"},
	{"magic with more", "coffer-key v1 \nkind: aes\n", "line 1"},
	{"CRLF", "coffer-key v1\r\nkind: aes\r\n", "line 1"},
	{"magic alone", MAGIC, "line 2"},
	{"blank line", MAGIC "\nkind: aes\nid: " AES_ID "\n" CREATED "secret: " AES_SECRET "\n", "line 2"},
	{"unknown kind", MAGIC "kind: des\nid: " AES_ID "\n" CREATED "secret: " AES_SECRET "\n", "line 2"},
	{"kind in upper case", MAGIC "kind: AES\nid: " AES_ID "\n" CREATED "secret: " AES_SECRET "\n", "line 2"},
	{"two spaces", MAGIC "kind:  aes\nid: " AES_ID "\n" CREATED "secret: " AES_SECRET "\n", "line 2"},
	{"order", MAGIC "id: " AES_ID "\nkind: aes\n" CREATED "secret: " AES_SECRET "\n", "line 2"},
	{"id in upper case",
	 MAGIC "kind: aes\nid: 7E23917D8BF598061C6EF4C0E39B7788\n" CREATED "secret: " AES_SECRET "\n", "line 3"},
	{"id too short", MAGIC "kind: aes\nid: 7e\n" CREATED "secret: " AES_SECRET "\n", "line 3"},
	{"another id", MAGIC "kind: aes\nid: " X_ID "\n" CREATED "secret: " AES_SECRET "\n", "its id"},
	{"no date", MAGIC "kind: aes\nid: " AES_ID "\nsecret: " AES_SECRET "\n", "line 4"},
	{"date without time", MAGIC "kind: aes\nid: " AES_ID "\ncreated: 2026-01-31\nsecret: " AES_SECRET "\n",
	 "line 4"},
	{"month 13", MAGIC "kind: aes\nid: " AES_ID "\ncreated: 2026-13-31T12:00:00Z\nsecret: " AES_SECRET "\n",
	 "line 4"},
	{"day 0", MAGIC "kind: aes\nid: " AES_ID "\ncreated: 2026-12-00T12:00:00Z\nsecret: " AES_SECRET "\n", "line 4"},
	{"another zone",
	 MAGIC "kind: aes\nid: " AES_ID "\ncreated: 2026-01-31T12:00:00+00:00\nsecret: " AES_SECRET "\n", "line 4"},
	{"letters for digits",
	 MAGIC "kind: aes\nid: " AES_ID "\ncreated: dddd-dd-ddTdd:dd:ddZ\nsecret: " AES_SECRET "\n", "line 4"},
	{"empty name", MAGIC "kind: aes\nid: " AES_ID "\n" CREATED "name: \nsecret: " AES_SECRET "\n", "line 5"},
	{"name with a slash", MAGIC "kind: aes\nid: " AES_ID "\n" CREATED "name: a/b\nsecret: " AES_SECRET "\n",
	 "line 5"},
	{"two names", MAGIC "kind: aes\nid: " AES_ID "\n" CREATED "name: a\nname: b\nsecret: " AES_SECRET "\n",
	 "line 6"},
	{"aes with a public key",
	 MAGIC "kind: aes\nid: " AES_ID "\n" CREATED "public: " X_PUBLIC "\nsecret: " AES_SECRET "\n", "line 5"},
	{"no secret", MAGIC "kind: aes\nid: " AES_ID "\n" CREATED, "line 5"},
	{"secret of 31 bytes",
	 MAGIC "kind: aes\nid: " AES_ID "\n" CREATED "secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\n",
	 "line 5"},
	{"secret of 33 bytes",
	 MAGIC "kind: aes\nid: " AES_ID "\n" CREATED "secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\n",
	 "line 5"},
	{"spare bits in the secret",
	 MAGIC "kind: aes\nid: " AES_ID "\n" CREATED "secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\n",
	 "line 5"},
	{"no line end behind the secret", MAGIC "kind: aes\nid: " AES_ID "\n" CREATED "secret: " AES_SECRET, "line 5"},
	{"a line more", AES "note: x\n", "follows line 5"},
	{"a byte more", AES "\n", "follows line 5"},
	{"two keys", AES AES, "follows line 5"},
	{"pair without a public key", MAGIC "kind: x25519\nid: " X_ID "\n" CREATED "secret: " X_SECRET "\n", "line 5"},
	{"public key in upper case",
	 MAGIC "kind: x25519\nid: " X_ID "\n" CREATED "public: " X_PUBLIC_UPPER "\nsecret: " X_SECRET "\n", "line 5"},
	{"public key with a wrong checksum",
	 MAGIC "kind: x25519-public\nid: " X_ID "\n" CREATED
	       "public: coffer1fylg9lr5ge99jf5gza3r6gznch4cutxy4xytflhp08kxkqgd2vwscfr9el\n",
	 "line 5"},
	{"another public key",
	 MAGIC "kind: x25519\nid: " X_ID "\n" CREATED "public: " X_PUBLIC_ZERO "\nsecret: " X_SECRET "\n",
	 "its public key"},
	{"another id of a public key", MAGIC "kind: x25519-public\nid: " AES_ID "\n" CREATED "public: " X_PUBLIC "\n",
	 "its id"},
	{"public key with a secret",
	 MAGIC "kind: x25519-public\nid: " X_ID "\n" CREATED "public: " X_PUBLIC "\nsecret: " X_SECRET "\n",
	 "follows line 5"},
};

static void
test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct keyfile k = KEYFILE_INIT;
		struct fault f = {.text = ""};

		print_message("%s\n", bad[i].name);
		assert_int_equal(keyfile_parse(&f, view_str(bad[i].text), &k), COFFER_E_KEY);
		assert_non_null(strstr(f.text, bad[i].says));
		assert_null(k.secret.p);
		assert_int_equal(k.info.secret, false);
	}
}

/* No beginning of a key file is a key file. */
static void
test_cut(void **state)
{
	static const char *const texts[] = {AES_NAMED, PAIR, PUBLIC};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t len = 0; len < strlen(texts[i]); len++) {
			struct keyfile k = KEYFILE_INIT;
			char *exact = malloc(len + 1); /* so that valgrind and ASan see a step too far */

			memcpy(exact, texts[i], len);
			exact = realloc(exact, len ? len : 1);
			assert_int_equal(keyfile_parse(NULL, view_of(exact, len), &k), COFFER_E_KEY);
			free(exact);
		}
	}
}

static void
test_generate(void **state)
{
	static const enum coffer_key_kind kinds[] = {COFFER_KEY_AES, COFFER_KEY_X25519};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct keyfile k = KEYFILE_INIT, other = KEYFILE_INIT, back = KEYFILE_INIT;
		struct fault f;

		assert_int_equal(keyfile_generate(&f, kinds[i], &k), COFFER_OK);
		assert_int_equal(keyfile_generate(&f, kinds[i], &other), COFFER_OK);
		assert_string_not_equal(k.info.id, other.info.id);
		assert_int_equal(strlen(k.info.created), 20);
		assert_int_equal(keyfile_write(&f, i ? "x.key" : "a.key", &k), COFFER_OK);
		assert_int_equal(tmpdir_mode(i ? "x.key" : "a.key"), 0600);
		assert_int_equal(keyfile_read(&f, i ? "x.key" : "a.key", &back), COFFER_OK);
		assert_memory_equal(&back.info, &k.info, sizeof(k.info));
		assert_memory_equal(back.secret.p, k.secret.p, 32);
		/* never over another */
		assert_int_equal(keyfile_write(&f, i ? "x.key" : "a.key", &other), COFFER_E_EXISTS);
		assert_non_null(strstr(f.text, "never overwritten"));
		keyfile_free(&k);
		keyfile_free(&other);
		keyfile_free(&back);
	}
}

static void
test_generate_unknown_kind(void **state)
{
	struct keyfile k = KEYFILE_INIT;

	(void)state;
	assert_int_equal(keyfile_generate(NULL, (enum coffer_key_kind)3, &k), COFFER_E_USAGE);
}

static const char raw[33] = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
			    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";

static void
test_raw(void **state)
{
	static const mode_t modes[] = {0600, 0644, 0666};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct keyfile k = KEYFILE_INIT;
		struct fault f;

		tmpdir_file("raw", raw, 32, modes[i]);
		assert_int_equal(keyfile_read(&f, "raw", &k), COFFER_OK);
		assert_int_equal(k.info.kind, COFFER_KEY_AES);
		assert_string_equal(k.info.id, AES_ID);
		assert_string_equal(k.info.created, "");
		assert_memory_equal(k.secret.p, raw, 32);
		keyfile_free(&k);
	}
}

static const struct {
	const char *text;
	mode_t mode;
	coffer_err err;
} modes[] = {
	{AES, 0600, COFFER_OK},	    {AES, 0400, COFFER_OK},	{AES, 0700, COFFER_OK},	     {AES, 0640, COFFER_E_PERM},
	{AES, 0604, COFFER_E_PERM}, {AES, 0620, COFFER_E_PERM}, {PAIR, 0644, COFFER_E_PERM}, {PUBLIC, 0644, COFFER_OK},
};

static void
test_modes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct keyfile k = KEYFILE_INIT;
		struct fault f = {.text = ""};

		tmpdir_file("k", modes[i].text, strlen(modes[i].text), modes[i].mode);
		assert_int_equal(keyfile_read(&f, "k", &k), modes[i].err);
		assert_int_equal(strstr(f.text, "chmod 600 k") != NULL, modes[i].err != COFFER_OK);
		keyfile_free(&k);
	}
}

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
	const char *says;
} foreign[] = {
	{"empty", "", 0, "empty"},
	{"31 bytes", raw, 31, "neither"},
	{"33 bytes", raw, 33, "neither"},
	{"hex", HEX, 64, "hexadecimal"},
	{"hex and line end", HEX "\n", 65, "hexadecimal"},
	{"hex and CRLF", HEX "\r\n", 66, "hexadecimal"},
	{"base64", AES_SECRET, 44, "base64"},
	{"base64 and line end", AES_SECRET "\n", 45, "base64"},
	{"base64 without padding", AES_SECRET, 43, "base64"},
	{"PEM", "-----BEGIN PRIVATE KEY-----\nMC4CAQA", 35, "PEM"},
	{"age", "AGE-SECRET-KEY-1QQQQ", 20, "age"},
	{"a newer version", "coffer-key v2\n", 14, "version 1"},
	{"a key file that is damaged", MAGIC "kind: aes\n", 24, "key file k: line 3"},
};

static void
test_foreign(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		struct keyfile k = KEYFILE_INIT;
		struct fault f = {.text = ""};

		print_message("%s\n", foreign[i].name);
		tmpdir_file("k", foreign[i].bytes, foreign[i].len, 0600);
		assert_int_equal(keyfile_read(&f, "k", &k), COFFER_E_KEY);
		assert_non_null(strstr(f.text, foreign[i].says));
		assert_null(strstr(f.text, "AAECAwQ"));
		assert_null(strstr(f.text, "0001020304"));
		assert_null(k.secret.p);
	}
}

static void
test_no_file(void **state)
{
	static char big[4097];
	struct keyfile k = KEYFILE_INIT;
	struct fault f;

	(void)state;
	assert_int_equal(keyfile_read(&f, "absent", &k), COFFER_E_NOTFOUND);
	assert_int_equal(mkdir("folder", 0700), 0);
	assert_int_equal(keyfile_read(&f, "folder", &k), COFFER_E_KEY);
	assert_non_null(strstr(f.text, "folder is a folder"));
	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_int_equal(keyfile_read(&f, "pipe", &k), COFFER_E_KEY);
	assert_non_null(strstr(f.text, "a pipe or a device"));
	tmpdir_file("big", big, sizeof(big), 0600);
	assert_int_equal(keyfile_read(&f, "big", &k), COFFER_E_KEY);
	assert_non_null(strstr(f.text, "4097 bytes"));
}

/* ---- kept elsewhere than in a file ---- */

static const char *kept;

static coffer_err
get_kept(struct fault *f, const char *what, const char *uri, size_t max, struct secret *out)
{
	(void)what;
	(void)max;
	if (strcmp(uri, "kept://key") != 0)
		return fault_set(f, COFFER_E_REFUSED, "there is no %s", uri);
	return secret_copy(f, out, (const uint8_t *)kept, strlen(kept));
}

static void
test_kept_elsewhere(void **state)
{
	static const struct {
		const char *text;
		coffer_err err;
	} cases[] = {
		{AES, COFFER_OK},
		{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", COFFER_OK},
		{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", COFFER_OK},
		{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", COFFER_E_KEY},
		{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8!", COFFER_E_KEY},
		{"01234567890123456789012345678901", COFFER_E_KEY}, /* 32 letters are no raw key */
		{"0123456789012345678901234567890", COFFER_E_KEY},
		{"coffer-key v1", COFFER_E_KEY},
		{" ", COFFER_E_KEY},
	};

	(void)state;
	secret_file_set_source("kept://", get_kept);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct keyfile k = KEYFILE_INIT;
		struct fault f;

		kept = cases[i].text;
		assert_int_equal(keyfile_read(&f, "kept://key", &k), cases[i].err);
		if (cases[i].err == COFFER_OK)
			assert_string_equal(k.info.id, AES_ID);
		else
			assert_null(k.secret.p);
		keyfile_free(&k);
		assert_int_equal(keyfile_read(&f, "kept://other", &k), COFFER_E_REFUSED);
	}
}

#define in_tmpdir(test) cmocka_unit_test_setup_teardown(test, tmpdir_setup, tmpdir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_cut),
		in_tmpdir(test_generate),
		cmocka_unit_test(test_generate_unknown_kind),
		in_tmpdir(test_raw),
		in_tmpdir(test_modes),
		in_tmpdir(test_foreign),
		in_tmpdir(test_no_file),
		cmocka_unit_test(test_kept_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
