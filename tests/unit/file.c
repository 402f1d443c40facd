/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <sys/file.h>

#include "support/text.h"
#include "support/tmpdir.h"

static unsigned int
count_entries(const char *folder)
{
	DIR *dir = opendir(folder);
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 2;
}

static void
assert_content(const char *path, const char *want)
{
	struct buf b = BUF_INIT(1000);

	assert_int_equal(file_slurp(NULL, path, 1000, &b, NULL), COFFER_OK);
	assert_int_equal(b.len, strlen(want));
	assert_memory_equal(b.p, want, b.len);
	buf_free(&b);
}

static void
test_read_write(void **state)
{
	struct fault f = {.text = ""};
	int fd = open("f", O_RDWR | O_CREAT, 0666);
	char back[8] = "";

	(void)state;
	assert_int_equal(file_write_at(&f, fd, "f", "hello", 5, 3), COFFER_OK);
	assert_int_equal(file_read_at(&f, fd, "f", back, 8, 0), COFFER_OK);
	assert_memory_equal(back, "\0\0\0hello", 8);
	assert_int_equal(file_read_at(&f, fd, "f", back, 8, 1), COFFER_E_CHANGED);
	assert_string_equal(f.text, "f became shorter while it was read");
	assert_int_equal(file_read_at(&f, fd, "f", back, 0, 100), COFFER_OK);
	file_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(file_read_at(&f, fd, "f", back, 1, 0), COFFER_E_IO);
	assert_int_equal(file_write_at(&f, fd, "f", back, 1, 0), COFFER_E_IO);
	file_close(&fd);
}

/* every size about the ceiling, with a buffer that holds just that */
static void
test_slurp(void **state)
{
	static char bytes[9000];

	(void)state;
	for (size_t len = 0; len < sizeof(bytes); len += len < 4090 || len > 4100 ? 545 : 1) {
		struct buf b = BUF_INIT(len);
		mode_t mode = 0;

		memset(bytes, 'a' + (int)(len % 26), len);
		tmpdir_file("f", bytes, len, 0640);
		assert_int_equal(file_slurp(NULL, "f", len, &b, &mode), COFFER_OK);
		assert_int_equal(mode & 07777, 0640);
		assert_int_equal(b.len, len);
		assert_true(len == 0 || memcmp(b.p, bytes, len) == 0);
		if (len > 0) {
			b.len = 0;
			assert_int_equal(file_slurp(NULL, "f", len - 1, &b, NULL), COFFER_E_FORMAT);
		}
		buf_free(&b);
	}
}

static void
test_slurp_refuses(void **state)
{
	struct buf b = BUF_INIT(200);

	(void)state;
	tmpdir_file("f", "text", 4, 0644);
	assert_int_equal(symlink("f", "link"), 0);
	assert_int_equal(mkfifo("fifo", 0666), 0);
	assert_int_equal(file_slurp(NULL, "nothing", 100, &b, NULL), COFFER_E_NOTFOUND);
	assert_int_equal(file_slurp(NULL, ".", 100, &b, NULL), COFFER_E_FORMAT);
	assert_int_equal(file_slurp(NULL, "fifo", 100, &b, NULL), COFFER_E_FORMAT);
	assert_int_equal(file_slurp(NULL, "/dev/zero", 100, &b, NULL), COFFER_E_FORMAT);
	assert_int_equal(file_slurp(NULL, "link", 100, &b, NULL), COFFER_OK);
	assert_int_equal(file_slurp_at(NULL, AT_FDCWD, "link", "link", 100, &b), COFFER_E_FORMAT);
	assert_int_equal(file_slurp_at(NULL, AT_FDCWD, "f", "f", 100, &b), COFFER_OK);
	assert_int_equal(b.len, 8); /* appended */
	buf_free(&b);
}

static void
test_new(void **state)
{
	struct newfile n;

	(void)state;
	(void)umask(022);
	assert_int_equal(newfile_open(NULL, &n, "f", 0666, false), COFFER_OK);
	assert_int_equal(file_write_at(NULL, n.fd, "f", "new", 3, 0), COFFER_OK);
	assert_int_equal(count_entries("."), 0); /* nothing to be seen yet */
	assert_int_equal(newfile_commit(NULL, &n), COFFER_OK);
	newfile_abort(&n);
	assert_content("f", "new");
	assert_int_equal(tmpdir_mode("f"), 0644);
	assert_int_equal(count_entries("."), 1);
}

static void
test_abort(void **state)
{
	struct newfile n;

	(void)state;
	tmpdir_file("old", "old", 3, 0644);
	for (int replace = 0; replace < 2; replace++) {
		const char *name = replace ? "old" : "new";

		assert_int_equal(newfile_open(NULL, &n, name, 0666, replace), COFFER_OK);
		assert_int_equal(file_write_at(NULL, n.fd, name, "x", 1, 0), COFFER_OK);
		newfile_abort(&n);
		newfile_abort(&n);
		assert_int_equal(count_entries("."), 1);
		assert_content("old", "old");
	}
}

