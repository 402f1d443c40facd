/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing and opening, the ways that end well and the refusals.  Interrupted runs are in resume.c. */
#include "support/kit.h"
#include "support/text.h"

static const uint32_t record_sizes[] = {0, 65536, 1 << 22};
static const size_t sizes[] = {
	0, 1, 65535, 65536, 65537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (3 << 20) + 5, (5 << 20) + 1};

/* Sizes about the borders of records and of steps, with one thread and with several. */
static void
test_sizes(void **state)
{
	(void)state;
	for (size_t r = 0; r < sizeof(record_sizes) / sizeof(record_sizes[0]); r++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			const struct coffer_seal_options options = {
				.version_1 = 1, .record_size = record_sizes[r], .force = true};
			const struct coffer_open_options open_options = {.version_1 = 1, .force = true};
			struct coffer_stats stats;

			coffer_ctx_set_jobs(kit.ctx, i % 2 ? 1 : 3);
			kit_file("plain", sizes[i], (unsigned int)i);
			assert_ok(coffer_seal(kit.ctx, "plain", "sealed", kit.keys, &options, &stats));
			assert_true(stats.n_files == 1 && stats.bytes == sizes[i] && stats.n_skipped == 0);
			assert_int_equal(strspn(stats.model_id, "0123456789abcdef"), 32);
			assert_ok(coffer_check(kit.ctx, "sealed", kit.keys, NULL));
			assert_ok(coffer_open(kit.ctx, "sealed", "back", kit.keys, &open_options, &stats));
			assert_int_equal(stats.bytes, sizes[i]);
			assert_file("back", sizes[i], (unsigned int)i);
		}
}

static void
make_model(void)
{
	kit_file("m/config.json", 300, 1);
	kit_file("m/model-00001.safetensors", 700000, 2);
	kit_file("m/model-00002.safetensors", (5 << 20) + 3, 3);
	kit_file("m/empty", 0, 4);
	kit_file("m/a/b/c/\xe6\xa8\xa1\xe5\x9e\x8b \xf0\x9f\xa4\x97.bin", 70000, 5);
	kit_file("m/.gitattributes", 10, 6);
}

static void
assert_model(const char *folder)
{
	const char *const paths[] = {"config.json", "model-00001.safetensors", "model-00002.safetensors", "empty",
				     "a/b/c/\xe6\xa8\xa1\xe5\x9e\x8b \xf0\x9f\xa4\x97.bin"};
	const size_t lens[] = {300, 700000, (5 << 20) + 3, 0, 70000};
	char path[200];

	for (unsigned int i = 0; i < 5; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, paths[i]);
		assert_file(path, lens[i], i + 1);
	}
	(void)snprintf(path, sizeof(path), "%s/.gitattributes", folder);
	assert_false(kit_exists(path));
	assert_int_equal(kit_count(folder), 5);
}

static void
test_directory(void **state)
{
	const struct coffer_pair context[] = {{"b", "2"}, {"a", "1"}};
	const struct coffer_seal_options options = {
		.version_1 = 1, .name = "the model", .model_version = "v1", .context = context, .n_context = 2};
	struct coffer_stats stats;

	(void)state;
	make_model();
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &options, &stats));
	assert_int_equal(stats.n_files, 5);
	assert_int_equal(kit_count("s"), 6); /* and coffer.json, but no mark */
	assert_true(kit_exists("s/coffer.json") && kit_exists("s/config.json.coffer"));
	assert_ok(coffer_check(kit.ctx, "s", kit.keys, &stats));
	assert_int_equal(stats.n_files, 5);
	assert_ok(coffer_open(kit.ctx, "s/", "back/", kit.keys, NULL, &stats));
	assert_model("back");
	assert_int_equal(kit_count("m"), 6); /* the plain model is as it was */
	/* another key opens nothing, and leaves nothing */
	assert_refused(coffer_open(kit.ctx, "s", "x", kit.other, NULL, NULL), COFFER_E_NOKEY);
	assert_refused(coffer_check(kit.ctx, "s", kit.other, NULL), COFFER_E_NOKEY);
	assert_false(kit_exists("x"));
}

static void
test_thousand(void **state)
{
	char path[40];

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		(void)snprintf(path, sizeof(path), "m/%02u/%03u", i / 100, i);
		kit_file(path, i % 50, i);
	}
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
	assert_ok(coffer_open(kit.ctx, "s", "back", kit.keys, NULL, NULL));
	for (unsigned int i = 0; i < 1000; i++) {
		(void)snprintf(path, sizeof(path), "back/%02u/%03u", i / 100, i);
		assert_file(path, i % 50, i);
	}
}

