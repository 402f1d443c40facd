/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensors in turn: the caller's thread gives places and takes what is ready, while the pool opens records ahead of it.
 *
 * The records that tensors lie in are cut into pieces, which the pool's threads take in order; a thread that comes to a tensor
 * which has no place yet waits for it.  So nothing waits for anything but what comes before it, and a record that tensors share
 * is opened once, for all pieces are cut between records.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/num.h"
#include "engine/loader.h"
#include "engine/read.h"
#include "engine/transfer.h"

#define DEFAULT_AHEAD (UINT64_C(64) << 20)
#define LOOK_NS 20000000 /* how long whoever waits for a place does not see that the others have stopped */

/* struct piece - records that one thread opens, one after the other */
struct piece {
	struct coffer_file *file;
	size_t tensor;	     /* the first that lies in it */
	uint64_t first, end; /* its records */
};

/* struct place - where a tensor goes */
struct place {
	uint8_t *memory;  /* NULL: it is left out */
	uint64_t missing; /* bytes that are not there yet; under lock */
};

struct flow {
	struct coffer_ctx *ctx;
	const struct coffer_tensors *tensors;
	size_t n;
	struct piece *pieces;
	size_t n_pieces, cap_pieces;
	size_t scratch;
	enum transfer_from from;
	struct progress progress;

	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t moved;
	struct place *places;
	size_t n_placed;    /* tensors before it have their place, or are left out */
	bool stop;	    /* no more places are given */
	bool ended;	    /* nobody opens any more */
	struct fault fault; /* why, before all was opened */
};

/* ---- cutting the work ---- */

static coffer_err
add_piece(struct fault *f, struct flow *w, struct piece piece)
{
	if (w->n_pieces == w->cap_pieces) {
		size_t cap = w->cap_pieces ? 2 * w->cap_pieces : 64;
		struct piece *pieces = reallocarray(w->pieces, cap, sizeof(*pieces));

		if (!pieces)
			return fault_nomem(f);
		w->pieces = pieces;
		w->cap_pieces = cap;
	}
	w->pieces[w->n_pieces++] = piece;
	return COFFER_OK;
}

/* The records of tensor @index that are in no piece yet: to the last piece as far as it may grow, then to new ones. */
static coffer_err
cut_tensor(struct fault *f, struct flow *w, struct coffer_file *file, size_t index)
{
	const struct coffer_tensor *t = coffer_tensors_at(w->tensors, index);
	uint64_t record_size = file->sealed.head.record_size, a_step = transfer_a_step((uint32_t)record_size);
	uint64_t first = t->off / record_size, end = (t->off + t->size - 1) / record_size + 1;
	struct piece *last = w->n_pieces > 0 ? &w->pieces[w->n_pieces - 1] : NULL;
	coffer_err err = COFFER_OK;

	if (last && last->file == file && last->end >= first) {
		uint64_t may = last->first + a_step;

		first = last->end;
		if (end > first)
			last->end = first = num_min(end, may > first ? may : first);
	}
	for (; first < end; first += a_step)
		TRY(add_piece(f, w, (struct piece){file, index, first, num_min(end, first + a_step)}));
out:
	return err;
}

static coffer_err
cut(struct fault *f, struct flow *w, const struct coffer_loader *loader)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < w->n; i++) {
		const struct coffer_tensor *t = coffer_tensors_at(w->tensors, i);
		struct coffer_file *file = loader->files[t->file];
		size_t scratch = transfer_scratch(file->sealed.head.record_size);

		w->scratch = scratch > w->scratch ? scratch : w->scratch;
		if (t->size > 0)
			TRY(cut_tensor(f, w, file, i));
	}
out:
	return err;
}

static uint64_t
total_of(const struct coffer_tensors *tensors)
{
	uint64_t total = 0;

	for (size_t i = 0; i < coffer_tensors_size(tensors); i++)
		total += coffer_tensors_at(tensors, i)->size;
	return total;
}

/* ---- the pool's threads ---- */

