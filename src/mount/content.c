/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/content.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <coffer/load.h>

#include "base/num.h"

#define AHEAD_BYTES (UINT64_C(4) << 20)	 /* that are opened ahead of who reads in sequence */
#define STRAY_BYTES (UINT64_C(2) << 20)	 /* requests of one reader come out of order by that much */
#define LOAD_BYTES ((uint64_t)256 << 20) /* that are opened between two looks at who still wants them */
#define CALLERS_MAX (UINT32_C(1) << 20)	 /* that wait for one file */

enum how { HOW_IDLE, HOW_CACHED, HOW_LOADING, HOW_PASSED };

/** struct shared - a file that somebody uses or has used */
struct shared {
	uint32_t index;
	uint64_t size;
	enum how how;
	unsigned int opens;
	bool damaged; /* for good */
	bool said;    /* what is wrong with it */

	/* HOW_CACHED */
	struct handle *handles;
	bool opening; /* a thread is at it */
	struct coffer_file *file;
	struct blocks_file *blocks;
	uint32_t record;

	/* HOW_LOADING */
	bool ahead; /* nobody has asked for it yet */
	struct content_caller *callers;
	uint32_t n_callers, cap_callers;
	struct shared *next; /* in the queue */

	/* HOW_PASSED */
	uint32_t backing_id;
	time_t idle_since; /* of those that nobody has open, and then: */
	struct shared *newer, *older;
};

/** struct handle - an open file that goes through the page cache */
struct handle {
	struct shared *shared;
	/*
	 * Whoever opened it, and each read: the kernel closes a file when its reads are answered, and a thread that has answered one
	 * is still at the record that the bytes were in.
	 */
	atomic_uint users;
	_Atomic uint64_t next;	/* where its reader will go on if he reads in sequence */
	_Atomic uint64_t ahead; /* and the records before this one have been wished for */
	struct handle *other;	/* of the same file; those that nobody has closed in the end are freed with it */
	struct handle **at;	/* who points here */
};

struct content {
	struct content_setup setup;
	pthread_mutex_t lock; /* of all below and of every struct shared, but for what never changes while open */
	pthread_cond_t changed;
	struct shared **all; /* NULL: never used */
	size_t n;
	struct shared *queue, **queue_end; /* the first is at work */
	struct shared *newest, *oldest;	   /* passed through, and idle */
	struct fault damage;		   /* the first */
	bool ending;
	bool has_thread;
	pthread_t loader;
};

static time_t
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* ---- what is wrong with a file ---- */

static int
errno_of(coffer_err err)
{
	switch (err) {
	case COFFER_E_NOMEM:
		return ENOMEM;
	case COFFER_E_PERM:
		return EACCES;
	case COFFER_E_INTERRUPTED:
		return EINTR;
	default:
		return EIO;
	}
}

/* Once a file, however many ask for it.  With the lock. */
static int
note(struct content *c, struct shared *s, coffer_err err, const char *why)
{
	if (err == COFFER_E_AUTH)
		s->damaged = true;
	if (err == COFFER_E_AUTH && c->damage.err == COFFER_OK)
		(void)fault_set(&c->damage, err, "%s", why);
	if (err != COFFER_E_INTERRUPTED && !s->said && c->setup.say) {
		s->said = true;
		c->setup.say(c->setup.user, why);
	}
	return errno_of(err);
}

