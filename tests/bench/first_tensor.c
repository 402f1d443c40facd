/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a program that runs already waits for one tensor: first_tensor SEALED KEY TENSOR
 *
 * From coffer_model_open() to the last verified byte in a buffer that is there.  Prints milliseconds, a line a round:
 * all, and of these the opening, the list of tensors, the reading.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <coffer/coffer.h>

enum { ROOM = 64 << 20, ROUNDS = 16 };

struct laps {
	double start, opened, listed, read;
};

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static coffer_err
read_tensor(struct coffer_ctx *ctx, struct coffer_model *model, const struct coffer_tensor *tensor, unsigned char *buf)
{
	struct coffer_file *file = NULL;
	coffer_err err;

	if (!tensor || tensor->size > ROOM)
		return COFFER_E_NOTFOUND;
	err = coffer_file_open(ctx, model, tensor->file, &file);
	if (err == COFFER_OK)
		err = coffer_file_read_at(file, tensor->off, buf, tensor->size);
	coffer_file_free(&file);
	return err;
}

static coffer_err
once(struct coffer_ctx *ctx, const struct coffer_keyring *keys, const char *path, const char *name, unsigned char *buf,
     struct laps *laps)
{
	struct coffer_tensors *tensors = NULL;
	struct coffer_model *model = NULL;
	coffer_err err;

	laps->start = now();
	err = coffer_model_open(ctx, path, keys, &model);
	laps->opened = now();
	if (err == COFFER_OK)
		err = coffer_tensors_read_model(ctx, model, &tensors);
	laps->listed = now();
	if (err == COFFER_OK)
		err = read_tensor(ctx, model, coffer_tensors_find(tensors, name), buf);
	laps->read = now();
	coffer_tensors_free(&tensors);
	coffer_model_free(&model);
	return err;
}

int
main(int argc, char **argv)
{
	struct coffer_keyring *keys = NULL;
	struct coffer_ctx *ctx = NULL;
	unsigned char *buf = NULL;
	coffer_err err = argc == 4 ? coffer_ctx_new(&ctx) : COFFER_E_USAGE;

	if (err == COFFER_OK)
		err = coffer_keyring_new(ctx, &keys);
	if (err == COFFER_OK)
		err = coffer_keyring_add(ctx, keys, argv[2]);
	if (err == COFFER_OK) {
		buf = malloc(ROOM);
		err = buf ? COFFER_OK : COFFER_E_NOMEM;
	}
	if (err == COFFER_OK)
		memset(buf, 1, ROOM); /* the pages are the program's, not part of what is measured */
	for (int i = 0; i < ROUNDS && err == COFFER_OK; i++) {
		struct laps l;

		err = once(ctx, keys, argv[1], argv[3], buf, &l);
		if (err == COFFER_OK)
			printf("%.3f %.3f %.3f %.3f\n", l.read - l.start, l.opened - l.start, l.listed - l.opened,
			       l.read - l.listed);
	}
	if (err != COFFER_OK)
		fprintf(stderr, "first_tensor: %s: %s\n", coffer_err_text(err), coffer_ctx_message(ctx));
	free(buf);
	coffer_keyring_free(&keys);
	coffer_ctx_free(&ctx);
	return coffer_err_exit(err);
}
