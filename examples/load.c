/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load the tensors of a sealed model one after the other, and say of each what its bytes add up to:
 *
 *	load SEALED KEY
 *
 * The library opens the tensors ahead by all processors, while this thread takes those that are ready: here to add them up, in
 * an engine to copy them to an accelerator.  Each is verified before it is handed over.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <coffer/coffer.h>

#include "keyring_of.h"

/* where a tensor goes; an engine would give memory of its own here, pinned perhaps, and NULL for what it does not want */
static void *
place(void *user, const struct coffer_tensor *tensor)
{
	(void)user;
	return malloc(tensor->size + 1);
}

static coffer_err
ready(void *user, const struct coffer_tensor *tensor, void *bytes)
{
	const unsigned char *p = bytes;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < tensor->size; i++)
		sum += p[i];
	fprintf(user, "%s %s %" PRIu64 " %" PRIu64 "\n", tensor->name, tensor->dtype, tensor->size, sum);
	free(bytes);
	return COFFER_OK;
}

int
main(int argc, char **argv)
{
	const struct coffer_tensor_sink sink = {.user = stdout, .place = place, .ready = ready};
	struct coffer_loader *loader = NULL;
	struct coffer_keyring *keys = NULL;
	struct coffer_model *model = NULL;
	struct coffer_ctx *ctx = NULL;
	coffer_err err = argc == 3 ? coffer_ctx_new(&ctx) : COFFER_E_USAGE;

	if (err == COFFER_OK)
		err = keyring_of(ctx, argv[2], &keys);
	if (err == COFFER_OK)
		err = coffer_model_open(ctx, argv[1], keys, &model);
	/* refuses a model of another publisher than the trust store says, and one that carries code */
	if (err == COFFER_OK)
		err = coffer_loader_open(ctx, model, NULL, &loader);
	if (err == COFFER_OK)
		err = coffer_loader_each(ctx, loader, 0, &sink);
	if (err != COFFER_OK)
		fprintf(stderr, "load: %s: %s\n", coffer_err_text(err), coffer_ctx_message(ctx));
	coffer_loader_free(&loader);
	coffer_model_free(&model);
	coffer_keyring_free(&keys);
	coffer_ctx_free(&ctx);
	return coffer_err_exit(err);
}
