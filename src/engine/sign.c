/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing a model.
 *
 * A sealed folder is signed as its sealed files: its key block may change, and what else lies in it belongs to no
 * model (docs/format.md section 3).  Both are named among the ignored paths of the signature, so that any
 * reader of such signatures finds it whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/path.h"
#include "engine/model.h"
#include "engine/oms.h"
#include "engine/sign_hash.h"
#include "engine/sign_run.h"

/* ---- options, places ---- */

enum digest_kind
sign_digest_kind(enum coffer_file_hash hash)
{
	return hash == COFFER_HASH_BLAKE2B  ? DIGEST_BLAKE2B
	       : hash == COFFER_HASH_BLAKE3 ? DIGEST_BLAKE3
					    : DIGEST_SHA256;
}

coffer_err
sign_check_options(struct fault *f, struct coffer_sign_options *opt)
{
	if (opt->version_1 != 1 || !view_zero(view_of(opt->reserved, sizeof(opt->reserved))))
		return fault_set(f, COFFER_E_USAGE, "sign options of another version");
	if (opt->serialization > COFFER_SERIALIZE_SHARDS || opt->hash > COFFER_HASH_BLAKE3)
		return fault_set(f, COFFER_E_USAGE, "sign options with a serialization or hash that is not known");
	if (opt->reuse && !opt->reuse_trust)
		return fault_set(f, COFFER_E_USAGE,
				 "to reuse hashes of an older signature it must be said whose signatures are believed");
	if (opt->shard_size == 0)
		opt->shard_size = MANIFEST_SHARD_SIZE;
	return COFFER_OK;
}

static bool
is_sealed_folder(const struct sign_run *r)
{
	return r->model.folder && model_has_entry(r->model.fd, KEYBLOCK_NAME);
}

coffer_err
sign_run_begin(struct fault *f, struct sign_run *r, struct coffer_ctx *ctx, const char *model,
	       const struct coffer_sign_options *options)
{
	coffer_err err;

	*r = (struct sign_run){.ctx = ctx, .opt = {.version_1 = 1}, .model = SIGN_MODEL_INIT};
	manifest_init(&r->manifest);
	if (options)
		r->opt = *options;
	TRY(sign_check_options(f, &r->opt));
	TRY(sign_model_open(f, model, &r->model));
	if (!r->model.folder)
		goto out;
	/* in a sealed one whatever is not its own is left out anyway */
	if (!r->opt.sign_git && !is_sealed_folder(r))
		TRY(ignore_add_git(f, &r->ignore));
	TRY(sign_model_ignore(f, ctx, &r->model, r->opt.ignore_paths, r->opt.n_ignore_paths, &r->ignore));
out:
	return err;
}

/* What stands where the signature will be: an older signature, or something that --force shall not cost the caller. */
static coffer_err
look_at_place(struct fault *f, struct sign_run *r, const char *path, bool within)
{
	struct buf json = BUF_INIT(LIMIT_BUNDLE);
	coffer_err err = COFFER_OK;
	bool is_signature = false;
	struct stat st;

	if (stat(path, &st) != 0)
		return COFFER_OK;
	if (!r->opt.force)
		return fault_set(f, COFFER_E_EXISTS, "%s exists; --force replaces it", path);
	if (S_ISREG(st.st_mode) && st.st_size <= (off_t)LIMIT_BUNDLE) {
		TRY(file_slurp(f, path, LIMIT_BUNDLE, &json, NULL));
		is_signature = oms_is_signature(buf_view(&json));
	}
	if (within && !is_signature)
		err = fault_set(f, COFFER_E_EXISTS,
				"%s is a file of the model and no signature; name another file for the signature",
				path);
out:
	buf_free(&json);
	return err;
}

coffer_err
sign_run_place(struct fault *f, struct sign_run *r, const char *path)
{
	struct newfile n = NEWFILE_INIT;
	char *relative = NULL;
	coffer_err err;

	TRY(sign_model_within(f, &r->model, path, &relative));
	if (relative && *relative == '\0')
		TRY(fault_set(f, COFFER_E_USAGE, "%s is the model itself; name another file for the signature", path));
	TRY(look_at_place(f, r, path, relative != NULL));
	if (relative && r->model.folder)
		TRY(ignore_add(f, &r->ignore, relative));
	/* a folder that cannot be written to is better found now than after hours of hashing */
	err = newfile_open(f, &n, path, 0666, r->opt.force);
	newfile_abort(&n);
out:
	free(relative);
	return err;
}

