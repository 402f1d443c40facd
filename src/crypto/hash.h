/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4) of bytes at hand, HMAC-SHA256 (RFC 2104). */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H

#include "base/fault.h"
#include "base/view.h"

#define SHA256_LEN 32

/** sha256() - the hash of @data */
coffer_err sha256(struct fault *f, struct view data, uint8_t out[SHA256_LEN]);

/** sha256_two() - the hash of @a followed by @b */
coffer_err sha256_two(struct fault *f, struct view a, struct view b, uint8_t out[SHA256_LEN]);

/** hmac_sha256() - the MAC of @data under @key */
coffer_err hmac_sha256(struct fault *f, struct view key, struct view data, uint8_t out[SHA256_LEN]);

/** hmac_sha256_parts() - as hmac_sha256(), of @n_parts views one after the other */
coffer_err hmac_sha256_parts(struct fault *f, struct view key, const struct view *parts, size_t n_parts,
			     uint8_t out[SHA256_LEN]);

#endif
