/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many files: the largest first, each thread several at once.
 *
 * A thread has lanes with one open file each.  A piece is read for every lane,
 * then all pieces are hashed together; a file that ends makes room for the
 * next of the list.
 */
#include <coffer/hash.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/pool.h"
#include "crypto/sha256x.h"
#include "engine/ctx.h"

/* the pieces of all lanes of a thread stay in its second-level cache */
#define PIECE_MAX ((size_t)128 << 10)

/* how long to wait for a pipe before a look at whether the call was cancelled */
#define PATIENCE_MS 100

/* A file that nobody has begun. */
struct entry {
	struct coffer_hash_item *item;
	uint64_t size; /* as far as it is known: 0 for a pipe */
};

/* What the threads share. */
struct crew {
	struct coffer_ctx *ctx;
	struct entry *waiting; /* largest first */
	size_t n_waiting;
	atomic_size_t next; /* the first of them that is still to do */
	unsigned int n_threads;
	size_t n_lanes; /* a thread */
	size_t piece;
	struct progress progress;
};

/* A file at work. */
struct lane {
	struct coffer_hash_item *item;
	uint64_t size; /* as far as it is known */
	struct sha256x stream;
	int fd;
	bool waits; /* a pipe or the like: reading may have to wait for another program */
	bool ended;
	uint8_t *piece;
	size_t len; /* bytes in @piece */
};

/* ---- one file ---- */

static bool
is_stdin(const char *path)
{
	return strcmp(path, "-") == 0;
}

static void
fail(struct coffer_hash_item *item, const struct fault *why)
{
	item->err = why->err;
	(void)snprintf(item->why, sizeof(item->why), "%.*s", (int)sizeof(item->why) - 1, why->text);
}

/* Sentences here are without the path: coffer_hash_item has it beside them. */
static coffer_err
open_file(struct fault *f, struct lane *l)
{
	struct stat st;

	/* O_NONBLOCK: a FIFO that nobody writes to yet must not hang the other lanes */
	l->fd = is_stdin(l->item->path) ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
					: open(l->item->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (l->fd < 0 || fstat(l->fd, &st) != 0)
		return fault_errno(f, errno, "cannot be opened");
	if (S_ISDIR(st.st_mode))
		return fault_set(f, COFFER_E_USAGE, "is a folder; name the files in it");
	l->waits = !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode);
	if (!l->waits)
		(void)posix_fadvise(l->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return COFFER_OK;
}

static bool
is_ready(const struct lane *l, int patience_ms)
{
	struct pollfd p = {.fd = l->fd, .events = POLLIN};

	return poll(&p, 1, patience_ms) > 0;
}

/* Read a piece: a full one, but for the end of a file and for pipes, which give what they have. */
static coffer_err
read_piece(struct fault *f, struct lane *l, size_t cap, int patience_ms)
{
	l->len = 0;
	if (l->waits && !is_ready(l, patience_ms))
		return COFFER_OK;
	do {
		ssize_t n = read(l->fd, l->piece + l->len, cap - l->len);

		if (n < 0 && (errno == EINTR || (errno == EAGAIN && l->waits)))
			continue;
		if (n < 0)
			return fault_errno(f, errno, "cannot be read");
		l->ended = n == 0;
		l->len += (size_t)n;
	} while (!l->waits && !l->ended && l->len < cap);
	return COFFER_OK;
}

/* ---- the lanes of one thread: the first *n of @lanes are at work ---- */

/* The piece stays with the lane that is free now. */
static void
drop(struct lane lanes[], size_t *n, size_t which)
{
	struct lane free_now = lanes[which];

	file_close(&free_now.fd);
	lanes[which] = lanes[--*n];
	lanes[*n] = free_now;
}

static void
drop_failed(struct lane lanes[], size_t *n, size_t which, const struct fault *why)
{
	fail(lanes[which].item, why);
	drop(lanes, n, which);
}

/*
 * Whether to take another file beside those at work.  More lanes make a thread faster but each of its files slower;
 * a file that would then be the last to end, long after the other threads, is left more of the thread.
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
		uint64_t l = lanes[i].size - num_min(lanes[i].size, lanes[i].item->size);

		longest = l > longest ? l : longest;
	}
	return longest <= left / c->n_threads / (n + 1);
}

static const struct entry *
next_entry(struct crew *c)
{
	size_t i = atomic_load(&c->next);

	/* a look first, so that the counter stays where the list ends */
	if (i < c->n_waiting)
		i = atomic_fetch_add(&c->next, 1);
	return i < c->n_waiting ? &c->waiting[i] : NULL;
}

static void
take_files(struct crew *c, struct lane lanes[], size_t *n)
{
	const struct entry *e;
	struct fault why;

	while (has_room(c, lanes, *n) && (e = next_entry(c)) != NULL) {
		struct lane *l = &lanes[(*n)++];

		l->item = e->item;
		l->size = e->size;
		l->ended = false;
		sha256x_init(&l->stream);
		atomic_store(&c->progress.path, e->item->path);
		if (open_file(&why, l) != COFFER_OK)
			drop_failed(lanes, n, *n - 1, &why);
	}
}

static uint64_t
read_pieces(const struct crew *c, struct lane lanes[], size_t *n, int patience_ms)
{
	uint64_t sum = 0;
	struct fault why;

	for (size_t i = *n; i-- > 0;) {
		if (read_piece(&why, &lanes[i], c->piece, patience_ms) == COFFER_OK)
			sum += lanes[i].len;
		else
			drop_failed(lanes, n, i, &why);
	}
	return sum;
}

