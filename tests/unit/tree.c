/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/file.h"
#include "support/text.h"
#include "support/tmpdir.h"

struct seen {
	char text[1000]; /* «path:type» in order of path, each with a space before */
	unsigned int n;
	coffer_err fail_with;
};

static coffer_err
visit(void *arg, struct fault *f, const struct tree_entry *e)
{
	struct seen *s = arg;
	struct stat st;
	char line[200];

	assert_string_equal(e->name, strrchr(e->path, '/') ? strrchr(e->path, '/') + 1 : e->path);
	assert_int_equal(fstatat(e->dirfd, e->name, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(IFTODT(st.st_mode), e->type);
	if (s->fail_with)
		return fault_set(f, s->fail_with, "no");
	(void)snprintf(line, sizeof(line), " %s:%c", e->path, e->type == DT_REG ? 'f' : e->type == DT_LNK ? 'l' : 'o');
	assert_null(strstr(s->text, line));
	APPEND(s->text, line);
	s->n++;
	return COFFER_OK;
}

static bool
is_dotted(void *arg, const char *path, const char *name)
{
	(void)arg;
	(void)path;
	return name[0] == '.';
}

static void
make_tree(void)
{
	assert_int_equal(mkdir("a", 0777) | mkdir("a/b", 0777) | mkdir("a/empty", 0777) | mkdir(".h", 0777), 0);
	tmpdir_file("one", "", 0, 0644);
	tmpdir_file("a/two", "", 0, 0644);
	tmpdir_file("a/b/three", "", 0, 0644);
	tmpdir_file("a/.dot", "", 0, 0644);
	tmpdir_file(".h/in", "", 0, 0644);
	assert_int_equal(symlink("a", "link") | symlink("..", "a/up") | mkfifo("fifo", 0666), 0);
}

static void
test_all(void **state)
{
	static const char *const all[] = {" one:f",   " a/two:f", " a/b/three:f", " a/.dot:f",
					  " .h/in:f", " link:l",  " a/up:l",	  " fifo:o"};
	struct seen s = {.text = ""};
	const struct tree_visitor v = {.entry = visit, .arg = &s};
	int fd = open(".", O_RDONLY | O_DIRECTORY);

	(void)state;
	make_tree();
	for (int twice = 0; twice < 2; twice++) { /* the caller's descriptor is not used up */
		s = (struct seen){.text = ""};
		assert_int_equal(tree_walk(NULL, fd, ".", &v), COFFER_OK);
		assert_int_equal(s.n, 8);
		for (size_t i = 0; i < 8; i++)
			assert_non_null(strstr(s.text, all[i]));
	}
	file_close(&fd);
}

static void
test_left_out(void **state)
{
	struct seen s = {.text = ""};
	const struct tree_visitor v = {.entry = visit, .leave_out = is_dotted, .arg = &s};
	int fd = open(".", O_RDONLY | O_DIRECTORY);

	(void)state;
	make_tree();
	assert_int_equal(tree_walk(NULL, fd, ".", &v), COFFER_OK);
	assert_int_equal(s.n, 6);
	assert_null(strstr(s.text, "/.dot"));
	assert_null(strstr(s.text, ".h"));
	file_close(&fd);
}

static void
test_error(void **state)
{
	struct seen s = {.fail_with = COFFER_E_BUSY};
	const struct tree_visitor v = {.entry = visit, .arg = &s};
	struct fault f = {.text = ""};
	int fd = open(".", O_RDONLY | O_DIRECTORY), before, after;

	(void)state;
	make_tree();
	before = dup(fd);
	assert_int_equal(tree_walk(&f, fd, ".", &v), COFFER_E_BUSY);
	assert_string_equal(f.text, "no");
	after = dup(fd);
	assert_int_equal(after, before + 1); /* no descriptor was left open */
	file_close(&after);
	file_close(&before);
	file_close(&fd);
	assert_int_equal(tree_walk(&f, fd, "gone", &v), COFFER_E_IO);
}

static void
test_depth(void **state)
{
	struct seen s = {.text = ""};
	const struct tree_visitor v = {.entry = visit, .arg = &s};
	struct fault f = {.text = ""};
	int top = open(".", O_RDONLY | O_DIRECTORY);

	(void)state;
	for (int i = 1; i < 128; i++)
		assert_int_equal(mkdir("d", 0777) | chdir("d"), 0);
	assert_int_equal(tree_walk(&f, top, ".", &v), COFFER_OK);
	assert_int_equal(mkdir("d", 0777), 0);
	assert_int_equal(tree_walk(&f, top, ".", &v), COFFER_E_USAGE);
	assert_non_null(strstr(f.text, "deeper than 128"));
	file_close(&top);
}

static coffer_err
note(void *arg, struct fault *f, const char *path, const struct fault *why)
{
	struct seen *s = arg;

	assert_int_equal(why->err, s->fail_with ? COFFER_E_IO : COFFER_E_USAGE);
	assert_true(path[0] != '\0' || s->fail_with);
	s->n += 100;
	return s->fail_with ? fault_set(f, s->fail_with, "given up") : COFFER_OK;
}

static coffer_err
count(void *arg, struct fault *f, const struct tree_entry *e)
{
	struct seen *s = arg;

	(void)f;
	(void)e;
	s->n++;
	return COFFER_OK;
}

/* A folder that cannot be read is not the end, if the visitor says so. */
static void
test_trouble(void **state)
{
	struct seen s = {.text = ""};
	const struct tree_visitor v = {.entry = count, .trouble = note, .arg = &s};
	struct fault f = {.text = ""};
	int top = open(".", O_RDONLY | O_DIRECTORY), none = -1;

	(void)state;
	tmpdir_file("before", "", 0, 0644);
	tmpdir_file("zlast", "", 0, 0644);
	for (int i = 1; i <= 128; i++)
		assert_int_equal(mkdir("d", 0777) | chdir("d"), 0);
	assert_int_equal(tree_walk(&f, top, ".", &v), COFFER_OK);
	assert_int_equal(s.n, 102);
	s.fail_with = COFFER_E_BUSY;
	assert_int_equal(tree_walk(&f, none, "gone", &v), COFFER_E_BUSY);
	assert_string_equal(f.text, "given up");
	file_close(&top);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpdir_setup, tmpdir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all), TEST(test_left_out), TEST(test_error), TEST(test_depth), TEST(test_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
