/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing and opening in place: at no time is there less than a whole copy of each file. */
#include "support/kit.h"

static const struct coffer_seal_options seal = {.version_1 = 1, .in_place = true};
static const struct coffer_open_options unseal = {.version_1 = 1, .in_place = true};

static void
set_time_of(const char *path, const char *other)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}};
	struct stat st;

	assert_int_equal(stat(other, &st), 0);
	times[1] = st.st_mtim;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void
test_file(void **state)
{
	struct coffer_stats stats;
	const struct coffer_seal_options force = {.version_1 = 1, .in_place = true, .force = true};

	(void)state;
	kit_file("d/f", 100000, 1);
	assert_ok(coffer_seal(kit.ctx, "d/f", NULL, kit.keys, &seal, NULL));
	assert_false(kit_exists("d/f"));
	assert_refused(coffer_open(kit.ctx, "d/f.coffer", NULL, kit.other, &unseal, NULL), COFFER_E_NOKEY);
	assert_ok(coffer_open(kit.ctx, "d/f.coffer", NULL, kit.keys, &unseal, NULL));
	assert_file("d/f", 100000, 1);
	assert_int_equal(kit_count("d"), 1);
	/* both there, as between the last two steps */
	assert_ok(coffer_seal(kit.ctx, "d/f", "d/f.coffer", kit.keys, NULL, NULL));
	assert_refused(coffer_seal(kit.ctx, "d/f", NULL, kit.other, &seal, NULL), COFFER_E_EXISTS);
	kit_file("d/f", 100000, 2); /* somebody's, and of the same size */
	assert_refused(coffer_open(kit.ctx, "d/f.coffer", NULL, kit.keys, &unseal, NULL), COFFER_E_EXISTS);
	assert_file("d/f", 100000, 2);
	assert_int_equal(kit_count("d"), 2);
	kit_file("d/f", 100000, 1);
	kit_flip("d/f.coffer", 150000, 1); /* it is opened before the plain file goes */
	set_time_of("d/f.coffer", "d/f");
	assert_refused(coffer_seal(kit.ctx, "d/f", NULL, kit.keys, &seal, NULL), COFFER_E_EXISTS);
	assert_file("d/f", 100000, 1);
	kit_flip("d/f.coffer", 150000, 1);
	set_time_of("d/f.coffer", "d/f");
	assert_ok(coffer_seal(kit.ctx, "d/f", NULL, kit.keys, &seal, &stats));
	assert_int_equal(stats.n_skipped, 1);
	assert_int_equal(kit_count("d"), 1);
	assert_ok(coffer_open(kit.ctx, "d/f.coffer", "d/f", kit.keys, NULL, NULL));
	assert_ok(coffer_open(kit.ctx, "d/f.coffer", NULL, kit.keys, &unseal, NULL));
	assert_file("d/f", 100000, 1);
	assert_int_equal(kit_count("d"), 1);
	assert_ok(coffer_seal(kit.ctx, "d/f", NULL, kit.other, &force, NULL));
	assert_int_equal(kit_count("d"), 1);
	/* a sealed file of which nobody can tell the plain name */
	assert_int_equal(rename("d/f.coffer", "d/g"), 0);
	assert_refused(coffer_open(kit.ctx, "d/g", NULL, kit.other, &unseal, NULL), COFFER_E_USAGE);
	assert_refused(coffer_seal(kit.ctx, "d/g", NULL, kit.keys, &seal, NULL), COFFER_E_SEALED);
	assert_int_equal(kit_count("d"), 1);
}

static void
test_damaged_file(void **state)
{
	(void)state;
	kit_file("f", 100000, 1);
	assert_ok(coffer_seal(kit.ctx, "f", NULL, kit.keys, &seal, NULL));
	kit_flip("f.coffer", 200000, 1);
	assert_refused(coffer_open(kit.ctx, "f.coffer", NULL, kit.keys, &unseal, NULL), COFFER_E_AUTH);
	assert_true(kit_exists("f.coffer") && !kit_exists("f"));
}

