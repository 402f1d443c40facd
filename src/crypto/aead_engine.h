/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine of crypto/aead.h.  aead.c picks one, holds the memory of the
 * keys, and sees to what all engines owe alike: the limit of the length, the
 * zeros after a failure, the sentence.  No pointer that an engine gets is NULL, not even to no
 * bytes: libipsec-mb would return without a word, and with no tag made.
 */
#ifndef CRYPTO_AEAD_ENGINE_H
#define CRYPTO_AEAD_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include "crypto/aead.h"

struct aead_engine {
	const char *name;
	/* bytes of an expanded key; they are 64-byte aligned, zero at first, and wiped by aead.c */
	size_t state_len;
	/* called once a process, before all else: whether this engine is there and fast on this processor */
	bool (*start)(void);
	void (*expand)(void *state, const uint8_t key[static AEAD_KEY_LEN]);
	coffer_err (*seal)(struct fault *f, const void *state, const uint8_t nonce[static AEAD_NONCE_LEN],
			   struct view aad, struct view in, uint8_t *out, uint8_t tag[static AEAD_TAG_LEN]);
	/* COFFER_E_AUTH without a sentence when @tag differs; @out is then zeroed by aead.c */
	coffer_err (*open)(struct fault *f, const void *state, const uint8_t nonce[static AEAD_NONCE_LEN],
			   struct view aad, struct view in, uint8_t *out, const uint8_t tag[static AEAD_TAG_LEN]);
};

extern const struct aead_engine aead_ipsec_mb; /* never starts where libipsec-mb was not there to build with */
extern const struct aead_engine aead_openssl;

#endif
