/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/load.h"

#include <string.h>

#include "base/num.h"
#include "engine/read.h"
#include "engine/transfer.h"

struct load {
	struct coffer_file *file;
	uint64_t off, end;	  /* what is wanted of the plaintext */
	uint64_t first, n;	  /* the records that it lies in */
	uint8_t *memory;	  /* for the byte at @off, */
	const struct output *out; /* or where it is written to */
	struct progress progress;
};

/*
 * The ciphertext goes to the worker's scratch, which stays in the processor's cache and is aligned for reads around the page cache,
 * whatever the caller's memory is.
 */
static coffer_err
load_record(struct load *l, uint64_t index, struct pool_worker *w)
{
	struct sealed *s = &l->file->sealed;
	uint64_t start = index * s->head.record_size, record_end = start + head_record_len(&s->head, index);
	uint64_t from = l->off > start ? l->off : start, to = num_min(l->end, record_end);
	bool in_place = l->memory && from == start && to == record_end;
	uint8_t *plain = in_place ? l->memory + (from - l->off) : w->scratch;
	coffer_err err;

	TRY(sealed_open_record(&w->fault, s, index, w->scratch, plain, true));
	if (l->out)
		TRY(output_write(&w->fault, l->out, from - l->off, plain + (from - start), (size_t)(to - from)));
	else if (!in_place)
		memcpy(l->memory + (from - l->off), plain + (from - start), (size_t)(to - from));
	progress_add(&l->progress, to - from);
out:
	return err;
}

static coffer_err
load_step(void *arg, uint64_t item, struct pool_worker *w)
{
	struct load *l = arg;
	uint64_t a_step = transfer_a_step(l->file->sealed.head.record_size);
	uint64_t end = num_min((item + 1) * a_step, l->n);
	coffer_err err = COFFER_OK;

	for (uint64_t i = item * a_step; i < end; i++)
		TRY(load_record(l, l->first + i, w));
out:
	return err;
}

static coffer_err
run(struct fault *f, struct coffer_ctx *ctx, struct load *l)
{
	const struct head *h = &l->file->sealed.head;
	uint64_t a_step = transfer_a_step(h->record_size);
	coffer_err err;

	l->first = l->off / h->record_size;
	l->n = (l->end - 1) / h->record_size - l->first + 1;
	read_expect_bulk(l->file);
	progress_begin(&l->progress, ctx, l->end - l->off);
	atomic_store(&l->progress.path, h->path);
	err = transfer_steps(f, ctx, transfer_from(&l->file->sealed.in), transfer_scratch(h->record_size), load_step, l,
			     (l->n + a_step - 1) / a_step);
	progress_end(&l->progress);
	return err;
}

/* Few bytes are not worth the other threads, and may be of a record that was read in part before. */
static coffer_err
load_few(struct fault *f, struct coffer_ctx *ctx, struct coffer_file *file, uint64_t off, uint8_t *buf, size_t len)
{
	coffer_err err;

	TRY(ctx_check_cancelled(f, ctx));
	TRY(read_range(f, file, off, buf, len));
out:
	return err;
}

coffer_err
load_memory(struct fault *f, struct coffer_ctx *ctx, struct coffer_file *file, uint64_t off, uint8_t *buf, size_t len)
{
	struct load l = {.file = file, .off = off, .memory = buf};
	coffer_err err;

	TRY(read_check_range(f, file, off, len));
	l.end = off + len;
	TRY(len > TRANSFER_SMALL ? run(f, ctx, &l) : load_few(f, ctx, file, off, buf, len));
out:
	return err;
}

coffer_err
load_output(struct fault *f, struct coffer_ctx *ctx, struct coffer_file *file, const struct output *out)
{
	struct load l = {.file = file, .off = 0, .end = file->sealed.head.size, .out = out};
	coffer_err err;

	TRY(read_check_range(f, file, l.off, l.end));
	if (l.end > 0)
		TRY(run(f, ctx, &l));
out:
	return err;
}

coffer_err
coffer_file_load(struct coffer_ctx *ctx, struct coffer_file *file, uint64_t off, void *buf, size_t len)
{
	coffer_err err = load_memory(ctx_begin(ctx), ctx, file, off, buf, len);

	if (err != COFFER_OK && len > 0)
		memset(buf, 0, len);
	return err;
}
