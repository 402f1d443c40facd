/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifying a model.
 *
 * The signature first: nothing that it or the model says is looked at before it holds.  Then what it lists is
 * held against what is there.  What it lists is hashed whatever was to be left out; what was to be left out is only
 * not missed in the list.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "engine/oms.h"
#include "engine/sign_hash.h"
#include "engine/verdict.h"
#include "engine/verify.h"
#include "mem/secret.h"

/* One file of the manifest: resources @first to @first + @n - 1 in order. */
struct listed {
	const char *path;
	size_t first, n;
	bool refused; /* it is there, as something that cannot be signed: that was found already */
};

/* What became of a resource. */
struct outcome {
	bool hashed; /* to the digest that was signed */
	coffer_err err;
	char *why;
};

struct verifying {
	struct coffer_ctx *ctx;
	const struct coffer_trust *trust;
	struct coffer_verify_options opt;
	struct verdict *verdict;
	struct sign_model model;
	char *signature; /* where it lies in the model; NULL when it does not */
	struct manifest manifest;
	size_t *order; /* resources by path, then start */
	struct listed *listed;
	size_t n_listed;
	struct ignore ignore;
	struct sign_walk walk;
	size_t *which; /* resources to hash */
	size_t n_which;
	struct outcome *outcomes; /* by resource */
	uint64_t bytes;
};

/* ---- what is listed ---- */

static int
compare_resources(const void *a, const void *b, void *arg)
{
	const struct verifying *v = arg;
	const struct resource *all = v->manifest.resources;

	return resource_compare(&all[*(const size_t *)a], &all[*(const size_t *)b]);
}

/* Under which path resource @index is found: a model of one file may be listed as «.», as model_signing writes it. */
static const char *
path_of(const struct verifying *v, size_t index)
{
	const char *path = v->manifest.resources[index].path;

	return !v->model.folder && strcmp(path, ".") == 0 ? v->model.name : path;
}

static coffer_err
index_manifest(struct fault *f, struct verifying *v)
{
	size_t n = v->manifest.n;

	v->order = calloc(n, sizeof(*v->order));
	v->listed = calloc(n, sizeof(*v->listed));
	v->which = calloc(n, sizeof(*v->which));
	v->outcomes = calloc(n, sizeof(*v->outcomes));
	if (!v->order || !v->listed || !v->which || !v->outcomes)
		return fault_nomem(f);
	for (size_t i = 0; i < n; i++)
		v->order[i] = i;
	qsort_r(v->order, n, sizeof(*v->order), compare_resources, v);
	for (size_t i = 0; i < n; i++) {
		const char *path = path_of(v, v->order[i]);

		if (v->n_listed > 0 && strcmp(v->listed[v->n_listed - 1].path, path) == 0) {
			v->listed[v->n_listed - 1].n++;
			continue;
		}
		v->listed[v->n_listed++] = (struct listed){.path = path, .first = i, .n = 1};
	}
	return COFFER_OK;
}

