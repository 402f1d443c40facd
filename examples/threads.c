/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read the first file of a sealed model with four threads straight into memory, then write it to standard output:
 *
 *	threads SEALED KEY
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <coffer/coffer.h>

#include "keyring_of.h"

enum { N = 4 };

struct share {
	struct coffer_file *file;
	unsigned char *to;
	uint64_t off, len;
	coffer_err err;
};

/* one file may be read from any number of threads; whole records (1 MiB) are opened right where they are wanted, without a copy */
static void *
read_share(void *arg)
{
	struct share *s = arg;

	s->err = coffer_file_read_at(s->file, s->off, s->to, s->len);
	return NULL;
}

static coffer_err
read_all(struct coffer_file *file, unsigned char *to, uint64_t size)
{
	coffer_err err = COFFER_OK;
	struct share share[N];
	pthread_t thread[N];

	for (unsigned int i = 0; i < N; i++) {
		uint64_t from = size * i / N;

		share[i] = (struct share){file, to + from, from, size * (i + 1) / N - from, COFFER_OK};
		if (pthread_create(&thread[i], NULL, read_share, &share[i]) != 0)
			abort(); /* a program would read this share itself */
	}
	for (unsigned int i = 0; i < N; i++)
		if (pthread_join(thread[i], NULL) == 0 && share[i].err != COFFER_OK)
			err = share[i].err;
	return err;
}

int
main(int argc, char **argv)
{
	struct coffer_keyring *keys = NULL;
	struct coffer_model *model = NULL;
	struct coffer_file *file = NULL;
	struct coffer_ctx *ctx = NULL;
	unsigned char *bytes = NULL;
	coffer_err err = argc == 3 ? coffer_ctx_new(&ctx) : COFFER_E_USAGE;

	if (err == COFFER_OK)
		err = keyring_of(ctx, argv[2], &keys);
	if (err == COFFER_OK)
		err = coffer_model_open(ctx, argv[1], keys, &model);
	if (err == COFFER_OK)
		err = coffer_file_open(ctx, model, 0, &file);
	if (err == COFFER_OK) {
		uint64_t size = coffer_file_size(file); /* authentic: the key vouches for it */

		bytes = malloc(size + 1);
		err = bytes ? read_all(file, bytes, size) : COFFER_E_NOMEM;
		if (err == COFFER_OK && (fwrite(bytes, 1, size, stdout) != size || fflush(stdout) != 0))
			err = COFFER_E_IO;
	}
	if (err != COFFER_OK)
		fprintf(stderr, "threads: %s: %s\n", coffer_err_text(err), coffer_ctx_message(ctx));
	free(bytes);
	coffer_file_free(&file); /* before its model */
	coffer_model_free(&model);
	coffer_keyring_free(&keys);
	coffer_ctx_free(&ctx);
	return coffer_err_exit(err);
}