/* Through a link the link would go, and the plain file behind it would stay. */
static void
test_link(void **state)
{
	(void)state;
	kit_file("f", 1000, 1);
	assert_int_equal(symlink("f", "link"), 0);
	assert_refused(coffer_seal(kit.ctx, "link", NULL, kit.keys, &seal, NULL), COFFER_E_USAGE);
	assert_int_equal(symlink("f.coffer", "link.coffer"), 0);
	assert_file("f", 1000, 1);
	assert_true(kit_exists("link") && !kit_exists("f.coffer"));
	assert_int_equal(unlink("link"), 0);
	assert_ok(coffer_seal(kit.ctx, "f", NULL, kit.keys, &seal, NULL));
	assert_refused(coffer_open(kit.ctx, "link.coffer", NULL, kit.keys, &unseal, NULL), COFFER_E_USAGE);
	assert_true(kit_exists("f.coffer") && kit_exists("link.coffer") && !kit_exists("link"));
}

static void
make_model(void)
{
	kit_file("m/a", 1000, 1);
	kit_file("m/sub/b", (5 << 20) + 7, 2);
	kit_file("m/sub/c", 0, 3);
}

static void
assert_plain(void)
{
	assert_file("m/a", 1000, 1);
	assert_file("m/sub/b", (5 << 20) + 7, 2);
	assert_file("m/sub/c", 0, 3);
	assert_int_equal(kit_count("m"), 3);
}

static void
test_directory(void **state)
{
	const struct coffer_seal_options dry = {.version_1 = 1, .in_place = true, .dry_run = true};
	const struct coffer_open_options open_dry = {.version_1 = 1, .in_place = true, .dry_run = true};

	(void)state;
	make_model();
	assert_ok(coffer_seal(kit.ctx, "m", NULL, kit.keys, &dry, NULL));
	assert_plain();
	assert_ok(coffer_seal(kit.ctx, "m", NULL, kit.keys, &seal, NULL));
	assert_int_equal(kit_count("m"), 4);
	assert_true(kit_exists("m/coffer.json") && kit_exists("m/sub/c.coffer") && !kit_exists("m/sub/c"));
	assert_ok(coffer_check(kit.ctx, "m", kit.keys, NULL));
	assert_refused(coffer_seal(kit.ctx, "m", NULL, kit.keys, &seal, NULL), COFFER_E_SEALED);
	assert_ok(coffer_open(kit.ctx, "m", NULL, kit.keys, &open_dry, NULL));
	assert_int_equal(kit_count("m"), 4);
	assert_ok(coffer_open(kit.ctx, "m", NULL, kit.keys, &unseal, NULL));
	assert_plain();
}

static void
test_directory_refusals(void **state)
{
	static const char *const patterns[] = {"a"};
	const struct coffer_open_options part = {.version_1 = 1, .in_place = true, .include = patterns, .n_include = 1};
	struct coffer_keyring *public_key;
	struct coffer_key_info info;
	char uri[120];

	(void)state;
	make_model();
	assert_ok(coffer_key_generate(kit.ctx, COFFER_KEY_X25519, "k", &info));
	(void)snprintf(uri, sizeof(uri), "recipient:%s", info.public_key);
	assert_ok(coffer_keyring_new(kit.ctx, &public_key));
	assert_ok(coffer_keyring_add(kit.ctx, public_key, uri));
	/* could not go on after an interruption */
	assert_refused(coffer_seal(kit.ctx, "m", NULL, public_key, &seal, NULL), COFFER_E_USAGE);
	coffer_keyring_free(&public_key);
	assert_int_equal(symlink("a", "m/link"), 0);
	assert_refused(coffer_seal(kit.ctx, "m", NULL, kit.keys, &seal, NULL), COFFER_E_USAGE);
	assert_int_equal(unlink("m/link"), 0);
	assert_plain();
	assert_ok(coffer_seal(kit.ctx, "m", NULL, kit.keys, &seal, NULL));
	assert_refused(coffer_open(kit.ctx, "m", NULL, kit.keys, &part, NULL), COFFER_E_USAGE);
	kit_flip("m/sub/b.coffer", 70000, 1);
	assert_refused(coffer_open(kit.ctx, "m", NULL, kit.keys, &unseal, NULL), COFFER_E_AUTH);
	assert_true(kit_exists("m/sub/b.coffer") && !kit_exists("m/sub/b"));
}

