/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/backup_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log.h"
#include "base/file.h"
#include "base/home.h"
#include "base/num.h"
#include "base/path.h"
#include "base/tree.h"
#include "crypto/rand.h"
#include "data/source.h"

#define KEY_NAME "mac.key"
#define ARCHIVE_NAME "private.tar"
#define HEADER_MAX (4 * LIMIT_BACKUP_PATH)

/* ---- what goes into it ---- */

/* A file on its way into the archive: its header, its bytes, zeros up to a whole block. */
struct item {
	struct backup_file file; /* its path is the one in the archive */
	char *from;		 /* where it is; NULL: a plain file of the scan; of the first one, the key itself */
	bool grows;		 /* only what was there when it was listed counts */
	uint64_t off;		 /* of its header in the archive */
	uint64_t header_len;
};

struct pack {
	const struct scan *plain;
	struct secret key;
	struct item *v;
	size_t n, cap;
	uint64_t size; /* of the archive */

	pthread_mutex_t lock;
	struct fault why; /* under lock: why a read failed, for a source says only an error */
};

void
pack_free(struct pack **pack)
{
	struct pack *p = *pack;

	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		backup_file_free(&p->v[i].file);
		free(p->v[i].from);
	}
	free(p->v);
	secret_free(&p->key);
	pthread_mutex_destroy(&p->lock);
	free(p);
	*pack = NULL;
}

struct view
pack_key(const struct pack *pack)
{
	return view_of(pack->key.p, pack->key.len);
}

size_t
pack_size(const struct pack *pack)
{
	return pack->n - 1; /* the key is none of the user's */
}

/* Takes @path and @from over. */
static coffer_err
add_item(struct fault *f, struct pack *p, char *path, char *from, const struct stat *st, bool grows)
{
	struct item item = {.file = {.path = path}, .from = from, .grows = grows};

	scan_set_stat(&item.file, st);
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 64;
		struct item *v = cap <= 2 * LIMIT_BACKUP_PRIVATE ? realloc(p->v, cap * sizeof(*v)) : NULL;

		if (!v) {
			free(path);
			free(from);
			return fault_nomem(f);
		}
		p->v = v;
		p->cap = cap;
	}
	p->v[p->n++] = item;
	return backup_path_check(f, path);
}

struct gathering {
	struct pack *pack;
	const char *name; /* of the folder in the archive */
	const char *dir;  /* the folder itself */
	const char *but;  /* a name in it that is left out, or NULL */
	bool grows;
};

/* Files, and what links point to: a configuration may well be kept elsewhere. */
static coffer_err
gather_entry(void *arg, struct fault *f, const struct tree_entry *e)
{
	const struct gathering *g = arg;
	char *path = NULL, *from = NULL;
	struct stat st;
	coffer_err err;

	if (fstatat(e->dirfd, e->name, &st, 0) != 0)
		return errno == ENOENT ? COFFER_OK : fault_errno(f, errno, "cannot look at %s/%s", g->dir, e->path);
	if (!S_ISREG(st.st_mode))
		return COFFER_OK;
	if (asprintf(&path, "%s/%s", g->name, e->path) < 0)
		path = NULL;
	if (asprintf(&from, "%s/%s", g->dir, e->path) < 0)
		from = NULL;
	if (path && from)
		return add_item(f, g->pack, path, from, &st, g->grows);
	err = fault_nomem(f);
	free(path);
	free(from);
	return err;
}

static bool
is_left_out(void *arg, const char *path, const char *name)
{
	const struct gathering *g = arg;

	(void)name;
	return g->but && strcmp(path, g->but) == 0;
}

