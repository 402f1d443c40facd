/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open a sealed model into plain files:
 *
 *	open SEALED MODEL KEY...
 *
 * Whatever was changed since it was sealed (a bit, a name, a size, the list of files) is refused, and then nothing stands at
 * MODEL that was not verified.
 */
#include <stdio.h>

#include <coffer/coffer.h>

/* called a few times a second, and not always from the same thread */
static void
show(void *user, const char *path, uint64_t done, uint64_t total)
{
	fprintf(user, "%3.0f %% %s\n", total ? 100.0 * (double)done / (double)total : 100.0, path);
}

int
main(int argc, char **argv)
{
	struct coffer_keyring *keys = NULL;
	struct coffer_ctx *ctx = NULL;
	struct coffer_stats stats;
	coffer_err err;

	if (argc < 4) {
		fprintf(stderr, "usage: open SEALED MODEL KEY...\n");
		return 2;
	}

	err = coffer_ctx_new(&ctx);
	if (err == COFFER_OK)
		err = coffer_keyring_new(ctx, &keys);
	/* several keys are fine: those that are no recipient of the model are passed over */
	for (int i = 3; i < argc && err == COFFER_OK; i++)
		err = coffer_keyring_add(ctx, keys, argv[i]);
	if (err == COFFER_OK) {
		coffer_ctx_set_progress(ctx, show, stderr);
		err = coffer_open(ctx, argv[1], argv[2], keys, NULL, &stats);
	}

	if (err == COFFER_OK)
		printf("%llu bytes in %.3f s\n", (unsigned long long)stats.bytes, stats.seconds);
	else
		fprintf(stderr, "open: %s [%s]\n", coffer_ctx_message(ctx), coffer_err_name(err));

	coffer_keyring_free(&keys);  /* wipes the keys */
	coffer_ctx_free(&ctx);	     /* last: the others were made with it */
	return coffer_err_exit(err); /* 5 when it is not what was sealed, 7 when the keys do not fit */
}
