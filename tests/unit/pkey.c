/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkey.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "support/hex.h"
#include "support/pki.h"

/* made by the openssl command; all that begin with P256 are of one key */
/* clang-format off */
#define RSA_PUB \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAq7u4LVa50G+EF3KBB0qE\n" \
	"97CVUGfFu1emfzy8cOYoXvDmAjUsdW1+Qa1sCYau9SMKAyE09wiy52p60XSRNQVS\n" \
	"KlMouB2Xs7zIp9uANkNtHUvAwrl7l5hvplfb1tNOEnUGNIYUKw965W/RA2P5yj+p\n" \
	"Wcko5lQAcB+zXskVR3SVpUb8ILIdCMI2A0lNBou2DSNoFVXozucWenqOl+XUBilG\n" \
	"rLbDRsDfahNdIuJT6ZAuCb7eZVSv7jkqgLeaIZ7DWC/9YIVUU/y63xFKIXjpn9xC\n" \
	"ZZ+UvMUN6ADyWQjqPc81n5+sNBkxepP+hSU48spsj7QkfkpTF7Igdt2AyGLtFUwP\n" \
	"DQIDAQAB\n" \
	"-----END PUBLIC KEY-----\n"

#define P256_PKCS8 \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOBpBV8Xp5cjHolFK\n" \
	"PTGwjKRiAnGkxCR3YRU8tzkrLkyhRANCAAQOxhYfgX6iwd3VI/Z/Nuicaz+rbLpK\n" \
	"qE7Y6hzZQr/xc44ib1PXI9UzStd5d6gQIRwGaxKTqX9IZ8MkdFPdmTHU\n" \
	"-----END PRIVATE KEY-----\n"

#define P256_SEC1 \
	"-----BEGIN EC PRIVATE KEY-----\n" \
	"MHcCAQEEIDgaQVfF6eXIx6JRSj0xsIykYgJxpMQkd2EVPLc5Ky5MoAoGCCqGSM49\n" \
	"AwEHoUQDQgAEDsYWH4F+osHd1SP2fzbonGs/q2y6SqhO2Ooc2UK/8XOOIm9T1yPV\n" \
	"M0rXeXeoECEcBmsSk6l/SGfDJHRT3Zkx1A==\n" \
	"-----END EC PRIVATE KEY-----\n"

#define P256_SEC1_ENCRYPTED \
	"-----BEGIN EC PRIVATE KEY-----\n" \
	"Proc-Type: 4,ENCRYPTED\n" \
	"DEK-Info: AES-128-CBC,040F10EEBA72F13EA837CD7D3C7A864D\n" \
	"\n" \
	"MAhk0CHOh5RWJ5LxPheWbWJ1PnOn3tEGAM7A+I/OxSj8AajqEWRWp8uGzcWDF8gN\n" \
	"uK2xtpKGdG+lERrGd9CZoIVrxVz0RtSZGEeFRpl+XcA7S2bFyn6lD9f+fTHLyzMs\n" \
	"hHKwWw7emJSuIe/NfX6ZXLayogCuiVqF+3Tc9GPV3bA=\n" \
	"-----END EC PRIVATE KEY-----\n"

#define P256_PKCS8_ENCRYPTED \
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" \
	"MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhPin7nSQF/9wICA+gw\n" \
	"DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEFzH1ToO6srU6xVd4kkLCzkEgZAV\n" \
	"6rOl7q1tQrtdHt1rnq/Pq9tYVZKLPFJ6GVhJoS9Xv7/T6XXtudCQhLPZX3N0VUP2\n" \
	"hfFx0FQkCCX73koPMaOpOSdWbn5JnuKKkeNWrcRPJufMpJLu02daymnrNMFV8W/t\n" \
	"fz086+oKhJJBD4aLUy6nDQH0+iayQ3QMqlcyW24szRG6tn7VDo6V8vJQ/p+bMd8=\n" \
	"-----END ENCRYPTED PRIVATE KEY-----\n"

#define P256_PUB \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDsYWH4F+osHd1SP2fzbonGs/q2y6\n" \
	"SqhO2Ooc2UK/8XOOIm9T1yPVM0rXeXeoECEcBmsSk6l/SGfDJHRT3Zkx1A==\n" \
	"-----END PUBLIC KEY-----\n"

#define P256_PUB_COMPRESSED \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACDsYWH4F+osHd1SP2fzbonGs/q2y6\n" \
	"SqhO2Ooc2UK/8XM=\n" \
	"-----END PUBLIC KEY-----\n"

#define EXPLICIT_PUB \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA\n" \
	"AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////\n" \
	"///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd\n" \
	"NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5\n" \
	"RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA\n" \
	"//////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABA7GFh+BfqLB3dUj9n826Jxr\n" \
	"P6tsukqoTtjqHNlCv/FzjiJvU9cj1TNK13l3qBAhHAZrEpOpf0hnwyR0U92ZMdQ=\n" \
	"-----END PUBLIC KEY-----\n"

