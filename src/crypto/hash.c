/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "crypto/ossl.h"

coffer_err
sha256(struct fault *f, struct view data, uint8_t out[SHA256_LEN])
{
	return sha256_two(f, data, view_of(NULL, 0), out);
}

coffer_err
sha256_two(struct fault *f, struct view a, struct view b, uint8_t out[SHA256_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool done = ctx && EVP_DigestInit_ex2(ctx, EVP_sha256(), NULL) == 1 &&
		    EVP_DigestUpdate(ctx, ossl_ptr(a), a.len) == 1 && EVP_DigestUpdate(ctx, ossl_ptr(b), b.len) == 1 &&
		    EVP_DigestFinal_ex(ctx, out, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return done ? COFFER_OK : ossl_fault(f, "SHA-256");
}

static bool
mac_update(EVP_MAC_CTX *ctx, const struct view *parts, size_t n_parts)
{
	for (size_t i = 0; i < n_parts; i++)
		if (EVP_MAC_update(ctx, ossl_ptr(parts[i]), parts[i].len) != 1)
			return false;
	return true;
}

coffer_err
hmac_sha256_parts(struct fault *f, struct view key, const struct view *parts, size_t n_parts, uint8_t out[SHA256_LEN])
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	size_t len;
	bool done = ctx && EVP_MAC_init(ctx, ossl_ptr(key), key.len, params) == 1 && mac_update(ctx, parts, n_parts) &&
		    EVP_MAC_final(ctx, out, &len, SHA256_LEN) == 1;

	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return done ? COFFER_OK : ossl_fault(f, "HMAC");
}

coffer_err
hmac_sha256(struct fault *f, struct view key, struct view data, uint8_t out[SHA256_LEN])
{
	return hmac_sha256_parts(f, key, &data, 1, out);
}
