/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backup: the verb that makes a snapshot.
 *
 * Nothing is locked, for a rotation must not fail because a backup runs.  Instead the files are listed before and after they
 * are read: if nobody wrote to any of them in between, all of them were there at one moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <coffer/backup.h>

#include "base/file.h"
#include "engine/backup_find.h"
#include "engine/backup_memory.h"
#include "engine/backup_private.h"
#include "engine/backup_scan.h"
#include "engine/backup_store.h"

#define ATTEMPTS 5
#define CLOCK_SLACK 60 /* seconds */

/* One part of one file that is to be read. */
struct job {
	struct backup_file *file;
	size_t part;
	bool failed; /* the file changed */
};

struct creation {
	struct coffer_ctx *ctx;
	const struct coffer_keyring *keys;
	struct coffer_backup_create_options opt;
	struct filter filter;
	struct roots roots;
	struct backup_store store;
	struct objects there;
	char *memory; /* the file that keeps the name of the last snapshot made here, or NULL */

	/* what was there before, by this user's own account: believed */
	struct backup_file *known;
	size_t n_known;
	struct snapshot last;	/* owner of @known in the first attempt, */
	struct scan earlier;	/* and in the others */
	int64_t newest;		/* the time of the newest snapshot in the store */
	struct snapshot likely; /* of whoever: what parts probably are, where nothing is known */

	struct scan scan;
	struct snapshot made;
	struct job *jobs;
	size_t n_jobs;
	uint64_t bytes_read, bytes_stored, n_private;

	pthread_mutex_t lock;
	/* under lock */
	struct fault changed;  /* the first file that changed under our hands */
	bool relies_on_others; /* on objects that another run has put: their names may not be durable yet */
};

/* ---- options ---- */

static coffer_err
check_options(struct fault *f, const struct creation *c)
{
	uint64_t any = 0;

	for (size_t i = 0; i < 8; i++)
		any |= c->opt.reserved[i];
	if (c->opt.version_1 != 1 || any != 0)
		return fault_set(f, COFFER_E_USAGE, "backup options of another version");
	if (c->opt.part_size != 0 && !c->opt.init)
		return fault_set(f, COFFER_E_USAGE,
				 "the size of parts is a store's from its beginning; it goes with init");
	if (coffer_keyring_size(c->keys) == 0)
		return fault_set(f, COFFER_E_USAGE,
				 "a backup needs a key to seal its private part for; name one with --kek");
	return COFFER_OK;
}

/* ---- what was there before ---- */

/*
 * The last snapshot that was made here tells what need not be read again.  It is believed, for its name has its hash, and the
 * name was kept here.
 */
static coffer_err
load_last(struct fault *f, struct creation *c)
{
	struct fault why = {0};
	struct found found;
	coffer_err err;

	if (!backup_memory_recall(c->memory, &found))
		return COFFER_OK;
	err = found_read(&why, &c->store, &found, &c->last);
	if (err == COFFER_E_NOMEM)
		return fault_nomem(f);
	if (err == COFFER_E_NOTFOUND)
		ctx_notice(c->ctx,
			   "the last backup of these files, %s, is not in the store any more; all is read again",
			   found.name);
	else if (err)
		ctx_notice(c->ctx, "%s; all is read again", why.text);
	c->known = c->last.files;
	c->n_known = c->last.n_files;
	return COFFER_OK;
}

/* Where nothing is known: the newest snapshot of this host, so that what is there already is read but not written. */
static coffer_err
load_likely(struct fault *f, struct creation *c, const char *host)
{
	struct finds finds;
	coffer_err err;

	TRY(finds_list(f, &c->store, &finds));
	c->newest = finds.n > 0 ? finds.v[finds.n - 1].time : 0;
	for (size_t i = finds.n; c->n_known == 0 && i-- > 0;) {
		if (found_read(NULL, &c->store, &finds.v[i], &c->likely) != COFFER_OK)
			continue;
		if (strcmp(c->likely.host, host) == 0)
			break;
		snapshot_free(&c->likely);
	}
	finds_free(&finds);
out:
	return err;
}

/* ---- putting parts ---- */

static struct job *
job_at(void *arg, size_t i)
{
	const struct creation *c = arg;

	return &c->jobs[i];
}

static uint64_t
job_len(void *arg, size_t i)
{
	const struct creation *c = arg;
	const struct job *j = job_at(arg, i);

	return backup_part_len(j->file->size, c->store.part_size, j->part);
}

static const char *
job_path(void *arg, size_t i)
{
	return job_at(arg, i)->file->path;
}

