/* SPDX-License-Identifier: Apache-2.0 */
/* The engine that is there everywhere.  OpenSSL expands the key anew in each call: 2 % of a record of 64 KiB. */
#include <string.h>

#include "crypto/aead_engine.h"
#include "crypto/ossl.h"

static bool
start(void)
{
	return true;
}

static void
expand(void *state, const uint8_t key[static AEAD_KEY_LEN])
{
	memcpy(state, key, AEAD_KEY_LEN);
}

static coffer_err
seal(struct fault *f, const void *state, const uint8_t nonce[static AEAD_NONCE_LEN], struct view aad, struct view in,
     uint8_t *out, uint8_t tag[static AEAD_TAG_LEN])
{
	return ossl_gcm_seal(f, view_of(state, AEAD_KEY_LEN), nonce, aad, in, out, tag);
}

static coffer_err
open(struct fault *f, const void *state, const uint8_t nonce[static AEAD_NONCE_LEN], struct view aad, struct view in,
     uint8_t *out, const uint8_t tag[static AEAD_TAG_LEN])
{
	return ossl_gcm_open(f, view_of(state, AEAD_KEY_LEN), nonce, aad, in, out, tag);
}

const struct aead_engine aead_openssl = {
	.name = "OpenSSL",
	.state_len = AEAD_KEY_LEN,
	.start = start,
	.expand = expand,
	.seal = seal,
	.open = open,
};
