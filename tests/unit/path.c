/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/file.h"
#include "support/emulator.h"
#include "support/tmpdir.h"

#define P10 "0123456789"
#define P62 P10 P10 P10 P10 P10 P10 "01"
#define P248 P62 P62 P62 P62

static const struct {
	const char *path;
	bool lone, model; /* a path of a lone file; one of a directory [F-25] */
} names[] = {
	{"a", true, true},
	{"a/b/c.safetensors", true, true},
	{"model-00001-of-00002.safetensors", true, true},
	{".gitattributes", true, true},
	{"a/.hidden/b", true, true},
	{"...a", true, true},
	{"..a/a..b", true, true},
	{"a b", true, true},
	{" a", true, true},
	{"\xc3\xa4/\xe6\xa8\xa1\xe5\x9e\x8b.bin", true, true},
	{"\xf0\x9f\xa4\x97", true, true},
	{"\xf4\x8f\xbf\xbf", true, true},
	{P248, true, true},
	{P248 "/" P248, true, true},
	/* [F-23] */
	{"", false, false},
	{"/", false, false},
	{"/a", false, false},
	{"a/", false, false},
	{"a//b", false, false},
	{".", false, false},
	{"..", false, false},
	{"a/..", false, false},
	{"../a", false, false},
	{"a/./b", false, false},
	{"a/../b", false, false},
	{"a.", false, false},
	{"a ", false, false},
	{"a./b", false, false},
	{"a /b", false, false},
	{"...", false, false},
	{"a\\b", false, false},
	{"c:a", false, false},
	{"a:b", false, false},
	{"a\nb", false, false},
	{"a\tb", false, false},
	{"a\x7f", false, false},
	{"\x01", false, false},
	{P248 "x", false, false},
	{"a/" P248 "x", false, false},
	/* not UTF-8 */
	{"\x80", false, false},
	{"a\xff", false, false},
	{"\xc3", false, false},
	{"\xc3/a", false, false},
	{"\xc0\xaf", false, false},
	{"\xc1\xbf", false, false},
	{"\xe0\x80\xaf", false, false},
	{"\xe0\x9f\xbf", false, false},
	{"\xed\xa0\x80", false, false},
	{"\xf0\x8f\xbf\xbf", false, false},
	{"\xf4\x90\x80\x80", false, false},
	{"\xf5\x80\x80\x80", false, false},
	{"\xe6\xa8", false, false},
	{"\xf0\x9f\xa4", false, false},
	/* [F-25] */
	{"coffer.json", true, false},
	{"coffer.sig", true, false},
	{"coffer.json/a", true, false},
	{".coffer.partial", true, false},
	{".coffer.x/y", true, false},
	{"a.coffer", true, false},
	{"a.coffer/b", true, false},
	{"a/b.coffer", true, false},
	{".coffer", true, false},
	{"a/coffer.json", true, true},
	{"coffer.jsonl", true, true},
	{"a/.coffer.x", true, true},
	{"a.coffer.bak", true, true},
	{"coffer", true, true},
};

static void
test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct fault f = {.text = ""};
		coffer_err err = path_check(&f, names[i].path, strlen(names[i].path));

		if (err != (names[i].lone ? COFFER_OK : COFFER_E_FORMAT))
			fail_msg("«%s»: %s", names[i].path, f.text);
		assert_int_equal(f.text[0] == '\0', names[i].lone);
		err = path_check_model(&f, names[i].path);
		if (err != (names[i].model ? COFFER_OK : COFFER_E_FORMAT))
			fail_msg("«%s» of a model: %s", names[i].path, f.text);
	}
	assert_int_equal(path_check(NULL, "a\0b", 3), COFFER_E_FORMAT);
}

static void
test_length(void **state)
{
	char path[1922];

	(void)state;
	memset(path, 'x', sizeof(path));
	for (size_t i = 200; i < sizeof(path); i += 200)
		path[i] = '/';
	assert_int_equal(path_check(NULL, path, 1920), COFFER_OK);
	assert_int_equal(path_check(NULL, path, 1921), COFFER_E_FORMAT);
}

