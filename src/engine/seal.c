/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing.
 *
 * A file: its sealed file is made without a name, then named.  A directory:
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

#include <coffer/seal.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/num.h"
#include "base/path.h"
#include "crypto/rand.h"
#include "engine/each.h"
#include "engine/model.h"
#include "engine/staging.h"
#include "engine/transfer.h"
#include "engine/walk.h"

#define DEFAULT_RECORD_SIZE (UINT32_C(1) << 20)

struct seal_run {
	struct coffer_ctx *ctx;
	const struct coffer_keyring *keys;
	struct coffer_seal_options opt;
	const char *in, *out;
	int in_fd, out_fd; /* of directories; the same one in place */
	struct walk walk;
	struct keyblock kb;
	struct secret dek;
	struct progress progress;
	atomic_uint_fast64_t n_skipped;
	bool resuming;
};

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
	if (!num_is_pow2(opt->record_size) || opt->record_size < LIMIT_RECORD_MIN || opt->record_size > LIMIT_RECORD_MAX)
		return fault_set(f, COFFER_E_USAGE, "a record size of %u; it is a power of two from 64K to 16M",
				 opt->record_size);
	if (opt->in_place != (out == NULL))
		return fault_set(f, COFFER_E_USAGE, "sealing needs either an output or in-place");
	if (opt->n_context > LIMIT_CONTEXT)
		return fault_set(f, COFFER_E_USAGE, "%zu context pairs; %u are allowed", opt->n_context, LIMIT_CONTEXT);
	for (size_t i = 0; i < opt->n_context; i++)
		if (!keyblock_context_key_ok(opt->context[i].key) || strlen(opt->context[i].value) > LIMIT_TEXT ||
		    !text_check(opt->context[i].value, strlen(opt->context[i].value)))
			return fault_set(f, COFFER_E_USAGE,
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
		return fault_set(f, COFFER_E_USAGE, "the model's %s must be text of %zu to %u bytes; give another with --%s", what,
				 min, LIMIT_TEXT, what);
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

static coffer_err
new_keys(struct fault *f, struct seal_run *r)
{
	coffer_err err;

	r->kb.generation = 1;
	if (r->dek.len == 0) {
		TRY(secret_new(f, &r->dek, DEK_LEN));
		TRY(rand_bytes(f, r->dek.p, DEK_LEN));
		TRY(rand_bytes(f, r->kb.model_id, MODEL_ID_LEN));
	}
	TRY(model_wrap(f, &r->kb, r->keys, r->dek.p));
out:
	return err;
}

/* ---- one file ---- */

static coffer_err
check_unchanged(struct fault *f, const struct input *in, uint64_t size, const struct timespec *mtime)
{
	struct stat st;

	if (fstat(in->fd, &st) != 0)
		return fault_errno(f, errno, "cannot read %s", in->shown);
	if ((uint64_t)st.st_size != size || st.st_mtim.tv_sec != mtime->tv_sec || st.st_mtim.tv_nsec != mtime->tv_nsec)
		return fault_set(f, COFFER_E_CHANGED, "%s changed while it was sealed; seal it when nobody writes to it",
				 in->shown);
	return COFFER_OK;
}

/* In place the plain file goes next: what was written is read back from the disk and opened first. */
static coffer_err
reread(struct fault *f, struct seal_run *r, int fd, const char *shown, struct pool_worker *w)
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

/* Seal @in, file @index, into the new file @n.  With @single the key block goes into it. */
static coffer_err
seal_into(struct fault *f, struct seal_run *r, size_t index, struct input *in, struct newfile *n, bool single,
	  struct pool_worker *w)
{
	struct keyblock_file *file = &r->kb.files[index];
	struct sealing s = {.out = {.fd = n->fd, .shown = n->shown}};
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
	TRY(transfer_file(f, r->ctx, &t, w));
	TRY(check_unchanged(f, in, file->size, &r->walk.files[index].mtime));
	memcpy(file->head, s.a_hash, SHA256_LEN);
	file->sealed = true;
	if (single)
		TRY(keyblock_encode(f, &r->kb, r->dek.p, &doc));
	TRY(sealing_write_head(f, &s, buf_view(&doc)));
	if (futimens(n->fd, times) != 0)
		TRY(fault_errno(f, errno, "cannot set the time of %s", n->shown));
out:
	buf_free(&doc);
	sealing_end(&s);
	return err;
}

static coffer_err
check_not_sealed(struct fault *f, const struct input *in)
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
	char *dir = NULL;
	const char *slash = strrchr(path, '/');
	coffer_err err = COFFER_OK;
	int dirfd;

	if (unlink(path) != 0)
		return fault_errno(f, errno, "sealed, but cannot remove the plain %s", path);
	dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	dirfd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dirfd >= 0)
		err = file_sync_dir(f, dirfd, path);
	file_close(&dirfd);
	free(dir);
	return err;
}

