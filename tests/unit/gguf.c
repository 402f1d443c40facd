/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each file is written down as words: «=TEXT» is that text, «4:N» and «8:N» a little-endian number of so many bytes,
 * «1:N» a byte, «s:TEXT» a string with its length before it, «pad:N» zeros up to a multiple of N, «zero:N» N zeros.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "data/gguf.h"
#include "support/memory_source.h"

static void
add_number(struct buf *b, size_t bytes, uint64_t v)
{
	for (; bytes > 0; bytes--, v >>= 8) {
		uint8_t byte = (uint8_t)v;

		assert_int_equal(buf_add(NULL, b, &byte, 1), COFFER_OK);
	}
}

static void
add_zeros(struct buf *b, size_t n)
{
	for (; n > 0; n--)
		add_number(b, 1, 0);
}

static void
add_word(struct buf *b, const char *word, size_t len)
{
	const char *colon = memchr(word, ':', len);
	uint64_t n = colon ? strtoull(colon + 1, NULL, 0) : 0; /* lint: strtoull, the table above is its input */

	if (word[0] == '=') {
		assert_int_equal(buf_add(NULL, b, word + 1, len - 1), COFFER_OK);
	} else if (strncmp(word, "s:", 2) == 0) {
		add_number(b, 8, len - 2);
		assert_int_equal(buf_add(NULL, b, word + 2, len - 2), COFFER_OK);
	} else if (strncmp(word, "pad:", 4) == 0) {
		add_zeros(b, (size_t)((n - b->len % n) % n));
	} else if (strncmp(word, "zero:", 5) == 0) {
		add_zeros(b, (size_t)n);
	} else {
		assert_true(word[1] == ':');
		add_number(b, (size_t)(word[0] - '0'), n);
	}
}

static struct buf
make_file(const char *words)
{
	struct buf b = BUF_INIT(1u << 20);

	while (*words) {
		size_t len = strcspn(words, " ");

		if (len > 0)
			add_word(&b, words, len);
		words += len + (words[len] == ' ');
	}
	return b;
}

static void
expect(const char *name, const char *words, coffer_err expected, size_t n)
{
	struct tensor_table table = TENSOR_TABLE_INIT;
	struct buf b = make_file(words);
	struct memory m = {.bytes = b.p, .len = b.len};
	struct coffer_source source = memory_source(&m);
	struct fault f;
	coffer_err err;

	fault_clear(&f);
	err = gguf_read(&f, &source, 0, &table);
	if (err != expected || f.err != expected || (err == COFFER_OK && table.n != n))
		fail_msg("%s: %s, %zu tensors: %s", name, coffer_err_name(err), table.n, f.text);
	tensor_table_free(&table);
	buf_free(&b);
}

/* the start of a version 3 file with so many tensors and keys */
#define START(tensors, keys) "=GGUF 4:3 8:" #tensors " 8:" #keys " "
/* one-dimensional F32 tensors of 32 bytes */
#define F32_8(name, off) "s:" name " 4:1 8:8 4:0 8:" #off " "

