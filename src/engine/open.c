/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and checking: the verbs, and what a model of one file and one of a directory share.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/enc.h"
#include "engine/open_run.h"
#include "engine/transfer.h"

static coffer_err
check_options(struct fault *f, struct open_run *r)
{
	uint64_t any = 0;

	for (size_t i = 0; i < 8; i++)
		any |= r->opt.reserved[i];
	if (r->opt.version_1 != 1 || any != 0)
		return fault_set(f, COFFER_E_USAGE, "open options of another version");
	if (r->write && r->opt.in_place != (r->out == NULL))
		return fault_set(f, COFFER_E_USAGE, "opening needs either an output or in-place");
	if (r->opt.in_place && (r->opt.n_include || r->opt.n_exclude))
		return fault_set(f, COFFER_E_USAGE, "in place all files are opened; leave out --include and --exclude");
	return COFFER_OK;
}

static coffer_err
choose_files(struct fault *f, struct open_run *r)
{
	const struct keyblock *k = &r->model->keys;

	r->wanted = calloc(k->n_files, sizeof(*r->wanted));
	if (!r->wanted)
		return fault_nomem(f);
	for (size_t i = 0; i < k->n_files; i++) {
		r->wanted[i] = filter_wants(&r->filter, k->files[i].path);
		r->n_wanted += r->wanted[i];
		r->bytes += r->wanted[i] ? k->files[i].size : 0;
	}
	if (r->n_wanted == 0)
		return fault_set(f, COFFER_E_NOTFOUND, "no file of %s matches", r->in);
	return COFFER_OK;
}

/* ---- one file ---- */

coffer_err
open_into(struct fault *f, struct open_run *r, size_t index, struct sealed *s, struct newfile *n, struct pool_worker *w)
{
	const struct output out = {.fd = n->fd, .shown = n->shown};
	struct transfer t = {.sealed = s, .out = &out, .progress = &r->progress};
	struct stream_hash room = {.ctx = NULL};
	coffer_err err;

	/* the final size at once: a file system that has huge pages can use them */
	if (ftruncate(n->fd, (off_t)s->head.size) != 0)
		return fault_errno(f, errno, "cannot write %s", n->shown);
	TRY(open_trust_hash(f, &r->trust, s->head.path, s->head.size, &room, &t.hash));
	TRY(transfer_file(f, r->ctx, &t, w));
	TRY(open_trust_unchanged(f, &r->trust, r->model, index, s->in.fd));
	TRY(open_trust_compare(f, &r->trust, s->head.path, t.hash));
out:
	stream_hash_free(&room);
	return err;
}

coffer_err
open_read_sealed(struct fault *f, struct coffer_model *m, size_t index, struct buf *out)
{
	struct sealed s = {0};
	char *shown = NULL;
	coffer_err err;

	TRY(model_sealed(f, m, index, &s, &shown));
	if (s.head.size > LIMIT_BUNDLE)
		TRY(fault_set(f, COFFER_E_FORMAT, "%s is no signature: it is larger than %u MiB", s.in.shown,
			      LIMIT_BUNDLE >> 20));
	TRY(buf_reserve(f, out, (size_t)s.head.size + 1));
	for (uint64_t i = 0; i < s.at.n_records; i++) {
		TRY(sealed_read_record(f, &s, i, out->p + out->len, false));
		out->len += head_record_len(&s.head, i);
	}
out:
	sealed_close(&s);
	free(shown);
	return err;
}

/* Nothing is opened before this. */
static coffer_err
check_publisher(struct fault *f, struct open_run *r, const struct coffer_keyring *keys)
{
	coffer_err err;

	TRY(open_trust_find(f, &r->trust, r->ctx, &r->opt, r->model));
	if (r->trust.trust && !r->going_on)
		TRY(open_trust_outer(f, &r->trust, r->model, &r->opt));
	if (!r->model->directory)
		TRY(open_find_signature(f, r, keys));
	else if (r->trust.trust && !r->opt.outer_alone && !r->going_on)
		TRY(open_check_inner(f, r));
out:
	return err;
}

/* ---- the verbs ---- */

static bool
is_opening_in_place(const struct open_run *r)
{
	int fd = r->opt.in_place ? open(r->in, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	bool has = fd >= 0 && model_has_entry(fd, OPENING_NAME);

	file_close(&fd);
	return has;
}

static coffer_err
run_open(struct fault *f, struct open_run *r, const struct coffer_keyring *keys)
{
	coffer_err err;

	TRY(check_options(f, r));
	r->going_on = is_opening_in_place(r);
	TRY(model_open(f, r->ctx, r->in, keys, r->going_on ? MODEL_OPENING : MODEL_READ, &r->model));
	TRY(choose_files(f, r));
	if (r->write)
		TRY(check_publisher(f, r, keys));
	progress_begin(&r->progress, r->ctx, r->bytes);
	if (!r->write)
		err = open_each(f, r);
	else if (r->model->directory)
		err = r->opt.dry_run ? open_dry_run(f, r) : open_directory(f, r);
	else
		err = open_single(f, r);
	progress_end(&r->progress);
out:
	return err;
}

static coffer_err
finish(struct open_run *r, coffer_err err, uint64_t start, struct coffer_stats *stats_out)
{
	if (err == COFFER_OK && stats_out) {
		*stats_out = (struct coffer_stats){
			.n_files = r->n_wanted,
			.bytes = r->bytes,
			.n_skipped = atomic_load(&r->n_skipped),
			.seconds = (double)(now_ns() - start) / 1e9,
		};
		enc_hex(r->model->keys.model_id, MODEL_ID_LEN, stats_out->model_id);
	}
	open_trust_end(&r->trust);
	buf_free(&r->signature);
	model_free(&r->model);
	file_close(&r->out_fd);
	free(r->wanted);
	return err;
}

coffer_err
coffer_open(struct coffer_ctx *ctx, const char *in, const char *out, const struct coffer_keyring *keys,
	    const struct coffer_open_options *options, struct coffer_stats *stats_out)
{
	struct open_run r = {
		.ctx = ctx,
		.opt = {.version_1 = 1},
		.in = in,
		.out = out,
		.out_fd = -1,
		.write = true,
		.last = SIZE_MAX,
		.signature = BUF_INIT(LIMIT_BUNDLE),
	};
	uint64_t start = now_ns();

	if (options)
		r.opt = *options;
	r.filter = (struct filter){r.opt.include, r.opt.n_include, r.opt.exclude, r.opt.n_exclude, true};
	return finish(&r, run_open(ctx_begin(ctx), &r, keys), start, stats_out);
}

coffer_err
coffer_check(struct coffer_ctx *ctx, const char *in, const struct coffer_keyring *keys, struct coffer_stats *stats_out)
{
	struct open_run r = {.ctx = ctx, .opt = {.version_1 = 1}, .in = in, .out_fd = -1, .last = SIZE_MAX};
	uint64_t start = now_ns();

	return finish(&r, run_open(ctx_begin(ctx), &r, keys), start, stats_out);
}
