/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing a directory.
 *
 * «.coffer.partial», which holds the wrapped DEK, is made durable first; then
 * each sealed file appears when it is whole; «coffer.json» comes last and is
 * the moment at which there is a sealed model.  Whatever happens before, the same
 * call goes on from what is there.
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
#include "engine/seal_run.h"
#include "engine/staging.h"
#include "engine/transfer.h"

/* ---- one file of it ---- */

/* Whether the head of @s, which is authentic, is that of file @index of this run. */
static bool
is_head_of(const struct seal_run *r, size_t index, const struct sealed *s)
{
	const struct keyblock_file *file = &r->kb.files[index];
	const struct head *h = &s->head;

	return !h->embedded && h->index == index && h->count == r->kb.n_files && h->size == file->size &&
	       strcmp(h->path, file->path) == 0 && memcmp(h->model_id, r->kb.model_id, MODEL_ID_LEN) == 0;
}

static bool
has_time(int fd, const struct timespec *mtime)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_mtim.tv_sec == mtime->tv_sec && st.st_mtim.tv_nsec == mtime->tv_nsec;
}

/*
 * Whether @in is what an interrupted run has made of file @index.  It was durable before it had
 * its name; its time is the plain file's, @mtime, so that a plain file that was changed since is
 * sealed again (NULL: the plain file has gone).  Before a plain file goes, all records are opened; and where it is to be signed,
 * for its hash.
 */
static bool
is_done(struct fault *f, struct seal_run *r, size_t index, struct input *in, const struct timespec *mtime,
	struct pool_worker *w)
{
	struct keyblock_file *file = &r->kb.files[index];
	struct sealed s = {0};
	struct stream_hash hash = {.ctx = NULL};
	struct transfer t = {.sealed = &s};
	bool done = !mtime || has_time(in->fd, mtime);

	done = done && sealed_open(f, &s, in, r->dek.p) == COFFER_OK && is_head_of(r, index, &s);
	if (done && r->sign.on) {
		done = seal_sign_hash(f, r, index, &hash) == COFFER_OK;
		t.hash = &hash;
	}
	if (done && ((mtime && r->opt.in_place) || t.hash))
		done = transfer_file(f, r->ctx, &t, w) == COFFER_OK;
	if (done && t.hash)
		done = seal_sign_hashed(f, r, index, &hash) == COFFER_OK;
	if (done) {
		memcpy(file->head, s.a_hash, SHA256_LEN);
		file->sealed = true;
	}
	stream_hash_free(&hash);
	sealed_close(&s);
	return done;
}

/* Whether PATH.coffer is there already, from a run that was interrupted. */
static coffer_err
find_done(struct fault *f, struct seal_run *r, size_t index, const struct timespec *mtime, struct pool_worker *w,
	  bool *done)
{
	struct input in = INPUT_INIT;
	char *path = NULL;
	coffer_err err = COFFER_OK;
	int fd = -1;

	*done = false;
	if (!r->resuming)
		return COFFER_OK;
	if (asprintf(&path, "%s%s", r->kb.files[index].path, SUFFIX) < 0)
		return fault_nomem(f);
	err = path_open(f, r->out_fd, r->out, path, PATH_NO_LINKS, &fd);
	if (err == COFFER_OK && input_from_fd(f, &in, fd, path) == COFFER_OK)
		*done = is_done(f, r, index, &in, mtime, w);
	else if (err == COFFER_E_NOTFOUND)
		err = COFFER_OK;
	input_close(&in);
	free(path);
	return err;
}

static coffer_err
remove_entry(struct fault *f, struct seal_run *r, const char *path)
{
	int dirfd = -1;
	coffer_err err;

	TRY(path_parent(f, r->in_fd, r->in, path, false, &dirfd));
	if (unlinkat(dirfd, path_base(path), 0) != 0)
		TRY(fault_errno(f, errno, "sealed, but cannot remove the plain %s/%s", r->in, path));
	TRY(file_sync_dir(f, dirfd, r->in));
out:
	file_close(&dirfd);
	return err;
}

