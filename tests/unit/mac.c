/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA256 of a stream: cases of RFC 4231, in pieces of every length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/enc.h"
#include "base/num.h"
#include "crypto/mac.h"

struct answer {
	const char *name;
	uint8_t key_byte;
	size_t key_len;
	const char *data;
	const char *mac;
};

static const struct answer answers[] = {
	{"RFC 4231 case 1", 0x0b, 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{"RFC 4231 case 6: a key longer than a block", 0xaa, 131,
	 "Test Using Larger Than Block-Size Key - Hash Key First",
	 "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
};

static void
test_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct answer *a = &answers[i];
		uint8_t key[131], mac[SHA256_LEN];
		char hex[2 * SHA256_LEN + 1];
		size_t len = strlen(a->data);

		memset(key, a->key_byte, a->key_len);
		for (size_t piece = 1; piece <= len; piece++) {
			struct mac *m = NULL;

			assert_int_equal(mac_new(NULL, view_of(key, a->key_len), &m), COFFER_OK);
			for (size_t off = 0; off < len; off += piece)
				assert_int_equal(mac_update(NULL, m, a->data + off, num_min(piece, len - off)),
						 COFFER_OK);
			assert_int_equal(mac_final(NULL, m, mac), COFFER_OK);
			mac_free(&m);
			assert_null(m);
			enc_hex(mac, sizeof(mac), hex);
			if (strcmp(hex, a->mac) != 0)
				fail_msg("%s, in pieces of %zu: %s", a->name, piece, hex);
		}
	}
}

static void
test_nothing(void **state)
{
	struct mac *m = NULL;
	uint8_t stream[SHA256_LEN], at_hand[SHA256_LEN];

	(void)state;
	assert_int_equal(mac_new(NULL, view_str("k"), &m), COFFER_OK);
	assert_int_equal(mac_update(NULL, m, NULL, 0), COFFER_OK);
	assert_int_equal(mac_final(NULL, m, stream), COFFER_OK);
	assert_int_equal(hmac_sha256(NULL, view_str("k"), view_of(NULL, 0), at_hand), COFFER_OK);
	assert_memory_equal(stream, at_hand, sizeof(stream));
	mac_free(&m);
	mac_free(&m); /* NULL is fine */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
