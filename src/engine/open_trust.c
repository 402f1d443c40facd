/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/open_trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/num.h"
#include "base/path.h"
#include "engine/oms.h"
#include "engine/verify.h"
#include "sign/trust_store.h"

coffer_err
engine_trust_for_model(struct fault *f, struct coffer_ctx *ctx, const char *name, struct coffer_trust **out)
{
	coffer_err err = coffer_trust_find(ctx, name, out);

	if (err == COFFER_E_NOTFOUND) {
		fault_clear(&ctx->fault);
		return COFFER_OK;
	}
	if (err != COFFER_OK && f != &ctx->fault)
		*f = ctx->fault;
	return err;
}

static coffer_err
count(void *arg, struct fault *f, const struct stored *s)
{
	(void)f;
	(void)s;
	++*(size_t *)arg;
	return COFFER_OK;
}

/* The name is of whoever sealed it: one that is not bound is what he would take who has nobody's signature. */
static coffer_err
notice_unbound(struct fault *f, const struct coffer_ctx *ctx, const struct coffer_model *m)
{
	static const struct trust_dirs everywhere = {NULL, NULL};
	size_t n = 0;
	coffer_err err;

	TRY(trust_store_each(f, &everywhere, count, &n));
	if (n > 0)
		ctx_notice(ctx,
			   "%s calls itself %s, which the trust store binds to nobody: no signature is asked for (a "
			   "binding of * asks always)",
			   m->shown, m->keys.name);
out:
	return err;
}

/* What is expected at @path: its last part, as it is called when it is open. */
static coffer_err
expected_name(struct fault *f, const char *path, char **out)
{
	char *real = realpath(path, NULL);
	const char *base = path_base(real ? real : path);
	size_t len = strlen(base), suffix = sizeof(SUFFIX) - 1;

	if (len > suffix && strcmp(base + len - suffix, SUFFIX) == 0)
		len -= suffix;
	*out = strndup(base, len);
	free(real);
	return *out ? COFFER_OK : fault_nomem(f);
}

/* Whoever is bound to one name could offer his model where that of another is expected. */
static coffer_err
check_expected(struct fault *f, const struct coffer_model *m)
{
	static const struct trust_dirs everywhere = {NULL, NULL};
	struct stored s = {.path = NULL};
	char *expected = NULL;
	coffer_err err;

	TRY(expected_name(f, m->shown, &expected));
	if (strcmp(expected, m->keys.name) == 0)
		goto out;
	err = trust_store_find(f, &everywhere, expected, &s);
	if (err == COFFER_E_NOTFOUND) {
		fault_clear(f);
		err = COFFER_OK;
		goto out;
	}
	TRY(err);
	if (strcmp(s.binding.model, BINDING_ANY) != 0)
		err = fault_set(f, COFFER_E_POLICY,
				"the trust store says whose %s must be, and the model at %s calls itself %s; --name %s "
				"takes it for that one, --no-trust-store for anybody's",
				expected, m->shown, m->keys.name, m->keys.name);
out:
	stored_free(&s);
	free(expected);
	return err;
}

coffer_err
open_trust_find(struct fault *f, struct open_trust *t, struct coffer_ctx *ctx,
		const struct coffer_open_options *options, const struct coffer_model *m)
{
	coffer_err err = COFFER_OK;

	t->ctx = ctx;
	manifest_init(&t->inner);
	if (options->name && strcmp(options->name, m->keys.name) != 0)
		return fault_set(f, COFFER_E_POLICY, "%s calls itself %s, and %s was asked for; it is another model",
				 m->shown, m->keys.name, options->name);
	t->trust = options->trust;
	if (t->trust || options->ignore_trust_store)
		return COFFER_OK;
	if (!options->name && !m->source)
		TRY(check_expected(f, m));
	TRY(engine_trust_for_model(f, ctx, m->keys.name, &t->found));
	t->trust = t->found;
	if (!t->trust)
		TRY(notice_unbound(f, ctx, m));
out:
	return err;
}

void
open_trust_end(struct open_trust *t)
{
	coffer_trust_free(&t->found);
	manifest_free(&t->inner);
	sign_walk_free(&t->outer);
	ignore_free(&t->ignore);
	free(t->sorted);
	*t = (struct open_trust)OPEN_TRUST_INIT;
}

/* ---- over the sealed files ---- */

static bool
lists(const struct manifest *m, const char *path)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->resources[i].path, path) == 0)
			return true;
	return false;
}