static coffer_err
write_sealed(struct fault *f, struct seal_run *r, size_t index, struct input *in, struct pool_worker *w)
{
	const struct walk_file *plain = &r->walk.files[index];
	struct newfile n = NEWFILE_INIT;
	char *name = NULL, *shown = NULL;
	int dirfd = -1;
	coffer_err err;

	if (asprintf(&name, "%s%s", path_base(plain->path), SUFFIX) < 0)
		name = NULL;
	if (asprintf(&shown, "%s/%s%s", r->out, plain->path, SUFFIX) < 0)
		shown = NULL;
	if (!name || !shown)
		TRY(fault_nomem(f));
	TRY(path_parent(f, r->out_fd, r->out, plain->path, true, &dirfd));
	TRY(newfile_open_at(f, &n, dirfd, name, shown, in->mode, r->resuming));
	TRY(seal_into(f, r, index, in, &n, false, w));
	if (r->opt.in_place)
		TRY(seal_reread(f, r, n.fd, shown, w));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	file_close(&dirfd);
	free(name);
	free(shown);
	return err;
}

static coffer_err
seal_entry(void *arg, struct fault *f, size_t index, struct pool_worker *w)
{
	struct seal_run *r = arg;
	const struct walk_file *plain = &r->walk.files[index];
	struct input in = INPUT_INIT;
	char *shown = NULL;
	bool done = false;
	int fd = -1;
	coffer_err err;

	if (r->sign.on && index == r->sign.inner)
		return COFFER_OK; /* the last one: seal_signature() */
	atomic_store(&r->progress.path, plain->path);
	if (asprintf(&shown, "%s/%s", r->in, plain->path) < 0)
		return fault_nomem(f);
	err = path_open(f, r->in_fd, r->in, plain->path, r->opt.follow_symlinks ? PATH_LINKS_ANY : PATH_LINKS_BENEATH,
			&fd);
	if (err == COFFER_E_NOTFOUND && r->opt.in_place && r->resuming) {
		/* its plain file went after it was sealed */
		TRY(find_done(f, r, index, NULL, w, &done));
		if (!done)
			TRY(fault_set(f, COFFER_E_FILESET, "%s is gone, and %s%s is not its sealed file", shown, shown,
				      SUFFIX));
		atomic_fetch_add(&r->n_skipped, 1);
		progress_add(&r->progress, plain->size);
		goto out;
	}
	TRY(err);
	TRY(input_from_fd(f, &in, fd, shown));
	TRY(seal_check_unchanged(f, &in, plain->size, &plain->mtime));
	TRY(seal_check_plain(f, &in));
	TRY(find_done(f, r, index, &plain->mtime, w, &done));
	if (done) {
		atomic_fetch_add(&r->n_skipped, 1);
		progress_add(&r->progress, plain->size);
	} else {
		TRY(write_sealed(f, r, index, &in, w));
	}
	if (r->opt.in_place)
		TRY(remove_entry(f, r, plain->path));
out:
	input_close(&in);
	free(shown);
	return err;
}

static coffer_err
write_keyblock(struct fault *f, struct seal_run *r, const char *name)
{
	struct buf doc = BUF_INIT(LIMIT_KEYBLOCK);
	struct newfile n = NEWFILE_INIT;
	coffer_err err;

	TRY(keyblock_encode(f, &r->kb, r->dek.p, &doc));
	/* replacing takes a step more, and leaves a temporary name when it is the last */
	TRY(newfile_open_at(f, &n, r->out_fd, name, name, 0666, model_has_entry(r->out_fd, name)));
	TRY(file_write_at(f, n.fd, name, doc.p, doc.len, 0));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	buf_free(&doc);
	return err;
}

static uint64_t
plain_size(void *arg, size_t index)
{
	const struct seal_run *r = arg;

	return r->walk.files[index].size;
}

static coffer_err
seal_entries(struct fault *f, struct seal_run *r)
{
	const struct each each = {
		.n = r->walk.n,
		.size = plain_size,
		.file = seal_entry,
		.arg = r,
		/* so that there is never more than one sealed file beside its plain one */
		.one_by_one = r->opt.in_place,
		.side_by_side = r->sign.on ? transfer_scratch(r->opt.record_size) : 0,
	};

	return each_file(f, r->ctx, &each);
}

static coffer_err
plan_files(struct fault *f, struct seal_run *r)
{
	size_t n = r->walk.n;

	r->kb.files = calloc(n, sizeof(*r->kb.files));
	if (!r->kb.files)
		return fault_nomem(f);
	for (size_t i = 0; i < n; i++) {
		r->kb.files[i].path = strdup(r->walk.files[i].path);
		if (!r->kb.files[i].path)
			return fault_nomem(f);
		r->kb.files[i].size = r->walk.files[i].size;
		r->kb.n_files = i + 1;
	}
	return COFFER_OK;
}