/*
 * Whether @out is what an interrupted run in place has made of the plain file:
 * durable and re-read before it had its name, so that only the plain file is left to remove.
 */
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
	       strcmp(m->keys.files[0].path, r->walk.files[0].path) == 0;
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
	TRY(new_keys(f, r));
	if (r->opt.dry_run)
		goto out;
	progress_begin(&r->progress, r->ctx, in->size);
	atomic_store(&r->progress.path, r->walk.files[0].path);
	err = seal_into(f, r, 0, in, &n, true, NULL);
	if (err == COFFER_OK && r->opt.in_place)
		err = reread(f, r, n.fd, out, NULL);
	progress_end(&r->progress);
	TRY(err);
	TRY(ctx_check_cancelled(f, r->ctx));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	return err;
}

static coffer_err
seal_single(struct fault *f, struct seal_run *r, int fd)
{
	struct input in = INPUT_INIT;
	char *own_out = NULL;
	const char *out = r->out;
	coffer_err err;

	TRY(input_from_fd(f, &in, fd, r->in));
	TRY(check_not_sealed(f, &in));
	TRY(plan_single(f, r, &in));
	if (!out && asprintf(&own_out, "%s%s", r->in, SUFFIX) < 0) {
		own_out = NULL;
		TRY(fault_nomem(f));
	}
	out = out ? out : own_out;
	TRY(check_not_same(f, &in, out));
	if (r->opt.in_place && is_done_in_place(r, out))
		atomic_fetch_add(&r->n_skipped, 1);
	else
		TRY(write_single(f, r, &in, out));
	if (r->opt.in_place && !r->opt.dry_run)
		TRY(remove_plain(f, r->in));
out:
	input_close(&in);
	free(own_out);
	return err;
}

/* ---- a model of a directory ---- */

/*
 * Whether PATH.coffer is there already, from a run that was interrupted.  Such a file was
 * durable before it had its name; its time is the plain file's, so that a plain file that
 * was changed since is sealed again.
 */
