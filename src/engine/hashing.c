/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hashing.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/pool.h"
#include "crypto/sha256x.h"

/* the pieces of all lanes of a thread stay in its second-level cache */
#define PIECE_MAX ((size_t)128 << 10)

/* items at work at once: a process has a thousand descriptors as a rule */
#define ITEMS_MAX 512

/* how long to wait for a pipe before a look at whether the call was cancelled */
#define PATIENCE_MS 100

/* An item that nobody has begun. */
struct entry {
	size_t index;
	uint64_t left; /* as a lane has it */
};

/* An item at work: between two rounds it is nobody's, and any thread may go on with it. */
struct lane {
	size_t index;
	uint64_t left;	  /* bytes to do and one more, as far as they are known; what the crew counts of it */
	uint64_t n_bytes; /* of this round */
	struct hash_place place;
	struct sha256x stream;
	struct digest *other; /* where it is not SHA-256 */
	uint64_t done;	      /* bytes of it that were read */
	bool begun, ended, over;
	uint8_t *piece; /* of the thread that has it in hand */
	size_t len;	/* bytes in @piece */
};

/* What the threads share. */
struct crew {
	const struct hashing *h;
	struct coffer_ctx *ctx;
	unsigned int n_threads;
	size_t n_each; /* lanes that a thread takes at most */
	size_t piece;
	struct progress progress;

	struct lane *lanes;
	size_t n_lanes;

	pthread_mutex_t lock;
	pthread_cond_t put_back;
	/* under lock */
	struct entry *waiting; /* largest first, unless they are to be in order */
	size_t next;	       /* the first of them that is still to do */
	struct lane **idle;    /* at work, but in nobody's hands */
	size_t n_idle;
	struct lane **unused;
	size_t n_unused;
	uint64_t left; /* of all that wait or are at work */
	bool failed;   /* one thread has: the others end, too */
};

/* ---- one item ---- */