/* Each state that a killed sealing can leave: how many files are sealed, and whether the last one's plain file is there. */
static void
test_seal_goes_on(void **state)
{
	static const char *const plain[] = {"m/a", "m/sub/c", "m/sub/b"}; /* small ones come first */

	(void)state;
	for (unsigned int n_sealed = 0; n_sealed <= 3; n_sealed++)
		for (int both = 0; both < 2; both++) {
			struct coffer_stats stats;
			char sealed[40];

			make_model();
			assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
			assert_int_equal(rename("s/coffer.json", "m/.coffer.partial"), 0);
			for (unsigned int i = 0; i < n_sealed; i++) {
				char from[40];

				(void)snprintf(from, sizeof(from), "s%s.coffer", plain[i] + 1);
				(void)snprintf(sealed, sizeof(sealed), "%s.coffer", plain[i]);
				assert_int_equal(rename(from, sealed), 0);
				if (i + 1 < n_sealed || !both)
					assert_int_equal(unlink(plain[i]), 0);
			}
			assert_refused(coffer_check(kit.ctx, "m", kit.keys, NULL), COFFER_E_FILESET);
			assert_refused(coffer_seal(kit.ctx, "m", NULL, kit.other, &seal, NULL), COFFER_E_NOKEY);
			assert_ok(coffer_seal(kit.ctx, "m", NULL, kit.keys, &seal, &stats));
			assert_int_equal(stats.n_skipped, n_sealed);
			assert_int_equal(stats.n_files, 3);
			assert_ok(coffer_open(kit.ctx, "m", NULL, kit.keys, &unseal, NULL));
			assert_plain();
			assert_int_equal(kit_remove_all("s"), 0);
		}
}

static void
test_seal_does_not_go_on(void **state)
{
	(void)state;
	make_model();
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
	assert_int_equal(rename("s/coffer.json", "m/.coffer.partial"), 0);
	kit_file("m/new", 5, 5);
	assert_refused(coffer_seal(kit.ctx, "m", NULL, kit.keys, &seal, NULL), COFFER_E_CHANGED);
	assert_int_equal(unlink("m/new"), 0);
	/* a plain file has gone that was never sealed, or whose sealed file is another */
	assert_int_equal(rename("m/a", "a"), 0);
	assert_refused(coffer_seal(kit.ctx, "m", NULL, kit.keys, &seal, NULL), COFFER_E_FILESET);
	assert_int_equal(rename("s/sub/c.coffer", "m/a.coffer"), 0);
	assert_refused(coffer_seal(kit.ctx, "m", NULL, kit.keys, &seal, NULL), COFFER_E_FILESET);
	assert_false(kit_exists("m/coffer.json"));
}

/* An opening that ended at the second file, and each state of the first. */
static void
test_open_goes_on(void **state)
{
	(void)state;
	for (int sealed_is_back = 0; sealed_is_back < 2; sealed_is_back++) {
		struct coffer_stats stats;

		make_model();
		assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
		assert_ok(coffer_seal(kit.ctx, "m", NULL, kit.keys, &seal, NULL));
		if (sealed_is_back)
			assert_int_equal(link("m/a.coffer", "a.coffer"), 0);
		kit_flip("m/sub/b.coffer", 70000, 1);
		assert_refused(coffer_open(kit.ctx, "m", NULL, kit.keys, &unseal, NULL), COFFER_E_AUTH);
		assert_file("m/a", 1000, 1);
		assert_true(kit_exists("m/.coffer.opening") && !kit_exists("m/a.coffer"));
		kit_flip("m/sub/b.coffer", 70000, 1);
		if (sealed_is_back) {
			assert_int_equal(rename("a.coffer", "m/a.coffer"), 0);
			kit_file("m/a", 1000, 99); /* only the sealed file is believed */
		}
		assert_refused(coffer_check(kit.ctx, "m", kit.keys, NULL), COFFER_E_PLAIN);
		assert_ok(coffer_open(kit.ctx, "m", NULL, kit.keys, &unseal, &stats));
		assert_int_equal(stats.n_skipped, sealed_is_back ? 1 : 2);
		assert_plain();
		assert_int_equal(kit_remove_all("s"), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(test_file),
		KIT_TEST(test_damaged_file),
		KIT_TEST(test_link),
		KIT_TEST(test_directory),
		KIT_TEST(test_directory_refusals),
		KIT_TEST(test_seal_goes_on),
		KIT_TEST(test_seal_does_not_go_on),
		KIT_TEST(test_open_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