/* ---- going on with an interrupted run ---- */

/*
 * With «.coffer.partial» alone, or beside the «coffer.json» of the same run, which had only the
 * mark to remove.  One that was rewrapped since is another's: to go on would bring old keys back.
 */
static bool
is_interrupted(int dirfd, const char *shown)
{
	struct keyblock partial = KEYBLOCK_INIT, whole = KEYBLOCK_INIT;
	bool same;

	if (!model_has_entry(dirfd, PARTIAL_NAME) || !model_has_entry(dirfd, KEYBLOCK_NAME))
		return model_has_entry(dirfd, PARTIAL_NAME);
	same = model_read_keyblock(NULL, dirfd, shown, PARTIAL_NAME, &partial) == COFFER_OK &&
	       model_read_keyblock(NULL, dirfd, shown, KEYBLOCK_NAME, &whole) == COFFER_OK && whole.generation == 1 &&
	       memcmp(partial.model_id, whole.model_id, MODEL_ID_LEN) == 0;
	keyblock_free(&partial);
	keyblock_free(&whole);
	return same;
}

static bool
was_signed(const struct keyblock *old)
{
	size_t i = keyblock_find(old, INNER_NAME);

	return i != SIZE_MAX && old->files[i].size == SEAL_SIZE_UNKNOWN;
}

/* In place the files that are plain still are only a part: the list of the interrupted run is the whole. */
static coffer_err
restore_walk(struct fault *f, struct seal_run *r, const struct keyblock *old)
{
	struct walk whole = {.files = calloc(old->n_files, sizeof(*whole.files))};
	size_t next = 0;
	coffer_err err = COFFER_OK;

	if (!whole.files)
		return fault_nomem(f);
	if (was_signed(old) != r->sign.on)
		TRY(fault_set(f, COFFER_E_USAGE, "the interrupted sealing of %s was %s; it goes on only as it began",
			      r->in, r->sign.on ? "not to be signed" : "to be signed"));
	for (size_t i = 0; i < old->n_files; i++) {
		struct walk_file *file = &whole.files[i];

		file->path = strdup(old->files[i].path);
		whole.n = i + 1;
		if (!file->path)
			TRY(fault_nomem(f));
		file->size = old->files[i].size;
		if (file->size == SEAL_SIZE_UNKNOWN)
			file->size = 0;
		if (next < r->walk.n && strcmp(r->walk.files[next].path, file->path) == 0) {
			file->size = r->walk.files[next].size;
			file->mtime = r->walk.files[next++].mtime;
		}
		whole.bytes += file->size;
	}
	if (next < r->walk.n)
		TRY(fault_set(f, COFFER_E_CHANGED,
			      "%s/%s came after the sealing was interrupted; move it away, then go on", r->in,
			      r->walk.files[next].path));
	walk_free(&r->walk);
	r->walk = whole;
	return COFFER_OK;
out:
	walk_free(&whole);
	return err;
}

/*
 * Anybody can wrap for a public key, and many a one may have a service wrap who may not unwrap, or knows the public half
 * of its key.  So a mark that opens with such a recipient alone may have been put there by somebody who knows its DEK, and
 * would then read all that is sealed with it.  What only a holder of the key can make is kept.  In place that somebody
 * has the plain files anyway.
 */
static bool
drop_public_wraps(struct keyblock *k)
{
	size_t kept = 0, n = k->n_recipients;

	for (size_t i = 0; i < n; i++) {
		const char *kind = k->recipients[i].kind;

		if (strcmp(kind, "aes") == 0 || strcmp(kind, "passphrase") == 0)
			k->recipients[kept++] = k->recipients[i];
		else
			recipient_clear(&k->recipients[i]);
	}
	k->n_recipients = kept;
	return kept < n;
}

