/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing again what has hardly changed: the hashes of files that were last changed before the older signature was
 * written are taken from it.
 *
 * What is trusted then is that signature, which must hold, the change times of the file system, and that the signature
 * file's own time is that of its making.
 */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "engine/oms.h"
#include "engine/sign_run.h"

/* file systems and clocks of other machines may be this much off: the time of FAT has steps of two seconds */
#define MARGIN_S 2

struct reuse {
	struct sign_run *r;
	struct manifest old;
	const struct resource **sorted; /* of @old, by path and start */
	struct timespec written;
};

/* ---- the older signature ---- */

static int
compare_with(const void *key, const void *element)
{
	return resource_compare(key, *(const struct resource *const *)element);
}

static coffer_err
read_old(struct fault *f, struct reuse *u)
{
	const struct coffer_sign_options *opt = &u->r->opt;
	struct signed_by who = {0};
	struct stat st;
	coffer_err err;

	TRY(oms_verify_file(f, opt->reuse_trust, opt->reuse, &st, &u->old, &who));
	u->written = st.st_mtim;
	ctx_notice(u->r->ctx, "hashes of files not changed since %s was written are taken from it; signed by %s",
		   opt->reuse, who.who);
	TRY(manifest_by_path(f, &u->old, &u->sorted));
out:
	signed_by_free(&who);
	return err;
}

/* ---- what it is good for ---- */

static bool
is_older(const struct timespec *t, const struct timespec *than)
{
	time_t limit = than->tv_sec - MARGIN_S;

	return t->tv_sec < limit || (t->tv_sec == limit && t->tv_nsec < than->tv_nsec);
}

static bool
is_same_manner(const struct manifest *a, const struct manifest *b)
{
	return a->method == b->method && a->hash == b->hash &&
	       (a->method == MANIFEST_FILES || a->shard_size == b->shard_size);
}

/* Whether @resource has a hash in the old signature; it is copied. */
static bool
take_over(const struct reuse *u, struct resource *resource)
{
	const struct sign_file *file = sign_walk_find(&u->r->walk, resource->path);
	const struct resource *const *old;

	if (!file || !is_older(&file->mtime, &u->written) || !is_older(&file->ctime, &u->written))
		return false;
	old = bsearch(resource, u->sorted, u->old.n, sizeof(*u->sorted), compare_with);
	if (!old || (u->old.method == MANIFEST_SHARDS && (*old)->end != resource->end))
		return false;
	memcpy(resource->digest, (*old)->digest, DIGEST_MAX);
	return true;
}

/* A file counts as reused when nothing of it is hashed. */
static void
count_files(struct sign_run *r)
{
	size_t n_hashed = 0;
	bool *hashed = calloc(r->walk.n, sizeof(*hashed));

	/* only a number in the statistics */
	if (!hashed)
		return;
	for (size_t i = 0; i < r->manifest.n; i++)
		if (!r->reused[i])
			hashed[sign_walk_find(&r->walk, r->manifest.resources[i].path) - r->walk.files] = true;
	for (size_t i = 0; i < r->walk.n; i++)
		n_hashed += hashed[i];
	r->n_reused = r->walk.n - n_hashed;
	free(hashed);
}

coffer_err
sign_reuse(struct fault *f, struct sign_run *r)
{
	struct reuse u = {.r = r};
	coffer_err err;

	manifest_init(&u.old);
	TRY(read_old(f, &u));
	if (!is_same_manner(&u.old, &r->manifest)) {
		ctx_notice(r->ctx, "%s has other hashes or shards; all is hashed anew", r->opt.reuse);
		goto out;
	}
	r->reused = calloc(r->manifest.n, sizeof(*r->reused));
	if (!r->reused)
		TRY(fault_nomem(f));
	for (size_t i = 0; i < r->manifest.n; i++)
		r->reused[i] = take_over(&u, &r->manifest.resources[i]);
	count_files(r);
	ctx_notice(r->ctx, "%llu of %zu files are not hashed again", (unsigned long long)r->n_reused, r->walk.n);
out:
	manifest_free(&u.old);
	free(u.sorted);
	return err;
}
