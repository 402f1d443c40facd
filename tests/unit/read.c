/* SPDX-License-Identifier: Apache-2.0 */
/* Any byte range of a sealed file, from any thread. */
#include <pthread.h>

#include "engine/read.h"
#include "support/emulator.h"
#include "support/kit.h"

#define SIZE ((size_t)300000)
#define RECORD 65536

static uint8_t *plain;
static struct coffer_model *model;
static struct coffer_file *file;

static int
setup(void **state)
{
	const struct coffer_seal_options options = {
		.version_1 = 1, .record_size = RECORD, .name = "n", .model_version = "v"};

	if (kit_setup(state) != 0)
		return -1;
	plain = kit_bytes(SIZE, 5);
	kit_file("f", SIZE, 5);
	assert_ok(coffer_seal(kit.ctx, "f", "s", kit.keys, &options, NULL));
	assert_ok(coffer_model_open(kit.ctx, "s", kit.keys, &model));
	assert_ok(coffer_file_open(kit.ctx, model, 0, &file));
	return 0;
}

static int
teardown(void **state)
{
	coffer_file_free(&file);
	coffer_model_free(&model);
	free(plain);
	return kit_teardown(state);
}

static void
test_model(void **state)
{
	struct coffer_file *none = file;

	(void)state;
	assert_string_equal(coffer_model_name(model), "n");
	assert_string_equal(coffer_model_version(model), "v");
	assert_int_equal(coffer_model_size(model), 1);
	assert_string_equal(coffer_model_path(model, 0), "f");
	assert_null(coffer_model_path(model, 1));
	assert_true(coffer_model_file_size(model, 0) == SIZE);
	assert_true(coffer_model_file_size(model, 1) == UINT64_MAX);
	assert_int_equal(coffer_model_find(model, "f"), 0);
	assert_int_equal(coffer_model_find(model, "g"), SIZE_MAX);
	assert_int_equal(coffer_file_size(file), SIZE);
	assert_int_equal(coffer_file_record_size(file), RECORD);
	assert_refused(coffer_file_open(kit.ctx, model, 1, &none), COFFER_E_RANGE);
	assert_null(none);
	coffer_file_free(&none);
}

static const size_t edges[] = {0,	   1,	       4096,	       RECORD - 1, RECORD, RECORD + 1,
			       2 * RECORD, 3 * RECORD, 4 * RECORD - 1, SIZE - 1,   SIZE};

static void
check_range(struct coffer_file *from, size_t off, size_t len)
{
	uint8_t *buf = malloc(len + 2);

	memset(buf, 0xee, len + 2);
	assert_int_equal(coffer_file_read_at(from, off, buf + 1, len), COFFER_OK);
	assert_memory_equal(buf + 1, plain + off, len);
	assert_true(buf[0] == 0xee && buf[len + 1] == 0xee);
	free(buf);
}

/* Whether the map that holds @at is left out of core dumps: «dd» among its flags (proc(5)). */
static bool
is_undumped(const void *at)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	unsigned long start, end;
	bool here = false, found = false;
	char line[512];

	assert_non_null(maps);
	while (!found && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = (uintptr_t)at >= start && (uintptr_t)at < end;
		found = here && strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " dd");
	}
	(void)fclose(maps);
	return found;
}

/* what is kept for the next small read, and the room of the one before, stand in no core dump and are not left in the heap */
static void
test_kept(void **state)
{
	(void)state;
	check_range(file, 1, 10);
	check_range(file, RECORD + 1, 10);
	assert_non_null(file->cached.p);
	assert_non_null(file->spare.p);
	assert_memory_equal(file->cached.p, plain + RECORD, RECORD);
	if (under_emulator("MADV_DONTDUMP"))
		return;
	assert_true(is_undumped(file->cached.p));
	assert_true(is_undumped(file->spare.p));
}

static void
test_ranges(void **state)
{
	const size_t n = sizeof(edges) / sizeof(edges[0]);
	unsigned int random = 1;

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = i; j < n; j++)
			check_range(file, edges[i], edges[j] - edges[i]);
	for (int i = 0; i < 500; i++) {
		size_t off = (random = random * 1103515245 + 12345) % SIZE;

		check_range(file, off, (random >> 8) % (SIZE - off));
	}
}

static void
test_past_the_end(void **state)
{
	uint8_t buf[16], zero[16] = {0};

	(void)state;
	memset(buf, 0xee, 16);
	assert_int_equal(coffer_file_read_at(file, SIZE - 15, buf, 16), COFFER_E_RANGE);
	assert_memory_equal(buf, zero, 16);
	assert_int_equal(coffer_file_read_at(file, SIZE + 1, buf, 0), COFFER_E_RANGE);
	assert_int_equal(coffer_file_read_at(file, UINT64_MAX, buf, 16), COFFER_E_RANGE);
	assert_int_equal(coffer_file_read_at(file, SIZE, buf, 0), COFFER_OK);
	check_range(file, 0, SIZE); /* that was no failure of the file */
}

