/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seal a model, which is a file or a folder:
 *
 *	seal MODEL SEALED KEY...
 *
 * Each KEY is a URI (coffer/key.h), such as file:model.key, and each one alone can open the sealed model.
 */
#include <stdio.h>

#include <coffer/coffer.h>

int
main(int argc, char **argv)
{
	/* zero means default everywhere; version_1 says which fields this program was compiled with */
	struct coffer_seal_options options = {.version_1 = 1, .model_version = "1.0"};
	struct coffer_keyring *keys = NULL;
	struct coffer_stats stats;
	struct coffer_ctx *ctx = NULL;
	coffer_err err;

	if (argc < 4) {
		fprintf(stderr, "usage: seal MODEL SEALED KEY...\n");
		return 2;
	}
	err = coffer_ctx_new(&ctx);

	if (err == COFFER_OK)
		err = coffer_keyring_new(ctx, &keys);
	for (int i = 3; i < argc && err == COFFER_OK; i++)
		err = coffer_keyring_add(ctx, keys, argv[i]);
	if (err == COFFER_OK)
		err = coffer_seal(ctx, argv[1], argv[2], keys, &options, &stats);

	/* the sentence says what failed, why, and the way out; a program acts on the code */
	if (err == COFFER_OK)
		printf("%llu files, %llu bytes, model id %s\n", (unsigned long long)stats.n_files,
		       (unsigned long long)stats.bytes, stats.model_id);
	else
		fprintf(stderr, "seal: %s [%s]\n", coffer_ctx_message(ctx), coffer_err_name(err));

	coffer_keyring_free(&keys); /* wipes the keys */
	coffer_ctx_free(&ctx);	    /* last: the others were made with it */
	return coffer_err_exit(err);
}