void
sign_run_end(struct sign_run *r)
{
	sign_model_close(&r->model);
	ignore_free(&r->ignore);
	sign_walk_free(&r->walk);
	manifest_free(&r->manifest);
	free(r->reused);
}

/* ---- the files ---- */

static bool
is_sealed_name(const char *path)
{
	size_t len = strlen(path);

	return len >= sizeof(SUFFIX) && strcmp(path + len - (sizeof(SUFFIX) - 1), SUFFIX) == 0;
}

static bool
is_listed(const struct keyblock *k, const char *sealed_path)
{
	char *path =
		is_sealed_name(sealed_path) ? strndup(sealed_path, strlen(sealed_path) - (sizeof(SUFFIX) - 1)) : NULL;
	bool listed = path && keyblock_find(k, path) != SIZE_MAX;

	free(path);
	return listed;
}

static coffer_err
check_beside(struct fault *f, const struct sign_run *r, const struct keyblock *k, const char *path)
{
	if (keyblock_find(k, path) != SIZE_MAX)
		return fault_set(f, COFFER_E_PLAIN, "%s/%s is a plain file where only a sealed one belongs",
				 r->model.shown, path);
	if (is_sealed_name(path) && !path_is_hidden(path))
		return fault_set(f, COFFER_E_FILESET, "%s/%s is not a file of this sealed model", r->model.shown, path);
	return COFFER_OK;
}

/* A hidden folder with something of the model in it cannot be left out as a whole. */
static coffer_err
check_not_hidden(struct fault *f, const struct sign_run *r, const struct sign_walk *kept)
{
	for (size_t i = 0; i < kept->n; i++)
		if (ignore_covers(&r->ignore, kept->files[i].path))
			return fault_set(f, COFFER_E_USAGE,
					 "%s/%s lies among files that are none of the sealed model; move those away",
					 r->model.shown, kept->files[i].path);
	return COFFER_OK;
}

/* Keep of @r->walk what the key block lists. */
static coffer_err
keep_sealed(struct fault *f, struct sign_run *r, const struct keyblock *k)
{
	struct sign_walk kept = {0}, *w = &r->walk;
	coffer_err err = COFFER_OK;

	kept.files = calloc(w->n + 1, sizeof(*kept.files));
	if (!kept.files)
		return fault_nomem(f);
	kept.cap = w->n + 1;
	for (size_t i = 0; i < w->n; i++) {
		if (is_listed(k, w->files[i].path)) {
			kept.files[kept.n++] = w->files[i];
			kept.bytes += w->files[i].size;
			w->files[i].path = NULL; /* it went along */
			continue;
		}
		if (r->sealing && strcmp(w->files[i].path, PARTIAL_NAME) == 0) {
			free(w->files[i].path);
			w->files[i].path = NULL;
			continue;
		}
		TRY(check_beside(f, r, k, w->files[i].path));
		TRY(ignore_add_beside(f, &r->ignore, w->files[i].path));
	}
	if (kept.n != k->n_files)
		TRY(fault_set(f, COFFER_E_FILESET, "%s has %zu of its %zu sealed files; a sealed model is signed whole",
			      r->model.shown, kept.n, k->n_files));
	TRY(check_not_hidden(f, r, &kept));
out:
	sign_walk_free(w);
	*w = kept;
	return err;
}

static coffer_err
list_sealed(struct fault *f, struct sign_run *r, const struct sign_walk_options *options)
{
	struct keyblock k = KEYBLOCK_INIT;
	coffer_err err;

	TRY(model_read_keyblock(f, r->model.fd, r->model.shown, KEYBLOCK_NAME, &k));
	TRY(ignore_add(f, &r->ignore, KEYBLOCK_NAME));
	TRY(ignore_add(f, &r->ignore, OUTER_NAME));
	TRY(sign_model_list(f, &r->model, options, &r->walk));
	TRY(keep_sealed(f, r, &k));
out:
	keyblock_free(&k);
	return err;
}

