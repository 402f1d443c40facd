/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Show what a sealed model says of itself, without a key:
 *
 *	inspect SEALED
 *
 * Nothing of this is authentic, for anyone can write it.  It is good for choosing a key, not for trusting a model.
 */
#include <stdio.h>

#include <coffer/coffer.h>

int
main(int argc, char **argv)
{
	struct coffer_inspection *seen = NULL;
	struct coffer_ctx *ctx = NULL;
	coffer_err err;

	if (argc != 2) {
		fprintf(stderr, "usage: inspect SEALED\n");
		return 2;
	}

	err = coffer_ctx_new(&ctx);
	if (err == COFFER_OK)
		err = coffer_inspect(ctx, argv[1], &seen);
	if (err == COFFER_OK) {
		printf("%s %s, model id %s\n", seen->name, seen->version, seen->model_id);
		for (size_t i = 0; i < seen->n_recipients; i++)
			printf("recipient %s %s\n", seen->recipients[i].kind, seen->recipients[i].id);
		for (size_t i = 0; i < seen->n_files; i++)
			printf("file %s, %llu bytes\n", seen->files[i].path, (unsigned long long)seen->files[i].size);
	} else {
		fprintf(stderr, "inspect: %s [%s]\n", coffer_ctx_message(ctx), coffer_err_name(err));
	}

	coffer_inspection_free(&seen);
	coffer_ctx_free(&ctx);
	return coffer_err_exit(err);
}