static void
wait_a_while(struct flow *w)
{
	uint64_t until = now_ns() + LOOK_NS;
	const struct timespec t = {.tv_sec = (time_t)(until / 1000000000), .tv_nsec = (long)(until % 1000000000)};

	(void)pthread_cond_clockwait(&w->moved, &w->lock, CLOCK_MONOTONIC, &t);
}

/* Where tensor @index goes, as soon as that is known; NULL when it is left out. */
static coffer_err
wait_for_place(struct flow *w, struct fault *f, size_t index, uint8_t **memory_out)
{
	coffer_err err = COFFER_OK;

	pthread_mutex_lock(&w->lock);
	while (index >= w->n_placed && !w->stop && !pool_is_stopping(w->ctx->pool))
		wait_a_while(w);
	*memory_out = w->places[index].memory;
	if (index >= w->n_placed)
		err = fault_set(f, COFFER_E_INTERRUPTED, "interrupted");
	pthread_mutex_unlock(&w->lock);
	return err;
}

static void
have(struct flow *w, size_t index, uint64_t bytes)
{
	pthread_mutex_lock(&w->lock);
	w->places[index].missing -= bytes;
	if (w->places[index].missing == 0)
		pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
	progress_add(&w->progress, bytes);
}

/* Record @index, for all tensors that lie in it: opened where it belongs when it is all of one, else beside, once. */
static coffer_err
open_record(struct flow *w, const struct piece *piece, uint64_t index, struct pool_worker *worker)
{
	struct sealed *s = &piece->file->sealed;
	uint64_t start = index * s->head.record_size, end = start + head_record_len(&s->head, index);
	bool is_open = false;
	coffer_err err = COFFER_OK;

	for (size_t i = piece->tensor; i < w->n; i++) {
		const struct coffer_tensor *t = coffer_tensors_at(w->tensors, i);
		uint64_t from = t->off > start ? t->off : start, to = num_min(t->off + t->size, end);
		uint8_t *memory, *place;

		if (t->file != coffer_tensors_at(w->tensors, piece->tensor)->file || t->off >= end)
			break;
		if (from >= to)
			continue;
		TRY(wait_for_place(w, &worker->fault, i, &memory));
		if (!memory)
			continue;
		place = memory + (from - t->off);
		if (to - from == end - start) {
			TRY(sealed_open_record(&worker->fault, s, index, worker->scratch, place, true));
		} else {
			if (!is_open)
				TRY(sealed_read_record(&worker->fault, s, index, worker->scratch, true));
			is_open = true;
			memcpy(place, worker->scratch + (from - start), (size_t)(to - from));
		}
		have(w, i, to - from);
	}
out:
	return err;
}

static coffer_err
open_piece(void *arg, uint64_t item, struct pool_worker *worker)
{
	struct flow *w = arg;
	const struct piece *piece = &w->pieces[item];
	coffer_err err = COFFER_OK;

	atomic_store(&w->progress.path, piece->file->sealed.head.path);
	for (uint64_t i = piece->first; i < piece->end; i++)
		TRY(open_record(w, piece, i, worker));
out:
	return err;
}

