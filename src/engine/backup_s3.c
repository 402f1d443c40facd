/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup store that is a bucket of S3, or what begins with a prefix in it.
 *
 * S3 has no locks.  Who is at work leaves a mark, «running/…» or «removing/…», first, and then looks for marks of the other kind:
 * so of two who begin at once at least one sees the other.  A mark is put anew now and then; one that is old is of a killed run.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "crypto/rand.h"
#include "crypto/sha256x.h"
#include "engine/backup_store.h"
#include "engine/hashing.h"
#include "net/s3.h"

#define RUNNING "running/"
#define REMOVING "removing/"
#define MARK_ANEW_S 900
#define MARK_OLD_S (4 * MARK_ANEW_S)
#define WAIT_S 2
#define THREADS 8u /* that wait for the network */

struct bucket {
	struct s3 *s3;
	char *shown;
	char *prefix; /* empty, or ends in a slash */

	pthread_mutex_t lock;
	/* under lock */
	char mark[64];	   /* without the prefix; empty: none */
	int64_t marked_at; /* by the clock of this machine */
};

/* Only for @name without its prefix. */
static coffer_err
key_of(struct fault *f, const struct bucket *s, const char *name, char out[static S3_KEY_MAX + 1])
{
	int len = snprintf(out, S3_KEY_MAX + 1, "%s%s", s->prefix, name);

	return len > 0 && len <= S3_KEY_MAX ? COFFER_OK
					    : fault_set(f, COFFER_E_USAGE, "the prefix of %s is too long", s->shown);
}

static coffer_err
prefix_fault(struct fault *f, const struct bucket *s)
{
	return fault_prefix(f, "%s", s->shown);
}

/* ---- documents ---- */

struct taking {
	struct buf *out;
	size_t max, len;
};

static coffer_err
take_document(void *user, struct fault *f, struct view part)
{
	struct taking *t = user;

	t->len += part.len;
	if (t->len > t->max)
		return fault_set(f, COFFER_E_FORMAT, "a document of more than %zu bytes", t->max);
	return buf_add(f, t->out, part.p, part.len);
}

static coffer_err
bucket_read(void *self, struct fault *f, const char *name, size_t max, struct buf *out)
{
	const struct bucket *s = self;
	struct taking t = {.out = out, .max = max};
	char key[S3_KEY_MAX + 1];
	coffer_err err;

	TRY(key_of(f, s, name, key));
	err = s3_get(f, s->s3, key, NULL, take_document, &t, NULL);
	if (err)
		(void)prefix_fault(f, s);
out:
	return err;
}

static coffer_err
put_document(struct fault *f, const struct bucket *s, const char *name, struct view bytes, enum s3_if condition)
{
	uint8_t hash[SHA256_LEN];
	const struct s3_body body = {.bytes = bytes, .sha256 = hash};
	char key[S3_KEY_MAX + 1];
	coffer_err err;

	TRY(key_of(f, s, name, key));
	TRY(sha256(f, bytes, hash));
	err = s3_put(f, s->s3, key, &body, condition);
	if (err)
		(void)prefix_fault(f, s);
out:
	return err;
}

static coffer_err
bucket_write(void *self, struct fault *f, const char *name, struct view bytes)
{
	return put_document(f, self, name, bytes, S3_IF_ABSENT);
}

/* ---- lists ---- */

struct listing {
	const struct bucket *s;
	size_t skip; /* bytes of a key that are in front of a name */
	coffer_err (*fn)(void *arg, struct fault *f, const struct store_entry *e);
	void *arg;
};

static coffer_err
list_entry(void *arg, struct fault *f, const char *key, const struct s3_object *o)
{
	const struct listing *l = arg;
	const struct store_entry e = {.name = key + l->skip, .size = o->size, .mtime = o->mtime};

	return strlen(key) > l->skip ? l->fn(l->arg, f, &e) : COFFER_OK;
}

static coffer_err
bucket_list(void *self, struct fault *f, const char *folder,
	    coffer_err (*fn)(void *arg, struct fault *f, const struct store_entry *e), void *arg)
{
	const struct bucket *s = self;
	struct listing l = {.s = s, .fn = fn, .arg = arg};
	char key[S3_KEY_MAX + 1], below[32];
	coffer_err err;

	(void)snprintf(below, sizeof(below), "%s/", folder);
	TRY(key_of(f, s, below, key));
	l.skip = strlen(key);
	TRY(s3_list(f, s->s3, key, list_entry, &l));
out:
	return err;
}

