/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All files of a model: small ones side by side, one thread each; large ones
 * one by one, with all threads.
 */
#ifndef ENGINE_EACH_H
#define ENGINE_EACH_H

#include "engine/ctx.h"

struct each {
	size_t n;
	/* size: bytes of file @index */
	uint64_t (*size)(void *arg, size_t index);
	/* file: do file @index, alone in @w, or with all threads when @w is NULL; says what failed in @f */
	coffer_err (*file)(void *arg, struct fault *f, size_t index, struct pool_worker *w);
	void *arg;
	bool one_by_one; /* never two files at once */
	/*
	 * side_by_side: not 0 where the threads have to wait for each other within a file, as for its hash: then large files, too,
	 * are done one thread each, with so many bytes of scratch, unless one of them is most of the model
	 */
	size_t side_by_side;
};

/** each_file() - do all; the first failure ends it */
coffer_err each_file(struct fault *f, struct coffer_ctx *ctx, const struct each *e);

#endif
