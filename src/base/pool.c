/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct member {
	struct pool *pool;
	pthread_t thread;
	uint64_t seen; /* the last job that is none of its business any more */
	struct pool_worker worker;
};

struct pool {
	struct member *members; /* the first is the caller of pool_run() */
	unsigned int size;
	unsigned int started; /* of those behind the first: no more than a job could use */
	const atomic_bool *cancelled;

	pthread_mutex_t lock;
	pthread_cond_t wake, idle;
	uint64_t job_number; /* raised for each job; a thread that sees a new one joins it */
	unsigned int running;
	bool ending;

	/* the job */
	pool_fn fn;
	void *arg;
	size_t scratch;
	uint64_t n_items;
	unsigned int max_threads;
	atomic_uint joined;
	atomic_uint_fast64_t next;
	atomic_bool stop;
	struct fault fault; /* under lock */
};

static void
report(struct pool *p, const struct fault *f)
{
	pthread_mutex_lock(&p->lock);
	if (p->fault.err == COFFER_OK)
		p->fault = *f;
	pthread_mutex_unlock(&p->lock);
	atomic_store(&p->stop, true);
}

/* Scratch is mapped, not malloc'ed: it is aligned for O_DIRECT, and a huge page where the kernel aligns maps for that (6.7). */
static coffer_err
get_scratch(struct pool_worker *w, size_t len)
{
	void *map;

	if (w->scratch_len >= len)
		return COFFER_OK;
	if (w->scratch)
		(void)munmap(w->scratch, w->scratch_len);
	w->scratch = NULL;
	w->scratch_len = 0;
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return fault_nomem(&w->fault);
	(void)madvise(map, len, MADV_DONTDUMP); /* it will hold plaintext */
	(void)madvise(map, len, MADV_HUGEPAGE);
	w->scratch = map;
	w->scratch_len = len;
	return COFFER_OK;
}

static void
work(struct pool *p, struct member *m)
{
	struct pool_worker *w = &m->worker;
	coffer_err err;

	if (p->max_threads && atomic_fetch_add(&p->joined, 1) >= p->max_threads)
		return;
	fault_clear(&w->fault);
	err = get_scratch(w, p->scratch);
	while (err == COFFER_OK && !atomic_load(&p->stop)) {
		uint64_t item = atomic_fetch_add(&p->next, 1);

		if (item >= p->n_items)
			return;
		if (p->cancelled && atomic_load(p->cancelled))
			err = fault_set(&w->fault, COFFER_E_INTERRUPTED, "interrupted");
		else
			err = p->fn(p->arg, item, w);
	}
	if (err != COFFER_OK) {
		w->fault.err = err; /* whatever the item forgot to say */
		report(p, &w->fault);
	}
}

static void *
thread_main(void *cookie)
{
	struct member *m = cookie;
	struct pool *p = m->pool;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (p->job_number == m->seen && !p->ending)
			pthread_cond_wait(&p->wake, &p->lock);
		if (p->ending)
			break;
		m->seen = p->job_number;
		pthread_mutex_unlock(&p->lock);
		work(p, m);
		pthread_mutex_lock(&p->lock);
		if (--p->running == 0)
			pthread_cond_signal(&p->idle);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Signals are for the program's own threads. */
static int
start_thread(struct member *m)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&m->thread, NULL, thread_main, m);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

coffer_err
pool_new(struct fault *f, unsigned int n_threads, const atomic_bool *cancelled, struct pool **out)
{
	struct pool *p = calloc(1, sizeof(*p));

	*out = NULL;
	if (!p)
		return fault_nomem(f);
	p->size = n_threads ? n_threads : 1;
	p->members = calloc(p->size, sizeof(*p->members));
	if (!p->members) {
		free(p);
		return fault_nomem(f);
	}
	p->cancelled = cancelled;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	pthread_cond_init(&p->idle, NULL);
	*out = p;
	return COFFER_OK;
}

void
pool_free(struct pool **pool)
{
	struct pool *p = *pool;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->ending = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	for (unsigned int i = 1; i <= p->started; i++)
		pthread_join(p->members[i].thread, NULL);
	for (unsigned int i = 0; i <= p->started; i++)
		if (p->members[i].worker.scratch) {
			explicit_bzero(p->members[i].worker.scratch, p->members[i].worker.scratch_len);
			(void)munmap(p->members[i].worker.scratch, p->members[i].worker.scratch_len);
		}
	pthread_cond_destroy(&p->idle);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p->members);
	free(p);
	*pool = NULL;
}

bool
pool_is_stopping(const struct pool *pool)
{
	return atomic_load(&pool->stop) || (pool->cancelled && atomic_load(pool->cancelled));
}

unsigned int
pool_size(const struct pool *pool)
{
	return pool->size;
}

/* Fewer threads than asked for is slower, not wrong. */
static void
have_threads(struct pool *p, uint64_t n)
{
	while (p->started + 1 < p->size && p->started + 1 < n) {
		struct member *m = &p->members[p->started + 1];

		m->pool = p;
		m->seen = p->job_number;
		if (start_thread(m) != 0)
			return;
		p->started++;
	}
}

coffer_err
pool_run(struct fault *f, struct pool *p, unsigned int max_threads, size_t scratch, pool_fn fn, void *arg, uint64_t n)
{
	/* one item needs no waking of others */
	bool alone = n <= 1 || max_threads == 1;

	p->fn = fn;
	p->arg = arg;
	p->scratch = scratch;
	p->n_items = n;
	p->max_threads = max_threads;
	atomic_store(&p->joined, 0);
	atomic_store(&p->next, 0);
	atomic_store(&p->stop, false);
	fault_clear(&p->fault);

	if (!alone) {
		have_threads(p, max_threads && max_threads < n ? max_threads : n);
		pthread_mutex_lock(&p->lock);
		p->job_number++;
		p->running = p->started;
		pthread_cond_broadcast(&p->wake);
		pthread_mutex_unlock(&p->lock);
	}
	work(p, &p->members[0]);
	if (!alone) {
		pthread_mutex_lock(&p->lock);
		while (p->running > 0)
			pthread_cond_wait(&p->idle, &p->lock);
		pthread_mutex_unlock(&p->lock);
	}
	if (p->fault.err != COFFER_OK && f)
		*f = p->fault;
	return p->fault.err;
}
