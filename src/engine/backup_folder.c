/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup store that is a folder.
 *
 * An object is written without a name and hashed by the way; it is called by its hash when it is whole and durable.  So what
 * has a name is whole, but for damage, and a kill leaves nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/path.h"
#include "base/tree.h"
#include "crypto/rand.h"
#include "engine/backup_store.h"
#include "engine/hashing.h"

#define N_FOLDERS 256u /* of objects, by the first byte of their id */
#define TMP_SUFFIX ".coffer-tmp"
#define WAIT_NS 200000000L

struct folder {
	char *shown;
	int fd, objects, snapshots, lock;
};

/* ---- documents ---- */

/* The folder that the document @name is in, and what it is called there. */
static int
place_of(const struct folder *s, const char *name, const char **base_out)
{
	*base_out = path_base(name);
	return strncmp(name, STORE_SNAPSHOTS "/", sizeof(STORE_SNAPSHOTS)) == 0 ? s->snapshots : s->fd;
}

static coffer_err
show(struct fault *f, const struct folder *s, const char *name, char **out)
{
	if (asprintf(out, "%s/%s", s->shown, name) >= 0)
		return COFFER_OK;
	*out = NULL;
	return fault_nomem(f);
}

/* Without one it could not have been opened. */
static coffer_err
folder_is_there(void *self, struct fault *f)
{
	(void)self;
	(void)f;
	return COFFER_OK;
}

static coffer_err
folder_read(void *self, struct fault *f, const char *name, size_t max, struct buf *out)
{
	const struct folder *s = self;
	char *shown = NULL;
	const char *base;
	int dirfd = place_of(s, name, &base);
	coffer_err err;

	TRY(show(f, s, name, &shown));
	TRY(file_slurp_at(f, dirfd, base, shown, max, out));
out:
	free(shown);
	return err;
}

static coffer_err
folder_write(void *self, struct fault *f, const char *name, struct view bytes)
{
	const struct folder *s = self;
	struct newfile n = NEWFILE_INIT;
	char *shown = NULL;
	const char *base;
	int dirfd = place_of(s, name, &base);
	coffer_err err;

	TRY(show(f, s, name, &shown));
	TRY(newfile_open_at(f, &n, dirfd, base, shown, 0600, false));
	TRY(file_write_at(f, n.fd, shown, bytes.p, bytes.len, 0));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	free(shown);
	return err;
}

/* ---- lists ---- */

struct listing {
	coffer_err (*fn)(void *arg, struct fault *f, const struct store_entry *e);
	void *arg;
	const char *shown;
};

