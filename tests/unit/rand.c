/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/rand.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/view.h"

/* how the getrandom() below behaves, which takes the place of libc's */
static size_t most = SIZE_MAX; /* bytes a call */
static int failure;	       /* errno of each call, or 0 */
static bool interrupted;       /* every second call gets a signal first */
static int calls;

ssize_t
getrandom(void *out, size_t len, unsigned int flags)
{
	calls++;
	if (failure != 0 || (interrupted && calls % 2 == 1)) {
		errno = failure != 0 ? failure : EINTR;
		return -1;
	}
	return syscall(SYS_getrandom, out, len < most ? len : most, flags);
}

static int
behave(void **state)
{
	(void)state;
	most = SIZE_MAX;
	failure = 0;
	interrupted = false;
	calls = 0;
	return 0;
}

/* a run of 16 zero bytes comes once in 2^128 */
static void
assert_fills(size_t len)
{
	static uint8_t room[5001];

	memset(room, 0, sizeof(room));
	assert_int_equal(rand_bytes(NULL, room, len), COFFER_OK);
	for (size_t at = 0; at + 16 <= len; at += 16)
		assert_false(view_zero(view_of(room + at, 16)));
	assert_false(view_zero(view_of(room + len - 16, 16)));
	assert_true(view_zero(view_of(room + len, sizeof(room) - len)));
}

static void
fills_to_the_last_byte(void **state)
{
	(void)state;
	assert_fills(32);
	assert_fills(257);
	assert_fills(5000);
}

static void
asks_again_for_what_is_missing(void **state)
{
	(void)state;
	most = 7;
	interrupted = true;
	assert_fills(32);
	/* 7, 7, 7, 7 and 4 bytes, each after a signal */
	assert_int_equal(calls, 10);
}

static void
differs_each_time(void **state)
{
	uint8_t a[32] = {0};
	uint8_t b[32] = {0};

	(void)state;
	assert_int_equal(rand_bytes(NULL, a, sizeof(a)), COFFER_OK);
	assert_int_equal(rand_bytes(NULL, b, sizeof(b)), COFFER_OK);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void
fails_with_the_kernel(void **state)
{
	uint8_t out[32];
	struct fault f = {0};

	(void)state;
	failure = ENOSYS;
	assert_int_equal(rand_bytes(&f, out, sizeof(out)), COFFER_E_IO);
	assert_string_equal(f.text, "the kernel gives no random bytes: Function not implemented");
	assert_int_equal(calls, 1);
}

static void
nothing_is_asked_for_nothing(void **state)
{
	(void)state;
	assert_int_equal(rand_bytes(NULL, NULL, 0), COFFER_OK);
	assert_int_equal(calls, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fills_to_the_last_byte, behave),
		cmocka_unit_test_setup(asks_again_for_what_is_missing, behave),
		cmocka_unit_test_setup(differs_each_time, behave),
		cmocka_unit_test_setup(fails_with_the_kernel, behave),
		cmocka_unit_test_setup(nothing_is_asked_for_nothing, behave),
	};

	return cmocka_run_group_tests_name("rand", tests, NULL, NULL);
}
