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

/** TRANSFER_STEP - bytes that one step moves, or one record when that is more: a huge page's worth */
#define TRANSFER_STEP (UINT32_C(2) << 20)

enum transfer_from {
	TRANSFER_FROM_MEMORY, /* which wants no more threads than there are cores */
	TRANSFER_FROM_DISK,   /* which wants several requests at once */
};

/** transfer_from() - where what is read from @in comes from, after input_expect_bulk() */
enum transfer_from transfer_from(const struct input *in);

/** transfer_steps() - @n steps of bulk work by as many threads of @ctx as are worth it; @scratch bytes for each */
coffer_err transfer_steps(struct fault *f, struct coffer_ctx *ctx, enum transfer_from from, size_t scratch, pool_fn fn,
			  void *arg, uint64_t n);

/** transfer_a_step() - how many records of @record_size are one step */
uint64_t transfer_a_step(uint32_t record_size);

/** TRANSFER_SMALL - a file of at most so many bytes is not worth several threads */
#define TRANSFER_SMALL ((size_t)4 << 20)

/** transfer_scratch() - bytes of scratch that a file with records of @record_size takes, at most TRANSFER_SMALL for one of those */
size_t transfer_scratch(uint32_t record_size);

/** transfer_file() - all records of a small file by the worker @w, which has transfer_scratch() bytes of scratch; NULL = transfer_run() */
coffer_err transfer_file(struct fault *f, struct coffer_ctx *ctx, const struct transfer *t, struct pool_worker *w);

#endif
