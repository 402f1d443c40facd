/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many files, or parts of files, hashed at once on all cores: under coffer_hash_files(), signing and verifying.
 *
 * The largest are begun first.  A thread works in rounds: it takes its share of the items at work, several at once with
 * SHA-256, reads a piece of each, hashes the pieces together, and gives the items back, so that none is bound to a thread.
 */
#ifndef ENGINE_HASHING_H
#define ENGINE_HASHING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "engine/ctx.h"

#define HASH_TO_THE_END UINT64_MAX

/** struct hash_place - where the bytes of one item come from */
struct hash_place {
	int fd;
	bool stream;  /* it is read from where it stands, and @off only counts */
	bool waits;   /* a stream, too: a pipe or the like, for which reading may have to wait for another program */
	uint64_t off; /* the next byte */
	uint64_t end; /* the byte behind it, or HASH_TO_THE_END; a file that ends before is COFFER_E_CHANGED */
};

/** struct hashing - what to hash, by index; the functions are called from several threads at once */
struct hashing {
	size_t n;
	enum digest_kind kind;

	/* path: what the progress function is told; valid until hashing_run() ends */
	const char *(*path)(void *arg, size_t index);

	/* size: bytes, as far as they are known */
	uint64_t (*size)(void *arg, size_t index);

	/* open: fill @place; its descriptor is closed by the caller, after a failure too.  Sentences are without the path. */
	coffer_err (*open)(void *arg, struct fault *f, size_t index, struct hash_place *place);

	/*
	 * end: @digest of digest_len() bytes, before the descriptor is closed; or NULL, with the reason in @f.
	 * COFFER_OK goes on with the others; anything else ends the run with @f.
	 */
	coffer_err (*end)(void *arg, struct fault *f, size_t index, const struct hash_place *place,
			  const uint8_t *digest);

	/*
	 * piece: the bytes of an item as they are read, in order, to copy them by the way; NULL = nobody wants them
	 * @off: of the first of them, from the beginning of the item
	 * An error is the item's: it has its end() with NULL.
	 */
	coffer_err (*piece)(void *arg, struct fault *f, size_t index, uint64_t off, const void *bytes, size_t len);

	/* in_order: items are begun by index, not the largest first: those that belong together come one after the other */
	bool in_order;

	void *arg;
};

/** hashing_run() - hash all; items that were not reached after a failure or a cancellation have no end() */
coffer_err hashing_run(struct fault *f, struct coffer_ctx *ctx, const struct hashing *h);

#endif
