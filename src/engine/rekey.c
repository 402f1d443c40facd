/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new DEK: every record is opened with the old one and sealed with the new.
 */
#include "engine/rekey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/num.h"
#include "crypto/rand.h"
#include "engine/changing.h"
#include "engine/each.h"
#include "engine/staging.h"
#include "engine/transfer.h"

struct rekey {
	const struct rekey_job *job;
	struct coffer_ctx *ctx;
	struct coffer_model *old;
	struct keyblock k; /* the new one */
	struct secret dek;
	const char *out; /* the folder beside, of a directory */
	int out_fd;
	bool lost_signature;
};

/* The new key block: the same model, another key. */
static coffer_err
begin_rekey(struct fault *f, struct rekey *r)
{
	const struct keyblock *old = &r->old->keys;
	coffer_err err;

	memcpy(r->k.model_id, old->model_id, MODEL_ID_LEN);
	memcpy(r->k.name, old->name, sizeof(r->k.name));
	memcpy(r->k.version, old->version, sizeof(r->k.version));
	r->k.generation = old->generation + 1;
	r->k.context = calloc(old->n_context + 1, sizeof(*r->k.context));
	r->k.files = calloc(old->n_files, sizeof(*r->k.files));
	if (!r->k.context || !r->k.files)
		return fault_nomem(f);
	if (old->n_context > 0)
		memcpy(r->k.context, old->context, old->n_context * sizeof(*r->k.context));
	r->k.n_context = old->n_context;
	for (size_t i = 0; i < old->n_files; i++) {
		r->k.files[i].path = strdup(old->files[i].path);
		r->k.files[i].size = old->files[i].size;
		r->k.n_files = i + 1;
		if (!r->k.files[i].path)
			return fault_nomem(f);
	}
	TRY(secret_new(f, &r->dek, DEK_LEN));
	TRY(rand_bytes(f, r->dek.p, DEK_LEN));
	TRY(model_wrap(f, r->ctx, r->old->shown, &r->k, r->job->to, r->dek.p));
out:
	return err;
}

/* Open each record with the old key and seal it with the new one: no plaintext leaves the scratch of a thread. */
static coffer_err
rekey_into(struct fault *f, struct rekey *r, size_t index, struct sealed *from, struct newfile *n,
	   struct pool_worker *w)
{
	struct keyblock_file *file = &r->k.files[index];
	struct sealing into = {.head = from->head, .out = {.fd = n->fd, .shown = n->shown}};
	const struct transfer t = {.sealed = from, .into = &into, .progress = r->job->progress};
	struct buf doc = BUF_INIT(LIMIT_KEYBLOCK);
	coffer_err err;

	TRY(sealing_begin(f, &into, r->dek.p));
	if (ftruncate(n->fd, (off_t)into.at.end) != 0)
		TRY(fault_errno(f, errno, "cannot write %s", n->shown));
	TRY(transfer_file(f, r->ctx, &t, w));
	memcpy(file->head, into.a_hash, SHA256_LEN);
	file->sealed = true;
	if (into.head.embedded)
		TRY(keyblock_encode(f, &r->k, r->dek.p, &doc));
	TRY(sealing_write_head(f, &into, buf_view(&doc)));
out:
	buf_free(&doc);
	sealing_end(&into);
	return err;
}

/* What replaces a file is its owner's, and for those who could read it. */
static void
resemble(int fd, int old)
{
	struct stat st;

	if (fstat(old, &st) == 0)
		(void)file_take_after(fd, &st);
}

static coffer_err
rekey_entry(void *arg, struct fault *f, size_t index, struct pool_worker *w)
{
	struct rekey *r = arg;
	const char *path = r->k.files[index].path;
	struct newfile n = NEWFILE_INIT;
	struct sealed from = {0};
	char *name = NULL, *shown = NULL;
	int dirfd = -1;
	coffer_err err;

	if (!r->job->worker) /* of several models at once the file's name would say little, and not live long enough */
		atomic_store(&r->job->progress->path, path);
	if (asprintf(&name, "%s%s", path_base(path), SUFFIX) < 0)
		return fault_nomem(f);
	TRY(model_sealed(f, r->old, index, &from, &shown));
	TRY(path_parent(f, r->out_fd, r->out, path, true, &dirfd));
	TRY(newfile_open_at(f, &n, dirfd, name, path, from.in.mode, false));
	resemble(n.fd, from.in.fd);
	TRY(rekey_into(f, r, index, &from, &n, w));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	sealed_close(&from);
	file_close(&dirfd);
	free(name);
	free(shown);
	return err;
}

static uint64_t
entry_size(void *arg, size_t index)
{
	const struct rekey *r = arg;

	return r->k.files[index].size;
}

static coffer_err
rekey_entries(struct fault *f, struct rekey *r)
{
	const struct each each = {.n = r->k.n_files, .size = entry_size, .file = rekey_entry, .arg = r};
	coffer_err err = COFFER_OK;

	if (!r->job->worker)
		return each_file(f, r->ctx, &each);
	for (size_t i = 0; i < r->k.n_files; i++) {
		TRY(ctx_check_cancelled(f, r->ctx));
		TRY(rekey_entry(r, f, i, r->job->worker));
	}
out:
	return err;
}