#define EXPLICIT_KEY \
	"-----BEGIN EC PRIVATE KEY-----\n" \
	"MIIBaAIBAQQgOBpBV8Xp5cjHolFKPTGwjKRiAnGkxCR3YRU8tzkrLkyggfowgfcC\n" \
	"AQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////\n" \
	"MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57Pr\n" \
	"vVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEE\n" \
	"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W\n" \
	"K84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8\n" \
	"YyVRAgEBoUQDQgAEDsYWH4F+osHd1SP2fzbonGs/q2y6SqhO2Ooc2UK/8XOOIm9T\n" \
	"1yPVM0rXeXeoECEcBmsSk6l/SGfDJHRT3Zkx1A==\n" \
	"-----END EC PRIVATE KEY-----\n"

#define K1_PUB \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEe3MEOp0LfIAAHQDHtQJ6mUSvD53Aj6jF\n" \
	"X4OOhSYnnzghtjyY2jmXW+aUw4bmYEL+5VGM0Zkuvw295imOxQqFgw==\n" \
	"-----END PUBLIC KEY-----\n"

#define K1_KEY \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgjwdHk5N9US2FX1Gmcfgh\n" \
	"jGJkwpE7TljOdrHD+68rufqhRANCAATvoh1Pi+zFCyQpvZu3LBj9e9kjglsm2j6J\n" \
	"1iGNprMH7dScDI2JnDBMdOp4ht6Q6ePLLxnrdaU3v7/AgEwiYWvs\n" \
	"-----END PRIVATE KEY-----\n"

#define PSS_PUB \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAPN7f70YyNOcOFJsgocgi5IO\n" \
	"ULKT9b2k7AAxUyGz6tX3O7khMb5tvRhb4Vgz0zj3x3GOa0CImUO6P0IYex4HOpmr\n" \
	"iA2aBu0pGciUyH7DvGLCgISIke9OnYuw1zrryhpBn/Hj0qBVVrEeekK62DCgjIKS\n" \
	"qUh2K60ZUP862AdAXpJK2AQr6WjVxqbJfNkkIs63IRyUxDZ1g4bpp1zWizclTGS6\n" \
	"v+cPNhLPa7z3qxpbxmLDG4QXmVRXQo8/r6wE7dcPyUNREtjnsA/5RLvRTenxoPJS\n" \
	"GMoYgiUQSaCaaxnNgzi9NPxTN/Hj/GaXEqTi03wHOvmg45CzTGTC/uEuUWkJMOUC\n" \
	"AwEAAQ==\n" \
	"-----END PUBLIC KEY-----\n"

#define RSA_1024_PUB \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDNPclxbRkzd6uEpq0CIHrSFTmO\n" \
	"2OTjfrWqJ0PtmrkIrpUV2eF2i25F2uFo1DjPIjd92qTLxrO+vufBGQDRCEjWeyCz\n" \
	"AlNPEpcnPOcdPf9m5DSIm5khhqMgp2QAevhb6kOgcYoqi4SPHXCAWTd2DMy6aQwf\n" \
	"M6lep8FBP209yFnV0QIDAQAB\n" \
	"-----END PUBLIC KEY-----\n"

#define X25519_PUB \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MCowBQYDK2VuAyEA0MEocjqY/Ube6VDMSUPVu6Bx4yck35oCJc9JUydGNG4=\n" \
	"-----END PUBLIC KEY-----\n"

#define MIXED_KEY \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOBpBV8Xp5cjHolFK\n" \
	"PTGwjKRiAnGkxCR3YRU8tzkrLkyhRANCAARkILOSJ3lfd+kVRB6doBy4KnXTDjEc\n" \
	"7d+1fGp5RlqndNFdAuXiBC2RCe0rVVBmZlrs/1wfKGw3LI8B9IXVZ7Tw\n" \
	"-----END PRIVATE KEY-----\n"

#define RSA_SIG \
	"6f342c37ea9b6afb3e3490b4e31c4d4bf17e895939d76eb99b0a3e14b88245157b97e506064d214bcc270de02e93bdef" \
	"2ea13d2cbd0828af688d1f811a37c84106c7d3b3ad94ca71cb13ab180283a9adb399b704c8dd1cdc264d4504ce1eedb9" \
	"a905ddadc5109afeb769647e735cff046c58874e57c0673e25625267719d0a9f0f54e6e90e315680a4726cb0c6eaddac" \
	"dc2b33700b0f502e0cff0d93b8902ddc357d4fa35950ca6914d1006764363a03aaca8013982c887270cdebae80c1f3dc" \
	"3cb80633842f09ca9bb231b188ff2ef2bc19f7b94b94a9035a12fa7d81d4c63c731f9b159cc8d58a01a300088e328490" \
	"104e3b8fdd3e401f6fc2c8d98afc3c64"