/* A folder that is not there has nothing in it. */
static coffer_err
gather(struct fault *f, const struct gathering *g)
{
	const struct tree_visitor visitor = {
		.entry = gather_entry, .leave_out = is_left_out, .arg = (void *)(uintptr_t)g};
	int fd = open(g->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	coffer_err err;

	if (fd < 0)
		return errno == ENOENT ? COFFER_OK : fault_errno(f, errno, "cannot open the folder %s", g->dir);
	err = tree_walk(f, fd, g->dir, &visitor);
	file_close(&fd);
	return err;
}

/* The folder of @kind that is not there for want of a home has nothing in it, either. */
static coffer_err
gather_home(struct fault *f, struct pack *p, enum home_kind kind, const char *name, const char *but)
{
	struct gathering g = {.pack = p, .name = name, .but = but};
	char *dir = NULL;
	coffer_err err = home_path(NULL, kind, "", &dir);

	if (err == COFFER_E_NOTFOUND)
		return COFFER_OK;
	if (err)
		return fault_nomem(f);
	/* «…/coffer/», which names what is in it without a second slash */
	dir[strlen(dir) - 1] = '\0';
	g.dir = dir;
	err = gather(f, &g);
	free(dir);
	return err;
}

static coffer_err
gather_keyring(struct fault *f, struct pack *p)
{
	struct gathering g = {.pack = p, .name = PRIVATE_KEYRING, .dir = home_setting("COFFER_KEYS")};
	char *dir = NULL;
	coffer_err err;

	if (!g.dir && home_path(NULL, HOME_CONFIG, "keys", &dir) != COFFER_OK)
		return COFFER_OK;
	g.dir = g.dir ? g.dir : dir;
	err = gather(f, &g);
	free(dir);
	return err;
}

/* It is written to meanwhile, at its end: that we back it up, too. */
static coffer_err
gather_audit(struct fault *f, struct pack *p)
{
	struct gathering g = {.pack = p, .name = PRIVATE_AUDIT, .but = "lock", .grows = true};
	struct audit_where where = {.folder = NULL};
	coffer_err err = audit_where_parse(f, NULL, &where);

	g.dir = where.folder;
	if (err == COFFER_E_NOTFOUND || !g.dir)
		err = err == COFFER_E_NOTFOUND ? COFFER_OK : err;
	else
		err = gather(f, &g);
	audit_where_free(&where);
	return err;
}

static coffer_err
gather_plain(struct fault *f, struct pack *p)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; p->plain && i < p->plain->plain.n; i++) {
		const struct backup_file *file = &p->plain->plain.v[i];
		const struct stat none = {.st_mode = 0};
		char *path;

		if (asprintf(&path, PRIVATE_MODELS "/%s", file->path) < 0)
			return fault_nomem(f);
		TRY(add_item(f, p, path, NULL, &none, false));
		path = p->v[p->n - 1].file.path;
		p->v[p->n - 1].file = *file;
		p->v[p->n - 1].file.path = path;
	}
out:
	return err;
}

static coffer_err
make_key(struct fault *f, struct pack *p)
{
	const struct stat st = {.st_size = PRIVATE_KEY_LEN, .st_mode = 0600};
	char *name = strdup(KEY_NAME);
	coffer_err err;

	if (!name)
		return fault_nomem(f);
	TRY(add_item(f, p, name, NULL, &st, false));
	TRY(secret_new(f, &p->key, PRIVATE_KEY_LEN));
	TRY(rand_bytes(f, p->key.p, PRIVATE_KEY_LEN));
out:
	return err;
}

static struct tar_member
member_of(const struct item *item)
{
	struct tar_member m = {
		.size = item->file.size,
		.mode = item->file.mode,
		.mtime = (int64_t)(item->file.mtime_ns / UINT64_C(1000000000)),
	};

	(void)snprintf(m.path, sizeof(m.path), "%s", item->file.path);
	return m;
}

