/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/transfer.h"

#include "base/limits.h"
#include "base/num.h"

static const struct head *
head_of(const struct transfer *t)
{
	return t->sealed ? &t->sealed->head : &t->into->head;
}

static const struct head_layout *
layout_of(const struct transfer *t)
{
	return t->sealed ? &t->sealed->at : &t->into->at;
}

/* A page of huge tmpfs that is written whole need not be zeroed first. */
uint64_t
transfer_a_step(uint32_t record_size)
{
	return record_size >= TRANSFER_STEP ? 1 : TRANSFER_STEP / record_size;
}

/* Records @first to @end - 1: fill @buf with their plaintext. */
static coffer_err
fetch(const struct transfer *t, uint64_t first, uint64_t end, uint64_t len, struct fault *f, uint8_t *buf)
{
	uint64_t record_size = head_of(t)->record_size;
	coffer_err err = COFFER_OK;

	if (t->plain)
		return input_read_bulk(f, t->plain, first * record_size, buf, (size_t)len);
	for (uint64_t i = first; i < end; i++)
		TRY(sealed_read_record(f, t->sealed, i, buf + (i - first) * record_size, true));
out:
	return err;
}

static coffer_err
store(const struct transfer *t, uint64_t first, uint64_t end, uint64_t len, struct fault *f, uint8_t *buf)
{
	uint64_t record_size = head_of(t)->record_size;
	coffer_err err = COFFER_OK;

	if (t->out)
		return output_write(f, t->out, first * record_size, buf, (size_t)len);
	for (uint64_t i = first; t->into && i < end; i++)
		TRY(sealing_write_record(f, t->into, i, buf + (i - first) * record_size));
out:
	return err;
}

static coffer_err
step(void *arg, uint64_t item, struct pool_worker *w)
{
	const struct transfer *t = arg;
	const struct head *h = head_of(t);
	uint64_t n = transfer_a_step(h->record_size), first = item * n;
	uint64_t end = num_min(first + n, layout_of(t)->n_records);
	uint64_t len = num_min(n * h->record_size, h->size - first * h->record_size);
	coffer_err err;

	TRY(fetch(t, first, end, len, &w->fault, w->scratch));
	if (t->hash)
		TRY(stream_hash_take(&w->fault, t->hash, item, w->scratch, (size_t)len));
	TRY(store(t, first, end, len, &w->fault, w->scratch));
	if (t->progress)
		progress_add(t->progress, len);
out:
	/* the others would wait for this one's turn */
	if (err && t->hash) {
		w->fault.err = err;
		stream_hash_fail(t->hash, &w->fault);
	}
	return err;
}

static uint64_t
n_steps(const struct transfer *t)
{
	uint64_t n = transfer_a_step(head_of(t)->record_size);

	return (layout_of(t)->n_records + n - 1) / n;
}

size_t
transfer_scratch(uint32_t record_size)
{
	return (size_t)num_round_up(record_size > TRANSFER_STEP ? record_size : TRANSFER_STEP, HEAD_ALIGN);
}

enum transfer_from
transfer_from(const struct input *in)
{
	return in->direct_fd >= 0 ? TRANSFER_FROM_DISK : TRANSFER_FROM_MEMORY;
}

coffer_err
transfer_steps(struct fault *f, struct coffer_ctx *ctx, enum transfer_from from, size_t scratch, pool_fn fn, void *arg,
	       uint64_t n)
{
	unsigned int threads, most = (unsigned int)num_min(LIMIT_BULK_MEMORY / scratch, 1024);
	struct pool *pool;
	coffer_err err;

	TRY(ctx_pool(f, ctx, &pool));
	threads = from == TRANSFER_FROM_DISK ? pool_size(pool) : ctx_jobs(ctx);
	TRY(pool_run(f, pool, threads < most ? threads : most, scratch, fn, arg, n));
out:
	return err;
}

coffer_err
transfer_run(struct fault *f, struct coffer_ctx *ctx, const struct transfer *t)
{
	struct input *in = t->plain ? t->plain : &t->sealed->in;
	struct transfer copy = *t;

	input_expect_bulk(in);
	return transfer_steps(f, ctx, transfer_from(in), transfer_scratch(head_of(t)->record_size), step, &copy,
			      n_steps(t));
}

static coffer_err
run_alone(const struct transfer *t, struct pool_worker *w)
{
	struct input *in = t->plain ? t->plain : &t->sealed->in;
	struct transfer copy = *t;
	coffer_err err = COFFER_OK;

	if (head_of(t)->size > TRANSFER_SMALL)
		input_expect_bulk(in);
	for (uint64_t i = 0; i < n_steps(t); i++) {
		if (t->progress)
			TRY(ctx_check_cancelled(&w->fault, t->progress->ctx));
		TRY(step(&copy, i, w));
	}
out:
	return err;
}

coffer_err
transfer_file(struct fault *f, struct coffer_ctx *ctx, const struct transfer *t, struct pool_worker *w)
{
	return w ? run_alone(t, w) : transfer_run(f, ctx, t);
}
