/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The providers «x25519»: a key pair.  The public key seals, the secret one opens.
 */
#ifndef KEY_X25519_H
#define KEY_X25519_H

#include "base/bech32.h"
#include "crypto/hpke.h"
#include "key/provider.h"

extern const struct key_provider x25519_provider;	 /* wraps and unwraps */
extern const struct key_provider x25519_public_provider; /* wraps alone */

/** x25519_id() - the id of @public_key as text */
coffer_err x25519_id(struct fault *f, const uint8_t public_key[static X25519_LEN], char id_out[static KEY_ID_TEXT]);

/** x25519_encode() - @public_key as «coffer1…» */
void x25519_encode(const uint8_t public_key[static X25519_LEN], char out[static BECH32_MAX + 1]);

/** x25519_decode() - the way back; false, with the key all zero, for anything else */
bool x25519_decode(struct view text, uint8_t public_key_out[static X25519_LEN]);

/** x25519_new() - a self for x25519_provider, which frees it; @secret is copied */
coffer_err x25519_new(struct fault *f, const uint8_t secret[static X25519_LEN], void **self_out);

/** x25519_new_public() - a self for x25519_public_provider, which frees it */
coffer_err x25519_new_public(struct fault *f, const uint8_t public_key[static X25519_LEN], void **self_out);

#endif
