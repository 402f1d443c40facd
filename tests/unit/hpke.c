/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hpke.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/hex.h"

enum { ROOM = 128, TAG_LEN = 16 };

/* RFC 7748 section 6.1 */
static void
public_key_answers(void **state)
{
	static const struct {
		const char *secret;
		const char *public;
	} cases[] = {
		{"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
		 "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"},
		{"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
		 "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t secret[X25519_LEN];
		uint8_t public[X25519_LEN];

		(void)hex_bytes(cases[i].secret, secret);
		assert_int_equal(x25519_public(NULL, secret, public), COFFER_OK);
		assert_hex(public, cases[i].public);
	}
}

/* the first message of base mode: RFC 9180 appendix A.1.1.1, and its sister in the test vectors of the CFRG */
static const struct {
	const char *name;
	unsigned int aead_id;
	const char *secret;
	const char *ephemeral;
	const char *public;
	const char *enc;
	const char *sealed;
} answers[] = {
	{"AES-128-GCM", HPKE_AEAD_AES_128_GCM, "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
	 "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
	 "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
	 "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
	 "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"},
	{"AES-256-GCM", HPKE_AEAD_AES_256_GCM, "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d",
	 "179d4b53b6365c45b600c4163b61d95cbc2f4d9e36f1695558dce265ab8bab11",
	 "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c",
	 "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256",
	 "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a"},
};

#define INFO "Ode on a Grecian Urn"
#define AAD "Count-0"
#define PLAIN "Beauty is truth, truth beauty"

static void
messages_are_those_of_the_rfc(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint8_t secret[X25519_LEN];
		uint8_t ephemeral[X25519_LEN];
		uint8_t public[X25519_LEN];
		uint8_t enc[X25519_LEN];
		uint8_t out[ROOM];
		uint8_t sealed_room[ROOM];
		struct view sealed = hex_bytes(answers[i].sealed, sealed_room);

		print_message("%s\n", answers[i].name);
		(void)hex_bytes(answers[i].secret, secret);
		(void)hex_bytes(answers[i].ephemeral, ephemeral);
		assert_int_equal(x25519_public(NULL, secret, public), COFFER_OK);
		assert_hex(public, answers[i].public);
		assert_int_equal(hpke_seal_with(NULL, ephemeral, public, answers[i].aead_id, view_str(INFO),
						view_str(AAD), view_str(PLAIN), enc, out),
				 COFFER_OK);
		assert_hex(enc, answers[i].enc);
		assert_hex(out, answers[i].sealed);
		memset(out, 0xa5, sizeof(out));
		assert_int_equal(
			hpke_open(NULL, secret, enc, answers[i].aead_id, view_str(INFO), view_str(AAD), sealed, out),
			COFFER_OK);
		assert_memory_equal(out, PLAIN, strlen(PLAIN));
		assert_int_equal(out[strlen(PLAIN)], 0xa5);
	}
}

/* a message to a key of our own, for the tests that break it */
struct message {
	uint8_t secret[X25519_LEN];
	uint8_t public[X25519_LEN];
	uint8_t enc[X25519_LEN];
	uint8_t sealed[32 + TAG_LEN];
};

static const uint8_t dek[32] = "thirty-two bytes of a secret DEK";

static void
seal_message(struct message *m)
{
	for (size_t i = 0; i < X25519_LEN; i++)
		m->secret[i] = (uint8_t)(7 * i + 1);
	assert_int_equal(x25519_public(NULL, m->secret, m->public), COFFER_OK);
	assert_int_equal(hpke_seal(NULL, m->public, HPKE_AEAD_AES_256_GCM, view_str(INFO), view_str(AAD),
				   view_of(dek, sizeof(dek)), m->enc, m->sealed),
			 COFFER_OK);
}

static void
assert_opens(const struct message *m, const char *info, const char *aad, unsigned int aead_id, coffer_err expected)
{
	struct fault f = {0};
	uint8_t out[32];

	memset(out, 0xa5, sizeof(out));
	assert_int_equal(hpke_open(&f, m->secret, m->enc, aead_id, view_str(info), view_str(aad),
				   view_of(m->sealed, sizeof(m->sealed)), out),
			 expected);
	if (expected == COFFER_OK)
		assert_memory_equal(out, dek, sizeof(dek));
	else
		assert_memory_not_equal(out, dek, sizeof(dek));
	if (expected != COFFER_OK)
		assert_true(f.text[0] != 0);
}

static void
each_message_has_a_key_of_its_own(void **state)
{
	struct message a;
	struct message b;

	(void)state;
	seal_message(&a);
	seal_message(&b);
	assert_memory_not_equal(a.enc, b.enc, X25519_LEN);
	assert_memory_not_equal(a.sealed, b.sealed, sizeof(a.sealed));
	assert_opens(&a, INFO, AAD, HPKE_AEAD_AES_256_GCM, COFFER_OK);
	assert_opens(&b, INFO, AAD, HPKE_AEAD_AES_256_GCM, COFFER_OK);
}

