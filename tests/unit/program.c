/* SPDX-License-Identifier: Apache-2.0 */
#include "run/program.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/tmpdir.h"

static const struct program_model models[] = {
	{"llama", "/place/llama", NULL},
	{"a \xc3\xa4", "/place/a \xc3\xa4", "/place/a \xc3\xa4/w.gguf"},
};

static const struct {
	const char *text;
	bool verbatim;
	coffer_err err;
	const char *out; /* NULL: it is refused */
} arguments[] = {
	{"", false, COFFER_OK, ""},
	{"{model}", false, COFFER_OK, "/place/llama"},
	{"--path={model}/x", false, COFFER_OK, "--path=/place/llama/x"},
	{"{model}{model}", false, COFFER_OK, "/place/llama/place/llama"},
	{"{model:llama}", false, COFFER_OK, "/place/llama"},
	{"{model:a \xc3\xa4}", false, COFFER_OK, "/place/a \xc3\xa4"},
	{"{file:a \xc3\xa4}", false, COFFER_OK, "/place/a \xc3\xa4/w.gguf"},
	{"{{model}}", false, COFFER_OK, "{/place/llama}"},
	{"{", false, COFFER_OK, "{"},
	{"{model", false, COFFER_OK, "{model"},
	{"{model:llama", false, COFFER_OK, "{model:llama"},
	{"{models}", false, COFFER_OK, "{models}"},
	{"{Model}", false, COFFER_OK, "{Model}"},
	{"{filename}", false, COFFER_OK, "{filename}"},
	{"{\"a\": {\"model\": 1}}", false, COFFER_OK, "{\"a\": {\"model\": 1}}"},
	{"{model:}", false, COFFER_E_USAGE, NULL},
	{"{model:lama}", false, COFFER_E_USAGE, NULL},
	{"{model:llama2}", false, COFFER_E_USAGE, NULL},
	{"{file}", false, COFFER_E_USAGE, NULL},
	{"{file:llama}", false, COFFER_E_USAGE, NULL},
	{"{file}{model:lama}", true, COFFER_OK, "{file}{model:lama}"},
};

/* the program is this shell line; what it says is what was in its argument and environment */
static void
said(const struct program *program, char *out, size_t cap)
{
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(ends[1], 1);
		(void)program_exec(NULL, program);
		_exit(99);
	}
	(void)close(ends[1]);
	n = read(ends[0], out, cap - 1);
	out[n > 0 ? n : 0] = '\0';
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static struct program
program_of(const char *const argv[], size_t argc, bool verbatim)
{
	return (struct program){.argv = argv, .argc = argc, .verbatim = verbatim, .models = models, .n_models = 2};
}

static void
test_arguments(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
		const char *argv[] = {"sh", "-c", "printf %s \"$0\"", arguments[i].text};
		const struct program program = program_of(argv, 4, arguments[i].verbatim);
		struct fault f = {.text = ""};
		char out[256];

		if (program_check(&f, &program) != arguments[i].err)
			fail_msg("«%s»: %s", arguments[i].text, f.text);
		if (!arguments[i].out)
			continue;
		said(&program, out, sizeof(out));
		assert_string_equal(out, arguments[i].out);
	}
}

static void
test_environment(void **state)
{
	static const char *const argv[] = {
		"sh", "-c", "printf %s \"$COFFER_MODEL|${COFFER_MODEL_FILE-none}|$(ulimit -H -c)|$OTHER\""};
	struct program program = program_of(argv, 3, false);
	char out[256];

	(void)state;
	(void)setenv("OTHER", "as it was", 1);
	(void)setenv("COFFER_MODEL_FILE", "of another", 1);
	said(&program, out, sizeof(out));
	assert_string_equal(out, "/place/llama|none|0|as it was");
	program.models++;
	program.n_models--;
	said(&program, out, sizeof(out));
	assert_string_equal(out, "/place/a \xc3\xa4|/place/a \xc3\xa4/w.gguf|0|as it was");
}

static void
test_find(void **state)
{
	static const struct {
		const char *path, *name;
		coffer_err err;
	} cases[] = {
		{"/nowhere:bin", "good", COFFER_OK},	   {"bin", "good", COFFER_OK},
		{"", "good", COFFER_E_NOTFOUND},	   {"bin", "none", COFFER_E_NOTFOUND},
		{"bin", "plain", COFFER_E_PERM},	   {"other:bin", "plain", COFFER_E_PERM},
		{"bin", "folder", COFFER_E_PERM},	   {"/nowhere", "bin/good", COFFER_OK},
		{"/nowhere", "bin/plain", COFFER_E_PERM},  {"/nowhere", "bin/none", COFFER_E_NOTFOUND},
		{"/nowhere", "bin/folder", COFFER_E_PERM}, {"bin", "", COFFER_E_USAGE},
		{"/nowhere", "./bin/good", COFFER_OK},	   {"bin::other", "good", COFFER_OK},
	};

	(void)state;
	assert_int_equal(mkdir("bin", 0700), 0);
	assert_int_equal(mkdir("bin/folder", 0700), 0);
	assert_int_equal(close(open("bin/good", O_WRONLY | O_CREAT, 0700)), 0);
	assert_int_equal(close(open("bin/plain", O_WRONLY | O_CREAT, 0600)), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault f = {.text = ""};

		(void)setenv("PATH", cases[i].path, 1);
		if (program_find(&f, cases[i].name) != cases[i].err)
			fail_msg("%s in %s: %s", cases[i].name, cases[i].path, f.text);
	}
	/* none at all: that of the C library */
	(void)unsetenv("PATH");
	assert_int_equal(program_find(NULL, "sh"), COFFER_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_environment),
		cmocka_unit_test_setup_teardown(test_find, tmpdir_setup, tmpdir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
