/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/enc.h"

/* of «abc»: FIPS 180-4 (the examples of NIST), RFC 7693 appendix A, and BLAKE3's reference implementation */
static const struct {
	enum digest_kind kind;
	const char *name;
	size_t len;
	const char *abc;
	const char *empty;
} kinds[] = {
	{DIGEST_SHA256, "sha256", 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{DIGEST_SHA384, "sha384", 48,
	 "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
	 "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b"},
	{DIGEST_SHA512, "sha512", 64,
	 "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	 "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	 "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
	 "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"},
	{DIGEST_BLAKE2B, "blake2b", 64,
	 "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
	 "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
	 "786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419"
	 "d25e1031afee585313896444934eb04b903a685b1448b755d56f701afe9be2ce"},
	{DIGEST_BLAKE3, "blake3", 32, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
	 "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
};

enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void
assert_hex(const uint8_t *hash, size_t len, const char *expected)
{
	char text[2 * DIGEST_MAX + 1];

	enc_hex(hash, len, text);
	assert_string_equal(text, expected);
}

static void
names(void **state)
{
	enum digest_kind found;

	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		assert_string_equal(digest_name(kinds[i].kind), kinds[i].name);
		assert_int_equal(digest_len(kinds[i].kind), kinds[i].len);
		assert_true(digest_find(kinds[i].name, &found));
		assert_int_equal(found, kinds[i].kind);
	}
	assert_false(digest_find("sha1", &found));
	assert_false(digest_find("SHA256", &found));
	assert_false(digest_find("", &found));
}

static void
answers(void **state)
{
	const struct view parts[] = {view_of("a", 1), view_of(NULL, 0), view_of("bc", 2)};
	uint8_t hash[DIGEST_MAX];

	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		assert_int_equal(digest_of(NULL, kinds[i].kind, view_str("abc"), hash), COFFER_OK);
		assert_hex(hash, kinds[i].len, kinds[i].abc);
		assert_int_equal(digest_of(NULL, kinds[i].kind, view_of(NULL, 0), hash), COFFER_OK);
		assert_hex(hash, kinds[i].len, kinds[i].empty);
		assert_int_equal(digest_of_parts(NULL, kinds[i].kind, parts, 3, hash), COFFER_OK);
		assert_hex(hash, kinds[i].len, kinds[i].abc);
		assert_int_equal(digest_of_parts(NULL, kinds[i].kind, NULL, 0, hash), COFFER_OK);
		assert_hex(hash, kinds[i].len, kinds[i].empty);
	}
}

/* one stream gives one hash after the other */
static void
streams(void **state)
{
	uint8_t hash[DIGEST_MAX];

	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		struct digest *d;

		assert_int_equal(digest_new(NULL, kinds[i].kind, &d), COFFER_OK);
		assert_int_equal(digest_update(NULL, d, "a", 1), COFFER_OK);
		assert_int_equal(digest_update(NULL, d, NULL, 0), COFFER_OK);
		assert_int_equal(digest_update(NULL, d, "bc", 2), COFFER_OK);
		assert_int_equal(digest_final(NULL, d, hash), COFFER_OK);
		assert_hex(hash, kinds[i].len, kinds[i].abc);
		assert_int_equal(digest_final(NULL, d, hash), COFFER_OK);
		assert_hex(hash, kinds[i].len, kinds[i].empty);
		digest_free(&d);
		assert_null(d);
		digest_free(&d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(answers),
		cmocka_unit_test(streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
