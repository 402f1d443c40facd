/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/each.h"

#include <stdlib.h>

#include "engine/transfer.h"

struct batch {
	const struct each *e;
	const size_t *small;
};

static coffer_err
do_small(void *arg, uint64_t item, struct pool_worker *w)
{
	const struct batch *b = arg;

	return b->e->file(b->e->arg, &w->fault, b->small[item], w);
}

coffer_err
each_file(struct fault *f, struct coffer_ctx *ctx, const struct each *e)
{
	size_t *small = calloc(e->n + 1, sizeof(*small)), n_small = 0;
	struct batch batch = {.e = e, .small = small};
	struct pool *pool;
	coffer_err err;

	if (!small)
		return fault_nomem(f);
	for (size_t i = 0; i < e->n; i++)
		if (e->size(e->arg, i) <= TRANSFER_SMALL)
			small[n_small++] = i;
	TRY(ctx_pool(f, ctx, &pool));
	TRY(pool_run(f, pool, e->one_by_one ? 1 : ctx_jobs(ctx), TRANSFER_SMALL, do_small, &batch, n_small));
	for (size_t i = 0; i < e->n; i++) {
		TRY(ctx_check_cancelled(f, ctx));
		if (e->size(e->arg, i) > TRANSFER_SMALL)
			TRY(e->file(e->arg, f, i, NULL));
	}
	TRY(ctx_check_cancelled(f, ctx));
out:
	free(small);
	return err;
}
