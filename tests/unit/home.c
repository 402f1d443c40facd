/* SPDX-License-Identifier: Apache-2.0 */
#include "base/home.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/file.h"
#include "support/tmpdir.h"

static const struct {
	const char *config, *data /* and state */, *home;
	enum home_kind kind;
	const char *want; /* NULL: there is no place */
} places[] = {
	{NULL, NULL, "/h", HOME_CONFIG, "/h/.config/coffer/x"},
	{NULL, NULL, "/h", HOME_DATA, "/h/.local/share/coffer/x"},
	{"/c", "/d", "/h", HOME_CONFIG, "/c/coffer/x"},
	{"/c", "/d", "/h", HOME_DATA, "/d/coffer/x"},
	{"/c", "/d", NULL, HOME_DATA, "/d/coffer/x"},
	{NULL, NULL, "/h", HOME_STATE, "/h/.local/state/coffer/x"},
	{"/c", "/s", "/h", HOME_STATE, "/s/coffer/x"},
	{"relative", "relative", "/h", HOME_CONFIG, "/h/.config/coffer/x"},
	{"", "", "/h", HOME_DATA, "/h/.local/share/coffer/x"},
	{"/c", NULL, NULL, HOME_DATA, NULL},
	{NULL, NULL, "", HOME_CONFIG, NULL},
};

static void
set(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void
test_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct fault f = {.text = ""};
		char *path = NULL;

		set("XDG_CONFIG_HOME", places[i].config);
		set(places[i].kind == HOME_STATE ? "XDG_STATE_HOME" : "XDG_DATA_HOME", places[i].data);
		set(places[i].kind == HOME_STATE ? "XDG_DATA_HOME" : "XDG_STATE_HOME", "/other");
		set("HOME", places[i].home);
		assert_int_equal(home_path(&f, places[i].kind, "x", &path),
				 places[i].want ? COFFER_OK : COFFER_E_NOTFOUND);
		if (places[i].want)
			assert_string_equal(path, places[i].want);
		else
			assert_null(path);
		free(path);
	}
}

static void
test_make(void **state)
{
	struct fault f = {.text = ""};
	int fd;

	(void)state;
	assert_int_equal(home_make(&f, "the folder", "a/b/c"), COFFER_OK);
	assert_int_equal(tmpdir_mode("a"), 0700);
	assert_int_equal(tmpdir_mode("a/b/c"), 0700);
	assert_int_equal(home_make(&f, "the folder", "a/b/c"), COFFER_OK);
	assert_int_equal(home_open(&f, "the folder", "a/b/c", &fd), COFFER_OK);
	file_close(&fd);
	assert_int_equal(home_open(&f, "the folder", "a/b/d", &fd), COFFER_E_NOTFOUND);
	assert_int_equal(fd, -1);
	tmpdir_file("file", "x", 1, 0600);
	assert_int_equal(home_make(&f, "the folder", "file/b"), COFFER_E_NOTFOUND);
	/* what is there and is no folder is not taken for a folder that is not there */
	assert_int_equal(home_open(&f, "the folder", "file", &fd), COFFER_E_IO);
	assert_int_equal(home_open(&f, "the folder", "file/b", &fd), COFFER_E_IO);
	assert_int_equal(symlink("nowhere", "link"), 0);
	assert_int_equal(home_open(&f, "the folder", "link", &fd), COFFER_E_IO);
}

static const struct {
	mode_t folder, file;
	coffer_err opened, read;
} modes[] = {
	{0700, 0600, COFFER_OK, COFFER_OK},	     {0755, 0644, COFFER_OK, COFFER_OK},
	{0755, 0664, COFFER_OK, COFFER_E_PERM},	     {0755, 0646, COFFER_OK, COFFER_E_PERM},
	{0775, 0644, COFFER_E_PERM, COFFER_E_PERM},  {0757, 0644, COFFER_E_PERM, COFFER_E_PERM},
	{01777, 0644, COFFER_E_PERM, COFFER_E_PERM},
};

static void
test_modes(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct buf b = BUF_INIT(16);
		struct fault f = {.text = ""};
		int fd;

		tmpdir_file("d/f", "word", 4, modes[i].file);
		assert_int_equal(chmod("d", modes[i].folder), 0);
		assert_int_equal(home_open(&f, "the folder", "d", &fd), modes[i].opened);
		if (modes[i].opened == COFFER_OK) {
			assert_int_equal(home_slurp(&f, "the file", fd, "f", "d/f", 16, &b), modes[i].read);
			assert_int_equal(b.len, modes[i].read == COFFER_OK ? 4 : 0);
		}
		if (modes[i].read != COFFER_OK)
			assert_non_null(strstr(f.text, "others may write"));
		file_close(&fd);
		buf_free(&b);
	}
}

static void
test_links(void **state)
{
	struct buf b = BUF_INIT(16);
	struct fault f = {.text = ""};
	int fd;

	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	tmpdir_file("f", "word", 4, 0600);
	assert_int_equal(symlink("../f", "d/link"), 0);
	assert_int_equal(home_open(&f, "the folder", "d", &fd), COFFER_OK);
	assert_int_equal(home_slurp(&f, "the file", fd, "link", "d/link", 16, &b), COFFER_E_FORMAT);
	assert_non_null(strstr(f.text, "symbolic link"));
	assert_int_equal(home_slurp(&f, "the file", fd, "none", "d/none", 16, &b), COFFER_E_NOTFOUND);
	file_close(&fd);
	buf_free(&b);
}

/* root's word counts, and one's own; nobody else's */
static void
test_owners(void **state)
{
	struct buf b = BUF_INIT(16);
	struct fault f = {.text = ""};
	int fd;

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: only root can give files away\n");
		skip();
	}
	assert_int_equal(mkdir("d", 0755), 0);
	tmpdir_file("d/f", "word", 4, 0644);
	assert_int_equal(chown("d/f", 12345, 12345), 0);
	assert_int_equal(home_open(&f, "the folder", "d", &fd), COFFER_OK);
	assert_int_equal(home_slurp(&f, "the file", fd, "f", "d/f", 16, &b), COFFER_E_PERM);
	assert_non_null(strstr(f.text, "belongs to another user (12345)"));
	file_close(&fd);
	assert_int_equal(chown("d", 12345, 12345), 0);
	assert_int_equal(home_open(&f, "the folder", "d", &fd), COFFER_E_PERM);
	buf_free(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpdir_setup, tmpdir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_places), TEST(test_make), TEST(test_modes), TEST(test_links), TEST(test_owners),
	};

	return cmocka_run_group_tests_name("home", tests, NULL, NULL);
}
