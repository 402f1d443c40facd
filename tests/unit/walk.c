/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/walk.h"

#include "support/emulator.h"
#include "support/kit.h"
#include "support/text.h"

static void
make_model(void)
{
	kit_file("m/b.bin", 2, 0);
	kit_file("m/a.bin", 1, 0);
	kit_file("m/sub/a.json", 3, 0);
	kit_file("m/sub/deep/c.bin", 4, 0);
	kit_file("m/.hidden", 5, 0);
	kit_file("m/.git/config", 6, 0);
	kit_file("m/sub/.x", 7, 0);
	kit_file("m/.coffer.partial", 8, 0);
	kit_file("m/sub/.y.coffer-tmp", 9, 0);
}

/* all paths, with a space behind each */
static coffer_err
walk(struct fault *f, const struct walk_options *options, char out[static 1000])
{
	struct walk w;
	int fd = open("m", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	coffer_err err = walk_model(f, fd, "m", options, &w);
	uint64_t bytes = 0;

	out[0] = '\0';
	for (size_t i = 0; i < w.n; i++) {
		append(out, 1000, w.files[i].path);
		append(out, 1000, " ");
		bytes += w.files[i].size;
	}
	assert_int_equal(w.bytes, bytes);
	walk_free(&w);
	(void)close(fd);
	return err;
}

static const char *const bin[] = {"*.bin"}, *const sub[] = {"sub/*"}, *const b_and_json[] = {"b*", "*.json"};

static const struct {
	struct filter filter;
	const char *want;
} filters[] = {
	{{0}, "a.bin b.bin sub/a.json sub/deep/c.bin "},
	{{.hidden = true}, ".git/config .hidden a.bin b.bin sub/.x sub/a.json sub/deep/c.bin "},
	{{.include = bin, .n_include = 1}, "a.bin b.bin sub/deep/c.bin "},
	{{.exclude = bin, .n_exclude = 1}, "sub/a.json "},
	{{.include = bin, .n_include = 1, .exclude = sub, .n_exclude = 1}, "a.bin b.bin "},
	{{.include = b_and_json, .n_include = 2}, "b.bin sub/a.json "},
	{{.exclude = b_and_json, .n_exclude = 2}, "a.bin sub/deep/c.bin "},
	{{.include = bin, .n_include = 1, .exclude = bin, .n_exclude = 1}, ""},
};

static void
test_filters(void **state)
{
	(void)state;
	make_model();
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		const struct walk_options options = {.filter = filters[i].filter, .links = PATH_LINKS_BENEATH};
		char got[1000];

		assert_int_equal(walk(NULL, &options, got), COFFER_OK);
		assert_string_equal(got, filters[i].want);
	}
}

/* What must not be sealed: each alone in a model of one more file. */
static void
link_out(void)
{
	kit_file("outside", 1, 0);
	assert_int_equal(symlink("../outside", "m/x"), 0);
}

static void
link_in(void)
{
	assert_int_equal(symlink("ok", "m/x"), 0);
}

static void
link_folder(void)
{
	assert_int_equal(mkdir("m/d", 0777) | symlink("d", "m/x"), 0);
}

static void
link_dangling(void)
{
	assert_int_equal(symlink("nothing", "m/x"), 0);
}

static void
link_fifo(void)
{
	assert_int_equal(mkfifo("m/.f", 0666) | symlink(".f", "m/x"), 0);
}

static void
fifo(void)
{
	assert_int_equal(mkfifo("m/x", 0666), 0);
}

static void
folded(void)
{
	kit_file("m/OK", 1, 0);
}

static void
bad_name(void)
{
	kit_file("m/x.", 1, 0);
}

static void
newline_name(void)
{
	kit_file("m/x\ny", 1, 0);
}

static void
sealed_name(void)
{
	kit_file("m/x.coffer", 1, 0);
}

static void
sealed_folder(void)
{
	kit_file("m/x.coffer/y", 1, 0);
}