static coffer_err
pass_over(void *arg, struct fault *f, const char *key, const struct s3_object *o)
{
	(void)arg;
	(void)f;
	(void)key;
	(void)o;
	return COFFER_OK;
}

/* To read an object of a bucket that is not there ends as to read one that is not in it; a list tells. */
static coffer_err
bucket_is_there(void *self, struct fault *f)
{
	const struct bucket *s = self;
	char key[S3_KEY_MAX + 1];
	coffer_err err;

	TRY(key_of(f, s, STORE_DESCRIPTION, key));
	TRY(s3_list(f, s->s3, key, pass_over, NULL));
out:
	return err;
}

/* ---- marks ---- */

static coffer_err
put_mark(struct fault *f, struct bucket *s)
{
	s->marked_at = time(NULL);
	return put_document(f, s, s->mark, view_of("coffer backup\n", 14), S3_ALWAYS);
}

/* One that is in sight is seen to be of a run that goes on.  What cannot be put now can be in a while. */
static void
put_mark_anew(struct bucket *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->mark[0] != '\0' && time(NULL) - s->marked_at > MARK_ANEW_S)
		(void)!put_mark(NULL, s);
	pthread_mutex_unlock(&s->lock);
}

static void
remove_mark(struct bucket *s)
{
	char key[S3_KEY_MAX + 1];

	if (s->mark[0] != '\0' && key_of(NULL, s, s->mark, key) == COFFER_OK)
		(void)!s3_delete(NULL, s->s3, key);
	s->mark[0] = '\0';
}

struct looking {
	const char *own; /* the key of our own mark */
	int64_t now;	 /* by the clock of the service */
	bool found;
	char old[S3_KEY_MAX + 1]; /* a mark of a killed run, or the empty string */
};

static coffer_err
look_at_mark(void *arg, struct fault *f, const char *key, const struct s3_object *o)
{
	struct looking *l = arg;

	(void)f;
	if (strcmp(key, l->own) == 0)
		return COFFER_OK;
	if (l->now - o->mtime <= MARK_OLD_S)
		l->found = true;
	else
		(void)snprintf(l->old, sizeof(l->old), "%s", key);
	return COFFER_OK;
}

/* Whether there is a mark of @kind that is not old; removes those that are. */
static coffer_err
look_for_marks(struct fault *f, struct bucket *s, const char *kind, bool *out)
{
	char own[S3_KEY_MAX + 1], key[S3_KEY_MAX + 1];
	struct looking l = {.own = own};
	struct s3_object o;
	coffer_err err;

	*out = false;
	TRY(key_of(f, s, s->mark, own));
	TRY(s3_head(f, s->s3, own, &o));
	l.now = o.mtime + (time(NULL) - s->marked_at);
	TRY(key_of(f, s, kind, key));
	do {
		l.old[0] = '\0';
		TRY(s3_list(f, s->s3, key, look_at_mark, &l));
		/* who may not remove one passes over it, too */
		if (l.old[0] != '\0' && s3_delete(NULL, s->s3, l.old) != COFFER_OK)
			break;
	} while (l.old[0] != '\0');
	*out = l.found;
out:
	return err;
}

static coffer_err
wait_for_others(struct fault *f, struct bucket *s, const struct coffer_ctx *ctx)
{
	const struct timespec pause = {.tv_sec = WAIT_S};
	bool found, told = false;
	coffer_err err;

	for (;;) {
		TRY(look_for_marks(f, s, REMOVING, &found));
		if (!found)
			break;
		if (!told)
			ctx_notice(ctx, "waiting for another process that removes old backups from %s", s->shown);
		told = true;
		(void)nanosleep(&pause, NULL);
		put_mark_anew(s);
		TRY(ctx_check_cancelled(f, ctx));
	}
out:
	return err;
}

static coffer_err
bucket_lock(void *self, struct fault *f, const struct coffer_ctx *ctx, enum store_lock lock)
{
	struct bucket *s = self;
	uint8_t id[8];
	char hex[17];
	bool found;
	coffer_err err;

	TRY(rand_bytes(f, id, sizeof(id)));
	enc_hex(id, sizeof(id), hex);
	(void)snprintf(s->mark, sizeof(s->mark), "%s%s", lock == STORE_ALONE ? REMOVING : RUNNING, hex);
	err = put_mark(f, s);
	/* who may only read leaves no mark, and reads */
	if (err == COFFER_E_PERM && lock == STORE_SHARED) {
		s->mark[0] = '\0';
		return COFFER_OK;
	}
	TRY(err);
	if (lock == STORE_SHARED) {
		TRY(wait_for_others(f, s, ctx));
		goto out;
	}
	TRY(look_for_marks(f, s, RUNNING, &found));
	if (!found)
		TRY(look_for_marks(f, s, REMOVING, &found));
	if (found && lock == STORE_ALONE)
		err = fault_set(
			f, COFFER_E_BUSY,
			"%s is in use: a backup, a verification or a restoration runs, or was killed less than an hour "
			"ago; try again when it has ended",
			s->shown);
out:
	return err;
}