static void
hash_pieces(struct lane lanes[], size_t n)
{
	struct sha256x *streams[SHA256X_MAX_LANES];
	const void *data[SHA256X_MAX_LANES];
	size_t len[SHA256X_MAX_LANES];

	for (size_t i = 0; i < n; i++) {
		streams[i] = &lanes[i].stream;
		data[i] = lanes[i].piece;
		len[i] = lanes[i].len;
		lanes[i].item->size += len[i];
	}
	sha256x_update_many(streams, data, len, n);
}

static void
finish_ended(struct lane lanes[], size_t *n)
{
	for (size_t i = *n; i-- > 0;) {
		if (!lanes[i].ended)
			continue;
		sha256x_final(&lanes[i].stream, lanes[i].item->sha256);
		lanes[i].item->err = COFFER_OK;
		lanes[i].item->why[0] = '\0';
		drop(lanes, n, i);
	}
}

/* Work off the list together with the other threads. */
static coffer_err
hash_list(void *arg, uint64_t item, struct pool_worker *w)
{
	struct crew *c = arg;
	struct lane lanes[SHA256X_MAX_LANES];
	uint64_t got = 1;
	size_t n = 0;
	coffer_err err = COFFER_OK;

	(void)item;
	for (size_t i = 0; i < c->n_lanes; i++)
		lanes[i] = (struct lane){.fd = -1, .piece = w->scratch + i * c->piece};
	for (;;) {
		take_files(c, lanes, &n);
		if (n == 0)
			break;
		TRY(ctx_check_cancelled(&w->fault, c->ctx));
		/* nobody waits for a pipe while another lane has bytes */
		got = read_pieces(c, lanes, &n, got > 0 ? 0 : PATIENCE_MS);
		hash_pieces(lanes, n);
		finish_ended(lanes, &n);
		progress_add(&c->progress, got);
	}
out:
	while (n > 0)
		drop(lanes, &n, n - 1);
	return err;
}

/* ---- the list ---- */

static uint64_t
size_of(const char *path)
{
	struct stat st;
	int rc = is_stdin(path) ? fstat(STDIN_FILENO, &st) : stat(path, &st);

	return rc == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static int
by_size(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

/* Every verdict begins as failure, for a run that is given up in the middle. */
static void
clear_results(struct coffer_hash_item *items, size_t n)
{
	static const struct fault not_reached = {COFFER_E_INTERRUPTED, "was not hashed: the run was stopped"};

	for (size_t i = 0; i < n; i++) {
		memset(items[i].sha256, 0, sizeof(items[i].sha256));
		items[i].size = 0;
		fail(&items[i], &not_reached);
	}
}

static coffer_err
list_files(struct fault *f, struct crew *c, struct coffer_hash_item *items, size_t n, uint64_t *total_out)
{
	static const struct fault read_twice = {COFFER_E_USAGE, "standard input can be read only once"};
	bool stdin_seen = false;
	uint64_t total = 0;

	*total_out = 0;
	c->waiting = calloc(n, sizeof(*c->waiting));
	if (!c->waiting)
		return fault_nomem(f);
	for (size_t i = 0; i < n; i++) {
		struct entry e = {&items[i], size_of(items[i].path)};

		if (is_stdin(items[i].path) && stdin_seen) {
			fail(&items[i], &read_twice);
			continue;
		}
		stdin_seen = stdin_seen || is_stdin(items[i].path);
		if (!num_add(total, e.size, &total))
			total = UINT64_MAX; /* sparse files; it is for the progress bar alone */
		c->waiting[c->n_waiting++] = e;
	}
	qsort(c->waiting, c->n_waiting, sizeof(*c->waiting), by_size);
	*total_out = total;
	return COFFER_OK;
}

/* The first item's error, in the order of the caller. */
static coffer_err
judge(struct fault *f, const struct coffer_hash_item *items, size_t n)
{
	const struct coffer_hash_item *first = NULL;
	size_t n_failed = 0;

	for (size_t i = 0; i < n; i++) {
		if (items[i].err == COFFER_OK)
			continue;
		if (n_failed++ == 0)
			first = &items[i];
	}
	if (!first)
		return COFFER_OK;
	if (n_failed == 1)
		return fault_set(f, first->err, "%s: %s", first->path, first->why);
	return fault_set(f, first->err, "%s: %s (and %zu more files failed)", first->path, first->why, n_failed - 1);
}

static coffer_err
hash_all(struct fault *f, struct crew *c)
{
	struct pool *pool;
	coffer_err err;

	c->n_threads = (unsigned int)num_min(ctx_jobs(c->ctx), c->n_waiting);
	c->n_lanes = num_min(sha256x_lanes(), c->n_waiting);
	c->piece = num_min(PIECE_MAX, LIMIT_BULK_MEMORY / (c->n_threads * c->n_lanes));
	TRY(ctx_pool(f, c->ctx, &pool));
	TRY(pool_run(f, pool, c->n_threads, c->n_lanes * c->piece, hash_list, c, c->n_threads));
out:
	return err;
}

coffer_err
coffer_hash_files(struct coffer_ctx *ctx, struct coffer_hash_item *items, size_t n)
{
	struct fault *f = ctx_begin(ctx);
	struct crew c = {.ctx = ctx};
	uint64_t total;
	coffer_err err;

	if (n == 0)
		return COFFER_OK;
	clear_results(items, n);
	TRY(sha256x_selftest(f));
	TRY(list_files(f, &c, items, n, &total));
	progress_begin(&c.progress, ctx, total);
	err = hash_all(f, &c);
	progress_end(&c.progress);
	if (err == COFFER_OK)
		err = judge(f, items, n);
out:
	free(c.waiting);
	return err;
}
