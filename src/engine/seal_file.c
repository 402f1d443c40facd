/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing a file: its sealed file is made without a name, then named.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "engine/seal_run.h"
#include "engine/transfer.h"

/* ---- one file ---- */

coffer_err
seal_check_unchanged(struct fault *f, const struct input *in, uint64_t size, const struct timespec *mtime)
{
	struct stat st;

	if (in->source)
		return COFFER_OK; /* of our own */
	if (fstat(in->fd, &st) != 0)
		return fault_errno(f, errno, "cannot read %s", in->shown);
	if ((uint64_t)st.st_size != size || st.st_mtim.tv_sec != mtime->tv_sec || st.st_mtim.tv_nsec != mtime->tv_nsec)
		return fault_set(f, COFFER_E_CHANGED,
				 "%s changed while it was sealed; seal it when nobody writes to it", in->shown);
	return COFFER_OK;
}

coffer_err
seal_reread(struct fault *f, struct seal_run *r, int fd, const char *shown, struct pool_worker *w)
{
	struct input in = INPUT_INIT;
	struct sealed s = {0};
	struct transfer t = {.sealed = &s};
	coffer_err err;

	if (fsync(fd) != 0)
		TRY(fault_errno(f, errno, "cannot make %s durable", shown));
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	TRY(input_from_fd(f, &in, fcntl(fd, F_DUPFD_CLOEXEC, 3), shown));
	TRY(sealed_open(f, &s, &in, r->dek.p));
	TRY(transfer_file(f, r->ctx, &t, w));
out:
	sealed_close(&s);
	input_close(&in);
	return err;
}

coffer_err
seal_into(struct fault *f, struct seal_run *r, size_t index, struct input *in, struct newfile *n, bool single,
	  struct pool_worker *w)
{
	struct keyblock_file *file = &r->kb.files[index];
	struct sealing s = {.out = {.fd = n->fd, .shown = n->shown}};
	struct stream_hash hash = {.ctx = NULL};
	struct transfer t = {.plain = in, .into = &s, .progress = &r->progress};
	struct buf doc = BUF_INIT(LIMIT_KEYBLOCK);
	/* the plain file's time: how an interrupted run tells what it has done */
	const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, r->walk.files[index].mtime};
	coffer_err err;

	s.head = (struct head){
		.embedded = single,
		.index = (uint32_t)index,
		.count = (uint32_t)r->kb.n_files,
		.size = file->size,
		.record_size = r->opt.record_size,
	};
	memcpy(s.head.model_id, r->kb.model_id, MODEL_ID_LEN);
	memcpy(s.head.path, file->path, strlen(file->path) + 1);
	TRY(sealing_begin(f, &s, r->dek.p));
	/* the final size at once: a file system that has huge pages can use them */
	if (ftruncate(n->fd, (off_t)s.at.end) != 0)
		TRY(fault_errno(f, errno, "cannot write %s", n->shown));
	if (seal_sign_wants(r, index)) {
		TRY(seal_sign_hash(f, r, index, &hash));
		t.hash = &hash;
	}
	TRY(transfer_file(f, r->ctx, &t, w));
	TRY(seal_check_unchanged(f, in, file->size, &r->walk.files[index].mtime));
	if (t.hash)
		TRY(seal_sign_hashed(f, r, index, &hash));
	memcpy(file->head, s.a_hash, SHA256_LEN);
	file->sealed = true;
	if (single)
		TRY(keyblock_encode(f, &r->kb, r->dek.p, &doc));
	TRY(sealing_write_head(f, &s, buf_view(&doc)));
	if (futimens(n->fd, times) != 0)
		TRY(fault_errno(f, errno, "cannot set the time of %s", n->shown));
out:
	stream_hash_free(&hash);
	buf_free(&doc);
	sealing_end(&s);
	return err;
}

coffer_err
seal_check_plain(struct fault *f, const struct input *in)
{
	uint8_t start[8];
	coffer_err err;

	if (in->size < sizeof(start))
		return COFFER_OK;
	err = input_read(f, in, 0, start, sizeof(start));
	if (err == COFFER_OK && head_is_sealed(start, sizeof(start)))
		err = fault_set(f, COFFER_E_SEALED, "%s is sealed already", in->shown);
	return err;
}

/* ---- a model of one file ---- */

