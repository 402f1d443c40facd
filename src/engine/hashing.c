/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hashing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/pool.h"
#include "crypto/sha256x.h"

/* the pieces of all lanes of a thread stay in its second-level cache */
#define PIECE_MAX ((size_t)128 << 10)

/* how long to wait for a pipe before a look at whether the call was cancelled */
#define PATIENCE_MS 100

/* An item that nobody has begun. */
struct entry {
	size_t index;
	uint64_t size;
};

/* What the threads share. */
struct crew {
	const struct hashing *h;
	struct coffer_ctx *ctx;
	struct entry *waiting; /* largest first */
	atomic_size_t next;    /* the first of them that is still to do */
	atomic_bool failed;    /* one thread has: the others end, too */
	unsigned int n_threads;
	size_t n_lanes; /* a thread */
	size_t piece;
	struct progress progress;
};

/* An item at work. */
struct lane {
	size_t index;
	uint64_t size; /* as far as it is known */
	uint64_t done;
	struct hash_place place;
	struct sha256x stream;
	struct digest *other; /* where it is not SHA-256 */
	bool ended;
	uint8_t *piece;
	size_t len; /* bytes in @piece */
};

/* ---- one item ---- */

static coffer_err
begin(struct fault *f, const struct crew *c, struct lane *l)
{
	coffer_err err;

	l->place = (struct hash_place){.fd = -1, .end = HASH_TO_THE_END};
	l->done = 0;
	l->ended = false;
	sha256x_init(&l->stream);
	if (c->h->kind != DIGEST_SHA256)
		TRY(digest_new(f, c->h->kind, &l->other));
	TRY(c->h->open(c->h->arg, f, l->index, &l->place));
	if (!l->place.stream)
		(void)posix_fadvise(l->place.fd, (off_t)l->place.off, 0, POSIX_FADV_SEQUENTIAL);
out:
	return err;
}

static bool
is_ready(const struct lane *l, int patience_ms)
{
	struct pollfd p = {.fd = l->place.fd, .events = POLLIN};

	return poll(&p, 1, patience_ms) > 0;
}

static ssize_t
read_some(const struct lane *l, size_t cap)
{
	uint8_t *to = l->piece + l->len;

	return l->place.stream ? read(l->place.fd, to, cap) : pread(l->place.fd, to, cap, (off_t)l->place.off);
}

/* Read a piece: a full one, but for the end of an item and for pipes, which give what they have. */
static coffer_err
read_piece(struct fault *f, struct lane *l, size_t cap, int patience_ms)
{
	struct hash_place *p = &l->place;

	l->len = 0;
	if (p->waits && !is_ready(l, patience_ms))
		return COFFER_OK;
	do {
		size_t want = (size_t)num_min(cap - l->len, p->end - p->off);
		ssize_t n = want > 0 ? read_some(l, want) : 0;

		if (n < 0 && (errno == EINTR || (errno == EAGAIN && p->waits)))
			continue;
		if (n < 0)
			return fault_errno(f, errno, "cannot be read");
		if (n == 0 && want > 0 && p->end != HASH_TO_THE_END)
			return fault_set(f, COFFER_E_CHANGED, "became shorter while it was read");
		l->ended = n == 0;
		l->len += (size_t)n;
		p->off += (uint64_t)n;
	} while (!p->waits && !l->ended && l->len < cap);
	return COFFER_OK;
}

static coffer_err
finish(struct fault *f, const struct crew *c, struct lane *l)
{
	uint8_t digest[DIGEST_MAX];
	coffer_err err = COFFER_OK;

	if (l->other)
		TRY(digest_final(f, l->other, digest));
	else
		sha256x_final(&l->stream, digest);
	TRY(c->h->end(c->h->arg, f, l->index, &l->place, digest));
out:
	return err;
}

/* ---- the lanes of one thread: the first *n of @lanes are at work ---- */

/* The piece stays with the lane that is free now. */
static void
drop(struct lane lanes[], size_t *n, size_t which)
{
	struct lane free_now = lanes[which];

	file_close(&free_now.place.fd);
	digest_free(&free_now.other);
	lanes[which] = lanes[--*n];
	lanes[*n] = free_now;
}

static coffer_err
drop_failed(const struct crew *c, struct lane lanes[], size_t *n, size_t which, struct fault *why)
{
	coffer_err err = c->h->end(c->h->arg, why, lanes[which].index, &lanes[which].place, NULL);

	drop(lanes, n, which);
	return err;
}

/*
 * Whether to take another item beside those at work.  More lanes make a thread faster but each of its items slower;
 * one that would then be the last to end, long after the other threads, is left more of the thread.
 */
static bool
has_room(const struct crew *c, const struct lane lanes[], size_t n)
{
	uint64_t done = atomic_load(&c->progress.done);
	uint64_t left = c->progress.total - num_min(done, c->progress.total);
	uint64_t longest = 0;

	if (n == 0 || n == c->n_lanes)
		return n == 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t l = lanes[i].size - num_min(lanes[i].size, lanes[i].done);

		longest = l > longest ? l : longest;
	}
	return longest <= left / c->n_threads / (n + 1);
}

static const struct entry *
next_entry(struct crew *c)
{
	size_t i = atomic_load(&c->next);

	/* a look first, so that the counter stays where the list ends */
	if (i < c->h->n)
		i = atomic_fetch_add(&c->next, 1);
	return i < c->h->n ? &c->waiting[i] : NULL;
}

