/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a model of a directory.
 *
 * Each plain file appears when all its records are verified and it is durable, so what is there under its name when the same call
 * comes again is done, unless the folder had files of its own before (open_mark.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "engine/each.h"
#include "engine/open_run.h"
#include "engine/staging.h"
#include "engine/transfer.h"

/* ---- one file of it ---- */

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

coffer_err
open_each(struct fault *f, struct open_run *r)
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

/* ---- the folder ---- */

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
coffer_err
open_check_inner(struct fault *f, struct open_run *r)
{
	size_t index = keyblock_find(&r->model->keys, INNER_NAME);
	struct buf json = BUF_INIT(LIMIT_BUNDLE);
	coffer_err err;

	if (index == SIZE_MAX)
		return COFFER_OK;
	err = open_read_sealed(f, r->model, index, &json);
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
	TRY(open_check_inner(f, r));
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

coffer_err
open_dry_run(struct fault *f, struct open_run *r)
{
	struct stat st;
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < r->model->keys.n_files; i++)
		if (r->wanted[i])
			TRY(check_head(f, r, i));
	if (r->opt.in_place || stat(r->out, &st) == 0 || errno != ENOENT) {
		TRY(open_output(f, r));
		TRY(open_set_mark(f, r));
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
	TRY(open_each(f, r));
	r->last = SIZE_MAX;
	if (last != SIZE_MAX)
		TRY(open_entry(r, f, last, NULL));
out:
	return err;
}

coffer_err
open_directory(struct fault *f, struct open_run *r)
{
	coffer_err err;

	TRY(open_output(f, r));
	TRY(open_set_mark(f, r));
	TRY(check_going_on(f, r));
	err = open_entries(f, r);
	if (coffer_err_exit(err) == 5 && !r->opt.in_place && !r->opt.force && !r->replacing)
		abandon(r);
	TRY(err);
	if (r->opt.in_place) {
		TRY(open_remove_mark(f, r, OUTER_NAME));
		TRY(open_remove_mark(f, r, KEYBLOCK_NAME));
	}
	TRY(open_remove_mark(f, r, OPENING_NAME));
out:
	return err;
}
