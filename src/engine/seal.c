/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing: the verb.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/enc.h"
#include "base/num.h"
#include "base/path.h"
#include "crypto/rand.h"
#include "engine/seal_run.h"
#include "engine/transfer.h"

#define DEFAULT_RECORD_SIZE (UINT32_C(1) << 20)

/* ---- options ---- */

static bool
all_zero(const uint64_t *v, size_t n)
{
	uint64_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= v[i];
	return any == 0;
}

static coffer_err
check_options(struct fault *f, struct coffer_seal_options *opt, const char *out)
{
	if (opt->version_1 != 1 || !all_zero(opt->reserved, 8))
		return fault_set(f, COFFER_E_USAGE, "seal options of another version");
	if (opt->record_size == 0)
		opt->record_size = DEFAULT_RECORD_SIZE;
	if (!num_is_pow2(opt->record_size) || opt->record_size < LIMIT_RECORD_MIN ||
	    opt->record_size > LIMIT_RECORD_MAX)
		return fault_set(f, COFFER_E_USAGE, "a record size of %u; it is a power of two from 64K to 16M",
				 opt->record_size);
	if (opt->in_place != (out == NULL))
		return fault_set(f, COFFER_E_USAGE, "sealing needs either an output or in-place");
	if (opt->n_context > LIMIT_CONTEXT)
		return fault_set(f, COFFER_E_USAGE, "%zu context pairs; %u are allowed", opt->n_context, LIMIT_CONTEXT);
	for (size_t i = 0; i < opt->n_context; i++)
		if (!keyblock_context_key_ok(opt->context[i].key) || strlen(opt->context[i].value) > LIMIT_TEXT ||
		    !text_check(opt->context[i].value, strlen(opt->context[i].value)))
			return fault_set(
				f, COFFER_E_USAGE,
				"context «%s»: keys are a-z 0-9 . _ - (64 at most), values text of 256 bytes at most",
				opt->context[i].key);
	return COFFER_OK;
}

