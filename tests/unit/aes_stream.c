/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256 as a stream: the four blocks of NIST SP 800-38A (F.2.5, F.2.6, F.3.17) and test case 16 of the GCM specification, whole
 * and in pieces of every length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/enc.h"
#include "base/num.h"
#include "crypto/aes_stream.h"

#define MOST 64
#define KEY_38A "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
#define PLAIN_38A                                                                                                      \
	"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"                                             \
	"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"

static const struct {
	const char *name;
	enum aes_mode mode;
	size_t piece; /* in multiples of this */
	const char *key, *iv, *aad, *plain, *cipher, *tag;
} cases[] = {
	{"CBC", AES_CBC, 16, KEY_38A, "000102030405060708090a0b0c0d0e0f", "", PLAIN_38A,
	 "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
	 "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
	 NULL},
	{"CFB", AES_CFB, 1, KEY_38A, "000102030405060708090a0b0c0d0e0f", "", PLAIN_38A,
	 "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b"
	 "df10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471",
	 NULL},
	{"GCM", AES_GCM, 1, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
	 "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	 "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	 "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	 "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
	 "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static size_t
from_hex(const char *hex, uint8_t *out)
{
	assert_true(dec_hex(hex, strlen(hex), out, strlen(hex) / 2));
	return strlen(hex) / 2;
}

static struct aes_stream *
begin(size_t i, enum aes_way way)
{
	uint8_t key[AES_STREAM_KEY_LEN], iv[AES_STREAM_IV_MAX], aad[MOST];
	struct aes_stream *s = NULL;

	assert_int_equal(from_hex(cases[i].key, key), sizeof(key));
	assert_int_equal(from_hex(cases[i].iv, iv), aes_iv_len(cases[i].mode));
	assert_int_equal(aes_stream_new(NULL, cases[i].mode, way, key, iv, &s), COFFER_OK);
	assert_int_equal(aes_stream_aad(NULL, s, view_of(aad, from_hex(cases[i].aad, aad))), COFFER_OK);
	return s;
}

static void
try_pieces(size_t i, size_t piece)
{
	uint8_t plain[MOST], cipher[MOST], tag[AES_GCM_TAG_LEN], got_tag[AES_GCM_TAG_LEN], there[MOST], back[MOST];
	size_t len = from_hex(cases[i].plain, plain);
	struct aes_stream *to = begin(i, AES_ENCIPHER), *from = begin(i, AES_DECIPHER);
	bool holds;

	assert_int_equal(from_hex(cases[i].cipher, cipher), len);
	for (size_t off = 0; off < len; off += piece) {
		size_t n = num_min(piece, len - off);

		assert_int_equal(aes_stream_update(NULL, to, plain + off, there + off, n), COFFER_OK);
		assert_int_equal(aes_stream_update(NULL, from, cipher + off, back + off, n), COFFER_OK);
	}
	assert_memory_equal(there, cipher, len);
	assert_memory_equal(back, plain, len);
	if (cases[i].tag) {
		(void)from_hex(cases[i].tag, tag);
		assert_int_equal(aes_stream_tag(NULL, to, got_tag), COFFER_OK);
		assert_memory_equal(got_tag, tag, sizeof(tag));
		assert_int_equal(aes_stream_check(NULL, from, tag, &holds), COFFER_OK);
		assert_true(holds);
	}
	aes_stream_free(&to);
	aes_stream_free(&from);
	assert_null(from);
}

static void
test_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t piece = cases[i].piece; piece <= MOST; piece += cases[i].piece)
			try_pieces(i, piece);
}

/* Every bit of the tag counts. */
static void
test_wrong_tag(void **state)
{
	uint8_t cipher[MOST], tag[AES_GCM_TAG_LEN];
	size_t len = from_hex(cases[2].cipher, cipher);
	bool holds = true;

	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(tag); bit++) {
		struct aes_stream *s = begin(2, AES_DECIPHER);
		uint8_t plain[MOST];

		(void)from_hex(cases[2].tag, tag);
		tag[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(aes_stream_update(NULL, s, cipher, plain, len), COFFER_OK);
		assert_int_equal(aes_stream_check(NULL, s, tag, &holds), COFFER_OK);
		assert_false(holds);
		aes_stream_free(&s);
	}
}

static void
test_refusals(void **state)
{
	struct aes_stream *s = begin(0, AES_ENCIPHER);
	uint8_t bytes[MOST] = {0};

	(void)state;
	assert_int_equal(aes_stream_update(NULL, s, bytes, bytes, ((size_t)1 << 30) + 1), COFFER_E_INTERNAL);
	assert_int_equal(aes_stream_aad(NULL, s, view_of(bytes, ((size_t)1 << 30) + 1)), COFFER_E_INTERNAL);
	assert_int_equal(aes_stream_update(NULL, s, bytes, bytes, 15), COFFER_E_INTERNAL); /* no whole block */
	aes_stream_free(&s);
	aes_stream_free(&s); /* NULL is fine */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_wrong_tag),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