/* ---- removing ---- */

static coffer_err
bucket_remove(void *self, struct fault *f, const char *name)
{
	struct bucket *s = self;
	char key[S3_KEY_MAX + 1];
	coffer_err err;

	put_mark_anew(s);
	TRY(key_of(f, s, name, key));
	TRY(s3_delete(f, s->s3, key));
out:
	return err;
}

/* What S3 has said is done is durable. */
static coffer_err
bucket_sync(void *self, struct fault *f, const char *folder)
{
	(void)self;
	(void)f;
	(void)folder;
	return COFFER_OK;
}

static coffer_err
bucket_tidy(void *self, struct fault *f, int64_t before)
{
	const struct bucket *s = self;

	/* some services know no list of uploads, and have none to forget; elsewhere the next one does it */
	(void)f;
	(void)!s3_abort_stale(NULL, s->s3, s->prefix, before);
	return COFFER_OK;
}

/* ---- putting: first all is hashed, then what is not there is sent ---- */

struct put {
	struct bucket *s;
	struct coffer_ctx *ctx;
	const struct store_bulk *b;
	const struct objects *there;
	uint8_t (*ids)[SHA256_LEN];
	bool *is_hashed;
	size_t *which; /* those that are to be sent */
	struct progress progress;
};

static const char *
put_path(void *arg, size_t i)
{
	const struct put *p = arg;

	return p->b->path(p->b->arg, i);
}

static uint64_t
put_len(void *arg, size_t i)
{
	const struct put *p = arg;

	return p->b->len(p->b->arg, i);
}

static coffer_err
put_open(void *arg, struct fault *f, size_t i, struct hash_place *place)
{
	const struct put *p = arg;
	coffer_err err;

	TRY(p->b->source(p->b->arg, f, i, &place->fd, &place->off));
	place->end = place->off + p->b->len(p->b->arg, i);
out:
	return err;
}

static coffer_err
put_hashed(void *arg, struct fault *f, size_t i, const struct hash_place *place, const uint8_t *digest)
{
	const struct put *p = arg;
	const struct object *o = digest ? objects_find(p->there, digest) : NULL;

	(void)place;
	if (!digest)
		return p->b->end(p->b->arg, f, i, NULL);
	if (o && o->size == p->b->len(p->b->arg, i))
		return p->b->end(p->b->arg, f, i, digest);
	memcpy(p->ids[i], digest, SHA256_LEN);
	p->is_hashed[i] = true;
	return COFFER_OK;
}

/* When S3 was given other bytes than were hashed before, it is the file that changed. */
static coffer_err
blame_file(struct fault *f, const struct put *p, size_t i)
{
	struct fault why = {0};
	uint64_t off;
	int fd = -1;

	if (p->b->source(p->b->arg, &why, i, &fd, &off) == COFFER_E_CHANGED)
		*f = why;
	file_close(&fd);
	return f->err;
}

static coffer_err
send_part(struct fault *f, const struct put *p, size_t i)
{
	struct s3_body body = {.is_file = true, .fd = -1, .sha256 = p->ids[i]};
	char name[80], key[S3_KEY_MAX + 1];
	coffer_err err;

	put_mark_anew(p->s);
	store_object_name(p->ids[i], name);
	TRY(key_of(f, p->s, name, key));
	TRY(p->b->source(p->b->arg, f, i, &body.fd, &body.off));
	body.len = p->b->len(p->b->arg, i);
	err = s3_put(f, p->s->s3, key, &body, S3_ALWAYS);
	if (err)
		err = blame_file(f, p, i);
out:
	file_close(&body.fd);
	return err;
}

static coffer_err
send_one(void *arg, uint64_t item, struct pool_worker *w)
{
	struct put *p = arg;
	size_t i = p->which[item];
	coffer_err err;

	atomic_store(&p->progress.path, p->b->path(p->b->arg, i));
	err = send_part(&w->fault, p, i);
	if (err)
		return p->b->end(p->b->arg, &w->fault, i, NULL);
	progress_add(&p->progress, p->b->len(p->b->arg, i));
	return p->b->end(p->b->arg, &w->fault, i, p->ids[i]);
}