/* the kinds of files that ggml's own tests make by hand, in their order and by their names */
static const struct {
	const char *name;
	const char *words;
	coffer_err err;
	size_t n;
} handmade[] = {
	{"header: bad magic", "=FUGG 4:3 8:0 8:0 pad:32", COFFER_E_FORMAT, 0},
	{"header: version 0", "=GGUF 4:0 8:0 8:0 pad:32", COFFER_E_FORMAT, 0},
	{"header: version 1", "=GGUF 4:1 8:0 8:0 pad:32", COFFER_E_UNSUPPORTED, 0},
	{"header: version of the future", "=GGUF 4:4 8:0 8:0 pad:32", COFFER_E_UNSUPPORTED, 0},
	{"header: bad number of keys", "=GGUF 4:3 8:0 8:0xffffffffffffffff pad:32", COFFER_E_FORMAT, 0},
	{"header: bad number of tensors", "=GGUF 4:3 8:0xffffffffffffffff 8:0 pad:32", COFFER_E_FORMAT, 0},
	{"header: empty", START(0, 0) "pad:32", COFFER_OK, 0},

	{"key: bad length", START(0, 1) "8:0xffffffffffffffff =my_key 4:0 1:7 pad:32", COFFER_E_FORMAT, 0},
	{"key: empty", START(0, 1) "s: 4:0 1:7 pad:32", COFFER_E_FORMAT, 0},
	{"key: bad type", START(0, 1) "s:my_key 4:13 1:7 pad:32", COFFER_E_FORMAT, 0},
	{"key: value of a bad length", START(0, 1) "s:my_key 4:8 8:0xffffffffffffffff =value pad:32", COFFER_E_FORMAT,
	 0},
	{"key: twice", START(0, 2) "s:my_key 4:0 1:7 s:my_key 4:0 1:7 pad:32", COFFER_E_FORMAT, 0},
	{"key: bad alignment", START(0, 1) "s:general.alignment 4:4 4:13 pad:32", COFFER_E_FORMAT, 0},
	{"key: alignment of the wrong type", START(0, 1) "s:general.alignment 4:5 4:32 pad:32", COFFER_E_FORMAT, 0},
	{"key: all types",
	 START(0, 14) "s:k0 4:0 1:1 s:k1 4:1 1:1 s:k2 4:2 2:1 s:k3 4:3 2:1 s:k4 4:4 4:1 s:k5 4:5 4:1 s:k6 4:6 4:1 s:k7 "
		      "4:7 1:1 s:k8 4:8 s:text s:k10 4:10 8:1 s:k11 4:11 8:1 s:k12 4:12 8:1 s:k13 4:9 4:4 8:2 4:1 4:2 "
		      "s:k14 4:9 4:8 8:2 s:a s:b pad:32",
	 COFFER_OK, 0},

	{"tensor: name too long",
	 START(1, 0) F32_8("123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
			   "12345678901234567890123456789012345678",
			   0) "pad:32 zero:32",
	 COFFER_E_FORMAT, 0},
	{"tensor: five dimensions", START(1, 0) "s:t 4:5 8:1 8:1 8:1 8:1 8:1 4:0 8:0 pad:32 zero:32", COFFER_E_FORMAT,
	 0},
	{"tensor: negative dimension", START(1, 0) "s:t 4:1 8:0xffffffffffffffff 4:0 8:0 pad:32 zero:32",
	 COFFER_E_FORMAT, 0},
	{"tensor: dimension of zero", START(1, 0) "s:t 4:2 8:8 8:0 4:0 8:0 pad:32", COFFER_OK, 1},
	{"tensor: too many elements", START(1, 0) "s:t 4:2 8:0x1fffffffc 8:0x1fffffffc 4:0 8:0 pad:32 zero:32",
	 COFFER_E_FORMAT, 0},
	{"tensor: too many bytes", START(1, 0) "s:t 4:2 8:0x60000000 8:0x60000000 4:27 8:0 pad:32 zero:32",
	 COFFER_E_FORMAT, 0},
	{"tensor: bad type", START(1, 0) "s:t 4:1 8:8 4:42 8:0 pad:32 zero:32", COFFER_E_UNSUPPORTED, 0},
	{"tensor: bad offset", START(1, 0) F32_8("t", 0xffffffffffffffff) "pad:32 zero:32", COFFER_E_FORMAT, 0},
	{"tensor: name twice", START(2, 0) F32_8("t", 0) F32_8("t", 32) "pad:32 zero:64", COFFER_E_FORMAT, 0},
	{"tensor: bad alignment", START(1, 1) "s:general.alignment 4:4 4:13 " F32_8("t", 0) "pad:32 zero:32",
	 COFFER_E_FORMAT, 0},
	{"tensor: alignment not that of the offsets",
	 START(2, 0) "s:t 4:1 8:1 4:0 8:0 s:u 4:1 8:1 4:0 8:4 pad:32 zero:64", COFFER_E_FORMAT, 0},
	{"tensor: two", START(2, 0) F32_8("t", 0) F32_8("u", 32) "pad:32 zero:64", COFFER_OK, 2},
	{"tensor: own alignment",
	 START(2, 1) "s:general.alignment 4:4 4:1 s:t 4:1 8:3 4:24 8:0 s:u 4:1 8:1 4:0 8:3 zero:7", COFFER_OK, 2},

	{"data: not enough", START(2, 0) F32_8("t", 0) F32_8("u", 32) "pad:32 zero:63", COFFER_E_FORMAT, 0},
	{"data: bad alignment", START(1, 1) "s:general.alignment 4:4 4:0 " F32_8("t", 0) "pad:32 zero:32",
	 COFFER_E_FORMAT, 0},
	{"data: two sizes whose sum wraps",
	 START(2,
	       0) "s:t 4:1 8:0x7fffffffffffffc0 4:24 8:0 s:u 4:1 8:0x7fffffffffffffc0 4:24 8:0x7fffffffffffffc0 pad:32 "
		  "zero:32",
	 COFFER_E_FORMAT, 0},
	{"data: alignment of 64 KiB", START(1, 1) "s:general.alignment 4:4 4:65536 " F32_8("t", 0) "pad:65536 zero:32",
	 COFFER_OK, 1},
};

