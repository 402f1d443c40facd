/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public calls of coffer/tensors.h, and a sealed model as the files that data/weight_files.h reads.
 */
#include <coffer/tensors.h>

#include <stdlib.h>

#include "data/recognise.h"
#include "data/weight_files.h"
#include "engine/ctx.h"

struct coffer_tensors {
	struct tensor_table table;
};

coffer_err
coffer_weights_recognise(struct coffer_ctx *ctx, const struct coffer_source *source,
			 enum coffer_weights_format *format_out)
{
	return recognise(ctx_begin(ctx), source, format_out);
}

static struct coffer_tensors *
tensors_new(void)
{
	struct coffer_tensors *tensors = malloc(sizeof(*tensors));

	if (tensors)
		tensors->table = (struct tensor_table)TENSOR_TABLE_INIT;
	return tensors;
}

coffer_err
coffer_tensors_read(struct coffer_ctx *ctx, const struct coffer_source *source, struct coffer_tensors **tensors_out)
{
	struct coffer_tensors *tensors = tensors_new();
	struct fault *f = ctx_begin(ctx);
	coffer_err err;

	*tensors_out = NULL;
	if (!tensors)
		return fault_nomem(f);
	TRY(weight_file_read(f, source, &tensors->table));
	*tensors_out = tensors;
	tensors = NULL;
out:
	coffer_tensors_free(&tensors);
	return err;
}

/* ---- a sealed model ---- */

struct model_files {
	struct coffer_ctx *ctx;
	struct coffer_model *model;
	struct coffer_file *file; /* the one that is open */
};

static const char *
model_path(void *user, size_t index)
{
	struct model_files *files = user;

	return coffer_model_path(files->model, index);
}

static size_t
model_find(void *user, const char *path)
{
	struct model_files *files = user;

	return coffer_model_find(files->model, path);
}

/* coffer_file_open() leaves its sentence in the context, which is where @f is */
static coffer_err
model_open(struct fault *f, void *user, size_t index, struct coffer_source *source_out)
{
	struct model_files *files = user;
	coffer_err err;

	(void)f;
	TRY(coffer_file_open(files->ctx, files->model, index, &files->file));
	*source_out = coffer_file_source(files->file);
out:
	return err;
}

static void
model_close(void *user)
{
	struct model_files *files = user;

	coffer_file_free(&files->file);
}

coffer_err
coffer_tensors_read_model(struct coffer_ctx *ctx, struct coffer_model *model, struct coffer_tensors **tensors_out)
{
	struct model_files user = {.ctx = ctx, .model = model, .file = NULL};
	const struct weight_files files = {
		.user = &user,
		.n = coffer_model_size(model),
		.path = model_path,
		.find = model_find,
		.open = model_open,
		.close = model_close,
	};
	struct coffer_tensors *tensors = tensors_new();
	struct fault *f = ctx_begin(ctx);
	coffer_err err;

	*tensors_out = NULL;
	if (!tensors)
		return fault_nomem(f);
	TRY(weight_files_read(f, &files, &tensors->table));
	*tensors_out = tensors;
	tensors = NULL;
out:
	coffer_tensors_free(&tensors);
	return err;
}

/* ---- what was read ---- */

void
coffer_tensors_free(struct coffer_tensors **tensors)
{
	if (!tensors || !*tensors)
		return;
	tensor_table_free(&(*tensors)->table);
	free(*tensors);
	*tensors = NULL;
}

size_t
coffer_tensors_size(const struct coffer_tensors *tensors)
{
	return tensors->table.n;
}

const struct coffer_tensor *
coffer_tensors_at(const struct coffer_tensors *tensors, size_t index)
{
	return index < tensors->table.n ? &tensors->table.v[index] : NULL;
}

const struct coffer_tensor *
coffer_tensors_find(const struct coffer_tensors *tensors, const char *name)
{
	return tensor_table_find(&tensors->table, name);
}