#define RSA_PSS_SIG \
	"6912a3f64326bbe5f3c306fd709ff03e90acba0d6b9cabb0a5665aebd2cd40bcd118a10d3ff65b546a2651d31d050cf0" \
	"22fa6207ef2297438b7f66bb3ab11339b1ca94aad649be6d0ae5b7ffd0290e40a9f1eebc8c2d46f58a181a66851a4e6e" \
	"213475f255c27e49ab4f2b494831abb9c89a43120aff1a3221f302496113ac6bce17fa6b572dbcaa95ea5bf9abe5b277" \
	"b89f4a5039f53efc3afee707ea29883829c59bfc7cab08e0694c2d4cbbe1d69fba64e3e80bcc6dcaaa37a3b97dd0d360" \
	"f6fb165f19e32d0c19169829d342caeb7e8cd39b8ebe38640b649747620aa22a7a9ed4f74dc9b3f5a1045648ded75416" \
	"5e43c99bc0513f264fb25725f68b7975"
/* clang-format on */

#define PASSPHRASE "geheim"

static void
set_secret(struct secret *s, const char *text)
{
	assert_int_equal(secret_new(NULL, s, strlen(text)), COFFER_OK);
	memcpy(s->p, text, s->len);
}

/* the library leaves OpenSSL's queue of errors as empty as it found it */
static void
assert_no_errors(void)
{
	assert_true(ERR_peek_error() == 0);
}

/* ---- kinds ---- */

static const struct {
	enum pkey_kind kind;
	const char *name;
	enum digest_kind digest;
} kinds[] = {
	{PKEY_P256, "P-256", DIGEST_SHA256},	  {PKEY_P384, "P-384", DIGEST_SHA384},
	{PKEY_P521, "P-521", DIGEST_SHA512},	  {PKEY_RSA, "RSA", DIGEST_SHA256},
	{PKEY_ED25519, "Ed25519", DIGEST_SHA512},
};

enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void
kind_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		assert_string_equal(pkey_kind_name(kinds[i].kind), kinds[i].name);
		assert_int_equal(pkey_digest(kinds[i].kind), kinds[i].digest);
	}
}

/* ---- signatures ---- */

#define DER_P256_HEAD "3059301306072a8648ce3d020106082a8648ce3d030107034200"
#define DER_ED25519_HEAD "302a300506032b6570032100"

/* RFC 6979 appendix A.2.5, «sample» with SHA-256 */
#define P256_POINT                                                                                                     \
	"0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"                                           \
	"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define P256_R "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
#define P256_S "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
#define P256_SIG                                                                                                       \
	"30460221"                                                                                                     \
	"00" P256_R "0221"                                                                                             \
	"00" P256_S
/* RFC 8032 section 7.1, test 2 */
#define ED25519_POINT "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
#define ED25519_SIG                                                                                                    \
	"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"                                             \
	"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"

