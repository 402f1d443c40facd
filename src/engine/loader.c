/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/loader.h"

#include <stdlib.h>
#include <string.h>

#include "engine/model.h"

static coffer_err
check_options(struct fault *f, const struct coffer_load_options *options)
{
	uint64_t any = 0;

	for (size_t i = 0; i < sizeof(options->reserved) / sizeof(options->reserved[0]); i++)
		any |= options->reserved[i];
	if (options->version_1 != 1 || any != 0)
		return fault_set(f, COFFER_E_USAGE, "load options of another version");
	return COFFER_OK;
}

static coffer_err
open_files(struct coffer_ctx *ctx, struct coffer_model *model, struct coffer_loader *l)
{
	coffer_err err = COFFER_OK;

	l->n_files = coffer_model_size(model);
	l->files = calloc(l->n_files, sizeof(struct coffer_file *));
	if (!l->files)
		return fault_nomem(ctx_begin(ctx));
	for (size_t i = 0; i < coffer_tensors_size(l->tensors); i++) {
		size_t file = coffer_tensors_at(l->tensors, i)->file;

		if (!l->files[file])
			TRY(coffer_file_open(ctx, model, file, &l->files[file]));
	}
out:
	return err;
}

coffer_err
coffer_loader_open(struct coffer_ctx *ctx, struct coffer_model *model, const struct coffer_load_options *options,
		   struct coffer_loader **loader_out)
{
	static const struct coffer_load_options defaults = {.version_1 = 1};
	const struct coffer_load_options *o = options ? options : &defaults;
	struct coffer_loader *loader = NULL;
	coffer_err err;

	*loader_out = NULL;
	TRY(check_options(ctx_begin(ctx), o));
	/* who was asked for already is not forgotten for the trust store's sake, and the files are not hashed again */
	if (o->trust || !model->trust)
		TRY(coffer_model_trust(ctx, model, o->trust));
	if (!o->allow_code)
		TRY(coffer_model_refuse_code(ctx, model));
	loader = calloc(1, sizeof(*loader));
	if (!loader)
		TRY(fault_nomem(ctx_begin(ctx)));
	TRY(coffer_tensors_read_model(ctx, model, &loader->tensors));
	TRY(open_files(ctx, model, loader));
	*loader_out = loader;
	loader = NULL;
out:
	coffer_loader_free(&loader);
	return err;
}

void
coffer_loader_free(struct coffer_loader **loader)
{
	struct coffer_loader *l = *loader;

	if (!l)
		return;
	for (size_t i = 0; l->files && i < l->n_files; i++)
		if (l->files[i])
			coffer_file_free(&l->files[i]);
	free(l->files);
	coffer_tensors_free(&l->tensors);
	free(l);
	*loader = NULL;
}

const struct coffer_tensors *
coffer_loader_tensors(const struct coffer_loader *loader)
{
	return loader->tensors;
}

struct coffer_file *
coffer_loader_file(const struct coffer_loader *loader, size_t index)
{
	return index < loader->n_files ? loader->files[index] : NULL;
}

coffer_err
coffer_loader_read_at(struct coffer_loader *loader, const char *name, uint64_t off, void *buf, size_t len)
{
	const struct coffer_tensor *tensor = coffer_tensors_find(loader->tensors, name);

	if (!tensor || off > tensor->size || len > tensor->size - off) {
		if (len > 0)
			memset(buf, 0, len);
		return tensor ? COFFER_E_RANGE : COFFER_E_NOTFOUND;
	}
	return coffer_file_read_at(loader->files[tensor->file], tensor->off + off, buf, len);
}
