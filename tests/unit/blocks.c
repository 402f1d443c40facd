/* SPDX-License-Identifier: Apache-2.0 */
/* Records that are kept: opened once, bounded, ahead of need, and what fails. */
#include "mount/blocks.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN 4096u
#define N_RECORDS 64u

/** struct fake - a file whose record i is full of bytes i, and that counts how often each was read */
struct fake {
	atomic_uint reads[N_RECORDS];
	atomic_int bad;	  /* this record cannot be read, or -1 */
	atomic_bool gate; /* readers wait until it opens */
	uint64_t base;	  /* the offset of record 0: far behind, for large files */
};

static coffer_err
fake_read(void *user, uint64_t off, void *buf, size_t len)
{
	struct fake *fake = user;
	uint64_t i = (off - fake->base) / LEN;

	while (atomic_load(&fake->gate))
		(void)usleep(1000);
	atomic_fetch_add(&fake->reads[i], 1);
	if ((int)i == atomic_load(&fake->bad))
		return COFFER_E_AUTH;
	memset(buf, (int)i, len);
	return COFFER_OK;
}

static struct blocks_source
source_of(struct fake *fake, uint64_t size)
{
	*fake = (struct fake){.bad = -1};
	return (struct blocks_source){.user = fake, .read = fake_read, .size = size, .block_len = LEN};
}

static struct blocks *
make(uint64_t budget, unsigned int threads)
{
	struct blocks *b = NULL;

	assert_int_equal(blocks_new(NULL, budget, threads, &b), COFFER_OK);
	return b;
}

static struct blocks_file *
add(struct blocks *b, const struct blocks_source *s)
{
	struct blocks_file *file = NULL;

	assert_int_equal(blocks_add_file(NULL, b, s, &file), COFFER_OK);
	return file;
}

/* Look at record @i, which is full of @i. */
static void
look(struct blocks *b, struct blocks_file *file, uint64_t i)
{
	struct block *block = NULL;

	assert_int_equal(blocks_get(b, file, i, &block), COFFER_OK);
	assert_int_equal(block_bytes(block)[0], (uint8_t)i);
	blocks_put(b, block, 1);
}

static void
test_kept(void **state)
{
	struct fake fake;
	const struct blocks_source s = source_of(&fake, N_RECORDS * LEN);
	struct blocks *b = make(4 * LEN, 0);
	struct blocks_file *file = add(b, &s);

	(void)state;
	for (int again = 0; again < 3; again++)
		for (uint64_t i = 0; i < 4; i++)
			look(b, file, i);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(fake.reads[i], 1);
	assert_int_equal(blocks_kept(b), 4 * LEN);
	/* the one that was used longest ago goes */
	look(b, file, 0);
	look(b, file, 9);
	assert_int_equal(blocks_kept(b), 4 * LEN);
	look(b, file, 0);
	assert_int_equal(fake.reads[0], 1);
	look(b, file, 1);
	assert_int_equal(fake.reads[1], 2);
	blocks_drop_file(b, &file);
	assert_null(file);
	assert_int_equal(blocks_kept(b), 0);
	blocks_free(&b);
}

/* Who has used all of a record keeps it himself, as the kernel does: its memory is the next one's, and others stay. */
static void
test_used_up(void **state)
{
	struct fake fake;
	const struct blocks_source s = source_of(&fake, N_RECORDS * LEN);
	struct blocks *b = make(8 * LEN, 0);
	struct blocks_file *file = add(b, &s);
	struct block *block = NULL;

	(void)state;
	look(b, file, 0);
	look(b, file, 1);
	for (uint64_t i = 10; i < 20; i++)
		for (size_t used = 0; used < LEN; used += LEN / 4) {
			assert_int_equal(blocks_get(b, file, i, &block), COFFER_OK);
			assert_int_equal(block_bytes(block)[0], i);
			blocks_put(b, block, LEN / 4);
		}
	assert_int_equal(blocks_kept(b), 3 * LEN);
	look(b, file, 0);
	look(b, file, 1);
	assert_true(fake.reads[0] == 1 && fake.reads[1] == 1);
	for (uint64_t i = 10; i < 20; i++)
		assert_int_equal(fake.reads[i], 1);
	blocks_drop_file(b, &file);
	blocks_free(&b);
}

/* What is being looked at stays, however many those are, and the rest goes afterwards. */
static void
test_pinned(void **state)
{
	struct fake fake;
	const struct blocks_source s = source_of(&fake, N_RECORDS * LEN);
	struct blocks *b = make(2 * LEN, 0);
	struct blocks_file *file = add(b, &s);
	struct block *held[8];

	(void)state;
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(blocks_get(b, file, i, &held[i]), COFFER_OK);
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(block_bytes(held[i])[LEN - 1], i);
	for (uint64_t i = 0; i < 8; i++)
		blocks_put(b, held[i], LEN / 2);
	assert_int_equal(blocks_kept(b), 2 * LEN);
	blocks_drop_file(b, &file);
	blocks_free(&b);
}

static void
test_two_files(void **state)
{
	struct fake one, two;
	const struct blocks_source s = source_of(&one, N_RECORDS * LEN), t = source_of(&two, 10);
	struct blocks *b = make(8 * LEN, 0);
	struct blocks_file *a = add(b, &s), *c = add(b, &t);

	(void)state;
	look(b, a, 0);
	look(b, c, 0);
	blocks_drop_file(b, &a);
	assert_int_equal(blocks_kept(b), LEN);
	look(b, c, 0);
	assert_true(one.reads[0] == 1 && two.reads[0] == 1);
	blocks_drop_file(b, &c);
	blocks_free(&b);
}

