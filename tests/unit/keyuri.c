/* SPDX-License-Identifier: Apache-2.0 */
#include "key/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"

#define PUBLIC_KEY "coffer1fylg9lr5ge99jf5gza3r6gznch4cutxy4xytflhp08kxkqgd2vwscfr9ek"
#define PUBLIC_KEY_UPPER "COFFER1FYLG9LR5GE99JF5GZA3R6GZNCH4CUTXY4XYTFLHP08KXKQGD2VWSCFR9EK"
#define NAME_64 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._"

static const uint8_t public_key[32] = {0x49, 0x3e, 0x82, 0xfc, 0x74, 0x46, 0x4a, 0x59, 0x26, 0x88, 0x17,
				       0x62, 0x3d, 0x20, 0x53, 0xc5, 0xeb, 0x8e, 0x2c, 0xc4, 0xa9, 0x88,
				       0xb4, 0xfe, 0xe1, 0x79, 0xec, 0x6b, 0x01, 0x0d, 0x53, 0x1d};

static const struct {
	const char *uri;
	enum key_scheme scheme;
	const char *path;
	const char *name;
	int fd;
} good[] = {
	{"file:key.bin", KEY_FILE, "key.bin", NULL, -1},
	{"file:/run/secrets/a key", KEY_FILE, "/run/secrets/a key", NULL, -1},
	{"file:file:x", KEY_FILE, "file:x", NULL, -1},
	{"file://host/x", KEY_FILE, "//host/x", NULL, -1},
	{"keyring:release-2026", KEY_STORED, NULL, "release-2026", -1},
	{"keyring:" NAME_64, KEY_STORED, NULL, NAME_64, -1},
	{"passphrase:", KEY_ASK, NULL, NULL, -1},
	{"passphrase:file=/etc/pass=word", KEY_PASSPHRASE_FILE, "/etc/pass=word", NULL, -1},
	{"passphrase:fd=0", KEY_PASSPHRASE_FD, NULL, NULL, 0},
	{"passphrase:fd=2147483647", KEY_PASSPHRASE_FD, NULL, NULL, 2147483647},
	{"recipient:" PUBLIC_KEY, KEY_RECIPIENT, NULL, NULL, -1},
	{"recipient:" PUBLIC_KEY_UPPER, KEY_RECIPIENT, NULL, NULL, -1},
};

static const char *const bad[] = {
	"",
	"key.bin",
	"/run/secrets/key",
	":",
	"FILE:x",
	"file",
	"file:",
	" file:x",
	"env:NAME",
	"age1qqqqq",
	"keyring:",
	"keyring:.hidden",
	"keyring:a/b",
	"keyring:..",
	"keyring:a b",
	"keyring:\xc3\xa9",
	"keyring:" NAME_64 "x",
	"passphrase",
	"passphrase:hunter2",
	"passphrase:env=PASS",
	"passphrase:file",
	"passphrase:file=",
	"passphrase:fd=",
	"passphrase:fd=-1",
	"passphrase:fd=+1",
	"passphrase:fd=01",
	"passphrase:fd=1 ",
	"passphrase:fd=0x1",
	"passphrase:fd=2147483648",
	"passphrase:fd=18446744073709551616",
	"recipient:",
	"recipient:coffer1",
	"recipient:" PUBLIC_KEY "q",
	("recipient: " PUBLIC_KEY),
	"recipient:Coffer1fylg9lr5ge99jf5gza3r6gznch4cutxy4xytflhp08kxkqgd2vwscfr9ek",
	"recipient:coffer1fylg9lr5ge99jf5gza3r6gznch4cutxy4xytflhp08kxkqgd2vwscfr9el",
};

static void
test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct fault f;
		struct key_uri u;

		print_message("%s\n", good[i].uri);
		assert_int_equal(key_uri_parse(&f, good[i].uri, &u), COFFER_OK);
		assert_int_equal(u.scheme, good[i].scheme);
		assert_int_equal(u.fd, good[i].fd);
		assert_int_equal(u.path != NULL, good[i].path != NULL);
		assert_int_equal(u.name != NULL, good[i].name != NULL);
		if (u.path)
			assert_string_equal(u.path, good[i].path);
		if (u.name)
			assert_string_equal(u.name, good[i].name);
		if (u.scheme == KEY_RECIPIENT)
			assert_memory_equal(u.public_key, public_key, sizeof(public_key));
	}
}

static void
test_nearly(void **state)
{
	static const struct {
		const char *uri, *form;
	} nearly[] = {
		{"awskms:/alias/x", "written as awskms:///alias/NAME,"},
		{"AWSKMS:///alias/x", "written as awskms:///alias/NAME,"},
		{"azurekms:v/k", "written as azurekms://VAULT/KEY,"},
		{"hashivault", "written as hashivault://KEY,"},
		{"vaultkv:secret/x", "written as vaultkv://MOUNT/PATH,"},
		{"hashivaul://x", "one that was given is none of these"},
		{"awskmsx://x", "one that was given is none of these"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(nearly) / sizeof(nearly[0]); i++) {
		struct fault f;
		struct key_uri u;

		print_message("%s\n", nearly[i].uri);
		assert_int_equal(key_uri_parse(&f, nearly[i].uri, &u), COFFER_E_USAGE);
		assert_non_null(strstr(f.text, nearly[i].form));
	}
}

static void
test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fault f;
		struct key_uri u;

		print_message("%s\n", bad[i]);
		assert_int_equal(key_uri_parse(&f, bad[i], &u), COFFER_E_USAGE);
		assert_int_equal(f.err, COFFER_E_USAGE);
		assert_int_not_equal(strlen(f.text), 0);
	}
}

static void
test_long(void **state)
{
	static char uri[LIMIT_KEY_URI + 2] = "file:";
	struct fault f;
	struct key_uri u;

	(void)state;
	memset(uri + 5, 'x', 4095);
	assert_int_equal(key_uri_parse(&f, uri, &u), COFFER_OK);
	uri[5 + 4095] = 'x';
	assert_int_equal(key_uri_parse(&f, uri, &u), COFFER_E_USAGE);
	memset(uri + 5, 'x', sizeof(uri) - 6);
	assert_int_equal(key_uri_parse(&f, uri, &u), COFFER_E_USAGE);
}

/* A secret that was given by mistake must not come back in a message. */
static void
test_no_echo(void **state)
{
	static const char *const given[] = {
		"hunter2",	     "passphrase:hunter2", "passphrase:env=hunter2", "raw:hunter2",
		"recipient:hunter2", "keyring:/hunter2",   "passphrase:fd=hunter2",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		struct fault f;
		struct key_uri u;

		assert_int_equal(key_uri_parse(&f, given[i], &u), COFFER_E_USAGE);
		assert_null(strstr(f.text, "hunter2"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good), cmocka_unit_test(test_bad),     cmocka_unit_test(test_nearly),
		cmocka_unit_test(test_long), cmocka_unit_test(test_no_echo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
