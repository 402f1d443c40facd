/* SPDX-License-Identifier: Apache-2.0 */
#include "key/bearer.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a clock that a test can set forward ---- */

static time_t ahead;

int
clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, id, t);

	if (id == CLOCK_BOOTTIME)
		t->tv_sec += ahead;
	return rc;
}

/* ---- who gives tokens: «token1», «token2» … ---- */

static atomic_int fetched;
static coffer_err answer;
static uint64_t lifetime;
static unsigned int got_timeout;

static coffer_err
fetch(struct fault *f, const char *place, struct bearer_token *out)
{
	char text[64];

	got_timeout = out->timeout_ms;
	(void)snprintf(text, sizeof(text), "token%d of %s", atomic_fetch_add(&fetched, 1) + 1, place);
	if (answer)
		return fault_set(f, answer, "no %s", text);
	(void)snprintf(out->project, sizeof(out->project), "bill-me");
	out->lifetime_s = lifetime;
	return secret_copy(f, &out->text, text, strlen(text));
}

static coffer_err
fetch_other(struct fault *f, const char *place, struct bearer_token *out)
{
	(void)place;
	out->lifetime_s = 60;
	return secret_copy(f, &out->text, "other", 5);
}

static int
setup(void **state)
{
	(void)state;
	ahead = 0;
	fetched = 0;
	answer = COFFER_OK;
	lifetime = 3600;
	return 0;
}

static struct bearer *
get(const char *place)
{
	struct bearer *b;

	assert_int_equal(bearer_get(NULL, place, fetch, &b), COFFER_OK);
	return b;
}

static void
assert_takes(struct bearer *b, bool fresh, struct bearer_use *use, const char *want)
{
	assert_int_equal(bearer_take(NULL, b, fresh, 5000, use), COFFER_OK);
	assert_int_equal(use->text.len, strlen(want));
	assert_memory_equal(use->text.p, want, use->text.len);
}

/* ---- */

static void
test_kept(void **state)
{
	struct bearer_use use = BEARER_USE_INIT;
	struct bearer *b = get("a");

	(void)state;
	assert_takes(b, false, &use, "token1 of a");
	assert_string_equal(use.project, "bill-me");
	assert_int_equal(use.number, 1);
	assert_int_equal(got_timeout, 5000);
	ahead = 3600 - 241;
	assert_takes(b, false, &use, "token1 of a");
	ahead = 3600 - 239;
	assert_takes(b, false, &use, "token2 of a");
	/* a short one is kept for three quarters of its life */
	lifetime = 40;
	ahead += 3600;
	assert_takes(b, false, &use, "token3 of a");
	ahead += 29;
	assert_takes(b, false, &use, "token3 of a");
	ahead += 2;
	assert_takes(b, false, &use, "token4 of a");
	bearer_use_free(&use);
	bearer_put(&b);
	assert_null(b);
}

static void
test_shared(void **state)
{
	struct bearer_use use = BEARER_USE_INIT;
	struct bearer *a = get("a"), *again = get("a"), *b = get("b"), *other;

	(void)state;
	assert_int_equal(bearer_get(NULL, "a", fetch_other, &other), COFFER_OK);
	assert_ptr_equal(a, again);
	assert_takes(a, false, &use, "token1 of a");
	assert_takes(b, false, &use, "token2 of b");
	assert_takes(other, false, &use, "other");
	bearer_put(&a);
	assert_takes(again, false, &use, "token1 of a");
	bearer_put(&again);
	/* whom nobody has is forgotten */
	a = get("a");
	assert_takes(a, false, &use, "token3 of a");
	bearer_put(&a);
	bearer_put(&b);
	bearer_put(&other);
	bearer_use_free(&use);
}

static void
test_refused(void **state)
{
	struct bearer_use one = BEARER_USE_INIT, two = BEARER_USE_INIT;
	struct bearer *b = get("a");

	(void)state;
	assert_takes(b, false, &one, "token1 of a");
	assert_takes(b, false, &two, "token1 of a");
	assert_takes(b, true, &one, "token2 of a");
	/* the other one's is old, and there is a new one already */
	assert_takes(b, true, &two, "token2 of a");
	assert_int_equal(fetched, 2);
	bearer_use_free(&one);
	bearer_use_free(&two);
	bearer_put(&b);
}

static void
test_failures(void **state)
{
	struct bearer_use use = BEARER_USE_INIT;
	struct fault f = {.text = ""};
	struct bearer *b = get("a");

	(void)state;
	answer = COFFER_E_REFUSED;
	assert_int_equal(bearer_take(&f, b, false, 5000, &use), COFFER_E_REFUSED);
	assert_string_equal(f.text, "no token1 of a");
	assert_null(use.text.p);
	answer = COFFER_OK;
	assert_takes(b, false, &use, "token2 of a");
	/* shortly before the end there is no new one: the old one does, and is not asked about for a while */
	answer = COFFER_E_UNAVAILABLE;
	ahead = 3600 - 100;
	assert_takes(b, false, &use, "token2 of a");
	ahead += 29;
	assert_takes(b, false, &use, "token2 of a");
	assert_int_equal(fetched, 3);
	ahead += 2;
	assert_takes(b, false, &use, "token2 of a");
	assert_int_equal(fetched, 4);
	/* but not when it was refused, nor past its end */
	assert_int_equal(bearer_take(&f, b, true, 5000, &use), COFFER_E_UNAVAILABLE);
	ahead = 3600;
	assert_int_equal(bearer_take(&f, b, false, 5000, &use), COFFER_E_UNAVAILABLE);
	assert_int_equal(fetched, 6);
	bearer_use_free(&use);
	bearer_put(&b);
}

