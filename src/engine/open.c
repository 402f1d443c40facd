/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and checking.
 *
 * While a directory is being opened it has «.coffer.opening», which names the
 * sealed model.  Each plain file appears when all its records are verified and it is
 * durable, so what is there under its name when the same call comes again is done,
 * unless the folder had files of its own before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <coffer/open.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/num.h"
#include "base/path.h"
#include "crypto/kdf.h"
#include "engine/each.h"
#include "engine/model.h"
#include "engine/oms.h"
#include "engine/open_trust.h"
#include "engine/staging.h"
#include "engine/transfer.h"
#include "engine/walk.h"

#define MARK_LEN (2 * SHA256_LEN + 1) /* hex and a line end */

struct open_run {
	struct coffer_ctx *ctx;
	struct coffer_open_options opt;
	struct filter filter;
	const char *in, *out;
	struct coffer_model *model;
	int out_fd;	/* of a directory */
	bool write;	/* false to check alone */
	bool resuming;	/* an interrupted run: its folder was empty, so what is there is what it made */
	bool replacing; /* an interrupted run too, over files that were there: all are opened again */
	bool made_out;	/* the folder was not there before */
	bool going_on;	/* in place, and there is a mark, which is still to be believed */
	struct open_trust trust;
	size_t last;	      /* the file that is opened when all others are, or SIZE_MAX */
	struct buf signature; /* of a model of one file: that over its plain file, which is sealed beside it */
	bool *wanted;
	uint64_t n_wanted, bytes;
	struct progress progress;
	atomic_uint_fast64_t n_skipped;
};

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

static coffer_err
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

static coffer_err
check_file(struct fault *f, struct open_run *r, size_t index, struct pool_worker *w)
{
	struct sealed s = {0};
	const struct transfer t = {.sealed = &s, .progress = &r->progress};
	char *shown = NULL;
	coffer_err err;

	TRY(model_sealed(f, r->model, index, &s, &shown));
	TRY(transfer_file(f, r->ctx, &t, w));
out:
	sealed_close(&s);
	free(shown);
	return err;
}

static coffer_err
check_head(struct fault *f, struct open_run *r, size_t index)
{
	struct sealed s = {0};
	char *shown = NULL;
	coffer_err err = model_sealed(f, r->model, index, &s, &shown);

	sealed_close(&s);
	free(shown);
	/* an interrupted opening in place has taken some away already */
	return err == COFFER_E_NOTFOUND && r->opt.in_place ? COFFER_OK : err;
}

/* ---- a model of one file ---- */

static coffer_err
plain_name(struct fault *f, const char *in, char **out)
{
	size_t len = strlen(in), suffix = sizeof(SUFFIX) - 1;

	if (len <= suffix || strcmp(in + len - suffix, SUFFIX) != 0 || in[len - suffix - 1] == '/')
		return fault_set(f, COFFER_E_USAGE, "in place a sealed file must be called NAME%s, to become NAME",
				 SUFFIX);
	*out = strndup(in, len - suffix);
	return *out ? COFFER_OK : fault_nomem(f);
}

