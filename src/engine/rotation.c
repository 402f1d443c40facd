/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotation of many models.
 *
 * Each is independent of the others: what fails is noted, and the rest goes on.  They wait for disks and key services far more
 * than they compute, and a disk makes many durable in the time of one, so several are at work at once.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <coffer/rewrap.h>

#include "base/num.h"
#include "engine/model.h"
#include "engine/models.h"
#include "engine/rekey.h"
#include "engine/rewrap.h"
#include "engine/transfer.h"

#define SIDE_BY_SIDE 16 /* models at once */

/* struct rotation - what is handed out, and what it is made in */
struct rotation {
	struct coffer_rotation out;
	struct coffer_rotated *models; /* those of @out; their paths and changes are owned */
	char **messages;	       /* of each; NULL: none */
	uint64_t start;
};

/* ---- the result ---- */

void
coffer_rotation_free(struct coffer_rotation **rotation)
{
	/* it is the first member of what was made */
	struct rotation *r = (struct rotation *)*rotation;

	*rotation = NULL;
	if (!r)
		return;
	for (size_t i = 0; i < r->out.n; i++) {
		free((char *)(uintptr_t)r->models[i].path);
		free((struct coffer_change *)(uintptr_t)r->models[i].changes);
		free(r->messages[i]);
	}
	free(r->messages);
	free(r->models);
	free(r);
}

/* A result, of any thread; where there is no memory for a sentence there is none. */
static void
record(struct rotation *r, size_t index, coffer_err err, const char *message)
{
	r->models[index].err = err;
	r->messages[index] = *message ? strdup(message) : NULL;
	if (r->messages[index])
		r->models[index].message = r->messages[index];
}

/* None of them begun, but for those that nobody could look at. */
static coffer_err
new_rotation(struct fault *f, const struct coffer_models *models, struct rotation **out)
{
	struct rotation *r = calloc(1, sizeof(*r));

	*out = r;
	if (!r)
		return fault_nomem(f);
	r->start = now_ns();
	r->out.begun = (int64_t)time(NULL);
	r->models = calloc(models->n + 1, sizeof(*r->models));
	r->messages = calloc(models->n + 1, sizeof(*r->messages));
	if (!r->models || !r->messages)
		return fault_nomem(f);
	r->out.models = r->models;
	r->out.n = models->n;
	for (size_t i = 0; i < models->n; i++) {
		const struct model_place *place = &models->places[i];

		r->models[i] = (struct coffer_rotated){
			.err = COFFER_E_INTERRUPTED, .message = "", .path = strdup(place->path)};
		if (place->why)
			record(r, i, place->why->err, place->why->text);
		if (!r->models[i].path)
			return fault_nomem(f);
	}
	return COFFER_OK;
}

static coffer_err
sum_up(struct fault *f, struct rotation *r)
{
	struct coffer_rotation *out = &r->out;
	const struct coffer_rotated *first = NULL;
	size_t n_left = 0;

	for (size_t i = 0; i < out->n; i++) {
		const struct coffer_rotated *m = &r->models[i];

		n_left += m->err == COFFER_E_INTERRUPTED;
		out->n_changed += m->err == COFFER_OK && m->changed;
		out->n_settled += m->err == COFFER_OK && !m->changed;
		if (m->err != COFFER_OK && m->err != COFFER_E_INTERRUPTED && out->n_failed++ == 0)
			first = m;
	}
	out->seconds = (double)(now_ns() - r->start) / 1e9;
	if (n_left > 0)
		return fault_set(f, COFFER_E_INTERRUPTED, "interrupted: %zu of %zu models are as they were", n_left,
				 out->n);
	if (first && out->n > 1) {
		bool named = strstr(first->message, first->path) != NULL;

		return fault_set(f, first->err, "%zu of %zu models failed; the first: %s%s%s", out->n_failed, out->n,
				 named ? "" : first->path, named ? "" : ": ", first->message);
	}
	return first ? fault_set(f, first->err, "%s", first->message) : COFFER_OK;
}

