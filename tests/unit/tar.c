/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: what is written is read, by others too, and nothing else is. */
#include "data/tar.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "support/memory_source.h"
#include "support/text.h"

static char long_name[LIMIT_SIGNED_PATH + 1];

/* @n characters, with a slash at each of @slashes */
static const char *
named(size_t n, const size_t *slashes, size_t n_slashes)
{
	memset(long_name, 'n', n);
	long_name[n] = '\0';
	for (size_t i = 0; i < n_slashes; i++)
		long_name[slashes[i]] = '/';
	return long_name;
}

static void
add_member(struct buf *b, const char *path, uint64_t size, const char *content)
{
	struct tar_member m = {.size = size, .mode = 0640, .mtime = 1700000000};
	static const uint8_t zero[TAR_BLOCK];

	PUT(m.path, path);
	assert_int_equal(tar_header(NULL, &m, b), COFFER_OK);
	assert_int_equal(b->len % TAR_BLOCK, 0);
	assert_int_equal(buf_add(NULL, b, content, strlen(content)), COFFER_OK);
	assert_int_equal(buf_add(NULL, b, zero, (size_t)(tar_room(strlen(content)) - strlen(content))), COFFER_OK);
}

static void
add_end(struct buf *b)
{
	static const uint8_t zero[TAR_END];

	assert_int_equal(buf_add(NULL, b, zero, sizeof(zero)), COFFER_OK);
}

/* The header that GNU tar 1.34 writes for the same file, with --format=ustar --owner=0 --group=0 --numeric-owner. */
static void
test_header(void **state)
{
	struct buf b = BUF_INIT(10000);
	uint8_t want[TAR_BLOCK] = {0};

	(void)state;
	memcpy(want, "keyring/default.key", 19);
	memcpy(want + 100, "0000640\0", 8);
	memcpy(want + 108, "0000000\0", 8);
	memcpy(want + 116, "0000000\0", 8);
	memcpy(want + 124, "00000000005\0", 12);
	memcpy(want + 136, "14524770400\0", 12);
	memcpy(want + 148, "013044\0 0", 9);
	memcpy(want + 257,
	       "ustar\0"
	       "00",
	       8);
	memcpy(want + 329, "0000000\0", 8);
	memcpy(want + 337, "0000000\0", 8);
	add_member(&b, "keyring/default.key", 5, "hello");
	assert_int_equal(b.len, 1024);
	assert_memory_equal(b.p, want, TAR_BLOCK);
	assert_memory_equal(b.p + 512, "hello\0", 6);
	buf_free(&b);
}

static void
assert_back(const char *path, uint64_t size, size_t headers)
{
	struct buf b = BUF_INIT(100000);
	struct coffer_source source;
	struct memory memory;
	struct tar_member m;
	uint64_t off = 0;
	bool end;

	add_member(&b, path, size, "content");
	assert_int_equal(b.len, (headers + 1) * TAR_BLOCK);
	add_end(&b);
	memory = (struct memory){.bytes = b.p, .len = b.len};
	source = memory_source(&memory);
	if (size == 7) {
		assert_int_equal(tar_next(NULL, &source, &off, &m, &end), COFFER_OK);
		assert_false(end);
		assert_string_equal(m.path, path);
		assert_int_equal(m.size, 7);
		assert_int_equal(m.mode, 0640);
		assert_int_equal(m.mtime, 1700000000);
		assert_memory_equal(b.p + m.off, "content", 7);
		assert_int_equal(tar_next(NULL, &source, &off, &m, &end), COFFER_OK);
		assert_true(end);
	}
	buf_free(&b);
}

static void
test_names(void **state)
{
	(void)state;
	assert_back("a", 7, 1);
	assert_back(named(100, NULL, 0), 7, 1);
	assert_back(named(101, NULL, 0), 7, 3);			 /* one part that is too long */
	assert_back(named(101, (const size_t[]){1}, 1), 7, 1);	 /* 1 and 99 */
	assert_back(named(256, (const size_t[]){155}, 1), 7, 1); /* the longest that fits */
	assert_back(named(256, (const size_t[]){154}, 1), 7, 3); /* 154 and 101 */
	assert_back(named(257, (const size_t[]){156}, 1), 7, 3); /* 156 and 100 */
	assert_back(named(200, (const size_t[]){99, 150}, 2), 7, 1);
	assert_back(named(LIMIT_SIGNED_PATH, (const size_t[]){2000}, 1), 7, 11);
	assert_back("zw\xc3\xb6lf", 7, 1);
}