static coffer_err
check_not_same(struct fault *f, const struct open_run *r, const char *out)
{
	struct stat a, b;

	if (fstat(r->model->fd, &a) == 0 && stat(out, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return fault_set(f, COFFER_E_USAGE, "%s is the input itself; name another output, or --in-place", out);
	return COFFER_OK;
}

/* Whether a plain file of the right size stands at @out: what an interrupted run in place may have made. */
static bool
may_be_done(const struct open_run *r, const char *out, uint64_t size)
{
	struct stat st;

	return r->opt.in_place && lstat(out, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

static coffer_err
check_same_bytes(struct fault *f, const struct newfile *n, const char *path, uint64_t size)
{
	enum { PIECE = 1 << 16 };
	uint8_t *a = malloc(2 * PIECE);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	coffer_err err = COFFER_OK;

	if (!a)
		TRY(fault_nomem(f));
	if (fd < 0)
		TRY(fault_errno(f, errno, "cannot open %s", path));
	for (uint64_t off = 0; off < size; off += PIECE) {
		size_t len = (size_t)num_min(PIECE, size - off);

		TRY(file_read_at(f, n->fd, n->shown, a, len, off));
		TRY(file_read_at(f, fd, path, a + PIECE, len, off));
		if (memcmp(a, a + PIECE, len) != 0)
			TRY(fault_set(f, COFFER_E_EXISTS, "%s exists and is not what is sealed; --force replaces it",
				      path));
	}
out:
	file_close(&fd);
	free(a);
	return err;
}

/* The plain file of an interrupted run in place is not believed: it is compared, and replaced by what was verified. */
static coffer_err
write_single(struct fault *f, struct open_run *r, struct sealed *s, const char *out)
{
	struct newfile n = NEWFILE_INIT;
	bool again = may_be_done(r, out, s->head.size);
	coffer_err err;

	TRY(newfile_open(f, &n, out, s->in.mode, r->opt.force || again));
	if (r->opt.dry_run)
		goto out;
	TRY(open_into(f, r, 0, s, &n, NULL));
	TRY(ctx_check_cancelled(f, r->ctx));
	if (again && !r->opt.force)
		TRY(check_same_bytes(f, &n, out, s->head.size));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	return err;
}

static coffer_err
remove_single(struct fault *f, const char *path)
{
	if (unlink(path) != 0)
		return fault_errno(f, errno, "opened, but cannot remove the sealed %s", path);
	return file_sync_parent(f, path);
}

/* ---- its signature, sealed beside it ---- */

/* All of file @index of @m, which is a signature. */
static coffer_err
read_sealed(struct fault *f, struct coffer_model *m, size_t index, struct buf *out)
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

/* Whether @m is the signature of the file that @r opens: one is sealed under the file's name with «.sig» behind it. */
static bool
is_signature_of(const struct open_run *r, const struct coffer_model *m)
{
	const char *path = r->model->keys.files[0].path, *own = m->keys.files[0].path;
	size_t len = strlen(path);

	return !m->directory && strncmp(own, path, len) == 0 && strcmp(own + len, ".sig") == 0;
}

static coffer_err
find_signature(struct fault *f, struct open_run *r, const struct coffer_keyring *keys)
{
	struct coffer_model *m = NULL;
	struct fault why;
	char *path = NULL;
	coffer_err err;

	TRY(model_inner_path(f, r->in, &path));
	if (access(path, F_OK) != 0)
		goto out;
	if (model_open(&why, r->ctx, path, keys, MODEL_READ, &m) != COFFER_OK) {
		ctx_notice(r->ctx, "the signature of the plain file stays sealed: %s", why.text);
		goto out;
	}
	if (!is_signature_of(r, m))
		goto out;
	TRY(read_sealed(f, m, 0, &r->signature));
	if (r->trust.trust && !r->opt.outer_alone)
		TRY(open_trust_inner(f, &r->trust, r->model, path, buf_view(&r->signature)));
out:
	model_free(&m);
	free(path);
	return err;
}

static bool
is_file_of(const char *path, const struct buf *bytes)
{
	struct buf there = BUF_INIT(LIMIT_BUNDLE);
	bool same = file_slurp(NULL, path, LIMIT_BUNDLE, &there, NULL) == COFFER_OK && there.len == bytes->len &&
		    memcmp(there.p, bytes->p, bytes->len) == 0;

	buf_free(&there);
	return same;
}

/* @path, or nothing to write: there is no signature, or an interrupted run in place has written it. */
static coffer_err
signature_path(struct fault *f, const struct open_run *r, const char *out, char **path)
{
	struct stat st;

	*path = NULL;
	if (r->signature.len == 0)
		return COFFER_OK;
	if (asprintf(path, "%s.sig", out) < 0) {
		*path = NULL;
		return fault_nomem(f);
	}
	if (lstat(*path, &st) != 0 || r->opt.force)
		return COFFER_OK;
	if (!is_file_of(*path, &r->signature))
		return fault_set(f, COFFER_E_EXISTS, "%s exists; --force replaces it", *path);
	free(*path);
	*path = NULL;
	return COFFER_OK;
}

/* In place: the signature over the sealed file, which is no more, and the sealed one of the plain file, which is plain now. */
static coffer_err
remove_signatures(struct fault *f, struct open_run *r)
{
	struct buf json = BUF_INIT(LIMIT_BUNDLE);
	char *inner = NULL, *outer = NULL;
	coffer_err err;

	TRY(model_inner_path(f, r->in, &inner));
	TRY(model_outer_path(f, r->in, false, &outer));
	if (file_slurp(NULL, outer, LIMIT_BUNDLE, &json, NULL) == COFFER_OK && oms_is_signature(buf_view(&json)))
		TRY(remove_single(f, outer));
	if (r->signature.len > 0)
		TRY(remove_single(f, inner));
out:
	buf_free(&json);
	free(inner);
	free(outer);
	return err;
}

static coffer_err
open_single(struct fault *f, struct open_run *r)
{
	struct sealed s = {0};
	char *own_out = NULL, *shown = NULL, *signature = NULL;
	const char *out = r->out;
	coffer_err err;

	if (r->opt.in_place) {
		TRY(file_check_no_link(f, r->in));
		TRY(plain_name(f, r->in, &own_out));
		out = own_out;
	}
	TRY(check_not_same(f, r, out));
	TRY(signature_path(f, r, out, &signature));
	TRY(model_sealed(f, r->model, 0, &s, &shown));
	TRY(write_single(f, r, &s, out));
	if (r->opt.dry_run)
		goto out;
	if (signature)
		TRY(file_write_new(f, signature, r->signature.p, r->signature.len, 0666, r->opt.force));
	if (r->opt.in_place) {
		TRY(remove_single(f, r->in));
		TRY(remove_signatures(f, r));
	}
out:
	sealed_close(&s);
	free(own_out);
	free(shown);
	free(signature);
	return err;
}

/* ---- a model of a directory ---- */

/*
 * Whether an interrupted run of the same call has made this file already.  In place only when the sealed file has
 * gone: while it is there, opening it again is the surer way; as it is where a publisher is asked for.
 */
static bool
is_done(const struct open_run *r, int dirfd, const char *path, uint64_t size)
{
	char name[LIMIT_PATH_PART + sizeof(SUFFIX)];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s%s", path_base(path), SUFFIX);
	if (r->opt.in_place ? model_has_entry(dirfd, name) : r->trust.trust != NULL)
		return false;
	return r->resuming && fstatat(dirfd, path_base(path), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == size;
}

/* One that an earlier run has made, who knows whether for the same publisher. */
static coffer_err
check_done(struct fault *f, const struct open_run *r, int dirfd, const char *path)
{
	int fd;
	coffer_err err;

	if (!r->trust.has_inner)
		return COFFER_OK;
	TRY(path_open(f, dirfd, r->out, path_base(path), PATH_NO_LINKS, &fd));
	err = open_trust_plain(f, &r->trust, fd, path, path);
	file_close(&fd);
out:
	return err;
}

static coffer_err
remove_sealed(struct fault *f, struct open_run *r, int dirfd, const char *path)
{
	char *name = NULL;
	coffer_err err = COFFER_OK;

	if (asprintf(&name, "%s%s", path_base(path), SUFFIX) < 0)
		return fault_nomem(f);
	if (unlinkat(dirfd, name, 0) != 0 && errno != ENOENT)
		err = fault_errno(f, errno, "opened, but cannot remove the sealed %s/%s%s", r->in, path, SUFFIX);
	else /* it must not come back after the key block is gone */
		err = file_sync_dir(f, dirfd, r->in);
	free(name);
	return err;
}

static coffer_err
write_plain(struct fault *f, struct open_run *r, size_t index, int dirfd, struct pool_worker *w)
{
	const struct keyblock_file *file = &r->model->keys.files[index];
	struct newfile n = NEWFILE_INIT;
	struct sealed s = {0};
	char *shown = NULL, *plain = NULL;
	coffer_err err;

	if (asprintf(&plain, "%s/%s", r->out, file->path) < 0)
		return fault_nomem(f);
	TRY(model_sealed(f, r->model, index, &s, &shown));
	TRY(newfile_open_at(f, &n, dirfd, path_base(file->path), plain, s.in.mode,
			    r->opt.force || r->resuming || r->replacing));
	TRY(open_into(f, r, index, &s, &n, w));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	sealed_close(&s);
	free(shown);
	free(plain);
	return err;
}

static coffer_err
open_entry(void *arg, struct fault *f, size_t index, struct pool_worker *w)
{
	struct open_run *r = arg;
	const struct keyblock_file *file = &r->model->keys.files[index];
	int dirfd = -1;
	coffer_err err = COFFER_OK;

	if (!r->wanted[index] || index == r->last)
		return COFFER_OK;
	atomic_store(&r->progress.path, file->path);
	if (!r->write)
		return check_file(f, r, index, w);
	TRY(path_parent(f, r->out_fd, r->out, file->path, true, &dirfd));
	if (is_done(r, dirfd, file->path, file->size)) {
		TRY(check_done(f, r, dirfd, file->path));
		atomic_fetch_add(&r->n_skipped, 1);
		progress_add(&r->progress, file->size);
	} else {
		TRY(write_plain(f, r, index, dirfd, w));
	}
	if (r->opt.in_place)
		TRY(remove_sealed(f, r, dirfd, file->path));
out:
	file_close(&dirfd);
	return err;
}

static uint64_t
entry_size(void *arg, size_t index)
{
	const struct open_run *r = arg;

	return r->model->keys.files[index].size;
}

/*
 * The mark names the sealed model, so that another one is not taken for it, and takes the DEK to
 * make: a plain file that somebody put beside a forged one would pass for opened.
 */
static coffer_err
mark_text(struct fault *f, const struct open_run *r, const char *label, char out[static MARK_LEN + 1])
{
	const struct keyblock *k = &r->model->keys;
	uint8_t info[64], mark[SHA256_LEN];
	size_t len = strlen(label);
	coffer_err err;

	memcpy(info, label, len);
	memcpy(info + len, k->mac, SHA256_LEN);
	err = hkdf_sha256(f, view_of(r->model->dek.p, DEK_LEN), view_of(k->model_id, MODEL_ID_LEN),
			  view_of(info, len + SHA256_LEN), mark, sizeof(mark));
	enc_hex(mark, sizeof(mark), out);
	out[MARK_LEN - 1] = '\n';
	out[MARK_LEN] = '\0';
	return err;
}

static coffer_err
read_mark(struct fault *f, struct open_run *r, const char fresh[static MARK_LEN], const char over[static MARK_LEN])
{
	struct buf text = BUF_INIT(MARK_LEN);
	coffer_err err = file_slurp_at(f, r->out_fd, OPENING_NAME, r->out, MARK_LEN, &text);

	r->resuming = text.len == MARK_LEN && memcmp(text.p, fresh, MARK_LEN) == 0;
	r->replacing = text.len == MARK_LEN && memcmp(text.p, over, MARK_LEN) == 0;
	if (err == COFFER_OK && (r->resuming || r->replacing)) {
		ctx_notice(r->ctx, "continuing the interrupted opening of %s", r->in);
	} else if (err == COFFER_OK || err == COFFER_E_FORMAT) {
		err = fault_set(f, COFFER_E_EXISTS,
				"%s holds an interrupted opening of another sealed model; name another folder", r->out);
	} else if (err == COFFER_E_NOTFOUND) {
		fault_clear(f);
		err = COFFER_OK;
	}
	buf_free(&text);
	return err;
}

static coffer_err
set_mark(struct fault *f, struct open_run *r)
{
	char fresh[MARK_LEN + 1], over[MARK_LEN + 1];
	struct newfile n = NEWFILE_INIT;
	bool empty = true;
	coffer_err err;

	TRY(mark_text(f, r, "coffer/1 opening", fresh));
	TRY(mark_text(f, r, "coffer/1 opening over", over));
	TRY(read_mark(f, r, fresh, over));
	if (r->resuming || r->replacing)
		goto out;
	if (!r->opt.in_place)
		TRY(staging_is_empty(f, r->out_fd, r->out, &empty));
	if (!empty && !r->opt.force)
		TRY(fault_set(f, COFFER_E_EXISTS, "%s is not empty; name a new folder, or --force replaces files in it",
			      r->out));
	if (r->opt.dry_run)
		goto out;
	TRY(newfile_open_at(f, &n, r->out_fd, OPENING_NAME, OPENING_NAME, 0666, false));
	TRY(file_write_at(f, n.fd, OPENING_NAME, empty ? fresh : over, MARK_LEN, 0));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	return err;
}

static coffer_err
open_output(struct fault *f, struct open_run *r)
{
	coffer_err err;

	if (r->opt.in_place) {
		r->out = r->in;
		r->out_fd = fcntl(r->model->fd, F_DUPFD_CLOEXEC, 3);
	} else {
		r->made_out = mkdir(r->out, 0777) == 0;
		if (!r->made_out && errno != EEXIST)
			return fault_errno(f, errno, "cannot create the folder %s", r->out);
		r->out_fd = open(r->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (r->out_fd < 0 && errno == ENOTDIR)
		return fault_set(f, COFFER_E_EXISTS, "%s is a file; a sealed directory opens to a directory", r->out);
	if (r->out_fd < 0)
		return fault_errno(f, errno, "cannot open the folder %s", r->out);
	TRY(model_lock_folder(f, r->out_fd, r->out));
	TRY(file_sync_parent(f, r->out));
out:
	return err;
}

static coffer_err
remove_mark(struct fault *f, struct open_run *r, const char *name)
{
	if (unlinkat(r->out_fd, name, 0) != 0 && errno != ENOENT)
		return fault_errno(f, errno, "cannot remove %s/%s", r->out, name);
	return file_sync_dir(f, r->out_fd, r->out);
}

/* Scratch for one thread a file: as much as the one with the largest records takes. */
static coffer_err
find_scratch(struct fault *f, struct open_run *r, size_t *out)
{
	coffer_err err = COFFER_OK;

	*out = 0;
	for (size_t i = 0; r->trust.has_inner && i < r->model->keys.n_files; i++) {
		struct sealed s = {0};
		char *shown = NULL;
		size_t scratch = 0;

		if (!r->wanted[i] || entry_size(r, i) <= TRANSFER_SMALL)
			continue;
		err = model_sealed(f, r->model, i, &s, &shown);
		if (err == COFFER_OK)
			scratch = transfer_scratch(s.head.record_size);
		sealed_close(&s);
		free(shown);
		TRY(err);
		*out = scratch > *out ? scratch : *out;
	}
out:
	return err;
}

static coffer_err
each_entry(struct fault *f, struct open_run *r)
{
	struct each each = {
		.n = r->model->keys.n_files,
		.size = entry_size,
		.file = open_entry,
		.arg = r,
		.one_by_one = r->opt.in_place,
	};
	coffer_err err;

	if (!r->opt.in_place)
		TRY(find_scratch(f, r, &each.side_by_side));
	TRY(each_file(f, r->ctx, &each));
out:
	return err;
}

/*
 * After an integrity fault the model will never be whole: nothing of it is left, lest somebody
 * uses the part.  (After any other fault what is done stays, and the same call goes on.)  The
 * folder was empty, or held our own part, so that all in it is ours.
 */
static void
abandon(struct open_run *r)
{
	for (size_t i = 0; i < r->model->keys.n_files; i++) {
		const char *path = r->model->keys.files[i].path;
		int dirfd = -1;

		if (path_parent(NULL, r->out_fd, r->out, path, false, &dirfd) == COFFER_OK)
			(void)unlinkat(dirfd, path_base(path), 0);
		file_close(&dirfd);
	}
	(void)unlinkat(r->out_fd, OPENING_NAME, 0);
	staging_remove_folders(r->out, !r->made_out);
}

/* The signature over the plain files; after an interrupted run in place it may be a plain file itself. */
static coffer_err
check_inner(struct fault *f, struct open_run *r)
{
	size_t index = keyblock_find(&r->model->keys, INNER_NAME);
	struct buf json = BUF_INIT(LIMIT_BUNDLE);
	coffer_err err;

	if (index == SIZE_MAX)
		return COFFER_OK;
	err = read_sealed(f, r->model, index, &json);
	if (err == COFFER_E_NOTFOUND && r->going_on)
		err = file_slurp_at(f, r->model->fd, INNER_NAME, INNER_NAME, LIMIT_BUNDLE, &json);
	TRY(err);
	TRY(open_trust_inner(f, &r->trust, r->model, INNER_NAME, buf_view(&json)));
out:
	buf_free(&json);
	return err;
}

/*
 * Half of the sealed files have gone, so that the signature over them says nothing any more; an earlier run has seen it, or
 * nobody has.  The one over the plain files covers all there is, and is asked for.
 */
static coffer_err
check_going_on(struct fault *f, struct open_run *r)
{
	coffer_err err;

	if (!r->going_on || !r->trust.trust)
		return COFFER_OK;
	TRY(check_inner(f, r));
	if (!r->trust.has_inner)
		TRY(fault_set(
			f, COFFER_E_POLICY,
			"%s: its opening in place was interrupted, and without a signature of its plain files nobody "
			"can say whose those are that are opened already",
			r->in));
	ctx_notice(r->ctx, "%s was opened in part before; the signature of its plain files is what it is held against",
		   r->in);
out:
	return err;
}

/* The heads, and what can be told of the output without making it. */
static coffer_err
dry_run_directory(struct fault *f, struct open_run *r)
{
	struct stat st;
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < r->model->keys.n_files; i++)
		if (r->wanted[i])
			TRY(check_head(f, r, i));
	if (r->opt.in_place || stat(r->out, &st) == 0 || errno != ENOENT) {
		TRY(open_output(f, r));
		TRY(set_mark(f, r));
		TRY(check_going_on(f, r));
	}
out:
	return err;
}

/* In place the signature is the last to lose its sealed form: until then the same call can go on. */
static coffer_err
open_entries(struct fault *f, struct open_run *r)
{
	size_t last = r->opt.in_place ? keyblock_find(&r->model->keys, INNER_NAME) : SIZE_MAX;
	coffer_err err;

	r->last = last;
	TRY(each_entry(f, r));
	r->last = SIZE_MAX;
	if (last != SIZE_MAX)
		TRY(open_entry(r, f, last, NULL));
out:
	return err;
}

static coffer_err
open_directory(struct fault *f, struct open_run *r)
{
	coffer_err err;

	TRY(open_output(f, r));
	TRY(set_mark(f, r));
	TRY(check_going_on(f, r));
	err = open_entries(f, r);
	if (coffer_err_exit(err) == 5 && !r->opt.in_place && !r->opt.force && !r->replacing)
		abandon(r);
	TRY(err);
	if (r->opt.in_place) {
		TRY(remove_mark(f, r, OUTER_NAME));
		TRY(remove_mark(f, r, KEYBLOCK_NAME));
	}
	TRY(remove_mark(f, r, OPENING_NAME));
out:
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
		TRY(find_signature(f, r, keys));
	else if (r->trust.trust && !r->opt.outer_alone && !r->going_on)
		TRY(check_inner(f, r));
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
		err = each_entry(f, r);
	else if (r->model->directory)
		err = r->opt.dry_run ? dry_run_directory(f, r) : open_directory(f, r);
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
