/* SPDX-License-Identifier: Apache-2.0 */
/* KEKs on tokens as time goes on: wrong PINs, tokens that are taken away, several threads, children. */
#include "crypto/token_kek.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "support/kek_kit.h"

#define ASKS "pkcs11:token=coffer%20test;object="

static size_t
lines_of(const char *path, const char *begin)
{
	FILE *file = fopen(path, "re");
	char line[128];
	size_t n = 0;

	while (file && fgets(line, sizeof(line), file))
		n += strncmp(line, begin, strlen(begin)) == 0;
	if (file)
		(void)fclose(file);
	return n;
}

/* ---- PINs ---- */

static size_t n_asked;

static coffer_err
answer(void *user, struct fault *f, const char *token_label, struct secret *pin_out)
{
	assert_string_equal(token_label, TOKEN_LABEL);
	n_asked++;
	return secret_copy(f, pin_out, user, strlen(user));
}

/* A token that locks, as real ones do: what is sent to it is counted. */
static void
spares_the_tries(void **state)
{
	static const struct {
		const char *pin;
		const char *text; /* NULL: it works */
		size_t logins;	  /* so far */
	} steps[] = {
		{"1111", "; it counts wrong ones, and more than one try is left", 1},
		{"1111", "refused the same one before", 1},
		{"1112", "; one try is left before it locks", 2},
		{"1111", "one more try before it locks, and that is not spent", 2},
		{"1113", "one more try before it locks, and that is not spent", 2},
		{TOKEN_PIN, "one more try before it locks, and that is not spent", 2},
	};
	struct token_kek *kek, *typed;
	struct token_pin right = {answer, (char[]){TOKEN_PIN}}, wrong = {answer, (char[]){"1114"}};
	struct wrapped w = wrapped_init();
	struct fault f = {0};

	(void)state;
	need(SOFTHSM);
	assert_int_equal(setenv("TOKEN_SHIM_TRIES", "tries", 1), 0);
	assert_int_equal(setenv("TOKEN_SHIM_LOG", "log", 1), 0);
	assert_int_equal(unsetenv("COFFER_PKCS11_PIN_FILE"), 0);
	kek = kek_of(SOFTHSM, "aes?pin-source=file:guess");
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		(void)unlink("guess");
		tmpdir_file("guess", steps[i].pin, strlen(steps[i].pin), 0600);
		assert_int_equal(wrap(&f, kek, &w), COFFER_E_REFUSED);
		if (!strstr(f.text, steps[i].text) || lines_of("log", "login") != steps[i].logins)
			fail_msg("%zu: %s; %zu logins", i, f.text, lines_of("log", "login"));
	}
	/* by hand: it works, the token counts from the start again, and so does the file */
	assert_int_equal(token_kek_new(&f, ASKS "aes", &right, &typed), COFFER_OK);
	assert_int_equal(wrap(&f, typed, &w), COFFER_OK);
	token_kek_free(&typed);
	assert_int_equal(lines_of("log", "login"), 3);
	assert_int_equal(unwrap(&f, kek, &w), COFFER_OK);
	assert_int_equal(lines_of("log", "login"), 4);
	token_kek_free(&kek);
	/* a person who is wrong is asked once */
	n_asked = 0;
	assert_int_equal(token_kek_new(&f, ASKS "aes", &wrong, &typed), COFFER_OK);
	assert_int_equal(unwrap(&f, typed, &w), COFFER_E_REFUSED);
	assert_int_equal(unwrap(&f, typed, &w), COFFER_E_REFUSED);
	assert_int_equal(n_asked, 1);
	assert_int_equal(lines_of("log", "login"), 5);
	token_kek_free(&typed);
	/* locked: nothing is sent */
	(void)unlink("tries");
	tmpdir_file("tries", "0\n", 2, 0600);
	assert_int_equal(token_kek_new(&f, ASKS "aes", &right, &typed), COFFER_OK);
	assert_int_equal(unwrap(&f, typed, &w), COFFER_E_REFUSED);
	assert_non_null(strstr(f.text, "is locked after too many wrong PINs"));
	assert_int_equal(n_asked, 1);
	assert_int_equal(lines_of("log", "login"), 5);
	token_kek_free(&typed);
	assert_int_equal(unsetenv("TOKEN_SHIM_TRIES"), 0);
	assert_int_equal(unsetenv("TOKEN_SHIM_LOG"), 0);
	wrapped_free(&w);
}

static void
asks_once_for_all(void **state)
{
	struct token_pin right = {answer, (char[]){TOKEN_PIN}};
	struct wrapped w = wrapped_init();
	struct token_kek *a, *b;
	struct fault f = {0};

	(void)state;
	need(SOFTHSM);
	assert_int_equal(unsetenv("COFFER_PKCS11_PIN_FILE"), 0);
	n_asked = 0;
	assert_int_equal(token_kek_new(&f, ASKS "aes", &right, &a), COFFER_OK);
	assert_int_equal(token_kek_new(&f, ASKS "both", &right, &b), COFFER_OK);
	assert_int_equal(n_asked, 0);
	assert_int_equal(wrap(&f, a, &w), COFFER_OK);
	assert_int_equal(unwrap(&f, a, &w), COFFER_OK);
	w.bytes.len = w.id.len = 0;
	assert_int_equal(wrap(&f, b, &w), COFFER_OK);
	assert_int_equal(n_asked, 1);
	/* who logged in leaves: the next one logs in */
	token_kek_free(&a);
	assert_int_equal(unwrap(&f, b, &w), COFFER_OK);
	assert_int_equal(n_asked, 2);
	token_kek_free(&b);
	wrapped_free(&w);
}

/* ---- tokens that go and come ---- */