/* Where each of them is in the archive. */
static coffer_err
lay_out(struct fault *f, struct pack *p)
{
	struct buf header = BUF_INIT(HEADER_MAX);
	struct tar_member m;
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < p->n; i++) {
		header.len = 0;
		m = member_of(&p->v[i]);
		TRY(tar_header(f, &m, &header));
		p->v[i].off = p->size;
		p->v[i].header_len = header.len;
		p->size += header.len + tar_room(m.size);
		if (m.size > LIMIT_SIZE || p->size > LIMIT_SIZE)
			TRY(fault_set(f, COFFER_E_USAGE, "more files than a private part can have"));
	}
	p->size += TAR_END;
out:
	buf_free(&header);
	return err;
}

coffer_err
pack_new(struct fault *f, const struct scan *plain, bool own, struct pack **out)
{
	struct pack *p = calloc(1, sizeof(*p));
	coffer_err err;

	*out = p;
	if (!p)
		return fault_nomem(f);
	p->plain = plain;
	pthread_mutex_init(&p->lock, NULL);
	TRY(make_key(f, p));
	if (own) {
		TRY(gather_keyring(f, p));
		TRY(gather_home(f, p, HOME_CONFIG, PRIVATE_CONFIG, "keys"));
		TRY(gather_home(f, p, HOME_DATA, PRIVATE_DATA, NULL));
		TRY(gather_audit(f, p));
	}
	TRY(gather_plain(f, p));
	TRY(lay_out(f, p));
out:
	return err;
}

/* ---- the archive as a source ---- */

static coffer_err
open_item(struct fault *f, const struct pack *p, const struct item *item, int *fd_out)
{
	if (!item->from)
		return scan_open(f, p->plain, strchr(item->file.path, '/') + 1, fd_out);
	*fd_out = open(item->from, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return *fd_out < 0 ? fault_errno(f, errno, "cannot open %s", item->from) : COFFER_OK;
}

static coffer_err
check_same(struct fault *f, const struct item *item, int fd)
{
	struct backup_file now = {0};
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fault_errno(f, errno, "cannot read %s", item->file.path);
	scan_set_stat(&now, &st);
	if (item->grows ? now.inode != item->file.inode || now.size < item->file.size
			: !scan_is_same(&now, &item->file))
		return fault_set(f, COFFER_E_CHANGED, "%s changed while it was backed up", item->file.path);
	return COFFER_OK;
}

/* @len bytes of the content of @item from @off, behind which there are zeros. */
static coffer_err
read_content(struct fault *f, const struct pack *p, const struct item *item, uint64_t off, uint8_t *buf, size_t len)
{
	size_t real = off < item->file.size ? (size_t)num_min(len, item->file.size - off) : 0;
	int fd = -1;
	coffer_err err = COFFER_OK;

	memset(buf + real, 0, len - real);
	if (real > 0 && item == p->v) {
		memcpy(buf, p->key.p + off, real);
	} else if (real > 0) {
		TRY(open_item(f, p, item, &fd));
		TRY(check_same(f, item, fd));
		TRY(file_read_at(f, fd, item->file.path, buf, real, off));
		TRY(check_same(f, item, fd));
	}
out:
	file_close(&fd);
	return err;
}

static coffer_err
read_header(struct fault *f, const struct item *item, uint64_t off, uint8_t *buf, size_t len)
{
	struct buf header = BUF_INIT(HEADER_MAX);
	struct tar_member m = member_of(item);
	coffer_err err;

	TRY(tar_header(f, &m, &header));
	memcpy(buf, header.p + off, len);
out:
	buf_free(&header);
	return err;
}

/* The last one that begins at or before @off. */
static const struct item *
item_at(const struct pack *p, uint64_t off)
{
	size_t low = 0, high = p->n;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (p->v[middle].off <= off)
			low = middle;
		else
			high = middle;
	}
	return &p->v[low];
}

/* As many bytes at @off as come from one place. */
static coffer_err
read_piece(struct fault *f, const struct pack *p, uint64_t off, uint8_t *buf, size_t len, size_t *done)
{
	const struct item *item = item_at(p, off);
	uint64_t in = off - item->off, end = item->header_len + tar_room(item->file.size);

	if (in < item->header_len) {
		*done = (size_t)num_min(len, item->header_len - in);
		return read_header(f, item, in, buf, *done);
	}
	if (in < end) {
		*done = (size_t)num_min(len, end - in);
		return read_content(f, p, item, in - item->header_len, buf, *done);
	}
	*done = len; /* the end of the archive */
	memset(buf, 0, len);
	return COFFER_OK;
}

