/* SPDX-License-Identifier: Apache-2.0 */
#include "format/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/enc.h"
#include "base/endian.h"
#include "support/text.h"

static const uint8_t dek[32] = {1, 2, 3, 4, 5, 6, 7, 8};

static const struct head lone = {
	.embedded = true,
	.model_id = {0xa0, 0xa1},
	.index = 0,
	.count = 1,
	.size = 5000000,
	.record_size = 1 << 20,
	.salt = {0x51, 0x52},
	.path = "model.bin",
	.commitment = {0xc0, 0xc1},
};

static struct head
shard(void)
{
	struct head h = lone;

	h.embedded = false;
	h.index = 3;
	h.count = 9;
	PUT(h.path, "sub/m.safetensors");
	return h;
}

static void
test_layout_of_a(void **state)
{
	uint8_t a[HEAD_A_LEN];
	char hex[2 * 128 + 1];

	(void)state;
	head_encode(&lone, a);
	enc_hex(a, 64, hex);
	assert_string_equal(hex, "89434f46520d0a1a"		    /* magic */
				 "00010001"			    /* version, suite */
				 "00000001"			    /* flags */
				 "a0a10000000000000000000000000000" /* model id */
				 "0000000000000001"		    /* index, count */
				 "00000000004c4b40"		    /* size */
				 "00100000"			    /* record size */
				 "0009"				    /* length of the path */
				 "00000000000000000000");
	assert_memory_equal(a + 64, lone.salt, 32);
	assert_memory_equal(a + 96, "model.bin\0\0", 11);
	assert_memory_equal(a + 2016, lone.commitment, 32);
	assert_true(head_is_sealed(a, 8) && !head_is_sealed(a, 7) && !head_is_sealed(a + 1, 8));
}

static void
test_round_trip(void **state)
{
	const struct head heads[] = {lone, shard()};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t a[HEAD_A_LEN], again[HEAD_A_LEN];
		struct head back;

		head_encode(&heads[i], a);
		assert_int_equal(head_decode(NULL, a, &back), COFFER_OK);
		assert_memory_equal(&back, &heads[i], sizeof(back));
		head_encode(&back, again);
		assert_memory_equal(again, a, HEAD_A_LEN);
	}
}

/* Put @len bytes at @off of a good A. */
static const struct {
	const char *what;
	bool shard;
	size_t off, len;
	const char *bytes;
	coffer_err err;
} changes[] = {
	{"magic", false, 0, 1, "\x88", COFFER_E_FORMAT},
	{"a line end was changed", false, 5, 2, "\n\x1a", COFFER_E_FORMAT},
	{"version 0", false, 8, 2, "\0\0", COFFER_E_UNSUPPORTED},
	{"version 2", false, 8, 2, "\0\2", COFFER_E_UNSUPPORTED},
	{"version 257", false, 8, 2, "\1\1", COFFER_E_UNSUPPORTED},
	{"suite 0", false, 10, 2, "\0\0", COFFER_E_UNSUPPORTED},
	{"suite 2", false, 10, 2, "\0\2", COFFER_E_UNSUPPORTED},
	{"flag bit 1", false, 12, 4, "\0\0\0\3", COFFER_E_UNSUPPORTED},
	{"flag bit 31", false, 12, 4, "\x80\0\0\1", COFFER_E_UNSUPPORTED},
	{"index 1 of 1", false, 32, 4, "\0\0\0\1", COFFER_E_FORMAT},
	{"count 0", false, 36, 4, "\0\0\0\0", COFFER_E_FORMAT},
	{"count 2 of a lone file", false, 36, 4, "\0\0\0\2", COFFER_E_FORMAT},
	{"index 9 of 9", true, 32, 4, "\0\0\0\x09", COFFER_E_FORMAT},
	{"index 8 of 9", true, 32, 4, "\0\0\0\x08", COFFER_OK},
	{"count 1000000", true, 36, 4, "\x00\x0f\x42\x40", COFFER_OK},
	{"count 1000001", true, 36, 4, "\x00\x0f\x42\x41", COFFER_E_FORMAT},
	{"size 0", false, 40, 8, "\0\0\0\0\0\0\0\0", COFFER_OK},
	{"size 2^52", false, 40, 8, "\0\x10\0\0\0\0\0\0", COFFER_OK},
	{"size 2^52 + 1", false, 40, 8, "\0\x10\0\0\0\0\0\1", COFFER_E_FORMAT},
	{"size 2^64 - 1", false, 40, 8, "\xff\xff\xff\xff\xff\xff\xff\xff", COFFER_E_FORMAT},
	{"record size 0", false, 48, 4, "\0\0\0\0", COFFER_E_FORMAT},
	{"record size 32K", false, 48, 4, "\0\0\x80\0", COFFER_E_FORMAT},
	{"record size 64K", false, 48, 4, "\0\1\0\0", COFFER_OK},
	{"record size 96K", false, 48, 4, "\0\1\x80\0", COFFER_E_FORMAT},
	{"record size 16M", false, 48, 4, "\1\0\0\0", COFFER_OK},
	{"record size 32M", false, 48, 4, "\2\0\0\0", COFFER_E_FORMAT},
	{"path of 0 bytes", false, 52, 2, "\0\0", COFFER_E_FORMAT},
	{"path of 1921 bytes", false, 52, 2, "\x07\x81", COFFER_E_FORMAT},
	{"path shorter than its bytes", false, 52, 2, "\0\x08", COFFER_E_FORMAT},
	{"path longer than its bytes", false, 52, 2, "\0\x0a", COFFER_E_FORMAT},
	{"first reserved byte", false, 54, 1, "\1", COFFER_E_FORMAT},
	{"last reserved byte", false, 63, 1, "\1", COFFER_E_FORMAT},
	{"last byte of the path's field", false, 2015, 1, "\1", COFFER_E_FORMAT},
	{"absolute path", false, 96, 1, "/", COFFER_E_FORMAT},
	{"path that leaves", false, 96, 3, "../", COFFER_E_FORMAT},
	{"path with a NUL", false, 98, 1, "\0", COFFER_E_FORMAT},
	{"path that is no UTF-8", false, 98, 1, "\xff", COFFER_E_FORMAT},
	{"sealed name, lone", false, 96, 9, "aa.coffer", COFFER_OK},
	{"sealed name, of a directory", true, 96, 17, "sub/mmmmmm.coffer", COFFER_E_FORMAT},
	{"shard with a key block", true, 12, 4, "\0\0\0\1", COFFER_E_FORMAT},
};