static coffer_err
take_over(struct fault *f, struct seal_run *r)
{
	struct keyblock old = KEYBLOCK_INIT;
	bool anew = r->opt.force || !keyring_can_unwrap(r->keys);
	coffer_err err;

	TRY(model_read_keyblock(f, r->out_fd, r->out, PARTIAL_NAME, &old));
	err = model_unwrap(f, r->ctx, r->model, &old, r->keys, &r->dek);
	if (err == COFFER_OK && !r->opt.in_place && drop_public_wraps(&old)) {
		secret_free(&r->dek);
		err = model_unwrap(f, r->ctx, r->model, &old, r->keys, &r->dek);
		anew = true;
	}
	if (err == COFFER_E_NOKEY && anew && !r->opt.in_place) {
		ctx_notice(r->ctx, "the interrupted sealing of %s cannot be continued with these keys; beginning anew",
			   r->out);
		err = r->opt.dry_run ? COFFER_OK : staging_clear(f, r->out_fd, r->out);
		goto out;
	}
	if (err)
		TRY(fault_prefix(
			f,
			"%s holds an interrupted sealing, which goes on with the same keys only (--force begins anew)",
			r->out));
	memcpy(r->kb.model_id, old.model_id, MODEL_ID_LEN);
	r->resuming = true;
	ctx_notice(r->ctx, "continuing the interrupted sealing of %s", r->out);
	if (r->opt.in_place)
		TRY(restore_walk(f, r, &old));
	else if (!r->opt.dry_run)
		TRY(staging_clear_others(f, r->out_fd, r->out, &r->walk));
out:
	keyblock_free(&old);
	return err;
}

static coffer_err
open_output(struct fault *f, struct seal_run *r)
{
	bool made = mkdir(r->out, 0777) == 0, empty;
	coffer_err err;

	if (!made && errno != EEXIST)
		return fault_errno(f, errno, "cannot create the folder %s", r->out);
	r->out_fd = open(r->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->out_fd < 0)
		return errno == ENOTDIR
			       ? fault_set(f, COFFER_E_EXISTS, "%s is a file; a directory seals to a directory", r->out)
			       : fault_errno(f, errno, "cannot open the folder %s", r->out);
	TRY(model_lock_folder(f, r->out_fd, r->out));
	r->made_out = made;
	TRY(file_sync_parent(f, r->out));
	if (is_interrupted(r->out_fd, r->out)) {
		TRY(take_over(f, r));
		goto out;
	}
	TRY(staging_is_empty(f, r->out_fd, r->out, &empty));
	if (!empty)
		TRY(fault_set(f, COFFER_E_EXISTS, "%s is not empty; name a new folder%s", r->out,
			      model_has_entry(r->out_fd, KEYBLOCK_NAME) ? ", or --force replaces the sealed model in it"
									: ""));
out:
	return err;
}

static coffer_err
open_in_place(struct fault *f, struct seal_run *r)
{
	coffer_err err;

	r->out_fd = fcntl(r->in_fd, F_DUPFD_CLOEXEC, 3);
	if (r->out_fd < 0)
		return fault_errno(f, errno, "cannot open %s", r->in);
	TRY(model_lock_folder(f, r->out_fd, r->in));
	if (!keyring_can_unwrap(r->keys))
		TRY(fault_set(f, COFFER_E_USAGE,
			      "sealing a directory in place needs a key that can also open, to go on after an "
			      "interruption; add one with --kek"));
	if (r->resuming)
		TRY(take_over(f, r));
out:
	return err;
}

/* The output must not lie within the input: it would be sealed into itself. */
static coffer_err
check_not_inside(struct fault *f, const char *in, const char *out)
{
	char *dir = strdup(out), *real_in = realpath(in, NULL), *real_out = NULL, *slash;
	coffer_err err = COFFER_OK;

	if (!dir || !real_in)
		TRY(fault_nomem(f));
	for (;;) {
		real_out = realpath(dir, NULL);
		slash = strrchr(dir, '/');
		if (real_out || !slash || strcmp(dir, "/") == 0)
			break;
		slash[slash == dir] = '\0'; /* «/a» lies in «/» */
	}
	if (!real_out)
		real_out = realpath(".", NULL);
	if (real_out && strncmp(real_in, real_out, strlen(real_in)) == 0 &&
	    (real_out[strlen(real_in)] == '/' || real_out[strlen(real_in)] == '\0'))
		err = fault_set(f, COFFER_E_USAGE,
				"the output %s lies within the input %s; name another place, or --in-place", out, in);
out:
	free(dir);
	free(real_in);
	free(real_out);
	return err;
}

static coffer_err
list_files(struct fault *f, struct seal_run *r)
{
	struct walk_options options = {
		.filter = {r->opt.include, r->opt.n_include, r->opt.exclude, r->opt.n_exclude, r->opt.hidden},
		.links = r->opt.in_place	  ? PATH_NO_LINKS
			 : r->opt.follow_symlinks ? PATH_LINKS_ANY
						  : PATH_LINKS_BENEATH,
		.resuming = r->opt.in_place && is_interrupted(r->in_fd, r->in),
	};
	coffer_err err;

	r->resuming = options.resuming;
	TRY(walk_model(f, r->in_fd, r->in, &options, &r->walk));
	if (r->walk.n == 0 && !r->resuming)
		TRY(fault_set(f, COFFER_E_USAGE,
			      "%s holds nothing to seal (hidden files are left out; --hidden takes them in)", r->in));
out:
	return err;
}