static void
test_fork(void **state)
{
	struct bearer_use use = BEARER_USE_INIT;
	struct bearer *b = get("a");
	int status;
	pid_t pid;

	(void)state;
	assert_takes(b, false, &use, "token1 of a");
	pid = fork();
	if (pid == 0)
		_exit(bearer_take(NULL, b, false, 5000, &use) == COFFER_OK && use.text.len == 11 &&
				      memcmp(use.text.p, "token2 of a", 11) == 0
			      ? 0
			      : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	bearer_use_free(&use);
	bearer_put(&b);
}

/* ---- threads: one asks, the others wait for it ---- */

enum { N_THREADS = 8 };

static pthread_barrier_t barrier;
static atomic_int n_refused;

static coffer_err
fetch_slowly(struct fault *f, const char *place, struct bearer_token *out)
{
	static const struct timespec pause = {.tv_nsec = 300000000};

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	return fetch(f, place, out);
}

static void *
take_in_thread(void *arg)
{
	struct bearer_use use = BEARER_USE_INIT;
	struct bearer *b;

	(void)arg;
	if (bearer_get(NULL, "slow", fetch_slowly, &b) != COFFER_OK)
		return NULL;
	(void)pthread_barrier_wait(&barrier);
	n_refused += bearer_take(NULL, b, false, 5000, &use) != COFFER_OK;
	bearer_use_free(&use);
	(void)pthread_barrier_wait(&barrier);
	bearer_put(&b);
	return NULL;
}

static void
run_threads(void)
{
	pthread_t threads[N_THREADS];

	n_refused = 0;
	fetched = 0;
	assert_int_equal(pthread_barrier_init(&barrier, NULL, N_THREADS), 0);
	for (int i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_in_thread, NULL), 0);
	for (int i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	(void)pthread_barrier_destroy(&barrier);
}

static void
test_threads(void **state)
{
	(void)state;
	run_threads();
	assert_int_equal(fetched, 1);
	assert_int_equal(n_refused, 0);
	answer = COFFER_E_UNAVAILABLE;
	run_threads();
	assert_int_equal(n_refused, N_THREADS);
	/* whoever came late makes a try of its own; most wait for the first */
	assert_in_range(fetched, 1, 3);
}

/* ---- what a token endpoint says ---- */

static const struct {
	const char *json;
	coffer_err err;
	uint64_t least, most;
} answers[] = {
	{"{\"access_token\":\"t\",\"expires_in\":3599,\"token_type\":\"Bearer\"}", COFFER_OK, 3599, 3599},
	{"{\"access_token\":\"t\",\"expires_in\":\"86399\"}", COFFER_OK, 86399, 86399},
	{"{\"access_token\":\"t\",\"expires_on\":\"9000000000\"}", COFFER_OK, 4000000000, 9000000000},
	{"{\"access_token\":\"t\",\"expires_on\":1000}", COFFER_OK, 0, 0},
	{"{\"access_token\":\"t\",\"expires_in\":-5}", COFFER_OK, 300, 300},
	{"{\"access_token\":\"t\"}", COFFER_OK, 300, 300},
	{"{\"access_token\":\"\"}", COFFER_E_UNAVAILABLE, 0, 0},
	{"{\"access_token\":7}", COFFER_E_UNAVAILABLE, 0, 0},
	{"{\"access_token\":\"a\\nb\"}", COFFER_E_UNAVAILABLE, 0, 0},
	{"[]", COFFER_E_UNAVAILABLE, 0, 0},
};

static void
test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct bearer_token t = BEARER_TOKEN_INIT;
		struct doc *d;

		assert_int_equal(doc_parse_foreign(NULL, "it", view_str(answers[i].json), &d), COFFER_OK);
		assert_int_equal(bearer_read(NULL, "it", d, &t), answers[i].err);
		if (answers[i].err == COFFER_OK) {
			assert_int_equal(t.text.len, 1);
			assert_in_range(t.lifetime_s, answers[i].least, answers[i].most);
		}
		secret_free(&t.text);
		doc_free(&d);
	}
}

static const struct {
	long status;
	const char *json;
	enum remote_said said;
	const char *words;
} refusals[] = {
	{400, "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been revoked.\"}", REMOTE_REFUSED,
	 "Token has been revoked."},
	{401, "{\"error\":\"invalid_client\"}", REMOTE_REFUSED, "invalid_client"},
	{403, "{\"error\":{\"code\":403,\"message\":\"Permission denied\"}}", REMOTE_REFUSED, "Permission denied"},
	{404, "{}", REMOTE_REFUSED, NULL},
	{410, "{}", REMOTE_DOWN, NULL},
	{429, "{\"error\":\"slow_down\"}", REMOTE_BUSY, "slow_down"},
	{503, "{}", REMOTE_DOWN, NULL},
	{302, "{}", REMOTE_ODD, NULL},
};

static void
test_judge(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct http_reply reply = {.status = refusals[i].status};
		const char *words = "not set";
		struct doc *d;

		assert_int_equal(doc_parse_foreign(NULL, "it", view_str(refusals[i].json), &d), COFFER_OK);
		assert_int_equal(bearer_judge(&reply, d, &words), refusals[i].said);
		assert_true(words ? refusals[i].words && strcmp(words, refusals[i].words) == 0 : !refusals[i].words);
		assert_int_equal(bearer_judge(&reply, NULL, &words), refusals[i].said);
		assert_null(words);
		doc_free(&d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_kept, setup),
		cmocka_unit_test_setup(test_shared, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_failures, setup),
		cmocka_unit_test_setup(test_fork, setup),
		cmocka_unit_test_setup(test_threads, setup),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_judge),
	};

	return cmocka_run_group_tests_name("bearer", tests, NULL, NULL);
}
