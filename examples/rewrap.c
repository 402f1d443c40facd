/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Change the key of a sealed model; its contents are not touched:
 *
 *	rewrap SEALED OLD_KEY NEW_KEY
 *
 * Takes the same moment for a megabyte and for a terabyte.  It is no revocation: whoever kept a copy of the model as it was
 * still opens that with the old key, and only coffer_rekey() makes a new data key.
 */
#include <stdio.h>

#include <coffer/coffer.h>

#include "keyring_of.h"

int
main(int argc, char **argv)
{
	struct coffer_rewrap_options options = {.version_1 = 1, .replace = true};
	struct coffer_keyring *old_key = NULL, *new_key = NULL;
	struct coffer_ctx *ctx = NULL;
	coffer_err err;

	if (argc != 4) {
		fprintf(stderr, "usage: rewrap SEALED OLD_KEY NEW_KEY\n");
		return 2;
	}

	err = coffer_ctx_new(&ctx);
	if (err == COFFER_OK)
		err = keyring_of(ctx, argv[2], &old_key);
	if (err == COFFER_OK)
		err = keyring_of(ctx, argv[3], &new_key);
	if (err == COFFER_OK) {
		/* replace: the keys in add, and no others; without it they would be added to those that are there */
		options.add = new_key;
		err = coffer_rewrap(ctx, argv[1], old_key, &options);
	}
	if (err != COFFER_OK)
		fprintf(stderr, "rewrap: %s [%s]\n", coffer_ctx_message(ctx), coffer_err_name(err));

	coffer_keyring_free(&new_key);
	coffer_keyring_free(&old_key);
	coffer_ctx_free(&ctx);
	return coffer_err_exit(err);
}