static const uint8_t *
job_id(void *arg, size_t i)
{
	const struct creation *c = arg;
	const struct job *j = job_at(arg, i);
	const struct backup_file *before = scan_list_find(c->known, c->n_known, j->file->path);

	if (!before)
		before = scan_list_find(c->likely.files, c->likely.n_files, j->file->path);
	return before && before->parts && j->part < before->n_parts ? before->parts[j->part] : NULL;
}

static coffer_err
check_listed(struct fault *f, const struct backup_file *file, int fd)
{
	struct backup_file now = {0};
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fault_errno(f, errno, "cannot be read");
	scan_set_stat(&now, &st);
	if (!S_ISREG(st.st_mode) || !scan_is_same(&now, file))
		return fault_set(f, COFFER_E_CHANGED, "changed while it was backed up");
	return COFFER_OK;
}

static coffer_err
job_source(void *arg, struct fault *f, size_t i, int *fd_out, uint64_t *off_out)
{
	const struct creation *c = arg;
	const struct job *j = job_at(arg, i);
	coffer_err err;

	TRY(scan_open(f, &c->scan, j->file->path, fd_out));
	TRY(check_listed(f, j->file, *fd_out));
	*off_out = j->part * c->store.part_size;
out:
	return err;
}

/* What changed is listed again; anything else ends the run. */
static coffer_err
note_failed(struct creation *c, const struct fault *why, const char *path)
{
	if (why->err != COFFER_E_CHANGED && why->err != COFFER_E_NOTFOUND)
		return why->err;
	pthread_mutex_lock(&c->lock);
	if (c->changed.err == COFFER_OK)
		(void)fault_set(&c->changed, COFFER_E_CHANGED, "%s: %.400s", path, why->text);
	pthread_mutex_unlock(&c->lock);
	return COFFER_OK;
}

/* Of what the last snapshot names, all was durable before that was written. */
static void
note_there(struct creation *c, const uint8_t *id)
{
	if (!objects_find(&c->there, id))
		return;
	pthread_mutex_lock(&c->lock);
	c->relies_on_others = true;
	pthread_mutex_unlock(&c->lock);
}

static coffer_err
job_end(void *arg, struct fault *f, size_t i, const uint8_t *id)
{
	struct creation *c = arg;
	struct job *j = job_at(arg, i);
	coffer_err err;

	if (id) {
		memcpy(j->file->parts[j->part], id, SHA256_LEN);
		note_there(c, id);
		return COFFER_OK;
	}
	j->failed = true;
	err = note_failed(c, f, j->file->path);
	return err ? fault_prefix(f, "%s", j->file->path) : COFFER_OK;
}

static coffer_err
alloc_parts(struct fault *f, const struct creation *c, struct backup_file *file)
{
	file->n_parts = (size_t)backup_n_parts(file->size, c->store.part_size);
	file->parts = malloc(file->n_parts * SHA256_LEN + 1);
	return file->parts ? COFFER_OK : fault_nomem(f);
}

static coffer_err
plan_jobs(struct fault *f, struct creation *c, struct backup_file *const *files, size_t n)
{
	size_t n_jobs = 0;

	for (size_t i = 0; i < n; i++)
		n_jobs += (size_t)backup_n_parts(files[i]->size, c->store.part_size);
	free(c->jobs);
	c->jobs = calloc(n_jobs + 1, sizeof(*c->jobs));
	c->n_jobs = 0;
	if (!c->jobs)
		return fault_nomem(f);
	for (size_t i = 0; i < n; i++) {
		coffer_err err = alloc_parts(f, c, files[i]);

		if (err)
			return err;
		for (size_t part = 0; part < files[i]->n_parts; part++)
			c->jobs[c->n_jobs++] = (struct job){.file = files[i], .part = part};
	}
	return COFFER_OK;
}

static void
count_stored(struct creation *c)
{
	for (size_t i = 0; i < c->n_jobs; i++)
		if (!objects_find(&c->there, c->jobs[i].file->parts[c->jobs[i].part]))
			c->bytes_stored += job_len(c, i);
}

/* ---- the sealed files ---- */

/* Whether all objects of @file are there. */
static bool
is_stored(const struct creation *c, const struct backup_file *file)
{
	for (size_t i = 0; i < file->n_parts; i++) {
		const struct object *o = objects_find(&c->there, file->parts[i]);

		if (!o || o->size != backup_part_len(file->size, c->store.part_size, i))
			return false;
	}
	return file->parts != NULL;
}

