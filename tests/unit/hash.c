/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/hex.h"

/* FIPS 180-2 appendix B, and the empty message */
static const struct {
	const char *message;
	const char *hash;
} messages[] = {
	{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void
sha256_answers(void **state)
{
	static char million[1000000];
	uint8_t out[SHA256_LEN];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(sha256(NULL, view_str(messages[i].message), out), COFFER_OK);
		assert_hex(out, messages[i].hash);
	}
	assert_int_equal(sha256(NULL, view_of(NULL, 0), out), COFFER_OK);
	assert_hex(out, messages[0].hash);
	memset(million, 'a', sizeof(million));
	assert_int_equal(sha256(NULL, view_of(million, sizeof(million)), out), COFFER_OK);
	assert_hex(out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void
sha256_two_is_the_hash_of_both(void **state)
{
	const char *message = messages[2].message;
	size_t len = strlen(message);
	uint8_t out[SHA256_LEN];

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		assert_int_equal(sha256_two(NULL, view_of(message, cut), view_of(message + cut, len - cut), out),
				 COFFER_OK);
		assert_hex(out, messages[2].hash);
	}
}

/* RFC 4231 section 4 (case 5 is cut to 128 bits there), and an empty key over nothing */
static const struct {
	const char *name;
	const char *key;
	const char *data;
	const char *mac;
} macs[] = {
	{"case 1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{"case 2", "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	{"case 3", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
	 "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
	{"case 4", "0102030405060708090a0b0c0d0e0f10111213141516171819",
	 "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
	 "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
	{"case 5", "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c", "546573742057697468205472756e636174696f6e",
	 "a3b6167473100ee06e0c796c2955552b"},
	{"case 6",
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374",
	 "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	{"case 7",
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	 "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b657920616e64206"
	 "1"
	 "206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565647320746f20626520686173686"
	 "564"
	 "206265666f7265206265696e6720757365642062792074686520484d414320616c676f726974686d2e",
	 "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
	{"empty", "", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
};

enum { N_MACS = sizeof(macs) / sizeof(macs[0]) };

static void
hmac_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_MACS; i++) {
		uint8_t key_room[256];
		uint8_t data_room[256];
		uint8_t out[SHA256_LEN];
		struct view key = hex_bytes(macs[i].key, key_room);
		struct view data = hex_bytes(macs[i].data, data_room);

		print_message("%s\n", macs[i].name);
		assert_int_equal(hmac_sha256(NULL, key, data, out), COFFER_OK);
		assert_hex(out, macs[i].mac);
		for (size_t cut = 0; cut <= data.len; cut++) {
			const struct view parts[] = {view_of(data.p, cut), view_of(NULL, 0),
						     view_of(data.p + cut, data.len - cut)};

			assert_int_equal(hmac_sha256_parts(NULL, key, parts, 3, out), COFFER_OK);
			assert_hex(out, macs[i].mac);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_answers),
		cmocka_unit_test(sha256_two_is_the_hash_of_both),
		cmocka_unit_test(hmac_answers),
	};

	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