static void
keyblock_name(void)
{
	kit_file("m/coffer.json", 1, 0);
}

static void
signature_name(void)
{
	kit_file("m/coffer.sig", 1, 0);
}

static const struct {
	const char *what;
	void (*make)(void);
	coffer_err by_link[3]; /* of PATH_NO_LINKS, PATH_LINKS_BENEATH, PATH_LINKS_ANY */
} entries[] = {
	{"a link that stays", link_in, {COFFER_E_USAGE, COFFER_OK, COFFER_OK}},
	{"a link that leaves", link_out, {COFFER_E_USAGE, COFFER_E_USAGE, COFFER_OK}},
	{"a link to a folder", link_folder, {COFFER_E_USAGE, COFFER_E_USAGE, COFFER_E_USAGE}},
	{"a link to nothing", link_dangling, {COFFER_E_USAGE, COFFER_E_NOTFOUND, COFFER_E_NOTFOUND}},
	{"a link to a fifo", link_fifo, {COFFER_E_USAGE, COFFER_E_USAGE, COFFER_E_USAGE}},
	{"a fifo", fifo, {COFFER_E_USAGE, COFFER_E_USAGE, COFFER_E_USAGE}},
	{"names that fold", folded, {COFFER_E_USAGE, COFFER_E_USAGE, COFFER_E_USAGE}},
	{"a name that ends in a dot", bad_name, {COFFER_E_USAGE, COFFER_E_USAGE, COFFER_E_USAGE}},
	{"a name of two lines", newline_name, {COFFER_E_USAGE, COFFER_E_USAGE, COFFER_E_USAGE}},
	{"a sealed file", sealed_name, {COFFER_E_SEALED, COFFER_E_SEALED, COFFER_E_SEALED}},
	{"a folder named so", sealed_folder, {COFFER_E_USAGE, COFFER_E_USAGE, COFFER_E_USAGE}},
	{"a key block", keyblock_name, {COFFER_E_SEALED, COFFER_E_SEALED, COFFER_E_SEALED}},
	{"a signature", signature_name, {COFFER_E_USAGE, COFFER_E_USAGE, COFFER_E_USAGE}},
};

static void
test_entries(void **state)
{
	static const char *const exclude[] = {"x*", "coffer.*", "OK"};

	(void)state;
	skip_under_emulator("openat2, without which no link is followed");
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		char got[1000];

		kit_file("m/ok", 1, 0);
		entries[i].make();
		for (unsigned int links = 0; links < 3; links++) {
			struct walk_options options = {.links = (enum path_links)links};
			struct fault f = {.text = ""};

			if (walk(&f, &options, got) != entries[i].by_link[links])
				fail_msg("%s, %u: %s", entries[i].what, links, f.text);
			assert_string_equal(got, entries[i].by_link[links] == COFFER_OK ? "ok x " : "");
			/* left out, it does no harm */
			if (entries[i].make == sealed_folder)
				continue; /* *: x.coffer/y is matched whole or by its last part */
			options.filter = (struct filter){.exclude = exclude, .n_exclude = 3};
			assert_int_equal(walk(&f, &options, got), COFFER_OK);
			assert_string_equal(got, "ok ");
		}
		assert_int_equal(kit_remove_all("m"), 0);
	}
}

/* a hidden part of an interrupted run is passed over, and with @resuming the sealed files too */
static void
test_resuming(void **state)
{
	const struct walk_options options = {.resuming = true};
	char got[1000];

	(void)state;
	make_model();
	kit_file("m/a.bin.coffer", 1, 0);
	kit_file("m/gone.coffer", 1, 0);
	assert_int_equal(walk(NULL, &options, got), COFFER_OK);
	assert_string_equal(got, "a.bin b.bin sub/a.json sub/deep/c.bin ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(test_filters),
		KIT_TEST(test_entries),
		KIT_TEST(test_resuming),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
