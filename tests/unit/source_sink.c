/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing from a source to a sink and opening from a source, where each read and each write may fail. */
#include "support/kit.h"
#include "support/memory_source.h"

#define SIZE ((size_t)200000)
#define CAP ((size_t)600000)

struct memory_sink {
	uint8_t bytes[CAP];
	uint8_t times[CAP]; /* how often each was written */
	size_t end;
	unsigned int n_writes, fail_at;
};

static struct memory_sink sink;
static uint8_t *plain;

static coffer_err
sink_write(void *user, uint64_t off, const void *buf, size_t len)
{
	struct memory_sink *s = user;

	if (off > CAP || len > CAP - off)
		abort();
	if (++s->n_writes == s->fail_at)
		return COFFER_E_SPACE;
	memcpy(s->bytes + off, buf, len);
	for (size_t i = 0; i < len; i++)
		s->times[off + i]++;
	if (off + len > s->end)
		s->end = off + len;
	return COFFER_OK;
}

static coffer_err
seal(size_t len, unsigned int fail_read, unsigned int fail_write, const struct coffer_seal_options *options)
{
	struct memory m = {.bytes = plain, .len = len, .fail_at = fail_read, .fail_with = COFFER_E_NET};
	const struct coffer_source source = memory_source(&m);
	const struct coffer_sink to = {.user = &sink, .write_at = sink_write};

	memset(&sink, 0, sizeof(sink));
	sink.fail_at = fail_write;
	return coffer_seal_source(kit.ctx, &source, "sub/model.bin", &to, kit.keys, options);
}

/* Open what is in the sink and compare it with the first @len plain bytes; the first error of all steps. */
static coffer_err
open_again(size_t len, unsigned int fail_read, unsigned int *n_reads)
{
	struct memory m = {.bytes = sink.bytes, .len = sink.end, .fail_at = fail_read, .fail_with = COFFER_E_NET};
	const struct coffer_source source = memory_source(&m);
	struct coffer_model *model = NULL;
	struct coffer_file *file = NULL;
	uint8_t *buf = calloc(1, len + 1);
	coffer_err err = coffer_model_open_source(kit.ctx, &source, kit.keys, &model);

	assert_int_equal(model != NULL, err == COFFER_OK);
	if (err == COFFER_OK)
		err = coffer_file_open(kit.ctx, model, 0, &file);
	assert_int_equal(file != NULL, err == COFFER_OK);
	if (err == COFFER_OK)
		err = coffer_file_read_at(file, 0, buf, len);
	if (err == COFFER_OK)
		assert_memory_equal(buf, plain, len);
	else
		assert_true(buf[0] == 0 && memcmp(buf, buf + 1, len - 1) == 0);
	*n_reads = m.n_reads;
	coffer_file_free(&file);
	coffer_model_free(&model);
	free(buf);
	return err;
}

static void
test_round_trip(void **state)
{
	static const size_t lens[] = {0, 1, 65536, 65537, SIZE};
	unsigned int n;

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		const struct coffer_seal_options options = {.version_1 = 1, .record_size = 65536};

		assert_ok(seal(lens[i], 0, 0, &options));
		assert_int_equal(sink.end, 139264 + lens[i]);
		for (size_t at = 0; at < sink.end; at++)
			assert_true(sink.times[at] <= 1); /* as coffer/io.h says */
		for (size_t at = 139264; at < sink.end; at++)
			assert_int_equal(sink.times[at], 1);
		assert_int_equal(sink.times[sink.end - 1], 1); /* so a file has its whole size */
		assert_ok(open_again(lens[i], 0, &n));
	}
	/* and it is a sealed file like any other */
	tmpdir_file("s", sink.bytes, sink.end, 0644);
	assert_ok(coffer_open(kit.ctx, "s", "back", kit.keys, NULL, NULL));
	assert_file("back", SIZE, 3);
}

/* The nth read or write fails, for all n: that very error comes out, and nothing leaks or hangs. */
static void
test_each_failure(void **state)
{
	const struct coffer_seal_options options = {.version_1 = 1, .record_size = 65536};
	unsigned int n, i;

	(void)state;
	for (int jobs = 1; jobs < 4; jobs += 2) {
		coffer_ctx_set_jobs(kit.ctx, (unsigned int)jobs);
		for (i = 1; i < 100; i++) {
			coffer_err err = seal(SIZE, i, 0, &options);

			if (err == COFFER_OK)
				break;
			assert_int_equal(err, COFFER_E_NET);
			assert_true(coffer_ctx_message(kit.ctx)[0] != '\0');
		}
		assert_in_range(i, 2, 99);
		for (i = 1; i < 100; i++) {
			coffer_err err = seal(SIZE, 0, i, &options);

			if (err == COFFER_OK)
				break;
			assert_int_equal(err, COFFER_E_SPACE);
			assert_true(coffer_ctx_message(kit.ctx)[0] != '\0');
		}
		assert_in_range(i, 12, 99); /* 4 records, 4 tags, A, padding, 2 slots */
		for (i = 1; i < 100; i++) {
			coffer_err err = open_again(SIZE, i, &n);

			if (err == COFFER_OK)
				break;
			assert_int_equal(err, COFFER_E_NET);
		}
		assert_in_range(i, 12, 99);
	}
}

static void
test_refusals(void **state)
{
	static const char *const bad[] = {"", "/a", "../a", "a/", "a:b", "a\nb"};
	const struct coffer_seal_options in_place = {.version_1 = 1, .in_place = true};
	const struct coffer_seal_options later = {.version_1 = 2};
	struct memory m = {.bytes = plain, .len = 10};
	struct coffer_source source = memory_source(&m);
	const struct coffer_sink to = {.user = &sink, .write_at = sink_write};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(coffer_seal_source(kit.ctx, &source, bad[i], &to, kit.keys, NULL) != COFFER_OK);
	assert_refused(seal(10, 0, 0, &in_place), COFFER_E_USAGE);
	assert_refused(seal(10, 0, 0, &later), COFFER_E_USAGE);
	source.size = (UINT64_C(1) << 52) + 1;
	assert_refused(coffer_seal_source(kit.ctx, &source, "f", &to, kit.keys, NULL), COFFER_E_USAGE);
	assert_int_equal(sink.n_writes, 0);
}

/* A sealed file of a directory carries no key block, and a source is no directory. */
static void
test_lone_shard(void **state)
{
	unsigned int n;
	size_t len;
	uint8_t *bytes;

	(void)state;
	kit_file("m/f", 1000, 1);
	assert_ok(coffer_seal(kit.ctx, "m", "s", kit.keys, NULL, NULL));
	bytes = kit_read("s/f.coffer", &len);
	memcpy(sink.bytes, bytes, len);
	sink.end = len;
	free(bytes);
	assert_refused(open_again(1000, 0, &n), COFFER_E_FORMAT);
	sink.end = 0;
	assert_refused(open_again(1000, 0, &n), COFFER_E_FORMAT);
}

static int
setup(void **state)
{
	plain = kit_bytes(SIZE, 3);
	return kit_setup(state);
}

static int
teardown(void **state)
{
	free(plain);
	return kit_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_each_failure),
		TEST(test_refusals),
		TEST(test_lone_shard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
