/* SPDX-License-Identifier: Apache-2.0 */
/* A range of a sealed file in the caller's memory, by all threads. */
#include <pthread.h>

#include <coffer/load.h>

#include "support/kit.h"

#define RECORD 65536
#define SIZE ((size_t)9 * 1024 * 1024 + 4321) /* several steps of several threads; the last record is a part of one */

static struct coffer_model *model;
static struct coffer_file *file;
static uint8_t *plain, *buf;

static void
open_sealed(size_t size)
{
	const struct coffer_seal_options options = {.version_1 = 1, .record_size = RECORD};

	plain = kit_bytes(size, 3);
	buf = malloc(size + 2);
	kit_file("f", size, 3);
	assert_ok(coffer_seal(kit.ctx, "f", "s", kit.keys, &options, NULL));
	assert_ok(coffer_model_open(kit.ctx, "s", kit.keys, &model));
	assert_ok(coffer_file_open(kit.ctx, model, 0, &file));
}

static int
setup(void **state)
{
	if (kit_setup(state) != 0)
		return -1;
	open_sealed(SIZE);
	return 0;
}

static int
teardown(void **state)
{
	coffer_file_free(&file);
	coffer_model_free(&model);
	free(plain);
	free(buf);
	return kit_teardown(state);
}

/* where record @index begins in the sealed file, which ends with the last one */
static off_t
record_at(size_t index)
{
	struct stat st;

	assert_int_equal(stat("s", &st), 0);
	return st.st_size - (off_t)SIZE + (off_t)(index * RECORD);
}

static void
assert_filled_with(const uint8_t *bytes, size_t len, uint8_t fill)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != fill)
			fail_msg("byte %zu is %02x, not %02x", i, bytes[i], fill);
}

static const struct {
	const char *name;
	size_t off, len;
} ranges[] = {
	{"all of it", 0, SIZE},
	{"nothing", 77, 0},
	{"nothing at the end", SIZE, 0},
	{"one byte", 65536, 1},
	{"the last byte", SIZE - 1, 1},
	{"one record", 3 * RECORD, RECORD},
	{"two records and a byte of each neighbour", 2 * RECORD - 1, 2 * RECORD + 2},
	{"just what one thread does", 100, (size_t)4 << 20},
	{"a byte more", 100, ((size_t)4 << 20) + 1},
	{"whole records by all threads", 16 * RECORD, 96 * RECORD},
	{"parts at both ends by all threads", 16 * RECORD + 1, 96 * RECORD - 2},
	{"from the middle of a record to the end", 5 * RECORD + 999, SIZE - 5 * RECORD - 999},
};

static void
test_ranges(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		size_t len = ranges[i].len;

		memset(buf, 0xee, SIZE + 2);
		assert_ok(coffer_file_load(kit.ctx, file, ranges[i].off, buf + 1, len));
		if (memcmp(buf + 1, plain + ranges[i].off, len) != 0)
			fail_msg("%s: other bytes", ranges[i].name);
		assert_int_equal(buf[0], 0xee);
		assert_filled_with(buf + 1 + len, SIZE + 1 - len, 0xee);
	}
}

static void
test_past_the_end(void **state)
{
	(void)state;
	memset(buf, 0xee, SIZE);
	assert_refused(coffer_file_load(kit.ctx, file, 1, buf, SIZE), COFFER_E_RANGE);
	assert_filled_with(buf, SIZE, 0);
	assert_refused(coffer_file_load(kit.ctx, file, SIZE + 1, buf, 0), COFFER_E_RANGE);
	assert_refused(coffer_file_load(kit.ctx, file, UINT64_MAX - 10, buf, SIZE), COFFER_E_RANGE);
	assert_ok(coffer_file_load(kit.ctx, file, 0, buf, SIZE));
}

