/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/kdf.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/limits.h"
#include "crypto/ossl.h"

#define HKDF_INFO_MAX 1024 /* the least that a version of OpenSSL takes */
#define HKDF_OUT_MAX (255 * 32)
#define SCRYPT_R 8
#define SCRYPT_P 1

/* OpenSSL reads parameters through pointers that are not const */
static OSSL_PARAM
octets(const char *name, struct view v)
{
	return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)ossl_ptr(v), v.len);
}

static coffer_err
derive(struct fault *f, const char *name, const OSSL_PARAM *params, uint8_t *out, size_t out_len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	bool done = ctx && EVP_KDF_derive(ctx, out, out_len, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return done ? COFFER_OK : ossl_fault(f, name);
}

coffer_err
hkdf_sha256(struct fault *f, struct view ikm, struct view salt, struct view info, uint8_t *out, size_t out_len)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		octets(OSSL_KDF_PARAM_KEY, ikm),
		octets(OSSL_KDF_PARAM_SALT, salt),
		octets(OSSL_KDF_PARAM_INFO, info),
		OSSL_PARAM_construct_end(),
	};

	if (info.len > HKDF_INFO_MAX || out_len < 1 || out_len > HKDF_OUT_MAX)
		return fault_set(f, COFFER_E_USAGE, "HKDF of %zu bytes from %zu bytes of info: at most %d from %d",
				 out_len, info.len, HKDF_OUT_MAX, HKDF_INFO_MAX);
	return derive(f, "HKDF", params, out, out_len);
}

static coffer_err
scrypt_with(struct fault *f, struct view passphrase, struct view salt, uint64_t n, uint8_t out[32])
{
	uint64_t r = SCRYPT_R;
	uint64_t p = SCRYPT_P;
	/* RFC 7914 section 2 takes 128·r·(N + p) bytes, OpenSSL two blocks more */
	uint64_t max_mem = 128 * r * (n + p + 2);
	const OSSL_PARAM params[] = {
		octets(OSSL_KDF_PARAM_PASSWORD, passphrase),
		octets(OSSL_KDF_PARAM_SALT, salt),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_R, &r),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_P, &p),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &max_mem),
		OSSL_PARAM_construct_end(),
	};

	return derive(f, "SCRYPT", params, out, 32);
}

coffer_err
scrypt_key(struct fault *f, struct view passphrase, struct view salt, unsigned int log_n, uint8_t out[32])
{
	if (log_n < 1 || log_n > LIMIT_SCRYPT_LOG_N)
		return fault_set(f, COFFER_E_UNSUPPORTED, "scrypt with N = 2^%u: 2^1 to 2^%u are allowed", log_n,
				 LIMIT_SCRYPT_LOG_N);
	return scrypt_with(f, passphrase, salt, UINT64_C(1) << log_n, out);
}