static coffer_err
find_done(struct fault *f, struct seal_run *r, size_t index, const struct timespec *mtime, bool *done)
{
	struct keyblock_file *file = &r->kb.files[index];
	struct input in = INPUT_INIT;
	struct sealed s = {0};
	char *path = NULL;
	struct stat st;
	coffer_err err;
	int fd = -1;

	*done = false;
	if (!r->resuming)
		return COFFER_OK;
	if (asprintf(&path, "%s%s", file->path, SUFFIX) < 0)
		return fault_nomem(f);
	err = path_open(f, r->out_fd, r->out, path, PATH_NO_LINKS, &fd);
	if (err == COFFER_E_NOTFOUND) {
		err = COFFER_OK;
		goto out;
	}
	TRY(err);
	if (input_from_fd(f, &in, fd, file->path) == COFFER_OK && fstat(fd, &st) == 0 &&
	    sealed_open(f, &s, &in, r->dek.p) == COFFER_OK && !s.head.embedded && s.head.index == index &&
	    s.head.count == r->kb.n_files && s.head.size == file->size && strcmp(s.head.path, file->path) == 0 &&
	    memcmp(s.head.model_id, r->kb.model_id, MODEL_ID_LEN) == 0 &&
	    (!mtime || (mtime->tv_sec == st.st_mtim.tv_sec && mtime->tv_nsec == st.st_mtim.tv_nsec))) {
		memcpy(file->head, s.a_hash, SHA256_LEN);
		file->sealed = true;
		*done = true;
	}
	err = COFFER_OK;
out:
	sealed_close(&s);
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
		TRY(reread(f, r, n.fd, shown, w));
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

	atomic_store(&r->progress.path, plain->path);
	if (asprintf(&shown, "%s/%s", r->in, plain->path) < 0)
		return fault_nomem(f);
	err = path_open(f, r->in_fd, r->in, plain->path,
			r->opt.follow_symlinks ? PATH_LINKS_ANY : PATH_LINKS_BENEATH, &fd);
	if (err == COFFER_E_NOTFOUND && r->opt.in_place && r->resuming) {
		/* its plain file went after it was sealed */
		TRY(find_done(f, r, index, NULL, &done));
		if (!done)
			TRY(fault_set(f, COFFER_E_FILESET, "%s is gone, and %s%s is not its sealed file", shown, shown, SUFFIX));
		atomic_fetch_add(&r->n_skipped, 1);
		progress_add(&r->progress, plain->size);
		goto out;
	}
	TRY(err);
	TRY(input_from_fd(f, &in, fd, shown));
	TRY(check_unchanged(f, &in, plain->size, &plain->mtime));
	TRY(check_not_sealed(f, &in));
	TRY(find_done(f, r, index, &plain->mtime, &done));
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
	TRY(newfile_open_at(f, &n, r->out_fd, name, name, 0666, true));
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

/* In place the files that are plain still are only a part: the list of the interrupted run is the whole. */
static coffer_err
restore_walk(struct fault *f, struct seal_run *r, const struct keyblock *old)
{
	struct walk whole = {.files = calloc(old->n_files, sizeof(*whole.files))};
	size_t next = 0;
	coffer_err err = COFFER_OK;

	if (!whole.files)
		return fault_nomem(f);
	for (size_t i = 0; i < old->n_files; i++) {
		struct walk_file *file = &whole.files[i];

		file->path = strdup(old->files[i].path);
		whole.n = i + 1;
		if (!file->path)
			TRY(fault_nomem(f));
		file->size = old->files[i].size;
		if (next < r->walk.n && strcmp(r->walk.files[next].path, file->path) == 0) {
			file->size = r->walk.files[next].size;
			file->mtime = r->walk.files[next++].mtime;
		}
		whole.bytes += file->size;
	}
	if (next < r->walk.n)
		TRY(fault_set(f, COFFER_E_CHANGED, "%s/%s came after the sealing was interrupted; move it away, then go on",
			      r->in, r->walk.files[next].path));
	walk_free(&r->walk);
	r->walk = whole;
	return COFFER_OK;
out:
	walk_free(&whole);
	return err;
}

static coffer_err
take_over(struct fault *f, struct seal_run *r)
{
	struct keyblock old = KEYBLOCK_INIT;
	coffer_err err;

	TRY(model_read_keyblock(f, r->out_fd, r->out, PARTIAL_NAME, &old));
	err = model_unwrap(f, &old, r->keys, &r->dek);
	if (err == COFFER_E_NOKEY && (r->opt.force || !keyring_can_unwrap(r->keys)) && !r->opt.in_place) {
		ctx_notice(r->ctx, "the interrupted sealing of %s cannot be continued with these keys; beginning anew", r->out);
		TRY(staging_clear(f, r->out_fd, r->out));
		goto out;
	}
	if (err)
		TRY(fault_prefix(f, "%s holds an interrupted sealing, which goes on with the same keys only (--force begins anew)",
				 r->out));
	memcpy(r->kb.model_id, old.model_id, MODEL_ID_LEN);
	r->resuming = true;
	ctx_notice(r->ctx, "continuing the interrupted sealing of %s", r->out);
	if (r->opt.in_place)
		TRY(restore_walk(f, r, &old));
	else
		TRY(staging_clear_others(f, r->out_fd, r->out, &r->walk));
out:
	keyblock_free(&old);
	return err;
}

static coffer_err
open_output(struct fault *f, struct seal_run *r)
{
	bool empty;
	coffer_err err;

	if (mkdir(r->out, 0777) != 0 && errno != EEXIST)
		return fault_errno(f, errno, "cannot create the folder %s", r->out);
	r->out_fd = open(r->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->out_fd < 0)
		return errno == ENOTDIR ? fault_set(f, COFFER_E_EXISTS, "%s is a file; a directory seals to a directory", r->out)
					: fault_errno(f, errno, "cannot open the folder %s", r->out);
	TRY(model_lock_folder(f, r->out_fd, r->out));
	if (model_has_entry(r->out_fd, PARTIAL_NAME) && !model_has_entry(r->out_fd, KEYBLOCK_NAME)) {
		TRY(take_over(f, r));
		goto out;
	}
	TRY(staging_is_empty(f, r->out_fd, r->out, &empty));
	if (!empty)
		TRY(fault_set(f, COFFER_E_EXISTS, "%s is not empty; name a new folder%s", r->out,
			      model_has_entry(r->out_fd, KEYBLOCK_NAME) ? ", or --force replaces the sealed model in it" : ""));
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
		TRY(fault_set(f, COFFER_E_USAGE, "sealing a directory in place needs a key that can also open, to go on after an interruption; add one with --kek"));
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
		if (real_out || !slash || slash == dir)
			break;
		*slash = '\0';
	}
	if (!real_out)
		real_out = realpath(".", NULL);
	if (real_out && strncmp(real_in, real_out, strlen(real_in)) == 0 &&
	    (real_out[strlen(real_in)] == '/' || real_out[strlen(real_in)] == '\0'))
		err = fault_set(f, COFFER_E_USAGE, "the output %s lies within the input %s; name another place, or --in-place",
				out, in);
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
		.links = r->opt.in_place ? PATH_NO_LINKS : r->opt.follow_symlinks ? PATH_LINKS_ANY : PATH_LINKS_BENEATH,
		.resuming = r->opt.in_place && model_has_entry(r->in_fd, PARTIAL_NAME) && !model_has_entry(r->in_fd, KEYBLOCK_NAME),
	};
	coffer_err err;

	r->resuming = options.resuming;
	TRY(walk_model(f, r->in_fd, r->in, &options, &r->walk));
	if (r->walk.n == 0 && !r->resuming)
		TRY(fault_set(f, COFFER_E_USAGE, "%s holds nothing to seal (hidden files are left out; --hidden takes them in)",
			      r->in));
