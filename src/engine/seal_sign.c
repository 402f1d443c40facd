/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/seal_sign.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/tree.h"
#include "engine/oms.h"
#include "engine/seal_run.h"
#include "engine/sign_run.h"
#include "engine/staging.h"

/* ---- options ---- */

static coffer_err
take_ignored(struct fault *f, struct seal_run *r)
{
	struct seal_sign *s = &r->sign;
	struct sign_model m = SIGN_MODEL_INIT;
	coffer_err err;

	TRY(sign_model_open(f, r->in, &m));
	if (!m.folder)
		goto out;
	TRY(ignore_add(f, &s->ignore, INNER_NAME));
	if (!s->opt.sign_git)
		TRY(ignore_add_git(f, &s->ignore));
	TRY(sign_model_ignore(f, r->ctx, &m, s->opt.ignore_paths, s->opt.n_ignore_paths, &s->ignore));
out:
	sign_model_close(&m);
	return err;
}

coffer_err
seal_sign_begin(struct fault *f, struct seal_run *r)
{
	struct seal_sign *s = &r->sign;
	coffer_err err;

	s->inner = SIZE_MAX;
	s->opt = (struct coffer_sign_options){.version_1 = 1};
	if (!r->opt.signer && r->opt.sign)
		return fault_set(f, COFFER_E_USAGE, "it was said how to sign, but not by whom");
	if (!r->opt.signer)
		return COFFER_OK;
	s->on = true;
	if (r->opt.sign)
		s->opt = *r->opt.sign;
	if (s->opt.reuse)
		return fault_set(
			f, COFFER_E_USAGE,
			"a sealing hashes all that it seals; there is nothing to take from an older signature");
	TRY(sign_check_options(f, &s->opt));
	TRY(take_ignored(f, r));
out:
	return err;
}

void
seal_sign_end(struct seal_run *r)
{
	struct seal_sign *s = &r->sign;

	ignore_free(&s->ignore);
	for (size_t i = 0; i < s->n; i++)
		free(s->digests[i]);
	free(s->digests);
	*s = (struct seal_sign){.on = false};
}

/* ---- the list of files ---- */

static void
remove_file(struct walk *w, size_t i)
{
	w->bytes -= w->files[i].size;
	free(w->files[i].path);
	w->n--;
	memmove(w->files + i, w->files + i + 1, (w->n - i) * sizeof(*w->files));
}

static coffer_err
insert_file(struct fault *f, struct walk *w, const char *path)
{
	struct walk_file *files = reallocarray(w->files, w->n + 1, sizeof(*files));
	size_t at = 0;

	if (!files)
		return fault_nomem(f);
	w->files = files;
	while (at < w->n && strcmp(files[at].path, path) < 0)
		at++;
	memmove(files + at + 1, files + at, (w->n - at) * sizeof(*files));
	w->n++;
	files[at] = (struct walk_file){.path = strdup(path)};
	return files[at].path ? COFFER_OK : fault_nomem(f);
}

