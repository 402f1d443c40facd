/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X25519 (RFC 7748) and HPKE (RFC 9180), base mode, one message:
 * DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, and an AEAD by its id.
 */
#ifndef CRYPTO_HPKE_H
#define CRYPTO_HPKE_H

#include "base/fault.h"
#include "base/view.h"

#define X25519_LEN 32
#define HPKE_AEAD_AES_128_GCM 0x0001
#define HPKE_AEAD_AES_256_GCM 0x0002

/** x25519_public() - the public key of @secret */
coffer_err x25519_public(struct fault *f, const uint8_t secret[static X25519_LEN], uint8_t out[static X25519_LEN]);

/**
 * hpke_seal() - seal @plain to @recipient under a fresh ephemeral key
 * @enc: gets the encapsulated key
 * @out: gets @plain.len + 16 bytes
 *
 * Return: COFFER_OK; COFFER_E_KEY for a public key of low order.
 */
coffer_err hpke_seal(struct fault *f, const uint8_t recipient[static X25519_LEN], unsigned int aead_id,
		     struct view info, struct view aad, struct view plain, uint8_t enc[static X25519_LEN],
		     uint8_t *out);

/** hpke_seal_with() - as hpke_seal() with the ephemeral secret key given: for test vectors alone */
coffer_err hpke_seal_with(struct fault *f, const uint8_t ephemeral[static X25519_LEN],
			  const uint8_t recipient[static X25519_LEN], unsigned int aead_id, struct view info,
			  struct view aad, struct view plain, uint8_t enc[static X25519_LEN], uint8_t *out);

/**
 * hpke_open() - open @sealed (ciphertext and tag) with @secret
 * @out: gets @sealed.len - 16 bytes
 *
 * Return: COFFER_OK, or COFFER_E_AUTH (an all-zero shared secret included).
 */
coffer_err hpke_open(struct fault *f, const uint8_t secret[static X25519_LEN], const uint8_t enc[static X25519_LEN],
		     unsigned int aead_id, struct view info, struct view aad, struct view sealed, uint8_t *out);

#endif