static int
note_read(struct content *c, struct shared *s, coffer_err err)
{
	struct fault why = {.err = COFFER_OK};
	int rc;

	(void)fault_set(&why, err, "%s cannot be read: %s", coffer_model_path(c->setup.model, s->index),
			coffer_err_text(err));
	pthread_mutex_lock(&c->lock);
	rc = note(c, s, err, why.text);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

bool
content_damaged(struct content *c, struct fault *f)
{
	bool damaged;

	pthread_mutex_lock(&c->lock);
	damaged = c->damage.err != COFFER_OK;
	if (damaged && f)
		*f = c->damage;
	pthread_mutex_unlock(&c->lock);
	return damaged;
}

/* ---- passed through and idle, in order of use ---- */

static void
become_idle(struct content *c, struct shared *s)
{
	s->idle_since = now();
	s->newer = NULL;
	s->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = s;
	c->newest = s;
	pthread_cond_broadcast(&c->changed);
}

static void
become_busy(struct content *c, struct shared *s)
{
	*(s->newer ? &s->newer->older : &c->newest) = s->older;
	*(s->older ? &s->older->newer : &c->oldest) = s->newer;
}

static void
drop_oldest(struct content *c)
{
	struct shared *s = c->oldest;

	become_busy(c, s);
	backing_close(c->setup.backing, s->backing_id);
	s->how = HOW_IDLE;
}

static struct wire_open_out
pass(struct content *c, struct shared *s)
{
	if (s->opens++ == 0)
		become_busy(c, s);
	return (struct wire_open_out){.open_flags = WIRE_FOPEN_PASSTHROUGH, .backing_id = s->backing_id};
}

static void
leave_passed(struct content *c, struct shared *s)
{
	if (--s->opens == 0)
		become_idle(c, s);
}

/* ---- through the page cache ---- */

static coffer_err
read_source(void *user, uint64_t off, void *buf, size_t len)
{
	return coffer_file_read_at(user, off, buf, len);
}

static coffer_err
open_source(struct content *c, struct coffer_ctx *ctx, struct shared *s, struct coffer_file **file_out,
	    struct blocks_file **blocks_out)
{
	struct blocks_source source = {.read = read_source, .size = s->size};
	coffer_err err;

	err = coffer_file_open(ctx, c->setup.model, s->index, file_out);
	if (err)
		return err;
	source.user = *file_out;
	source.block_len = coffer_file_record_size(*file_out);
	err = blocks_add_file(NULL, c->setup.blocks, &source, blocks_out);
	if (err)
		coffer_file_free(file_out);
	return err;
}

/* With the lock, which is given up meanwhile: a disk may be slow. */
static int
open_shared(struct content *c, struct coffer_ctx *ctx, struct shared *s)
{
	struct coffer_file *file = NULL;
	struct blocks_file *blocks = NULL;
	coffer_err err;
	int rc = 0;

	while (s->opening)
		pthread_cond_wait(&c->changed, &c->lock);
	if (s->file || s->damaged)
		return s->file ? 0 : EIO;
	s->opening = true;
	pthread_mutex_unlock(&c->lock);
	err = open_source(c, ctx, s, &file, &blocks);
	pthread_mutex_lock(&c->lock);
	s->opening = false;
	s->file = file;
	s->blocks = blocks;
	s->record = file ? coffer_file_record_size(file) : 0;
	if (err)
		rc = note(c, s, err, coffer_ctx_message(ctx));
	pthread_cond_broadcast(&c->changed);
	return rc;
}

/* With the lock, which is given up when it was the last. */
static void
leave_cached(struct content *c, struct shared *s)
{
	struct coffer_file *file = s->file;
	struct blocks_file *blocks = s->blocks;

	if (--s->opens > 0)
		return;
	s->how = HOW_IDLE;
	s->file = NULL;
	s->blocks = NULL;
	pthread_mutex_unlock(&c->lock);
	blocks_drop_file(c->setup.blocks, &blocks);
	coffer_file_free(&file);
	pthread_mutex_lock(&c->lock);
}

static void
link_handle(struct shared *s, struct handle *handle)
{
	handle->shared = s;
	handle->other = s->handles;
	handle->at = &s->handles;
	if (s->handles)
		s->handles->at = &handle->other;
	s->handles = handle;
}

static void
unlink_handle(struct handle *handle)
{
	*handle->at = handle->other;
	if (handle->other)
		handle->other->at = handle->at;
}

static void
leave_handle(struct content *c, struct handle *handle)
{
	if (atomic_fetch_sub(&handle->users, 1) > 1)
		return;
	pthread_mutex_lock(&c->lock);
	unlink_handle(handle);
	leave_cached(c, handle->shared);
	pthread_mutex_unlock(&c->lock);
	free(handle);
}

static int
open_cached(struct content *c, struct coffer_ctx *ctx, struct shared *s, struct wire_open_out *out)
{
	struct handle *handle = calloc(1, sizeof(*handle));
	int rc;

	if (!handle)
		return ENOMEM;
	s->how = HOW_CACHED;
	s->opens++;
	rc = open_shared(c, ctx, s);
	if (rc != 0) {
		leave_cached(c, s);
		free(handle);
		return rc;
	}
	link_handle(s, handle);
	atomic_store(&handle->users, 1);
	*out = (struct wire_open_out){.fh = (uint64_t)(uintptr_t)handle, .open_flags = FOPEN_KEEP_CACHE};
	return 0;
}

/* ---- waiting for a file ---- */

static void
enqueue(struct content *c, struct shared *s)
{
	s->how = HOW_LOADING;
	s->next = NULL;
	*c->queue_end = s;
	c->queue_end = &s->next;
	pthread_cond_broadcast(&c->changed);
}

static int
wait_for(struct shared *s, const struct content_caller *caller)
{
	if (s->n_callers == s->cap_callers) {
		uint32_t cap = s->cap_callers ? 2 * s->cap_callers : 8;
		struct content_caller *callers = NULL;

		if (cap <= CALLERS_MAX)
			callers = reallocarray(s->callers, cap, sizeof(*callers));
		if (!callers)
			return ENOMEM;
		s->callers = callers;
		s->cap_callers = cap;
	}
	s->callers[s->n_callers++] = *caller;
	s->ahead = false;
	return CONTENT_LATER;
}

static bool
stop_waiting(struct shared *s, uint64_t unique, struct content_caller *out)
{
	for (uint32_t i = 0; i < s->n_callers; i++)
		if (s->callers[i].unique == unique) {
			*out = s->callers[i];
			s->callers[i] = s->callers[--s->n_callers];
			return true;
		}
	return false;
}

void
content_interrupt(struct content *c, uint64_t unique)
{
	struct content_caller caller;
	bool found = false;

	pthread_mutex_lock(&c->lock);
	for (struct shared *s = c->queue; !found && s; s = s->next)
		found = stop_waiting(s, unique, &caller);
	pthread_mutex_unlock(&c->lock);
	if (found)
		(void)wire_answer(caller.fd, unique, EINTR, NULL, 0);
}

static bool
take_caller(struct shared *s, struct content_caller *out)
{
	if (s->n_callers == 0)
		return false;
	*out = s->callers[--s->n_callers];
	return true;
}

/* ---- opening and closing ---- */

static struct shared *
shared_of(struct content *c, uint32_t index)
{
	struct shared *s = c->all[index];

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->index = index;
	s->size = coffer_model_file_size(c->setup.model, index);
	c->all[index] = s;
	return s;
}

static bool
can_pass(const struct content *c, const struct shared *s)
{
	return c->setup.backing && s->size >= CONTENT_PASS_MIN && s->size <= backing_budget(c->setup.backing);
}

/* The file after @s, if nothing has to go for it. */
static void
go_ahead(struct content *c, const struct shared *s)
{
	struct shared *next = s->index + 1 < c->n ? shared_of(c, s->index + 1) : NULL;

	if (!c->setup.ahead || !next || next->how != HOW_IDLE || next->damaged || !can_pass(c, next) ||
	    backing_room(c->setup.backing) < next->size)
		return;
	next->ahead = true;
	enqueue(c, next);
}

static int
open_locked(struct content *c, struct coffer_ctx *ctx, struct shared *s, const struct content_caller *caller,
	    struct wire_open_out *out)
{
	if (s->damaged)
		return EIO;
	if (s->how == HOW_IDLE && can_pass(c, s))
		enqueue(c, s);
	if (s->how == HOW_LOADING)
		return wait_for(s, caller);
	if (s->how != HOW_PASSED)
		return open_cached(c, ctx, s, out);
	*out = pass(c, s);
	go_ahead(c, s);
	return 0;
}

int
content_open(struct content *c, struct coffer_ctx *ctx, uint32_t index, const struct content_caller *caller,
	     struct wire_open_out *out)
{
	struct shared *s;
	int rc;

	if (index >= c->n)
		return ENOENT;
	pthread_mutex_lock(&c->lock);
	s = shared_of(c, index);
	rc = s ? open_locked(c, ctx, s, caller, out) : ENOMEM;
	pthread_mutex_unlock(&c->lock);
	return rc;
}

void
content_close(struct content *c, uint32_t index, uint64_t fh)
{
	if (fh) {
		leave_handle(c, (struct handle *)(uintptr_t)fh);
		return;
	}
	if (index >= c->n)
		return;
	pthread_mutex_lock(&c->lock);
	if (c->all[index] && c->all[index]->how == HOW_PASSED)
		leave_passed(c, c->all[index]);
	pthread_mutex_unlock(&c->lock);
}

/* ---- reading ---- */

static void
add_piece(struct content_piece *p, const uint8_t *bytes, size_t len)
{
	/* writev(2) only reads them */
	p->bytes[p->n++] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
}

/* Whether the reader of @h goes on about where he was; and where he will go on. */
static bool
is_sequential(struct handle *h, uint64_t off, uint64_t end)
{
	uint64_t next = atomic_load(&h->next);
	bool near = off <= next + STRAY_BYTES && off + STRAY_BYTES >= next;

	if (end > next || !near)
		atomic_store(&h->next, end);
	return near;
}

/* Whoever reads in sequence finds the next records there.  Each is wished for once. */
static void
wish_ahead(struct content *c, struct handle *h, uint64_t index)
{
	const struct shared *s = h->shared;
	uint64_t n = (AHEAD_BYTES + s->record - 1) / s->record, end = index + 1 + n;
	uint64_t from = atomic_load(&h->ahead);

	if (from <= index || from > end)
		from = index + 1;
	if (from == end || c->setup.cache < (n + 2) * s->record)
		return;
	atomic_store(&h->ahead, end);
	blocks_ahead(c->setup.blocks, s->blocks, from, end - from);
}

/* Part of a record: from the store. */
static coffer_err
read_part(struct content *c, struct handle *h, uint64_t off, size_t len, struct content_piece *p)
{
	struct shared *s = h->shared;
	struct block **pinned = &p->pinned[p->pinned[0] != NULL];
	coffer_err err;

	if (is_sequential(h, off, off + len))
		wish_ahead(c, h, off / s->record);
	err = blocks_get(c->setup.blocks, s->blocks, off / s->record, pinned);
	if (err == COFFER_OK) {
		p->used[pinned - p->pinned] = len;
		add_piece(p, block_bytes(*pinned) + off % s->record, len);
	}
	return err;
}

static coffer_err
read_range(struct content *c, struct handle *h, uint64_t off, uint64_t end, uint8_t *scratch, struct content_piece *p)
{
	struct shared *s = h->shared;
	uint64_t record = s->record, whole = num_round_up(off, record);
	uint64_t whole_end = end == s->size ? end : end / record * record;
	coffer_err err = COFFER_OK;

	if (whole >= whole_end && off / record == (end - 1) / record && !(off == whole && end == whole_end))
		return read_part(c, h, off, (size_t)(end - off), p);
	if (off < whole)
		TRY(read_part(c, h, off, (size_t)(whole - off), p));
	if (whole < whole_end) {
		TRY(coffer_file_read_at(s->file, whole, scratch, (size_t)(whole_end - whole)));
		add_piece(p, scratch, (size_t)(whole_end - whole));
	}
	if (whole_end < end)
		TRY(read_part(c, h, whole_end, (size_t)(end - whole_end), p));
out:
	return err;
}

int
content_read(struct content *c, uint64_t fh, uint64_t off, uint32_t len, uint8_t *scratch, struct content_piece *out)
{
	struct handle *h = (struct handle *)(uintptr_t)fh;
	struct shared *s;
	coffer_err err;

	*out = (struct content_piece){.n = 0};
	if (!h)
		return EBADF;
	atomic_fetch_add(&h->users, 1);
	s = h->shared;
	if (off >= s->size || len == 0)
		return 0;
	err = read_range(c, h, off, off + num_min(len, s->size - off), scratch, out);
	return err ? note_read(c, s, err) : 0;
}

void
content_give_back(struct content *c, uint64_t fh, struct content_piece *piece)
{
	struct handle *h = (struct handle *)(uintptr_t)fh;

	for (size_t i = 0; i < 2; i++)
		if (piece->pinned[i])
			blocks_put(c->setup.blocks, piece->pinned[i], piece->used[i]);
	*piece = (struct content_piece){.n = 0};
	if (h)
		leave_handle(c, h);
}

/* ---- the thread that opens files whole ---- */

/* Whether nobody waits for @s any more. */
static bool
is_abandoned(struct content *c, struct shared *s)
{
	bool is;

	pthread_mutex_lock(&c->lock);
	is = c->ending || (s->n_callers == 0 && !s->ahead);
	pthread_mutex_unlock(&c->lock);
	return is;
}

/* Idle ones go until @size bytes are free.  One that was opened ahead of need has no such right. */
static bool
make_room(struct content *c, uint64_t size, bool ahead)
{
	bool fits;

	pthread_mutex_lock(&c->lock);
	while (!(fits = backing_room(c->setup.backing) >= size) && !ahead && c->oldest)
		drop_oldest(c);
	pthread_mutex_unlock(&c->lock);
	return fits;
}

static coffer_err
fill(struct fault *f, struct content *c, struct shared *s, struct coffer_file *file, struct backing_file *to)
{
	struct coffer_ctx *ctx = c->setup.ctx;
	coffer_err err = COFFER_OK;

	for (uint64_t off = 0; off < s->size; off += LOAD_BYTES) {
		if (is_abandoned(c, s))
			TRY(fault_set(f, COFFER_E_INTERRUPTED, "nobody waits for it"));
		err = coffer_file_load(ctx, file, off, to->bytes + off, (size_t)num_min(LOAD_BYTES, s->size - off));
		if (err)
			TRY(fault_set(f, err, "%s", coffer_ctx_message(ctx)));
	}
out:
	return err;
}

static coffer_err
load(struct fault *f, struct content *c, struct shared *s, uint32_t *id_out)
{
	struct backing_file to = BACKING_FILE_INIT;
	struct coffer_ctx *ctx = c->setup.ctx;
	struct coffer_file *file = NULL;
	coffer_err err;

	if (!make_room(c, s->size, s->ahead))
		return fault_set(f, COFFER_E_SPACE, "others take the memory");
	err = coffer_file_open(ctx, c->setup.model, s->index, &file);
	if (err)
		TRY(fault_set(f, err, "%s", coffer_ctx_message(ctx)));
	TRY(backing_begin(f, c->setup.backing, s->size, &to));
	TRY(fill(f, c, s, file, &to));
	TRY(backing_commit(f, c->setup.backing, &to, id_out));
out:
	backing_abort(&to);
	coffer_file_free(&file);
	return err;
}

/* With the lock, which is given up for each answer. */
static void
answer_passed(struct content *c, struct shared *s, uint32_t id)
{
	struct content_caller caller;

	s->how = HOW_PASSED;
	s->backing_id = id;
	become_idle(c, s);
	while (take_caller(s, &caller)) {
		struct wire_open_out out = pass(c, s);
		const struct iovec body = {.iov_base = &out, .iov_len = sizeof(out)};
		bool taken;

		pthread_mutex_unlock(&c->lock);
		taken = wire_answer(caller.fd, caller.unique, 0, &body, 1);
		pthread_mutex_lock(&c->lock);
		if (!taken)
			leave_passed(c, s);
	}
}

/* Without the memory it is read the other way. */
static void
answer_cached(struct content *c, struct shared *s)
{
	struct content_caller caller;

	s->how = HOW_CACHED;
	s->opens++; /* so that it stays so until all are answered */
	while (take_caller(s, &caller)) {
		struct wire_open_out out;
		const struct iovec body = {.iov_base = &out, .iov_len = sizeof(out)};
		int rc = open_cached(c, c->setup.ctx, s, &out);

		pthread_mutex_unlock(&c->lock);
		if (!wire_answer(caller.fd, caller.unique, rc, &body, rc == 0) && rc == 0)
			content_close(c, s->index, out.fh);
		pthread_mutex_lock(&c->lock);
	}
	leave_cached(c, s);
}

static void
answer_failed(struct content *c, struct shared *s, const struct fault *why)
{
	struct content_caller caller;
	int rc = note(c, s, why->err, why->text);

	while (take_caller(s, &caller)) {
		pthread_mutex_unlock(&c->lock);
		(void)wire_answer(caller.fd, caller.unique, rc, NULL, 0);
		pthread_mutex_lock(&c->lock);
	}
	s->how = HOW_IDLE; /* not before: who comes meanwhile is told the same */
}

/* Off the queue, where who is interrupted was looked for. */
static void
dequeue(struct content *c)
{
	c->queue = c->queue->next;
	if (!c->queue)
		c->queue_end = &c->queue;
}

/* With the lock, which is given up meanwhile. */
static void
serve_first(struct content *c)
{
	struct shared *s = c->queue;
	struct fault why = {.err = COFFER_OK};
	uint32_t id = 0;
	bool asked;
	coffer_err err;

	pthread_mutex_unlock(&c->lock);
	err = load(&why, c, s, &id);
	pthread_mutex_lock(&c->lock);
	dequeue(c);
	asked = s->n_callers > 0;
	if (err == COFFER_OK) {
		answer_passed(c, s, id);
		if (asked)
			go_ahead(c, s);
	} else if (err == COFFER_E_INTERRUPTED && asked && !c->ending) {
		enqueue(c, s); /* somebody came in the moment in which nobody waited */
	} else if (err == COFFER_E_SPACE || err == COFFER_E_NOMEM) {
		answer_cached(c, s);
	} else {
		why.err = err;
		answer_failed(c, s, &why);
	}
	s->ahead = s->ahead && s->how == HOW_LOADING;
}

/* With the lock: until there is something to open, or an idle one has been there long enough. */
static void
wait_for_work(struct content *c)
{
	struct timespec until = {.tv_sec = 0};

	if (!c->oldest) {
		pthread_cond_wait(&c->changed, &c->lock);
		return;
	}
	until.tv_sec = c->oldest->idle_since + CONTENT_IDLE_SECONDS;
	if (now() >= until.tv_sec)
		drop_oldest(c);
	else
		(void)pthread_cond_clockwait(&c->changed, &c->lock, CLOCK_MONOTONIC, &until);
}

static void *
loader(void *arg)
{
	struct content *c = arg;

	pthread_mutex_lock(&c->lock);
	while (!c->ending)
		if (c->queue)
			serve_first(c);
		else
			wait_for_work(c);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* ---- beginning and end ---- */

coffer_err
content_new(struct fault *f, const struct content_setup *setup, struct content **out)
{
	struct content *c = calloc(1, sizeof(*c));
	coffer_err err = COFFER_OK;

	*out = NULL;
	if (!c)
		return fault_nomem(f);
	c->setup = *setup;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	c->queue_end = &c->queue;
	c->n = coffer_model_size(setup->model);
	c->all = calloc(c->n + 1, sizeof(struct shared *));
	if (!c->all)
		TRY(fault_nomem(f));
	if (setup->backing) {
		c->has_thread = pthread_create(&c->loader, NULL, loader, c) == 0;
		if (!c->has_thread)
			TRY(fault_set(f, COFFER_E_NOMEM, "cannot start a thread"));
	}
	*out = c;
	c = NULL;
out:
	content_free(&c);
	return err;
}

void
content_stop(struct content *c)
{
	pthread_mutex_lock(&c->lock);
	c->ending = true;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	if (c->has_thread)
		(void)pthread_join(c->loader, NULL);
	c->has_thread = false;
}

static void
free_shared(struct content *c, struct shared *s)
{
	if (!s)
		return;
	for (struct handle *h = s->handles, *other; h; h = other) {
		other = h->other;
		free(h);
	}
	blocks_drop_file(c->setup.blocks, &s->blocks);
	coffer_file_free(&s->file);
	free(s->callers);
	free(s);
}

void
content_free(struct content **content)
{
	struct content *c = *content;

	if (!c)
		return;
	content_stop(c);
	for (size_t i = 0; c->all && i < c->n; i++)
		free_shared(c, c->all[i]);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c->all);
	free(c);
	*content = NULL;
}
