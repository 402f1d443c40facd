/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/secret_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "support/tmpdir.h"

static const struct {
	const char *name, *bytes, *secret; /* NULL: COFFER_E_KEY, and then: */
	const char *words;
} files[] = {
	{"plain", "hello", "hello", NULL},
	{"a line", "hello\n", "hello", NULL},
	{"white space around", " \t\r\n a b \r\n\n", "a b", NULL},
	{"as much as may be", "0123456789abcdef", "0123456789abcdef", NULL},
	{"nothing", "", NULL, "the token in f is empty"},
	{"nothing but space", " \n\t", NULL, "the token in f is empty"},
	{"a byte more", "0123456789abcdefg", NULL, "the token in f is too long"},
	{"a space more", "0123456789abcdef\n", NULL, "the token in f is too long"},
};

static void
files_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct secret s = SECRET_INIT;
		struct fault f = {.text = ""};
		coffer_err err;

		tmpdir_file("f", files[i].bytes, strlen(files[i].bytes), 0600);
		err = secret_from_file(&f, "the token", "f", 16, &s);
		if (err != (files[i].secret ? COFFER_OK : COFFER_E_KEY))
			fail_msg("%s: %s", files[i].name, f.text);
		if (files[i].secret) {
			assert_int_equal(s.len, strlen(files[i].secret));
			assert_memory_equal(s.p, files[i].secret, s.len);
		} else {
			assert_string_equal(f.text, files[i].words);
			assert_null(s.p);
		}
		secret_free(&s);
	}
}

static void
a_missing_file_is_said(void **state)
{
	struct secret s = SECRET_INIT;
	struct fault f = {.text = ""};

	(void)state;
	assert_int_equal(secret_from_file(&f, "the token", "none", 16, &s), COFFER_E_NOTFOUND);
	assert_non_null(strstr(f.text, "cannot open none, where the token should be"));
	assert_int_equal(secret_from_file(&f, "the token", ".", 16, &s), COFFER_E_KEY);
	assert_string_equal(f.text, ". is a folder, and the token is read from a file: name that");
	assert_null(s.p);
}

static void
a_pipe_will_do(void **state)
{
	struct secret s = SECRET_INIT;
	int status = -1;
	pid_t child;

	(void)state;
	assert_int_equal(mkfifo("pipe", 0600), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int fd = open("pipe", O_WRONLY | O_CLOEXEC);
		bool good = write(fd, "hel", 3) == 3 && usleep(20000) == 0 && write(fd, "lo\n", 3) == 3;

		_exit(good ? 0 : 1);
	}
	assert_int_equal(secret_from_file(NULL, "the token", "pipe", 16, &s), COFFER_OK);
	assert_int_equal(s.len, 5);
	assert_memory_equal(s.p, "hello", 5);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	secret_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_are_read, tmpdir_setup, tmpdir_teardown),
		cmocka_unit_test_setup_teardown(a_missing_file_is_said, tmpdir_setup, tmpdir_teardown),
		cmocka_unit_test_setup_teardown(a_pipe_will_do, tmpdir_setup, tmpdir_teardown),
	};

	return cmocka_run_group_tests_name("secret_file", tests, NULL, NULL);
}