static coffer_err
take_items(struct fault *f, struct crew *c, struct lane lanes[], size_t *n)
{
	const struct entry *e;
	coffer_err err = COFFER_OK;

	while (has_room(c, lanes, *n) && (e = next_entry(c)) != NULL) {
		struct lane *l = &lanes[(*n)++];

		l->index = e->index;
		l->size = e->size;
		atomic_store(&c->progress.path, c->h->path(c->h->arg, e->index));
		if (begin(f, c, l) != COFFER_OK)
			TRY(drop_failed(c, lanes, n, *n - 1, f));
	}
out:
	return err;
}

static coffer_err
read_pieces(struct fault *f, const struct crew *c, struct lane lanes[], size_t *n, int patience_ms, uint64_t *got)
{
	coffer_err err = COFFER_OK;

	*got = 0;
	for (size_t i = *n; i-- > 0;) {
		if (read_piece(f, &lanes[i], c->piece, patience_ms) == COFFER_OK)
			*got += lanes[i].len;
		else
			TRY(drop_failed(c, lanes, n, i, f));
	}
out:
	return err;
}

static coffer_err
hash_pieces(struct fault *f, struct lane lanes[], size_t n)
{
	struct sha256x *streams[SHA256X_MAX_LANES];
	const void *data[SHA256X_MAX_LANES];
	size_t len[SHA256X_MAX_LANES], n_streams = 0;
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < n; i++) {
		lanes[i].done += lanes[i].len;
		if (lanes[i].other) {
			TRY(digest_update(f, lanes[i].other, lanes[i].piece, lanes[i].len));
			continue;
		}
		streams[n_streams] = &lanes[i].stream;
		data[n_streams] = lanes[i].piece;
		len[n_streams++] = lanes[i].len;
	}
	sha256x_update_many(streams, data, len, n_streams);
out:
	return err;
}

static coffer_err
finish_ended(struct fault *f, const struct crew *c, struct lane lanes[], size_t *n)
{
	coffer_err err = COFFER_OK;

	for (size_t i = *n; i-- > 0;) {
		if (!lanes[i].ended)
			continue;
		err = finish(f, c, &lanes[i]);
		drop(lanes, n, i);
		TRY(err);
	}
out:
	return err;
}

static coffer_err
work_off(struct fault *f, struct crew *c, struct lane lanes[], size_t *n)
{
	uint64_t got = 1;
	coffer_err err;

	for (;;) {
		TRY(take_items(f, c, lanes, n));
		if (*n == 0 || atomic_load(&c->failed))
			return COFFER_OK;
		TRY(ctx_check_cancelled(f, c->ctx));
		/* nobody waits for a pipe while another lane has bytes */
		TRY(read_pieces(f, c, lanes, n, got > 0 ? 0 : PATIENCE_MS, &got));
		TRY(hash_pieces(f, lanes, *n));
		TRY(finish_ended(f, c, lanes, n));
		progress_add(&c->progress, got);
	}
out:
	return err;
}

/* Work off the list together with the other threads. */
static coffer_err
hash_list(void *arg, uint64_t item, struct pool_worker *w)
{
	struct crew *c = arg;
	struct lane lanes[SHA256X_MAX_LANES];
	size_t n = 0;
	coffer_err err;

	(void)item;
	for (size_t i = 0; i < c->n_lanes; i++)
		lanes[i] = (struct lane){.place = {.fd = -1}, .piece = w->scratch + i * c->piece};
	err = work_off(&w->fault, c, lanes, &n);
	if (err)
		atomic_store(&c->failed, true);
	while (n > 0)
		drop(lanes, &n, n - 1);
	return err;
}

/* ---- the list ---- */

static int
by_size(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static coffer_err
list_items(struct fault *f, struct crew *c, uint64_t *total_out)
{
	const struct hashing *h = c->h;

	*total_out = 0;
	c->waiting = calloc(h->n, sizeof(*c->waiting));
	if (!c->waiting)
		return fault_nomem(f);
	for (size_t i = 0; i < h->n; i++) {
		c->waiting[i] = (struct entry){i, h->size(h->arg, i)};
		if (!num_add(*total_out, c->waiting[i].size, total_out))
			*total_out = UINT64_MAX; /* sparse files; it is for the progress bar alone */
	}
	qsort(c->waiting, h->n, sizeof(*c->waiting), by_size);
	return COFFER_OK;
}

static coffer_err
hash_all(struct fault *f, struct crew *c)
{
	size_t lanes = c->h->kind == DIGEST_SHA256 ? sha256x_lanes() : 1;
	struct pool *pool;
	coffer_err err;

	c->n_threads = (unsigned int)num_min(ctx_jobs(c->ctx), c->h->n);
	c->n_lanes = (size_t)num_min(lanes, c->h->n);
	c->piece = (size_t)num_min(PIECE_MAX, LIMIT_BULK_MEMORY / (c->n_threads * c->n_lanes));
	TRY(ctx_pool(f, c->ctx, &pool));
	TRY(pool_run(f, pool, c->n_threads, c->n_lanes * c->piece, hash_list, c, c->n_threads));
out:
	return err;
}

coffer_err
hashing_run(struct fault *f, struct coffer_ctx *ctx, const struct hashing *h)
{
	struct crew c = {.h = h, .ctx = ctx};
	uint64_t total;
	coffer_err err;

	if (h->n == 0)
		return COFFER_OK;
	TRY(sha256x_selftest(f));
	TRY(list_items(f, &c, &total));
	progress_begin(&c.progress, ctx, total);
	err = hash_all(f, &c);
	progress_end(&c.progress);
out:
	free(c.waiting);
	return err;
}