/* The signature over the plain files: all of them are hashed now, and it becomes the last sealed file. */
static coffer_err
seal_signature(struct fault *f, struct seal_run *r)
{
	size_t index = r->sign.inner;
	struct buf json = BUF_INIT(LIMIT_BUNDLE);
	struct coffer_source source;
	struct input in;
	coffer_err err;

	TRY(seal_sign_inner(f, r, &json));
	source = seal_sign_source(&json);
	input_from_source(&in, &source, INNER_NAME);
	in.mode = 0666;
	r->kb.files[index].size = json.len;
	r->walk.files[index].size = json.len;
	(void)clock_gettime(CLOCK_REALTIME, &r->walk.files[index].mtime);
	TRY(write_sealed(f, r, index, &in, NULL));
	if (r->opt.in_place && r->sign.replaces)
		TRY(remove_entry(f, r, INNER_NAME));
out:
	buf_free(&json);
	return err;
}

static coffer_err
sign_outside(struct fault *f, struct seal_run *r)
{
	char *path = NULL;
	coffer_err err;

	TRY(model_outer_path(f, r->out, true, &path));
	TRY(seal_sign_outer(f, r, r->out, path, r->staging));
out:
	free(path);
	return err;
}

static coffer_err
finish_directory(struct fault *f, struct seal_run *r)
{
	coffer_err err;

	TRY(write_keyblock(f, r, KEYBLOCK_NAME));
	if (r->sign.on)
		TRY(sign_outside(f, r));
	if (unlinkat(r->out_fd, PARTIAL_NAME, 0) != 0 && errno != ENOENT)
		TRY(fault_errno(f, errno, "cannot remove %s/%s", r->out, PARTIAL_NAME));
	TRY(file_sync_dir(f, r->out_fd, r->out));
out:
	return err;
}

/* Into r->out, which is new, empty, interrupted, or the input itself. */
static coffer_err
fill_directory(struct fault *f, struct seal_run *r)
{
	coffer_err err;

	if (r->opt.in_place)
		TRY(open_in_place(f, r));
	else
		TRY(open_output(f, r));
	TRY(plan_files(f, r));
	TRY(seal_sign_ready(f, r));
	TRY(seal_new_keys(f, r));
	TRY(write_keyblock(f, r, PARTIAL_NAME));
	progress_begin(&r->progress, r->ctx, r->walk.bytes);
	err = seal_entries(f, r);
	if (err == COFFER_OK && r->sign.on)
		err = seal_signature(f, r);
	progress_end(&r->progress);
	TRY(err);
	TRY(finish_directory(f, r));
out:
	/* when nothing came of it, as where no key service answered, it is gone again; what holds anything stays */
	if (err && r->made_out)
		(void)rmdir(r->out);
	return err;
}

static coffer_err
dry_run_directory(struct fault *f, struct seal_run *r)
{
	struct stat st;
	coffer_err err;

	if (r->opt.in_place)
		TRY(open_in_place(f, r));
	else if (stat(r->out, &st) == 0 && !(r->opt.force && staging_is_replaceable(r->out)))
		TRY(open_output(f, r));
	TRY(plan_files(f, r));
	TRY(seal_new_keys(f, r));
out:
	return err;
}

coffer_err
seal_directory(struct fault *f, struct seal_run *r)
{
	struct staging staging = STAGING_INIT;
	const char *out = r->out;
	coffer_err err;

	if (out)
		TRY(check_not_inside(f, r->in, out));
	TRY(list_files(f, r));
	TRY(seal_sign_plan(f, r));
	if (r->opt.in_place)
		r->out = r->in;
	if (r->opt.dry_run) {
		TRY(dry_run_directory(f, r));
		goto out;
	}
	/* to replace a sealed model, the new one is made beside it and then they change places */
	if (r->opt.force && out)
		TRY(staging_begin(f, &staging, out));
	r->staging = &staging;
	if (staging.active)
		r->out = staging.path;
	TRY(fill_directory(f, r));
	if (staging.active)
		TRY(staging_exchange(f, &staging));
out:
	r->staging = NULL;
	staging_end(&staging);
	return err;
}
