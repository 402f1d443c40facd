/* SPDX-License-Identifier: Apache-2.0 */
#include "base/input.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support/memory_source.h"
#include "support/tmpdir.h"

#define SIZE 10000

static uint8_t bytes[SIZE];

static const struct {
	uint64_t off;
	size_t len;
} ranges[] = {{0, SIZE}, {0, 0}, {0, 1}, {SIZE - 1, 1}, {SIZE, 0}, {4096, 4096}, {4095, 4098}, {8192, SIZE - 8192}};

static void
check_ranges(const struct input *in)
{
	uint8_t *buf = aligned_alloc(4096, 3 * 4096);

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		memset(buf, 0xee, SIZE);
		assert_int_equal(input_read(NULL, in, ranges[i].off, buf, ranges[i].len), COFFER_OK);
		assert_memory_equal(buf, bytes + ranges[i].off, ranges[i].len);
		memset(buf, 0xee, SIZE);
		assert_int_equal(input_read_bulk(NULL, in, ranges[i].off, buf, ranges[i].len), COFFER_OK);
		assert_memory_equal(buf, bytes + ranges[i].off, ranges[i].len);
	}
	free(buf);
}

static void
test_file(void **state)
{
	struct fault f = {.text = ""};
	struct input in;
	uint8_t buf[2];

	(void)state;
	tmpdir_file("f", bytes, SIZE, 0644);
	assert_int_equal(input_from_fd(&f, &in, open("f", O_RDONLY), "f"), COFFER_OK);
	assert_int_equal(in.size, SIZE);
	input_expect_bulk(&in);
	assert_int_equal(in.direct_fd, -1); /* too small to be worth it */
	check_ranges(&in);
	assert_int_equal(input_read(&f, &in, SIZE - 1, buf, 2), COFFER_E_CHANGED);
	assert_int_equal(truncate("f", 100), 0);
	assert_int_equal(input_read(&f, &in, 100, buf, 1), COFFER_E_CHANGED);
	assert_string_equal(f.text, "f became shorter while it was read");
	input_close(&in);
	input_close(&in);
}

/* around the page cache, where this folder's file system can */
static void
test_direct(void **state)
{
	struct input in;
	uint8_t *buf = aligned_alloc(4096, 4096);

	(void)state;
	tmpdir_file("f", bytes, SIZE, 0644);
	assert_int_equal(input_from_fd(NULL, &in, open("f", O_RDONLY), "f"), COFFER_OK);
	in.direct_fd = open("f", O_RDONLY | O_DIRECT);
	if (in.direct_fd < 0) {
		input_close(&in);
		free(buf);
		skip();
	}
	check_ranges(&in);
	assert_int_equal(truncate("f", 5000), 0);
	assert_int_equal(input_read_bulk(NULL, &in, 4096, buf, 904), COFFER_OK);
	assert_int_equal(input_read_bulk(NULL, &in, 4096, buf, 905), COFFER_E_CHANGED);
	input_close(&in);
	free(buf);
}

static void
test_no_file(void **state)
{
	struct input in;

	(void)state;
	assert_int_equal(mkfifo("fifo", 0666), 0);
	assert_int_equal(input_from_fd(NULL, &in, open(".", O_RDONLY), "."), COFFER_E_USAGE);
	input_close(&in);
	assert_int_equal(input_from_fd(NULL, &in, open("fifo", O_RDONLY | O_NONBLOCK), "fifo"), COFFER_E_USAGE);
	input_close(&in);
	assert_int_equal(input_from_fd(NULL, &in, open("/dev/zero", O_RDONLY), "zero"), COFFER_E_USAGE);
	input_close(&in);
	assert_int_equal(input_from_fd(NULL, &in, -1, "none"), COFFER_E_IO);
}

static void
test_source(void **state)
{
	struct memory m = {.bytes = bytes, .len = SIZE};
	const struct coffer_source source = memory_source(&m);
	struct fault f = {.text = ""};
	struct input in;
	uint8_t buf[2];

	(void)state;
	input_from_source(&in, &source, "src");
	input_expect_bulk(&in);
	check_ranges(&in);
	/* it is never asked for bytes past its end: memory_source.h would abort */
	assert_int_equal(input_read(&f, &in, SIZE - 1, buf, 2), COFFER_E_INTERNAL);
	assert_int_equal(input_read(&f, &in, UINT64_MAX, buf, 2), COFFER_E_INTERNAL);
	m.fail_at = m.n_reads + 1;
	m.fail_with = COFFER_E_NET;
	assert_int_equal(input_read(&f, &in, 0, buf, 2), COFFER_E_NET);
	assert_string_equal(f.text, "cannot read src: the network failed");
	input_close(&in);
}

static coffer_err
write_nowhere(void *user, uint64_t off, const void *buf, size_t len)
{
	(void)buf;
	*(uint64_t *)user += off + len;
	return off == 13 ? COFFER_E_SPACE : COFFER_OK;
}

static void
test_output(void **state)
{
	uint64_t sum = 0;
	const struct coffer_sink sink = {.user = &sum, .write_at = write_nowhere};
	const struct output to_sink = {.sink = &sink, .fd = -1, .shown = "sink"};
	struct output to_file = {.fd = open("o", O_RDWR | O_CREAT, 0666), .shown = "o"};
	struct fault f = {.text = ""};
	struct input in;

	(void)state;
	assert_int_equal(output_write(&f, &to_sink, 100, "abc", 3), COFFER_OK);
	assert_int_equal(output_write(&f, &to_sink, 7, "abc", 0), COFFER_OK);
	assert_int_equal(sum, 103);
	assert_int_equal(output_write(&f, &to_sink, 13, "abc", 3), COFFER_E_SPACE);
	assert_string_equal(f.text, "cannot write sink: no space left");
	assert_int_equal(output_write(&f, &to_file, 0, bytes, SIZE), COFFER_OK);
	assert_int_equal(input_from_fd(&f, &in, to_file.fd, "o"), COFFER_OK);
	check_ranges(&in);
	input_close(&in);
	to_file.fd = -1;
	assert_int_equal(output_write(&f, &to_file, 0, bytes, 1), COFFER_E_IO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmpdir_setup, tmpdir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file), TEST(test_direct), TEST(test_no_file), TEST(test_source), TEST(test_output),
	};

	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 256);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