static coffer_err
plan_single(struct fault *f, struct seal_run *r, const struct input *in)
{
	struct stat st;
	coffer_err err;

	r->walk.files = calloc(1, sizeof(*r->walk.files));
	r->kb.files = calloc(1, sizeof(*r->kb.files));
	if (!r->walk.files || !r->kb.files)
		return fault_nomem(f);
	r->walk.n = 1;
	r->kb.n_files = 1;
	r->walk.files[0].path = strdup(path_base(r->in));
	r->kb.files[0].path = strdup(path_base(r->in));
	if (!r->walk.files[0].path || !r->kb.files[0].path)
		return fault_nomem(f);
	if (fstat(in->fd, &st) != 0)
		return fault_errno(f, errno, "cannot read %s", r->in);
	err = path_check(f, r->kb.files[0].path, strlen(r->kb.files[0].path));
	if (err != COFFER_OK) {
		(void)fault_prefix(f, "%s cannot be sealed", r->in);
		return COFFER_E_USAGE;
	}
	if (in->size > LIMIT_SIZE)
		return fault_set(f, COFFER_E_USAGE, "%s is too large", r->in);
	r->kb.files[0].size = in->size;
	r->walk.files[0].size = in->size;
	r->walk.files[0].mtime = st.st_mtim;
	r->walk.bytes = in->size;
	return COFFER_OK;
}