static const struct {
	const char *paths[4];
	bool good;
} sets[] = {
	{{"a"}, true},
	{{"a", "b", "c"}, true},
	{{"B", "a"}, true}, /* in order of bytes */
	{{"a", "a.b", "a/b"}, false},
	{{"a.b", "a/b", "ab"}, true},
	{{"a", "a-b", "a/b"}, false},
	{{"A", "a/b"}, false},
	{{"a/B/c", "a/b"}, false},
	{{"b", "a"}, false},
	{{"a", "a"}, false},
	{{"A", "a"}, false},
	{{"a/X/1", "a/x/1"}, false},
	{{"a/X/1", "a/x/2"}, true},
	{{"Readme", "a", "b", "readme"}, false},
	{{"a", "a!", "a/b"}, false},
	{{"\xc3\x84", "\xc3\xa4"}, true}, /* letters of ASCII alone are folded */
	{{"[", "{"}, true},
	{{"@", "`"}, true},
};

static void
test_sets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct fault f = {.text = ""};
		size_t n = 0;

		while (n < 4 && sets[i].paths[n])
			n++;
		if (path_check_set(&f, sets[i].paths, n) != (sets[i].good ? COFFER_OK : COFFER_E_FORMAT))
			fail_msg("set %zu: %s", i, f.text);
	}
	assert_int_equal(path_check_set(NULL, NULL, 0), COFFER_OK);
}

static void
test_parts(void **state)
{
	(void)state;
	assert_true(path_is_hidden(".a"));
	assert_true(path_is_hidden("a/.b/c"));
	assert_false(path_is_hidden("a.b/c."));
	assert_string_equal(path_base("a/b/c"), "c");
	assert_string_equal(path_base("c"), "c");
	assert_string_equal(path_base("a/"), "");
	assert_true(path_matches("*.bin", "a/b.bin"));
	assert_true(path_matches("a/*", "a/b.bin"));
	assert_false(path_matches("b/*.bin", "a/b.bin"));
	assert_false(path_matches("*.bin", "b.binx"));
	assert_true(path_matches("b.[ab]in", "b.bin"));
}

static const struct {
	const char *path;
	coffer_err none, beneath, any;
} links[] = {
	{"file", COFFER_OK, COFFER_OK, COFFER_OK},
	{"sub/file", COFFER_OK, COFFER_OK, COFFER_OK},
	{"stays", COFFER_E_USAGE, COFFER_OK, COFFER_OK},
	{"sub/up", COFFER_E_USAGE, COFFER_OK, COFFER_OK},
	{"folder/file", COFFER_E_USAGE, COFFER_OK, COFFER_OK},
	{"leaves", COFFER_E_USAGE, COFFER_E_USAGE, COFFER_OK},
	{"absolute", COFFER_E_USAGE, COFFER_E_USAGE, COFFER_OK},
	{"chain", COFFER_E_USAGE, COFFER_E_USAGE, COFFER_OK},
	{"loop", COFFER_E_USAGE, COFFER_E_USAGE, COFFER_E_USAGE},
	{"dangling", COFFER_E_USAGE, COFFER_E_NOTFOUND, COFFER_E_NOTFOUND},
	{"nothing", COFFER_E_NOTFOUND, COFFER_E_NOTFOUND, COFFER_E_NOTFOUND},
	{"file/x", COFFER_E_NOTFOUND, COFFER_E_NOTFOUND, COFFER_E_NOTFOUND},
	{"../outside", COFFER_E_USAGE, COFFER_E_USAGE, COFFER_OK},
};

static void
make_links(void)
{
	assert_int_equal(mkdir("m", 0777), 0);
	assert_int_equal(mkdir("m/sub", 0777), 0);
	tmpdir_file("outside", "o", 1, 0644);
	tmpdir_file("m/file", "f", 1, 0644);
	tmpdir_file("m/sub/file", "s", 1, 0644);
	assert_int_equal(symlink("file", "m/stays"), 0);
	assert_int_equal(symlink("../file", "m/sub/up"), 0);
	assert_int_equal(symlink("sub", "m/folder"), 0);
	assert_int_equal(symlink("../outside", "m/leaves"), 0);
	assert_int_equal(symlink("/etc/passwd", "m/absolute"), 0);
	assert_int_equal(symlink("leaves", "m/chain"), 0);
	assert_int_equal(symlink("loop", "m/loop"), 0);
	assert_int_equal(symlink("nowhere", "m/dangling"), 0);
}