static coffer_err
begin(struct fault *f, const struct crew *c, struct lane *l)
{
	coffer_err err;

	l->place = (struct hash_place){.fd = -1, .end = HASH_TO_THE_END};
	l->begun = true;
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

/* Hand a piece to who wants it. */
static coffer_err
pass_on(struct fault *f, const struct crew *c, struct lane *l)
{
	uint64_t off = l->done;

	l->done += l->len;
	return c->h->piece && l->len > 0 ? c->h->piece(c->h->arg, f, l->index, off, l->piece, l->len) : COFFER_OK;
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

static void
close_lane(struct lane *l)
{
	file_close(&l->place.fd);
	digest_free(&l->other);
}

/* ---- the crew's lanes; under its lock ---- */

static struct lane *
take_idle(struct crew *c)
{
	size_t most = 0;
	struct lane *l;

	for (size_t i = 1; i < c->n_idle; i++)
		if (c->idle[i]->left > c->idle[most]->left)
			most = i;
	l = c->idle[most];
	c->idle[most] = c->idle[--c->n_idle];
	return l;
}

static struct lane *
take_waiting(struct crew *c)
{
	const struct entry *e = &c->waiting[c->next++];
	struct lane *l = c->unused[--c->n_unused];

	*l = (struct lane){.index = e->index, .left = e->left, .place = {.fd = -1}};
	return l;
}

/* The one with most to do, or NULL; what was never begun only where that has more than all that were. */
static struct lane *
take_longest(struct crew *c)
{
	uint64_t waiting = c->next < c->h->n && c->n_unused > 0 ? c->waiting[c->next].left : 0;

	for (size_t i = 0; i < c->n_idle; i++)
		if (c->idle[i]->left >= waiting)
			return take_idle(c);
	return waiting > 0 ? take_waiting(c) : NULL;
}

static void
put_back(struct crew *c, struct lane *hand[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct lane *l = hand[i];
		uint64_t before = l->left;

		l->left = l->over ? 0 : l->left - num_min(l->left - 1, l->n_bytes);
		c->left -= num_min(c->left, before - l->left);
		if (l->over)
			c->unused[c->n_unused++] = l;
		else
			c->idle[c->n_idle++] = l;
	}
	if (n > 0)
		pthread_cond_broadcast(&c->put_back);
}

/*
 * As many as have an equal share of what is left to do.  More lanes make a thread faster but each of its items slower, so
 * that a long item gets few beside it; and the shares follow a thread that others hold up, or that has read faster.
 */
static size_t
take_share(struct crew *c, struct lane *hand[])
{
	uint64_t share = c->left / c->n_threads, held = 0;
	struct lane *l;
	size_t n = 0;

	while ((n == 0 || (n < c->n_each && held < share)) && (l = take_longest(c)) != NULL) {
		held += l->left;
		hand[n++] = l;
	}
	return n;
}

static bool
all_done(const struct crew *c)
{
	return c->next == c->h->n && c->n_unused == c->n_lanes;
}

/* Give the lanes of the last round back and take those of the next one: none when there is nothing more to do. */
static void
change_lanes(struct crew *c, struct lane *hand[], size_t *n)
{
	pthread_mutex_lock(&c->lock);
	put_back(c, hand, *n);
	while ((*n = c->failed ? 0 : take_share(c, hand)) == 0 && !c->failed && !all_done(c))
		pthread_cond_wait(&c->put_back, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

static void
give_up(struct crew *c)
{
	pthread_mutex_lock(&c->lock);
	c->failed = true;
	pthread_cond_broadcast(&c->put_back);
	pthread_mutex_unlock(&c->lock);
}

/* ---- a round of one thread ---- */

static coffer_err
drop_failed(const struct crew *c, struct lane *l, struct fault *why)
{
	l->over = true;
	return c->h->end(c->h->arg, why, l->index, &l->place, NULL);
}

static coffer_err
begin_new(struct fault *f, struct crew *c, struct lane *hand[], size_t n)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < n; i++) {
		if (hand[i]->begun)
			continue;
		atomic_store(&c->progress.path, c->h->path(c->h->arg, hand[i]->index));
		if (begin(f, c, hand[i]) != COFFER_OK)
			TRY(drop_failed(c, hand[i], f));
	}
out:
	return err;
}

static coffer_err
read_pieces(struct fault *f, const struct crew *c, struct lane *hand[], size_t n, int patience_ms, uint64_t *got)
{
	coffer_err err = COFFER_OK;

	*got = 0;
	for (size_t i = 0; i < n; i++) {
		hand[i]->len = 0;
		if (!hand[i]->over &&
		    (read_piece(f, hand[i], c->piece, patience_ms) != COFFER_OK || pass_on(f, c, hand[i]) != COFFER_OK))
			TRY(drop_failed(c, hand[i], f));
		hand[i]->n_bytes = hand[i]->over ? 0 : hand[i]->len;
		*got += hand[i]->n_bytes;
	}
out:
	return err;
}

static coffer_err
hash_pieces(struct fault *f, struct lane *hand[], size_t n)
{
	struct sha256x *streams[SHA256X_MAX_LANES];
	const void *data[SHA256X_MAX_LANES];
	size_t len[SHA256X_MAX_LANES], n_streams = 0;
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < n; i++) {
		if (hand[i]->over)
			continue;
		if (hand[i]->other) {
			TRY(digest_update(f, hand[i]->other, hand[i]->piece, hand[i]->len));
			continue;
		}
		streams[n_streams] = &hand[i]->stream;
		data[n_streams] = hand[i]->piece;
		len[n_streams++] = hand[i]->len;
	}
	sha256x_update_many(streams, data, len, n_streams);
out:
	return err;
}

static coffer_err
finish_ended(struct fault *f, const struct crew *c, struct lane *hand[], size_t n)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < n; i++) {
		if (hand[i]->ended && !hand[i]->over)
			TRY(finish(f, c, hand[i]));
		hand[i]->over = hand[i]->over || hand[i]->ended;
		if (hand[i]->over)
			close_lane(hand[i]);
	}
