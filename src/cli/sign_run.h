/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing and verifying a model, as sign, verify and IBM's commands all do it.
 */
#ifndef CLI_SIGN_RUN_H
#define CLI_SIGN_RUN_H

#include <coffer/sign.h>

#include "base/fault.h"

/** sign_run() - sign @model by the options, and say so */
coffer_err sign_run(struct fault *f, struct coffer_ctx *ctx, const char *model, const struct coffer_signer *signer);

/**
 * trust_by_name() - whom the trust store binds --name, or the name of @model, to; free it with coffer_trust_free()
 *
 * COFFER_E_POLICY for a sealed model that calls itself otherwise than --name, or than the trust store expects where it lies.
 */
coffer_err trust_by_name(struct fault *f, struct coffer_ctx *ctx, const char *model, struct coffer_trust **trust_out);

/** refuse_misnamed() - COFFER_E_POLICY when the sealed @model calls itself @name and the trust store knows what it is called by its path, another */
coffer_err refuse_misnamed(struct fault *f, struct coffer_ctx *ctx, const char *model, const char *name);

/** verify_only() - verify @model by the options and say nothing; *@verdict_out is for verdict_end(), then coffer_verdict_free() */
coffer_err verify_only(struct fault *f, struct coffer_ctx *ctx, const char *model, const struct coffer_trust *trust,
		       struct coffer_verdict **verdict_out);

/** verify_run() - verify @model by the options and end with its verdict (verdict_text.h) */
coffer_err verify_run(struct fault *f, struct coffer_ctx *ctx, const char *model, const struct coffer_trust *trust);

#endif