static const struct {
	const char *name;
	const char *words;
	coffer_err err;
	size_t n;
} others[] = {
	{"nothing", "", COFFER_E_FORMAT, 0},
	{"magic alone", "=GGUF", COFFER_E_FORMAT, 0},
	{"header one byte short", "=GGUF 4:3 8:0 4:0 2:0 1:0", COFFER_E_FORMAT, 0},
	{"header and no padding", START(0, 0), COFFER_OK, 0},
	{"version 2", "=GGUF 4:2 8:1 8:0 " F32_8("t", 0) "pad:32 zero:32", COFFER_OK, 1},
	{"big-endian", "=GGUF 4:0x03000000 8:0 8:0 pad:32", COFFER_E_UNSUPPORTED, 0},
	{"more tensors than there are", START(2, 0) F32_8("t", 0) "pad:32 zero:32", COFFER_E_FORMAT, 0},
	{"more tensors than may be", START(1048577, 0) "pad:32", COFFER_E_FORMAT, 0},
	{"more keys than there are", START(0, 2) "s:k 4:0 1:1", COFFER_E_FORMAT, 0},
	{"key cut off", START(0, 1) "8:3 =ab", COFFER_E_FORMAT, 0},
	{"key too long", START(0, 1) "8:65537 zero:65537 4:0 1:0", COFFER_E_FORMAT, 0},
	{"key not UTF-8", START(0, 1) "8:1 1:255 4:0 1:0", COFFER_E_FORMAT, 0},
	{"NUL in a key", START(0, 1) "8:3 =a 1:0 =b 4:0 1:0", COFFER_E_FORMAT, 0},
	{"value cut off", START(0, 1) "s:k 4:12 4:0", COFFER_E_FORMAT, 0},
	{"string cut off", START(0, 1) "s:k 4:8 8:5 =abcd", COFFER_E_FORMAT, 0},
	{"string whose length wraps", START(0, 1) "s:k 4:8 8:0xfffffffffffffff0 =abcd", COFFER_E_FORMAT, 0},
	{"empty array", START(0, 1) "s:k 4:9 4:0 8:0", COFFER_OK, 0},
	{"array of an unknown type", START(0, 1) "s:k 4:9 4:13 8:0", COFFER_E_FORMAT, 0},
	{"array too long", START(0, 1) "s:k 4:9 4:4 8:2 4:0 2:0", COFFER_E_FORMAT, 0},
	{"array whose size wraps", START(0, 1) "s:k 4:9 4:12 8:0x2000000000000000", COFFER_E_FORMAT, 0},
	{"array of too many strings", START(0, 1) "s:k 4:9 4:8 8:0xffffffffffffffff s:a", COFFER_E_FORMAT, 0},
	{"array in an array", START(0, 1) "s:k 4:9 4:9 8:2 4:0 8:1 1:1 4:8 8:1 s:a", COFFER_OK, 0},
	{"arrays four deep", START(0, 1) "s:k 4:9 4:9 8:1 4:9 8:1 4:9 8:1 4:0 8:1 1:1", COFFER_OK, 0},
	{"arrays five deep", START(0, 1) "s:k 4:9 4:9 8:1 4:9 8:1 4:9 8:1 4:9 8:1 4:0 8:1 1:1", COFFER_E_FORMAT, 0},
	{"alignment of zero", START(0, 1) "s:general.alignment 4:4 4:0", COFFER_E_FORMAT, 0},
	{"alignment of 128 KiB", START(0, 1) "s:general.alignment 4:4 4:131072", COFFER_E_FORMAT, 0},
	{"alignment an array", START(0, 1) "s:general.alignment 4:9 4:4 8:1 4:32", COFFER_E_FORMAT, 0},
	{"alignment twice", START(0, 2) "s:general.alignment 4:4 4:32 s:general.alignment 4:4 4:64", COFFER_E_FORMAT,
	 0},
	{"name of 127 bytes",
	 START(1, 0) F32_8("12345678901234567890123456789012345678901234567890123456789012345678901234567890"
			   "12345678901234567890123456789012345678901234567",
			   0) "pad:32 zero:32",
	 COFFER_OK, 1},
	{"terminal escape in a name", START(1, 0) F32_8("a\033[2J", 0) "pad:32 zero:32", COFFER_E_FORMAT, 0},
	{"no dimensions", START(1, 0) "s:t 4:0 4:0 8:0 pad:32 zero:4", COFFER_OK, 1},
	{"no dimensions, in blocks", START(1, 0) "s:t 4:0 4:2 8:0 pad:32 zero:18", COFFER_E_FORMAT, 0},
	{"four dimensions", START(1, 0) "s:t 4:4 8:1 8:2 8:1 8:2 4:0 8:0 pad:32 zero:16", COFFER_OK, 1},
	{"dimension of 2^63", START(1, 0) "s:t 4:1 8:0x8000000000000000 4:24 8:0 pad:32", COFFER_E_FORMAT, 0},
	{"product of 2^64", START(1, 0) "s:t 4:2 8:0x100000000 8:0x100000000 4:24 8:0 pad:32", COFFER_E_FORMAT, 0},
	{"product of 2^64, then zero", START(1, 0) "s:t 4:3 8:0x100000000 8:0x100000000 8:0 4:24 8:0 pad:32",
	 COFFER_E_FORMAT, 0},
	{"product of 2^63, then zero", START(1, 0) "s:t 4:3 8:0x100000000 8:0x80000000 8:0 4:24 8:0 pad:32",
	 COFFER_E_FORMAT, 0},
	{"dimension of 2^63 beside zero", START(1, 0) "s:t 4:2 8:0 8:0x8000000000000000 4:24 8:0 pad:32",
	 COFFER_E_FORMAT, 0},
	{"row not of whole blocks", START(1, 0) "s:t 4:1 8:33 4:2 8:0 pad:32 zero:36", COFFER_E_FORMAT, 0},
	{"rows of half a block", START(1, 0) "s:t 4:2 8:16 8:2 4:2 8:0 pad:32 zero:18", COFFER_E_FORMAT, 0},
	{"type that was taken back", START(1, 0) "s:t 4:1 8:32 4:4 8:0 pad:32 zero:32", COFFER_E_UNSUPPORTED, 0},
	{"type of 2^32 - 1", START(1, 0) "s:t 4:1 8:32 4:0xffffffff 8:0 pad:32 zero:32", COFFER_E_UNSUPPORTED, 0},
	{"offset not aligned", START(2, 0) F32_8("t", 0) F32_8("u", 33) "pad:32 zero:96", COFFER_E_FORMAT, 0},
	{"hole before", START(1, 0) F32_8("t", 32) "pad:32 zero:64", COFFER_E_FORMAT, 0},
	{"hole between", START(2, 0) F32_8("t", 0) F32_8("u", 64) "pad:32 zero:96", COFFER_E_FORMAT, 0},
	{"overlap", START(2, 0) F32_8("t", 0) F32_8("u", 0) "pad:32 zero:64", COFFER_E_FORMAT, 0},
	{"tensors backwards", START(2, 0) F32_8("t", 32) F32_8("u", 0) "pad:32 zero:64", COFFER_E_FORMAT, 0},
	{"last tensor without padding", START(1, 0) "s:t 4:1 8:1 4:0 8:0 pad:32 zero:4", COFFER_OK, 1},
	{"last tensor with padding", START(1, 0) "s:t 4:1 8:1 4:0 8:0 pad:32 zero:32", COFFER_OK, 1},
	{"bytes behind the padding", START(1, 0) "s:t 4:1 8:1 4:0 8:0 pad:32 zero:33", COFFER_E_FORMAT, 0},
	{"bytes and no tensor", START(0, 0) "pad:32 zero:1", COFFER_E_FORMAT, 0},
	{"no data", START(1, 0) F32_8("t", 0), COFFER_E_FORMAT, 0},
};

