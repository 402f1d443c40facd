/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define N 1000

struct job {
	atomic_uint done[N];
	atomic_uint running, most;
	uint64_t fail_at; /* N: never */
	size_t scratch;
	atomic_bool *cancel;
	struct timespec pause;
};

static coffer_err
item(void *arg, uint64_t i, struct pool_worker *w)
{
	struct job *j = arg;
	unsigned int now = atomic_fetch_add(&j->running, 1) + 1, most = atomic_load(&j->most);

	while (now > most && !atomic_compare_exchange_weak(&j->most, &most, now))
		;
	atomic_fetch_add(&j->done[i], 1);
	if (j->scratch)
		memset(w->scratch, (int)i, j->scratch);
	if (j->pause.tv_nsec)
		(void)nanosleep(&j->pause, NULL);
	if (j->scratch && (w->scratch[0] != (uint8_t)i || w->scratch[j->scratch - 1] != (uint8_t)i))
		return COFFER_E_INTERNAL; /* somebody else used it */
	if (j->cancel && i == 5)
		atomic_store(j->cancel, true);
	atomic_fetch_sub(&j->running, 1);
	if (i == j->fail_at)
		return fault_set(&w->fault, COFFER_E_AUTH, "item %u", (unsigned int)i);
	return COFFER_OK;
}

static const struct {
	unsigned int threads, max_threads;
	uint64_t n;
} shapes[] = {
	{1, 0, N}, {2, 0, N}, {4, 0, N}, {8, 0, 3}, {4, 1, N}, {4, 2, N}, {4, 0, 1}, {4, 0, 0}, {0, 0, 10}, {2, 9, 10},
};

static void
test_each_item_once(void **state)
{
	(void)state;
	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++) {
		unsigned int threads = shapes[s].threads ? shapes[s].threads : 1;
		struct pool *p;

		assert_int_equal(pool_new(NULL, shapes[s].threads, NULL, &p), COFFER_OK);
		assert_int_equal(pool_size(p), threads);
		/* the same pool for job after job, with scratch that grows */
		for (size_t scratch = 0; scratch <= 3 << 16; scratch += 1 << 16) {
			struct job j = {.fail_at = N, .scratch = scratch};
			struct fault f = {.text = ""};

			assert_int_equal(pool_run(&f, p, shapes[s].max_threads, scratch, item, &j, shapes[s].n),
					 COFFER_OK);
			for (uint64_t i = 0; i < N; i++)
				assert_int_equal(atomic_load(&j.done[i]), i < shapes[s].n);
			assert_true(atomic_load(&j.most) <= threads);
			if (shapes[s].max_threads)
				assert_true(atomic_load(&j.most) <= shapes[s].max_threads);
		}
		pool_free(&p);
		assert_null(p);
	}
}

/* With items that wait, all threads must be seen at work at once. */
static void
test_side_by_side(void **state)
{
	struct job j = {.fail_at = N, .pause = {.tv_nsec = 5000000}};
	struct pool *p;

	(void)state;
	assert_int_equal(pool_new(NULL, 4, NULL, &p), COFFER_OK);
	assert_int_equal(pool_run(NULL, p, 0, 0, item, &j, 40), COFFER_OK);
	assert_int_equal(atomic_load(&j.most), 4);
	pool_free(&p);
}

static void
test_fault(void **state)
{
	struct pool *p;

	(void)state;
	assert_int_equal(pool_new(NULL, 3, NULL, &p), COFFER_OK);
	for (uint64_t fail_at = 0; fail_at < 8; fail_at++) {
		struct job j = {.fail_at = fail_at, .pause = {.tv_nsec = 100000}};
		struct fault f = {.text = ""};
		unsigned int done = 0;
		char want[16];

		(void)snprintf(want, sizeof(want), "item %u", (unsigned int)fail_at);
		assert_int_equal(pool_run(&f, p, 0, 64, item, &j, N), COFFER_E_AUTH);
		assert_int_equal(f.err, COFFER_E_AUTH);
		assert_string_equal(f.text, want);
		for (size_t i = 0; i < N; i++)
			done += atomic_load(&j.done[i]);
		assert_true(done < N); /* it ended the job */
		/* and the pool is good for the next */
		j.fail_at = N;
		memset(j.done, 0, sizeof(j.done));
		assert_int_equal(pool_run(&f, p, 0, 64, item, &j, 9), COFFER_OK);
		assert_int_equal(pool_run(NULL, p, 0, 0, item, &j, 0), COFFER_OK);
	}
	pool_free(&p);
}

/* All four wait for each other; then one fails at once, and the others later. */
static coffer_err
fail_differently(void *arg, uint64_t i, struct pool_worker *w)
{
	const struct timespec pause = {.tv_nsec = 1000000}, late = {.tv_nsec = 20000000};
	static atomic_uint entered;
	atomic_int *first = arg;
	int none = -1;

	atomic_fetch_add(&entered, 1);
	while (atomic_load(&entered) < 4)
		(void)nanosleep(&pause, NULL);
	if (!atomic_compare_exchange_strong(first, &none, (int)i))
		(void)nanosleep(&late, NULL);
	return fault_set(&w->fault, COFFER_E_IO, "item %u", (unsigned int)i);
}

static void
test_first_fault_wins(void **state)
{
	atomic_int first = -1;
	struct fault f = {.text = ""};
	struct pool *p;
	char want[16];

	(void)state;
	assert_int_equal(pool_new(NULL, 4, NULL, &p), COFFER_OK);
	assert_int_equal(pool_run(&f, p, 0, 0, fail_differently, &first, 4), COFFER_E_IO);
	(void)snprintf(want, sizeof(want), "item %d", atomic_load(&first));
	assert_string_equal(f.text, want);
	pool_free(&p);
}

static void
test_cancel(void **state)
{
	(void)state;
	for (unsigned int threads = 1; threads <= 4; threads += 3) {
		atomic_bool cancel = false;
		struct job j = {.fail_at = N, .cancel = &cancel, .pause = {.tv_nsec = 100000}};
		struct fault f = {.text = ""};
		struct pool *p;

		assert_int_equal(pool_new(NULL, threads, &cancel, &p), COFFER_OK);
		assert_int_equal(pool_run(&f, p, 0, 0, item, &j, N), COFFER_E_INTERRUPTED);
		assert_string_equal(f.text, "interrupted");
		assert_int_equal(atomic_load(&j.done[N - 1]), 0);
		assert_int_equal(pool_run(&f, p, 0, 0, item, &j, 4), COFFER_E_INTERRUPTED); /* it stays set */
		pool_free(&p);
	}
}

static void
test_scratch_aligned(void **state)
{
	struct job j = {.fail_at = N, .scratch = 5000};
	struct pool *p;

	(void)state;
	assert_int_equal(pool_new(NULL, 1, NULL, &p), COFFER_OK);
	assert_int_equal(pool_run(NULL, p, 0, 5000, item, &j, 3), COFFER_OK);
	assert_int_equal(pool_run(NULL, p, 0, SIZE_MAX / 2, item, &j, 3), COFFER_E_NOMEM);
	pool_free(&p);
	pool_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_item_once), cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_fault),	       cmocka_unit_test(test_first_fault_wins),
		cmocka_unit_test(test_cancel),	       cmocka_unit_test(test_scratch_aligned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
