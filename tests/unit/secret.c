/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/secret.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/view.h"
#include "support/emulator.h"

static const size_t lengths[] = {0, 1, 32, 63, 64, 65, 4095, 4096, 4097, 100000};

enum { N_LENGTHS = sizeof(lengths) / sizeof(lengths[0]) };

static void
new_is_zero_and_writable(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_LENGTHS; i++) {
		struct secret s = SECRET_INIT;

		assert_int_equal(secret_new(NULL, &s, lengths[i]), COFFER_OK);
		assert_int_equal(s.len, lengths[i]);
		assert_int_equal((uintptr_t)s.p % 64, 0);
		assert_true(view_zero(view_of(s.p, s.len)));
		memset(s.p, 0xa5, s.len);
		secret_free(&s);
		assert_null(s.p);
		assert_null(s.map);
		assert_int_equal(s.len, 0);
		secret_free(&s);
	}
}

static void
too_much_is_nomem(void **state)
{
	static const size_t cases[] = {SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2};
	struct fault f = {0};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct secret s = SECRET_INIT;

		assert_int_equal(secret_new(&f, &s, cases[i]), COFFER_E_NOMEM);
		assert_null(s.map);
	}
}

/* the signal that ends a child which writes one byte to @at */
static int
death_of_writer(volatile uint8_t *at)
{
	pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (child == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		*at = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
guards_stand_on_both_sides(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_LENGTHS; i++) {
		struct secret s = SECRET_INIT;
		uint8_t *map;

		assert_int_equal(secret_new(NULL, &s, lengths[i]), COFFER_OK);
		map = s.map;
		assert_int_equal(death_of_writer(s.p + num_round_up(s.len, 64)), SIGSEGV);
		assert_int_equal(death_of_writer(map + s.map_len - 1), SIGSEGV);
		assert_int_equal(death_of_writer(map + (size_t)sysconf(_SC_PAGESIZE) - 1), SIGSEGV);
		if (s.len > 0)
			assert_int_equal(death_of_writer(s.p + s.len - 1), 0);
		secret_free(&s);
	}
}

/* whether the kernel lists @flag for the mapping that @p is in; -1 where it lists none */
static int
has_flag(const void *p, const char *flag)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	unsigned long from = 0;
	unsigned long to = 0;
	char line[4096];
	int has = -1;

	if (!smaps)
		return -1;
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long first;
		unsigned long past;

		if (sscanf(line, "%lx-%lx ", &first, &past) == 2) {
			from = first;
			to = past;
		}
		if ((uintptr_t)p >= from && (uintptr_t)p < to && strncmp(line, "VmFlags:", 8) == 0)
			has = strstr(line, flag) != NULL;
	}
	(void)fclose(smaps);
	return has;
}

static void
pages_are_left_out_of_dumps_and_children(void **state)
{
	struct secret s = SECRET_INIT;
	pid_t child;
	int status = 0;

	(void)state;
	skip_under_emulator("MADV_DONTDUMP and MADV_WIPEONFORK");
	assert_int_equal(secret_new(NULL, &s, 32), COFFER_OK);
	if (has_flag(s.p, " wf") < 0) {
		secret_free(&s);
		print_message("skipped: this kernel does not list the flags of mappings\n");
		skip();
	}
	assert_int_equal(has_flag(s.p, " dd"), 1);
	assert_int_equal(has_flag(s.p, " wf"), 1);
	memset(s.p, 0xa5, 32);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(view_zero(view_of(s.p, s.len)) ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(s.p[31], 0xa5);
	secret_free(&s);
}

static void
no_locked_memory_is_no_error(void **state)
{
	struct rlimit old;
	struct rlimit none;
	struct secret s = SECRET_INIT;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &old), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	assert_int_equal(secret_new(NULL, &s, 32), COFFER_OK);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &old), 0);
	secret_free(&s);
}

static void
move_leaves_nothing_behind(void **state)
{
	struct secret a = SECRET_INIT;
	struct secret b = SECRET_INIT;
	uint8_t *p;

	(void)state;
	assert_int_equal(secret_new(NULL, &a, 32), COFFER_OK);
	p = a.p;
	secret_move(&b, &a);
	assert_null(a.p);
	assert_null(a.map);
	assert_ptr_equal(b.p, p);
	assert_int_equal(b.len, 32);
	secret_free(&a);
	b.p[0] = 1;
	secret_free(&b);
}

static void
copy_is_of_its_own(void **state)
{
	char text[] = "hello";
	struct secret s = SECRET_INIT;

	(void)state;
	assert_int_equal(secret_copy(NULL, &s, text, 5), COFFER_OK);
	text[0] = 'j';
	assert_int_equal(s.len, 5);
	assert_memory_equal(s.p, "hello", 5);
	secret_free(&s);
	assert_int_equal(secret_copy(NULL, &s, NULL, 0), COFFER_OK);
	assert_int_equal(s.len, 0);
	secret_free(&s);
}

static void
wipe_zeroes_exactly(void **state)
{
	uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	static const uint8_t expected[8] = {1, 0, 0, 0, 0, 0, 7, 8};

	(void)state;
	mem_wipe(bytes + 1, 5);
	mem_wipe(NULL, 0);
	assert_memory_equal(bytes, expected, 8);
}

static void
equal_sees_every_bit(void **state)
{
	uint8_t a[33];
	uint8_t b[33];

	(void)state;
	memset(a, 0x5a, sizeof(a));
	memset(b, 0x5a, sizeof(b));
	assert_true(mem_equal(a, b, sizeof(a)));
	assert_true(mem_equal(NULL, NULL, 0));
	for (size_t bit = 0; bit < 8 * sizeof(a); bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(mem_equal(a, b, sizeof(a)));
		assert_true(mem_equal(a, b, bit / 8));
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_is_zero_and_writable),
		cmocka_unit_test(too_much_is_nomem),
		cmocka_unit_test(guards_stand_on_both_sides),
		cmocka_unit_test(pages_are_left_out_of_dumps_and_children),
		cmocka_unit_test(no_locked_memory_is_no_error),
		cmocka_unit_test(move_leaves_nothing_behind),
		cmocka_unit_test(copy_is_of_its_own),
		cmocka_unit_test(wipe_zeroes_exactly),
		cmocka_unit_test(equal_sees_every_bit),
	};

	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