/* ---- many at once ---- */

/* struct side - models that are worked on side by side */
struct side {
	const struct coffer_ctx *ctx;
	struct rotation *rotation;
	const size_t *chosen; /* which; NULL: all */
	/* model: do @model and record what came of it */
	void (*model)(void *arg, struct rotation *r, size_t index, struct pool_worker *w);
	void *arg;
};

/* What fails is recorded and does not end the job; nor does cancelling end a model in the middle. */
static coffer_err
side_item(void *arg, uint64_t item, struct pool_worker *w)
{
	struct side *s = arg;
	size_t index = s->chosen ? s->chosen[item] : (size_t)item;

	fault_clear(&w->fault);
	if (s->rotation->models[index].err == COFFER_E_INTERRUPTED && !atomic_load(&s->ctx->cancelled))
		s->model(s->arg, s->rotation, index, w);
	return COFFER_OK;
}

static coffer_err
run_side_by_side(struct fault *f, struct side *s, unsigned int most, size_t scratch, size_t n)
{
	struct pool *pool = NULL;
	coffer_err err;

	TRY(pool_new(f, (unsigned int)num_min(s->ctx->jobs ? num_min(s->ctx->jobs, most) : most, n), NULL, &pool));
	TRY(pool_run(f, pool, 0, scratch, side_item, s, n));
out:
	pool_free(&pool);
	return err;
}

/* The end of a call: @err is of the whole; what failed of single models is in *@r, which is handed out, and in the sum. */
static coffer_err
finish(struct fault *f, struct rotation *r, coffer_err err, struct coffer_rotation **out)
{
	struct coffer_rotation *made = r ? &r->out : NULL;

	if (err)
		coffer_rotation_free(&made);
	else
		err = sum_up(f, r);
	*out = made;
	return err;
}

/* ---- rewrap ---- */

struct rewrap_all {
	struct rewrap_job job;
	struct progress progress;
};

static void
rewrap_item(void *arg, struct rotation *r, size_t index, struct pool_worker *w)
{
	struct rewrap_all *all = arg;
	struct coffer_rotated *model = &r->models[index];
	struct rewrapped what;
	coffer_err err = rewrap_model(&w->fault, &all->job, model->path, &what);

	model->changed = err == COFFER_OK && what.way != COFFER_WAY_NONE;
	model->way = what.way;
	model->changes = what.changes;
	model->n_changes = err == COFFER_OK ? what.n_changes : 0;
	record(r, index, err, err ? w->fault.text : what.why);
	atomic_store(&all->progress.path, model->path);
	progress_add(&all->progress, 1);
}

static void
tell_trouble(const struct rewrap_job *job)
{
	struct fault why;

	if (job->of_keys && versions_trouble(job->of_keys, &why) && job->opt->renew && job->opt->before == 0)
		ctx_notice(
			job->ctx,
			"every wrap was renewed, for nobody could say which version is the newest (%s); a date makes a "
			"run that goes on where it stopped",
			why.text);
	if (job->of_added && versions_trouble(job->of_added, &why))
		ctx_notice(job->ctx,
			   "wraps that were there were left, for nobody could say which version is the newest (%s)",
			   why.text);
}

static coffer_err
rewrap_models(struct fault *f, struct rewrap_all *all, struct rotation *r)
{
	struct side side = {.ctx = all->job.ctx, .rotation = r, .model = rewrap_item, .arg = all};
	coffer_err err;

	TRY(versions_new(f, all->job.keys, &all->job.of_keys));
	if (all->job.opt->add)
		TRY(versions_new(f, all->job.opt->add, &all->job.of_added));
	progress_begin(&all->progress, all->job.ctx, r->out.n);
	err = run_side_by_side(f, &side, SIDE_BY_SIDE, 0, r->out.n);
	progress_end(&all->progress);
	tell_trouble(&all->job);
out:
	versions_free(&all->job.of_keys);
	versions_free(&all->job.of_added);
	return err;
}