static void *
read_much(void *arg)
{
	unsigned int random = (unsigned int)(uintptr_t)arg;
	uint8_t *buf = malloc(SIZE);
	uintptr_t wrong = 0;

	for (int i = 0; i < 100; i++) {
		size_t off = (random = random * 1103515245 + 12345) % SIZE;
		size_t len = (random >> 10) % (i % 2 ? 1000 : SIZE);

		if (len > SIZE - off)
			len = SIZE - off;
		wrong += coffer_file_read_at(file, off, buf, len) != COFFER_OK || memcmp(buf, plain + off, len) != 0;
	}
	free(buf);
	return (void *)wrong;
}

static void
test_threads(void **state)
{
	pthread_t threads[8];
	void *wrong;

	(void)state;
	for (uintptr_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_much, (void *)(i + 1)), 0);
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

/* A tag that fails: zeros, and everything after it fails too [F-11], what was read before included. */
static void
test_sticky(void **state)
{
	static const struct {
		size_t off, len;
	} reads[] = {{2 * RECORD, RECORD}, {2 * RECORD + 5, 10}, {0, SIZE}, {RECORD + 1, 2 * RECORD}};
	uint8_t *zero = calloc(1, SIZE), *buf = malloc(SIZE);

	(void)state;
	kit_flip("s", 139264 + 2 * RECORD + 7, 0x10);
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		struct coffer_file *again;

		assert_ok(coffer_file_open(kit.ctx, model, 0, &again));
		check_range(again, 0, 100);
		check_range(again, 3 * RECORD, RECORD);
		memset(buf, 0xee, SIZE);
		assert_int_equal(coffer_file_read_at(again, reads[i].off, buf, reads[i].len), COFFER_E_AUTH);
		assert_memory_equal(buf, zero, reads[i].len);
		memset(buf, 0xee, SIZE);
		assert_int_equal(coffer_file_read_at(again, 0, buf, 100), COFFER_E_AUTH);
		assert_int_equal(coffer_file_read_at(again, 3 * RECORD, buf + 100, RECORD), COFFER_E_AUTH);
		assert_memory_equal(buf, zero, 100 + RECORD);
		coffer_file_free(&again);
	}
	free(zero);
	free(buf);
}

static void
test_source(void **state)
{
	struct coffer_source source = coffer_file_source(file);
	uint8_t buf[100];

	(void)state;
	assert_int_equal(source.size, SIZE);
	assert_int_equal(source.read_at(source.user, RECORD - 50, buf, 100), COFFER_OK);
	assert_memory_equal(buf, plain + RECORD - 50, 100);
	assert_int_equal(source.read_at(source.user, SIZE, buf, 1), COFFER_E_RANGE);
}

static void
test_of_directory(void **state)
{
	struct coffer_model *dir;
	struct coffer_file *one;
	size_t index;

	(void)state;
	kit_file("m/empty", 0, 1);
	kit_file("m/sub/f", SIZE, 5);
	assert_ok(coffer_seal(kit.ctx, "m", "d", kit.keys, NULL, NULL));
	assert_ok(coffer_model_open(kit.ctx, "d", kit.keys, &dir));
	assert_int_equal(coffer_model_size(dir), 2);
	index = coffer_model_find(dir, "sub/f");
	assert_ok(coffer_file_open(kit.ctx, dir, index, &one));
	check_range(one, 100000, 200000);
	coffer_file_free(&one);
	assert_ok(coffer_file_open(kit.ctx, dir, coffer_model_find(dir, "empty"), &one));
	assert_int_equal(coffer_file_size(one), 0);
	assert_int_equal(coffer_file_read_at(one, 0, &index, 1), COFFER_E_RANGE);
	coffer_file_free(&one);
	/* what is exchanged while the model is open is seen when the file is opened */
	assert_int_equal(rename("d/empty.coffer", "d/sub/f.coffer"), 0);
	assert_refused(coffer_file_open(kit.ctx, dir, coffer_model_find(dir, "sub/f"), &one), COFFER_E_AUTH);
	assert_refused(coffer_file_open(kit.ctx, dir, coffer_model_find(dir, "empty"), &one), COFFER_E_NOTFOUND);
	coffer_model_free(&dir);
}

static void
test_short_file(void **state)
{
	uint8_t buf[RECORD];

	(void)state;
	assert_int_equal(truncate("s", 139264 + 100), 0); /* after it was opened */
	assert_int_equal(coffer_file_read_at(file, 0, buf, RECORD), COFFER_E_CHANGED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_model),	 TEST(test_ranges),	  TEST(test_kept),
		TEST(test_past_the_end), TEST(test_threads),	  TEST(test_sticky),
		TEST(test_source),	 TEST(test_of_directory), TEST(test_short_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