static void *
open_all(void *arg)
{
	struct flow *w = arg;
	struct fault f = {.err = COFFER_OK};
	coffer_err err = transfer_steps(&f, w->ctx, w->from, w->scratch, open_piece, w, w->n_pieces);

	pthread_mutex_lock(&w->lock);
	w->ended = true;
	w->fault = f;
	w->fault.err = err;
	pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* ---- the caller's thread ---- */

/* Signals are for the program's own threads. */
static coffer_err
start(struct fault *f, struct flow *w, pthread_t *thread)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(thread, NULL, open_all, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 ? COFFER_OK : fault_errno(f, rc, "cannot start a thread");
}

static void
give_place(struct flow *w, size_t index, const struct coffer_tensor_sink *sink)
{
	const struct coffer_tensor *t = coffer_tensors_at(w->tensors, index);
	void *memory = sink->place(sink->user, t);

	pthread_mutex_lock(&w->lock);
	w->places[index] = (struct place){.memory = memory, .missing = memory ? t->size : 0};
	w->n_placed = index + 1;
	pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
}

static coffer_err
wait_for_tensor(struct flow *w, struct fault *f, size_t index)
{
	coffer_err err = COFFER_OK;

	pthread_mutex_lock(&w->lock);
	while (w->places[index].missing > 0 && !w->ended)
		pthread_cond_wait(&w->moved, &w->lock);
	if (w->places[index].missing > 0) {
		*f = w->fault;
		err = f->err;
	}
	pthread_mutex_unlock(&w->lock);
	return err;
}

/* One tensor is always placed; more as long as they fit into @ahead.  @n_ready_out: how many @sink was told of, or need not be. */
static coffer_err
flow(struct flow *w, struct fault *f, uint64_t ahead, const struct coffer_tensor_sink *sink, size_t *n_ready_out)
{
	uint64_t waiting = 0;
	coffer_err err = COFFER_OK;

	for (size_t i = 0, n = 0; i < w->n; i++) {
		const struct coffer_tensor *t = coffer_tensors_at(w->tensors, i);

		for (; n < w->n; n++) {
			uint64_t size = coffer_tensors_at(w->tensors, n)->size;

			if (n > i && (waiting > ahead || size > ahead - waiting))
				break;
			give_place(w, n, sink);
			waiting += w->places[n].memory ? size : 0;
		}
		TRY(ctx_check_cancelled(f, w->ctx));
		if (w->places[i].memory) {
			TRY(wait_for_tensor(w, f, i));
			*n_ready_out = i + 1;
			err = sink->ready(sink->user, t, w->places[i].memory);
			if (err != COFFER_OK)
				TRY(fault_set(f, err, "the program that loads the tensors gave up at %s: %s", t->name,
					      coffer_err_text(err)));
			waiting -= t->size;
		}
		*n_ready_out = i + 1;
	}
out:
	return err;
}

static void
end(struct flow *w, pthread_t thread)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
	(void)pthread_join(thread, NULL);
}

/* What was placed and is not ready may be half of a tensor. */
static void
clear(struct flow *w, size_t n_ready)
{
	for (size_t i = n_ready; i < w->n_placed; i++)
		if (w->places[i].memory)
			memset(w->places[i].memory, 0, (size_t)coffer_tensors_at(w->tensors, i)->size);
}

static coffer_err
run(struct fault *f, struct flow *w, uint64_t ahead, const struct coffer_tensor_sink *sink)
{
	size_t n_ready = 0;
	pthread_t thread;
	coffer_err err;

	TRY(start(f, w, &thread));
	err = flow(w, f, ahead, sink, &n_ready);
	end(w, thread);
	if (err != COFFER_OK)
		clear(w, n_ready);
out:
	return err;
}

static void
look_for_disks(struct flow *w, const struct coffer_loader *loader)
{
	for (size_t i = 0; i < loader->n_files; i++) {
		if (!loader->files[i])
			continue;
		read_expect_bulk(loader->files[i]);
		if (transfer_from(&loader->files[i]->sealed.in) == TRANSFER_FROM_DISK)
			w->from = TRANSFER_FROM_DISK;
	}
}

coffer_err
coffer_loader_each(struct coffer_ctx *ctx, struct coffer_loader *loader, uint64_t ahead,
		   const struct coffer_tensor_sink *sink)
{
	struct flow w = {.ctx = ctx, .tensors = loader->tensors, .n = coffer_tensors_size(loader->tensors)};
	struct fault *f = ctx_begin(ctx);
	coffer_err err = COFFER_OK;

	if (w.n == 0)
		return COFFER_OK;
	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.moved, NULL);
	progress_begin(&w.progress, ctx, total_of(w.tensors));
	w.places = calloc(w.n, sizeof(*w.places));
	if (!w.places)
		TRY(fault_nomem(f));
	look_for_disks(&w, loader);
	TRY(cut(f, &w, loader));
	TRY(run(f, &w, ahead ? ahead : DEFAULT_AHEAD, sink));
out:
	progress_end(&w.progress);
	pthread_cond_destroy(&w.moved);
	pthread_mutex_destroy(&w.lock);
	free(w.places);
	free(w.pieces);
	return err;
}
