/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of coffer/load.h that look for code.
 */
#include <coffer/load.h>

#include "data/code.h"
#include "data/names.h"
#include "engine/ctx.h"

coffer_err
coffer_code_find(struct coffer_ctx *ctx, const char *path, const struct coffer_source *source,
		 char what_out[COFFER_CODE_LEN])
{
	return code_find(ctx_begin(ctx), path, source, what_out);
}

static coffer_err
refuse_file(struct coffer_ctx *ctx, struct coffer_model *model, size_t index)
{
	const char *path = coffer_model_path(model, index);
	struct coffer_file *file = NULL;
	struct coffer_source source;
	char what[COFFER_CODE_LEN];
	coffer_err err;

	TRY(coffer_file_open(ctx, model, index, &file));
	source = coffer_file_source(file);
	TRY(code_find(&ctx->fault, path, &source, what));
	if (*what)
		err = fault_set(&ctx->fault, COFFER_E_POLICY,
				"%.*s carries code: it %s. If you trust whoever made it, allow code (--allow-code, "
				"allow_code); better, have the weights as safetensors",
				name_shown(path), path, what);
out:
	coffer_file_free(&file);
	return err;
}

coffer_err
coffer_model_refuse_code(struct coffer_ctx *ctx, struct coffer_model *model)
{
	coffer_err err = COFFER_OK;

	(void)ctx_begin(ctx);
	for (size_t i = 0; i < coffer_model_size(model); i++)
		TRY(refuse_file(ctx, model, i));
out:
	return err;
}