/* as many folders as the walk allows */
static void
test_deep(void **state)
{
	char path[400] = "m";

	(void)state;
	for (int i = 0; i < 127; i++)
		APPEND(path, "/d");
	APPEND(path, "/f");
	kit_file(path, 10, 1);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
	assert_ok(coffer_open(kit.ctx, "s", "n", kit.keys, NULL, NULL));
	path[0] = 'n';
	assert_file(path, 10, 1);
}

static void
test_filters(void **state)
{
	static const char *const shards[] = {"*.safetensors"}, *const second[] = {"*-00002.*"}, *const none[] = {"x"};
	const struct coffer_seal_options seal = {.version_1 = 1, .include = shards, .n_include = 1};
	const struct coffer_open_options one = {
		.version_1 = 1, .include = shards, .n_include = 1, .exclude = second, .n_exclude = 1};
	const struct coffer_open_options nothing = {.version_1 = 1, .include = none, .n_include = 1};
	struct coffer_stats stats;

	(void)state;
	make_model();
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &seal, &stats));
	assert_int_equal(stats.n_files, 2);
	assert_ok(coffer_open(kit.ctx, "s", "back", kit.keys, &one, &stats));
	assert_int_equal(stats.n_files, 1);
	assert_file("back/model-00001.safetensors", 700000, 2);
	assert_int_equal(kit_count("back"), 1);
	assert_refused(coffer_open(kit.ctx, "s", "x", kit.keys, &nothing, NULL), COFFER_E_NOTFOUND);
}

static void
test_links(void **state)
{
	const struct coffer_seal_options follow = {.version_1 = 1, .follow_symlinks = true};

	(void)state;
	kit_file("blobs/abc", 1000, 1);
	kit_file("m/x", 1, 2);
	assert_int_equal(symlink("../blobs/abc", "m/model.bin"), 0);
	assert_refused(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL), COFFER_E_USAGE);
	assert_false(kit_exists("s"));
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &follow, NULL));
	assert_ok(coffer_open(kit.ctx, "s", "back", kit.keys, NULL, NULL));
	assert_file("back/model.bin", 1000, 1);
}

#define OPTIONS(...) (&(const struct coffer_seal_options){__VA_ARGS__})

static const struct {
	const char *what, *in, *out;
	const struct coffer_seal_options *options;
	coffer_err err;
} refusals[] = {
	{"nothing there", "nothing", "s", NULL, COFFER_E_NOTFOUND},
	{"a fifo", "fifo", "s", NULL, COFFER_E_USAGE},
	{"an empty folder", "empty", "s", NULL, COFFER_E_USAGE},
	{"a sealed file", "sealed", "s", NULL, COFFER_E_SEALED},
	{"a sealed file in a folder", "has-sealed", "s", NULL, COFFER_E_SEALED},
	{"a sealed folder", "sealed-folder", "s", NULL, COFFER_E_SEALED},
	{"the input itself", "f", "f", NULL, COFFER_E_USAGE},
	{"the input itself, by force", "f", "f", OPTIONS(.version_1 = 1, .force = true), COFFER_E_USAGE},
	{"the input itself, by another name", "f", "link", OPTIONS(.version_1 = 1, .force = true), COFFER_E_USAGE},
	{"the folder itself", "m", "m", NULL, COFFER_E_USAGE},
	{"into the folder", "m", "m/s", NULL, COFFER_E_USAGE},
	{"deep into the folder", "m", "./m//new/s", NULL, COFFER_E_USAGE},
	{"a file there", "f", "other", NULL, COFFER_E_EXISTS},
	{"a folder there", "f", "m", OPTIONS(.version_1 = 1, .force = true), COFFER_E_EXISTS},
	{"a file for a folder", "m", "other", NULL, COFFER_E_EXISTS},
	{"a folder that is not empty", "m", "full", NULL, COFFER_E_EXISTS},
	{"that, by force: it is the user's", "m", "full", OPTIONS(.version_1 = 1, .force = true), COFFER_E_EXISTS},
	{"a sealed folder there", "m", "sealed-folder", NULL, COFFER_E_EXISTS},
	{"no folder for it", "f", "no/where", NULL, COFFER_E_NOTFOUND},
	{"options of a later version", "f", "s", OPTIONS(.version_1 = 2), COFFER_E_USAGE},
	{"reserved options", "f", "s", OPTIONS(.version_1 = 1, .reserved = {[7] = 1}), COFFER_E_USAGE},
	{"a record size of 3", "f", "s", OPTIONS(.version_1 = 1, .record_size = 3), COFFER_E_USAGE},
	{"a record size of 32K", "f", "s", OPTIONS(.version_1 = 1, .record_size = 32768), COFFER_E_USAGE},
	{"a record size of 32M", "f", "s", OPTIONS(.version_1 = 1, .record_size = 32 << 20), COFFER_E_USAGE},
	{"no output", "f", NULL, NULL, COFFER_E_USAGE},
	{"in place and an output", "f", "s", OPTIONS(.version_1 = 1, .in_place = true), COFFER_E_USAGE},
	{"an empty name", "f", "s", OPTIONS(.version_1 = 1, .name = ""), COFFER_E_USAGE},
	{"a name of two lines", "f", "s", OPTIONS(.version_1 = 1, .name = "a\nb"), COFFER_E_USAGE},
	{"a version that is no UTF-8", "f", "s", OPTIONS(.version_1 = 1, .model_version = "\xff"), COFFER_E_USAGE},
	{"a context key", "f", "s",
	 OPTIONS(.version_1 = 1, .context = &(const struct coffer_pair){"A", "x"}, .n_context = 1), COFFER_E_USAGE},
	{"a context value", "f", "s",
	 OPTIONS(.version_1 = 1, .context = &(const struct coffer_pair){"a", "\n"}, .n_context = 1), COFFER_E_USAGE},
	{"a context key twice", "f", "s",
	 OPTIONS(.version_1 = 1, .context = (const struct coffer_pair[]){{"a", "1"}, {"a", "2"}}, .n_context = 2),
	 COFFER_E_USAGE},
	{"33 pairs", "f", "s",
	 OPTIONS(.version_1 = 1, .context = (const struct coffer_pair[33]){{"a", "1"}}, .n_context = 33),
	 COFFER_E_USAGE},
	{"a name that cannot be sealed", "a:b", "s", NULL, COFFER_E_USAGE},
};

