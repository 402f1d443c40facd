/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cfb.h"

#include <openssl/evp.h>

#include "crypto/ossl.h"

/* The type is OpenSSL's own; struct cfb is never defined. */
static EVP_CIPHER_CTX *
inner(struct cfb *c)
{
	return (EVP_CIPHER_CTX *)c;
}

coffer_err
cfb_new(struct fault *f, const uint8_t key[static CFB_KEY_LEN], const uint8_t iv[static CFB_IV_LEN], struct cfb **out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	*out = NULL;
	if (!ctx || EVP_DecryptInit_ex2(ctx, EVP_aes_256_cfb128(), key, iv, NULL) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		return ossl_fault(f, "AES-256-CFB");
	}
	*out = (struct cfb *)ctx;
	return COFFER_OK;
}

coffer_err
cfb_decipher(struct fault *f, struct cfb *c, const uint8_t *in, uint8_t *out, size_t len)
{
	int n;

	if (len > (size_t)1 << 30)
		return fault_set(f, COFFER_E_INTERNAL, "%zu bytes at once for AES-256-CFB", len);
	if (EVP_DecryptUpdate(inner(c), out, &n, in, (int)len) != 1 || n != (int)len)
		return ossl_fault(f, "AES-256-CFB");
	return COFFER_OK;
}

void
cfb_free(struct cfb **c)
{
	EVP_CIPHER_CTX_free(inner(*c));
	*c = NULL;
}