static coffer_err
list_files(struct fault *f, struct sign_run *r)
{
	const struct sign_walk_options options = {
		.ignore = &r->ignore,
		.allow_symlinks = r->opt.allow_symlinks,
	};
	coffer_err err;

	if (r->model.folder && !r->sealing &&
	    (model_has_entry(r->model.fd, PARTIAL_NAME) || model_has_entry(r->model.fd, OPENING_NAME)))
		return fault_set(f, COFFER_E_FILESET,
				 "%s: its sealing or opening was interrupted; give that command again first",
				 r->model.shown);
	if (is_sealed_folder(r))
		TRY(list_sealed(f, r, &options));
	else
		TRY(sign_model_list(f, &r->model, &options, &r->walk));
	if (r->walk.n == 0)
		TRY(fault_set(f, COFFER_E_USAGE, "%s holds nothing to sign: no file is left in it", r->model.shown));
out:
	return err;
}

/* Somebody may have been at work while the files were hashed. */
static coffer_err
look_again(struct fault *f, struct sign_run *r)
{
	struct sign_walk before = r->walk;
	const char *path;
	coffer_err err;

	r->walk = (struct sign_walk){0};
	TRY(list_files(f, r));
	path = sign_walk_difference(&before, &r->walk);
	if (path)
		TRY(fault_set(
			f, COFFER_E_CHANGED,
			"%s/%s came, went or changed while the model was signed; sign it when nobody writes to it",
			r->model.at, path));
out:
	sign_walk_free(&before);
	return err;
}

/* ---- the manifest ---- */

static const uint8_t no_digest[DIGEST_MAX];

static coffer_err
add_shards(struct fault *f, struct sign_run *r, const struct sign_file *file)
{
	coffer_err err = COFFER_OK;

	for (uint64_t start = 0; start < file->size;) {
		uint64_t len = num_min(r->opt.shard_size, file->size - start);

		if (r->manifest.n == LIMIT_SHARDS)
			TRY(fault_set(f, COFFER_E_USAGE,
				      "more than %u shards; no signature lists so many: take larger ones",
				      LIMIT_SHARDS));
		TRY(manifest_add(f, &r->manifest, file->path, start, start + len, no_digest));
		start += len;
	}
out:
	return err;
}

static coffer_err
plan_manifest(struct fault *f, struct sign_run *r)
{
	struct manifest *m = &r->manifest;
	coffer_err err;

	m->subject = strdup(r->model.name);
	if (!m->subject)
		return fault_nomem(f);
	m->method = r->opt.serialization == COFFER_SERIALIZE_SHARDS ? MANIFEST_SHARDS : MANIFEST_FILES;
	m->hash = sign_digest_kind(r->opt.hash);
	m->shard_size = r->opt.shard_size;
	m->allow_symlinks = r->opt.allow_symlinks;
	for (size_t i = 0; i < r->ignore.n; i++)
		TRY(manifest_ignore(f, m, r->ignore.paths[i]));
	for (size_t i = 0; i < r->walk.n; i++) {
		const struct sign_file *file = &r->walk.files[i];

		if (m->method == MANIFEST_SHARDS)
			TRY(add_shards(f, r, file));
		else
			TRY(manifest_add(f, m, file->path, 0, 0, no_digest));
	}
	if (m->n == 0)
		TRY(fault_set(f, COFFER_E_USAGE,
			      "%s has empty files alone, of which there are no shards; sign whole files",
			      r->model.shown));
	manifest_sort(m);
out:
	return err;
}

/* What JSON and base64 make of it must fit a signature file. */
static coffer_err
check_size(struct fault *f, const struct sign_run *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->manifest.n; i++)
		sum += strlen(r->manifest.resources[i].path) + 2 * digest_len(r->manifest.hash) + 80;
	if (sum > OMS_STATEMENT_MAX)
		return fault_set(f, COFFER_E_USAGE,
				 "a signature of %s would be larger than %u MiB; take larger shards, or pack its files",
				 r->model.shown, LIMIT_BUNDLE >> 20);
	return COFFER_OK;
}

