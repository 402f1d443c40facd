/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files over OpenSSL share: its errors, and AES-GCM in one call.
 */
#ifndef CRYPTO_OSSL_H
#define CRYPTO_OSSL_H

#include <stdbool.h>

#include "base/fault.h"
#include "base/view.h"

/** ossl_ready() - whether OpenSSL could start; calling it when it could not, for want of memory, is a crash in OpenSSL 3.0 */
bool ossl_ready(void);

/** ossl_fault() - «@what failed in OpenSSL: reason»; COFFER_E_NOMEM or COFFER_E_INTERNAL.  Empties OpenSSL's error queue. */
coffer_err ossl_fault(struct fault *f, const char *what);

/** ossl_ptr() - a pointer that OpenSSL accepts for @v: never NULL, which it would take for «not given» */
static inline const uint8_t *
ossl_ptr(struct view v)
{
	return v.len > 0 ? v.p : (const uint8_t *)"";
}

/**
 * ossl_gcm_seal() - AES-GCM, 12-byte @nonce, 16-byte @tag
 * @key: 16 or 32 bytes
 */
coffer_err ossl_gcm_seal(struct fault *f, struct view key, const uint8_t nonce[static 12], struct view aad,
			 struct view in, uint8_t *out, uint8_t tag[static 16]);

/** ossl_gcm_open() - the way back; on COFFER_E_AUTH, which sets no sentence, @out holds what the caller must wipe */
coffer_err ossl_gcm_open(struct fault *f, struct view key, const uint8_t nonce[static 12], struct view aad,
			 struct view in, uint8_t *out, const uint8_t tag[static 16]);

#endif
