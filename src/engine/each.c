/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/each.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/num.h"
#include "engine/transfer.h"

struct batch {
	const struct each *e;
	const size_t *files;
};

static coffer_err
do_one(void *arg, uint64_t item, struct pool_worker *w)
{
	const struct batch *b = arg;

	return b->e->file(b->e->arg, &w->fault, b->files[item], w);
}

static int
by_size(const void *a, const void *b, void *arg)
{
	const struct each *e = arg;
	uint64_t x = e->size(e->arg, *(const size_t *)a), y = e->size(e->arg, *(const size_t *)b);

	return x != y ? (x > y ? -1 : 1) : 0;
}

/* Whether one thread a file ends sooner: one of them must not be left over for long when the others are done. */
static bool
is_better_side_by_side(const struct each *e, const size_t *large, size_t n)
{
	uint64_t sum = 0;

	if (e->side_by_side == 0 || e->one_by_one || n < 2)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!num_add(sum, e->size(e->arg, large[i]), &sum))
			return false;
	return e->size(e->arg, large[0]) <= sum / 3 * 2;
}

static coffer_err
do_large(struct fault *f, struct coffer_ctx *ctx, struct pool *pool, const struct each *e, size_t *large, size_t n)
{
	struct batch batch = {.e = e, .files = large};
	uint64_t most = e->side_by_side ? LIMIT_BULK_MEMORY / e->side_by_side : 0;
	coffer_err err = COFFER_OK;

	if (e->side_by_side)
		qsort_r(large, n, sizeof(*large), by_size, (void *)(uintptr_t)e);
	if (is_better_side_by_side(e, large, n))
		return pool_run(f, pool, (unsigned int)num_min(ctx_jobs(ctx), most), e->side_by_side, do_one, &batch,
				n);
	for (size_t i = 0; i < n; i++) {
		TRY(ctx_check_cancelled(f, ctx));
		TRY(e->file(e->arg, f, large[i], NULL));
	}
out:
	return err;
}

coffer_err
each_file(struct fault *f, struct coffer_ctx *ctx, const struct each *e)
{
	size_t *files = calloc(e->n + 1, sizeof(*files)), n_small = 0, n = 0;
	struct batch batch = {.e = e, .files = files};
	struct pool *pool;
	coffer_err err;

	if (!files)
		return fault_nomem(f);
	for (size_t i = 0; i < e->n; i++)
		if (e->size(e->arg, i) <= TRANSFER_SMALL)
			files[n_small++] = i;
	n = n_small;
	for (size_t i = 0; i < e->n; i++)
		if (e->size(e->arg, i) > TRANSFER_SMALL)
			files[n++] = i;
	TRY(ctx_pool(f, ctx, &pool));
	TRY(pool_run(f, pool, e->one_by_one ? 1 : ctx_jobs(ctx), TRANSFER_SMALL, do_one, &batch, n_small));
	TRY(do_large(f, ctx, pool, e, files + n_small, n - n_small));
	TRY(ctx_check_cancelled(f, ctx));
out:
	free(files);
	return err;
}
