/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/ctx.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <coffer/coffer.h>

#include "crypto/aead.h"
#include "key/secret_source.h"

#define MAX_JOBS 256u
#define PROGRESS_NS UINT64_C(100000000)

coffer_err
coffer_ctx_new(struct coffer_ctx **ctx_out)
{
	struct coffer_ctx *ctx;
	coffer_err err;

	*ctx_out = NULL;
	err = aead_selftest(NULL);
	if (err != COFFER_OK)
		return err;
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return COFFER_E_NOMEM;
	atomic_init(&ctx->cancelled, false);
	pthread_mutex_init(&ctx->audit_lock, NULL);
	secret_source_install();
	*ctx_out = ctx;
	return COFFER_OK;
}

/* What was written stays durable without its checkpoint, so its lack is no failure. */
static void
close_audit(struct coffer_ctx *ctx)
{
	struct fault f = {.err = COFFER_OK};

	if (audit_log_close(&f, &ctx->audit) != COFFER_OK)
		ctx_notice(ctx, "the audit log got no checkpoint for its last records: %.400s", f.text);
	ctx->audit_is_open = false;
}

void
coffer_ctx_free(struct coffer_ctx **ctx)
{
	if (!*ctx)
		return;
	pool_free(&(*ctx)->pool);
	close_audit(*ctx);
	free((*ctx)->audit_where);
	pthread_mutex_destroy(&(*ctx)->audit_lock);
	free(*ctx);
	*ctx = NULL;
}

const char *
coffer_ctx_message(const struct coffer_ctx *ctx)
{
	return ctx ? ctx->fault.text : "";
}

void
coffer_ctx_set_progress(struct coffer_ctx *ctx, coffer_progress_fn fn, void *user)
{
	ctx->progress = fn;
	ctx->progress_user = user;
}

void
coffer_ctx_set_notice(struct coffer_ctx *ctx, coffer_notice_fn fn, void *user)
{
	ctx->notice = fn;
	ctx->notice_user = user;
}

void
coffer_ctx_set_prompt(struct coffer_ctx *ctx, coffer_prompt_fn fn, void *user)
{
	ctx->prompt = fn;
	ctx->prompt_user = user;
}

void
coffer_ctx_set_browse(struct coffer_ctx *ctx, coffer_browse_fn fn, void *user)
{
	ctx->browse = fn;
	ctx->browse_user = user;
}

void
coffer_ctx_set_jobs(struct coffer_ctx *ctx, unsigned int n)
{
	pool_free(&ctx->pool);
	ctx->jobs = n > MAX_JOBS ? MAX_JOBS : n;
}

coffer_err
coffer_ctx_set_environment(struct coffer_ctx *ctx, const char *environment)
{
	struct fault *f = ctx_begin(ctx);

	if (environment && !environment_valid(environment))
		return fault_set(f, COFFER_E_USAGE, "the name of an environment has 1 to %d of a-z and 0-9",
				 ENVIRONMENT_MAX);
	(void)snprintf(ctx->environment, sizeof(ctx->environment), "%s", environment ? environment : "");
	return COFFER_OK;
}

void
coffer_ctx_set_min_generation(struct coffer_ctx *ctx, uint64_t generation)
{
	ctx->min_generation = generation;
}

coffer_err
coffer_ctx_set_audit(struct coffer_ctx *ctx, const char *where)
{
	struct fault *f = ctx_begin(ctx);
	struct audit_where parsed;
	char *copy = NULL;
	coffer_err err;

	if (where) {
		TRY(audit_where_parse(f, where, &parsed));
		audit_where_free(&parsed);
		copy = strdup(where);
		if (!copy)
			TRY(fault_nomem(f));
	}
	close_audit(ctx);
	free(ctx->audit_where);
	ctx->audit_where = copy;
	err = COFFER_OK;
out:
	return err;
}

void
coffer_ctx_cancel(struct coffer_ctx *ctx)
{
	atomic_store(&ctx->cancelled, true);
}

const char *
coffer_version(void)
{
	return COFFER_VERSION;
}

const char *
coffer_engine_name(void)
{
	return aead_engine_name();
}

struct fault *
ctx_begin(struct coffer_ctx *ctx)
{
	fault_clear(&ctx->fault);
	return &ctx->fault;
}

unsigned int
ctx_jobs(const struct coffer_ctx *ctx)
{
	cpu_set_t set;
	int n;

	if (ctx->jobs)
		return ctx->jobs;
	/* those this process may run on, as in a container, not those of the machine */
	n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
	return n < 1 ? 1 : (unsigned int)n > MAX_JOBS ? MAX_JOBS : (unsigned int)n;
}

coffer_err
ctx_pool(struct fault *f, struct coffer_ctx *ctx, struct pool **out)
{
	coffer_err err = COFFER_OK;
	unsigned int n = ctx_jobs(ctx);

	if (!ctx->jobs && n < 8)
		n += 4;
	if (!ctx->pool)
		err = pool_new(f, n, &ctx->cancelled, &ctx->pool);
	*out = ctx->pool;
	return err;
}

coffer_err
ctx_audit(struct fault *f, struct coffer_ctx *ctx, struct audit_log **out)
{
	coffer_err err = COFFER_OK;

	pthread_mutex_lock(&ctx->audit_lock);
	if (!ctx->audit_is_open)
		err = audit_log_open(f, ctx->audit_where, &ctx->audit);
	ctx->audit_is_open = err == COFFER_OK;
	*out = ctx->audit;
	pthread_mutex_unlock(&ctx->audit_lock);
	return err;
}

coffer_err
ctx_check_cancelled(struct fault *f, const struct coffer_ctx *ctx)
{
	if (atomic_load(&ctx->cancelled))
		return fault_set(f, COFFER_E_INTERRUPTED, "interrupted");
	return COFFER_OK;
}

void
ctx_notice(const struct coffer_ctx *ctx, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!ctx->notice)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ctx->notice(ctx->notice_user, text);
}

uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

void
progress_begin(struct progress *p, const struct coffer_ctx *ctx, uint64_t total)
{
	p->ctx = ctx;
	p->total = total;
	p->last_ns = now_ns();
	atomic_init(&p->path, "");
	atomic_init(&p->done, 0);
	pthread_mutex_init(&p->lock, NULL);
}

void
progress_add(struct progress *p, uint64_t bytes)
{
	uint64_t done = atomic_fetch_add(&p->done, bytes) + bytes, now;

	/* whoever finds the lock taken has nothing to add */
	if (!p->ctx->progress || pthread_mutex_trylock(&p->lock) != 0)
		return;
	now = now_ns();
	if (now - p->last_ns >= PROGRESS_NS || done == p->total) {
		p->last_ns = now;
		p->ctx->progress(p->ctx->progress_user, atomic_load(&p->path), done, p->total);
	}
	pthread_mutex_unlock(&p->lock);
}

void
progress_end(struct progress *p)
{
	pthread_mutex_destroy(&p->lock);
}