static coffer_err
list_entry(void *arg, struct fault *f, const struct tree_entry *e)
{
	const struct listing *l = arg;
	struct store_entry entry = {.name = e->path};
	struct stat st;

	if (e->type != DT_REG || e->name[0] == '.')
		return COFFER_OK;
	/* it may be gone since the folder was read */
	if (fstatat(e->dirfd, e->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? COFFER_OK : fault_errno(f, errno, "cannot look at %s/%s", l->shown, e->path);
	entry.size = (uint64_t)st.st_size;
	entry.mtime = st.st_mtim.tv_sec;
	return l->fn(l->arg, f, &entry);
}

static bool
is_snapshots(const char *folder)
{
	return strcmp(folder, STORE_SNAPSHOTS) == 0;
}

static coffer_err
folder_list(void *self, struct fault *f, const char *folder,
	    coffer_err (*fn)(void *arg, struct fault *f, const struct store_entry *e), void *arg)
{
	const struct folder *s = self;
	struct listing l = {.fn = fn, .arg = arg, .shown = s->shown};
	const struct tree_visitor visitor = {.entry = list_entry, .arg = &l};

	return tree_walk(f, is_snapshots(folder) ? s->snapshots : s->objects, s->shown, &visitor);
}

/* ---- removing ---- */

static coffer_err
folder_remove(void *self, struct fault *f, const char *name)
{
	const struct folder *s = self;

	if (unlinkat(s->fd, name, 0) != 0 && errno != ENOENT)
		return fault_errno(f, errno, "cannot remove %s/%s", s->shown, name);
	return COFFER_OK;
}

static coffer_err
sync_below(struct fault *f, const struct folder *s, unsigned int index)
{
	char name[3];
	uint8_t byte = (uint8_t)index;
	int fd;
	coffer_err err;

	enc_hex(&byte, 1, name);
	fd = openat(s->objects, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fault_errno(f, errno, "cannot open the folder %s/" STORE_OBJECTS "/%s", s->shown, name);
	err = file_sync_dir(f, fd, s->shown);
	file_close(&fd);
	return err;
}

static coffer_err
folder_sync(void *self, struct fault *f, const char *folder)
{
	const struct folder *s = self;
	coffer_err err = COFFER_OK;

	if (is_snapshots(folder))
		return file_sync_dir(f, s->snapshots, s->shown);
	for (unsigned int i = 0; i < N_FOLDERS; i++)
		TRY(sync_below(f, s, i));
out:
	return err;
}

/* The names that a file has while it is made, where the file system knows no unnamed ones. */
static bool
is_temporary(const char *name)
{
	size_t len = strlen(name), suffix = sizeof(TMP_SUFFIX) - 1;

	return name[0] == '.' && len > suffix && strcmp(name + len - suffix, TMP_SUFFIX) == 0;
}

struct sweep {
	const struct folder *s;
	int64_t before;
};

static coffer_err
sweep_entry(void *arg, struct fault *f, const struct tree_entry *e)
{
	const struct sweep *w = arg;
	struct stat st;

	if (e->type != DT_REG || !is_temporary(e->name) || fstatat(e->dirfd, e->name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    st.st_mtim.tv_sec >= w->before)
		return COFFER_OK;
	if (unlinkat(e->dirfd, e->name, 0) != 0 && errno != ENOENT)
		return fault_errno(f, errno, "cannot remove %s/%s", w->s->shown, e->path);
	return COFFER_OK;
}

static coffer_err
folder_tidy(void *self, struct fault *f, int64_t before)
{
	const struct folder *s = self;
	struct sweep w = {.s = s, .before = before};
	const struct tree_visitor visitor = {.entry = sweep_entry, .arg = &w};

	return tree_walk(f, s->fd, s->shown, &visitor);
}

/* ---- the lock: on the description, which is never replaced ---- */

static coffer_err
wait_for_lock(struct fault *f, const struct folder *s, const struct coffer_ctx *ctx)
{
	const struct timespec pause = {.tv_nsec = WAIT_NS};
	coffer_err err;

	ctx_notice(ctx, "waiting for another process that removes old backups from %s", s->shown);
	while (flock(s->lock, LOCK_SH | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fault_errno(f, errno, "cannot lock %s", s->shown);
		(void)nanosleep(&pause, NULL);
		TRY(ctx_check_cancelled(f, ctx));
	}
	err = COFFER_OK;
out:
	return err;
}

static coffer_err
folder_lock(void *self, struct fault *f, const struct coffer_ctx *ctx, enum store_lock lock)
{
	struct folder *s = self;

	/* over NFS only who may write can be alone; who cannot write may still read */
	s->lock = openat(s->fd, STORE_DESCRIPTION, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (s->lock < 0)
		s->lock = openat(s->fd, STORE_DESCRIPTION, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (s->lock < 0)
		return fault_errno(f, errno, "cannot lock %s", s->shown);
	if (flock(s->lock, (lock == STORE_ALONE ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0)
		return COFFER_OK;
	if (errno == EWOULDBLOCK && lock == STORE_SHARED)
		return wait_for_lock(f, s, ctx);
	if (errno == EWOULDBLOCK)
		return fault_set(f, COFFER_E_BUSY,
				 "%s is in use: a backup, a verification or a restoration runs; try again when it has "
				 "ended",
				 s->shown);
	return fault_errno(f, errno, "cannot lock %s", s->shown);
}

/* ---- putting ---- */

struct put {
	const struct folder *s;
	const struct store_bulk *b;
	const struct objects *there;
	char run[17]; /* so that no two processes use one temporary name */
	struct put_item {
		struct newfile n;
		bool is_written; /* to @n; else it is only compared with what it probably is */
		bool is_another; /* and it was not */
	} * items;
	const size_t *which; /* of a second round; NULL = all */
};

static size_t
item_of(const struct put *p, size_t index)
{
	return p->which ? p->which[index] : index;
}

static const char *
put_path(void *arg, size_t index)
{
	const struct put *p = arg;

	return p->b->path(p->b->arg, item_of(p, index));
}

static uint64_t
put_size(void *arg, size_t index)
{
	const struct put *p = arg;

	return p->b->len(p->b->arg, item_of(p, index));
}

static bool
is_there(const struct put *p, const uint8_t *id, uint64_t len)
{
	const struct object *o = id ? objects_find(p->there, id) : NULL;

	return o && o->size == len;
}

static coffer_err
put_open(void *arg, struct fault *f, size_t index, struct hash_place *place)
{
	const struct put *p = arg;
	size_t i = item_of(p, index);
	struct put_item *item = &p->items[i];
	uint64_t len = p->b->len(p->b->arg, i);
	char name[48];
	coffer_err err;

	TRY(p->b->source(p->b->arg, f, i, &place->fd, &place->off));
	place->end = place->off + len;
	item->is_written = item->is_another || !is_there(p, p->b->id(p->b->arg, i), len);
	if (!item->is_written)
		goto out;
	(void)snprintf(name, sizeof(name), "%s-%zu", p->run, i);
	TRY(newfile_open_at(f, &item->n, p->s->objects, name, p->s->shown, 0600, false));
out:
	return err;
}

static coffer_err
put_piece(void *arg, struct fault *f, size_t index, uint64_t off, const void *bytes, size_t len)
{
	const struct put *p = arg;
	const struct put_item *item = &p->items[item_of(p, index)];

	return item->is_written ? file_write_at(f, item->n.fd, p->s->shown, bytes, len, off) : COFFER_OK;
}

/* Give the new object its name.  One that has it already has the same bytes, for it has the same hash. */
static coffer_err
name_object(struct fault *f, const struct put *p, struct put_item *item, const uint8_t *id)
{
	char hex[2 * SHA256_LEN + 1], sub[3];
	const struct object *old = objects_find(p->there, id);
	int dirfd;
	coffer_err err;

	enc_hex(id, SHA256_LEN, hex);
	enc_hex(id, 1, sub);
	dirfd = openat(p->s->objects, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dirfd < 0)
		return fault_errno(f, errno, "cannot open the folder %s/" STORE_OBJECTS "/%s", p->s->shown, sub);
	/* what was cut makes way */
	if (old && unlinkat(dirfd, hex, 0) != 0 && errno != ENOENT)
		TRY(fault_errno(f, errno, "cannot replace the damaged %s/" STORE_OBJECTS "/%s/%s", p->s->shown, sub,
				hex));
	TRY(newfile_name(f, &item->n, dirfd, hex));
	err = newfile_commit(f, &item->n);
	if (err == COFFER_E_EXISTS)
		TRY(file_sync_dir(f, dirfd, p->s->shown));
out:
	file_close(&dirfd);
	return err;
}

static coffer_err
put_done(struct fault *f, const struct put *p, size_t i, const uint8_t *digest)
{
	struct put_item *item = &p->items[i];
	coffer_err err = COFFER_OK;

	if (!is_there(p, digest, p->b->len(p->b->arg, i))) {
		if (!item->is_written) {
			item->is_another = true;
			return COFFER_OK;
		}
		TRY(name_object(f, p, item, digest));
	}
	TRY(p->b->end(p->b->arg, f, i, digest));
out:
	return err;
}

static coffer_err
put_end(void *arg, struct fault *f, size_t index, const struct hash_place *place, const uint8_t *digest)
{
	const struct put *p = arg;
	size_t i = item_of(p, index);
	coffer_err err = digest ? put_done(f, p, i, digest) : p->b->end(p->b->arg, f, i, NULL);

	(void)place;
	newfile_abort(&p->items[i].n);
	return err;
}

static coffer_err
run_put(struct fault *f, struct coffer_ctx *ctx, struct put *p, size_t n)
{
	const struct hashing h = {
		.n = n,
		.kind = DIGEST_SHA256,
		.path = put_path,
		.size = put_size,
		.open = put_open,
		.end = put_end,
		.piece = put_piece,
		.in_order = true,
		.arg = p,
	};

	return hashing_run(f, ctx, &h);
}

/* What was not what it probably was is read once more, and written. */
static coffer_err
put_others(struct fault *f, struct coffer_ctx *ctx, struct put *p)
{
	size_t *which = calloc(p->b->n + 1, sizeof(*which)), n = 0;
	coffer_err err;

	if (!which)
		return fault_nomem(f);
	for (size_t i = 0; i < p->b->n; i++)
		if (p->items[i].is_another)
			which[n++] = i;
	p->which = which;
	err = run_put(f, ctx, p, n);
	free(which);
	return err;
}

static coffer_err
folder_put(void *self, struct fault *f, struct coffer_ctx *ctx, const struct store_bulk *bulk,
	   const struct objects *there)
{
	struct put p = {.s = self, .b = bulk, .there = there};
	uint8_t run[8];
	coffer_err err;

	p.items = calloc(bulk->n + 1, sizeof(*p.items));
	if (!p.items)
		return fault_nomem(f);
	for (size_t i = 0; i < bulk->n; i++)
		p.items[i].n = (struct newfile)NEWFILE_INIT;
	TRY(rand_bytes(f, run, sizeof(run)));
	enc_hex(run, sizeof(run), p.run);
	TRY(run_put(f, ctx, &p, bulk->n));
	TRY(put_others(f, ctx, &p));
out:
	/* those that a failure has left in the middle */
	for (size_t i = 0; i < bulk->n; i++)
		newfile_abort(&p.items[i].n);
	free(p.items);
	return err;
}

/* ---- getting ---- */

struct get {
	const struct folder *s;
	const struct store_bulk *b;
	bool *was_refused; /* of each: whoever takes the bytes did not; the object is not to blame */
};

static const char *
get_path(void *arg, size_t i)
{
	const struct get *g = arg;

	return g->b->path(g->b->arg, i);
}

static uint64_t
get_size(void *arg, size_t i)
{
	const struct get *g = arg;

	return g->b->len(g->b->arg, i);
}

static coffer_err
get_open(void *arg, struct fault *f, size_t i, struct hash_place *place)
{
	const struct get *g = arg;
	uint64_t len = g->b->len(g->b->arg, i);
	struct stat st;
	char name[80];

	store_object_name(g->b->id(g->b->arg, i), name);
	place->fd = openat(g->s->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (place->fd < 0 && errno == ENOENT)
		return fault_set(f, COFFER_E_FILESET, "is missing");
	if (place->fd < 0 || fstat(place->fd, &st) != 0)
		return fault_errno(f, errno, "cannot be opened");
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != len)
		return fault_set(f, COFFER_E_AUTH, "is damaged: %llu bytes where %llu belong",
				 (unsigned long long)st.st_size, (unsigned long long)len);
	place->end = len;
	return COFFER_OK;
}

static coffer_err
get_piece(void *arg, struct fault *f, size_t i, uint64_t off, const void *bytes, size_t len)
{
	const struct get *g = arg;
	coffer_err err = g->b->write ? g->b->write(g->b->arg, f, i, off, bytes, len) : COFFER_OK;

	g->was_refused[i] = err != COFFER_OK;
	return err;
}

/* «objects/ab/… is damaged» */
static void
blame(struct fault *f, const uint8_t *id)
{
	struct fault why = *f;
	char name[80];

	store_object_name(id, name);
	(void)fault_set(f, why.err, "%s %.500s", name, why.text);
}

static coffer_err
get_end(void *arg, struct fault *f, size_t i, const struct hash_place *place, const uint8_t *digest)
{
	const struct get *g = arg;
	const uint8_t *id = g->b->id(g->b->arg, i);

	(void)place;
	/* [B-4] */
	if (digest && memcmp(digest, id, SHA256_LEN) == 0) /* lint: memcmp, both are public */
		return g->b->end(g->b->arg, f, i, id);
	if (digest)
		(void)fault_set(f, COFFER_E_AUTH, "is damaged: its bytes are not those that were stored");
	if (!g->was_refused[i])
		blame(f, id);
	return g->b->end(g->b->arg, f, i, NULL);
}

static coffer_err
folder_get(void *self, struct fault *f, struct coffer_ctx *ctx, const struct store_bulk *bulk)
{
	struct get g = {.s = self, .b = bulk};
	const struct hashing h = {
		.n = bulk->n,
		.kind = DIGEST_SHA256,
		.path = get_path,
		.size = get_size,
		.open = get_open,
		.end = get_end,
		.piece = get_piece,
		.in_order = true,
		.arg = &g,
	};
	coffer_err err;

	g.was_refused = calloc(bulk->n + 1, sizeof(*g.was_refused));
	if (!g.was_refused)
		return fault_nomem(f);
	err = hashing_run(f, ctx, &h);
	free(g.was_refused);
	return err;
}

/* ---- opening ---- */

static void
folder_close(void *self)
{
	struct folder *s = self;

	file_close(&s->fd);
	file_close(&s->objects);
	file_close(&s->snapshots);
	file_close(&s->lock);
	free(s->shown);
	free(s);
}

static const struct store_verbs verbs = {
	.is_there = folder_is_there,
	.read = folder_read,
	.write = folder_write,
	.list = folder_list,
	.remove = folder_remove,
	.sync = folder_sync,
	.tidy = folder_tidy,
	.lock = folder_lock,
	.put = folder_put,
	.get = folder_get,
	.close = folder_close,
};

static coffer_err
make_below(struct fault *f, const struct folder *s, int dirfd, const char *name)
{
	if (mkdirat(dirfd, name, 0700) != 0 && errno != EEXIST)
		return fault_errno(f, errno, "cannot make the folder %s in %s", name, s->shown);
	return COFFER_OK;
}

static coffer_err
enter(struct fault *f, const struct folder *s, const char *name, int *fd_out)
{
	*fd_out = openat(s->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd_out < 0 && errno == ENOENT)
		return fault_set(
			f, COFFER_E_FORMAT,
			"%s is no backup store: it has no folder called %s; is its disk there? «coffer backup create "
			"--init» makes a store",
			s->shown, name);
	return *fd_out < 0 ? fault_errno(f, errno, "cannot open the folder %s/%s", s->shown, name) : COFFER_OK;
}

/* [B-2]: only what a store is made of, and what a new file system has: so that no folder in use becomes one by a slip. */
static coffer_err
check_empty(struct fault *f, const struct folder *s)
{
	static const char *const may[] = {".", "..", STORE_OBJECTS, STORE_SNAPSHOTS, STORE_DESCRIPTION, "lost+found"};
	int fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	coffer_err err = COFFER_OK;
	struct dirent *d;

	if (!dir) {
		err = fault_errno(f, errno, "cannot read the folder %s", s->shown);
		file_close(&fd);
		return err;
	}
	while (err == COFFER_OK && (d = readdir(dir))) {
		bool known = is_temporary(d->d_name);

		for (size_t i = 0; i < sizeof(may) / sizeof(*may); i++)
			known = known || strcmp(d->d_name, may[i]) == 0;
		if (!known)
			err = fault_set(f, COFFER_E_EXISTS,
					"%s has something else in it, as %s; a new backup store needs an empty folder",
					s->shown, d->d_name);
	}
	(void)closedir(dir);
	return err;
}

/* All folders, before the description is written: a store that has it is whole.  A killed run is continued. */
static coffer_err
make_folders(struct fault *f, const struct folder *s)
{
	char name[3];
	int fd = -1;
	coffer_err err;

	TRY(check_empty(f, s));
	TRY(make_below(f, s, s->fd, STORE_OBJECTS));
	TRY(make_below(f, s, s->fd, STORE_SNAPSHOTS));
	TRY(file_sync_dir(f, s->fd, s->shown));
	TRY(enter(f, s, STORE_OBJECTS, &fd));
	for (unsigned int i = 0; i < N_FOLDERS; i++) {
		uint8_t byte = (uint8_t)i;

		enc_hex(&byte, 1, name);
		TRY(make_below(f, s, fd, name));
	}
	TRY(file_sync_dir(f, fd, s->shown));
out:
	file_close(&fd);
	return err;
}

static coffer_err
make_top(struct fault *f, const char *path)
{
	if (mkdir(path, 0700) == 0)
		return file_sync_parent(f, path);
	return errno == EEXIST ? COFFER_OK : fault_errno(f, errno, "cannot make the folder %s", path);
}

coffer_err
store_folder_open(struct fault *f, const char *path, bool make, struct backup_store *out)
{
	struct folder *s = calloc(1, sizeof(*s));
	coffer_err err;

	if (!s)
		return fault_nomem(f);
	s->fd = s->objects = s->snapshots = s->lock = -1;
	out->verbs = &verbs;
	out->self = s;
	s->shown = strdup(path);
	if (!s->shown)
		return fault_nomem(f);
	if (make)
		TRY(make_top(f, path));
	s->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0 && errno == ENOENT)
		TRY(fault_set(
			f, COFFER_E_NOTFOUND,
			"there is no backup store %s; is its disk there? «coffer backup create --init» makes a store",
			path));
	if (s->fd < 0)
		TRY(fault_errno(f, errno, "cannot open the backup store %s", path));
	if (make && faccessat(s->fd, STORE_DESCRIPTION, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		TRY(make_folders(f, s));
	TRY(enter(f, s, STORE_OBJECTS, &s->objects));
	TRY(enter(f, s, STORE_SNAPSHOTS, &s->snapshots));
out:
	return err;
}
