/* SPDX-License-Identifier: Apache-2.0 */
/* New recipients for the same DEK. */
#include <sys/file.h>

#include "support/kit.h"

static struct coffer_keyring *third;

/* f: a sealed file; d: a sealed directory; both for kit.keys */
static int
setup(void **state)
{
	if (kit_setup(state) != 0)
		return -1;
	third = kit_keyring(0x33);
	kit_file("plain", 100000, 1);
	kit_file("m/a", 1000, 2);
	assert_ok(coffer_seal(kit.ctx, "plain", "f", kit.keys, NULL, NULL));
	assert_ok(coffer_seal(kit.ctx, "m", "d", kit.keys, NULL, NULL));
	return 0;
}

static int
teardown(void **state)
{
	coffer_keyring_free(&third);
	return kit_teardown(state);
}

static const char *const models[] = {"f", "d"};

static void
assert_opens(const char *path, const struct coffer_keyring *keys, coffer_err want)
{
	assert_err(coffer_check(kit.ctx, path, keys, NULL), want);
}

static struct coffer_inspection *
look(const char *path)
{
	struct coffer_inspection *i;

	assert_ok(coffer_inspect(kit.ctx, path, &i));
	return i;
}

static void
assert_state(const char *path, uint64_t generation, size_t n_recipients)
{
	struct coffer_inspection *i = look(path);

	assert_int_equal(i->generation, generation);
	assert_int_equal(i->n_recipients, n_recipients);
	coffer_inspection_free(&i);
}

#define REWRAP(path, keys, ...)                                                                                        \
	coffer_rewrap(kit.ctx, path, keys, &(const struct coffer_rewrap_options){.version_1 = 1, __VA_ARGS__})

static void
test_add_remove(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const char *path = models[i];

		assert_ok(REWRAP(path, kit.keys, .add = kit.other));
		assert_state(path, 2, 2);
		assert_opens(path, kit.keys, COFFER_OK);
		assert_opens(path, kit.other, COFFER_OK);
		assert_ok(REWRAP(path, kit.other, .add = kit.other)); /* wrapped anew, not twice */
		assert_state(path, 3, 2);
		assert_ok(REWRAP(path, kit.other, .remove = kit.keys));
		assert_state(path, 4, 1);
		assert_opens(path, kit.keys, COFFER_E_NOKEY);
		assert_opens(path, kit.other, COFFER_OK);
		assert_ok(REWRAP(path, kit.other, .add = third, .replace = true));
		assert_state(path, 5, 1);
		assert_opens(path, kit.other, COFFER_E_NOKEY);
		assert_opens(path, third, COFFER_OK);
		assert_ok(REWRAP(path, third, .add = kit.keys, .remove = third));
		assert_opens(path, kit.keys, COFFER_OK);
		assert_state(path, 6, 1);
	}
	assert_ok(coffer_open(kit.ctx, "f", "back", kit.keys, NULL, NULL));
	assert_file("back", 100000, 1);
}

static void
test_remove_ids(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct coffer_inspection *seen = look(models[i]);
		const char *const ids[] = {seen->recipients[0].id}, *const unknown[] = {"00"}, *const empty[] = {""};
		const char *const twice[] = {ids[0], ids[0]};

		assert_ok(REWRAP(models[i], kit.keys, .add = kit.other));
		assert_refused(REWRAP(models[i], kit.other, .remove_ids = unknown, .n_remove_ids = 1), COFFER_E_USAGE);
		assert_refused(REWRAP(models[i], kit.other, .remove_ids = twice, .n_remove_ids = 2), COFFER_E_USAGE);
		assert_refused(REWRAP(models[i], kit.other, .remove_ids = empty, .n_remove_ids = 1), COFFER_E_USAGE);
		assert_ok(REWRAP(models[i], kit.other, .remove_ids = ids, .n_remove_ids = 1));
		assert_opens(models[i], kit.keys, COFFER_E_NOKEY);
		coffer_inspection_free(&seen);
	}
}