/* What is known of @file, which did not change since; false when it has to be read. */
static coffer_err
adopt(struct fault *f, const struct creation *c, struct backup_file *file, bool *out)
{
	const struct backup_file *before = scan_list_find(c->known, c->n_known, file->path);
	coffer_err err;

	*out = false;
	if (!before || !scan_is_same(before, file) || !is_stored(c, before))
		return COFFER_OK;
	TRY(alloc_parts(f, c, file));
	memcpy(file->parts, before->parts, file->n_parts * SHA256_LEN);
	*out = true;
out:
	return err;
}

static coffer_err
put_files(struct fault *f, struct creation *c)
{
	struct backup_file **files = calloc(c->scan.sealed.n + 1, sizeof(*files));
	struct store_bulk bulk = {
		.len = job_len,
		.path = job_path,
		.id = job_id,
		.source = job_source,
		.end = job_end,
		.arg = c,
	};
	size_t n = 0;
	bool known;
	coffer_err err;

	if (!files)
		return fault_nomem(f);
	for (size_t i = 0; i < c->scan.sealed.n; i++) {
		TRY(adopt(f, c, &c->scan.sealed.v[i], &known));
		if (!known)
			files[n++] = &c->scan.sealed.v[i];
	}
	TRY(plan_jobs(f, c, files, n));
	bulk.n = c->n_jobs;
	TRY(c->store.verbs->put(c->store.self, f, c->ctx, &bulk, &c->there));
	for (size_t i = 0; i < n; i++)
		c->bytes_read += files[i]->size;
	if (c->changed.err == COFFER_OK)
		count_stored(c);
	/* a file that was not read to its end is not known in the next attempt */
	for (size_t i = 0; i < c->n_jobs; i++)
		if (c->jobs[i].failed)
			c->jobs[i].file->ctime_ns = 0;
out:
	free(files);
	return err;
}

/* ---- the private part ---- */

struct sealed_pack {
	struct creation *c;
	int fd;
};

static uint64_t
pack_job_len(void *arg, size_t i)
{
	const struct sealed_pack *s = arg;

	return job_len(s->c, i);
}

static const char *
pack_job_path(void *arg, size_t i)
{
	(void)arg;
	(void)i;
	return "the private part";
}

static const uint8_t *
pack_job_id(void *arg, size_t i)
{
	(void)arg;
	(void)i;
	return NULL; /* it is never the same twice */
}

static coffer_err
pack_job_source(void *arg, struct fault *f, size_t i, int *fd_out, uint64_t *off_out)
{
	const struct sealed_pack *s = arg;

	*fd_out = fcntl(s->fd, F_DUPFD_CLOEXEC, 3);
	*off_out = i * s->c->store.part_size;
	return *fd_out < 0 ? fault_errno(f, errno, "cannot be read") : COFFER_OK;
}

static coffer_err
pack_job_end(void *arg, struct fault *f, size_t i, const uint8_t *id)
{
	const struct sealed_pack *s = arg;

	if (!id)
		return fault_prefix(f, "the private part");
	memcpy(s->c->made.private_part.parts[i], id, SHA256_LEN);
	return COFFER_OK;
}

static coffer_err
put_sealed_pack(struct fault *f, struct creation *c, int fd, uint64_t size)
{
	struct backup_file *file = &c->made.private_part;
	struct sealed_pack s = {.c = c, .fd = fd};
	struct store_bulk bulk = {
		.len = pack_job_len,
		.path = pack_job_path,
		.id = pack_job_id,
		.source = pack_job_source,
		.end = pack_job_end,
		.arg = &s,
	};
	coffer_err err;

	backup_file_free(file);
	file->size = size;
	TRY(plan_jobs(f, c, &file, 1));
	bulk.n = c->n_jobs;
	TRY(c->store.verbs->put(c->store.self, f, c->ctx, &bulk, &c->there));
	c->bytes_stored += size;
out:
	return err;
}

static coffer_err
put_private(struct fault *f, struct creation *c, struct pack **pack)
{
	uint64_t size = 0;
	int fd = -1;
	coffer_err err;

	TRY(pack_new(f, c->opt.plain ? &c->scan : NULL, !c->opt.models_alone, pack));
	c->n_private = pack_size(*pack);
	TRY(private_scratch(f, &fd));
	err = pack_seal(f, c->ctx, *pack, c->keys, fd, &size);
	if (err && note_failed(c, f, "the private part") == COFFER_OK) {
		err = COFFER_OK;
		goto out;
	}
	TRY(err);
	TRY(put_sealed_pack(f, c, fd, size));
out:
	file_close(&fd);
	return err;
}

/* ---- one attempt ---- */

