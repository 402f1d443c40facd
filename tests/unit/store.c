/* SPDX-License-Identifier: Apache-2.0 */
#include "key/store.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support/tmpdir.h"

#define PUBLIC_KEY "coffer1fylg9lr5ge99jf5gza3r6gznch4cutxy4xytflhp08kxkqgd2vwscfr9ek"
#define AES_ID "7e23917d8bf598061c6ef4c0e39b7788"

static const char raw[33] = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
			    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";

static int
setup(void **state)
{
	if (tmpdir_setup(state) != 0)
		return -1;
	unsetenv("COFFER_KEYS");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("HOME");
	tmpdir_file("raw", raw, 32, 0644);
	return 0;
}

static const struct {
	const char *dir, *keys, *config, *home;
	const char *path;
} places[] = {
	{"given", "keys", "/nowhere", "home", "given/k.key"},
	{NULL, "keys/deep", "/nowhere", "home", "keys/deep/k.key"},
	{NULL, NULL, "relative", "home", "home/.config/coffer/keys/k.key"},
	{NULL, "", "", "home", "home/.config/coffer/keys/k.key"},
};

static void
test_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct fault f = {.text = ""};
		char *path = NULL;

		unsetenv("COFFER_KEYS");
		if (places[i].keys)
			setenv("COFFER_KEYS", places[i].keys, 1);
		unsetenv("XDG_CONFIG_HOME");
		if (places[i].config)
			setenv("XDG_CONFIG_HOME", places[i].config, 1);
		setenv("HOME", places[i].home, 1);
		assert_int_equal(store_path(&f, places[i].dir, "k", &path), COFFER_OK);
		assert_string_equal(path, places[i].path);
		*strrchr(path, '/') = '\0';
		assert_int_equal(tmpdir_mode(path), 0700);
		free(path);
	}
	assert_int_equal(tmpdir_mode("home/.config"), 0700);
}

static void
test_config_home(void **state)
{
	char config[96], want[160], *path = NULL;

	(void)state;
	(void)snprintf(config, sizeof(config), "%s/config", tmpdir_path);
	(void)snprintf(want, sizeof(want), "%s/coffer/keys/k.key", config);
	setenv("XDG_CONFIG_HOME", config, 1);
	assert_int_equal(store_path(NULL, NULL, "k", &path), COFFER_OK);
	assert_string_equal(path, want);
	free(path);
}

static void
test_no_home(void **state)
{
	struct coffer_key_info *list;
	struct fault f;
	char *path;
	size_t n;

	(void)state;
	assert_int_equal(store_path(&f, NULL, "k", &path), COFFER_E_NOTFOUND);
	assert_null(path);
	assert_int_equal(store_list(&f, NULL, &list, &n), COFFER_OK);
	assert_int_equal(n, 0);
}

static void
test_import_and_read(void **state)
{
	struct keyfile k = KEYFILE_INIT;
	struct fault f = {.text = ""};

	(void)state;
	assert_int_equal(store_import(&f, "keys", "mine", "file:raw"), COFFER_OK);
	assert_int_equal(tmpdir_mode("keys/mine.key"), 0600);
	assert_int_equal(store_read(&f, "keys", "mine", &k), COFFER_OK);
	assert_string_equal(k.info.name, "mine");
	assert_string_equal(k.info.id, AES_ID);
	assert_int_equal(strlen(k.info.created), 20);
	assert_memory_equal(k.secret.p, raw, 32);
	keyfile_free(&k);

	/* from one key file to another, under its new name */
	assert_int_equal(store_import(&f, "keys", "copy", "file:keys/mine.key"), COFFER_OK);
	assert_int_equal(keyfile_read(&f, "keys/copy.key", &k), COFFER_OK);
	assert_string_equal(k.info.name, "copy");
	keyfile_free(&k);

	assert_int_equal(store_import(&f, "keys", "bob", "recipient:" PUBLIC_KEY), COFFER_OK);
	assert_int_equal(store_read(&f, "keys", "bob", &k), COFFER_OK);
	assert_int_equal(k.info.secret, false);
	assert_string_equal(k.info.public_key, PUBLIC_KEY);
	keyfile_free(&k);

	assert_int_equal(store_import(&f, "keys", "mine", "file:raw"), COFFER_E_EXISTS);
	assert_int_equal(store_import(&f, "keys", "../mine", "file:raw"), COFFER_E_USAGE);
	assert_int_equal(store_import(&f, "keys", "p", "passphrase:"), COFFER_E_USAGE);
	assert_int_equal(store_import(&f, "keys", "p", "file:absent"), COFFER_E_NOTFOUND);
}

static void
test_names(void **state)
{
	static const char *const wrong[] = {"", ".", "..", ".a", "a/b", "a b", "a\n", "\xc3\xa9"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct keyfile k = KEYFILE_INIT;
		char *path;

		assert_int_equal(store_path(NULL, "keys", wrong[i], &path), COFFER_E_USAGE);
		assert_int_equal(store_read(NULL, "keys", wrong[i], &k), COFFER_E_USAGE);
		assert_int_equal(store_remove(NULL, "keys", wrong[i]), COFFER_E_USAGE);
	}
}