static void
test_changed_record(void **state)
{
	(void)state;
	kit_flip("s", record_at(SIZE / RECORD / 2) + 5, 0x01);
	memset(buf, 0xee, SIZE);
	assert_refused(coffer_file_load(kit.ctx, file, 0, buf, SIZE), COFFER_E_AUTH);
	assert_filled_with(buf, SIZE, 0);
	/* [F-11]: nor is any other record handed out afterwards */
	memset(buf, 0xee, SIZE);
	assert_refused(coffer_file_load(kit.ctx, file, 0, buf, RECORD), COFFER_E_AUTH);
	assert_filled_with(buf, RECORD, 0);
}

static void
test_cut(void **state)
{
	(void)state;
	assert_int_equal(truncate("s", record_at(100)), 0);
	memset(buf, 0xee, SIZE);
	assert_refused(coffer_file_load(kit.ctx, file, 0, buf, SIZE), COFFER_E_CHANGED);
	assert_filled_with(buf, SIZE, 0);
	assert_ok(coffer_file_load(kit.ctx, file, 0, buf, 90 * RECORD));
	assert_memory_equal(buf, plain, 90 * RECORD);
}

static void
test_cancelled(void **state)
{
	static const size_t lens[] = {10, SIZE};

	(void)state;
	coffer_ctx_cancel(kit.ctx);
	for (size_t i = 0; i < 2; i++) {
		memset(buf, 0xee, SIZE);
		assert_refused(coffer_file_load(kit.ctx, file, 0, buf, lens[i]), COFFER_E_INTERRUPTED);
		assert_filled_with(buf, lens[i], 0);
	}
}

struct seen {
	uint64_t done, total;
	char path[16];
};

static void
see(void *user, const char *path, uint64_t done, uint64_t total)
{
	struct seen *seen = user;

	seen->done = done;
	seen->total = total;
	(void)snprintf(seen->path, sizeof(seen->path), "%s", path);
}

static void
test_progress(void **state)
{
	struct seen seen = {0};

	(void)state;
	coffer_ctx_set_progress(kit.ctx, see, &seen);
	assert_ok(coffer_file_load(kit.ctx, file, 10, buf, SIZE - 20));
	assert_int_equal(seen.done, SIZE - 20);
	assert_int_equal(seen.total, SIZE - 20);
	assert_string_equal(seen.path, "f");
}

/* Each with a context of its own, all from one file. */
static void *
load_much(void *arg)
{
	struct coffer_ctx *ctx;
	uint8_t *own = malloc(SIZE);
	uintptr_t wrong = 0;

	if (!own || coffer_ctx_new(&ctx) != COFFER_OK)
		abort();
	coffer_ctx_set_jobs(ctx, 2);
	for (size_t i = 0; i < 4; i++) {
		size_t off = (size_t)(uintptr_t)arg * 1000 + i * 77777, len = i % 2 ? 100000 : SIZE - off;

		wrong += coffer_file_load(ctx, file, off, own, len) != COFFER_OK || memcmp(own, plain + off, len) != 0;
		wrong += coffer_file_read_at(file, off, own, 1000) != COFFER_OK || memcmp(own, plain + off, 1000) != 0;
	}
	coffer_ctx_free(&ctx);
	free(own);
	return (void *)wrong;
}

static void
test_threads(void **state)
{
	pthread_t threads[4];
	void *wrong;

	(void)state;
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, load_much, (void *)i), 0);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

static void
test_sizes(void **state)
{
	static const size_t sizes[] = {0, 1, RECORD - 1, RECORD, RECORD + 1, 32 * RECORD, 96 * RECORD, 96 * RECORD + 1};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		coffer_file_free(&file);
		coffer_model_free(&model);
		free(plain);
		free(buf);
		assert_int_equal(unlink("s"), 0);
		open_sealed(sizes[i]);
		memset(buf, 0xee, sizes[i] + 2);
		assert_ok(coffer_file_load(kit.ctx, file, 0, buf, sizes[i]));
		assert_memory_equal(buf, plain, sizes[i]);
		assert_filled_with(buf + sizes[i], 2, 0xee);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_past_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_progress, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
	};

	return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