static bool
is_same_list(const struct scan_list *a, const struct scan_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].path, b->v[i].path) != 0 || !scan_is_same(&a->v[i], &b->v[i]))
			return false;
	return true;
}

/* Whether nothing was written to since the files were listed: then all of them were there at one moment, and the keys with them. */
static coffer_err
check_still(struct fault *f, struct creation *c)
{
	struct scan now;
	coffer_err err = scan_run(f, &c->roots, &c->filter, &now);

	if (err == COFFER_OK && c->changed.err == COFFER_OK &&
	    (!is_same_list(&now.sealed, &c->scan.sealed) ||
	     (c->opt.plain && !is_same_list(&now.plain, &c->scan.plain)) || now.n_broken != c->scan.n_broken))
		(void)fault_set(&c->changed, COFFER_E_CHANGED, "the models changed while they were backed up");
	scan_free(&now);
	return err;
}

/* What was found is what is known in the next attempt. */
static coffer_err
begin_again(struct fault *f, struct creation *c)
{
	coffer_err err;

	scan_free(&c->earlier);
	c->earlier = c->scan;
	c->scan = (struct scan){.roots = NULL};
	c->known = c->earlier.sealed.v;
	c->n_known = c->earlier.sealed.n;
	fault_clear(&c->changed);
	objects_free(&c->there);
	TRY(store_objects(f, &c->store, &c->there));
out:
	return err;
}

static coffer_err
check_found(struct fault *f, const struct creation *c)
{
	if (c->roots.n > 0 && c->scan.n_models == 0 && c->scan.n_broken == 0 && (!c->opt.plain || c->scan.plain.n == 0))
		return fault_set(f, COFFER_E_NOTFOUND, "there is no sealed model in %s; «coffer seal» makes one",
				 c->roots.v[0].path);
	return COFFER_OK;
}

static coffer_err
attempt(struct fault *f, struct creation *c, struct pack **pack)
{
	coffer_err err;

	c->bytes_stored = 0;
	TRY(scan_run(f, &c->roots, &c->filter, &c->scan));
	TRY(check_found(f, c));
	TRY(put_files(f, c));
	if (c->changed.err == COFFER_OK)
		TRY(put_private(f, c, pack));
	TRY(check_still(f, c));
out:
	return err;
}

static coffer_err
attempt_some(struct fault *f, struct creation *c, struct pack **pack)
{
	coffer_err err;

	for (unsigned int i = 0;; i++) {
		pack_free(pack);
		TRY(attempt(f, c, pack));
		if (c->changed.err == COFFER_OK)
			break;
		if (i + 1 == ATTEMPTS)
			TRY(fault_set(f, COFFER_E_CHANGED, "%.500s, %d times; back up when nobody writes to them",
				      c->changed.text, ATTEMPTS));
		TRY(begin_again(f, c));
	}
out:
	return err;
}

/* ---- the snapshot ---- */

/* Now; but a second after the last one where that is of the same second, so that it is clear which is the later. */
static int64_t
time_of(const struct creation *c)
{
	int64_t now = time(NULL), last = c->newest;

	return last >= now && last - now < CLOCK_SLACK ? last + 1 : now;
}

static coffer_err
describe(struct fault *f, struct creation *c)
{
	struct snapshot *s = &c->made;

	memcpy(s->store, c->store.id, sizeof(s->store));
	s->part_size = c->store.part_size;
	s->time = time_of(c);
	s->roots = calloc(c->roots.n + 1, sizeof(*s->roots));
	if (!s->roots)
		return fault_nomem(f);
	for (size_t i = 0; i < c->roots.n; i++) {
		s->n_roots = i + 1;
		s->roots[i].name = strdup(c->roots.v[i].name);
		s->roots[i].path = strdup(c->roots.v[i].path);
		if (!s->roots[i].name || !s->roots[i].path)
			return fault_nomem(f);
	}
	s->files = c->scan.sealed.v;
	s->n_files = c->scan.sealed.n;
	c->scan.sealed = (struct scan_list){.v = NULL};
	return COFFER_OK;
}

/* [B-5]: the snapshot comes last, when all that it names is durable */
static coffer_err
write_snapshot(struct fault *f, struct creation *c, struct view key, char name[static COFFER_BACKUP_NAME])
{
	struct buf text = BUF_INIT(LIMIT_BACKUP_SNAPSHOT);
	struct fault why = {0};
	char full[80];
	coffer_err err;

	TRY(describe(f, c));
	TRY(snapshot_encode(f, &c->made, key, &text));
	snapshot_name(&c->made, name);
	store_snapshot_name(name, full);
	TRY(ctx_check_cancelled(f, c->ctx));
	if (c->relies_on_others)
		TRY(c->store.verbs->sync(c->store.self, f, STORE_OBJECTS));
	TRY(c->store.verbs->write(c->store.self, f, full, buf_view(&text)));
	if (backup_memory_keep(&why, c->memory, name) != COFFER_OK)
		ctx_notice(c->ctx, "the next backup will read everything again: %s", why.text);
out:
	buf_free(&text);
	return err;
}

