/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backup: bringing back what a snapshot has.
 *
 * A file is put together without a name from parts that come in any order; it gets its name when all of them are there and are
 * what was stored.  A mark in the folder says which snapshot is being restored, so that the same call goes on after a kill.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <coffer/backup.h>

#include "base/file.h"
#include "base/num.h"
#include "base/path.h"
#include "engine/backup_find.h"
#include "engine/backup_private.h"

#define MARK ".coffer.restoring"
#define STEP ((size_t)1 << 20)

/* One file on its way. */
struct target {
	const struct backup_file *file;
	char *path; /* below the folder */
	struct newfile n;
	size_t left; /* parts that are not there yet */
	bool is_open, has_failed;
};

struct restoring {
	struct coffer_ctx *ctx;
	const struct coffer_keyring *keys;
	struct coffer_backup_restore_options opt;
	struct backup_store store;
	struct snapshot s;
	char name[COFFER_BACKUP_NAME];
	const char *out;
	int fd;		  /* of the folder */
	bool is_going_on; /* an interrupted run is continued: what has its name is done */
	bool marked;	  /* the mark is ours */
	struct target *targets;
	size_t n_targets;
	struct job {
		struct target *target;
		size_t part;
	} * jobs;
	size_t n_jobs;
	uint64_t n_files, bytes, n_private;

	pthread_mutex_t lock;
	uint64_t n_failed; /* under lock */
	struct fault first;
};

/* ---- what is wanted ---- */

/* Whether @pattern matches @path or a folder that it is in. */
static bool
matches(const char *pattern, const char *path)
{
	char part[LIMIT_BACKUP_PATH + 1];

	for (size_t i = 1; path[i] != '\0'; i++) {
		if (path[i] != '/')
			continue;
		(void)snprintf(part, sizeof(part), "%.*s", (int)i, path);
		if (path_matches(pattern, part))
			return true;
	}
	return path_matches(pattern, path);
}

static bool
is_wanted(const struct restoring *r, const char *path)
{
	bool wanted = r->opt.n_include == 0;

	for (size_t i = 0; i < r->opt.n_include; i++)
		wanted = wanted || matches(r->opt.include[i], path);
	for (size_t i = 0; i < r->opt.n_exclude; i++)
		wanted = wanted && !matches(r->opt.exclude[i], path);
	return wanted;
}

static bool
wants_private(const struct restoring *r)
{
	return r->opt.keyring || r->opt.config || r->opt.audit || r->opt.plain;
}

/* ---- the folder ---- */

static coffer_err
is_fresh(struct fault *f, const struct restoring *r, bool *out)
{
	int fd = openat(r->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	*out = true;
	if (!dir) {
		coffer_err err = fault_errno(f, errno, "cannot read the folder %s", r->out);

		file_close(&fd);
		return err;
	}
	while ((d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 && strcmp(d->d_name, "lost+found") != 0)
			*out = false;
	(void)closedir(dir);
	return COFFER_OK;
}

/* Whether an interrupted run over the same snapshot has left its mark. */
static bool
has_mark(const struct restoring *r)
{
	struct buf text = BUF_INIT(COFFER_BACKUP_NAME);
	bool ours = file_slurp_at(NULL, r->fd, MARK, r->out, COFFER_BACKUP_NAME, &text) == COFFER_OK &&
		    text.len == strlen(r->name) && memcmp(text.p, r->name, text.len) == 0;

	buf_free(&text);
	return ours;
}

static coffer_err
write_mark(struct fault *f, struct restoring *r)
{
	struct newfile n = NEWFILE_INIT;
	coffer_err err;

	TRY(newfile_open_at(f, &n, r->fd, MARK, r->out, 0600, r->opt.force));
	TRY(file_write_at(f, n.fd, r->out, r->name, strlen(r->name), 0));
	TRY(newfile_commit(f, &n));
	r->marked = true;
out:
	newfile_abort(&n);
	return err;
}

static coffer_err
open_folder(struct fault *f, struct restoring *r)
{
	bool fresh;
	coffer_err err;

	if (mkdir(r->out, wants_private(r) ? 0700 : 0777) == 0)
		TRY(file_sync_parent(f, r->out));
	else if (errno != EEXIST)
		return fault_errno(f, errno, "cannot make the folder %s", r->out);
	r->fd = open(r->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->fd < 0)
		return fault_errno(f, errno, "cannot open the folder %s", r->out);
	TRY(is_fresh(f, r, &fresh));
	r->is_going_on = !fresh && has_mark(r);
	r->marked = r->is_going_on;
	if (!fresh && !r->is_going_on && !r->opt.force)
		TRY(fault_set(
			f, COFFER_E_EXISTS,
			"%s has something in it; restore into a new folder, or replace what is there with --force",
			r->out));
	if (r->is_going_on)
		ctx_notice(r->ctx, "going on with the interrupted restoration of %s", r->name);
	else
		TRY(write_mark(f, r));
out:
	return err;
}

static coffer_err
end_folder(struct fault *f, struct restoring *r)
{
	if (!r->marked)
		return COFFER_OK;
	if (unlinkat(r->fd, MARK, 0) != 0 && errno != ENOENT)
		return fault_errno(f, errno, "restored, but cannot remove %s/" MARK, r->out);
	return file_sync_dir(f, r->fd, r->out);
}

/* ---- one file ---- */

static struct timespec
mtime_of(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / UINT64_C(1000000000)),
				 .tv_nsec = (long)(ns % UINT64_C(1000000000))};
}

