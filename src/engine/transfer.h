/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bulk work: all records of one file, by all threads or by one.
 *
 * A thread reads a piece into its own scratch, which stays in the processor's cache, works on it
 * there, and writes it.  Reading, cryptography and writing of different threads overlap.
 */
#ifndef ENGINE_TRANSFER_H
#define ENGINE_TRANSFER_H

#include "base/input.h"
#include "base/pool.h"
#include "engine/ctx.h"
#include "engine/sealed.h"
#include "engine/stream_hash.h"

/** struct transfer - from where to where; set what the verb needs and leave the rest NULL */
struct transfer {
	struct input *plain;	    /* seal from here, */
	struct sealed *sealed;	    /* or open from here, */
	const struct sealing *into; /* seal to here, */
	const struct output *out;   /* or open to here; neither of them: verify alone */
	struct stream_hash *hash;   /* and hash the plaintext by the way */
	struct progress *progress;
};

/** transfer_run() - all records, with all threads of @pool */
coffer_err transfer_run(struct fault *f, struct coffer_ctx *ctx, const struct transfer *t);

/** TRANSFER_SMALL - a file of at most so many bytes is not worth several threads */
#define TRANSFER_SMALL ((size_t)4 << 20)

/** transfer_scratch() - bytes of scratch that a file with records of @record_size takes, at most TRANSFER_SMALL for one of those */
size_t transfer_scratch(uint32_t record_size);

/** transfer_file() - all records of a small file by the worker @w, which has transfer_scratch() bytes of scratch; NULL = transfer_run() */
coffer_err transfer_file(struct fault *f, struct coffer_ctx *ctx, const struct transfer *t, struct pool_worker *w);

#endif
