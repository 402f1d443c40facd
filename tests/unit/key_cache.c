/* SPDX-License-Identifier: Apache-2.0 */
#include "key/cache.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/text.h"

static const uint8_t dek[DEK_LEN] = {0xd0, [31] = 0x1d};

static struct key_cache *
cache_of(unsigned int lifetime_s, unsigned int uses)
{
	struct key_cache *c;

	assert_int_equal(key_cache_new(NULL, lifetime_s, uses, &c), COFFER_OK);
	return c;
}

static void
test_limits(void **state)
{
	static const unsigned int bad[][2] = {{0, 1}, {1, 0}, {86401, 1}, {1, 1000001}};
	struct key_cache *c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(key_cache_new(NULL, bad[i][0], bad[i][1], &c), COFFER_E_USAGE);
		assert_null(c);
	}
}

static void
test_uses(void **state)
{
	struct key_cache *c = cache_of(100, 3);
	uint8_t name[SHA256_LEN] = {1}, out[DEK_LEN];

	(void)state;
	assert_false(key_cache_take(c, name, out));
	key_cache_give(c, name, dek); /* which was the first use */
	assert_true(key_cache_take(c, name, out));
	assert_memory_equal(out, dek, DEK_LEN);
	assert_true(key_cache_take(c, name, out));
	assert_false(key_cache_take(c, name, out));
	key_cache_give(c, name, NULL);
	assert_false(key_cache_take(c, name, out));
	key_cache_give(c, name, NULL);
	key_cache_free(&c);
	assert_null(c);
	key_cache_free(&c);
}

static void
test_lifetime(void **state)
{
	struct key_cache *c = cache_of(1, 1000);
	uint8_t name[SHA256_LEN] = {1}, out[DEK_LEN];

	(void)state;
	assert_false(key_cache_take(c, name, out));
	key_cache_give(c, name, dek);
	assert_true(key_cache_take(c, name, out));
	(void)usleep(2100000);
	assert_false(key_cache_take(c, name, out));
	key_cache_give(c, name, NULL);
	key_cache_free(&c);
}

/* More names than there is room for: the cache forgets, and mixes nothing up. */
static void
test_full(void **state)
{
	struct key_cache *c = cache_of(100, 1000);
	uint8_t name[SHA256_LEN] = {0}, out[DEK_LEN], other[DEK_LEN];
	size_t kept = 0;

	(void)state;
	for (unsigned int i = 0; i < 2 * KEY_CACHE_SIZE; i++) {
		name[0] = (uint8_t)i;
		memset(other, (int)i, sizeof(other));
		assert_false(key_cache_take(c, name, out));
		key_cache_give(c, name, other);
	}
	for (unsigned int i = 0; i < 2 * KEY_CACHE_SIZE; i++) {
		name[0] = (uint8_t)i;
		memset(other, (int)i, sizeof(other));
		if (key_cache_take(c, name, out)) {
			assert_memory_equal(out, other, DEK_LEN);
			kept++;
		} else {
			key_cache_give(c, name, NULL);
		}
	}
	assert_true(kept >= 1 && kept <= KEY_CACHE_SIZE);
	key_cache_free(&c);
}

static void
test_names(void **state)
{
	static const struct binding here = {.text = {(const uint8_t *)"{}", 2}},
				    there = {.text = {(const uint8_t *)"{ }", 3}};
	struct recipient r = {.kind = "awskms", .id = "a", .version = "1", .wrapped_len = 3, .wrapped = {1, 2, 3}},
			 other;
	uint8_t a[SHA256_LEN], b[SHA256_LEN];

	(void)state;
	assert_int_equal(key_cache_name(NULL, &r, &here, a), COFFER_OK);
	assert_int_equal(key_cache_name(NULL, &r, &here, b), COFFER_OK);
	assert_memory_equal(a, b, SHA256_LEN);
	assert_int_equal(key_cache_name(NULL, &r, &there, b), COFFER_OK);
	assert_memory_not_equal(a, b, SHA256_LEN);
	for (int i = 0; i < 5; i++) {
		other = r;
		if (i == 0)
			PUT(other.kind, "gcpkms");
		if (i == 1)
			PUT(other.id, "b");
		if (i == 2)
			PUT(other.version, "2");
		if (i == 3)
			other.wrapped[2] = 4;
		if (i == 4)
			other.wrapped_len = 2;
		assert_int_equal(key_cache_name(NULL, &other, &here, b), COFFER_OK);
		assert_memory_not_equal(a, b, SHA256_LEN);
	}
}

/* ---- many at once ask once ---- */

static struct key_cache *shared;
static atomic_int asked, right;

static void *
opener(void *arg)
{
	const uint8_t name[SHA256_LEN] = {7};
	uint8_t out[DEK_LEN];

	(void)arg;
	if (!key_cache_take(shared, name, out)) {
		atomic_fetch_add(&asked, 1);
		(void)usleep(50000);
		memcpy(out, dek, DEK_LEN);
		key_cache_give(shared, name, out);
	}
	if (memcmp(out, dek, DEK_LEN) == 0)
		atomic_fetch_add(&right, 1);
	return NULL;
}

static void
test_threads(void **state)
{
	pthread_t threads[16];

	(void)state;
	shared = cache_of(100, 1000);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, opener, NULL), 0);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(asked, 1);
	assert_int_equal(right, 16);
	key_cache_free(&shared);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits), cmocka_unit_test(test_uses),  cmocka_unit_test(test_lifetime),
		cmocka_unit_test(test_full),   cmocka_unit_test(test_names), cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
