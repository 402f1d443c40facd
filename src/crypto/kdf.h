/* SPDX-License-Identifier: Apache-2.0 */
/* Keys from keys: HKDF-SHA256 (RFC 5869), scrypt (RFC 7914). */
#ifndef CRYPTO_KDF_H
#define CRYPTO_KDF_H

#include "base/fault.h"
#include "base/view.h"

/** hkdf_sha256() - extract and expand; @info at most 1024 bytes, @out_len 1 to 8160, else COFFER_E_USAGE */
coffer_err hkdf_sha256(struct fault *f, struct view ikm, struct view salt, struct view info, uint8_t *out,
		       size_t out_len);

/**
 * scrypt_key() - 32 bytes from @passphrase with N = 2^@log_n, r = 8, p = 1
 *
 * It takes 2^@log_n KiB of memory.
 * Return: COFFER_OK; COFFER_E_UNSUPPORTED for @log_n of 0 or over LIMIT_SCRYPT_LOG_N; COFFER_E_NOMEM.
 */
coffer_err scrypt_key(struct fault *f, struct view passphrase, struct view salt, unsigned int log_n, uint8_t out[32]);

#endif