/* The first listed path that is not before @path. */
static size_t
lower_bound(const struct verifying *v, const char *path)
{
	size_t low = 0, high = v->n_listed;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(v->listed[mid].path, path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct listed *
find_listed(const struct verifying *v, const char *path)
{
	size_t i = lower_bound(v, path);

	return i < v->n_listed && strcmp(v->listed[i].path, path) == 0 ? &v->listed[i] : NULL;
}

static bool
is_listed_below(const struct verifying *v, const char *path)
{
	char below[LIMIT_SIGNED_PATH + 2];
	size_t i, len = strlen(path);

	if (len > LIMIT_SIGNED_PATH)
		return false;
	(void)snprintf(below, sizeof(below), "%s/", path);
	i = lower_bound(v, below);
	return i < v->n_listed && strncmp(v->listed[i].path, below, len + 1) == 0;
}

/* ---- what is there ---- */

static bool
wanted(void *arg, const char *path)
{
	return find_listed(arg, path) || is_listed_below(arg, path);
}

static coffer_err
refused(void *arg, struct fault *f, const char *path)
{
	struct verifying *v = arg;
	struct listed *l = find_listed(v, path);
	bool failure = l || !v->opt.ignore_unsigned;
	struct fault why = *f;

	if (l)
		l->refused = true;
	fault_clear(f);
	return verdict_find(f, v->verdict, failure ? COFFER_FOUND_REFUSED : COFFER_FOUND_IGNORED, path, "%s", why.text);
}

static coffer_err
ignored(void *arg, struct fault *f, const char *path)
{
	struct verifying *v = arg;

	return verdict_find(f, v->verdict, COFFER_FOUND_IGNORED, path,
			    "is left out, as the signature or the caller says");
}

static coffer_err
pass_over(void *arg, struct fault *f, const char *path)
{
	(void)arg;
	(void)path;
	fault_clear(f);
	return COFFER_OK;
}

static struct sign_walk_options
walk_options(struct verifying *v)
{
	return (struct sign_walk_options){
		.ignore = &v->ignore,
		.signature = v->signature,
		.allow_symlinks = v->opt.allow_symlinks || v->manifest.allow_symlinks,
		.wanted = wanted,
		.refused = refused,
		.ignored = ignored,
		.arg = v,
	};
}

static coffer_err
list_model(struct fault *f, struct verifying *v)
{
	const struct sign_walk_options options = walk_options(v);
	coffer_err err = COFFER_OK;

	if (v->model.folder) {
		if (!v->opt.verify_git)
			TRY(ignore_add_git(f, &v->ignore));
		TRY(sign_model_ignore(f, v->ctx, &v->model, v->opt.ignore_paths, v->opt.n_ignore_paths, &v->ignore));
		for (size_t i = 0; i < v->manifest.n_ignore_paths; i++)
			TRY(ignore_add(f, &v->ignore, v->manifest.ignore_paths[i]));
	}
	TRY(sign_model_list(f, &v->model, &options, &v->walk));
out:
	return err;
}

/* Why a file that is there and not listed is no failure; NULL when it is one. */
static const char *
excuse(const struct verifying *v, const struct sign_file *file)
{
	if (ignore_covers(&v->ignore, file->path))
		return "is left out, as the signature or the caller says";
	/* shards do not list empty files: nobody can tell whether it was there */
	if (v->manifest.method == MANIFEST_SHARDS && file->size == 0)
		return "is empty, and a signature of shards lists no empty files";
	if (v->opt.ignore_unsigned)
		return "is not signed";
	return NULL;
}

static coffer_err
find_extra(struct fault *f, struct verifying *v)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < v->walk.n; i++) {
		const struct sign_file *file = &v->walk.files[i];
		const char *why;

		if (find_listed(v, file->path))
			continue;
		why = excuse(v, file);
		TRY(verdict_find(f, v->verdict, why ? COFFER_FOUND_IGNORED : COFFER_FOUND_EXTRA, file->path, "%s",
				 why ? why : "is not signed"));
	}
out:
	return err;
}

/* ---- hashing ---- */

/* What the signature says of a file's size; shards alone do. */
static bool
has_signed_size(const struct verifying *v, const struct listed *l, const struct sign_file *file)
{
	const struct resource *last = &v->manifest.resources[v->order[l->first + l->n - 1]];

	return v->manifest.method == MANIFEST_FILES || last->end == file->size;
}

static coffer_err
check_listed(struct fault *f, struct verifying *v, const struct listed *l)
{
	const struct sign_file *file = sign_walk_find(&v->walk, l->path);

	if (!file && l->refused)
		return COFFER_OK;
	if (!file)
		return verdict_find(f, v->verdict, COFFER_FOUND_MISSING, l->path, "is signed, and is not there");
	if (!has_signed_size(v, l, file))
		return verdict_find(f, v->verdict, COFFER_FOUND_CHANGED, l->path, "has another size than was signed");
	for (size_t i = 0; i < l->n; i++)
		v->which[v->n_which++] = v->order[l->first + i];
	v->bytes += file->size;
	return COFFER_OK;
}