static void
fill_stats(const struct creation *c, struct coffer_backup_stats *out)
{
	for (size_t i = 0; i < c->made.n_files; i++)
		out->bytes += c->made.files[i].size;
	out->n_models = c->scan.n_models;
	out->n_files = c->made.n_files;
	out->bytes_read = c->bytes_read;
	out->bytes_stored = c->bytes_stored;
	out->n_private = c->n_private;
	out->n_left_out = (c->opt.plain ? 0 : c->scan.plain.n) + c->scan.n_links;
}

/* Models that are not whole: the snapshot is there, and yet not all is well. */
static coffer_err
judge(struct fault *f, const struct creation *c, const char *name)
{
	const struct scan *s = &c->scan;

	if (s->n_broken == 0)
		return COFFER_OK;
	return fault_set(f, s->broken.err, "%.300s%s; what is not whole was left out, all else is in %s",
			 s->broken.text, s->n_broken > 1 ? ", and others are not whole, too" : "", name);
}

/* ---- the verb ---- */

static coffer_err
open_store(struct fault *f, struct creation *c, const char *where)
{
	coffer_err err =
		c->opt.init ? store_make(f, where, c->opt.part_size, &c->store) : store_open(f, where, &c->store);

	if (err == COFFER_OK)
		err = c->store.verbs->lock(c->store.self, f, c->ctx, STORE_SHARED);
	return err;
}

static void
name_host(char out[static LIMIT_TEXT + 1])
{
	out[0] = out[LIMIT_TEXT] = '\0';
	if (gethostname(out, LIMIT_TEXT) != 0 || out[0] == '\0' || !text_check(out, strlen(out)))
		(void)snprintf(out, LIMIT_TEXT + 1, "unknown");
}

static coffer_err
run_create(struct fault *f, struct creation *c, const char *where, const char *const *models, size_t n_models,
	   struct coffer_backup_stats *stats)
{
	struct pack *pack = NULL;
	coffer_err err;

	TRY(check_options(f, c));
	TRY(roots_find(f, models, n_models, &c->roots));
	TRY(open_store(f, c, where));
	TRY(backup_memory_find(f, &c->store, &c->roots, &c->memory));
	TRY(store_objects(f, &c->store, &c->there));
	name_host(c->made.host);
	TRY(load_last(f, c));
	TRY(load_likely(f, c, c->made.host));
	TRY(attempt_some(f, c, &pack));
	TRY(write_snapshot(f, c, pack_key(pack), stats->snapshot));
	fill_stats(c, stats);
	TRY(judge(f, c, stats->snapshot));
out:
	pack_free(&pack);
	return err;
}

static void
free_creation(struct creation *c)
{
	free(c->jobs);
	free(c->memory);
	snapshot_free(&c->made);
	snapshot_free(&c->last);
	snapshot_free(&c->likely);
	scan_free(&c->earlier);
	scan_free(&c->scan);
	objects_free(&c->there);
	store_close(&c->store);
	roots_free(&c->roots);
	pthread_mutex_destroy(&c->lock);
}

coffer_err
coffer_backup_create(struct coffer_ctx *ctx, const char *store, const char *const *models, size_t n_models,
		     const struct coffer_keyring *keys, const struct coffer_backup_create_options *options,
		     struct coffer_backup_stats *stats_out)
{
	struct coffer_backup_stats stats = {.snapshot = ""};
	struct creation c = {
		.ctx = ctx,
		.keys = keys,
		.opt = {.version_1 = 1},
		.store = BACKUP_STORE_INIT,
		.last = SNAPSHOT_INIT,
		.likely = SNAPSHOT_INIT,
		.made = SNAPSHOT_INIT,
	};
	uint64_t start = now_ns();
	coffer_err err;

	if (options)
		c.opt = *options;
	c.filter = (struct filter){.exclude = c.opt.exclude, .n_exclude = c.opt.n_exclude};
	pthread_mutex_init(&c.lock, NULL);
	err = run_create(ctx_begin(ctx), &c, store, models, n_models, &stats);
	stats.seconds = (double)(now_ns() - start) / 1e9;
	if (stats_out)
		*stats_out = stats;
	free_creation(&c);
	return err;
}