/* No id is not the id of those that have none. */
static void
test_passphrase(void **state)
{
	static const char *const empty[] = {""};
	struct coffer_keyring *phrase;

	(void)state;
	tmpdir_file("phrase", "a long passphrase\n", 18, 0600);
	assert_ok(coffer_keyring_new(kit.ctx, &phrase));
	assert_ok(coffer_keyring_add(kit.ctx, phrase, "passphrase:file=phrase"));
	assert_ok(REWRAP("f", kit.keys, .add = phrase));
	assert_refused(REWRAP("f", kit.keys, .remove_ids = empty, .n_remove_ids = 1), COFFER_E_USAGE);
	assert_opens("f", phrase, COFFER_OK);
	assert_ok(REWRAP("f", kit.keys, .remove = phrase)); /* found by trying it */
	assert_opens("f", phrase, COFFER_E_NOKEY);
	coffer_keyring_free(&phrase);
}

static const struct coffer_rewrap_options later = {.version_1 = 2};

/* Refused, and not a byte is another. */
static void
test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const char *path = models[i], *bytes_of = i == 0 ? "f" : "d/coffer.json";
		size_t len, len_after;
		uint8_t *before = kit_read(bytes_of, &len), *after;

		assert_refused(REWRAP(path, kit.keys, .remove = kit.keys), COFFER_E_USAGE); /* the last one */
		assert_refused(REWRAP(path, kit.keys, .replace = true), COFFER_E_USAGE);
		assert_refused(REWRAP(path, kit.keys, .remove = kit.other), COFFER_E_USAGE); /* not there */
		assert_refused(REWRAP(path, kit.other, .add = kit.other), COFFER_E_NOKEY);
		assert_refused(REWRAP(path, kit.keys, .reserved = {1}), COFFER_E_USAGE);
		assert_refused(coffer_rewrap(kit.ctx, path, kit.keys, &later), COFFER_E_USAGE);
		assert_ok(REWRAP(path, kit.keys, .add = kit.other, .dry_run = true));
		after = kit_read(bytes_of, &len_after);
		assert_int_equal(len, len_after);
		assert_memory_equal(before, after, len);
		free(before);
		free(after);
	}
	assert_refused(REWRAP("nothing", kit.keys, .add = kit.other), COFFER_E_NOTFOUND);
	assert_refused(REWRAP("plain", kit.keys, .add = kit.other), COFFER_E_FORMAT);
	assert_int_equal(mkfifo("fifo", 0666), 0);
	assert_refused(REWRAP("fifo", kit.keys, .add = kit.other), COFFER_E_FORMAT);
	assert_refused(REWRAP("d/a.coffer", kit.keys, .add = kit.other), COFFER_E_FORMAT);
}

static void
test_many(void **state)
{
	struct coffer_keyring *many;
	uint8_t key[32] = {0x80};

	(void)state;
	assert_ok(coffer_keyring_new(kit.ctx, &many));
	for (key[1] = 0; key[1] < 31; key[1]++)
		assert_ok(coffer_keyring_add_raw(kit.ctx, many, key));
	for (size_t i = 0; i < 2; i++) {
		assert_ok(REWRAP(models[i], kit.keys, .add = many));
		assert_state(models[i], 2, 32);
		assert_refused(REWRAP(models[i], kit.keys, .add = third), COFFER_E_USAGE);
		assert_state(models[i], 2, 32);
		assert_ok(REWRAP(models[i], kit.keys, .remove = many));
		assert_state(models[i], 3, 1);
	}
	coffer_keyring_free(&many);
}

static void
test_busy(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int fd = open(models[i], O_RDONLY);

		assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
		assert_refused(REWRAP(models[i], kit.keys, .add = kit.other), COFFER_E_BUSY);
		assert_opens(models[i], kit.keys, COFFER_OK); /* readers do not mind */
		(void)close(fd);
		assert_ok(REWRAP(models[i], kit.keys, .add = kit.other));
	}
}

/* ---- the slots of a file ---- */

#define SLOT(n) (4096 + 65536 * (n))

/* copy slot @from of the file @other to slot @to of f */
static void
put_slot(const char *other, unsigned int from, unsigned int to)
{
	size_t len;
	uint8_t *bytes = kit_read(other, &len);
	int fd = open("f", O_WRONLY);

	assert_int_equal(pwrite(fd, bytes + SLOT(from), 65536, SLOT(to)), 65536);
	(void)close(fd);
	free(bytes);
}