/* Refused, with and without a dry run, and nothing was made. */
static void
test_refusals(void **state)
{
	(void)state;
	kit_file("f", 10, 1);
	kit_file("a:b", 10, 1);
	kit_file("other", 10, 2);
	kit_file("m/f", 10, 3);
	kit_file("full/x", 10, 4);
	kit_file("has-sealed/a.coffer", 10, 5);
	assert_int_equal(mkfifo("fifo", 0666) | mkdir("empty", 0777) | symlink("f", "link"), 0);
	assert_ok(coffer_seal(kit.ctx, "f", "sealed", kit.keys, NULL, NULL));
	assert_ok(coffer_seal(kit.ctx, "m", "sealed-folder", kit.keys, NULL, NULL));
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		for (int dry = 0; dry < 2; dry++) {
			struct coffer_seal_options options = {.version_1 = 1};
			unsigned int before = kit_count(".");
			coffer_err err;

			if (refusals[i].options)
				options = *refusals[i].options;
			options.dry_run = dry;
			err = coffer_seal(kit.ctx, refusals[i].in, refusals[i].out, kit.keys, &options, NULL);
			if (err != refusals[i].err || coffer_ctx_message(kit.ctx)[0] == '\0')
				fail_msg("%s%s: %s: %s", refusals[i].what, dry ? ", dry" : "", coffer_err_name(err),
					 coffer_ctx_message(kit.ctx));
			assert_int_equal(kit_count("."), before);
			assert_false(kit_exists("s"));
		}
	assert_file("f", 10, 1);
	assert_file("other", 10, 2);
}

static void
test_no_keys(void **state)
{
	struct coffer_keyring *none, *many;
	uint8_t key[32] = {0};

	(void)state;
	kit_file("f", 10, 1);
	assert_ok(coffer_keyring_new(kit.ctx, &none));
	assert_ok(coffer_keyring_new(kit.ctx, &many));
	for (key[0] = 0; key[0] < 33; key[0]++)
		assert_ok(coffer_keyring_add_raw(kit.ctx, many, key));
	assert_refused(coffer_seal(kit.ctx, "f", "s", none, NULL, NULL), COFFER_E_USAGE);
	assert_refused(coffer_seal(kit.ctx, "f", "s", many, NULL, NULL), COFFER_E_USAGE);
	assert_false(kit_exists("s"));
	coffer_keyring_free(&none);
	coffer_keyring_free(&many);
}

/* A folder at the root is not within the folder that one stands in. */
static void
test_root_is_outside(void **state)
{
	const struct coffer_seal_options dry = {.version_1 = 1, .dry_run = true};

	(void)state;
	kit_file("m/f", 10, 1);
	assert_int_equal(chdir("m"), 0);
	assert_ok(coffer_seal(kit.ctx, ".", "/coffer-test-output", kit.keys, &dry, NULL));
}