static coffer_err
take_digest(void *arg, struct fault *f, size_t index, const uint8_t *digest)
{
	struct verifying *v = arg;
	struct outcome *o = &v->outcomes[index];

	if (digest) {
		o->hashed = mem_equal(digest, v->manifest.resources[index].digest, digest_len(v->manifest.hash));
		return COFFER_OK;
	}
	if (f->err == COFFER_E_NOMEM || f->err == COFFER_E_INTERRUPTED)
		return f->err;
	o->err = f->err;
	o->why = strdup(f->text);
	return o->why ? COFFER_OK : fault_nomem(f);
}

static coffer_err
find_changed(struct fault *f, struct verifying *v, size_t index)
{
	const struct outcome *o = &v->outcomes[index];
	const char *path = path_of(v, index);

	if (!o->why)
		return verdict_find(f, v->verdict, COFFER_FOUND_CHANGED, path, "has another hash than was signed");
	if (v->verdict->unreadable == COFFER_OK)
		v->verdict->unreadable = o->err;
	return verdict_find(f, v->verdict, COFFER_FOUND_UNREADABLE, path, "%s", o->why);
}

/* One finding a file, however many of its shards differ. */
static coffer_err
judge_hashes(struct fault *f, struct verifying *v)
{
	const char *last = NULL;
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < v->n_which; i++) {
		const char *path = path_of(v, v->which[i]);

		if (v->outcomes[v->which[i]].hashed || (last && strcmp(last, path) == 0))
			continue;
		last = path;
		TRY(find_changed(f, v, v->which[i]));
	}
out:
	return err;
}

static coffer_err
hash_model(struct fault *f, struct verifying *v)
{
	const struct sign_hash s = {
		.model = &v->model,
		.walk = &v->walk,
		.manifest = &v->manifest,
		.which = v->which,
		.n_which = v->n_which,
		.allow_symlinks = v->opt.allow_symlinks || v->manifest.allow_symlinks,
		.done = take_digest,
		.arg = v,
	};

	return sign_hash_run(f, v->ctx, &s);
}

/* Somebody may have been at work meanwhile. */
static coffer_err
look_again(struct fault *f, struct verifying *v)
{
	struct sign_walk_options options = walk_options(v);
	struct sign_walk now = {0};
	const char *path;
	coffer_err err;

	options.refused = pass_over;
	options.ignored = NULL;
	TRY(sign_model_list(f, &v->model, &options, &now));
	path = sign_walk_difference(&v->walk, &now);
	if (path) {
		if (v->verdict->unreadable == COFFER_OK)
			v->verdict->unreadable = COFFER_E_CHANGED;
		TRY(verdict_find(f, v->verdict, COFFER_FOUND_UNREADABLE, path,
				 "came, went or changed while the model was read; try again when nobody writes to it"));
	}
out:
	sign_walk_free(&now);
	return err;
}

/* ---- the verb ---- */

static coffer_err
check_options(struct fault *f, const struct verifying *v)
{
	const struct coffer_verify_options *o = &v->opt;

	if (o->version_1 != 1 || !view_zero(view_of(o->reserved, sizeof(o->reserved))))
		return fault_set(f, COFFER_E_USAGE, "verify options of another version");
	if (!v->trust)
		return fault_set(f, COFFER_E_USAGE, "to verify a model it must be said whose signatures are believed");
	return COFFER_OK;
}

static enum coffer_method
method_of(const struct verifier *verifier)
{
	return strcmp(verifier->method, "sigstore") == 0      ? COFFER_METHOD_SIGSTORE
	       : strcmp(verifier->method, "certificate") == 0 ? COFFER_METHOD_CERTIFICATE
							      : COFFER_METHOD_KEY;
}

