/* SPDX-License-Identifier: Apache-2.0 */
/* The table that engines copy: what its functions give, and that they may be called from any thread. */
#include <pthread.h>

#include <coffer/hook.h>
#include <coffer/trust.h>

#include "support/kit.h"

#define RECORD 65536
#define BIG ((size_t)9 * 1024 * 1024 + 5) /* more than one thread opens alone */

static const struct coffer_hook *hook;
static struct coffer_hook_model *m;
static char why[300];

static int
setup(void **state)
{
	const struct coffer_seal_options o = {.version_1 = 1, .record_size = RECORD, .name = "s"};
	uint8_t key[COFFER_KEY_LEN];

	if (kit_setup(state) != 0 || setenv("XDG_CONFIG_HOME", tmpdir_path, 1) != 0 || unsetenv("COFFER_KEK") != 0)
		return -1;
	memset(key, 0x11, sizeof(key));
	tmpdir_file("right.key", key, sizeof(key), 0600);
	memset(key, 0x22, sizeof(key));
	tmpdir_file("wrong.key", key, sizeof(key), 0600);
	kit_file("m/big.bin", BIG, 1);
	kit_file("m/empty", 0, 2);
	kit_file("m/small", 100, 3);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &o, NULL));
	hook = coffer_hook(1);
	return 0;
}

static int
teardown(void **state)
{
	hook->close(m);
	m = NULL;
	return kit_teardown(state);
}

static void
open_model(void)
{
	hook->close(m);
	if (hook->open("s", "file:right.key", &m, why, sizeof(why)) != 0)
		fail_msg("%s", why);
}

static void
versions(void **state)
{
	(void)state;
	assert_non_null(hook);
	assert_int_equal(hook->version, 1);
	assert_null(coffer_hook(0));
	assert_null(coffer_hook(2));
}