/* Whether an interrupted run has finished it: it has its name only since all of it was there. */
static bool
is_done(const struct restoring *r, const char *path, uint64_t size, struct timespec mtime)
{
	struct stat st;

	return r->is_going_on && fstatat(r->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == size && st.st_mtim.tv_sec == mtime.tv_sec && st.st_mtim.tv_nsec == mtime.tv_nsec;
}

static coffer_err
open_target(struct fault *f, const struct restoring *r, const char *path, struct newfile *n)
{
	int dirfd = -1;
	coffer_err err;

	TRY(path_parent(f, r->fd, r->out, path, true, &dirfd));
	TRY(newfile_open_at(f, n, dirfd, path_base(path), path, 0600, r->opt.force));
out:
	file_close(&dirfd);
	return err;
}

static coffer_err
name_target(struct fault *f, struct newfile *n, uint32_t mode, struct timespec mtime)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, mtime};

	if (fchmod(n->fd, mode & 0777) != 0 || futimens(n->fd, times) != 0)
		return fault_errno(f, errno, "cannot set mode and time of %s", n->shown);
	return newfile_commit(f, n);
}

/* ---- sealed files, from their parts ---- */

static const struct job *
job_at(void *arg, size_t i)
{
	const struct restoring *r = arg;

	return &r->jobs[i];
}

static uint64_t
job_len(void *arg, size_t i)
{
	const struct restoring *r = arg;
	const struct job *j = job_at(arg, i);

	return backup_part_len(j->target->file->size, r->store.part_size, j->part);
}

static const char *
job_path(void *arg, size_t i)
{
	return job_at(arg, i)->target->path;
}

static const uint8_t *
job_id(void *arg, size_t i)
{
	const struct job *j = job_at(arg, i);

	return j->target->file->parts[j->part];
}

/* Its parts come from several threads. */
static coffer_err
open_once(struct fault *f, struct restoring *r, struct target *t)
{
	coffer_err err = COFFER_OK;

	pthread_mutex_lock(&r->lock);
	if (!t->is_open) {
		t->is_open = true;
		err = open_target(f, r, t->path, &t->n);
		if (err == COFFER_OK && ftruncate(t->n.fd, (off_t)t->file->size) != 0)
			err = fault_errno(f, errno, "cannot write %s", t->path);
	}
	pthread_mutex_unlock(&r->lock);
	return err;
}

static coffer_err
job_write(void *arg, struct fault *f, size_t i, uint64_t off, const void *bytes, size_t len)
{
	struct restoring *r = arg;
	const struct job *j = job_at(arg, i);
	coffer_err err;

	TRY(open_once(f, r, j->target));
	TRY(file_write_at(f, j->target->n.fd, j->target->path, bytes, len, j->part * r->store.part_size + off));
out:
	return err;
}

static void
note_failed(struct restoring *r, const struct fault *why, const char *path)
{
	if (r->n_failed++ == 0)
		(void)fault_set(&r->first, why->err, "%.200s: %.350s", path, why->text);
}

/* One part less to come; true when it was the last one. */
static bool
take_part(struct restoring *r, struct target *t, const struct fault *why)
{
	bool last;

	pthread_mutex_lock(&r->lock);
	if (why && !t->has_failed)
		note_failed(r, why, t->path);
	t->has_failed = t->has_failed || why;
	last = --t->left == 0;
	pthread_mutex_unlock(&r->lock);
	return last;
}

/* What is damaged in the store is left out, and the rest restored; a folder that does not take it ends the run. */
static coffer_err
job_end(void *arg, struct fault *f, size_t i, const uint8_t *id)
{
	struct restoring *r = arg;
	struct target *t = job_at(arg, i)->target;
	coffer_err err = COFFER_OK;

	if (!id && coffer_err_exit(f->err) != 5)
		return f->err;
	if (!take_part(r, t, id ? NULL : f))
		return COFFER_OK;
	if (!t->has_failed)
		err = name_target(f, &t->n, t->file->mode, mtime_of(t->file->mtime_ns));
	newfile_abort(&t->n);
	return err;
}

