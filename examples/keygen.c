/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make a key and say what may be known of it:
 *
 *	keygen NEW_KEY_FILE
 *
 * The key is random, and the file readable by its owner alone.  Whoever loses it loses every model that was sealed for it
 * alone, and no message of the library ever shows it.
 */
#include <stdio.h>

#include <coffer/coffer.h>

int
main(int argc, char **argv)
{
	struct coffer_ctx *ctx = NULL;
	struct coffer_key_info info;
	coffer_err err;

	if (argc != 2) {
		fprintf(stderr, "usage: keygen NEW_KEY_FILE\n");
		return 2;
	}
	err = coffer_ctx_new(&ctx);
	if (err == COFFER_OK)
		/* COFFER_KEY_X25519 makes a pair instead: info.public_key then seals, and only this file opens */
		err = coffer_key_generate(ctx, COFFER_KEY_AES, argv[1], &info);
	if (err == COFFER_OK)
		printf("key %s, made %s\n", info.id, info.created);
	else
		fprintf(stderr, "keygen: %s [%s]\n", coffer_ctx_message(ctx), coffer_err_name(err));

	coffer_ctx_free(&ctx);
	return coffer_err_exit(err);
}