coffer_err
coffer_rewrap_all(struct coffer_ctx *ctx, const struct coffer_models *models, const struct coffer_keyring *keys,
		  const struct coffer_rewrap_options *options, struct coffer_rotation **rotation_out)
{
	struct rewrap_all all = {.job = {.ctx = ctx, .keys = keys, .opt = options}};
	struct fault *f = ctx_begin(ctx);
	struct rotation *r = NULL;
	coffer_err err;

	*rotation_out = NULL;
	TRY(rewrap_check(f, options));
	TRY(new_rotation(f, models, &r));
	TRY(rewrap_models(f, &all, r));
out:
	return finish(f, r, err, rotation_out);
}

/* ---- rekey ---- */

struct rekey_all {
	struct rekey_job job;
	struct coffer_rekey_options opt;
	struct progress progress;
	uint64_t *sizes; /* of each model, in bytes; of one that is not to be done SIZE_NONE */
};

#define SIZE_NONE UINT64_MAX

static bool
is_wrapped_before(struct fault *f, const struct keyblock *k, const struct coffer_keyring *keys, int64_t before,
		  coffer_err *err_out)
{
	struct buf text = BUF_INIT(LIMIT_BINDING);
	char id[2 * MODEL_ID_LEN + 1];
	struct binding binding;
	bool is = false;

	*err_out = model_binding(f, k, &text, id, &binding);
	for (size_t i = 0; *err_out == COFFER_OK && i < k->n_recipients; i++)
		is |= k->recipients[i].created < before && keyring_matches(keys, &k->recipients[i], &binding);
	buf_free(&text);
	return is;
}

/* That each of @to is a key for this model, without asking anybody. */
static coffer_err
check_keys(struct fault *f, const struct keyblock *k, const struct coffer_keyring *to)
{
	struct buf text = BUF_INIT(LIMIT_BINDING);
	char id[2 * MODEL_ID_LEN + 1];
	struct binding binding;
	const void *key;
	coffer_err err;

	TRY(model_binding(f, k, &text, id, &binding));
	for (size_t i = 0; i < keyring_size(to); i++)
		TRY(keyring_key(f, to, i, &binding, &key));
out:
	buf_free(&text);
	return err;
}

/* Whether it is to be done, and how large it is.  A dry run ends here: with the DEK unwrapped, and nothing done with it. */
static coffer_err
look_at(struct fault *f, struct rekey_all *all, const char *path, uint64_t *size_out)
{
	const struct rekey_job *job = &all->job;
	struct coffer_model *m = NULL;
	bool due = true;
	coffer_err err;

	*size_out = SIZE_NONE;
	TRY(model_load(f, job->ctx, path, MODEL_READ, &m));
	if (all->opt.before != 0)
		due = is_wrapped_before(f, &m->keys, job->keys, all->opt.before, &err);
	TRY(err);
	if (due && all->opt.dry_run) {
		TRY(model_unlock(f, m, job->keys, MODEL_READ));
		TRY(check_keys(f, &m->keys, job->to));
	}
	if (due)
		*size_out = rekey_size(&m->keys);
out:
	model_free(&m);
	return err;
}

static void
look_item(void *arg, struct rotation *r, size_t index, struct pool_worker *w)
{
	struct rekey_all *all = arg;
	struct coffer_rotated *model = &r->models[index];
	coffer_err err = look_at(&w->fault, all, model->path, &all->sizes[index]);
	bool due = err == COFFER_OK && all->sizes[index] != SIZE_NONE;

	if (due && !all->opt.dry_run)
		return; /* its turn comes */
	model->changed = due;
	model->way = due ? COFFER_WAY_HERE : COFFER_WAY_NONE;
	model->bytes = due ? all->sizes[index] : 0;
	all->sizes[index] = SIZE_NONE;
	record(r, index, err, err ? w->fault.text : "");
}

