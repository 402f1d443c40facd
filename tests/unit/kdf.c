/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/kdf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/hex.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* RFC 5869 appendix A, the cases with SHA-256 */
static const struct {
	const char *name;
	const char *ikm;
	const char *salt;
	const char *info;
	const char *okm;
} hkdf_cases[] = {
	{"A.1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
	 "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
	{"A.2",
	 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
	 "28292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
	 "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f8081828384858687"
	 "88898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	 "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7"
	 "d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	 "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da"
	 "3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
	{"A.3", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
	 "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
};

static void
hkdf_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hkdf_cases) / sizeof(hkdf_cases[0]); i++) {
		uint8_t ikm[128];
		uint8_t salt[128];
		uint8_t info[128];
		uint8_t out[128];

		print_message("%s\n", hkdf_cases[i].name);
		assert_int_equal(hkdf_sha256(NULL, hex_bytes(hkdf_cases[i].ikm, ikm),
					     hex_bytes(hkdf_cases[i].salt, salt), hex_bytes(hkdf_cases[i].info, info),
					     out, strlen(hkdf_cases[i].okm) / 2),
				 COFFER_OK);
		assert_hex(out, hkdf_cases[i].okm);
	}
}

static void
hkdf_has_limits(void **state)
{
	static uint8_t out[8161];
	static const uint8_t info[1025];
	struct view ikm = view_str("key");
	struct view none = view_of(NULL, 0);
	struct fault f = {0};

	(void)state;
	assert_int_equal(hkdf_sha256(&f, ikm, none, view_of(info, 1024), out, 1), COFFER_OK);
	assert_int_equal(hkdf_sha256(&f, ikm, none, none, out, 8160), COFFER_OK);
	assert_int_equal(hkdf_sha256(&f, ikm, none, view_of(info, 1025), out, 1), COFFER_E_USAGE);
	assert_int_equal(hkdf_sha256(&f, ikm, none, none, out, 8161), COFFER_E_USAGE);
	assert_int_equal(hkdf_sha256(&f, ikm, none, none, out, 0), COFFER_E_USAGE);
}

/* RFC 7914 section 12: the first 32 bytes of the cases with r = 8, p = 1 */
static void
scrypt_answers(void **state)
{
	uint8_t out[32];

	(void)state;
	assert_int_equal(scrypt_key(NULL, view_str("pleaseletmein"), view_str("SodiumChloride"), 14, out), COFFER_OK);
	assert_hex(out, "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2");
	/* made with Python's hashlib.scrypt: nothing in, the least N */
	assert_int_equal(scrypt_key(NULL, view_of(NULL, 0), view_of(NULL, 0), 1, out), COFFER_OK);
	assert_hex(out, "ec57b472d742138d12501bc49372377b3b96d6a2ff9f6a53e769a63c429a1792");
}

static void
scrypt_takes_its_highest_cost(void **state)
{
	uint8_t out[32];

	(void)state;
	if (SANITIZED) {
		print_message("skipped: 1 GiB and minutes under a sanitizer\n");
		skip();
	}
	assert_int_equal(scrypt_key(NULL, view_str("pleaseletmein"), view_str("SodiumChloride"), 20, out), COFFER_OK);
	assert_hex(out, "2101cb9b6a511aaeaddbbe09cf70f881ec568d574a2ffd4dabe5ee9820adaa47");
}

static void
scrypt_refuses_other_costs(void **state)
{
	static const unsigned int costs[] = {0, 21, 63, 64, 1U << 31};
	struct fault f = {0};
	uint8_t out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++)
		assert_int_equal(scrypt_key(&f, view_str("p"), view_str("s"), costs[i], out), COFFER_E_UNSUPPORTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hkdf_answers),
		cmocka_unit_test(hkdf_has_limits),
		cmocka_unit_test(scrypt_answers),
		cmocka_unit_test(scrypt_takes_its_highest_cost),
		cmocka_unit_test(scrypt_refuses_other_costs),
	};

	return cmocka_run_group_tests_name("kdf", tests, NULL, NULL);
}
