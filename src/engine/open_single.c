/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a model of one file, and the signature of the plain file, which is sealed beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "engine/oms.h"
#include "engine/open_run.h"

static coffer_err
plain_name(struct fault *f, const char *in, char **out)
{
	size_t len = strlen(in), suffix = sizeof(SUFFIX) - 1;

	if (len <= suffix || strcmp(in + len - suffix, SUFFIX) != 0 || in[len - suffix - 1] == '/')
		return fault_set(f, COFFER_E_USAGE, "in place a sealed file must be called NAME%s, to become NAME",
				 SUFFIX);
	*out = strndup(in, len - suffix);
	return *out ? COFFER_OK : fault_nomem(f);
}

static coffer_err
check_not_same(struct fault *f, const struct open_run *r, const char *out)
{
	struct stat a, b;

	if (fstat(r->model->fd, &a) == 0 && stat(out, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return fault_set(f, COFFER_E_USAGE, "%s is the input itself; name another output, or --in-place", out);
	return COFFER_OK;
}

/* Whether a plain file of the right size stands at @out: what an interrupted run in place may have made. */
static bool
may_be_done(const struct open_run *r, const char *out, uint64_t size)
{
	struct stat st;

	return r->opt.in_place && lstat(out, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

static coffer_err
check_same_bytes(struct fault *f, const struct newfile *n, const char *path, uint64_t size)
{
	enum { PIECE = 1 << 16 };
	uint8_t *a = malloc(2 * PIECE);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	coffer_err err = COFFER_OK;

	if (!a)
		TRY(fault_nomem(f));
	if (fd < 0)
		TRY(fault_errno(f, errno, "cannot open %s", path));
	for (uint64_t off = 0; off < size; off += PIECE) {
		size_t len = (size_t)num_min(PIECE, size - off);

		TRY(file_read_at(f, n->fd, n->shown, a, len, off));
		TRY(file_read_at(f, fd, path, a + PIECE, len, off));
		if (memcmp(a, a + PIECE, len) != 0)
			TRY(fault_set(f, COFFER_E_EXISTS, "%s exists and is not what is sealed; --force replaces it",
				      path));
	}
out:
	file_close(&fd);
	free(a);
	return err;
}

/* The plain file of an interrupted run in place is not believed: it is compared, and replaced by what was verified. */
static coffer_err
write_single(struct fault *f, struct open_run *r, struct sealed *s, const char *out)
{
	struct newfile n = NEWFILE_INIT;
	bool again = may_be_done(r, out, s->head.size);
	coffer_err err;

	TRY(newfile_open(f, &n, out, s->in.mode, r->opt.force || again));
	if (r->opt.dry_run)
		goto out;
	TRY(open_into(f, r, 0, s, &n, NULL));
	TRY(ctx_check_cancelled(f, r->ctx));
	if (again && !r->opt.force)
		TRY(check_same_bytes(f, &n, out, s->head.size));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	return err;
}

static coffer_err
remove_single(struct fault *f, const char *path)
{
	if (unlink(path) != 0)
		return fault_errno(f, errno, "opened, but cannot remove the sealed %s", path);
	return file_sync_parent(f, path);
}

/* ---- its signature ---- */

/* Whether @m is the signature of the file that @r opens: one is sealed under the file's name with «.sig» behind it. */
static bool
is_signature_of(const struct open_run *r, const struct coffer_model *m)
{
	const char *path = r->model->keys.files[0].path, *own = m->keys.files[0].path;
	size_t len = strlen(path);

	return !m->directory && strncmp(own, path, len) == 0 && strcmp(own + len, ".sig") == 0;
}

coffer_err
open_find_signature(struct fault *f, struct open_run *r, const struct coffer_keyring *keys)
{
	struct coffer_model *m = NULL;
	struct fault why;
	char *path = NULL;
	coffer_err err;

	TRY(model_inner_path(f, r->in, &path));
	if (access(path, F_OK) != 0)
		goto out;
	if (model_open(&why, r->ctx, path, keys, MODEL_READ, &m) != COFFER_OK) {
		ctx_notice(r->ctx, "the signature of the plain file stays sealed: %s", why.text);
		goto out;
	}
	if (!is_signature_of(r, m))
		goto out;
	TRY(open_read_sealed(f, m, 0, &r->signature));
	if (r->trust.trust && !r->opt.outer_alone)
		TRY(open_trust_inner(f, &r->trust, r->model, path, buf_view(&r->signature)));
out:
	model_free(&m);
	free(path);
	return err;
}

static bool
is_file_of(const char *path, const struct buf *bytes)
{
	struct buf there = BUF_INIT(LIMIT_BUNDLE);
	bool same = file_slurp(NULL, path, LIMIT_BUNDLE, &there, NULL) == COFFER_OK && there.len == bytes->len &&
		    memcmp(there.p, bytes->p, bytes->len) == 0;

	buf_free(&there);
	return same;
}

/* @path, or nothing to write: there is no signature, or an interrupted run in place has written it. */
static coffer_err
signature_path(struct fault *f, const struct open_run *r, const char *out, char **path)
{
	struct stat st;

	*path = NULL;
	if (r->signature.len == 0)
		return COFFER_OK;
	if (asprintf(path, "%s.sig", out) < 0) {
		*path = NULL;
		return fault_nomem(f);
	}
	if (lstat(*path, &st) != 0 || r->opt.force)
		return COFFER_OK;
	if (!is_file_of(*path, &r->signature))
		return fault_set(f, COFFER_E_EXISTS, "%s exists; --force replaces it", *path);
	free(*path);
	*path = NULL;
	return COFFER_OK;
}

/* In place: the signature over the sealed file, which is no more, and the sealed one of the plain file, which is plain now. */
static coffer_err
remove_signatures(struct fault *f, struct open_run *r)
{
	struct buf json = BUF_INIT(LIMIT_BUNDLE);
	char *inner = NULL, *outer = NULL;
	coffer_err err;

	TRY(model_inner_path(f, r->in, &inner));
	TRY(model_outer_path(f, r->in, false, &outer));
	if (file_slurp(NULL, outer, LIMIT_BUNDLE, &json, NULL) == COFFER_OK && oms_is_signature(buf_view(&json)))
		TRY(remove_single(f, outer));
	if (r->signature.len > 0)
		TRY(remove_single(f, inner));
out:
	buf_free(&json);
	free(inner);
	free(outer);
	return err;
}

/* ---- the file ---- */

coffer_err
open_single(struct fault *f, struct open_run *r)
{
	struct sealed s = {0};
	char *own_out = NULL, *shown = NULL, *signature = NULL;
	const char *out = r->out;
	coffer_err err;

	if (r->opt.in_place) {
		TRY(file_check_no_link(f, r->in));
		TRY(plain_name(f, r->in, &own_out));
		out = own_out;
	}
	TRY(check_not_same(f, r, out));
	TRY(signature_path(f, r, out, &signature));
	TRY(model_sealed(f, r->model, 0, &s, &shown));
	TRY(write_single(f, r, &s, out));
	if (r->opt.dry_run)
		goto out;
	if (signature)
		TRY(file_write_new(f, signature, r->signature.p, r->signature.len, 0666, r->opt.force));
	if (r->opt.in_place) {
		TRY(remove_single(f, r->in));
		TRY(remove_signatures(f, r));
	}
out:
	sealed_close(&s);
	free(own_out);
	free(shown);
	free(signature);
	return err;
}