static const struct {
	const char *name;
	const char *key; /* DER in hex, or PEM */
	enum digest_kind digest;
	const char *message;
	const char *sig;
	coffer_err err;
} signatures[] = {
	{"P-256", DER_P256_HEAD P256_POINT, DIGEST_SHA256, "sample", P256_SIG, COFFER_OK},
	{"P-256, another message", DER_P256_HEAD P256_POINT, DIGEST_SHA256, "simple", P256_SIG, COFFER_E_SIGNATURE},
	{"P-256, another hash", DER_P256_HEAD P256_POINT, DIGEST_SHA384, "sample", P256_SIG, COFFER_E_SIGNATURE},
	{"P-256, no signature", DER_P256_HEAD P256_POINT, DIGEST_SHA256, "sample", "", COFFER_E_SIGNATURE},
	{"P-256, a byte behind", DER_P256_HEAD P256_POINT, DIGEST_SHA256, "sample", P256_SIG "00", COFFER_E_SIGNATURE},
	{"P-256, a byte behind, inside", DER_P256_HEAD P256_POINT, DIGEST_SHA256, "sample",
	 "30470221"
	 "00" P256_R "0221"
	 "00" P256_S "00",
	 COFFER_E_SIGNATURE},
	{"P-256, a byte short", DER_P256_HEAD P256_POINT, DIGEST_SHA256, "sample",
	 "30460221"
	 "00" P256_R "0221"
	 "00f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acd",
	 COFFER_E_SIGNATURE},
	{"P-256, a long length", DER_P256_HEAD P256_POINT, DIGEST_SHA256, "sample",
	 "3081460221"
	 "00" P256_R "0221"
	 "00" P256_S,
	 COFFER_E_SIGNATURE},
	{"P-256, an open length", DER_P256_HEAD P256_POINT, DIGEST_SHA256, "sample",
	 "30800221"
	 "00" P256_R "0221"
	 "00" P256_S "0000",
	 COFFER_E_SIGNATURE},
	{"P-256, a zero too many", DER_P256_HEAD P256_POINT, DIGEST_SHA256, "sample",
	 "30470222"
	 "0000" P256_R "0221"
	 "00" P256_S,
	 COFFER_E_SIGNATURE},
	{"P-256, negative", DER_P256_HEAD P256_POINT, DIGEST_SHA256, "sample",
	 "30450220" P256_R "0221"
	 "00" P256_S,
	 COFFER_E_SIGNATURE},
	{"P-256, r and s exchanged", DER_P256_HEAD P256_POINT, DIGEST_SHA256, "sample",
	 "30460221"
	 "00" P256_S "0221"
	 "00" P256_R,
	 COFFER_E_SIGNATURE},
	{"P-256, zeros", DER_P256_HEAD P256_POINT, DIGEST_SHA256, "sample", "3006020100020100", COFFER_E_SIGNATURE},
	{"P-256, r and s as they are", DER_P256_HEAD P256_POINT, DIGEST_SHA256, "sample", P256_R P256_S,
	 COFFER_E_SIGNATURE},
	{"P-256 by BLAKE2b", DER_P256_HEAD P256_POINT, DIGEST_BLAKE2B, "sample", P256_SIG, COFFER_E_USAGE},
	{"P-256 by BLAKE3", DER_P256_HEAD P256_POINT, DIGEST_BLAKE3, "sample", P256_SIG, COFFER_E_USAGE},
	{"RSA", RSA_PUB, DIGEST_SHA256, "sample", RSA_SIG, COFFER_OK},
	{"RSA, another hash", RSA_PUB, DIGEST_SHA512, "sample", RSA_SIG, COFFER_E_SIGNATURE},
	{"RSA, a byte behind", RSA_PUB, DIGEST_SHA256, "sample", RSA_SIG "00", COFFER_E_SIGNATURE},
	{"RSA by PSS", RSA_PUB, DIGEST_SHA256, "sample", RSA_PSS_SIG, COFFER_E_SIGNATURE},
	{"RSA, zero", RSA_PUB, DIGEST_SHA256, "sample", "00", COFFER_E_SIGNATURE},
	{"Ed25519", DER_ED25519_HEAD ED25519_POINT, DIGEST_SHA256, "\x72", ED25519_SIG, COFFER_OK},
	{"Ed25519, whatever hash", DER_ED25519_HEAD ED25519_POINT, DIGEST_BLAKE3, "\x72", ED25519_SIG, COFFER_OK},
	{"Ed25519, another message", DER_ED25519_HEAD ED25519_POINT, DIGEST_SHA256, "\x73", ED25519_SIG,
	 COFFER_E_SIGNATURE},
	{"Ed25519, a byte behind", DER_ED25519_HEAD ED25519_POINT, DIGEST_SHA256, "\x72", ED25519_SIG "00",
	 COFFER_E_SIGNATURE},
	{"Ed25519, no signature", DER_ED25519_HEAD ED25519_POINT, DIGEST_SHA256, "\x72", "", COFFER_E_SIGNATURE},
};

static struct pubkey *
pubkey_of(const char *text)
{
	uint8_t room[512];
	struct pubkey *k;
	coffer_err err = text[0] == '-' ? pubkey_from_pem(NULL, "a key", view_str(text), &k)
					: pubkey_from_der(NULL, "a key", hex_bytes(text, room), &k);

	assert_int_equal(err, COFFER_OK);
	return k;
}

static void
verifies(void **state)
{
	uint8_t room[512];

	(void)state;
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		struct pubkey *k = pubkey_of(signatures[i].key);
		struct view sig = hex_bytes(signatures[i].sig, room);
		struct fault f = {.text = ""};
		coffer_err err = pubkey_verify(&f, k, signatures[i].digest, view_str(signatures[i].message), sig);

		if (err != signatures[i].err || (err == COFFER_OK) != (f.text[0] == '\0'))
			fail_msg("%s: %s, «%s»", signatures[i].name, coffer_err_name(err), f.text);
		assert_no_errors();
		pubkey_free(&k);
	}
}

static void
verifies_hashes(void **state)
{
	uint8_t room[512];
	struct pubkey *p256 = pubkey_of(DER_P256_HEAD P256_POINT);
	struct pubkey *ed25519 = pubkey_of(DER_ED25519_HEAD ED25519_POINT);
	struct view sig = hex_bytes(P256_SIG, room);
	uint8_t hash[DIGEST_MAX];

	(void)state;
	assert_int_equal(digest_of(NULL, DIGEST_SHA256, view_str("sample"), hash), COFFER_OK);
	assert_int_equal(pubkey_verify_digest(NULL, p256, DIGEST_SHA256, hash, sig), COFFER_OK);
	assert_int_equal(pubkey_verify_digest(NULL, ed25519, DIGEST_SHA256, hash, sig), COFFER_E_USAGE);
	hash[31] ^= 1;
	assert_int_equal(pubkey_verify_digest(NULL, p256, DIGEST_SHA256, hash, sig), COFFER_E_SIGNATURE);
	pubkey_free(&p256);
	pubkey_free(&ed25519);
}

