/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context behind coffer/ctx.h, and what every verb needs of it.
 */
#ifndef ENGINE_CTX_H
#define ENGINE_CTX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <coffer/ctx.h>

#include "audit/log.h"
#include "base/fault.h"
#include "base/pool.h"
#include "key/template.h"

struct coffer_ctx {
	struct fault fault;
	unsigned int jobs; /* 0 = one per processor */
	atomic_bool cancelled;
	coffer_progress_fn progress;
	void *progress_user;
	coffer_notice_fn notice;
	void *notice_user;
	coffer_prompt_fn prompt;
	void *prompt_user;
	coffer_browse_fn browse;
	void *browse_user;
	char environment[ENVIRONMENT_MAX + 1]; /* that models must be of; empty: any */
	uint64_t min_generation;	       /* that their key blocks must have */
	struct pool *pool;		       /* made when first needed */
	pthread_mutex_t audit_lock;	       /* of the next three */
	char *audit_where;		       /* NULL: as the environment says */
	struct audit_log *audit;	       /* opened when first needed; NULL when it is off, too */
	bool audit_is_open;
};

/** ctx_begin() - the start of a public call: clears the last fault and returns the place for a new one */
struct fault *ctx_begin(struct coffer_ctx *ctx);

/** ctx_jobs() - threads for work that computes */
unsigned int ctx_jobs(const struct coffer_ctx *ctx);

/** ctx_pool() - the pool: ctx_jobs() threads, and some more for work that waits for a disk unless the caller chose the number */
coffer_err ctx_pool(struct fault *f, struct coffer_ctx *ctx, struct pool **out);

/** ctx_audit() - the audit log, which is opened now if it was not; NULL and COFFER_OK when it is off.  Any thread. */
coffer_err ctx_audit(struct fault *f, struct coffer_ctx *ctx, struct audit_log **out);

/** ctx_check_cancelled() - COFFER_E_INTERRUPTED once coffer_ctx_cancel() was called */
coffer_err ctx_check_cancelled(struct fault *f, const struct coffer_ctx *ctx);

/** ctx_notice() - tell the caller's notice function a sentence */
void ctx_notice(const struct coffer_ctx *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * struct progress - how far one call is
 *
 * progress_add() may be called from any thread; the caller's function is called from one at a time.
 */
struct progress {
	const struct coffer_ctx *ctx;
	const char *_Atomic path;
	uint64_t total;
	atomic_uint_fast64_t done;
	pthread_mutex_t lock;
	uint64_t last_ns; /* under lock */
};

void progress_begin(struct progress *p, const struct coffer_ctx *ctx, uint64_t total);
void progress_add(struct progress *p, uint64_t bytes);
void progress_end(struct progress *p);

/** now_ns() - monotonic time */
uint64_t now_ns(void);

#endif