static void
what_is_sealed(void **state)
{
	static const struct {
		const char *path;
		int is;
	} rows[] = {
		{"s", 1},	  {"s/small.coffer", 1}, {"s/coffer.json", 0}, {"m", 0},
		{"m/small", 0},	  {"m/empty", 0},	 {"nothing", 0},       {"", 0},
		{"/dev/null", 0}, {"pipe", 0},
	};

	(void)state;
	assert_int_equal(mkfifo("pipe", 0600), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (hook->is_sealed(rows[i].path) != rows[i].is)
			fail_msg("«%s»", rows[i].path);
}

/* ---- keys ---- */

static void
keys(void **state)
{
	static const struct {
		const char *kek, *variable;
		coffer_err want;
	} rows[] = {
		{"file:right.key", NULL, COFFER_OK},
		{"file:wrong.key", NULL, COFFER_E_NOKEY},
		{"file:wrong.key file:right.key", NULL, COFFER_OK},
		{"  file:wrong.key   file:right.key  ", NULL, COFFER_OK},
		{"file:nothing.key", NULL, COFFER_E_NOTFOUND},
		{"nonsense:x", NULL, COFFER_E_USAGE},
		{NULL, "file:wrong.key file:right.key", COFFER_OK},
		{NULL, "file:wrong.key", COFFER_E_NOKEY},
		{"file:right.key", "file:wrong.key", COFFER_OK},
		{NULL, NULL, COFFER_E_NOKEY}, /* the local keyring is empty */
		{NULL, "", COFFER_E_NOKEY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc;

		if (rows[i].variable)
			assert_int_equal(setenv("COFFER_KEK", rows[i].variable, 1), 0);
		else
			assert_int_equal(unsetenv("COFFER_KEK"), 0);
		memset(why, 0, sizeof(why));
		rc = hook->open("s", rows[i].kek, &m, why, sizeof(why));
		if (rc != (int)rows[i].want)
			fail_msg("row %zu: %s: %s", i, coffer_err_name((coffer_err)rc), why);
		assert_int_equal(m != NULL, rc == 0);
		assert_int_equal(why[0] != '\0', rc != 0);
		if (rc != 0)
			assert_string_equal(hook->why(), why);
		hook->close(m);
		m = NULL;
	}
	assert_int_equal(unsetenv("COFFER_KEK"), 0);
}

static void
the_local_keyring(void **state)
{
	struct coffer_keyring *ring;

	(void)state;
	assert_int_equal(kit_remove_all("s"), 0);
	assert_int_equal(setenv("COFFER_KEYS", tmpdir_path, 1), 0);
	assert_ok(coffer_key_generate(kit.ctx, COFFER_KEY_AES, "own.key", NULL));
	assert_ok(coffer_keyring_new(kit.ctx, &ring));
	assert_ok(coffer_keyring_add(kit.ctx, ring, "file:own.key"));
	assert_ok(coffer_seal(kit.ctx, "m", "s", ring, NULL, NULL));
	coffer_keyring_free(&ring);
	assert_int_equal(unlink("right.key") | unlink("wrong.key"), 0);
	assert_int_equal(hook->open("s", NULL, &m, why, sizeof(why)), 0);
	assert_int_equal(unsetenv("COFFER_KEYS"), 0);
}

static void
a_short_sentence(void **state)
{
	char few[5] = {'x', 'x', 'x', 'x', 'x'};

	(void)state;
	assert_int_equal(hook->open("nothing", "file:right.key", &m, few, sizeof(few)), COFFER_E_NOTFOUND);
	assert_int_equal(few[4], '\0');
	assert_int_equal(strlen(few), 4);
	assert_int_equal(hook->open("nothing", "file:right.key", &m, NULL, 0), COFFER_E_NOTFOUND);
	assert_int_equal(hook->open("nothing", "file:right.key", &m, few, 0), COFFER_E_NOTFOUND);
	assert_non_null(strstr(hook->why(), "nothing"));
}

static void
whose_it_is_and_no_code(void **state)
{
	const struct coffer_trust_options bound = {.version_1 = 1, .method = COFFER_METHOD_KEY, .public_key = "pub"};
	char id[65];

	(void)state;
	assert_ok(coffer_signing_key_generate(kit.ctx, COFFER_CURVE_P256, "pem", "pub", NULL, id));
	assert_ok(coffer_trust_add(kit.ctx, "s", &bound));
	assert_int_equal(hook->open("s", "file:right.key", &m, why, sizeof(why)), COFFER_E_POLICY);
	assert_ok(coffer_trust_remove(kit.ctx, "s"));
	kit_file("m/run.py", 10, 1);
	assert_int_equal(kit_remove_all("s"), 0);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
	assert_int_equal(hook->open("s", "file:right.key", &m, why, sizeof(why)), COFFER_E_POLICY);
	assert_non_null(strstr(why, "run.py"));
	assert_null(m);
}

/* ---- files ---- */

static void
files(void **state)
{
	(void)state;
	open_model();
	assert_int_equal(hook->files(m), 3);
	assert_string_equal(hook->path(m, 2), "small");
	assert_null(hook->path(m, 3));
	assert_int_equal(hook->find(m, "empty"), 1);
	assert_int_equal(hook->find(m, "nothing"), SIZE_MAX);
	assert_int_equal(hook->size(m, 0), BIG);
	assert_int_equal(hook->size(m, 1), 0);
	assert_true(hook->size(m, 3) == UINT64_MAX);
	assert_true(hook->why()[0] != '\0');
	kit_flip("s/small.coffer", 100, 1); /* in its head */
	assert_true(hook->size(m, 2) == UINT64_MAX);
}

static void
assert_read(size_t off, size_t len)
{
	uint8_t *want = kit_bytes(BIG, 1), *got = malloc(len + 1);

	got[len] = 0xee;
	assert_int_equal(hook->read(m, 0, off, got, len), 0);
	assert_memory_equal(got, want + off, len);
	assert_int_equal(got[len], 0xee);
	free(want);
	free(got);
}

static void
reading(void **state)
{
	uint8_t bytes[8];

	(void)state;
	open_model();
	assert_read(0, BIG);
	assert_read(77, BIG - 77);
	assert_read(RECORD - 1, 2);
	assert_read(BIG, 0);
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(hook->read(m, 0, BIG - 7, bytes, 8), COFFER_E_RANGE);
	assert_true(bytes[0] == 0 && bytes[7] == 0);
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(hook->read(m, 3, 0, bytes, 8), COFFER_E_RANGE);
	assert_true(bytes[0] == 0 && bytes[7] == 0);
	assert_true(hook->why()[0] != '\0');
}

static void
a_changed_file(void **state)
{
	uint8_t *bytes = malloc(BIG);
	const void *map = bytes;
	size_t len = 1;

	(void)state;
	open_model();
	memset(bytes, 0xee, BIG);
	kit_flip("s/big.bin.coffer", 5 << 20, 1);
	assert_int_equal(hook->read(m, 0, 0, bytes, BIG), COFFER_E_AUTH);
	for (size_t i = 0; i < BIG; i++)
		assert_int_equal(bytes[i], 0);
	assert_int_equal(hook->read(m, 0, 0, bytes, 10), COFFER_E_AUTH);
	assert_int_equal(hook->map(m, 0, &map, &len), COFFER_E_AUTH);
	assert_null(map);
	assert_int_equal(len, 0);
	free(bytes);
}

static void
mapping(void **state)
{
	const void *first, *second, *none;
	uint8_t *want = kit_bytes(BIG, 1);
	size_t len;

	(void)state;
	open_model();
	assert_int_equal(hook->map(m, 0, &first, &len), 0);
	assert_int_equal(len, BIG);
	assert_int_equal(hook->map(m, 0, &second, &len), 0);
	assert_ptr_equal(first, second);
	hook->unmap(m, 0);
	assert_memory_equal(first, want, BIG);
	assert_int_equal(hook->map(m, 1, &none, &len), 0);
	assert_non_null(none);
	assert_int_equal(len, 0);
	assert_int_equal(hook->map(m, 3, &none, &len), COFFER_E_RANGE);
	hook->unmap(m, 0);
	hook->unmap(m, 0); /* once too often */
	hook->unmap(m, 3);
	assert_int_equal(hook->map(m, 0, &first, &len), 0);
	assert_int_equal(hook->map(m, 0, &second, &len), 0);
	hook->unmap(m, 0);
	assert_memory_equal(first, want, BIG); /* and close() frees it */
	free(want);
}

static void *
use_much(void *arg)
{
	size_t off = (size_t)(uintptr_t)arg * 1000;
	uint8_t *want = kit_bytes(BIG, 1), *got = malloc(BIG);
	const void *map;
	uintptr_t wrong = 0;
	size_t len;

	for (int i = 0; i < 3; i++) {
		wrong += hook->read(m, 0, off, got, 1000) != 0 || memcmp(got, want + off, 1000) != 0;
		wrong += hook->read(m, 0, off, got, BIG - off) != 0 || memcmp(got, want + off, BIG - off) != 0;
		wrong += hook->map(m, 0, &map, &len) != 0 || memcmp(map, want, BIG) != 0;
		wrong += hook->size(m, 2) != 100;
		hook->unmap(m, 0);
		wrong += hook->read(m, 3, 0, got, 1) != COFFER_E_RANGE || hook->why()[0] == '\0';
	}
	free(want);
	free(got);
	return (void *)wrong;
}

static void
threads(void **state)
{
	pthread_t all[4];
	void *wrong;

	(void)state;
	open_model();
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&all[i], NULL, use_much, (void *)i), 0);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(all[i], &wrong), 0);
		assert_null(wrong);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(versions, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_sealed, setup, teardown),
		cmocka_unit_test_setup_teardown(keys, setup, teardown),
		cmocka_unit_test_setup_teardown(the_local_keyring, setup, teardown),
		cmocka_unit_test_setup_teardown(a_short_sentence, setup, teardown),
		cmocka_unit_test_setup_teardown(whose_it_is_and_no_code, setup, teardown),
		cmocka_unit_test_setup_teardown(files, setup, teardown),
		cmocka_unit_test_setup_teardown(reading, setup, teardown),
		cmocka_unit_test_setup_teardown(a_changed_file, setup, teardown),
		cmocka_unit_test_setup_teardown(mapping, setup, teardown),
		cmocka_unit_test_setup_teardown(threads, setup, teardown),
	};

	return cmocka_run_group_tests_name("hook", tests, NULL, NULL);
}