/* Beyond 4 GiB. */
static void
test_far(void **state)
{
	struct fake fake;
	struct blocks_source s = source_of(&fake, 0);
	struct blocks *b = make(8 * LEN, 0);
	struct blocks_file *file;
	struct block *block = NULL;

	(void)state;
	fake.base = UINT64_C(1) << 40;
	s.size = fake.base + N_RECORDS * LEN;
	file = add(b, &s);
	assert_int_equal(blocks_get(b, file, fake.base / LEN + 5, &block), COFFER_OK);
	assert_int_equal(block_bytes(block)[0], 5);
	blocks_put(b, block, 1);
	blocks_drop_file(b, &file);
	blocks_free(&b);
}

/* A failure is told to everybody who asked, and is not kept. */
static void
test_failure(void **state)
{
	struct fake fake;
	const struct blocks_source s = source_of(&fake, N_RECORDS * LEN);
	struct blocks *b = make(4 * LEN, 0);
	struct blocks_file *file = add(b, &s);
	struct block *block = NULL;

	(void)state;
	fake.bad = 3;
	for (int again = 0; again < 2; again++) {
		assert_int_equal(blocks_get(b, file, 3, &block), COFFER_E_AUTH);
		assert_null(block);
	}
	assert_int_equal(fake.reads[3], 2);
	assert_int_equal(blocks_kept(b), 0);
	fake.bad = -1;
	look(b, file, 3);
	blocks_drop_file(b, &file);
	blocks_free(&b);
}

struct reader {
	struct blocks *b;
	struct blocks_file *file;
	uint64_t index;
	coffer_err err;
};

static void *
read_one(void *arg)
{
	struct reader *r = arg;
	struct block *block = NULL;

	r->err = blocks_get(r->b, r->file, r->index, &block);
	if (block)
		blocks_put(r->b, block, 1);
	return NULL;
}

static void
test_once(void **state)
{
	struct fake fake;
	const struct blocks_source s = source_of(&fake, N_RECORDS * LEN);
	struct blocks *b = make(8 * LEN, 0);
	struct blocks_file *file = add(b, &s);
	struct reader readers[16];
	pthread_t threads[16];

	(void)state;
	fake.bad = 1;
	fake.gate = true;
	for (size_t i = 0; i < 16; i++) {
		readers[i] = (struct reader){.b = b, .file = file, .index = i % 2};
		assert_int_equal(pthread_create(&threads[i], NULL, read_one, &readers[i]), 0);
	}
	(void)usleep(50000); /* they are all there, most likely */
	fake.gate = false;
	for (size_t i = 0; i < 16; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(readers[i].err, i % 2 ? COFFER_E_AUTH : COFFER_OK);
	}
	assert_int_equal(fake.reads[0], 1);
	blocks_drop_file(b, &file);
	blocks_free(&b);
}

static bool
await(struct fake *fake, uint64_t i)
{
	for (int n = 0; n < 5000; n++) {
		if (atomic_load(&fake->reads[i]) > 0)
			return true;
		(void)usleep(1000);
	}
	return false;
}

static void
test_ahead(void **state)
{
	struct fake fake;
	const struct blocks_source s = source_of(&fake, 10 * LEN + 1);
	struct blocks *b = make(32 * LEN, 2);
	struct blocks_file *file = add(b, &s);

	(void)state;
	look(b, file, 5);
	blocks_ahead(b, file, 4, 3);
	blocks_ahead(b, file, 4, 3);
	assert_true(await(&fake, 4) && await(&fake, 6));
	look(b, file, 4);
	look(b, file, 6);
	for (uint64_t i = 4; i <= 6; i++)
		assert_int_equal(fake.reads[i], 1);
	/* past the end there is nothing, and the last record is short */
	blocks_ahead(b, file, 9, 1000);
	blocks_ahead(b, file, 11, 1000);
	blocks_ahead(b, file, UINT64_MAX, 1);
	assert_true(await(&fake, 10));
	look(b, file, 10);
	assert_int_equal(fake.reads[11], 0);
	/* a failure ahead of need is for whoever wants that record */
	fake.bad = 2;
	blocks_ahead(b, file, 2, 1);
	assert_true(await(&fake, 2));
	fake.bad = -1;
	look(b, file, 2);
	/* a file goes while records of it are being opened, and wished for */
	fake.gate = true;
	blocks_ahead(b, file, 0, 4);
	fake.gate = false;
	blocks_drop_file(b, &file);
	assert_int_equal(blocks_kept(b), 0);
	blocks_free(&b);
}

/* More wishes than are remembered, and no room for any of them. */
static void
test_ahead_without_room(void **state)
{
	struct fake fake;
	const struct blocks_source s = source_of(&fake, N_RECORDS * LEN);
	struct blocks *b = make(0, 2);
	struct blocks_file *file = add(b, &s);

	(void)state;
	for (int again = 0; again < 10; again++)
		blocks_ahead(b, file, 0, N_RECORDS);
	for (uint64_t i = 0; i < N_RECORDS; i++)
		look(b, file, i);
	blocks_drop_file(b, &file);
	assert_int_equal(blocks_kept(b), 0);
	blocks_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_two_files),
		cmocka_unit_test(test_used_up),
		cmocka_unit_test(test_far),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_ahead),
		cmocka_unit_test(test_ahead_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
