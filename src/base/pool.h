/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of threads that share the items of one job.
 *
 * Items are taken in order from one counter, so slow and fast workers balance.
 * Each worker has a scratch buffer that stays warm from job to job, and a
 * fault of its own; the first fault ends the job.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

struct pool;

struct pool_worker {
	struct fault fault;
	uint8_t *scratch; /* at least as many bytes as pool_run() was asked for, aligned to 4096 */
	size_t scratch_len;
};

/** pool_fn - do item @item; runs in any thread, several at once with different items */
typedef coffer_err (*pool_fn)(void *arg, uint64_t item, struct pool_worker *w);

/**
 * pool_new() - a pool of @n_threads: the caller of pool_run(), and others, which are started when a job first has use for them
 * @cancelled: when it becomes true a running job ends with COFFER_E_INTERRUPTED
 */
coffer_err pool_new(struct fault *f, unsigned int n_threads, const atomic_bool *cancelled, struct pool **out);

/** pool_free() - end the threads and free; NULL is fine; scratch is zeroed, for it held plaintext */
void pool_free(struct pool **pool);

/** pool_is_stopping() - whether the running job ends before its time: for an item that waits for something */
bool pool_is_stopping(const struct pool *pool);

/** pool_size() - how many threads at most */
unsigned int pool_size(const struct pool *pool);

/** pool_run() - do items 0 to @n - 1 with at most @max_threads threads (0 = all), each with @scratch bytes */
coffer_err pool_run(struct fault *f, struct pool *pool, unsigned int max_threads, size_t scratch, pool_fn fn, void *arg,
		    uint64_t n);

#endif