out:
	return err;
}

static coffer_err
work_off(struct fault *f, struct crew *c, uint8_t *scratch)
{
	struct lane *hand[SHA256X_MAX_LANES];
	uint64_t got = 1;
	size_t n = 0;
	coffer_err err;

	for (;;) {
		change_lanes(c, hand, &n);
		if (n == 0)
			return COFFER_OK;
		for (size_t i = 0; i < n; i++)
			hand[i]->piece = scratch + i * c->piece;
		TRY(ctx_check_cancelled(f, c->ctx));
		TRY(begin_new(f, c, hand, n));
		/* nobody waits for a pipe while another lane has bytes */
		TRY(read_pieces(f, c, hand, n, got > 0 ? 0 : PATIENCE_MS, &got));
		TRY(hash_pieces(f, hand, n));
		TRY(finish_ended(f, c, hand, n));
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
	coffer_err err = work_off(&w->fault, c, w->scratch);

	(void)item;
	if (err)
		give_up(c);
	return err;
}

/* ---- the list ---- */

static int
by_size(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->left != y->left)
		return x->left > y->left ? -1 : 1;
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
		uint64_t size = h->size(h->arg, i);

		c->waiting[i] = (struct entry){i, size + 1};
		if (!num_add(*total_out, size, total_out))
			*total_out = UINT64_MAX; /* sparse files; it is for the progress bar and the shares alone */
	}
	if (!num_add(*total_out, h->n, &c->left))
		c->left = UINT64_MAX;
	if (!h->in_order)
		qsort(c->waiting, h->n, sizeof(*c->waiting), by_size);
	return COFFER_OK;
}

static coffer_err
make_lanes(struct fault *f, struct crew *c)
{
	/* one more than they take, so that the last items are shared out among all threads */
	c->n_lanes = num_min(num_min(c->n_threads * (c->n_each + 1), c->h->n), ITEMS_MAX);
	c->lanes = calloc(c->n_lanes, sizeof(*c->lanes));
	c->idle = calloc(c->n_lanes, sizeof(struct lane *));
	c->unused = calloc(c->n_lanes, sizeof(struct lane *));
	if (!c->lanes || !c->idle || !c->unused)
		return fault_nomem(f);
	for (size_t i = 0; i < c->n_lanes; i++) {
		c->lanes[i].place.fd = -1;
		c->unused[c->n_unused++] = &c->lanes[i];
	}
	return COFFER_OK;
}

static void
free_crew(struct crew *c)
{
	for (size_t i = 0; c->lanes && i < c->n_lanes; i++)
		close_lane(&c->lanes[i]);
	free(c->lanes);
	free(c->idle);
	free(c->unused);
	free(c->waiting);
	pthread_cond_destroy(&c->put_back);
	pthread_mutex_destroy(&c->lock);
}

static coffer_err
hash_all(struct fault *f, struct crew *c)
{
	size_t lanes = c->h->kind == DIGEST_SHA256 ? sha256x_lanes() : 1;
	struct pool *pool;
	coffer_err err;

	c->n_threads = (unsigned int)num_min(ctx_jobs(c->ctx), c->h->n);
	c->n_each = (size_t)num_min(lanes, c->h->n);
	c->piece = (size_t)num_min(PIECE_MAX, LIMIT_BULK_MEMORY / (c->n_threads * c->n_each));
	TRY(make_lanes(f, c));
	TRY(ctx_pool(f, c->ctx, &pool));
	TRY(pool_run(f, pool, c->n_threads, c->n_each * c->piece, hash_list, c, c->n_threads));
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
	pthread_mutex_init(&c.lock, NULL);
	pthread_cond_init(&c.put_back, NULL);
	TRY(sha256x_selftest(f));
	TRY(list_items(f, &c, &total));
	progress_begin(&c.progress, ctx, total);
	err = hash_all(f, &c);
	progress_end(&c.progress);
out:
	free_crew(&c);
	return err;
}