/* A file of 8 GiB and more has its size in front: what is there of it here is not enough, and that is said. */
static void
test_large(void **state)
{
	struct buf b = BUF_INIT(100000);
	struct coffer_source source;
	struct memory memory;
	struct tar_member m;
	uint64_t off = 0;
	struct fault f;
	bool end;

	(void)state;
	add_member(&b, "large", UINT64_C(1) << 33, "");
	assert_int_equal(b.len, 3 * TAR_BLOCK);
	assert_memory_equal(b.p + TAR_BLOCK, "19 size=8589934592\n\0", 20);
	add_end(&b);
	memory = (struct memory){.bytes = b.p, .len = b.len};
	source = memory_source(&memory);
	assert_int_equal(tar_next(&f, &source, &off, &m, &end), COFFER_E_FORMAT);
	buf_free(&b);
}

/* ---- what is not ours ---- */

static void
resum(uint8_t *block)
{
	unsigned int sum = 0;

	memset(block + 148, ' ', 8);
	for (unsigned int i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	(void)snprintf((char *)block + 148, 8, "%06o", sum);
	block[155] = ' ';
}

static coffer_err
read_all(const uint8_t *bytes, size_t len, struct fault *f)
{
	struct memory memory = {.bytes = bytes, .len = len};
	struct coffer_source source = memory_source(&memory);
	struct tar_member m;
	uint64_t off = 0;
	bool end = false;
	coffer_err err = COFFER_OK;

	while (err == COFFER_OK && !end)
		err = tar_next(f, &source, &off, &m, &end);
	return err;
}

static void
test_refused(void **state)
{
	static const struct {
		const char *name;
		size_t off, len;
		const char *bytes;
		bool resum;
	} cases[] = {
		{"another magic", 257, 1, "U", true},
		{"GNU's own format", 262, 3, "  ", true},
		{"a folder", 156, 1, "5", true},
		{"a link", 156, 1, "2", true},
		{"a long name of GNU's", 156, 1, "L", true},
		{"a global header", 156, 1, "g", true},
		{"a size with a space", 124, 1, " ", true},
		{"a size in base 256", 124, 1, "\x80", true},
		{"a size of nine", 134, 1, "9", true},
		{"a mode with more bits", 100, 7, "0004755", true},
		{"no name", 0, 1, "\0", true},
		{"a wrong sum", 0, 1, "b", false},
		{"more than there is", 124, 11, "00000100000", true},
		{"something at the end", 1024, 1, "x", false},
		{"something at the very end", 2047, 1, "x", false},
	};
	struct buf b = BUF_INIT(100000);
	struct fault f;

	(void)state;
	add_member(&b, "a", 1, "1");
	add_end(&b);
	assert_int_equal(b.len, 2048);
	assert_int_equal(read_all(b.p, b.len, &f), COFFER_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t bytes[2048];

		memcpy(bytes, b.p, sizeof(bytes));
		memcpy(bytes + cases[i].off, cases[i].bytes, cases[i].len);
		if (cases[i].resum)
			resum(bytes);
		f.text[0] = '\0';
		if (read_all(bytes, sizeof(bytes), &f) != COFFER_E_FORMAT)
			fail_msg("%s is not refused", cases[i].name);
		assert_memory_equal(f.text, "the archive ", 12);
	}
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(read_all(b.p, len, &f), COFFER_E_FORMAT);
	assert_int_equal(buf_add(NULL, &b, "", 1), COFFER_OK);
	assert_int_equal(read_all(b.p, b.len, &f), COFFER_E_FORMAT);
	buf_free(&b);
}

static void
test_extended(void **state)
{
	static const struct {
		const char *records;
		coffer_err want;
	} cases[] = {
		{"10 path=x\n", COFFER_OK},
		{"11 path=xy\n", COFFER_OK},
		{"8 path=x\n", COFFER_E_FORMAT},
		{"11 path=x\n", COFFER_E_FORMAT},
		{"010 path=x\n", COFFER_E_FORMAT},
		{"10 path=x", COFFER_E_FORMAT},
		{"9 path=\n", COFFER_E_FORMAT},
		{"10 path=x\n10 path=y\n", COFFER_E_FORMAT},
		{"10 Path=x\n", COFFER_E_FORMAT},
		{"10 pathxx\n", COFFER_E_FORMAT},
		{"2 \n", COFFER_E_FORMAT},
		{"0 \n", COFFER_E_FORMAT},
		{"13 linkpath=\n", COFFER_E_FORMAT},
		{"10 size=1\n", COFFER_E_FORMAT}, /* it fits the header */
		{"19 size=8589934591\n", COFFER_E_FORMAT},
	};
	struct fault f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf b = BUF_INIT(100000);

		add_member(&b, "pax", strlen(cases[i].records), cases[i].records);
		b.p[156] = 'x';
		resum(b.p);
		add_member(&b, "a", 1, "1");
		add_end(&b);
		if (read_all(b.p, b.len, &f) != cases[i].want)
			fail_msg("«%s»: %s", cases[i].records, f.text);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),	cmocka_unit_test(test_names),	 cmocka_unit_test(test_large),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_extended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
