/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Write the raw bytes of one tensor to standard output:
 *
 *	tensor SEALED KEY NAME
 *
 * Only the headers of the weight files and the records that hold the tensor are read, whatever the size of the model.
 */
#include <stdio.h>
#include <stdlib.h>

#include <coffer/coffer.h>

#include "keyring_of.h"

static coffer_err
print(struct coffer_ctx *ctx, struct coffer_model *model, const struct coffer_tensor *tensor)
{
	struct coffer_file *file = NULL;
	unsigned char *bytes;
	coffer_err err;

	if (!tensor)
		return COFFER_E_NOTFOUND;
	bytes = malloc(tensor->size + 1); /* a tensor may be empty, and malloc(0) may be NULL */
	err = bytes ? coffer_file_open(ctx, model, tensor->file, &file) : COFFER_E_NOMEM;
	if (err == COFFER_OK)
		err = coffer_file_read_at(file, tensor->off, bytes, tensor->size);
	if (err == COFFER_OK && (fwrite(bytes, 1, tensor->size, stdout) != tensor->size || fflush(stdout) != 0))
		err = COFFER_E_IO;
	coffer_file_free(&file);
	free(bytes);
	return err;
}

int
main(int argc, char **argv)
{
	struct coffer_tensors *tensors = NULL;
	struct coffer_keyring *keys = NULL;
	struct coffer_model *model = NULL;
	struct coffer_ctx *ctx = NULL;
	coffer_err err = argc == 4 ? coffer_ctx_new(&ctx) : COFFER_E_USAGE;

	if (err == COFFER_OK)
		err = keyring_of(ctx, argv[2], &keys);
	if (err == COFFER_OK)
		err = coffer_model_open(ctx, argv[1], keys, &model);
	if (err == COFFER_OK)
		err = coffer_tensors_read_model(ctx, model, &tensors);
	if (err == COFFER_OK)
		err = print(ctx, model, coffer_tensors_find(tensors, argv[3]));
	if (err != COFFER_OK)
		fprintf(stderr, "tensor: %s: %s\n", coffer_err_text(err), coffer_ctx_message(ctx));
	coffer_tensors_free(&tensors);
	coffer_model_free(&model);
	coffer_keyring_free(&keys);
	coffer_ctx_free(&ctx);
	return coffer_err_exit(err);
}