static void
any_change_is_refused(void **state)
{
	struct message m;

	(void)state;
	seal_message(&m);
	assert_opens(&m, "Ode on a Grecian urn", AAD, HPKE_AEAD_AES_256_GCM, COFFER_E_AUTH);
	assert_opens(&m, INFO, "Count-1", HPKE_AEAD_AES_256_GCM, COFFER_E_AUTH);
	assert_opens(&m, INFO, "", HPKE_AEAD_AES_256_GCM, COFFER_E_AUTH);
	assert_opens(&m, INFO, AAD, HPKE_AEAD_AES_128_GCM, COFFER_E_AUTH);
	for (size_t bit = 0; bit < 8 * sizeof(m.sealed); bit += 5) {
		m.sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_opens(&m, INFO, AAD, HPKE_AEAD_AES_256_GCM, COFFER_E_AUTH);
		m.sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	/* RFC 7748 ignores the highest bit of a public key; the kem_context does not */
	for (size_t bit = 3; bit < 8 * X25519_LEN; bit += 12) {
		m.enc[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_opens(&m, INFO, AAD, HPKE_AEAD_AES_256_GCM, COFFER_E_AUTH);
		m.enc[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_opens(&m, INFO, AAD, HPKE_AEAD_AES_256_GCM, COFFER_OK);
	m.secret[5] ^= 1;
	assert_opens(&m, INFO, AAD, HPKE_AEAD_AES_256_GCM, COFFER_E_AUTH);
}

static void
what_is_refused_leaves_zeros(void **state)
{
	struct message m;
	uint8_t out[32];

	(void)state;
	seal_message(&m);
	m.sealed[47] ^= 0x80;
	memset(out, 0xa5, sizeof(out));
	assert_int_equal(hpke_open(NULL, m.secret, m.enc, HPKE_AEAD_AES_256_GCM, view_str(INFO), view_str(AAD),
				   view_of(m.sealed, sizeof(m.sealed)), out),
			 COFFER_E_AUTH);
	assert_true(view_zero(view_of(out, sizeof(out))));
}

static void
a_message_shorter_than_a_tag_is_refused(void **state)
{
	struct message m;
	uint8_t out[1] = {0xa5};

	(void)state;
	seal_message(&m);
	for (size_t len = 0; len < TAG_LEN; len++)
		assert_int_equal(hpke_open(NULL, m.secret, m.enc, HPKE_AEAD_AES_256_GCM, view_str(INFO), view_str(AAD),
					   view_of(m.sealed, len), out),
				 COFFER_E_AUTH);
	assert_int_equal(out[0], 0xa5);
}

static void
nothing_can_be_sealed(void **state)
{
	struct message m;
	uint8_t tag[TAG_LEN];
	uint8_t out[1] = {0xa5};

	(void)state;
	seal_message(&m);
	assert_int_equal(hpke_seal(NULL, m.public, HPKE_AEAD_AES_256_GCM, view_of(NULL, 0), view_of(NULL, 0),
				   view_of(NULL, 0), m.enc, tag),
			 COFFER_OK);
	assert_int_equal(hpke_open(NULL, m.secret, m.enc, HPKE_AEAD_AES_256_GCM, view_of(NULL, 0), view_of(NULL, 0),
				   view_of(tag, TAG_LEN), out),
			 COFFER_OK);
	tag[15] ^= 1;
	assert_int_equal(hpke_open(NULL, m.secret, m.enc, HPKE_AEAD_AES_256_GCM, view_of(NULL, 0), view_of(NULL, 0),
				   view_of(tag, TAG_LEN), out),
			 COFFER_E_AUTH);
	assert_int_equal(out[0], 0xa5);
}

static void
unknown_aeads_are_unsupported(void **state)
{
	static const unsigned int ids[] = {0, 3, 0xffff, 0x10001, 0x10002};
	struct message m;

	(void)state;
	seal_message(&m);
	for (size_t i = 0; i < 5; i++) {
		uint8_t out[64];

		assert_opens(&m, INFO, AAD, ids[i], COFFER_E_UNSUPPORTED);
		assert_int_equal(hpke_seal(NULL, m.public, ids[i], view_str(INFO), view_str(AAD),
					   view_of(dek, sizeof(dek)), m.enc, out),
				 COFFER_E_UNSUPPORTED);
	}
}

/* every point whose order divides 8, in every encoding below 2^255, and one with the bit that RFC 7748 ignores */
static void
public_keys_of_low_order_are_refused(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000080",
	};
	struct message m;

	(void)state;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		uint8_t point[X25519_LEN];
		uint8_t out[64];
		struct fault f = {0};

		seal_message(&m);
		(void)hex_bytes(points[i], point);
		assert_int_equal(hpke_seal(&f, point, HPKE_AEAD_AES_256_GCM, view_str(INFO), view_str(AAD),
					   view_of(dek, sizeof(dek)), m.enc, out),
				 COFFER_E_KEY);
		memcpy(m.enc, point, X25519_LEN);
		assert_opens(&m, INFO, AAD, HPKE_AEAD_AES_256_GCM, COFFER_E_AUTH);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(public_key_answers),
		cmocka_unit_test(messages_are_those_of_the_rfc),
		cmocka_unit_test(each_message_has_a_key_of_its_own),
		cmocka_unit_test(any_change_is_refused),
		cmocka_unit_test(what_is_refused_leaves_zeros),
		cmocka_unit_test(a_message_shorter_than_a_tag_is_refused),
		cmocka_unit_test(nothing_can_be_sealed),
		cmocka_unit_test(unknown_aeads_are_unsupported),
		cmocka_unit_test(public_keys_of_low_order_are_refused),
	};

	return cmocka_run_group_tests_name("hpke", tests, NULL, NULL);
}