static int
compare_pairs(const void *a, const void *b)
{
	const struct keyblock_pair *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static coffer_err
take_context(struct fault *f, struct seal_run *r)
{
	struct keyblock *k = &r->kb;

	k->context = calloc(r->opt.n_context + 1, sizeof(*k->context));
	if (!k->context)
		return fault_nomem(f);
	k->n_context = r->opt.n_context;
	for (size_t i = 0; i < k->n_context; i++) {
		(void)snprintf(k->context[i].key, sizeof(k->context[i].key), "%s", r->opt.context[i].key);
		(void)snprintf(k->context[i].value, sizeof(k->context[i].value), "%s", r->opt.context[i].value);
	}
	qsort(k->context, k->n_context, sizeof(*k->context), compare_pairs);
	for (size_t i = 1; i < k->n_context; i++)
		if (strcmp(k->context[i - 1].key, k->context[i].key) == 0)
			return fault_set(f, COFFER_E_USAGE, "context «%s» is given twice", k->context[i].key);
	return COFFER_OK;
}

static coffer_err
take_text(struct fault *f, const char *what, const char *text, size_t min, char out[static LIMIT_TEXT + 1])
{
	size_t len = strlen(text);

	if (len < min || len > LIMIT_TEXT || !text_check(text, len))
		return fault_set(f, COFFER_E_USAGE,
				 "the model's %s must be text of %zu to %u bytes; give another with --%s", what, min,
				 LIMIT_TEXT, what);
	memcpy(out, text, len + 1);
	return COFFER_OK;
}

/* Name, version and context: what is public and bound to every wrap. */
static coffer_err
take_identity(struct fault *f, struct seal_run *r)
{
	char *real = NULL;
	const char *name = r->opt.name;
	coffer_err err;

	if (!name) {
		real = realpath(r->in, NULL);
		if (!real)
			TRY(fault_errno(f, errno, "cannot find %s", r->in));
		name = path_base(real);
	}
	TRY(take_text(f, "name", name, 1, r->kb.name));
	TRY(take_text(f, "version", r->opt.model_version ? r->opt.model_version : "", 0, r->kb.version));
	TRY(take_context(f, r));
out:
	free(real);
	return err;
}

coffer_err
seal_new_keys(struct fault *f, struct seal_run *r)
{
	coffer_err err;

	r->kb.generation = 1;
	if (r->dek.len == 0) {
		TRY(secret_new(f, &r->dek, DEK_LEN));
		TRY(rand_bytes(f, r->dek.p, DEK_LEN));
		TRY(rand_bytes(f, r->kb.model_id, MODEL_ID_LEN));
	}
	TRY(model_wrap(f, r->ctx, r->model, &r->kb, r->keys, r->dek.p));
out:
	return err;
}

/* ---- the verb ---- */

static void
fill_stats(const struct seal_run *r, uint64_t start, struct coffer_stats *out)
{
	*out = (struct coffer_stats){
		.n_files = r->walk.n,
		.bytes = r->walk.bytes,
		.n_skipped = atomic_load(&r->n_skipped),
		.seconds = (double)(now_ns() - start) / 1e9,
	};
	enc_hex(r->kb.model_id, MODEL_ID_LEN, out->model_id);
}

static coffer_err
run_seal(struct fault *f, struct seal_run *r)
{
	struct stat st;
	int fd = -1;
	coffer_err err;

	TRY(check_options(f, &r->opt, r->out));
	TRY(seal_sign_begin(f, r));
	fd = open(r->in, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0)
		TRY(fault_errno(f, errno, "cannot open %s", r->in));
	TRY(take_identity(f, r));
	if (S_ISDIR(st.st_mode)) {
		r->in_fd = fd;
		fd = -1;
		TRY(seal_directory(f, r));
	} else {
		int given = fd;

		fd = -1; /* seal_single() takes it over */
		TRY(seal_single(f, r, given));
	}
out:
	file_close(&fd);
	return err;
}

coffer_err
coffer_seal(struct coffer_ctx *ctx, const char *in, const char *out, const struct coffer_keyring *keys,
	    const struct coffer_seal_options *options, struct coffer_stats *stats_out)
{
	struct seal_run r = {
		.ctx = ctx,
		.keys = keys,
		.opt = {.version_1 = 1},
		.in = in,
		.out = out,
		.model = out ? out : in,
		.in_fd = -1,
		.out_fd = -1,
		.kb = KEYBLOCK_INIT,
		.dek = SECRET_INIT,
	};
	uint64_t start = now_ns();
	coffer_err err;

	if (options)
		r.opt = *options;
	err = run_seal(ctx_begin(ctx), &r);
	if (err == COFFER_OK && stats_out)
		fill_stats(&r, start, stats_out);
	seal_sign_end(&r);
	secret_free(&r.dek);
	keyblock_free(&r.kb);
	walk_free(&r.walk);
	file_close(&r.in_fd);
	file_close(&r.out_fd);
	return err;
}

/* ---- from a source to a sink ---- */

static coffer_err
seal_source(struct fault *f, struct seal_run *r, const struct coffer_source *in, const char *path,
	    const struct coffer_sink *out)
{
	struct sealing s = {.out = {.sink = out, .fd = -1, .shown = "the sink"}};
	struct transfer t = {.into = &s, .progress = &r->progress};
	struct buf doc = BUF_INIT(LIMIT_KEYBLOCK);
	struct input input;
	coffer_err err;

	TRY(check_options(f, &r->opt, path));
	if (r->opt.signer || r->opt.sign)
		TRY(fault_set(f, COFFER_E_USAGE,
			      "what comes from a source is not signed by the way; sign the sealed file"));
	TRY(path_check(f, path, strlen(path)));
	if (in->size > LIMIT_SIZE)
		TRY(fault_set(f, COFFER_E_USAGE, "%s is too large", path));
	input_from_source(&input, in, path);
	t.plain = &input;
	r->in = path;
	TRY(take_text(f, "name", r->opt.name ? r->opt.name : path_base(path), 1, r->kb.name));
	TRY(take_text(f, "version", r->opt.model_version ? r->opt.model_version : "", 0, r->kb.version));
	TRY(take_context(f, r));
	r->kb.files = calloc(1, sizeof(*r->kb.files));
	if (!r->kb.files || !(r->kb.files[0].path = strdup(path)))
		TRY(fault_nomem(f));
	r->kb.n_files = 1;
	r->kb.files[0].size = in->size;
	TRY(seal_new_keys(f, r));
	s.head = (struct head){.embedded = true, .count = 1, .size = in->size, .record_size = r->opt.record_size};
	memcpy(s.head.model_id, r->kb.model_id, MODEL_ID_LEN);
	memcpy(s.head.path, path, strlen(path) + 1);
	TRY(sealing_begin(f, &s, r->dek.p));
	TRY(transfer_run(f, r->ctx, &t));
	memcpy(r->kb.files[0].head, s.a_hash, SHA256_LEN);
	r->kb.files[0].sealed = true;
	TRY(keyblock_encode(f, &r->kb, r->dek.p, &doc));
	TRY(sealing_write_head(f, &s, buf_view(&doc)));
out:
	sealing_end(&s);
	buf_free(&doc);
	return err;
}

coffer_err
coffer_seal_source(struct coffer_ctx *ctx, const struct coffer_source *in, const char *path,
		   const struct coffer_sink *out, const struct coffer_keyring *keys,
		   const struct coffer_seal_options *options)
{
	struct seal_run r = {
		.ctx = ctx,
		.keys = keys,
		.opt = {.version_1 = 1},
		.in_fd = -1,
		.out_fd = -1,
		.kb = KEYBLOCK_INIT,
		.dek = SECRET_INIT,
	};
	coffer_err err;

	if (options)
		r.opt = *options;
	progress_begin(&r.progress, ctx, in->size);
	err = seal_source(ctx_begin(ctx), &r, in, path, out);
	progress_end(&r.progress);
	secret_free(&r.dek);
	keyblock_free(&r.kb);
	return err;
}