static void
blank_slot(unsigned int slot)
{
	static const uint8_t zero[64];
	int fd = open("f", O_WRONLY);

	assert_int_equal(pwrite(fd, zero, 64, SLOT(slot)), 64);
	(void)close(fd);
}

static void
assert_slots_equal(void)
{
	size_t len;
	uint8_t *bytes = kit_read("f", &len);

	assert_memory_equal(bytes + SLOT(0), bytes + SLOT(1), 65536);
	free(bytes);
}

static void
test_mend(void **state)
{
	(void)state;
	for (unsigned int slot = 0; slot < 2; slot++) {
		kit_flip("f", SLOT(slot) + 100, 1);
		assert_opens("f", kit.keys, COFFER_E_FORMAT);
		assert_ok(REWRAP("f", kit.keys));
		assert_opens("f", kit.keys, COFFER_OK);
		assert_slots_equal();
	}
	/* what is not understood is not mended */
	kit_flip("f", SLOT(0) + 100, 1);
	kit_flip("f", SLOT(1) + 100, 1);
	assert_refused(REWRAP("f", kit.keys), COFFER_E_FORMAT);
	kit_flip("f", SLOT(1) + 100, 1);
	blank_slot(1);
	assert_refused(REWRAP("f", kit.keys), COFFER_E_FORMAT);
}

/* Every state that a rewrap can be killed in opens with the old recipients or the new, and rewrap makes it whole. */
static void
test_interrupted(void **state)
{
	(void)state;
	assert_int_equal(link("f", "keep"), 0);
	kit_file("other", 100000, 1);
	for (unsigned int current = 0; current < 2; current++)
		for (unsigned int step = 0; step < 4; step++) {
			const struct coffer_seal_options force = {.version_1 = 1, .force = true};
			size_t len;
			uint8_t *old;

			assert_ok(coffer_seal(kit.ctx, "plain", "f", kit.keys, &force, NULL));
			old = kit_read("f", &len);
			tmpdir_file("old", old, len, 0644);
			free(old);
			assert_ok(REWRAP("f", kit.keys, .add = kit.other, .replace = true));
			old = kit_read("f", &len);
			tmpdir_file("new", old, len, 0644);
			free(old);
			put_slot("old", 0, 0);
			put_slot("old", 0, 1);
			if (step >= 1)
				put_slot("new", 0, 1 - current);
			if (step == 0)
				blank_slot(1 - current);
			if (step == 2)
				blank_slot(current);
			if (step == 3)
				put_slot("new", 0, current);
			assert_opens("f", kit.keys, step == 0 ? COFFER_OK : COFFER_E_NOKEY);
			assert_opens("f", kit.other, step == 0 ? COFFER_E_NOKEY : COFFER_OK);
			assert_ok(REWRAP("f", step == 0 ? kit.keys : kit.other, .add = third));
			assert_slots_equal();
			assert_opens("f", third, COFFER_OK);
		}
}

/* Two of one generation that differ are no interrupted rewrap, and an older key block does not come back unseen by halves. */
static void
test_generations(void **state)
{
	size_t len;
	uint8_t *bytes = kit_read("f", &len);

	(void)state;
	tmpdir_file("g", bytes, len, 0644);
	free(bytes);
	assert_ok(REWRAP("f", kit.keys, .add = kit.other));
	assert_ok(REWRAP("g", kit.keys, .add = third));
	put_slot("g", 1, 1);
	assert_opens("f", kit.keys, COFFER_E_FORMAT);
	assert_refused(REWRAP("f", kit.keys), COFFER_E_FORMAT);
	blank_slot(0);
	blank_slot(1);
	assert_opens("f", kit.keys, COFFER_E_FORMAT);
	assert_refused(REWRAP("f", kit.keys), COFFER_E_FORMAT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_add_remove), TEST(test_remove_ids),  TEST(test_passphrase),
		TEST(test_refusals),   TEST(test_many),	       TEST(test_busy),
		TEST(test_mend),       TEST(test_interrupted), TEST(test_generations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