static coffer_err
check_not_same(struct fault *f, const struct input *in, const char *out)
{
	struct stat a, b;

	if (fstat(in->fd, &a) == 0 && stat(out, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return fault_set(f, COFFER_E_USAGE, "%s is the input itself; name another output, or --in-place", out);
	return COFFER_OK;
}

static coffer_err
remove_plain(struct fault *f, const char *path)
{
	if (unlink(path) != 0)
		return fault_errno(f, errno, "sealed, but cannot remove the plain %s", path);
	return file_sync_parent(f, path);
}

/* Open every record of @m: the plain file goes next.  Where it is to be signed it is hashed by the way. */
static coffer_err
verify_all(struct fault *f, struct seal_run *r, struct coffer_model *m)
{
	struct stream_hash hash = {.ctx = NULL};
	struct sealed s = {0};
	struct transfer t = {.sealed = &s};
	char *shown = NULL;
	coffer_err err;

	TRY(model_sealed(f, m, 0, &s, &shown));
	if (r->sign.on) {
		TRY(seal_sign_hash(f, r, 0, &hash));
		t.hash = &hash;
	}
	TRY(transfer_run(f, r->ctx, &t));
	if (t.hash)
		TRY(seal_sign_hashed(f, r, 0, &hash));
out:
	stream_hash_free(&hash);
	sealed_close(&s);
	free(shown);
	return err;
}

/* Whether @out is what an interrupted run in place has made of the plain file, which is then left to remove. */
static bool
is_done_in_place(struct seal_run *r, const char *out)
{
	const struct timespec *mtime = &r->walk.files[0].mtime;
	struct coffer_model *m = NULL;
	struct fault unused;
	struct stat st;
	bool done;

	done = stat(out, &st) == 0 && st.st_mtim.tv_sec == mtime->tv_sec && st.st_mtim.tv_nsec == mtime->tv_nsec &&
	       model_open(&unused, r->ctx, out, r->keys, MODEL_READ, &m) == COFFER_OK && !m->directory &&
	       m->keys.files[0].size == r->walk.files[0].size &&
	       strcmp(m->keys.files[0].path, r->walk.files[0].path) == 0 && verify_all(&unused, r, m) == COFFER_OK;
	if (done)
		memcpy(r->kb.model_id, m->keys.model_id, MODEL_ID_LEN);
	model_free(&m);
	return done;
}

static coffer_err
write_single(struct fault *f, struct seal_run *r, struct input *in, const char *out)
{
	struct newfile n = NEWFILE_INIT;
	coffer_err err;

	TRY(newfile_open(f, &n, out, in->mode, r->opt.force));
	TRY(seal_new_keys(f, r));
	if (r->opt.dry_run)
		goto out;
	progress_begin(&r->progress, r->ctx, in->size);
	atomic_store(&r->progress.path, r->walk.files[0].path);
	err = seal_into(f, r, 0, in, &n, true, NULL);
	if (err == COFFER_OK && r->opt.in_place)
		err = seal_reread(f, r, n.fd, out, NULL);
	progress_end(&r->progress);
	TRY(err);
	TRY(ctx_check_cancelled(f, r->ctx));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	return err;
}

/* ---- its signatures ---- */

/* Beside the sealed file. */
struct places {
	char *inner; /* the sealed signature over the plain file */
	char *outer; /* the signature over the sealed file */
};

static coffer_err
choose_places(struct fault *f, const char *out, bool replace, struct places *p)
{
	struct stat st;
	coffer_err err;

	TRY(model_inner_path(f, out, &p->inner));
	TRY(model_outer_path(f, out, false, &p->outer));
	if (!replace && lstat(p->inner, &st) == 0)
		TRY(fault_set(f, COFFER_E_EXISTS, "%s exists; --force replaces it", p->inner));
	if (!replace && lstat(p->outer, &st) == 0)
		TRY(fault_set(f, COFFER_E_EXISTS, "%s exists; --force replaces it", p->outer));
out:
	return err;
}

/* A signature of @r's file as a model of one file: for the same keys, and with what is public of the other. */
static coffer_err
plan_signature(struct fault *f, const struct seal_run *r, size_t len, struct seal_run *own)
{
	char *name = NULL;
	coffer_err err;

	if (asprintf(&name, "%s.sig", r->walk.files[0].path) < 0)
		return fault_nomem(f);
	err = path_check(f, name, strlen(name));
	if (err != COFFER_OK) {
		(void)fault_prefix(f, "the signature of %s cannot be sealed", r->in);
		err = COFFER_E_USAGE;
		goto out;
	}
	(void)snprintf(own->kb.name, sizeof(own->kb.name), "%s", name);
	(void)snprintf(own->kb.version, sizeof(own->kb.version), "%s", r->kb.version);
	own->kb.context = calloc(r->kb.n_context + 1, sizeof(*own->kb.context));
	own->walk.files = calloc(1, sizeof(*own->walk.files));
	own->kb.files = calloc(1, sizeof(*own->kb.files));
	if (!own->kb.context || !own->walk.files || !own->kb.files)
		TRY(fault_nomem(f));
	memcpy(own->kb.context, r->kb.context, r->kb.n_context * sizeof(*own->kb.context));
	own->kb.n_context = r->kb.n_context;
	own->walk.n = own->kb.n_files = 1;
	own->walk.files[0].path = strdup(name);
	own->kb.files[0].path = strdup(name);
	if (!own->walk.files[0].path || !own->kb.files[0].path)
		TRY(fault_nomem(f));
	own->walk.files[0].size = own->kb.files[0].size = len;
	(void)clock_gettime(CLOCK_REALTIME, &own->walk.files[0].mtime);
out:
	free(name);
	return err;
}

static coffer_err
seal_signature(struct fault *f, struct seal_run *r, const char *path)
{
	struct seal_run own = {
		.ctx = r->ctx,
		.keys = r->keys,
		.opt = r->opt,
		.in = path,
		.in_fd = -1,
		.out_fd = -1,
		.kb = KEYBLOCK_INIT,
		.dek = SECRET_INIT,
	};
	struct buf json = BUF_INIT(LIMIT_BUNDLE);
	struct coffer_source source;
	struct input in;
	coffer_err err;

	own.opt.force = true;
	own.opt.in_place = false;
	TRY(seal_sign_inner(f, r, &json));
	source = seal_sign_source(&json);
	input_from_source(&in, &source, path);
	in.mode = 0666;
	TRY(plan_signature(f, r, json.len, &own));
	TRY(write_single(f, &own, &in, path));
out:
	secret_free(&own.dek);
	keyblock_free(&own.kb);
	walk_free(&own.walk);
	buf_free(&json);
	return err;
}

static coffer_err
sign_single(struct fault *f, struct seal_run *r, const char *out, const struct places *p)
{
	coffer_err err;

	TRY(seal_signature(f, r, p->inner));
	TRY(seal_sign_outer(f, r, out, p->outer, NULL));
out:
	return err;
}

/* Into @out, unless that is there from a run in place that was interrupted. */
static coffer_err
seal_to(struct fault *f, struct seal_run *r, struct input *in, const char *out)
{
	bool done = r->opt.in_place && is_done_in_place(r, out);
	struct places places = {NULL, NULL};
	coffer_err err = COFFER_OK;

	if (r->sign.on)
		TRY(choose_places(f, out, r->opt.force || done, &places));
	if (done)
		atomic_fetch_add(&r->n_skipped, 1);
	else
		TRY(write_single(f, r, in, out));
	if (r->opt.dry_run)
		goto out;
	if (r->sign.on)
		TRY(sign_single(f, r, out, &places));
	if (r->opt.in_place)
		TRY(remove_plain(f, r->in));
out:
	free(places.inner);
	free(places.outer);
	return err;
}

coffer_err
seal_single(struct fault *f, struct seal_run *r, int fd)
{
	struct input in = INPUT_INIT;
	char *own_out = NULL;
	const char *out = r->out;
	coffer_err err;

	TRY(input_from_fd(f, &in, fd, r->in));
	TRY(seal_check_plain(f, &in));
	if (r->opt.in_place)
		TRY(file_check_no_link(f, r->in));
	TRY(plan_single(f, r, &in));
	TRY(seal_sign_ready(f, r));
	if (!out && asprintf(&own_out, "%s%s", r->in, SUFFIX) < 0) {
		own_out = NULL;
		TRY(fault_nomem(f));
	}
	out = out ? out : own_out;
	TRY(check_not_same(f, &in, out));
	TRY(seal_to(f, r, &in, out));
out:
	input_close(&in);
	free(own_out);
	return err;
}
