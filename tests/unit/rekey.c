/* SPDX-License-Identifier: Apache-2.0 */
/* A new DEK, and what is left of one that was interrupted. */
#include <sys/file.h>

#include "support/kit.h"

static void
make_directory(void)
{
	kit_file("m/a", 1000, 1);
	kit_file("m/sub/b", (5 << 20) + 7, 2);
	assert_ok(coffer_seal(kit.ctx, "m", "d", kit.keys, NULL, NULL));
}

static void
assert_directory(const struct coffer_keyring *keys)
{
	assert_ok(coffer_open(kit.ctx, "d", "back", keys, NULL, NULL));
	assert_file("back/a", 1000, 1);
	assert_file("back/sub/b", (5 << 20) + 7, 2);
	assert_int_equal(kit_remove_all("back"), 0);
	assert_false(kit_exists(".d.coffer-new"));
}

static void
test_file(void **state)
{
	struct coffer_inspection *before, *after;
	struct coffer_stats stats;

	(void)state;
	kit_file("plain", 200000, 1);
	assert_ok(coffer_seal(kit.ctx, "plain", "f", kit.keys, NULL, NULL));
	assert_ok(coffer_inspect(kit.ctx, "f", &before));
	assert_refused(coffer_rekey(kit.ctx, "f", kit.other, kit.other, NULL), COFFER_E_NOKEY);
	assert_ok(coffer_rekey(kit.ctx, "f", kit.keys, kit.other, &stats));
	assert_int_equal(stats.bytes, 200000);
	assert_refused(coffer_check(kit.ctx, "f", kit.keys, NULL), COFFER_E_NOKEY);
	assert_ok(coffer_open(kit.ctx, "f", "back", kit.other, NULL, NULL));
	assert_file("back", 200000, 1);
	assert_ok(coffer_inspect(kit.ctx, "f", &after));
	assert_string_equal(before->model_id, after->model_id);
	assert_int_equal(after->generation, 2);
	assert_string_equal(after->name, "plain");
	coffer_inspection_free(&before);
	coffer_inspection_free(&after);
}

/* a damaged one stays as it is */
static void
test_damaged(void **state)
{
	(void)state;
	kit_file("plain", 200000, 1);
	make_directory();
	assert_ok(coffer_seal(kit.ctx, "plain", "f", kit.keys, NULL, NULL));
	kit_flip("f", 250000, 1);
	assert_refused(coffer_rekey(kit.ctx, "f", kit.keys, kit.other, NULL), COFFER_E_AUTH);
	kit_flip("f", 250000, 1);
	assert_ok(coffer_check(kit.ctx, "f", kit.keys, NULL));
	kit_flip("d/sub/b.coffer", 250000, 1);
	assert_refused(coffer_rekey(kit.ctx, "d", kit.keys, kit.other, NULL), COFFER_E_AUTH);
	kit_flip("d/sub/b.coffer", 250000, 1);
	assert_ok(coffer_rekey(kit.ctx, "d", kit.keys, kit.other, NULL)); /* over what the other left */
	assert_directory(kit.other);
}

static void
test_directory(void **state)
{
	struct coffer_stats stats;

	(void)state;
	make_directory();
	/* what is none of the model's stays */
	kit_file("d/README", 10, 8);
	kit_file("d/coffer.sig", 11, 8);
	kit_file("d/sub/notes", 12, 8);
	kit_file("d/.git/config", 13, 8);
	kit_file("d/.backup/old.coffer", 14, 8);
	kit_file("d/.x.coffer", 15, 8);
	kit_file("d/extra/deep/file", 16, 8);
	assert_ok(coffer_rekey(kit.ctx, "d/", kit.keys, kit.other, &stats));
	assert_int_equal(stats.n_files, 2);
	assert_file("d/README", 10, 8);
	/* but for a signature over what is no more */
	assert_false(kit_exists("d/coffer.sig"));
	assert_file("d/sub/notes", 12, 8);
	assert_file("d/.git/config", 13, 8);
	assert_file("d/extra/deep/file", 16, 8);
	assert_file("d/.backup/old.coffer", 14, 8);
	assert_file("d/.x.coffer", 15, 8);
	assert_int_equal(kit_count("d"), 9);
	assert_refused(coffer_check(kit.ctx, "d", kit.keys, NULL), COFFER_E_NOKEY);
	assert_directory(kit.other);
}

