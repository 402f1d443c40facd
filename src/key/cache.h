/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DEKs that a key service unwrapped, kept for a while in locked memory, so that those who open the same model at the same
 * time ask the service once.  Never without a lifetime and a number of uses, after which the service is asked again: a key
 * that was revoked is felt within that time.  Any thread.
 */
#ifndef KEY_CACHE_H
#define KEY_CACHE_H

#include "crypto/hash.h"
#include "key/provider.h"

#define KEY_CACHE_LIFETIME_MAX 86400 /* seconds */
#define KEY_CACHE_USES_MAX 1000000
#define KEY_CACHE_SIZE 64 /* DEKs; the one that ends first makes room */

struct key_cache;

/** key_cache_new() - an empty one; COFFER_E_USAGE unless both are from 1 to their ceilings; free with key_cache_free() */
coffer_err key_cache_new(struct fault *f, unsigned int lifetime_s, unsigned int uses, struct key_cache **out);

/** key_cache_name() - what a wrapped DEK is known by: a hash of all that would be sent, and of what it is bound to */
coffer_err key_cache_name(struct fault *f, const struct recipient *in, const struct binding *binding,
			  uint8_t name_out[static SHA256_LEN]);

/**
 * key_cache_take() - the DEK called @name, which counts as a use
 *
 * Waits while another thread is asking for it.  Return: whether it is there.  If not, the caller asks, and then must call
 * key_cache_give() with the same name, whatever came of it.
 */
bool key_cache_take(struct key_cache *c, const uint8_t name[static SHA256_LEN], uint8_t dek_out[static DEK_LEN]);

/** key_cache_give() - keep @dek, a first use of which the caller has already made; NULL: there is none, others may ask */
void key_cache_give(struct key_cache *c, const uint8_t name[static SHA256_LEN], const uint8_t *dek);

/** key_cache_free() - wipe and free; NULL is fine */
void key_cache_free(struct key_cache **c);

#endif
