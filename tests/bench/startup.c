/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a program waits before it can load a model of many shards: startup KEK SEALED [PUBLIC_KEY]
 *
 * Prints milliseconds, a line a round: unwrapping the key, verifying whose the model is (0 without PUBLIC_KEY), and verifying
 * the head of every shard.
 */
#include <stdio.h>
#include <time.h>

#include <coffer/coffer.h>
#include <coffer/load.h>

enum { ROUNDS = 9 };

struct startup {
	struct coffer_ctx *ctx;
	struct coffer_keyring *keys;
	struct coffer_trust *trust;
	const char *path;
};

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static coffer_err
prepare(struct startup *s, const char *kek, const char *public_key)
{
	const struct coffer_trust_options whose = {
		.version_1 = 1,
		.method = COFFER_METHOD_KEY,
		.public_key = public_key,
	};
	coffer_err err = coffer_ctx_new(&s->ctx);

	if (err == COFFER_OK)
		err = coffer_keyring_new(s->ctx, &s->keys);
	if (err == COFFER_OK)
		err = coffer_keyring_add(s->ctx, s->keys, kek);
	if (err == COFFER_OK && public_key)
		err = coffer_trust_open(s->ctx, &whose, &s->trust);
	return err;
}

static coffer_err
verify_heads(struct startup *s, struct coffer_model *model)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < coffer_model_size(model) && err == COFFER_OK; i++) {
		struct coffer_file *file;

		err = coffer_file_open(s->ctx, model, i, &file);
		coffer_file_free(&file);
	}
	return err;
}

static coffer_err
once(struct startup *s)
{
	const struct coffer_open_options whose = {.version_1 = 1, .trust = s->trust};
	struct coffer_model *model = NULL;
	double start = now(), opened, trusted;
	coffer_err err = coffer_model_open(s->ctx, s->path, s->keys, &model);

	opened = now();
	if (err == COFFER_OK && s->trust)
		err = coffer_model_trust(s->ctx, model, &whose);
	trusted = now();
	if (err == COFFER_OK)
		err = verify_heads(s, model);
	if (err == COFFER_OK)
		printf("%.3f %.3f %.3f\n", opened - start, trusted - opened, now() - trusted);
	coffer_model_free(&model);
	return err;
}

int
main(int argc, char **argv)
{
	struct startup s = {.path = argc > 2 ? argv[2] : NULL};
	coffer_err err;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: startup KEK SEALED [PUBLIC_KEY]\n");
		return 2;
	}
	err = prepare(&s, argv[1], argc == 4 ? argv[3] : NULL);
	for (int i = 0; i < ROUNDS && err == COFFER_OK; i++)
		err = once(&s);
	if (err != COFFER_OK)
		fprintf(stderr, "startup: %s: %s\n", coffer_err_text(err), coffer_ctx_message(s.ctx));
	coffer_trust_free(&s.trust);
	coffer_keyring_free(&s.keys);
	coffer_ctx_free(&s.ctx);
	return coffer_err_exit(err);
}
