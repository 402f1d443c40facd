/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seal from memory into memory and open again, without a file, as a program does that has its models elsewhere:
 *
 *	memory KEY
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <coffer/coffer.h>

#include "keyring_of.h"

enum { ROOM = 1 << 20 };

struct memory {
	unsigned char bytes[ROOM];
	uint64_t size;
	pthread_mutex_t lock;
};

/* is never asked for bytes past the size that the source was given */
static coffer_err
read_at(void *user, uint64_t off, void *buf, size_t len)
{
	struct memory *m = user;

	memcpy(buf, m->bytes + off, len);
	return COFFER_OK;
}

/* several threads write at once, each to a place of its own, so that only the size needs a lock */
static coffer_err
write_at(void *user, uint64_t off, const void *buf, size_t len)
{
	struct memory *m = user;

	if (off > ROOM || len > ROOM - off)
		return COFFER_E_SPACE;
	memcpy(m->bytes + off, buf, len);
	if (pthread_mutex_lock(&m->lock) != 0)
		return COFFER_E_OTHER;
	if (m->size < off + len)
		m->size = off + len;
	return pthread_mutex_unlock(&m->lock) == 0 ? COFFER_OK : COFFER_E_OTHER;
}

int
main(int argc, char **argv)
{
	static struct memory plain = {.bytes = "weights", .size = 7}, sealed = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct coffer_source in = {.size = plain.size, .user = &plain, .read_at = read_at};
	struct coffer_sink out = {.user = &sealed, .write_at = write_at};
	struct coffer_keyring *keys = NULL;
	struct coffer_model *model = NULL;
	struct coffer_file *file = NULL;
	struct coffer_ctx *ctx = NULL;
	char opened[7] = "";
	coffer_err err = argc == 2 ? coffer_ctx_new(&ctx) : COFFER_E_USAGE;

	if (err == COFFER_OK)
		err = keyring_of(ctx, argv[1], &keys);
	if (err == COFFER_OK)
		err = coffer_seal_source(ctx, &in, "model.bin", &out, keys, NULL);
	in = (struct coffer_source){.size = sealed.size, .user = &sealed, .read_at = read_at};
	if (err == COFFER_OK)
		err = coffer_model_open_source(ctx, &in, keys, &model);
	if (err == COFFER_OK)
		err = coffer_file_open(ctx, model, 0, &file);
	if (err == COFFER_OK)
		err = coffer_file_read_at(file, 0, opened, sizeof(opened));
	if (err == COFFER_OK)
		printf("%s: %.*s\n", coffer_model_path(model, 0), (int)sizeof(opened), opened);
	else
		fprintf(stderr, "memory: %s: %s\n", coffer_err_text(err), coffer_ctx_message(ctx));
	coffer_file_free(&file);
	coffer_model_free(&model); /* before the source that it reads from goes */
	coffer_keyring_free(&keys);
	coffer_ctx_free(&ctx);
	return coffer_err_exit(err);
}