static void
test_force(void **state)
{
	const struct coffer_seal_options force = {.version_1 = 1, .force = true};
	const struct coffer_open_options open_force = {.version_1 = 1, .force = true};

	(void)state;
	kit_file("m/old", 10, 1);
	kit_file("m/sub/old", 10, 1);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
	kit_file("s/README", 10, 8);
	kit_file("s/sub/notes", 10, 9);
	assert_int_equal(rename("m/old", "m/new"), 0);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.other, &force, NULL));
	assert_false(kit_exists("s/old.coffer") || kit_exists(".s.coffer-new"));
	assert_file("s/README", 10, 8); /* none of the model's: it stays */
	assert_file("s/sub/notes", 10, 9);
	assert_ok(coffer_open(kit.ctx, "s", "back", kit.other, NULL, NULL));
	assert_file("back/new", 10, 1);
	/* but not beside its own sealed file, where the model would be refused */
	kit_file("m/README", 10, 1);
	assert_refused(coffer_seal(kit.ctx, "m", "s", kit.other, &force, NULL), COFFER_E_EXISTS);
	assert_ok(coffer_check(kit.ctx, "s", kit.other, NULL));
	assert_file("s/README", 10, 8);
	/* opening replaces files of the model, and no others */
	kit_file("back/new", 20, 7);
	kit_file("back/mine", 20, 8);
	assert_refused(coffer_open(kit.ctx, "s", "back", kit.other, NULL, NULL), COFFER_E_EXISTS);
	assert_file("back/new", 20, 7);
	assert_ok(coffer_open(kit.ctx, "s", "back", kit.other, &open_force, NULL));
	assert_file("back/new", 10, 1);
	assert_file("back/mine", 20, 8);
}

static void
test_dry_run(void **state)
{
	const struct coffer_seal_options dry = {.version_1 = 1, .dry_run = true};
	const struct coffer_open_options open_dry = {.version_1 = 1, .dry_run = true};

	(void)state;
	kit_file("f", 10, 1);
	make_model();
	assert_ok(coffer_seal(kit.ctx, "f", "s", kit.keys, &dry, NULL));
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &dry, NULL));
	assert_int_equal(mkdir("s", 0777), 0);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, &dry, NULL));
	assert_int_equal(kit_count("s"), 0);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
	assert_ok(coffer_open(kit.ctx, "s", "back", kit.keys, &open_dry, NULL));
	assert_false(kit_exists("back"));
	assert_refused(coffer_open(kit.ctx, "s", "back", kit.other, &open_dry, NULL), COFFER_E_NOKEY);
	assert_refused(coffer_open(kit.ctx, "s", "m", kit.keys, &open_dry, NULL), COFFER_E_EXISTS);
	/* heads are checked, payloads are not */
	kit_flip("s/config.json.coffer", 4096, 1);
	assert_ok(coffer_open(kit.ctx, "s", "back", kit.keys, &open_dry, NULL));
	kit_flip("s/config.json.coffer", 64, 1);
	assert_refused(coffer_open(kit.ctx, "s", "back", kit.keys, &open_dry, NULL), COFFER_E_AUTH);
	assert_false(kit_exists("back"));
}

/* A sealed file of which one byte is wrong opens to nothing at all. */
static void
test_damage(void **state)
{
	(void)state;
	make_model();
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
	kit_flip("s/model-00002.safetensors.coffer", 4096 + (5 << 20) + 1, 1);
	assert_refused(coffer_check(kit.ctx, "s", kit.keys, NULL), COFFER_E_AUTH);
	assert_non_null(strstr(coffer_ctx_message(kit.ctx), "record 6 of 6"));
	assert_refused(coffer_open(kit.ctx, "s", "back", kit.keys, NULL, NULL), COFFER_E_AUTH);
	assert_false(kit_exists("back/model-00002.safetensors"));
	assert_ok(coffer_seal(kit.ctx, "m/model-00002.safetensors", "f", kit.keys, NULL, NULL));
	kit_flip("f", 200000, 1);
	assert_refused(coffer_open(kit.ctx, "f", "g", kit.keys, NULL, NULL), COFFER_E_AUTH);
	assert_false(kit_exists("g"));
	assert_refused(coffer_open(kit.ctx, "m/config.json", "g", kit.keys, NULL, NULL), COFFER_E_FORMAT);
	assert_refused(coffer_open(kit.ctx, "m", "g", kit.keys, NULL, NULL), COFFER_E_FILESET);
	assert_refused(coffer_open(kit.ctx, "nothing", "g", kit.keys, NULL, NULL), COFFER_E_NOTFOUND);
	assert_refused(coffer_check(kit.ctx, "s/empty.coffer", kit.keys, NULL), COFFER_E_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(test_sizes),	 KIT_TEST(test_directory), KIT_TEST(test_thousand),
		KIT_TEST(test_deep),	 KIT_TEST(test_filters),   KIT_TEST(test_links),
		KIT_TEST(test_refusals), KIT_TEST(test_no_keys),   KIT_TEST(test_root_is_outside),
		KIT_TEST(test_force),	 KIT_TEST(test_dry_run),   KIT_TEST(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