static void
test_handmade(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(handmade) / sizeof(handmade[0]); i++)
		expect(handmade[i].name, handmade[i].words, handmade[i].err, handmade[i].n);
}

static void
test_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		expect(others[i].name, others[i].words, others[i].err, others[i].n);
}

/* one row of 256 elements of each type: the sizes are those of ggml's block structures */
static const struct {
	const char *dtype;
	unsigned int type;
	uint64_t size;
} types[] = {
	{"F32", 0, 1024},   {"F16", 1, 512},	 {"Q4_0", 2, 144},   {"Q4_1", 3, 160},	  {"Q5_0", 6, 176},
	{"Q5_1", 7, 192},   {"Q8_0", 8, 272},	 {"Q8_1", 9, 288},   {"Q2_K", 10, 84},	  {"Q3_K", 11, 110},
	{"Q4_K", 12, 144},  {"Q5_K", 13, 176},	 {"Q6_K", 14, 210},  {"Q8_K", 15, 292},	  {"IQ2_XXS", 16, 66},
	{"IQ2_XS", 17, 74}, {"IQ3_XXS", 18, 98}, {"IQ1_S", 19, 50},  {"IQ4_NL", 20, 144}, {"IQ3_S", 21, 110},
	{"IQ2_S", 22, 82},  {"IQ4_XS", 23, 136}, {"I8", 24, 256},    {"I16", 25, 512},	  {"I32", 26, 1024},
	{"I64", 27, 2048},  {"F64", 28, 2048},	 {"IQ1_M", 29, 56},  {"BF16", 30, 512},	  {"TQ1_0", 34, 54},
	{"TQ2_0", 35, 66},  {"MXFP4", 39, 136},	 {"NVFP4", 40, 144}, {"Q1_0", 41, 36},
};

