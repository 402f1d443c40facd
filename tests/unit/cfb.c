/* SPDX-License-Identifier: Apache-2.0 */
/* AES-256-CFB128: the four blocks of NIST SP 800-38A, F.3.17, whole and in pieces of every length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/enc.h"
#include "base/num.h"
#include "crypto/cfb.h"

#define LEN 64

static uint8_t key[CFB_KEY_LEN], iv[CFB_IV_LEN], cipher[LEN], plain[LEN];

static int
setup(void **state)
{
	static const char key_hex[] = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
	static const char iv_hex[] = "000102030405060708090a0b0c0d0e0f";
	static const char cipher_hex[] = "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b"
					 "df10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471";
	static const char plain_hex[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
					"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

	(void)state;
	return dec_hex(key_hex, strlen(key_hex), key, sizeof(key)) && dec_hex(iv_hex, strlen(iv_hex), iv, sizeof(iv)) &&
			       dec_hex(cipher_hex, strlen(cipher_hex), cipher, LEN) &&
			       dec_hex(plain_hex, strlen(plain_hex), plain, LEN)
		       ? 0
		       : -1;
}

static void
test_known_answer(void **state)
{
	(void)state;
	for (size_t piece = 1; piece <= LEN; piece++) {
		struct cfb *c = NULL;
		uint8_t out[LEN];

		memcpy(out, cipher, LEN);
		assert_int_equal(cfb_new(NULL, key, iv, &c), COFFER_OK);
		for (size_t off = 0; off < LEN; off += piece)
			assert_int_equal(cfb_decipher(NULL, c, out + off, out + off, num_min(piece, LEN - off)),
					 COFFER_OK);
		assert_memory_equal(out, plain, LEN);
		cfb_free(&c);
		assert_null(c);
	}
}

static void
test_too_much_at_once(void **state)
{
	struct cfb *c = NULL;
	uint8_t byte = 0;

	(void)state;
	assert_int_equal(cfb_new(NULL, key, iv, &c), COFFER_OK);
	assert_int_equal(cfb_decipher(NULL, c, &byte, &byte, ((size_t)1 << 30) + 1), COFFER_E_INTERNAL);
	cfb_free(&c);
	cfb_free(&c); /* NULL is fine */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answer),
		cmocka_unit_test(test_too_much_at_once),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