static coffer_err
send_all(struct fault *f, struct put *p)
{
	struct pool *pool;
	uint64_t n = 0, total = 0;
	coffer_err err;

	for (size_t i = 0; i < p->b->n; i++) {
		if (!p->is_hashed[i])
			continue;
		p->which[n++] = i;
		total += p->b->len(p->b->arg, i);
	}
	TRY(ctx_pool(f, p->ctx, &pool));
	progress_begin(&p->progress, p->ctx, total);
	err = pool_run(f, pool, THREADS, 0, send_one, p, n);
	progress_end(&p->progress);
out:
	return err;
}

static coffer_err
bucket_put(void *self, struct fault *f, struct coffer_ctx *ctx, const struct store_bulk *bulk,
	   const struct objects *there)
{
	struct put p = {.s = self, .ctx = ctx, .b = bulk, .there = there};
	const struct hashing h = {
		.n = bulk->n,
		.kind = DIGEST_SHA256,
		.path = put_path,
		.size = put_len,
		.open = put_open,
		.end = put_hashed,
		.in_order = true,
		.arg = &p,
	};
	coffer_err err;

	p.ids = calloc(bulk->n + 1, sizeof(*p.ids));
	p.is_hashed = calloc(bulk->n + 1, sizeof(*p.is_hashed));
	p.which = calloc(bulk->n + 1, sizeof(*p.which));
	if (!p.ids || !p.is_hashed || !p.which)
		TRY(fault_nomem(f));
	TRY(hashing_run(f, ctx, &h));
	TRY(send_all(f, &p));
out:
	free(p.ids);
	free(p.is_hashed);
	free(p.which);
	return err;
}

/* ---- getting ---- */

struct get {
	struct bucket *s;
	const struct store_bulk *b;
	struct progress progress;
};

/* One object on its way. */
struct stream {
	const struct get *g;
	size_t i;
	struct sha256x hash;
	uint64_t done;
	bool was_refused; /* by whoever takes the bytes */
};

static coffer_err
take_part(void *user, struct fault *f, struct view part)
{
	struct stream *t = user;
	const struct store_bulk *b = t->g->b;
	coffer_err err = COFFER_OK;

	if (part.len > b->len(b->arg, t->i) - t->done)
		return fault_set(f, COFFER_E_AUTH, "is damaged: it is longer than it was stored");
	sha256x_update(&t->hash, part.p, part.len);
	if (b->write)
		err = b->write(b->arg, f, t->i, t->done, part.p, part.len);
	t->was_refused = err != COFFER_OK;
	t->done += part.len;
	return err;
}

static coffer_err
check_hash(struct fault *f, struct stream *t, const uint8_t *id)
{
	uint8_t digest[SHA256_LEN];
	uint64_t len = t->g->b->len(t->g->b->arg, t->i);

	sha256x_final(&t->hash, digest);
	if (t->done != len)
		return fault_set(f, COFFER_E_AUTH, "is damaged: %llu bytes where %llu belong",
				 (unsigned long long)t->done, (unsigned long long)len);
	/* [B-4] */
	if (memcmp(digest, id, SHA256_LEN) != 0) /* lint: memcmp, both are public */
		return fault_set(f, COFFER_E_AUTH, "is damaged: its bytes are not those that were stored");
	return COFFER_OK;
}

static coffer_err
fetch_part(struct fault *f, struct stream *t)
{
	const uint8_t *id = t->g->b->id(t->g->b->arg, t->i);
	char name[80], key[S3_KEY_MAX + 1];
	coffer_err err;

	put_mark_anew(t->g->s);
	sha256x_init(&t->hash);
	store_object_name(id, name);
	TRY(key_of(f, t->g->s, name, key));
	err = s3_get(f, t->g->s->s3, key, NULL, take_part, t, NULL);
	if (err == COFFER_E_NOTFOUND)
		err = fault_set(f, COFFER_E_FILESET, "is missing");
	if (err == COFFER_OK)
		err = check_hash(f, t, id);
	if (err && !t->was_refused) {
		struct fault why = *f;

		(void)fault_set(f, err, "%s %.500s", name, why.text);
	}
out:
	return err;
}