static void
test_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct tensor_table table = TENSOR_TABLE_INIT;
		struct coffer_source source;
		char words[200];
		struct memory m;
		struct fault f;
		struct buf b;

		(void)snprintf(words, sizeof(words), START(1, 0) "s:t 4:1 8:256 4:%u 8:0 pad:32 zero:%u", types[i].type,
			       (unsigned int)types[i].size);
		b = make_file(words);
		m = (struct memory){.bytes = b.p, .len = b.len};
		source = memory_source(&m);
		assert_int_equal(gguf_read(&f, &source, 0, &table), COFFER_OK);
		assert_string_equal(table.v[0].dtype, types[i].dtype);
		assert_int_equal(table.v[0].size, types[i].size);
		tensor_table_free(&table);
		buf_free(&b);
	}
}

static void
test_places(void **state)
{
	struct buf b =
		make_file(START(2, 1) "s:general.alignment 4:4 4:64 s:q 4:2 8:64 8:3 4:2 8:0 s:b 4:1 8:5 4:0 8:128 "
				      "pad:64 zero:128 zero:20");
	struct memory m = {.bytes = b.p, .len = b.len};
	struct coffer_source source = memory_source(&m);
	struct tensor_table table = TENSOR_TABLE_INIT;
	struct fault f;

	(void)state;
	assert_int_equal(gguf_read(&f, &source, 7, &table), COFFER_OK);
	assert_int_equal(table.n, 2);
	assert_string_equal(table.v[0].name, "q");
	assert_int_equal(table.v[0].n_dims, 2);
	assert_int_equal(table.v[0].shape[0], 64);
	assert_int_equal(table.v[0].shape[1], 3);
	assert_int_equal(table.v[0].off, 192);
	assert_int_equal(table.v[0].size, 108);
	assert_int_equal(table.v[1].off, 320);
	assert_int_equal(table.v[1].size, 20);
	assert_int_equal(table.v[1].file, 7);
	tensor_table_free(&table);
	buf_free(&b);
}

