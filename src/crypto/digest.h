/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes by name: SHA-2 (FIPS 180-4), BLAKE2b-512 (RFC 7693), BLAKE3 (its paper of 2020, hash mode, 32 bytes).
 *
 * For bytes at hand and for streams.  Many streams of SHA-256 at once are in sha256x.h.
 */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include <stdbool.h>

#include "base/fault.h"
#include "base/view.h"

enum digest_kind { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGEST_BLAKE2B, DIGEST_BLAKE3 };

#define DIGEST_MAX 64 /* bytes of the longest one */

/** digest_len() - bytes of a hash of @kind: 32, 48 or 64 */
size_t digest_len(enum digest_kind kind);

/** digest_name() - «sha256», «sha384», «sha512», «blake2b», «blake3» */
const char *digest_name(enum digest_kind kind);

/** digest_find() - the kind of that name; false when there is none */
bool digest_find(const char *name, enum digest_kind *out);

/** digest_of() - the hash of @data */
coffer_err digest_of(struct fault *f, enum digest_kind kind, struct view data, uint8_t out[static DIGEST_MAX]);

/** digest_of_parts() - the hash of @n views one after the other */
coffer_err digest_of_parts(struct fault *f, enum digest_kind kind, const struct view *parts, size_t n,
			   uint8_t out[static DIGEST_MAX]);

/* ---- a stream; one thread at a time ---- */

struct digest;

/** digest_new() - begin; free with digest_free() */
coffer_err digest_new(struct fault *f, enum digest_kind kind, struct digest **out);

/** digest_update() - take @len bytes */
coffer_err digest_update(struct fault *f, struct digest *d, const void *bytes, size_t len);

/** digest_final() - end, give the hash, and begin anew */
coffer_err digest_final(struct fault *f, struct digest *d, uint8_t out[static DIGEST_MAX]);

/** digest_free() - free *@d and set it to NULL; NULL is fine */
void digest_free(struct digest **d);

#endif
