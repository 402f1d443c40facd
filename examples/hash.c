/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 of many files at once, as sha256sum prints it:
 *
 *	hash FILE...
 *
 * One stream of SHA-256 waits for itself; several side by side on one core are over twice as fast.
 */
#include <stdio.h>
#include <stdlib.h>

#include <coffer/coffer.h>

static void
print(const struct coffer_hash_item *item)
{
	if (item->err != COFFER_OK) {
		fprintf(stderr, "hash: %s [%s]\n", item->why, coffer_err_name(item->err));
		return;
	}
	for (size_t i = 0; i < sizeof(item->sha256); i++)
		printf("%02x", item->sha256[i]);
	printf("  %s\n", item->path);
}

int
main(int argc, char **argv)
{
	size_t n = argc > 1 ? (size_t)argc - 1 : 0;
	struct coffer_hash_item *items = calloc(n + 1, sizeof(*items));
	struct coffer_ctx *ctx = NULL;
	coffer_err err = items ? coffer_ctx_new(&ctx) : COFFER_E_NOMEM;

	if (err == COFFER_OK) {
		for (size_t i = 0; i < n; i++)
			items[i].path = argv[i + 1];
		/* one bad file does not stop the others, so every item has an error of its own */
		err = coffer_hash_files(ctx, items, n);
		for (size_t i = 0; i < n; i++)
			print(&items[i]);
	} else {
		fprintf(stderr, "hash: %s\n", coffer_err_text(err));
	}

	coffer_ctx_free(&ctx);
	free(items);
	return coffer_err_exit(err);
}