/* strings are passed over and not read: 512 KiB of them cost two windows */
static void
test_reads_little(void **state)
{
	struct buf b = make_file(START(0, 1) "s:k 4:8 8:524288 zero:524288 pad:32");
	struct memory m = {.bytes = b.p, .len = b.len};
	struct coffer_source source = memory_source(&m);
	struct tensor_table table = TENSOR_TABLE_INIT;
	struct fault f;

	(void)state;
	assert_int_equal(gguf_read(&f, &source, 0, &table), COFFER_OK);
	assert_true(m.n_read <= 128u << 10);
	buf_free(&b);
}

static void
test_big_endian(void **state)
{
	struct buf b = make_file("=GGUF 4:0x03000000 8:0 8:0 pad:32");
	struct memory m = {.bytes = b.p, .len = b.len};
	struct coffer_source source = memory_source(&m);
	struct tensor_table table = TENSOR_TABLE_INIT;
	struct fault f;

	(void)state;
	assert_int_equal(gguf_read(&f, &source, 0, &table), COFFER_E_UNSUPPORTED);
	assert_non_null(strstr(f.text, "big-endian"));
	buf_free(&b);
}

/* a source that claims to be huge and gives one metadata key after another */
static coffer_err
endless_read_at(void *user, uint64_t off, void *buf, size_t len)
{
	static const uint8_t start[] = "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff";
	static const char key[] = "\1\0\0\0\0\0\0\0k\10\0\0\0\0\0\1\0\0\0\0"; /* a string value of 64 KiB */
	uint8_t *p = buf;

	(void)user;
	for (size_t i = 0; i < len; i++, off++)
		p[i] = off < sizeof(start) ? start[off] : (uint8_t)key[(off - sizeof(start)) % 65557 % sizeof(key)];
	return COFFER_OK;
}

static void
test_metadata_ceiling(void **state)
{
	struct coffer_source source = {.size = LIMIT_SIZE, .user = NULL, .read_at = endless_read_at};
	struct tensor_table table = TENSOR_TABLE_INIT;
	struct fault f;

	(void)state;
	assert_int_equal(gguf_read(&f, &source, 0, &table), COFFER_E_FORMAT);
	assert_non_null(strstr(f.text, " may"));
	source.size = UINT64_MAX;
	assert_int_equal(gguf_read(&f, &source, 0, &table), COFFER_E_FORMAT);
	tensor_table_free(&table);
}

static void
test_source_errors(void **state)
{
	struct buf b = make_file(START(1, 1) "s:k 4:8 8:131072 zero:131072 " F32_8("t", 0) "pad:32 zero:32");

	(void)state;
	for (unsigned int i = 1; i <= 2; i++) {
		struct memory m = {.bytes = b.p, .len = b.len, .fail_at = i, .fail_with = COFFER_E_AUTH};
		struct coffer_source source = memory_source(&m);
		struct tensor_table table = TENSOR_TABLE_INIT;
		struct fault f;

		assert_int_equal(gguf_read(&f, &source, 0, &table), COFFER_E_AUTH);
		tensor_table_free(&table);
	}
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handmade),      cmocka_unit_test(test_others),
		cmocka_unit_test(test_types),	      cmocka_unit_test(test_places),
		cmocka_unit_test(test_reads_little),  cmocka_unit_test(test_metadata_ceiling),
		cmocka_unit_test(test_source_errors), cmocka_unit_test(test_big_endian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
