/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One signing: from a model to the manifest of what a signature says about it.
 *
 * sign.c has the verbs; sign_reuse.c takes hashes over from an older signature.
 */
#ifndef ENGINE_SIGN_RUN_H
#define ENGINE_SIGN_RUN_H

#include <coffer/sign.h>

#include "engine/ctx.h"
#include "engine/sign_model.h"
#include "sign/manifest.h"

struct sign_run {
	struct coffer_ctx *ctx;
	struct coffer_sign_options opt;
	bool sealing; /* it is being sealed: the mark of that goes when the signature is there */
	struct sign_model model;
	struct ignore ignore;
	struct sign_walk walk;
	struct manifest manifest;
	bool *reused;	   /* for each resource: its hash came from the older signature; NULL = none did */
	uint64_t n_reused; /* files */
};

/** sign_check_options() - COFFER_E_USAGE for what cannot be meant; fills in the default of the shard size */
coffer_err sign_check_options(struct fault *f, struct coffer_sign_options *opt);

/** sign_digest_kind() - the hash that options name */
enum digest_kind sign_digest_kind(enum coffer_file_hash hash);

/** sign_run_begin() - take @options, which may be NULL, and find the model; end with sign_run_end(), after a failure too */
coffer_err sign_run_begin(struct fault *f, struct sign_run *r, struct coffer_ctx *ctx, const char *model,
			  const struct coffer_sign_options *options);

/** sign_run_place() - the signature will be at @path: it is left out of the model, and must replace nothing of it */
coffer_err sign_run_place(struct fault *f, struct sign_run *r, const char *path);

/** sign_run_manifest() - list the model, hash it, and look again whether it is still the same */
coffer_err sign_run_manifest(struct fault *f, struct sign_run *r);

void sign_run_end(struct sign_run *r);

/** sign_reuse() - take over the hashes of files that have not changed since the signature @r->opt.reuse was written */
coffer_err sign_reuse(struct fault *f, struct sign_run *r);

#endif