static int
compare_paths(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* What the signature leaves out would be opened without anybody's word for it. */
static coffer_err
check_all_listed(struct fault *f, const struct coffer_model *m, const struct manifest *manifest)
{
	const char **paths = calloc(manifest->n + 1, sizeof(*paths));
	char *sealed = NULL;
	coffer_err err = COFFER_OK;

	if (!paths)
		return fault_nomem(f);
	for (size_t i = 0; i < manifest->n; i++)
		paths[i] = manifest->resources[i].path;
	qsort(paths, manifest->n, sizeof(*paths), compare_paths);
	for (size_t i = 0; i < m->keys.n_files; i++) {
		const char *key;

		free(sealed);
		if (asprintf(&sealed, "%s%s", m->keys.files[i].path, SUFFIX) < 0) {
			sealed = NULL;
			TRY(fault_nomem(f));
		}
		key = sealed;
		if (!bsearch(&key, paths, manifest->n, sizeof(*paths), compare_paths))
			TRY(fault_set(f, COFFER_E_FILESET, "the signature of %s does not cover %s", m->shown, sealed));
	}
out:
	free(sealed);
	free(paths);
	return err;
}

coffer_err
open_trust_outer(struct fault *f, struct open_trust *t, const struct coffer_model *m,
		 const struct coffer_open_options *options)
{
	const char *signature = options->signature;
	struct coffer_verdict *verdict = NULL;
	struct manifest manifest;
	char *own = NULL;
	coffer_err err;

	manifest_init(&manifest);
	if (m->source)
		TRY(fault_set(
			f, COFFER_E_POLICY,
			"%s must be of a publisher who is believed, and what comes from a source has no signature "
			"that could be verified; open it by its path",
			m->keys.name));
	if (!signature)
		TRY(model_outer_path(f, m->shown, m->directory, &own));
	err = verify_model(f, t->ctx, m->shown, signature ? signature : own, t->trust, options->verify, &manifest,
			   &t->outer, &verdict);
	if (err == COFFER_E_NOTFOUND && !signature)
		err = fault_set(f, COFFER_E_POLICY,
				"%s has no signature %s, and only a model of a publisher who is believed is opened; "
				"name the signature, or have the publisher sign the sealed model",
				m->shown, own);
	TRY(err);
	if (m->directory)
		TRY(check_all_listed(f, m, &manifest));
	ctx_notice(t->ctx, "%s is signed by %s", m->shown, verdict->signer);
out:
	coffer_verdict_free(&verdict);
	manifest_free(&manifest);
	free(own);
	return err;
}

/* What was verified in the place of file @index, which @fd must still be. */
static coffer_err
check_verified(struct fault *f, const struct open_trust *t, const struct coffer_model *m, size_t index, int fd,
	       const struct sign_file **file_out)
{
	const char *shown = m->directory ? m->keys.files[index].path : m->shown;
	char *sealed = NULL;

	*file_out = t->outer.files;
	if (m->directory) {
		if (asprintf(&sealed, "%s%s", shown, SUFFIX) < 0)
			return fault_nomem(f);
		*file_out = sign_walk_find(&t->outer, sealed);
		free(sealed);
	}
	/* whoever put it there after it was verified, or before, had it verified in the place of another */
	return *file_out ? sign_file_check(f, *file_out, fd, shown) : sign_file_changed(f, shown);
}

coffer_err
open_trust_unchanged(struct fault *f, const struct open_trust *t, const struct coffer_model *m, size_t index, int fd)
{
	const struct sign_file *file;

	return t->outer.n == 0 ? COFFER_OK : check_verified(f, t, m, index, fd, &file);
}

coffer_err
open_trust_follow(struct fault *f, const struct open_trust *t, const struct coffer_model *m, size_t index,
		  struct sealed *s)
{
	const struct sign_file *file;
	coffer_err err = COFFER_OK;

	if (t->outer.n == 0)
		return COFFER_OK;
	TRY(check_verified(f, t, m, index, s->in.fd, &file));
	s->verified = *file;
	s->is_verified = true;
out:
	return err;
}

/* ---- over the plain files ---- */

/* The first resource of @path, of which there are *@n_out; NULL when it is not listed. */
static const struct resource *const *
find(const struct open_trust *t, const char *path, size_t *n_out)
{
	size_t low = 0, high = t->inner.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(t->sorted[mid]->path, path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*n_out = 0;
	while (low + *n_out < t->inner.n && strcmp(t->sorted[low + *n_out]->path, path) == 0)
		++*n_out;
	return *n_out > 0 ? &t->sorted[low] : NULL;
}

/* A signature of one file may call it «.». */
static const char *
listed_name(const struct open_trust *t, const char *path)
{
	return t->inner.n > 0 && strcmp(t->sorted[0]->path, ".") == 0 ? "." : path;
}

static coffer_err
check_file(struct fault *f, const struct open_trust *t, const struct keyblock_file *file, const char *what)
{
	size_t n;

	if (find(t, listed_name(t, file->path), &n))
		return COFFER_OK;
	/* what the publisher left out of the plain ones is in his signature of the sealed ones, if that was verified */
	if (t->outer.n > 0 && ignore_covers(&t->ignore, file->path))
		return COFFER_OK;
	/* shards do not list empty files */
	if (t->inner.method == MANIFEST_SHARDS && file->size == 0)
		return COFFER_OK;
	return fault_set(f, COFFER_E_FILESET, "%s does not list %s, which the model has", what, file->path);
}

static coffer_err
check_set(struct fault *f, const struct open_trust *t, const struct coffer_model *m, const char *what)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < m->keys.n_files; i++)
		if (!m->directory || strcmp(m->keys.files[i].path, INNER_NAME) != 0)
			TRY(check_file(f, t, &m->keys.files[i], what));
	if (!m->directory && lists(&t->inner, "."))
		goto out;
	for (size_t i = 0; i < t->inner.n; i++)
		if (keyblock_find(&m->keys, t->sorted[i]->path) == SIZE_MAX)
			TRY(fault_set(f, COFFER_E_FILESET, "%s lists %s, which the model does not have", what,
				      t->sorted[i]->path));
out:
	return err;
}