static void
survives_removal(void **state)
{
	struct wrapped w = wrapped_init();
	struct token_kek *kek;
	struct fault f = {0};

	(void)state;
	need(SOFTHSM);
	assert_int_equal(setenv("TOKEN_SHIM_GONE", "gone", 1), 0);
	kek = kek_of(SOFTHSM, "aes");
	assert_int_equal(wrap(&f, kek, &w), COFFER_OK);
	tmpdir_file("gone", "", 0, 0600);
	assert_int_equal(unwrap(&f, kek, &w), COFFER_E_UNAVAILABLE);
	assert_non_null(strstr(f.text, "no token is as the PKCS#11 URI says"));
	assert_int_equal(unwrap(&f, kek, &w), COFFER_E_UNAVAILABLE);
	(void)unlink("gone");
	assert_int_equal(unwrap(&f, kek, &w), COFFER_OK);
	assert_int_equal(unsetenv("TOKEN_SHIM_GONE"), 0);
	wrapped_free(&w);
	token_kek_free(&kek);
}

/* ---- several threads, and children ---- */

struct worker {
	struct token_kek *kek;
	const struct wrapped *w;
	pthread_t thread;
	coffer_err err;
	struct fault f;
};

static void *
work(void *arg)
{
	struct worker *k = arg;

	for (size_t i = 0; i < 6 && k->err == COFFER_OK; i++) {
		struct wrapped own = wrapped_init();

		k->err = unwrap(&k->f, k->kek, k->w);
		if (k->err == COFFER_OK)
			k->err = wrap(&k->f, k->kek, &own);
		if (k->err == COFFER_OK)
			k->err = unwrap(&k->f, k->kek, &own);
		wrapped_free(&own);
	}
	return NULL;
}

/* Eight threads, two of them with each of four KEKs that are of one token; the first who come find nobody logged in. */
static void
serves_threads(void **state)
{
	static const char *const names[] = {"aes", "both", "rsa", "rsa%20kw"};
	struct worker workers[8];
	struct token_kek *keks[4], *other;
	struct wrapped w[4];
	struct fault f = {0};

	(void)state;
	need(SOFTHSM);
	for (enum which which = SOFTHSM; which <= NSS; which++) {
		if (!is_there(which))
			continue;
		use(which);
		for (size_t i = 0; i < 4; i++) {
			other = kek_of(which, names[i]);
			w[i] = wrapped_init();
			assert_int_equal(wrap(&f, other, &w[i]), COFFER_OK);
			token_kek_free(&other);
			keks[i] = kek_of(which, names[i]);
		}
		for (size_t i = 0; i < 8; i++) {
			workers[i] = (struct worker){.kek = keks[i % 4], .w = &w[i % 4], .err = COFFER_OK};
			assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
		}
		for (size_t i = 0; i < 8; i++)
			assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		for (size_t i = 0; i < 8; i++)
			if (workers[i].err != COFFER_OK)
				fail_msg("%s: thread %zu: %s", tokens[which].name, i, workers[i].f.text);
		for (size_t i = 0; i < 4; i++) {
			wrapped_free(&w[i]);
			token_kek_free(&keks[i]);
		}
	}
}

/* One for each of many models: p11-kit has 64 modules at hand, and makes the others. */
static void
serves_many(void **state)
{
	struct token_kek *keks[100];
	struct fault f = {0};

	(void)state;
	need(SOFTHSM);
	for (size_t i = 0; i < 100; i++) {
		struct wrapped w = wrapped_init();

		keks[i] = kek_of(SOFTHSM, i % 2 ? "aes" : "both");
		if (wrap(&f, keks[i], &w) != COFFER_OK || unwrap(&f, keks[i], &w) != COFFER_OK)
			fail_msg("%zu: %s", i, f.text);
		wrapped_free(&w);
	}
	for (size_t i = 0; i < 100; i++)
		token_kek_free(&keks[i]);
}

static int
child(struct token_kek *kek, const struct wrapped *w)
{
	struct fault f = {0};
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		coffer_err err = unwrap(&f, kek, w);

		if (err == COFFER_OK)
			token_kek_free(&kek);
		else
			(void)fprintf(stderr, "in the child: %s\n", f.text);
		_exit(err == COFFER_OK ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
survives_fork(void **state)
{
	(void)state;
	need(SOFTHSM);
	for (enum which which = SOFTHSM; which <= NSS; which++) {
		struct wrapped w = wrapped_init();
		struct token_kek *kek;
		struct fault f = {0};

		if (!is_there(which))
			continue;
		use(which);
		assert_int_equal(setenv("TOKEN_SHIM_LOG", "fork log", 1), 0);
		(void)unlink("fork log");
		kek = kek_of(which, "aes");
		assert_int_equal(wrap(&f, kek, &w), COFFER_OK);
		/* one after the other, and the parent's session goes on */
		assert_int_equal(child(kek, &w), 0);
		assert_int_equal(unwrap(&f, kek, &w), COFFER_OK);
		assert_int_equal(child(kek, &w), 0);
		assert_int_equal(unwrap(&f, kek, &w), COFFER_OK);
		/* each child initialised the module for itself */
		assert_int_equal(lines_of("fork log", "init"), 3);
		assert_int_equal(unsetenv("TOKEN_SHIM_LOG"), 0);
		wrapped_free(&w);
		token_kek_free(&kek);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spares_the_tries), cmocka_unit_test(asks_once_for_all),
		cmocka_unit_test(survives_removal), cmocka_unit_test(serves_threads),
		cmocka_unit_test(serves_many),	    cmocka_unit_test(survives_fork),
	};

	return cmocka_run_group_tests(tests, make_tokens, tmpdir_teardown);
}