/* The model that a link points to is replaced, not the link. */
static void
test_links(void **state)
{
	struct stat st;

	(void)state;
	make_directory();
	kit_file("plain", 10, 1);
	assert_ok(coffer_seal(kit.ctx, "plain", "f", kit.keys, NULL, NULL));
	assert_int_equal(mkdir("links", 0777) | symlink("../d", "links/d") | symlink("../f", "links/f"), 0);
	assert_ok(coffer_rekey(kit.ctx, "links/d", kit.keys, kit.other, NULL));
	assert_ok(coffer_rekey(kit.ctx, "links/f", kit.keys, kit.other, NULL));
	assert_true(lstat("links/d", &st) == 0 && S_ISLNK(st.st_mode));
	assert_true(lstat("links/f", &st) == 0 && S_ISLNK(st.st_mode));
	assert_int_equal(kit_count("links"), 2);
	assert_directory(kit.other);
	assert_ok(coffer_check(kit.ctx, "f", kit.other, NULL));
	/* by a name that says nothing */
	assert_int_equal(chdir("d"), 0);
	assert_ok(coffer_rekey(kit.ctx, ".", kit.other, kit.keys, NULL));
	assert_int_equal(chdir(tmpdir_path), 0);
	assert_directory(kit.keys);
}

/* Killed before the exchange: beside d stands a new one, half made or whole. */
static void
test_stale_new(void **state)
{
	(void)state;
	make_directory();
	for (int whole = 0; whole < 2; whole++) {
		assert_ok(coffer_seal(kit.ctx, "m", ".d.coffer-new", kit.other, NULL, NULL));
		kit_file(".d.coffer-new/gone.coffer", 10, 1);
		if (!whole)
			assert_int_equal(unlink(".d.coffer-new/coffer.json"), 0);
		assert_ok(coffer_rekey(kit.ctx, "d", kit.keys, kit.keys, NULL));
		assert_directory(kit.keys);
	}
}

/* Killed after it: beside d stands the old one, of which a part may be gone, with files that belong to the user. */
static void
test_stale_old(void **state)
{
	(void)state;
	make_directory();
	for (int part = 0; part < 3; part++) {
		assert_ok(coffer_seal(kit.ctx, "m", ".d.coffer-new", kit.keys, NULL, NULL));
		kit_file(".d.coffer-new/sub/mine", 10, (unsigned int)part);
		if (part > 0)
			assert_int_equal(unlink(".d.coffer-new/a.coffer"), 0);
		if (part > 1)
			assert_int_equal(unlink(".d.coffer-new/sub/b.coffer"), 0);
		assert_ok(coffer_rekey(kit.ctx, "d", kit.keys, kit.keys, NULL));
		assert_directory(kit.keys);
		assert_file("d/sub/mine", 10, (unsigned int)part);
		assert_int_equal(unlink("d/sub/mine"), 0);
	}
}

/* One that another process is making is left alone. */
static void
test_busy(void **state)
{
	int fd;

	(void)state;
	make_directory();
	for (int whole = 0; whole < 2; whole++) {
		assert_ok(coffer_seal(kit.ctx, "m", ".d.coffer-new", kit.keys, NULL, NULL));
		if (!whole)
			assert_int_equal(rename(".d.coffer-new/coffer.json", ".d.coffer-new/.coffer.partial"), 0);
		fd = open(".d.coffer-new", O_RDONLY | O_DIRECTORY);
		assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
		assert_refused(coffer_rekey(kit.ctx, "d", kit.keys, kit.other, NULL), COFFER_E_BUSY);
		assert_int_equal(kit_count(".d.coffer-new"), 3);
		(void)close(fd);
		assert_int_equal(kit_remove_all(".d.coffer-new"), 0);
	}
	fd = open("d", O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_refused(coffer_rekey(kit.ctx, "d", kit.keys, kit.other, NULL), COFFER_E_BUSY);
	(void)close(fd);
	assert_directory(kit.keys);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(test_file),	  KIT_TEST(test_damaged),   KIT_TEST(test_directory), KIT_TEST(test_links),
		KIT_TEST(test_stale_new), KIT_TEST(test_stale_old), KIT_TEST(test_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