static void
resemble_folder(const struct rekey *r, const char *path, size_t len)
{
	char *folder = len > 0 ? strndup(path, len) : strdup(".");
	int fd = folder ? openat(r->out_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
	struct stat st;

	if (fd >= 0 && fstatat(r->old->fd, folder, &st, AT_SYMLINK_NOFOLLOW) == 0)
		(void)file_take_after(fd, &st);
	file_close(&fd);
	free(folder);
}

/* Each folder once: the paths are in order. */
static void
resemble_folders(const struct rekey *r)
{
	const char *before = "";

	resemble_folder(r, "", 0);
	for (size_t i = 0; i < r->k.n_files; i++) {
		const char *path = r->k.files[i].path;

		for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
			if (strncmp(before, path, (size_t)(slash - path) + 1) != 0)
				resemble_folder(r, path, (size_t)(slash - path));
		before = path;
	}
}

static coffer_err
open_beside(struct fault *f, struct rekey *r)
{
	if (mkdir(r->out, 0777) != 0 && errno != EEXIST)
		return fault_errno(f, errno, "cannot create the folder %s", r->out);
	r->out_fd = open(r->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->out_fd < 0)
		return fault_errno(f, errno, "cannot open the folder %s", r->out);
	return model_lock_folder(f, r->out_fd, r->out);
}

static coffer_err
rekey_directory(struct fault *f, struct rekey *r, const char *path)
{
	struct buf doc = BUF_INIT(LIMIT_KEYBLOCK);
	struct staging staging = STAGING_INIT;
	coffer_err err;

	TRY(staging_begin(f, &staging, path));
	r->out = staging.path;
	TRY(open_beside(f, r));
	TRY(rekey_entries(f, r));
	TRY(keyblock_encode(f, &r->k, r->dek.p, &doc));
	TRY(changing_write_folder(f, r->out_fd, r->out, r->old->fd, buf_view(&doc)));
	resemble_folders(r);
	r->lost_signature = model_has_entry(r->old->fd, OUTER_NAME);
	TRY(staging_exchange(f, &staging));
out:
	file_close(&r->out_fd);
	buf_free(&doc);
	staging_end(&staging);
	return err;
}

static coffer_err
rekey_single(struct fault *f, struct rekey *r, const char *path)
{
	struct newfile n = NEWFILE_INIT;
	struct sealed from = {0};
	char *shown = NULL;
	coffer_err err;

	TRY(model_sealed(f, r->old, 0, &from, &shown));
	TRY(newfile_open(f, &n, path, from.in.mode, true));
	resemble(n.fd, from.in.fd);
	TRY(rekey_into(f, r, 0, &from, &n, r->job->worker));
	TRY(ctx_check_cancelled(f, r->ctx));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	sealed_close(&from);
	free(shown);
	return err;
}

static coffer_err
run_rekey(struct fault *f, struct rekey *r, const char *path)
{
	char *real = NULL; /* through a link it is what the link points to that is replaced */
	int fd = -1;
	coffer_err err;

	TRY(changing_lock(f, path, &fd));
	TRY(model_open(f, r->ctx, path, r->job->keys, MODEL_READ, &r->old));
	TRY(changing_check_still(f, fd, r->old));
	real = realpath(path, NULL);
	if (!real)
		TRY(fault_errno(f, errno, "cannot find %s", path));
	TRY(begin_rekey(f, r));
	err = r->old->directory ? rekey_directory(f, r, real) : rekey_single(f, r, real);
out:
	free(real);
	file_close(&fd);
	return err;
}

uint64_t
rekey_size(const struct keyblock *k)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < k->n_files; i++)
		if (!num_add(sum, k->files[i].size, &sum))
			return REKEY_SIZE_MAX;
	return num_min(sum, REKEY_SIZE_MAX);
}

coffer_err
rekey_model(struct fault *f, const struct rekey_job *job, const char *path, struct rekeyed *out)
{
	struct rekey r = {.job = job, .ctx = job->ctx, .k = KEYBLOCK_INIT, .dek = SECRET_INIT, .out_fd = -1};
	coffer_err err = run_rekey(f, &r, path);

	*out = (struct rekeyed){.bytes = 0};
	if (err == COFFER_OK) {
		out->bytes = rekey_size(&r.k);
		out->n_files = r.k.n_files;
		out->lost_signature = r.lost_signature;
		enc_hex(r.k.model_id, MODEL_ID_LEN, out->model_id);
	}
	if (!job->worker)
		atomic_store(&job->progress->path, ""); /* it was that of a file of @r */
	model_free(&r.old);
	secret_free(&r.dek);
	keyblock_free(&r.k);
	return err;
}

coffer_err
coffer_rekey(struct coffer_ctx *ctx, const char *path, const struct coffer_keyring *keys,
	     const struct coffer_keyring *to, struct coffer_stats *stats_out)
{
	struct progress progress;
	const struct rekey_job job = {.ctx = ctx, .keys = keys, .to = to, .progress = &progress};
	struct fault *f = ctx_begin(ctx);
	uint64_t start = now_ns();
	struct coffer_model *m = NULL;
	struct rekeyed what = {.bytes = 0};
	coffer_err err;

	TRY(model_load(f, ctx, path, MODEL_READ, &m));
	progress_begin(&progress, ctx, rekey_size(&m->keys));
	err = rekey_model(f, &job, path, &what);
	progress_end(&progress);
	if (what.lost_signature)
		ctx_notice(ctx, "%s: " REKEY_LOST_SIGNATURE, path);
	if (err == COFFER_OK && stats_out) {
		*stats_out = (struct coffer_stats){
			.n_files = what.n_files, .bytes = what.bytes, .seconds = (double)(now_ns() - start) / 1e9};
		memcpy(stats_out->model_id, what.model_id, sizeof(stats_out->model_id));
	}
out:
	model_free(&m);
	return err;
}