out:
	return err;
}

static coffer_err
finish_directory(struct fault *f, struct seal_run *r)
{
	coffer_err err;

	TRY(write_keyblock(f, r, KEYBLOCK_NAME));
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
	TRY(new_keys(f, r));
	TRY(write_keyblock(f, r, PARTIAL_NAME));
	progress_begin(&r->progress, r->ctx, r->walk.bytes);
	err = seal_entries(f, r);
	progress_end(&r->progress);
	TRY(err);
	TRY(finish_directory(f, r));
out:
	return err;
}

static coffer_err
dry_run_directory(struct fault *f, struct seal_run *r)
{
	struct stat st;
	coffer_err err;

	if (r->out && !r->opt.force && stat(r->out, &st) == 0)
		TRY(open_output(f, r));
	TRY(plan_files(f, r));
	TRY(new_keys(f, r));
out:
	return err;
}

static coffer_err
seal_directory(struct fault *f, struct seal_run *r)
{
	struct staging staging = STAGING_INIT;
	const char *out = r->out;
	coffer_err err;

	if (out)
		TRY(check_not_inside(f, r->in, out));
	TRY(list_files(f, r));
	if (r->opt.in_place)
		r->out = r->in;
	if (r->opt.dry_run) {
		TRY(dry_run_directory(f, r));
		goto out;
	}
	/* to replace a sealed model, the new one is made beside it and then they change places */
	if (r->opt.force && out)
		TRY(staging_begin(f, &staging, out));
	if (staging.active)
		r->out = staging.path;
	TRY(fill_directory(f, r));
	if (staging.active)
		TRY(staging_exchange(f, &staging));
out:
	staging_end(&staging);
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
	TRY(new_keys(f, r));
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
