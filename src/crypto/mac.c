/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "crypto/ossl.h"

/* The type is OpenSSL's own; struct mac is never defined. */
static EVP_MAC_CTX *
inner(struct mac *m)
{
	return (EVP_MAC_CTX *)m;
}

coffer_err
mac_new(struct fault *f, struct view key, struct mac **out)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

	EVP_MAC_free(mac);
	*out = NULL;
	if (!ctx || EVP_MAC_init(ctx, ossl_ptr(key), key.len, params) != 1) {
		EVP_MAC_CTX_free(ctx);
		return ossl_fault(f, "HMAC");
	}
	*out = (struct mac *)ctx;
	return COFFER_OK;
}

coffer_err
mac_update(struct fault *f, struct mac *m, const void *bytes, size_t len)
{
	return EVP_MAC_update(inner(m), ossl_ptr(view_of(bytes, len)), len) == 1 ? COFFER_OK : ossl_fault(f, "HMAC");
}

coffer_err
mac_final(struct fault *f, struct mac *m, uint8_t out[static SHA256_LEN])
{
	size_t len;

	return EVP_MAC_final(inner(m), out, &len, SHA256_LEN) == 1 ? COFFER_OK : ossl_fault(f, "HMAC");
}

void
mac_free(struct mac **m)
{
	EVP_MAC_CTX_free(inner(*m));
	*m = NULL;
}