static coffer_err
restore_empty(struct fault *f, struct restoring *r, struct target *t)
{
	coffer_err err;

	TRY(open_target(f, r, t->path, &t->n));
	TRY(name_target(f, &t->n, t->file->mode, mtime_of(t->file->mtime_ns)));
out:
	newfile_abort(&t->n);
	return err;
}

static coffer_err
plan(struct fault *f, struct restoring *r)
{
	size_t n_parts = 0;

	r->targets = calloc(r->s.n_files + 1, sizeof(*r->targets));
	if (!r->targets)
		return fault_nomem(f);
	for (size_t i = 0; i < r->s.n_files; i++) {
		const struct backup_file *file = &r->s.files[i];
		struct target *t = &r->targets[r->n_targets];

		if (!is_wanted(r, file->path))
			continue;
		*t = (struct target){.file = file, .n = NEWFILE_INIT, .left = file->n_parts};
		if (asprintf(&t->path, PRIVATE_MODELS "/%s", file->path) < 0) {
			t->path = NULL;
			return fault_nomem(f);
		}
		r->n_targets++;
		r->n_files++;
		r->bytes += file->size;
		n_parts += file->n_parts;
	}
	r->jobs = calloc(n_parts + 1, sizeof(*r->jobs));
	return r->jobs ? COFFER_OK : fault_nomem(f);
}

static coffer_err
restore_files(struct fault *f, struct restoring *r)
{
	struct store_bulk bulk = {
		.len = job_len,
		.path = job_path,
		.id = job_id,
		.write = job_write,
		.end = job_end,
		.arg = r,
	};
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < r->n_targets; i++) {
		struct target *t = &r->targets[i];

		if (is_done(r, t->path, t->file->size, mtime_of(t->file->mtime_ns)))
			continue;
		if (t->file->n_parts == 0)
			TRY(restore_empty(f, r, t));
		for (size_t part = 0; part < t->file->n_parts; part++)
			r->jobs[r->n_jobs++] = (struct job){t, part};
	}
	bulk.n = r->n_jobs;
	TRY(r->store.verbs->get(r->store.self, f, r->ctx, &bulk));
out:
	return err;
}

/* ---- the private part ---- */

static bool
is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && path[len] == '/';
}

static bool
wants_member(const struct restoring *r, const char *path)
{
	return (r->opt.keyring && is_below(path, PRIVATE_KEYRING)) ||
	       (r->opt.config && (is_below(path, PRIVATE_CONFIG) || is_below(path, PRIVATE_DATA))) ||
	       (r->opt.audit && is_below(path, PRIVATE_AUDIT)) ||
	       (r->opt.plain && is_below(path, PRIVATE_MODELS) && is_wanted(r, path + sizeof(PRIVATE_MODELS)));
}

struct unpacking {
	struct restoring *r;
	struct private_part part;
	uint8_t *buf;
};

static coffer_err
copy_member(struct fault *f, const struct unpacking *u, const struct tar_member *m, const struct newfile *n)
{
	coffer_err err = COFFER_OK;

	for (uint64_t done = 0; done < m->size; done += STEP) {
		size_t len = (size_t)num_min(STEP, m->size - done);

		TRY(ctx_check_cancelled(f, u->r->ctx));
		TRY(private_read(f, &u->part, m->off + done, u->buf, len));
		TRY(file_write_at(f, n->fd, m->path, u->buf, len, done));
	}
out:
	return err;
}

/* What is private stays so: nobody else enters these folders. */
static coffer_err
make_private_folder(struct fault *f, const struct restoring *r, const char *path)
{
	char name[16];

	if (is_below(path, PRIVATE_MODELS))
		return COFFER_OK;
	(void)snprintf(name, sizeof(name), "%.*s", (int)num_min(strcspn(path, "/"), sizeof(name) - 1), path);
	if (mkdirat(r->fd, name, 0700) != 0 && errno != EEXIST)
		return fault_errno(f, errno, "cannot make the folder %s/%s", r->out, name);
	return COFFER_OK;
}

static coffer_err
unpack(void *arg, struct fault *f, const struct tar_member *m)
{
	struct unpacking *u = arg;
	const struct timespec mtime = {.tv_sec = (time_t)m->mtime};
	struct newfile n = NEWFILE_INIT;
	coffer_err err = COFFER_OK;

	if (!wants_member(u->r, m->path))
		return COFFER_OK;
	u->r->n_private++;
	if (is_done(u->r, m->path, m->size, mtime))
		return COFFER_OK;
	TRY(make_private_folder(f, u->r, m->path));
	TRY(open_target(f, u->r, m->path, &n));
	TRY(copy_member(f, u, m, &n));
	TRY(name_target(f, &n, m->mode, mtime));
out:
	newfile_abort(&n);
	return err;
}