static coffer_err
find_place(struct fault *f, struct verifying *v, const char *signature)
{
	char *real = realpath(signature, NULL);
	coffer_err err;

	if (!real)
		return fault_errno(f, errno, "cannot find the signature %s", signature);
	err = sign_model_within(f, &v->model, real, &v->signature);
	free(real);
	return err;
}

static coffer_err
verify_signature(struct fault *f, struct verifying *v, const char *signature)
{
	struct signed_by who = {0};
	coffer_err err;

	TRY(oms_verify_file(f, v->trust, signature, NULL, &v->manifest, &who));
	TRY(find_place(f, v, signature));
	TRY(verdict_signed(f, v->verdict, method_of(v->trust->verifier), &who));
out:
	signed_by_free(&who);
	return err;
}

static coffer_err
verify_files(struct fault *f, struct verifying *v)
{
	coffer_err err;

	TRY(index_manifest(f, v));
	TRY(list_model(f, v));
	TRY(find_extra(f, v));
	for (size_t i = 0; i < v->n_listed; i++)
		TRY(check_listed(f, v, &v->listed[i]));
	TRY(hash_model(f, v));
	TRY(judge_hashes(f, v));
	TRY(look_again(f, v));
	TRY(verdict_judge(f, v->verdict, v->model.shown));
out:
	return err;
}

/* What went wrong must be among the findings, whatever it was. */
static coffer_err
find_fault(struct fault *f, struct verdict *v)
{
	struct fault why = *f, unused = {0};
	bool is_signed = v->public.signer != NULL;

	if (v->public.n_failures == 0)
		(void)verdict_find(&unused, v, is_signed ? COFFER_FOUND_UNREADABLE : COFFER_FOUND_SIGNATURE, "", "%s",
				   why.text);
	*f = why;
	return why.err;
}

static void
end_verifying(struct verifying *v)
{
	for (size_t i = 0; v->outcomes && i < v->manifest.n; i++)
		free(v->outcomes[i].why);
	free(v->outcomes);
	free(v->signature);
	free(v->order);
	free(v->listed);
	free(v->which);
	sign_walk_free(&v->walk);
	ignore_free(&v->ignore);
	sign_model_close(&v->model);
	manifest_free(&v->manifest);
}

coffer_err
verify_model(struct fault *f, struct coffer_ctx *ctx, const char *model, const char *signature,
	     const struct coffer_trust *trust, const struct coffer_verify_options *options, struct manifest *manifest,
	     struct sign_walk *walk, struct coffer_verdict **verdict_out)
{
	struct verifying v = {.ctx = ctx, .trust = trust, .opt = {.version_1 = 1}, .model = SIGN_MODEL_INIT};
	coffer_err err;

	*verdict_out = NULL;
	manifest_init(&v.manifest);
	if (options)
		v.opt = *options;
	TRY(verdict_new(f, &v.verdict));
	*verdict_out = &v.verdict->public;
	TRY(check_options(f, &v));
	v.verdict->public.method = method_of(trust->verifier);
	TRY(sign_model_open(f, model, &v.model));
	TRY(verify_signature(f, &v, signature));
	TRY(verify_files(f, &v));
	TRY(ctx_check_cancelled(f, ctx));
	TRY(verdict_accept(f, v.verdict, v.n_listed, v.bytes));
	if (manifest) {
		*manifest = v.manifest;
		manifest_init(&v.manifest);
	}
	if (walk) {
		*walk = v.walk;
		v.walk = (struct sign_walk){0};
	}
out:
	if (err && v.verdict)
		err = find_fault(f, v.verdict);
	end_verifying(&v);
	return err;
}

coffer_err
coffer_verify(struct coffer_ctx *ctx, const char *model, const char *signature, const struct coffer_trust *trust,
	      const struct coffer_verify_options *options, struct coffer_verdict **verdict_out)
{
	return verify_model(ctx_begin(ctx), ctx, model, signature, trust, options, NULL, NULL, verdict_out);
}
