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
open_into(struct fault *f, struct open_run *r, struct sealed *s, struct newfile *n, struct pool_worker *w)
{
	const struct output out = {.fd = n->fd, .shown = n->shown};
	const struct transfer t = {.sealed = s, .out = &out, .progress = &r->progress};

	/* the final size at once: a file system that has huge pages can use them */
	if (ftruncate(n->fd, (off_t)s->head.size) != 0)
		return fault_errno(f, errno, "cannot write %s", n->shown);
	return transfer_file(f, r->ctx, &t, w);
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
	TRY(open_into(f, r, s, &n, NULL));
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

static coffer_err
open_single(struct fault *f, struct open_run *r)
{
	struct sealed s = {0};
	char *own_out = NULL, *shown = NULL;
	coffer_err err;

	if (r->opt.in_place) {
		TRY(file_check_no_link(f, r->in));
		TRY(plain_name(f, r->in, &own_out));
	}
	TRY(check_not_same(f, r, own_out ? own_out : r->out));
	TRY(model_sealed(f, r->model, 0, &s, &shown));
	TRY(write_single(f, r, &s, own_out ? own_out : r->out));
	if (r->opt.in_place && !r->opt.dry_run)
		TRY(remove_single(f, r->in));
out:
	sealed_close(&s);
	free(own_out);
	free(shown);
	return err;
}

/* ---- a model of a directory ---- */

/*
 * Whether an interrupted run of the same call has made this file already.  In place only when the sealed file has
 * gone: while it is there, opening it again is the surer way.
 */
static bool
is_done(const struct open_run *r, int dirfd, const char *path, uint64_t size)
{
	char name[LIMIT_PATH_PART + sizeof(SUFFIX)];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s%s", path_base(path), SUFFIX);
	if (r->opt.in_place && model_has_entry(dirfd, name))
		return false;
	return r->resuming && fstatat(dirfd, path_base(path), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == size;
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
	TRY(open_into(f, r, &s, &n, w));
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

	if (!r->wanted[index])
		return COFFER_OK;
	atomic_store(&r->progress.path, file->path);
	if (!r->write)
		return check_file(f, r, index, w);
	TRY(path_parent(f, r->out_fd, r->out, file->path, true, &dirfd));
	if (is_done(r, dirfd, file->path, file->size)) {
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

static coffer_err
each_entry(struct fault *f, struct open_run *r)
{
	const struct each each = {
		.n = r->model->keys.n_files,
		.size = entry_size,
		.file = open_entry,
		.arg = r,
		.one_by_one = r->opt.in_place,
	};

	return each_file(f, r->ctx, &each);
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
	}
out:
	return err;
}

static coffer_err
open_directory(struct fault *f, struct open_run *r)
{
	coffer_err err;

	TRY(open_output(f, r));
	TRY(set_mark(f, r));
	err = each_entry(f, r);
	if (coffer_err_exit(err) == 5 && !r->opt.in_place && !r->opt.force && !r->replacing)
		abandon(r);
	TRY(err);
	if (r->opt.in_place)
		TRY(remove_mark(f, r, KEYBLOCK_NAME));
	TRY(remove_mark(f, r, OPENING_NAME));
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
	TRY(model_open(f, r->ctx, r->in, keys, is_opening_in_place(r) ? MODEL_OPENING : MODEL_READ, &r->model));
	TRY(choose_files(f, r));
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
	model_free(&r->model);
	file_close(&r->out_fd);
	free(r->wanted);
	return err;
}

coffer_err
coffer_open(struct coffer_ctx *ctx, const char *in, const char *out, const struct coffer_keyring *keys,
	    const struct coffer_open_options *options, struct coffer_stats *stats_out)
{
	struct open_run r = {.ctx = ctx, .opt = {.version_1 = 1}, .in = in, .out = out, .out_fd = -1, .write = true};
	uint64_t start = now_ns();

	if (options)
		r.opt = *options;
	r.filter = (struct filter){r.opt.include, r.opt.n_include, r.opt.exclude, r.opt.n_exclude, true};
	return finish(&r, run_open(ctx_begin(ctx), &r, keys), start, stats_out);
}

coffer_err
coffer_check(struct coffer_ctx *ctx, const char *in, const struct coffer_keyring *keys, struct coffer_stats *stats_out)
{
	struct open_run r = {.ctx = ctx, .opt = {.version_1 = 1}, .in = in, .out_fd = -1};
	uint64_t start = now_ns();

	return finish(&r, run_open(ctx_begin(ctx), &r, keys), start, stats_out);
}