coffer_err
open_trust_inner(struct fault *f, struct open_trust *t, const struct coffer_model *m, const char *what,
		 struct view json)
{
	struct signed_by who = {0};
	coffer_err err;

	TRY(oms_verify(f, t->trust, what, json, &t->inner, &who));
	TRY(manifest_by_path(f, &t->inner, &t->sorted));
	for (size_t i = 0; i < t->inner.n_ignore_paths; i++)
		TRY(ignore_add(f, &t->ignore, t->inner.ignore_paths[i]));
	TRY(check_set(f, t, m, what));
	t->has_inner = true;
out:
	signed_by_free(&who);
	return err;
}

coffer_err
open_trust_hash(struct fault *f, const struct open_trust *t, const char *path, uint64_t size, struct stream_hash *room,
		struct stream_hash **hash_out)
{
	size_t n;
	coffer_err err;

	*hash_out = NULL;
	if (!t->has_inner || !find(t, listed_name(t, path), &n))
		return COFFER_OK;
	TRY(stream_hash_begin(f, room, t->ctx, t->inner.hash,
			      t->inner.method == MANIFEST_SHARDS ? t->inner.shard_size : 0, size));
	*hash_out = room;
out:
	return err;
}

static bool
is_listed_shard(const struct open_trust *t, const struct resource *r, const struct stream_hash *hash, size_t i)
{
	uint64_t start = i * t->inner.shard_size;

	return t->inner.method == MANIFEST_FILES ||
	       (r->start == start && r->end == num_min(start + t->inner.shard_size, hash->size));
}

coffer_err
open_trust_compare(struct fault *f, const struct open_trust *t, const char *path, struct stream_hash *hash)
{
	const struct resource *const *listed;
	size_t n, len = digest_len(t->inner.hash);
	bool same;
	coffer_err err;

	if (!hash)
		return COFFER_OK;
	TRY(stream_hash_end(f, hash));
	listed = find(t, listed_name(t, path), &n);
	same = listed && n == hash->n;
	for (size_t i = 0; same && i < n; i++)
		same = is_listed_shard(t, listed[i], hash, i) &&
		       mem_equal(listed[i]->digest, hash->digests + i * len, len);
	if (!same)
		err = fault_set(f, COFFER_E_AUTH,
				"%s is authentic, but not the file that was signed: whoever sealed it changed it",
				path);
out:
	return err;
}

coffer_err
open_trust_plain(struct fault *f, const struct open_trust *t, int fd, const char *shown, const char *path)
{
	enum { PIECE = 1 << 20 };
	struct stream_hash room = {.ctx = NULL}, *hash = NULL;
	uint8_t *bytes = malloc(PIECE);
	struct stat st;
	coffer_err err = COFFER_OK;

	if (!bytes)
		TRY(fault_nomem(f));
	if (fstat(fd, &st) != 0)
		TRY(fault_errno(f, errno, "cannot read %s", shown));
	TRY(open_trust_hash(f, t, path, (uint64_t)st.st_size, &room, &hash));
	for (uint64_t off = 0, turn = 0; hash && off < hash->size; off += PIECE, turn++) {
		size_t len = (size_t)num_min(PIECE, hash->size - off);

		TRY(ctx_check_cancelled(f, t->ctx));
		TRY(file_read_at(f, fd, shown, bytes, len, off));
		TRY(stream_hash_take(f, hash, turn, bytes, len));
	}
	TRY(open_trust_compare(f, t, path, hash));
out:
	stream_hash_free(&room);
	free(bytes);
	return err;
}