static void
test_list(void **state)
{
	struct coffer_key_info *list;
	struct fault f = {.text = ""};
	size_t n;

	(void)state;
	assert_int_equal(store_list(&f, "keys", &list, &n), COFFER_OK);
	assert_int_equal(n, 0);
	assert_int_equal(store_import(&f, "keys", "b", "file:raw"), COFFER_OK);
	assert_int_equal(store_import(&f, "keys", "a.1", "recipient:" PUBLIC_KEY), COFFER_OK);
	assert_int_equal(store_import(&f, "keys", "C", "file:raw"), COFFER_OK);
	tmpdir_file("keys/README", "x", 1, 0644);
	tmpdir_file("keys/.key", "x", 1, 0644);
	tmpdir_file("keys/.hidden.key", "x", 1, 0644);
	assert_int_equal(store_list(&f, "keys", &list, &n), COFFER_OK);
	assert_int_equal(n, 3);
	assert_string_equal(list[0].name, "C");
	assert_string_equal(list[1].name, "a.1");
	assert_string_equal(list[2].name, "b");
	assert_int_equal(list[1].secret, false);
	assert_string_equal(list[2].id, AES_ID);
	free(list);

	/* a file that is no key is named, not skipped */
	tmpdir_file("keys/d.key", "x", 1, 0600);
	assert_int_equal(store_list(&f, "keys", &list, &n), COFFER_E_KEY);
	assert_non_null(strstr(f.text, "keys/d.key"));
	assert_null(list);
}

static void
test_remove(void **state)
{
	struct keyfile k = KEYFILE_INIT;
	struct fault f = {.text = ""};

	(void)state;
	assert_int_equal(store_remove(&f, "keys", "a"), COFFER_E_NOTFOUND);
	assert_int_equal(store_import(&f, "keys", "a", "file:raw"), COFFER_OK);
	assert_int_equal(store_remove(&f, "keys", "a"), COFFER_OK);
	assert_int_equal(store_remove(&f, "keys", "a"), COFFER_E_NOTFOUND);
	assert_non_null(strstr(f.text, "no key «a»"));
	assert_int_equal(store_read(&f, "keys", "a", &k), COFFER_E_NOTFOUND);
	assert_non_null(strstr(f.text, "no key «a»"));
}

static void
test_folder_modes(void **state)
{
	static const struct {
		mode_t mode;
		coffer_err err;
	} cases[] = {{0700, COFFER_OK},	    {0755, COFFER_OK},	   {0500, COFFER_OK},
		     {0770, COFFER_E_PERM}, {0702, COFFER_E_PERM}, {0777, COFFER_E_PERM}};
	struct fault f = {.text = ""};

	(void)state;
	assert_int_equal(store_import(&f, "keys", "a", "file:raw"), COFFER_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct keyfile k = KEYFILE_INIT;

		assert_int_equal(chmod("keys", cases[i].mode), 0);
		assert_int_equal(store_read(&f, "keys", "a", &k), cases[i].err);
		keyfile_free(&k);
	}
	assert_non_null(strstr(f.text, "chmod 700 keys"));
	assert_int_equal(store_import(&f, "keys", "b", "file:raw"), COFFER_E_PERM);
	assert_int_equal(chmod("keys", 0700), 0);
}

static void
test_file_modes(void **state)
{
	struct keyfile k = KEYFILE_INIT;
	struct fault f = {.text = ""};

	(void)state;
	assert_int_equal(mkdir("keys", 0700), 0);
	/* in the keyring a raw key is private too */
	tmpdir_file("keys/r.key", raw, 32, 0640);
	assert_int_equal(store_read(&f, "keys", "r", &k), COFFER_E_PERM);
	assert_non_null(strstr(f.text, "chmod 600 keys/r.key"));
	assert_int_equal(chmod("keys/r.key", 0600), 0);
	assert_int_equal(store_read(&f, "keys", "r", &k), COFFER_OK);
	assert_string_equal(k.info.name, "r");
	keyfile_free(&k);
	assert_int_equal(symlink("r.key", "keys/s.key"), 0);
	assert_int_equal(store_read(&f, "keys", "s", &k), COFFER_E_PERM);
	assert_non_null(strstr(f.text, "symbolic link"));
}

#define in_tmpdir(test) cmocka_unit_test_setup_teardown(test, setup, tmpdir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		in_tmpdir(test_places), in_tmpdir(test_config_home),	 in_tmpdir(test_no_home),
		in_tmpdir(test_names),	in_tmpdir(test_import_and_read), in_tmpdir(test_list),
		in_tmpdir(test_remove), in_tmpdir(test_folder_modes),	 in_tmpdir(test_file_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