/* ---- a key's life ---- */

static void
assert_signs(const struct privkey *k, const struct pubkey *public, enum digest_kind digest)
{
	struct buf sig = BUF_INIT(4096);
	uint8_t hash[DIGEST_MAX];

	assert_int_equal(buf_str(NULL, &sig, "before"), COFFER_OK);
	assert_int_equal(privkey_sign(NULL, k, digest, view_str("message"), &sig), COFFER_OK);
	assert_memory_equal(sig.p, "before", 6);
	assert_int_equal(pubkey_verify(NULL, public, digest, view_str("message"), view_of(sig.p + 6, sig.len - 6)),
			 COFFER_OK);
	sig.len = 0;
	assert_int_equal(digest_of(NULL, digest, view_str("message"), hash), COFFER_OK);
	if (privkey_kind(k) == PKEY_ED25519) {
		assert_int_equal(privkey_sign_digest(NULL, k, digest, hash, &sig), COFFER_E_USAGE);
	} else {
		assert_int_equal(privkey_sign_digest(NULL, k, digest, hash, &sig), COFFER_OK);
		assert_int_equal(pubkey_verify(NULL, public, digest, view_str("message"), buf_view(&sig)), COFFER_OK);
		assert_int_equal(privkey_sign(NULL, k, DIGEST_BLAKE3, view_str(""), &sig), COFFER_E_USAGE);
	}
	buf_free(&sig);
}

static void
assert_written_and_read(const struct privkey *k, const struct pubkey *public, const struct secret *passphrase)
{
	struct secret pem = SECRET_INIT;
	struct privkey *again;
	struct pubkey *its_public;

	assert_int_equal(privkey_pem(NULL, k, passphrase, &pem), COFFER_OK);
	assert_int_equal(privkey_from_pem(NULL, "k", view_of(pem.p, pem.len), passphrase, &again), COFFER_OK);
	assert_int_equal(privkey_public(NULL, again, &its_public), COFFER_OK);
	assert_true(pubkey_equal(its_public, public));
	privkey_free(&again);
	pubkey_free(&its_public);
	secret_free(&pem);
}

static void
assert_public_written_and_read(const struct pubkey *public)
{
	struct buf out = BUF_INIT(4096);
	struct pubkey *again;

	assert_int_equal(pubkey_pem(NULL, public, &out), COFFER_OK);
	assert_int_equal(out.p[out.len - 1], '\n');
	assert_int_equal(pubkey_from_pem(NULL, "k", buf_view(&out), &again), COFFER_OK);
	assert_true(pubkey_equal(again, public));
	pubkey_free(&again);
	out.len = 0;
	assert_int_equal(pubkey_der(NULL, public, &out), COFFER_OK);
	assert_int_equal(pubkey_from_der(NULL, "k", buf_view(&out), &again), COFFER_OK);
	assert_true(pubkey_equal(again, public));
	pubkey_free(&again);
	assert_int_equal(buf_add(NULL, &out, "", 1), COFFER_OK);
	assert_int_equal(pubkey_from_der(NULL, "k", buf_view(&out), &again), COFFER_E_KEY);
	assert_null(again);
	buf_free(&out);
}

/* as Fulcio takes it: no subject, CA:FALSE, and signed by the key in it */
static void
assert_csr(const struct privkey *k)
{
	struct buf pem = BUF_INIT(1 << 14);
	BIO *bio;
	X509_REQ *req;
	STACK_OF(X509_EXTENSION) * extensions;
	BASIC_CONSTRAINTS *basic;
	int critical;

	assert_int_equal(privkey_csr(NULL, k, &pem), COFFER_OK);
	bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
	assert_non_null(req);
	assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
	assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(req)), 0);
	extensions = X509_REQ_get_extensions(req);
	assert_int_equal(sk_X509_EXTENSION_num(extensions), 1);
	basic = X509V3_get_d2i(extensions, NID_basic_constraints, &critical, NULL);
	assert_non_null(basic);
	assert_int_equal(basic->ca, 0);
	assert_int_equal(critical, 1);
	BASIC_CONSTRAINTS_free(basic);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(req);
	BIO_free(bio);
	buf_free(&pem);
}