static void
test_exists(void **state)
{
	struct fault f = {.text = ""};
	struct newfile n;

	(void)state;
	tmpdir_file("f", "old", 3, 0644);
	assert_int_equal(mkdir("d", 0777), 0);
	assert_int_equal(file_write_new(&f, "f", "new", 3, 0666, false), COFFER_E_EXISTS);
	assert_string_equal(f.text, "f exists; --force replaces it");
	assert_int_equal(file_write_new(&f, "d", "new", 3, 0666, true), COFFER_E_EXISTS);
	assert_int_equal(file_write_new(&f, "d/", "new", 3, 0666, true), COFFER_E_USAGE);
	assert_int_equal(file_write_new(&f, "d/..", "new", 3, 0666, true), COFFER_E_USAGE);
	assert_int_equal(file_write_new(&f, "nowhere/f", "new", 3, 0666, true), COFFER_E_NOTFOUND);
	assert_int_equal(file_write_new(&f, "f/g", "new", 3, 0666, true), COFFER_E_NOTFOUND);
	assert_int_equal(symlink("f", "link"), 0);
	assert_int_equal(file_write_new(&f, "link", "new", 3, 0666, false), COFFER_E_EXISTS);
	assert_content("f", "old");
	assert_int_equal(file_write_new(&f, "f", "newer", 5, 0666, true), COFFER_OK);
	assert_content("f", "newer");
	/* what another process made meanwhile is not lost */
	assert_int_equal(newfile_open(&f, &n, "late", 0666, false), COFFER_OK);
	tmpdir_file("late", "theirs", 6, 0644);
	assert_int_equal(newfile_commit(&f, &n), COFFER_E_EXISTS);
	newfile_abort(&n);
	assert_content("late", "theirs");
	assert_int_equal(count_entries("."), 4);
}

/* a temporary file of a killed process goes; that of a live one stays */
static void
test_stale(void **state)
{
	struct newfile n;
	int fd;

	(void)state;
	tmpdir_file("f", "old", 3, 0644);
	tmpdir_file(".f.coffer-tmp", "half", 4, 0644);
	assert_int_equal(file_write_new(NULL, "f", "new", 3, 0666, true), COFFER_OK);
	assert_content("f", "new");
	assert_int_equal(count_entries("."), 1);
	/* at once, so that nobody takes it for a file of the user's */
	tmpdir_file(".f.coffer-tmp", "half", 4, 0644);
	assert_int_equal(newfile_open(NULL, &n, "f", 0666, true), COFFER_OK);
	assert_int_equal(access(".f.coffer-tmp", F_OK), -1);
	newfile_abort(&n);
	tmpdir_file(".f.coffer-tmp", "live", 4, 0644);
	fd = open(".f.coffer-tmp", O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(file_write_new(NULL, "f", "newer", 5, 0666, true), COFFER_E_BUSY);
	assert_content("f", "new");
	assert_content(".f.coffer-tmp", "live");
	file_close(&fd);
}

/* Two writers of one name: each file that appears is whole, and the locks tell them apart. */
static void
test_two_writers(void **state)
{
	struct newfile a, b;
	int fd;

	(void)state;
	tmpdir_file("f", "old", 3, 0644);
	assert_int_equal(newfile_open(NULL, &a, "f", 0666, true), COFFER_OK);
	assert_int_equal(newfile_open(NULL, &b, "f", 0666, true), COFFER_OK);
	assert_int_equal(file_write_at(NULL, a.fd, "f", "from a", 6, 0), COFFER_OK);
	assert_int_equal(file_write_at(NULL, b.fd, "f", "from b", 6, 0), COFFER_OK);
	/* a stands between giving its temporary name and the rename */
	fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	{
		char name[16];

		(void)snprintf(name, sizeof(name), "%d", a.fd);
		assert_int_equal(linkat(fd, name, AT_FDCWD, ".f.coffer-tmp", AT_SYMLINK_FOLLOW), 0);
	}
	file_close(&fd);
	assert_int_equal(newfile_commit(NULL, &b), COFFER_E_BUSY);
	newfile_abort(&b);
	assert_content("f", "old");
	assert_int_equal(unlink(".f.coffer-tmp"), 0);
	newfile_abort(&a);
	assert_int_equal(count_entries("."), 1);
}

static void
test_longest_name(void **state)
{
	char name[257];

	(void)state;
	memset(name, 'n', 255);
	name[255] = '\0';
	assert_int_equal(file_write_new(NULL, name, "1", 1, 0666, false), COFFER_OK);
	assert_int_equal(file_write_new(NULL, name, "22", 2, 0666, true), COFFER_OK);
	assert_content(name, "22");
	assert_int_equal(count_entries("."), 1);
	append(name, sizeof(name), "n");
	assert_int_equal(file_write_new(NULL, name, "1", 1, 0666, false), COFFER_E_IO);
}

static void
test_not_allowed(void **state)
{
	(void)state;
	assert_int_equal(mkdir("locked", 0555) | chmod(".", 0755), 0);
	/* root may write anywhere, nobody may not */
	if (getuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(file_write_new(NULL, "locked/f", "x", 1, 0666, false), COFFER_E_PERM);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpdir_setup, tmpdir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read_write),	 TEST(test_slurp),	 TEST(test_slurp_refuses), TEST(test_new),
		TEST(test_abort),	 TEST(test_exists),	 TEST(test_stale),	   TEST(test_two_writers),
		TEST(test_longest_name), TEST(test_not_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