static coffer_err
read_archive(void *user, uint64_t off, void *buf, size_t len)
{
	struct pack *p = user;
	struct fault why = {0};
	uint8_t *to = buf;
	coffer_err err = COFFER_OK;
	size_t done;

	while (err == COFFER_OK && len > 0) {
		err = read_piece(&why, p, off, to, len, &done);
		off += done;
		to += done;
		len -= done;
	}
	if (err) {
		pthread_mutex_lock(&p->lock);
		p->why = why;
		pthread_mutex_unlock(&p->lock);
	}
	return err;
}

/* ---- sealing ---- */

struct place {
	int fd;
	struct fault why;
	pthread_mutex_t lock;
};

static coffer_err
write_sealed(void *user, uint64_t off, const void *buf, size_t len)
{
	struct place *place = user;
	struct fault why = {0};
	coffer_err err = file_write_at(&why, place->fd, "the temporary folder ($TMPDIR)", buf, len, off);

	if (err) {
		pthread_mutex_lock(&place->lock);
		place->why = why;
		pthread_mutex_unlock(&place->lock);
	}
	return err;
}

coffer_err
pack_seal(struct fault *f, struct coffer_ctx *ctx, struct pack *pack, const struct coffer_keyring *keys, int fd,
	  uint64_t *size_out)
{
	const struct coffer_source source = {.size = pack->size, .user = pack, .read_at = read_archive};
	const struct coffer_seal_options opt = {.version_1 = 1, .name = "coffer backup"};
	struct place place = {.fd = fd};
	const struct coffer_sink sink = {.user = &place, .write_at = write_sealed};
	struct stat st;
	coffer_err err;

	pthread_mutex_init(&place.lock, NULL);
	/* the sentence of what a public call meets is in @f, which is the context's */
	err = coffer_seal_source(ctx, &source, ARCHIVE_NAME, &sink, keys, &opt);
	if (err && err == pack->why.err)
		*f = pack->why;
	else if (err && err == place.why.err)
		*f = place.why;
	TRY(err);
	if (fstat(fd, &st) != 0)
		TRY(fault_errno(f, errno, "cannot read the temporary folder ($TMPDIR)"));
	*size_out = (uint64_t)st.st_size;
out:
	pthread_mutex_destroy(&place.lock);
	return err;
}

/* Where there are no unnamed files it has a name for a moment. */
static int
open_scratch(const char *dir)
{
	int fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	char *name;

	if (fd >= 0 || asprintf(&name, "%s/coffer-backup.XXXXXX", dir) < 0)
		return fd;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(name);
	free(name);
	return fd;
}

coffer_err
private_scratch(struct fault *f, int *fd_out)
{
	const char *dir = home_setting("TMPDIR");

	*fd_out = open_scratch(dir ? dir : "/tmp");
	if (*fd_out < 0)
		return fault_errno(f, errno, "cannot make a temporary file in %s", dir ? dir : "/tmp");
	return COFFER_OK;
}

/* ---- reading ---- */

static coffer_err
read_scratch(void *user, uint64_t off, void *buf, size_t len)
{
	const struct private_part *p = user;

	return file_read_at(NULL, p->fd, "", buf, len, off);
}

struct fetching {
	const struct backup_store *store;
	const struct backup_file *file;
	int fd;
};

static uint64_t
fetch_len(void *arg, size_t i)
{
	const struct fetching *g = arg;

	return backup_part_len(g->file->size, g->store->part_size, i);
}

static const char *
fetch_path(void *arg, size_t i)
{
	(void)arg;
	(void)i;
	return "the private part";
}

