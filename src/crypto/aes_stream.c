/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/aes_stream.h"

#include <openssl/evp.h>

#include "crypto/ossl.h"

#define MOST ((size_t)1 << 30)
#define WHAT "AES-256"

/* The type is OpenSSL's own; struct aes_stream is never defined. */
static EVP_CIPHER_CTX *
inner(struct aes_stream *s)
{
	return (EVP_CIPHER_CTX *)s;
}

static const EVP_CIPHER *
cipher_of(enum aes_mode mode)
{
	switch (mode) {
	case AES_GCM:
		return EVP_aes_256_gcm();
	case AES_CBC:
		return EVP_aes_256_cbc();
	default:
		return EVP_aes_256_cfb128();
	}
}

size_t
aes_iv_len(enum aes_mode mode)
{
	return mode == AES_GCM ? AES_GCM_IV_LEN : AES_BLOCK;
}

coffer_err
aes_stream_new(struct fault *f, enum aes_mode mode, enum aes_way way, const uint8_t key[static AES_STREAM_KEY_LEN],
	       const uint8_t *iv, struct aes_stream **out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	*out = NULL;
	/* padding is the caller's: it differs from file to file */
	if (!ctx || EVP_CipherInit_ex2(ctx, cipher_of(mode), key, iv, way == AES_ENCIPHER, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(ctx, 0) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		return ossl_fault(f, WHAT);
	}
	*out = (struct aes_stream *)ctx;
	return COFFER_OK;
}

coffer_err
aes_stream_aad(struct fault *f, struct aes_stream *s, struct view aad)
{
	int n;

	if (aad.len > MOST)
		return fault_set(f, COFFER_E_INTERNAL, "%zu bytes of associated data for " WHAT, aad.len);
	if (aad.len > 0 && EVP_CipherUpdate(inner(s), NULL, &n, aad.p, (int)aad.len) != 1)
		return ossl_fault(f, WHAT);
	return COFFER_OK;
}

coffer_err
aes_stream_update(struct fault *f, struct aes_stream *s, const uint8_t *in, uint8_t *out, size_t len)
{
	int n;

	if (len > MOST)
		return fault_set(f, COFFER_E_INTERNAL, "%zu bytes at once for " WHAT, len);
	if (len > 0 && (EVP_CipherUpdate(inner(s), out, &n, in, (int)len) != 1 || n != (int)len))
		return ossl_fault(f, WHAT);
	return COFFER_OK;
}

coffer_err
aes_stream_tag(struct fault *f, struct aes_stream *s, uint8_t tag[static AES_GCM_TAG_LEN])
{
	uint8_t none[AES_BLOCK];
	int n;

	if (EVP_CipherFinal_ex(inner(s), none, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(inner(s), EVP_CTRL_AEAD_GET_TAG, AES_GCM_TAG_LEN, tag) != 1)
		return ossl_fault(f, WHAT);
	return COFFER_OK;
}

coffer_err
aes_stream_check(struct fault *f, struct aes_stream *s, const uint8_t tag[static AES_GCM_TAG_LEN], bool *holds_out)
{
	uint8_t expected[AES_GCM_TAG_LEN], none[AES_BLOCK];
	int n;

	*holds_out = false;
	/* OpenSSL compares, in constant time; it takes the tag through a pointer that is not const */
	memcpy(expected, tag, sizeof(expected));
	if (EVP_CIPHER_CTX_ctrl(inner(s), EVP_CTRL_AEAD_SET_TAG, AES_GCM_TAG_LEN, expected) != 1)
		return ossl_fault(f, WHAT);
	*holds_out = EVP_CipherFinal_ex(inner(s), none, &n) == 1;
	return COFFER_OK;
}

void
aes_stream_free(struct aes_stream **s)
{
	EVP_CIPHER_CTX_free(inner(*s));
	*s = NULL;
}