static void
whole_life(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		struct secret passphrase = SECRET_INIT;
		struct privkey *k;
		struct privkey *other;
		struct pubkey *public;
		struct pubkey *other_public;

		set_secret(&passphrase, PASSPHRASE);
		assert_int_equal(privkey_generate(NULL, kinds[i].kind, &k), COFFER_OK);
		assert_int_equal(privkey_kind(k), kinds[i].kind);
		assert_int_equal(privkey_public(NULL, k, &public), COFFER_OK);
		assert_int_equal(pubkey_kind(public), kinds[i].kind);
		assert_signs(k, public, kinds[i].digest);
		assert_written_and_read(k, public, NULL);
		assert_written_and_read(k, public, &passphrase);
		assert_public_written_and_read(public);
		assert_csr(k);
		if (kinds[i].kind != PKEY_RSA) { /* those take long */
			assert_int_equal(privkey_generate(NULL, kinds[i].kind, &other), COFFER_OK);
			assert_int_equal(privkey_public(NULL, other, &other_public), COFFER_OK);
			assert_false(pubkey_equal(public, other_public));
			privkey_free(&other);
			pubkey_free(&other_public);
		}
		assert_no_errors();
		secret_free(&passphrase);
		privkey_free(&k);
		pubkey_free(&public);
	}
}

/* what somebody could guess at leisure: PBES2 with PBKDF2-HMAC-SHA256 of many rounds and AES-256-CBC */
static void
encryption(void **state)
{
	static const uint8_t rounds[] = {0x02, 0x03, 0x09, 0x27, 0xc0}; /* INTEGER 600000 */
	static const uint8_t hmac_sha256[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09};
	static const uint8_t aes_256_cbc[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a};
	struct secret passphrase = SECRET_INIT;
	struct secret pem = SECRET_INIT;
	struct privkey *k;
	char *name;
	char *header;
	unsigned char *der;
	long len;
	BIO *bio;

	(void)state;
	set_secret(&passphrase, PASSPHRASE);
	assert_int_equal(privkey_generate(NULL, PKEY_P256, &k), COFFER_OK);
	assert_int_equal(privkey_pem(NULL, k, &passphrase, &pem), COFFER_OK);
	bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	assert_int_equal(PEM_read_bio(bio, &name, &header, &der, &len), 1);
	assert_string_equal(name, "ENCRYPTED PRIVATE KEY");
	assert_non_null(memmem(der, (size_t)len, rounds, sizeof(rounds)));
	assert_non_null(memmem(der, (size_t)len, hmac_sha256, sizeof(hmac_sha256)));
	assert_non_null(memmem(der, (size_t)len, aes_256_cbc, sizeof(aes_256_cbc)));
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(bio);
	secret_free(&passphrase);
	secret_free(&pem);
	privkey_free(&k);
}

/* ---- files ---- */

#define JUNK "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
#define CERTIFICATE "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
#define EC_PARAMETERS "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"

static const struct {
	const char *name;
	const char *pem;
	coffer_err err;
	const char *says;
} publics[] = {
	{"good", P256_PUB, COFFER_OK, ""},
	{"text around it", "a key\n" P256_PUB "and more\n", COFFER_OK, ""},
	{"another block before it", CERTIFICATE P256_PUB, COFFER_OK, ""},
	{"two", P256_PUB JUNK, COFFER_OK, ""},
	{"a compressed point", P256_PUB_COMPRESSED, COFFER_OK, ""},
	{"line ends of Windows",
	 "-----BEGIN PUBLIC KEY-----\r\n"
	 "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7\r\n"
	 "Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\r\n"
	 "-----END PUBLIC KEY-----\r\n",
	 COFFER_OK, ""},
	{"nothing", "", COFFER_E_KEY, "it holds no «-----BEGIN PUBLIC KEY-----»"},
	{"a private key", P256_PKCS8, COFFER_E_KEY, "it holds no «-----BEGIN PUBLIC KEY-----»"},
	{"a bad first one", JUNK P256_PUB, COFFER_E_KEY, "it is not a public key"},
	{"cut off", "-----BEGIN PUBLIC KEY-----\nMFkw\n", COFFER_E_KEY, "it holds no"},
	{"encrypted",
	 "-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
	 "040F10EEBA72F13EA837CD7D3C7A864D\n\nAAAAAAAAAAAAAAAAAAAAAA==\n-----END PUBLIC KEY-----\n",
	 COFFER_E_KEY, "it holds no"},
	{"its curve spelled out", EXPLICIT_PUB, COFFER_E_KEY, "it spells out its curve"},
	{"secp256k1", K1_PUB, COFFER_E_KEY, "on the curve «secp256k1»"},
	{"RSA-PSS", PSS_PUB, COFFER_E_KEY, "of the kind «RSA-PSS»"},
	{"X25519", X25519_PUB, COFFER_E_KEY, "of the kind «X25519»"},
	{"RSA of 1024 bits", RSA_1024_PUB, COFFER_E_KEY, "an RSA key of 1024 bits"},
};