static void
test_fields(void **state)
{
	const struct head of_directory = shard();

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct fault f = {.text = ""};
		uint8_t a[HEAD_A_LEN];
		struct head out;

		head_encode(changes[i].shard ? &of_directory : &lone, a);
		memcpy(a + changes[i].off, changes[i].bytes, changes[i].len);
		if (head_decode(&f, a, &out) != changes[i].err)
			fail_msg("%s: %s", changes[i].what, f.text);
		assert_int_equal(f.text[0] == '\0', changes[i].err == COFFER_OK);
	}
}

static const struct {
	uint64_t size;
	uint32_t record_size;
	bool embedded;
	struct head_layout want;
	uint32_t last_len;
} layouts[] = {
	{0, 65536, true, {1, 135168, 135184, 139264, 139264}, 0},
	{1, 65536, true, {1, 135168, 135184, 139264, 139265}, 1},
	{65536, 65536, true, {1, 135168, 135184, 139264, 204800}, 65536},
	{65537, 65536, true, {2, 135168, 135200, 139264, 204801}, 1},
	{0, 1048576, false, {1, 2048, 2064, 4096, 4096}, 0},
	{UINT64_C(128) << 16, 65536, false, {128, 2048, 4096, 4096, 8392704}, 65536},
	{(UINT64_C(128) << 16) + 1, 65536, false, {129, 2048, 4112, 8192, 8396801}, 1},
	{LIMIT_SIZE, 65536, false, {UINT64_C(1) << 36, 2048, 1099511629824, 1099511631872, 4504699139002368}, 65536},
};

static void
test_layouts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		const struct head h = {.embedded = layouts[i].embedded,
				       .size = layouts[i].size,
				       .record_size = layouts[i].record_size};
		const struct head_layout got = head_layout(&h);

		assert_int_equal(got.n_records, layouts[i].want.n_records);
		assert_int_equal(got.tags, layouts[i].want.tags);
		assert_int_equal(got.tags_end, layouts[i].want.tags_end);
		assert_int_equal(got.payload, layouts[i].want.payload);
		assert_int_equal(got.end, layouts[i].want.end);
		assert_int_equal(head_record_len(&h, got.n_records - 1), layouts[i].last_len);
	}
}

static void
test_nonce(void **state)
{
	uint8_t nonce[12];

	(void)state;
	head_nonce(0, 1, nonce);
	assert_memory_equal(nonce, "\0\0\0\0\0\0\0\0\0\0\0\1", 12);
	head_nonce(0, 2, nonce);
	assert_memory_equal(nonce, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
	head_nonce(UINT64_C(0x0102030405060708), UINT64_C(0x0102030405060709), nonce);
	assert_memory_equal(nonce, "\0\0\0\1\2\3\4\5\6\7\x08\1", 12);
}

/* The keys of A, as a program that shares no code with this one derives them (python3 hmac, hashlib). */
static void
test_keys(void **state)
{
	struct head_keys keys;
	char hex[65];

	(void)state;
	assert_int_equal(head_keys(NULL, &lone, dek, &keys), COFFER_OK);
	enc_hex(keys.file_key, 32, hex);
	assert_string_equal(hex, "bf2b7246bd307940b6ae482df1a770c19c02a64960a895911acd3ccb2514719a");
	enc_hex(keys.commitment, 32, hex);
	assert_string_equal(hex, "a333ba7e6d488005ebf54f0aa8d0b9a824389665c03ac875fb21df855425aa39");
	enc_hex(keys.a_hash, 32, hex);
	assert_string_equal(hex, "a63fd646e2403e3ff17de17a2de326c9c11c2ab994d86647d69e648a5e80dfeb");
}

/* Every bit of A, flipped: A is refused, or its commitment is no longer the one that the key gives. */
static void
test_every_bit(void **state)
{
	struct head h = lone, out;
	struct head_keys keys;
	uint8_t a[HEAD_A_LEN];
	unsigned int decoded = 0;

	(void)state;
	assert_int_equal(head_keys(NULL, &h, dek, &keys), COFFER_OK);
	memcpy(h.commitment, keys.commitment, 32);
	head_encode(&h, a);
	for (size_t bit = 0; bit < 8 * HEAD_A_LEN; bit++) {
		a[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (head_decode(NULL, a, &out) == COFFER_OK) {
			decoded++;
			assert_int_equal(head_keys(NULL, &out, dek, &keys), COFFER_OK);
			if (memcmp(keys.commitment, out.commitment, 32) == 0)
				fail_msg("bit %zu may be flipped", bit);
		}
		a[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	/* model id, salt and commitment decode as any bytes, and so does much of size and path */
	assert_true(decoded > 8 * (16 + 32 + 32));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout_of_a), cmocka_unit_test(test_round_trip), cmocka_unit_test(test_fields),
		cmocka_unit_test(test_layouts),	    cmocka_unit_test(test_nonce),      cmocka_unit_test(test_keys),
		cmocka_unit_test(test_every_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