static coffer_err
take_digest(void *arg, struct fault *f, size_t index, const uint8_t *digest)
{
	struct sign_run *r = arg;
	struct resource *resource = &r->manifest.resources[index];

	if (!digest)
		return fault_prefix(f, "%s/%s", r->model.at, r->model.folder ? resource->path : r->model.name);
	memcpy(resource->digest, digest, digest_len(r->manifest.hash));
	return COFFER_OK;
}

static coffer_err
hash_manifest(struct fault *f, struct sign_run *r)
{
	struct sign_hash s = {
		.model = &r->model,
		.walk = &r->walk,
		.manifest = &r->manifest,
		.allow_symlinks = r->opt.allow_symlinks,
		.done = take_digest,
		.arg = r,
	};
	size_t *which = calloc(r->manifest.n, sizeof(*which));
	coffer_err err;

	if (!which)
		return fault_nomem(f);
	for (size_t i = 0; i < r->manifest.n; i++)
		if (!r->reused || !r->reused[i])
			which[s.n_which++] = i;
	s.which = which;
	err = sign_hash_run(f, r->ctx, &s);
	free(which);
	return err;
}

coffer_err
sign_run_manifest(struct fault *f, struct sign_run *r)
{
	coffer_err err;

	TRY(list_files(f, r));
	TRY(plan_manifest(f, r));
	TRY(check_size(f, r));
	if (r->opt.reuse)
		TRY(sign_reuse(f, r));
	TRY(hash_manifest(f, r));
	TRY(look_again(f, r));
out:
	return err;
}

/* ---- the verbs ---- */

static coffer_err
fill_stats(struct fault *f, const struct sign_run *r, struct coffer_sign_stats *out)
{
	uint8_t root[32];
	coffer_err err = manifest_root(f, &r->manifest, root);

	if (err)
		return err;
	*out = (struct coffer_sign_stats){
		.n_files = r->walk.n,
		.bytes = r->walk.bytes,
		.n_reused = r->n_reused,
	};
	enc_hex(root, sizeof(root), out->root);
	return COFFER_OK;
}

coffer_err
coffer_sign(struct coffer_ctx *ctx, const char *model, const char *signature, const struct coffer_signer *signer,
	    const struct coffer_sign_options *options, struct coffer_sign_stats *stats_out)
{
	struct fault *f = ctx_begin(ctx);
	struct coffer_sign_stats stats = {0};
	struct buf json = BUF_INIT(LIMIT_BUNDLE);
	struct sign_run r;
	uint64_t start = now_ns();
	coffer_err err;

	TRY(sign_run_begin(f, &r, ctx, model, options));
	TRY(sign_run_place(f, &r, signature));
	TRY(sign_run_manifest(f, &r));
	TRY(fill_stats(f, &r, &stats));
	sign_walk_free(&r.walk); /* of many files it is large, and so is what comes */
	TRY(oms_sign(f, signer, &r.manifest, &json));
	TRY(ctx_check_cancelled(f, ctx));
	TRY(file_write_new(f, signature, json.p, json.len, 0666, r.opt.force));
	stats.seconds = (double)(now_ns() - start) / 1e9;
	if (stats_out)
		*stats_out = stats;
out:
	sign_run_end(&r);
	buf_free(&json);
	return err;
}

coffer_err
coffer_sign_digest(struct coffer_ctx *ctx, const char *model, const struct coffer_sign_options *options,
		   struct coffer_sign_stats *stats_out)
{
	struct fault *f = ctx_begin(ctx);
	struct sign_run r;
	uint64_t start = now_ns();
	coffer_err err;

	*stats_out = (struct coffer_sign_stats){0};
	TRY(sign_run_begin(f, &r, ctx, model, options));
	TRY(sign_run_manifest(f, &r));
	TRY(fill_stats(f, &r, stats_out));
	stats_out->seconds = (double)(now_ns() - start) / 1e9;
out:
	sign_run_end(&r);
	return err;
}