static const uint8_t *
fetch_id(void *arg, size_t i)
{
	const struct fetching *g = arg;

	return g->file->parts[i];
}

static coffer_err
fetch_write(void *arg, struct fault *f, size_t i, uint64_t off, const void *bytes, size_t len)
{
	const struct fetching *g = arg;

	return file_write_at(f, g->fd, "the temporary folder ($TMPDIR)", bytes, len, i * g->store->part_size + off);
}

static coffer_err
fetch_end(void *arg, struct fault *f, size_t i, const uint8_t *id)
{
	(void)arg;
	(void)i;
	return id ? COFFER_OK : f->err;
}

static coffer_err
fetch(struct fault *f, struct coffer_ctx *ctx, const struct backup_store *store, const struct snapshot *s, int fd)
{
	struct fetching g = {.store = store, .file = &s->private_part, .fd = fd};
	const struct store_bulk bulk = {
		.n = s->private_part.n_parts,
		.len = fetch_len,
		.path = fetch_path,
		.id = fetch_id,
		.write = fetch_write,
		.end = fetch_end,
		.arg = &g,
	};

	return store->verbs->get(store->self, f, ctx, &bulk);
}

coffer_err
private_read(struct fault *f, const struct private_part *p, uint64_t off, void *buf, size_t len)
{
	return source_read(f, &p->archive, off, buf, len);
}

/* [B-11]: the first file is the key of the MAC over the snapshot, which names this private part. */
static coffer_err
check_snapshot(struct fault *f, const struct private_part *p, const struct snapshot *s)
{
	struct secret key = SECRET_INIT;
	struct tar_member m;
	uint64_t off = 0;
	bool end;
	coffer_err err;

	TRY(tar_next(f, &p->archive, &off, &m, &end));
	if (end || strcmp(m.path, KEY_NAME) != 0 || m.size != PRIVATE_KEY_LEN)
		TRY(fault_set(f, COFFER_E_FORMAT, "the private part does not begin with its key"));
	TRY(secret_new(f, &key, PRIVATE_KEY_LEN));
	TRY(private_read(f, p, m.off, key.p, key.len));
	TRY(snapshot_verify(f, s, view_of(key.p, key.len)));
out:
	secret_free(&key);
	return err;
}

coffer_err
private_open(struct fault *f, struct coffer_ctx *ctx, const struct backup_store *store, const struct snapshot *s,
	     const struct coffer_keyring *keys, struct private_part *out)
{
	coffer_err err;

	*out = (struct private_part)PRIVATE_PART_INIT;
	out->sealed = (struct coffer_source){.size = s->private_part.size, .user = out, .read_at = read_scratch};
	TRY(private_scratch(f, &out->fd));
	TRY(fetch(f, ctx, store, s, out->fd));
	/* the sentence of what a public call meets is in @f, which is the context's */
	err = coffer_model_open_source(ctx, &out->sealed, keys, &out->model);
	if (err == COFFER_OK)
		err = coffer_file_open(ctx, out->model, 0, &out->file);
	TRY(err);
	out->archive = coffer_file_source(out->file);
	TRY(check_snapshot(f, out, s));
out:
	return err;
}

void
private_close(struct private_part *p)
{
	coffer_file_free(&p->file);
	coffer_model_free(&p->model);
	file_close(&p->fd);
	*p = (struct private_part)PRIVATE_PART_INIT;
}

coffer_err
private_each(struct fault *f, const struct private_part *p,
	     coffer_err (*fn)(void *arg, struct fault *f, const struct tar_member *m), void *arg)
{
	struct tar_member m;
	uint64_t off = 0;
	bool end;
	coffer_err err;

	for (bool first = true;; first = false) {
		TRY(tar_next(f, &p->archive, &off, &m, &end));
		if (end)
			break;
		TRY(backup_path_check(f, m.path));
		if (!first)
			TRY(fn(arg, f, &m));
	}
out:
	return err;
}