static coffer_err
fetch_one(void *arg, uint64_t item, struct pool_worker *w)
{
	struct get *g = arg;
	struct stream t = {.g = g, .i = (size_t)item};

	atomic_store(&g->progress.path, g->b->path(g->b->arg, t.i));
	if (fetch_part(&w->fault, &t) != COFFER_OK)
		return g->b->end(g->b->arg, &w->fault, t.i, NULL);
	progress_add(&g->progress, t.done);
	return g->b->end(g->b->arg, &w->fault, t.i, g->b->id(g->b->arg, t.i));
}

static coffer_err
bucket_get(void *self, struct fault *f, struct coffer_ctx *ctx, const struct store_bulk *bulk)
{
	struct get g = {.s = self, .b = bulk};
	struct pool *pool;
	uint64_t total = 0;
	coffer_err err;

	for (size_t i = 0; i < bulk->n; i++)
		total += bulk->len(bulk->arg, i);
	TRY(sha256x_selftest(f));
	TRY(ctx_pool(f, ctx, &pool));
	progress_begin(&g.progress, ctx, total);
	err = pool_run(f, pool, THREADS, 0, fetch_one, &g, bulk->n);
	progress_end(&g.progress);
out:
	return err;
}

/* ---- opening ---- */

static void
bucket_close(void *self)
{
	struct bucket *s = self;

	if (s->s3)
		remove_mark(s);
	s3_free(&s->s3);
	pthread_mutex_destroy(&s->lock);
	free(s->prefix);
	free(s->shown);
	free(s);
}

static const struct store_verbs verbs = {
	.is_there = bucket_is_there,
	.read = bucket_read,
	.write = bucket_write,
	.list = bucket_list,
	.remove = bucket_remove,
	.sync = bucket_sync,
	.tidy = bucket_tidy,
	.lock = bucket_lock,
	.put = bucket_put,
	.get = bucket_get,
	.close = bucket_close,
};

/* Take «BUCKET/PREFIX» apart: the prefix gets one slash at its end, or is empty. */
static coffer_err
split(struct fault *f, struct bucket *s, const char *place, char **bucket_out)
{
	size_t bucket = strcspn(place, "/"), prefix;
	const char *rest = place + bucket + strspn(place + bucket, "/");

	for (prefix = strlen(rest); prefix > 0 && rest[prefix - 1] == '/'; prefix--)
		;
	*bucket_out = strndup(place, bucket);
	if (asprintf(&s->prefix, "%.*s%s", (int)prefix, rest, prefix > 0 ? "/" : "") < 0)
		s->prefix = NULL;
	return *bucket_out && s->prefix ? COFFER_OK : fault_nomem(f);
}

/* [B-2]: nothing but a store may be below the prefix of one that is made. */
static coffer_err
refuse_other(void *arg, struct fault *f, const char *key, const struct s3_object *o)
{
	static const char *const may[] = {STORE_DESCRIPTION, STORE_OBJECTS "/", STORE_SNAPSHOTS "/", RUNNING, REMOVING};
	const struct bucket *s = arg;
	const char *name = key + strlen(s->prefix);

	(void)o;
	for (size_t i = 0; i < sizeof(may) / sizeof(*may); i++)
		if (strncmp(name, may[i], strlen(may[i])) == 0)
			return COFFER_OK;
	return fault_set(f, COFFER_E_EXISTS,
			 "%s has something else in it, as %.200s; a new backup store needs a prefix of its own, as "
			 "s3://BUCKET/backups",
			 s->shown, key);
}

static coffer_err
has_description(struct fault *f, struct bucket *s, bool *out)
{
	struct s3_object o;
	char key[S3_KEY_MAX + 1];
	coffer_err err;

	TRY(key_of(f, s, STORE_DESCRIPTION, key));
	err = s3_head(f, s->s3, key, &o);
	*out = err == COFFER_OK;
	if (err == COFFER_E_NOTFOUND)
		err = COFFER_OK;
out:
	return err;
}

coffer_err
store_bucket_open(struct fault *f, const char *where, bool make, struct backup_store *out)
{
	struct bucket *s = calloc(1, sizeof(*s));
	char *name = NULL;
	bool has = true;
	coffer_err err;

	if (!s)
		return fault_nomem(f);
	pthread_mutex_init(&s->lock, NULL);
	out->verbs = &verbs;
	out->self = s;
	s->shown = strdup(where);
	if (!s->shown)
		TRY(fault_nomem(f));
	TRY(split(f, s, where + strlen(STORE_S3), &name));
	TRY(s3_new(f, name, &s->s3));
	if (make)
		TRY(has_description(f, s, &has));
	if (!has)
		TRY(s3_list(f, s->s3, s->prefix, refuse_other, s));
out:
	free(name);
	return err;
}
