/* SPDX-License-Identifier: Apache-2.0 */
#include "net/aws_process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "support/emulator.h"

/* the words are what Python 3.11's shlex.split() gives; NULL: it raises, or we take no such thing */
static void
words_are_split(void **state)
{
	static const struct {
		const char *command;
		const char *words; /* each in [] */
	} cases[] = {
		{"a", "[a]"},
		{"  /usr/bin/x  --flag\tv \n", "[/usr/bin/x][--flag][v]"},
		{"a 'b c' \"d e\"", "[a][b c][d e]"},
		{"a'b'\"c\"d", "[abcd]"},
		{"a '' \"\"", "[a][][]"},
		{"a \"q\\\"q\" 'q\\q' \"x\\y\" \"b\\\\b\"", "[a][q\"q][q\\q][x\\y][b\\b]"},
		{"a b\\ c \\'", "[a][b c][']"},
		{"a $HOME `x` ; rm | b > c * ~", "[a][$HOME][`x`][;][rm][|][b][>][c][*][~]"},
		{"", NULL},
		{"   ", NULL},
		{"a 'b", NULL},
		{"a \"b", NULL},
		{"a \"b\\", NULL},
		{"a \\", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct aws_words w;
		char text[256] = "";
		size_t used = 0;

		assert_int_equal(aws_words_split(view_str(cases[i].command), &w), cases[i].words != NULL);
		if (!cases[i].words)
			continue;
		for (size_t k = 0; k < w.n; k++) {
			text[used++] = '[';
			memcpy(text + used, w.argv[k], strlen(w.argv[k]));
			used += strlen(w.argv[k]);
			text[used++] = ']';
		}
		text[used] = '\0';
		assert_string_equal(text, cases[i].words);
		assert_null(w.argv[w.n]);
	}
}

static void
words_fit(void **state)
{
	static struct aws_words w;
	char command[5000];

	(void)state;
	memset(command, 'a', sizeof(command));
	assert_true(aws_words_split(view_of(command, sizeof(w.text) - 1), &w));
	assert_int_equal(strlen(w.argv[0]), sizeof(w.text) - 1);
	assert_false(aws_words_split(view_of(command, sizeof(w.text)), &w));
	for (size_t i = 1; i < sizeof(command); i += 2)
		command[i] = ' ';
	assert_true(aws_words_split(view_of(command, 2 * AWS_PROCESS_ARGS), &w));
	assert_int_equal(w.n, AWS_PROCESS_ARGS);
	assert_false(aws_words_split(view_of(command, 2 * AWS_PROCESS_ARGS + 1), &w));
}

static void
check_run(const char *command, unsigned int ms, coffer_err want, const char *words)
{
	struct secret out = SECRET_INIT;
	struct fault f = {0};

	assert_int_equal(aws_process_run(&f, view_str(command), ms, &out), want);
	if (want == COFFER_OK) {
		assert_int_equal(out.len, strlen(words));
		assert_memory_equal(out.p, words, out.len);
	} else {
		assert_null(out.p);
		if (!strstr(f.text, words))
			fail_msg("«%s» is not in «%s»", words, f.text);
	}
	secret_free(&out);
}

static void
programs_are_run(void **state)
{
	(void)state;
	check_run("printf '%s' 'a b'", 5000, COFFER_OK, "a b");
	check_run("sh -c 'cat; echo no >&2; printf x'", 5000, COFFER_OK, "x");
	check_run("echo $HOME ;", 5000, COFFER_OK, "$HOME ;\n");
	if (!under_emulator("vfork() whose child says why it could not execute"))
		check_run("/nonexistent/x", 5000, COFFER_E_REFUSED, "cannot be run");
	check_run("sh -c 'exit 3'", 5000, COFFER_E_REFUSED, "failed (exit code 3)");
	check_run("sh -c 'kill -9 $$'", 5000, COFFER_E_REFUSED, "failed (signal 9)");
	check_run("sh -c 'head -c 70000 /dev/zero'", 5000, COFFER_E_REFUSED, "more than 65536 bytes");
	check_run("x 'y", 5000, COFFER_E_REFUSED, "is no command");
}

/* one that says nothing, and one that says all and does not end */
static void
slow_programs_are_ended(void **state)
{
	time_t begin = time(NULL);

	(void)state;
	check_run("sleep 60", 100, COFFER_E_REFUSED, "took too long");
	check_run("sh -c 'exec >/dev/null; exec sleep 60'", 100, COFFER_E_REFUSED, "failed (signal 9)");
	assert_true(time(NULL) - begin < 10);
}

static void
who_ignores_children_gets_the_output(void **state)
{
	void (*old)(int) = signal(SIGCHLD, SIG_IGN);

	(void)state;
	check_run("echo x", 5000, COFFER_OK, "x\n");
	(void)signal(SIGCHLD, old);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_split),
		cmocka_unit_test(words_fit),
		cmocka_unit_test(programs_are_run),
		cmocka_unit_test(slow_programs_are_ended),
		cmocka_unit_test(who_ignores_children_gets_the_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
