/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash of one file, or of its shards, whose pieces several threads have at hand: they take turns, in the order of the file.
 *
 * So a file that is read to be sealed, or opened, is hashed along the way.
 */
#ifndef ENGINE_STREAM_HASH_H
#define ENGINE_STREAM_HASH_H

#include <pthread.h>

#include "crypto/digest.h"
#include "crypto/sha256x.h"
#include "engine/ctx.h"

struct stream_hash {
	enum digest_kind kind;
	uint64_t shard_size; /* 0: one hash of all of it */
	uint8_t *digests;    /* digest_len(@kind) bytes each, in order */
	size_t n;	     /* of them: 0 for the shards of an empty file */

	const struct coffer_ctx *ctx;
	pthread_mutex_t lock;
	pthread_cond_t turned;
	uint64_t turn;	    /* under lock: whose it is */
	struct fault fault; /* under lock: why a turn will never end */

	/* of whoever has the turn */
	struct sha256x sha;
	struct digest *other; /* where it is not SHA-256 */
	uint64_t size, done;
	size_t n_done;
};

/** stream_hash_begin() - a file of @size bytes; end with stream_hash_free(), after a failure too */
coffer_err stream_hash_begin(struct fault *f, struct stream_hash *h, const struct coffer_ctx *ctx,
			     enum digest_kind kind, uint64_t shard_size, uint64_t size);

/** stream_hash_take() - wait for @turn, from 0, then take its bytes; an error is every later turn's, too */
coffer_err stream_hash_take(struct fault *f, struct stream_hash *h, uint64_t turn, const void *bytes, size_t len);

/** stream_hash_fail() - a turn will never come, because of @why: nobody is to wait for it */
void stream_hash_fail(struct stream_hash *h, const struct fault *why);

/** stream_hash_end() - after the last turn: the digests are complete */
coffer_err stream_hash_end(struct fault *f, struct stream_hash *h);

void stream_hash_free(struct stream_hash *h);

#endif
