/* SPDX-License-Identifier: Apache-2.0 */
/* coffer_verify() inside other verbs. */
#ifndef ENGINE_VERIFY_H
#define ENGINE_VERIFY_H

#include <coffer/sign.h>

#include "engine/ctx.h"
#include "engine/sign_walk.h"
#include "sign/manifest.h"

/**
 * verify_model() - coffer_verify() that keeps its fault in @f
 * @manifest: gets what was verified, unless it is NULL; initialised, and empty after a failure
 * @walk: gets the files as they were when they were verified, unless it is NULL; zeroed, and empty after a failure
 */
coffer_err verify_model(struct fault *f, struct coffer_ctx *ctx, const char *model, const char *signature,
			const struct coffer_trust *trust, const struct coffer_verify_options *options,
			struct manifest *manifest, struct sign_walk *walk, struct coffer_verdict **verdict_out);

#endif
