/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hashes of a model's files, or of their shards, as a signature lists them.
 *
 * Each byte is read once.  A file that is not as it was listed, before or after it was read, is COFFER_E_CHANGED.
 */
#ifndef ENGINE_SIGN_HASH_H
#define ENGINE_SIGN_HASH_H

#include "engine/sign_model.h"
#include "sign/manifest.h"

/** struct sign_hash - which hashes, and who is told */
struct sign_hash {
	const struct sign_model *model;
	const struct sign_walk *walk;	 /* every file that is to be hashed is in it */
	const struct manifest *manifest; /* which bytes, and by which hash */
	const size_t *which;		 /* resources of it */
	size_t n_which;
	bool allow_symlinks;

	/*
	 * done: the hash of resource @index, or NULL with the reason in @f, a sentence without the path; called from several
	 * threads at once.  COFFER_OK goes on with the others.
	 */
	coffer_err (*done)(void *arg, struct fault *f, size_t index, const uint8_t *digest);
	void *arg;
};

/** sign_hash_run() - hash with all threads of @ctx; ends with the first error that @s->done gives back, or COFFER_E_INTERRUPTED */
coffer_err sign_hash_run(struct fault *f, struct coffer_ctx *ctx, const struct sign_hash *s);

#endif