static void
public_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(publics) / sizeof(publics[0]); i++) {
		struct fault f = {.text = ""};
		struct pubkey *k;
		coffer_err err = pubkey_from_pem(&f, "it", view_str(publics[i].pem), &k);

		if (err != publics[i].err || !strstr(f.text, publics[i].says) || (err == COFFER_OK) != (k != NULL))
			fail_msg("%s: %s, «%s»", publics[i].name, coffer_err_name(err), f.text);
		assert_no_errors();
		pubkey_free(&k);
	}
}

/* in DER, which has no lines to be wrong */
static void
public_points(void **state)
{
	static const struct {
		const char *name;
		const char *der;
		const char *says;
	} cases[] = {
		{"nothing", "", "it is not a public key"},
		{"not on the curve",
		 DER_P256_HEAD "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
			       "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462298",
		 "it is not a public key"},
		{"the point at infinity", "3019301306072a8648ce3d020106082a8648ce3d03010703020000",
		 "no point of its curve"},
		{"a byte behind", DER_P256_HEAD P256_POINT "00", "it is not a public key"},
		{"RSA with the exponent 1",
		 "30820120300d06092a864886f70d01010105000382010d00308201080282010100800000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "01020101",
		 "a public exponent that is not safe"},
		{"RSA with an even exponent",
		 "30820122300d06092a864886f70d01010105000382010f003082010a0282010100800000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "010203010000",
		 "a public exponent that is not safe"},
		{"RSA with an endless exponent",
		 "30820145300d06092a864886f70d010101050003820132003082012d0282010100800000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "0102261000000000000000000000000000000000000000000000000000000000000000000000000001",
		 "a public exponent that is not safe"},
	};
	uint8_t room[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault f = {.text = ""};
		struct pubkey *k;
		coffer_err err = pubkey_from_der(&f, "it", hex_bytes(cases[i].der, room), &k);

		if (err != COFFER_E_KEY || k || !strstr(f.text, cases[i].says))
			fail_msg("%s: %s, «%s»", cases[i].name, coffer_err_name(err), f.text);
		assert_no_errors();
	}
}

static const struct {
	const char *name;
	const char *pem;
	const char *passphrase;
	coffer_err err;
	const char *says;
} privates[] = {
	{"PKCS#8", P256_PKCS8, NULL, COFFER_OK, ""},
	{"PKCS#8, and a passphrase", P256_PKCS8, PASSPHRASE, COFFER_OK, ""},
	{"SEC 1", P256_SEC1, NULL, COFFER_OK, ""},
	{"SEC 1 behind its parameters", EC_PARAMETERS P256_SEC1, NULL, COFFER_OK, ""},
	{"text around it", "a key\n" P256_SEC1 "and more\n", NULL, COFFER_OK, ""},
	{"behind a public key", P256_PUB P256_PKCS8, NULL, COFFER_OK, ""},
	{"PKCS#8, encrypted", P256_PKCS8_ENCRYPTED, PASSPHRASE, COFFER_OK, ""},
	{"SEC 1, encrypted", P256_SEC1_ENCRYPTED, PASSPHRASE, COFFER_OK, ""},
	{"PKCS#8, no passphrase", P256_PKCS8_ENCRYPTED, NULL, COFFER_E_NOKEY, "it is encrypted: give its passphrase"},
	{"SEC 1, no passphrase", P256_SEC1_ENCRYPTED, NULL, COFFER_E_NOKEY, "it is encrypted: give its passphrase"},
	{"PKCS#8, another passphrase", P256_PKCS8_ENCRYPTED, "geheimer", COFFER_E_KEY, "with this passphrase"},
	{"SEC 1, another passphrase", P256_SEC1_ENCRYPTED, "geheimer", COFFER_E_KEY, "with this passphrase"},
	{"PKCS#8, an empty passphrase", P256_PKCS8_ENCRYPTED, "", COFFER_E_KEY, "with this passphrase"},
	{"nothing", "", NULL, COFFER_E_KEY, "it holds no private key"},
	{"a public key", P256_PUB, NULL, COFFER_E_KEY, "it holds no private key"},
	{"its curve spelled out", EXPLICIT_KEY, NULL, COFFER_E_KEY, "it spells out its curve"},
	{"secp256k1", K1_KEY, NULL, COFFER_E_KEY, "on the curve «secp256k1»"},
	{"another's public half", MIXED_KEY, NULL, COFFER_E_KEY, "the public key in it does not belong"},
};