static coffer_err
restore_private(struct fault *f, struct unpacking *u)
{
	coffer_err err;

	u->buf = malloc(STEP);
	if (!u->buf)
		return fault_nomem(f);
	TRY(private_each(f, &u->part, unpack, u));
out:
	mem_wipe(u->buf, STEP);
	free(u->buf);
	return err;
}

/* ---- the verb ---- */

static coffer_err
check_options(struct fault *f, const struct restoring *r)
{
	uint64_t any = 0;

	for (size_t i = 0; i < 8; i++)
		any |= r->opt.reserved[i];
	if (r->opt.version_1 != 1 || any != 0)
		return fault_set(f, COFFER_E_USAGE, "options for restoring of another version");
	if (wants_private(r) && !r->keys)
		return fault_set(
			f, COFFER_E_USAGE,
			"keys, configuration, audit log and plain files are in the private part, which a key of the "
			"backup opens; name it with --kek");
	return COFFER_OK;
}

static coffer_err
read_snapshot(struct fault *f, struct restoring *r, const char *which)
{
	struct finds finds = {.v = NULL};
	const struct found *found;
	coffer_err err;

	TRY(finds_list(f, &r->store, &finds));
	TRY(finds_choose(f, &finds, which, &found));
	(void)snprintf(r->name, sizeof(r->name), "%s", found->name);
	TRY(found_read(f, &r->store, found, &r->s));
out:
	finds_free(&finds);
	return err;
}

static coffer_err
judge(struct fault *f, const struct restoring *r)
{
	if (r->n_failed == 0)
		return COFFER_OK;
	return fault_set(
		f, r->first.err,
		"%.400s; %llu of %llu files could not be restored, all others are in %s; the same command goes on "
		"when the store is mended",
		r->first.text, (unsigned long long)r->n_failed, (unsigned long long)r->n_files, r->out);
}

static coffer_err
run_restore(struct fault *f, struct restoring *r, const char *where, const char *which)
{
	struct unpacking u = {.r = r, .part = PRIVATE_PART_INIT};
	coffer_err err;

	TRY(check_options(f, r));
	TRY(store_open(f, where, &r->store));
	TRY(r->store.verbs->lock(r->store.self, f, r->ctx, STORE_SHARED));
	TRY(read_snapshot(f, r, which));
	if (r->keys)
		err = private_open(f, r->ctx, &r->store, &r->s, r->keys, &u.part);
	if (err)
		TRY(fault_prefix(f, "the private part"));
	TRY(plan(f, r));
	if (r->n_targets == 0 && r->opt.n_include > 0 && !wants_private(r))
		TRY(fault_set(f, COFFER_E_NOTFOUND, "no file of %s is called so; «coffer backup list %s» lists them",
			      r->name, r->name));
	TRY(open_folder(f, r));
	TRY(restore_files(f, r));
	if (wants_private(r))
		TRY(restore_private(f, &u));
	TRY(judge(f, r));
	TRY(end_folder(f, r));
out:
	private_close(&u.part);
	return err;
}

static void
free_restoring(struct restoring *r)
{
	for (size_t i = 0; i < r->n_targets; i++) {
		newfile_abort(&r->targets[i].n);
		free(r->targets[i].path);
	}
	free(r->targets);
	free(r->jobs);
	file_close(&r->fd);
	snapshot_free(&r->s);
	store_close(&r->store);
	pthread_mutex_destroy(&r->lock);
}

coffer_err
coffer_backup_restore(struct coffer_ctx *ctx, const char *store, const char *snapshot, const char *out,
		      const struct coffer_keyring *keys, const struct coffer_backup_restore_options *options,
		      struct coffer_backup_stats *stats_out)
{
	struct restoring r = {
		.ctx = ctx,
		.keys = keys,
		.opt = {.version_1 = 1},
		.store = BACKUP_STORE_INIT,
		.s = SNAPSHOT_INIT,
		.out = out,
		.fd = -1,
	};
	uint64_t start = now_ns();
	coffer_err err;

	if (options)
		r.opt = *options;
	pthread_mutex_init(&r.lock, NULL);
	err = run_restore(ctx_begin(ctx), &r, store, snapshot);
	if (stats_out) {
		*stats_out = (struct coffer_backup_stats){.n_files = r.n_files,
							  .bytes = r.bytes,
							  .n_private = r.n_private,
							  .seconds = (double)(now_ns() - start) / 1e9};
		(void)snprintf(stats_out->snapshot, sizeof(stats_out->snapshot), "%s", r.name);
	}
	free_restoring(&r);
	return err;
}