/* A name that is the inner signature's where letters are folded [F-24]. */
static bool
is_in_the_way(const char *path)
{
	size_t len = strlen(INNER_NAME);

	return strncasecmp(path, INNER_NAME, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static coffer_err
check_old_one(struct fault *f, struct seal_run *r)
{
	if (!r->opt.force)
		return fault_set(f, COFFER_E_EXISTS,
				 "%s/%s is there already, and the new signature will have that name; --force leaves "
				 "the old one out",
				 r->in, INNER_NAME);
	ctx_notice(r->ctx, "%s/%s is left out; the new signature takes its place", r->in, INNER_NAME);
	r->sign.replaces = true;
	return COFFER_OK;
}

coffer_err
seal_sign_plan(struct fault *f, struct seal_run *r)
{
	/* in place an older one is in the way though it was not to be sealed: no plain file may stand beside its sealed one */
	bool old = r->opt.in_place && model_has_entry(r->in_fd, INNER_NAME);
	coffer_err err = COFFER_OK;

	if (!r->sign.on)
		return COFFER_OK;
	for (size_t i = r->walk.n; i-- > 0;) {
		const char *path = r->walk.files[i].path;

		if (!is_in_the_way(path))
			continue;
		if (strcmp(path, INNER_NAME) != 0)
			TRY(fault_set(f, COFFER_E_USAGE,
				      "%s/%s stands where the signature %s will be; rename it, or leave it out", r->in,
				      path, INNER_NAME));
		old = true;
		remove_file(&r->walk, i);
	}
	if (old)
		TRY(check_old_one(f, r));
	if (r->walk.n == 0 && !r->resuming)
		TRY(fault_set(f, COFFER_E_USAGE, "%s holds nothing to seal but a signature", r->in));
	if (r->opt.in_place && !r->resuming && !r->opt.force && model_has_entry(r->in_fd, OUTER_NAME))
		TRY(fault_set(f, COFFER_E_EXISTS, "%s/%s exists; --force replaces it", r->in, OUTER_NAME));
	TRY(insert_file(f, &r->walk, INNER_NAME));
out:
	return err;
}

coffer_err
seal_sign_ready(struct fault *f, struct seal_run *r)
{
	struct seal_sign *s = &r->sign;

	if (!s->on)
		return COFFER_OK;
	s->digests = calloc(r->walk.n, sizeof(*s->digests));
	if (!s->digests)
		return fault_nomem(f);
	s->n = r->walk.n;
	for (size_t i = 0; r->in_fd >= 0 && i < r->walk.n; i++)
		if (strcmp(r->walk.files[i].path, INNER_NAME) == 0)
			s->inner = i;
	if (s->inner != SIZE_MAX)
		r->kb.files[s->inner].size = SEAL_SIZE_UNKNOWN;
	return COFFER_OK;
}

/* ---- hashes ---- */

bool
seal_sign_wants(const struct seal_run *r, size_t index)
{
	return r->sign.on && index != r->sign.inner;
}

coffer_err
seal_sign_hash(struct fault *f, const struct seal_run *r, size_t index, struct stream_hash *h)
{
	const struct coffer_sign_options *o = &r->sign.opt;

	return stream_hash_begin(f, h, r->ctx, sign_digest_kind(o->hash),
				 o->serialization == COFFER_SERIALIZE_SHARDS ? o->shard_size : 0,
				 r->walk.files[index].size);
}

coffer_err
seal_sign_hashed(struct fault *f, struct seal_run *r, size_t index, struct stream_hash *h)
{
	coffer_err err = stream_hash_end(f, h);

	if (err != COFFER_OK)
		return err;
	free(r->sign.digests[index]);
	r->sign.digests[index] = h->digests;
	h->digests = NULL;
	return COFFER_OK;
}

/* ---- the inner signature ---- */

/* In place, what is not sealed stays beside the sealed files, and later beside the plain ones. */
static coffer_err
add_beside(void *arg, struct fault *f, const struct tree_entry *e)
{
	struct seal_run *r = arg;
	size_t len = strlen(e->path);

	if (len >= sizeof(SUFFIX) && strcmp(e->path + len - (sizeof(SUFFIX) - 1), SUFFIX) == 0)
		return COFFER_OK;
	if (staging_is_mark(e->path))
		return COFFER_OK;
	return ignore_covers(&r->sign.ignore, e->path) ? COFFER_OK : ignore_add_beside(f, &r->sign.ignore, e->path);
}

static coffer_err
add_file(struct fault *f, const struct seal_run *r, size_t index, struct manifest *m)
{
	const struct walk_file *file = &r->walk.files[index];
	const uint8_t *digest = r->sign.digests[index];
	coffer_err err = COFFER_OK;

	if (!digest)
		return fault_set(f, COFFER_E_INTERNAL, "%s was sealed without being hashed", file->path);
	if (m->method == MANIFEST_FILES)
		return manifest_add(f, m, file->path, 0, 0, digest);
	for (uint64_t start = 0; start < file->size; digest += digest_len(m->hash)) {
		uint64_t end = start + num_min(m->shard_size, file->size - start);

		TRY(manifest_add(f, m, file->path, start, end, digest));
		start = end;
	}
out:
	return err;
}

static coffer_err
fill_manifest(struct fault *f, struct seal_run *r, struct manifest *m)
{
	const struct seal_sign *s = &r->sign;
	coffer_err err;

	m->subject = strdup(r->kb.name);
	if (!m->subject)
		return fault_nomem(f);
	m->method = s->opt.serialization == COFFER_SERIALIZE_SHARDS ? MANIFEST_SHARDS : MANIFEST_FILES;
	m->hash = sign_digest_kind(s->opt.hash);
	m->shard_size = s->opt.shard_size;
	for (size_t i = 0; i < s->ignore.n; i++)
		TRY(manifest_ignore(f, m, s->ignore.paths[i]));
	for (size_t i = 0; i < r->walk.n; i++)
		if (i != s->inner && !ignore_covers(&s->ignore, r->walk.files[i].path))
			TRY(add_file(f, r, i, m));
	if (m->n == 0)
		TRY(fault_set(f, COFFER_E_USAGE, "%s holds nothing to sign", r->in));
	manifest_sort(m);
out:
	return err;
}

coffer_err
seal_sign_inner(struct fault *f, struct seal_run *r, struct buf *json)
{
	const struct tree_visitor visitor = {.entry = add_beside, .arg = r};
	struct manifest m;
	coffer_err err;

	manifest_init(&m);
	if (r->opt.in_place && r->in_fd >= 0)
		TRY(tree_walk(f, r->in_fd, r->in, &visitor));
	TRY(fill_manifest(f, r, &m));
	TRY(oms_sign(f, r->opt.signer, &m, json));
out:
	manifest_free(&m);
	return err;
}

static coffer_err
read_bytes(void *user, uint64_t off, void *buf, size_t len)
{
	const struct buf *b = user;

	memcpy(buf, b->p + off, len);
	return COFFER_OK;
}

struct coffer_source
seal_sign_source(const struct buf *b)
{
	return (struct coffer_source){.size = b->len, .user = (void *)(uintptr_t)b, .read_at = read_bytes};
}

/* ---- the outer signature ---- */

coffer_err
seal_sign_outer(struct fault *f, struct seal_run *r, const char *sealed, const char *signature,
		const struct staging *staging)
{
	const struct coffer_sign_options options = {
		.version_1 = 1,
		.serialization = r->sign.opt.serialization,
		.hash = r->sign.opt.hash,
		.shard_size = r->sign.opt.shard_size,
		.force = true,
	};
	struct buf json = BUF_INIT(LIMIT_BUNDLE);
	struct sign_run o;
	coffer_err err;

	TRY(sign_run_begin(f, &o, r->ctx, sealed, &options));
	o.sealing = true;
	if (staging && staging->active)
		TRY(staging_list_others(f, staging, &o.ignore));
	TRY(sign_run_place(f, &o, signature));
	TRY(sign_run_manifest(f, &o));
	TRY(oms_sign(f, r->opt.signer, &o.manifest, &json));
	TRY(file_write_new(f, signature, json.p, json.len, 0666, true));
out:
	sign_run_end(&o);
	buf_free(&json);
	return err;
}