static void
private_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(privates) / sizeof(privates[0]); i++) {
		struct secret passphrase = SECRET_INIT;
		struct fault f = {.text = ""};
		struct privkey *k;
		coffer_err err;

		if (privates[i].passphrase)
			set_secret(&passphrase, privates[i].passphrase);
		err = privkey_from_pem(&f, "it", view_str(privates[i].pem), privates[i].passphrase ? &passphrase : NULL,
				       &k);
		if (err != privates[i].err || !strstr(f.text, privates[i].says) || (err == COFFER_OK) != (k != NULL))
			fail_msg("%s: %s, «%s»", privates[i].name, coffer_err_name(err), f.text);
		if (k) {
			struct pubkey *public;
			struct pubkey *expected = pubkey_of(P256_PUB);

			assert_int_equal(privkey_public(NULL, k, &public), COFFER_OK);
			assert_true(pubkey_equal(public, expected));
			pubkey_free(&public);
			pubkey_free(&expected);
		}
		assert_no_errors();
		privkey_free(&k);
		secret_free(&passphrase);
	}
}

/* the text is what OpenSSL writes: bundles name a key by the hash of it */
static void
canonical_pem(void **state)
{
	struct pubkey *k = pubkey_of(P256_PUB);
	struct buf pem = BUF_INIT(4096);

	(void)state;
	assert_int_equal(pubkey_pem(NULL, k, &pem), COFFER_OK);
	assert_int_equal(pem.len, strlen(P256_PUB));
	assert_memory_equal(pem.p, P256_PUB, pem.len);
	pubkey_free(&k);
	buf_free(&pem);
}

/* whether OpenSSL, told all parameters of PS256, takes @sig */
static bool
is_ps256(const struct pubkey *public, struct view message, struct view sig)
{
	struct buf der = BUF_INIT(LIMIT_KEY_PEM);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx = NULL;
	const unsigned char *at;
	EVP_PKEY *pkey;
	bool is;

	assert_int_equal(pubkey_der(NULL, public, &der), COFFER_OK);
	at = der.p;
	pkey = d2i_PUBKEY(NULL, &at, (long)der.len);
	assert_non_null(pkey);
	assert_int_equal(EVP_DigestVerifyInit(ctx, &key_ctx, EVP_sha256(), NULL, pkey), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(key_ctx, EVP_sha256()), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, 32), 1);
	is = EVP_DigestVerify(ctx, sig.p, sig.len, message.p, message.len) == 1;
	ERR_clear_error();
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	buf_free(&der);
	return is;
}

static void
signs_pss(void **state)
{
	struct buf sig = BUF_INIT(4096);
	struct privkey *rsa, *p256;
	struct pubkey *public;

	(void)state;
	assert_int_equal(privkey_generate(NULL, PKEY_RSA, &rsa), COFFER_OK);
	assert_int_equal(privkey_generate(NULL, PKEY_P256, &p256), COFFER_OK);
	assert_int_equal(privkey_public(NULL, rsa, &public), COFFER_OK);
	assert_int_equal(buf_str(NULL, &sig, "before"), COFFER_OK);
	assert_int_equal(privkey_sign_pss(NULL, rsa, view_str("message"), &sig), COFFER_OK);
	assert_memory_equal(sig.p, "before", 6);
	assert_true(is_ps256(public, view_str("message"), view_of(sig.p + 6, sig.len - 6)));
	assert_false(is_ps256(public, view_str("massage"), view_of(sig.p + 6, sig.len - 6)));
	sig.len = 0;
	assert_int_equal(privkey_sign(NULL, rsa, DIGEST_SHA256, view_str("message"), &sig), COFFER_OK);
	assert_false(is_ps256(public, view_str("message"), buf_view(&sig)));
	sig.len = 0;
	assert_int_equal(privkey_sign_pss(NULL, p256, view_str("message"), &sig), COFFER_E_KEY);
	assert_int_equal(sig.len, 0);
	pubkey_free(&public);
	privkey_free(&rsa);
	privkey_free(&p256);
	buf_free(&sig);
}

static void
too_large(void **state)
{
	uint8_t *text = calloc(1, LIMIT_PEM + 1);
	struct privkey *private;
	struct pubkey *public;

	(void)state;
	assert_non_null(text);
	assert_int_equal(pubkey_from_pem(NULL, "it", view_of(text, LIMIT_PEM + 1), &public), COFFER_E_FORMAT);
	assert_int_equal(privkey_from_pem(NULL, "it", view_of(text, LIMIT_PEM + 1), NULL, &private), COFFER_E_FORMAT);
	assert_int_equal(pubkey_from_der(NULL, "it", view_of(text, LIMIT_PEM + 1), &public), COFFER_E_KEY);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kind_names),	 cmocka_unit_test(verifies),	  cmocka_unit_test(verifies_hashes),
		cmocka_unit_test(whole_life),	 cmocka_unit_test(encryption),	  cmocka_unit_test(public_files),
		cmocka_unit_test(public_points), cmocka_unit_test(private_files), cmocka_unit_test(canonical_pem),
		cmocka_unit_test(too_large),	 cmocka_unit_test(signs_pss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