static void
rekey_one(struct rekey_all *all, struct fault *f, struct rotation *r, size_t index, struct pool_worker *w)
{
	struct coffer_rotated *model = &r->models[index];
	struct rekey_job job = all->job;
	struct rekeyed what;
	coffer_err err;

	job.worker = w;
	atomic_store(&all->progress.path, model->path);
	err = rekey_model(f, &job, model->path, &what);
	model->changed = err == COFFER_OK;
	model->way = err == COFFER_OK ? COFFER_WAY_HERE : COFFER_WAY_NONE;
	model->bytes = what.bytes;
	record(r, index, err, err ? f->text : what.lost_signature ? REKEY_LOST_SIGNATURE : "");
}

static void
rekey_item(void *arg, struct rotation *r, size_t index, struct pool_worker *w)
{
	rekey_one(arg, &w->fault, r, index, w);
}

/* Small ones side by side, a thread each; then the large ones, one after the other with all threads. */
static coffer_err
rekey_chosen(struct fault *f, struct rekey_all *all, struct rotation *r)
{
	size_t *chosen = calloc(r->out.n + 1, sizeof(*chosen)), n = 0;
	struct side side = {.ctx = all->job.ctx, .rotation = r, .model = rekey_item, .arg = all, .chosen = chosen};
	coffer_err err;

	if (!chosen)
		return fault_nomem(f);
	for (size_t i = 0; i < r->out.n; i++)
		if (all->sizes[i] <= TRANSFER_SMALL)
			chosen[n++] = i;
	TRY(run_side_by_side(f, &side, LIMIT_BULK_MEMORY / TRANSFER_SMALL, TRANSFER_SMALL, n));
	for (size_t i = 0; i < r->out.n; i++) {
		struct fault why = {.err = COFFER_OK};

		if (all->sizes[i] > TRANSFER_SMALL && all->sizes[i] != SIZE_NONE &&
		    !atomic_load(&all->job.ctx->cancelled))
			rekey_one(all, &why, r, i, NULL);
	}
out:
	free(chosen);
	return err;
}

static coffer_err
rekey_models(struct fault *f, struct rekey_all *all, struct rotation *r)
{
	struct side side = {.ctx = all->job.ctx, .rotation = r, .model = look_item, .arg = all};
	uint64_t total = 0;
	coffer_err err;

	all->sizes = malloc((r->out.n + 1) * sizeof(*all->sizes));
	if (!all->sizes)
		return fault_nomem(f);
	for (size_t i = 0; i < r->out.n; i++)
		all->sizes[i] = SIZE_NONE;
	TRY(run_side_by_side(f, &side, SIDE_BY_SIDE, 0, r->out.n));
	for (size_t i = 0; i < r->out.n; i++)
		total += all->sizes[i] == SIZE_NONE ? 0 : all->sizes[i];
	progress_begin(&all->progress, all->job.ctx, total);
	err = rekey_chosen(f, all, r);
	progress_end(&all->progress);
out:
	free(all->sizes);
	return err;
}

static coffer_err
check_options(struct fault *f, const struct coffer_rekey_options *opt)
{
	uint64_t any = 0;

	for (size_t i = 0; i < 8; i++)
		any |= opt->reserved[i];
	if (opt->version_1 != 1 || any != 0)
		return fault_set(f, COFFER_E_USAGE, "rekey options of another version");
	return COFFER_OK;
}

coffer_err
coffer_rekey_all(struct coffer_ctx *ctx, const struct coffer_models *models, const struct coffer_keyring *keys,
		 const struct coffer_keyring *to, const struct coffer_rekey_options *options,
		 struct coffer_rotation **rotation_out)
{
	struct rekey_all all = {.job = {.ctx = ctx, .keys = keys, .to = to}, .opt = {.version_1 = 1}};
	struct fault *f = ctx_begin(ctx);
	struct rotation *r = NULL;
	coffer_err err;

	*rotation_out = NULL;
	all.job.progress = &all.progress;
	if (options)
		all.opt = *options;
	TRY(check_options(f, &all.opt));
	TRY(new_rotation(f, models, &r));
	TRY(rekey_models(f, &all, r));
out:
	return finish(f, r, err, rotation_out);
}
