/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sign_hash.h"

#include <errno.h>
#include <unistd.h>

#include "engine/hashing.h"

static const struct resource *
resource_at(const struct sign_hash *s, size_t index)
{
	return &s->manifest->resources[s->which[index]];
}

/* A model of one file may be listed as «.», as model_signing writes it. */
static const char *
file_of(const struct sign_hash *s, size_t index)
{
	return s->model->folder ? resource_at(s, index)->path : s->model->name;
}

static const char *
path_of(void *arg, size_t index)
{
	return file_of(arg, index);
}

static uint64_t
size_of(void *arg, size_t index)
{
	const struct sign_hash *s = arg;
	const struct resource *r = resource_at(s, index);
	const struct sign_file *file;

	if (s->manifest->method == MANIFEST_SHARDS)
		return r->end - r->start;
	file = sign_walk_find(s->walk, file_of(s, index));
	return file ? file->size : 0;
}

static coffer_err
check_unchanged(struct fault *f, int fd, const struct sign_file *file)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fault_errno(f, errno, "cannot be read");
	if (!sign_file_is(file, &st))
		return fault_set(f, COFFER_E_CHANGED, "changed while it was read; try again when nobody writes to it");
	return COFFER_OK;
}

static coffer_err
open_resource(void *arg, struct fault *f, size_t index, struct hash_place *place)
{
	const struct sign_hash *s = arg;
	const struct resource *r = resource_at(s, index);
	const struct sign_file *file = sign_walk_find(s->walk, file_of(s, index));
	coffer_err err;

	if (!file)
		return fault_set(f, COFFER_E_INTERNAL, "was not listed");
	err = sign_model_open_file(f, s->model, file->path, s->allow_symlinks, &place->fd);
	/* it was there, and no link, when the model was listed */
	if (err == COFFER_E_NOTFOUND || err == COFFER_E_USAGE)
		return fault_set(f, COFFER_E_CHANGED, "was taken away or replaced meanwhile");
	if (err)
		return fault_set(f, err, "cannot be opened: %s", coffer_err_text(err));
	TRY(check_unchanged(f, place->fd, file));
	place->off = s->manifest->method == MANIFEST_SHARDS ? r->start : 0;
	place->end = s->manifest->method == MANIFEST_SHARDS ? r->end : file->size;
out:
	return err;
}

static coffer_err
end_resource(void *arg, struct fault *f, size_t index, const struct hash_place *place, const uint8_t *digest)
{
	const struct sign_hash *s = arg;
	const struct sign_file *file = sign_walk_find(s->walk, file_of(s, index));

	if (digest && check_unchanged(f, place->fd, file) != COFFER_OK)
		digest = NULL;
	return s->done(s->arg, f, s->which[index], digest);
}

coffer_err
sign_hash_run(struct fault *f, struct coffer_ctx *ctx, const struct sign_hash *s)
{
	struct sign_hash copy = *s;
	const struct hashing h = {
		.n = s->n_which,
		.kind = s->manifest->hash,
		.path = path_of,
		.size = size_of,
		.open = open_resource,
		.end = end_resource,
		.arg = &copy,
	};

	return hashing_run(f, ctx, &h);
}