static void
test_open(void **state)
{
	int dirfd, fd;

	(void)state;
	skip_under_emulator("openat2, and without it no link is followed");
	make_links();
	dirfd = open("m", O_RDONLY | O_DIRECTORY);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		const coffer_err want[] = {links[i].none, links[i].beneath, links[i].any};

		for (int how = PATH_NO_LINKS; how <= PATH_LINKS_ANY; how++) {
			struct fault f = {.text = ""};

			if (path_open(&f, dirfd, "m", links[i].path, (enum path_links)how, &fd) != want[how])
				fail_msg("%s, way %d: %s", links[i].path, how, f.text);
			assert_int_equal(fd >= 0, want[how] == COFFER_OK);
			file_close(&fd);
		}
	}
	/* a FIFO does not hang it */
	assert_int_equal(mkfifo("m/fifo", 0666), 0);
	assert_int_equal(path_open(NULL, dirfd, "m", "fifo", PATH_NO_LINKS, &fd), COFFER_OK);
	file_close(&fd);
	file_close(&dirfd);
}

static void
test_parent(void **state)
{
	struct fault f = {.text = ""};
	struct stat st;
	int dirfd, fd;

	(void)state;
	make_links();
	dirfd = open("m", O_RDONLY | O_DIRECTORY);
	assert_int_equal(path_parent(&f, dirfd, "m", "a/b/c", false, &fd), COFFER_E_NOTFOUND);
	assert_int_equal(fd, -1);
	assert_int_equal(path_parent(&f, dirfd, "m", "a/b/c", true, &fd), COFFER_OK);
	assert_int_equal(mkdirat(fd, "c", 0777), 0);
	file_close(&fd);
	assert_int_equal(stat("m/a/b/c", &st), 0);
	assert_int_equal(path_parent(&f, dirfd, "m", "a/b/c", true, &fd), COFFER_OK); /* they are there already */
	file_close(&fd);
	assert_int_equal(path_parent(&f, dirfd, "m", "top", false, &fd), COFFER_OK);
	file_close(&fd);
	/* no link, no file and no name leads out or is taken for a folder */
	assert_true(path_parent(&f, dirfd, "m", "folder/c", true, &fd) == COFFER_E_USAGE && fd == -1);
	assert_true(path_parent(&f, dirfd, "m", "file/c", true, &fd) == COFFER_E_NOTFOUND && fd == -1);
	assert_true(path_parent(&f, dirfd, "m", "file/c", false, &fd) == COFFER_E_NOTFOUND && fd == -1);
	assert_true(path_parent(&f, dirfd, "m", "../c", true, &fd) != COFFER_OK && fd == -1);
	assert_true(path_parent(&f, dirfd, "m", P248 P10 "/c", true, &fd) != COFFER_OK && fd == -1);
	file_close(&dirfd);
	/* where no folder can be made, it says why */
	assert_int_equal(chmod(".", 0755) | chmod("m", 0555), 0);
	dirfd = open("m", O_RDONLY | O_DIRECTORY);
	if (getuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(path_parent(&f, dirfd, "m", "new/file", true, &fd), COFFER_E_PERM);
	assert_int_equal(path_parent(&f, dirfd, "m", "sub/file", true, &fd), COFFER_OK); /* that is there */
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	file_close(&fd);
	file_close(&dirfd);
	assert_int_equal(chmod("m", 0755), 0);
}

static void
test_escape(void **state)
{
	static const struct {
		const char *text, *name;
	} cases[] = {
		{"", ""},
		{"llama-3_8B.Q4", "llama-3_8B.Q4"},
		{"*", "%2A"},
		{".", "%2E"},
		{"..", "%2E."},
		{"a/../b", "a%2F..%2Fb"},
		{"l\xc3\xa4ma 3%", "l%C3%A4ma%203%25"},
		{"https://m:1/x", "https%3A%2F%2Fm%3A1%2Fx"},
		{"1234567890123456789012345678901", "1234567890123456789012345678901"},
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(path_escape(cases[i].text, out, sizeof(out)));
		assert_string_equal(out, cases[i].name);
	}
	assert_false(path_escape("12345678901234567890123456789012", out, sizeof(out)));
	assert_string_equal(out, "");
	assert_false(path_escape("12345678901234567890123456789/", out, sizeof(out)));
	assert_true(path_escape("1234567890123456789012345678/", out, sizeof(out)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_parts),
		cmocka_unit_test_setup_teardown(test_open, tmpdir_setup, tmpdir_teardown),
		cmocka_unit_test_setup_teardown(test_parent, tmpdir_setup, tmpdir_teardown),
		cmocka_unit_test(test_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
