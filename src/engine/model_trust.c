/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a model must be, before it is loaded (coffer/load.h). */
#include <stdlib.h>

#include <coffer/load.h>

#include "engine/open_trust.h"

static coffer_err
check_options(struct fault *f, const struct coffer_open_options *options)
{
	uint64_t any = 0;

	for (size_t i = 0; i < sizeof(options->reserved) / sizeof(options->reserved[0]); i++)
		any |= options->reserved[i];
	if (options->version_1 != 1 || any != 0)
		return fault_set(f, COFFER_E_USAGE, "open options of another version");
	return COFFER_OK;
}

static void
replace_trust(struct coffer_model *model, struct open_trust *trust)
{
	if (model->trust)
		open_trust_end(model->trust);
	free(model->trust);
	model->trust = trust;
}

coffer_err
coffer_model_trust(struct coffer_ctx *ctx, struct coffer_model *model, const struct coffer_open_options *options)
{
	static const struct coffer_open_options defaults = {.version_1 = 1};
	const struct coffer_open_options *o = options ? options : &defaults;
	struct fault *f = ctx_begin(ctx);
	struct open_trust *trust = NULL;
	coffer_err err;

	TRY(check_options(f, o));
	trust = calloc(1, sizeof(*trust));
	if (!trust)
		TRY(fault_nomem(f));
	TRY(open_trust_find(f, trust, ctx, o, model));
	if (trust->trust)
		TRY(open_trust_outer(f, trust, model, o));
	/* it is the caller's, and of no use any more */
	trust->trust = NULL;
	replace_trust(model, trust);
	return COFFER_OK;
out:
	if (trust)
		open_trust_end(trust);
	free(trust);
	return err;
}
