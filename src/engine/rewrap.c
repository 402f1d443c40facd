/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotation: new recipients for the same DEK, or a new DEK.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <coffer/rewrap.h>

#include "base/enc.h"
#include "base/file.h"
#include "crypto/rand.h"
#include "engine/each.h"
#include "engine/key_use.h"
#include "engine/model.h"
#include "engine/staging.h"
#include "engine/transfer.h"

/* Open and lock what is at @path, for one process at a time. */
static coffer_err
lock_model(struct fault *f, const char *path, int *fd_out)
{
	struct stat st;
	coffer_err err = COFFER_OK;

	*fd_out = -1;
	if (stat(path, &st) != 0)
		return fault_errno(f, errno, "cannot open %s", path);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return fault_set(f, COFFER_E_FORMAT, "%s is not a sealed model", path);
	*fd_out = open(path, (S_ISDIR(st.st_mode) ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY);
	if (*fd_out < 0)
		return fault_errno(f, errno, "cannot change %s", path);
	TRY(model_lock_folder(f, *fd_out, path));
out:
	if (err)
		file_close(fd_out);
	return err;
}

/* The name must still be that of what was locked: another process may have replaced it meanwhile. */
static coffer_err
check_still(struct fault *f, int locked, const struct coffer_model *m)
{
	struct stat a, b;

	if (fstat(locked, &a) != 0 || fstat(m->fd, &b) != 0)
		return fault_errno(f, errno, "cannot open %s", m->shown);
	if (a.st_dev != b.st_dev || a.st_ino != b.st_ino)
		return fault_set(f, COFFER_E_BUSY, "%s was replaced by another process", m->shown);
	return COFFER_OK;
}

/* ---- rewrap: the list of recipients ---- */

struct rewrap {
	const struct coffer_rewrap_options *opt;
	struct keyblock *k;
	const uint8_t *dek;
	struct key_use use;
	size_t n_removed;
};

static bool
id_is_listed(const struct coffer_rewrap_options *opt, const char *id)
{
	/* no id is no name for those that have none */
	for (size_t i = 0; i < opt->n_remove_ids; i++)
		if (id[0] != '\0' && strcmp(opt->remove_ids[i], id) == 0)
			return true;
	return false;
}

static bool
is_removed(const struct rewrap *r, const struct recipient *recipient)
{
	return id_is_listed(r->opt, recipient->id) ||
	       (r->opt->remove && keyring_matches(r->opt->remove, recipient, r->use.binding));
}

static coffer_err
drop(struct fault *f, struct rewrap *r, size_t index)
{
	struct keyblock *k = r->k;
	coffer_err err = key_use_remove(f, &r->use, &k->recipients[index]);

	if (err)
		return err;
	recipient_clear(&k->recipients[index]);
	memmove(&k->recipients[index], &k->recipients[index + 1],
		(k->n_recipients - index - 1) * sizeof(*k->recipients));
	k->n_recipients--;
	return COFFER_OK;
}

static coffer_err
remove_recipients(struct fault *f, struct rewrap *r)
{
	size_t want = r->opt->n_remove_ids + (r->opt->remove ? keyring_size(r->opt->remove) : 0);
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < r->k->n_recipients;) {
		if (is_removed(r, &r->k->recipients[i])) {
			TRY(drop(f, r, i));
			r->n_removed++;
		} else {
			i++;
		}
	}
	if (r->n_removed < want)
		return fault_set(f, COFFER_E_USAGE,
				 "%zu of the %zu recipients to remove are not there; «coffer inspect» lists them",
				 want - r->n_removed, want);
	while (r->opt->replace && r->k->n_recipients > 0)
		TRY(drop(f, r, r->k->n_recipients - 1));
out:
	return err;
}

/* A recipient that is there already is wrapped anew in its place. */
static struct recipient *
place_for(struct keyblock *k, const struct recipient *fresh)
{
	for (size_t i = 0; i < k->n_recipients; i++)
		if (fresh->id[0] != '\0' && strcmp(k->recipients[i].kind, fresh->kind) == 0 &&
		    strcmp(k->recipients[i].id, fresh->id) == 0)
			return &k->recipients[i];
	return k->n_recipients < LIMIT_RECIPIENTS ? &k->recipients[k->n_recipients++] : NULL;
}

static coffer_err
add_recipients(struct fault *f, struct rewrap *r)
{
	size_t n = r->opt->add ? keyring_size(r->opt->add) : 0;
	struct recipient fresh, *place;
	coffer_err err;

	place = realloc(r->k->recipients, LIMIT_RECIPIENTS * sizeof(*place));
	if (!place)
		return fault_nomem(f);
	r->k->recipients = place;
	for (size_t i = 0; i < n; i++) {
		memset(&fresh, 0, sizeof(fresh));
		TRY(key_use_wrap(f, &r->use, r->opt->add, i, r->dek, &fresh));
		place = place_for(r->k, &fresh);
		if (!place)
			return fault_set(f, COFFER_E_USAGE, "a model has at most %u recipients; remove some",
					 LIMIT_RECIPIENTS);
		*place = fresh;
	}
	err = COFFER_OK;
	if (r->k->n_recipients == 0)
		err = fault_set(f, COFFER_E_USAGE,
				"no recipient would be left, and nobody could open the model again; add one");
out:
	return err;
}

static coffer_err
change_recipients(struct fault *f, const struct coffer_rewrap_options *opt, struct coffer_model *m)
{
	struct binding binding;
	struct rewrap r = {
		.opt = opt,
		.k = &m->keys,
		.dek = m->dek.p,
		.use = {.ctx = m->ctx, .path = m->shown, .binding = &binding, .generation = m->keys.generation + 1},
	};
	struct buf text = BUF_INIT(65536);
	char id[2 * MODEL_ID_LEN + 1];
	coffer_err err;

	TRY(model_binding(f, r.k, &text, id, &binding));
	TRY(key_batch_new(f, m->ctx, &r.use.batch));
	TRY(remove_recipients(f, &r));
	TRY(add_recipients(f, &r));
	if (++r.k->generation > KEYBLOCK_GENERATION_MAX)
		TRY(fault_set(f, COFFER_E_FORMAT,
			      "the key block cannot be changed any more; «coffer seal» the model again"));
	TRY(key_batch_commit(f, r.use.batch));
out:
	key_batch_free(&r.use.batch);
	buf_free(&text);
	return err;
}

/* ---- rewrap: writing ---- */

static coffer_err
sync_slot(struct fault *f, int fd, const char *shown)
{
	if (fdatasync(fd) != 0)
		return fault_errno(f, errno, "cannot make the key block of %s durable", shown);
	return COFFER_OK;
}

/* [F-20]: blank, body, head, each durable before the next */
static coffer_err
write_slot(struct fault *f, int fd, const char *shown, unsigned int slot, const uint8_t image[static SLOT_LEN])
{
	static const uint8_t blank[SLOT_HEAD_LEN];
	uint64_t off = HEAD_SLOT_OFF + (uint64_t)slot * SLOT_LEN;
	coffer_err err;

	TRY(file_write_at(f, fd, shown, blank, SLOT_HEAD_LEN, off));
	TRY(sync_slot(f, fd, shown));
	TRY(file_write_at(f, fd, shown, image + SLOT_HEAD_LEN, SLOT_LEN - SLOT_HEAD_LEN, off + SLOT_HEAD_LEN));
	TRY(sync_slot(f, fd, shown));
	TRY(file_write_at(f, fd, shown, image, SLOT_HEAD_LEN, off));
	TRY(sync_slot(f, fd, shown));
out:
	return err;
}

static coffer_err
write_slots(struct fault *f, int fd, const struct coffer_model *m, struct view doc, bool dry_run)
{
	uint8_t *image = malloc(SLOT_LEN);
	coffer_err err;

	if (!image)
		return fault_nomem(f);
	TRY(slot_encode(f, doc, image));
	if (dry_run)
		goto out;
	TRY(write_slot(f, fd, m->shown, 1 - m->slot, image));
	TRY(write_slot(f, fd, m->shown, m->slot, image));
out:
	free(image);
	return err;
}

static coffer_err
write_keyblock(struct fault *f, int dirfd, const char *shown, struct view doc)
{
	struct newfile n = NEWFILE_INIT;
	coffer_err err;

	/* [F-21] */
	TRY(newfile_open_at(f, &n, dirfd, KEYBLOCK_NAME, shown, 0666, true));
	TRY(file_write_at(f, n.fd, shown, doc.p, doc.len, 0));
	TRY(newfile_commit(f, &n));
	/* a sealing that was interrupted at its last step left its mark, which holds the DEK for the old recipients */
	if (unlinkat(dirfd, PARTIAL_NAME, 0) == 0)
		TRY(file_sync_dir(f, dirfd, shown));
out:
	newfile_abort(&n);
	return err;
}

static coffer_err
run_rewrap(struct fault *f, struct coffer_ctx *ctx, const char *path, const struct coffer_keyring *keys,
	   const struct coffer_rewrap_options *opt)
{
	struct buf doc = BUF_INIT(LIMIT_KEYBLOCK);
	struct coffer_model *m = NULL;
	uint64_t any = 0;
	int fd = -1;
	coffer_err err;

	for (size_t i = 0; i < 8; i++)
		any |= opt->reserved[i];
	if (opt->version_1 != 1 || any != 0)
		return fault_set(f, COFFER_E_USAGE, "rewrap options of another version");
	TRY(lock_model(f, path, &fd));
	TRY(model_open(f, ctx, path, keys, MODEL_MEND, &m));
	TRY(check_still(f, fd, m));
	TRY(change_recipients(f, opt, m));
	TRY(keyblock_encode(f, &m->keys, m->dek.p, &doc));
	if (!m->directory)
		TRY(write_slots(f, fd, m, buf_view(&doc), opt->dry_run));
	else if (!opt->dry_run)
		TRY(write_keyblock(f, m->fd, m->shown, buf_view(&doc)));
out:
	buf_free(&doc);
	model_free(&m);
	file_close(&fd);
	return err;
}

coffer_err
coffer_rewrap(struct coffer_ctx *ctx, const char *path, const struct coffer_keyring *keys,
	      const struct coffer_rewrap_options *options)
{
	return run_rewrap(ctx_begin(ctx), ctx, path, keys, options);
}

/* ---- rekey ---- */

struct rekey {
	struct coffer_ctx *ctx;
	struct coffer_model *old;
	struct keyblock k; /* the new one */
	struct secret dek;
	struct progress progress;
	const char *out; /* the folder beside, of a directory */
	int out_fd;
};

/* The new key block: the same model, another key. */
static coffer_err
begin_rekey(struct fault *f, struct rekey *r, const struct coffer_keyring *to)
{
	const struct keyblock *old = &r->old->keys;
	coffer_err err;

	memcpy(r->k.model_id, old->model_id, MODEL_ID_LEN);
	memcpy(r->k.name, old->name, sizeof(r->k.name));
	memcpy(r->k.version, old->version, sizeof(r->k.version));
	r->k.generation = old->generation + 1;
	r->k.context = calloc(old->n_context + 1, sizeof(*r->k.context));
	r->k.files = calloc(old->n_files, sizeof(*r->k.files));
	if (!r->k.context || !r->k.files)
		return fault_nomem(f);
	if (old->n_context > 0)
		memcpy(r->k.context, old->context, old->n_context * sizeof(*r->k.context));
	r->k.n_context = old->n_context;
	for (size_t i = 0; i < old->n_files; i++) {
		r->k.files[i].path = strdup(old->files[i].path);
		r->k.files[i].size = old->files[i].size;
		r->k.n_files = i + 1;
		if (!r->k.files[i].path)
			return fault_nomem(f);
	}
	TRY(secret_new(f, &r->dek, DEK_LEN));
	TRY(rand_bytes(f, r->dek.p, DEK_LEN));
	TRY(model_wrap(f, r->ctx, r->old->shown, &r->k, to, r->dek.p));
out:
	return err;
}

/* Open each record with the old key and seal it with the new one: no plaintext leaves the scratch of a thread. */
static coffer_err
rekey_into(struct fault *f, struct rekey *r, size_t index, struct sealed *from, struct newfile *n,
	   struct pool_worker *w)
{
	struct keyblock_file *file = &r->k.files[index];
	struct sealing into = {.head = from->head, .out = {.fd = n->fd, .shown = n->shown}};
	const struct transfer t = {.sealed = from, .into = &into, .progress = &r->progress};
	struct buf doc = BUF_INIT(LIMIT_KEYBLOCK);
	coffer_err err;

	TRY(sealing_begin(f, &into, r->dek.p));
	if (ftruncate(n->fd, (off_t)into.at.end) != 0)
		TRY(fault_errno(f, errno, "cannot write %s", n->shown));
	TRY(transfer_file(f, r->ctx, &t, w));
	memcpy(file->head, into.a_hash, SHA256_LEN);
	file->sealed = true;
	if (into.head.embedded)
		TRY(keyblock_encode(f, &r->k, r->dek.p, &doc));
	TRY(sealing_write_head(f, &into, buf_view(&doc)));
out:
	buf_free(&doc);
	sealing_end(&into);
	return err;
}

static coffer_err
rekey_entry(void *arg, struct fault *f, size_t index, struct pool_worker *w)
{
	struct rekey *r = arg;
	const char *path = r->k.files[index].path;
	struct newfile n = NEWFILE_INIT;
	struct sealed from = {0};
	char *name = NULL, *shown = NULL;
	int dirfd = -1;
	coffer_err err;

	atomic_store(&r->progress.path, path);
	if (asprintf(&name, "%s%s", path_base(path), SUFFIX) < 0)
		return fault_nomem(f);
	TRY(model_sealed(f, r->old, index, &from, &shown));
	TRY(path_parent(f, r->out_fd, r->out, path, true, &dirfd));
	TRY(newfile_open_at(f, &n, dirfd, name, path, from.in.mode, false));
	TRY(rekey_into(f, r, index, &from, &n, w));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	sealed_close(&from);
	file_close(&dirfd);
	free(name);
	free(shown);
	return err;
}

static uint64_t
rekey_size(void *arg, size_t index)
{
	const struct rekey *r = arg;

	return r->k.files[index].size;
}

static coffer_err
rekey_directory(struct fault *f, struct rekey *r, const char *path)
{
	const struct each each = {.n = r->k.n_files, .size = rekey_size, .file = rekey_entry, .arg = r};
	struct buf doc = BUF_INIT(LIMIT_KEYBLOCK);
	struct staging staging = STAGING_INIT;
	coffer_err err;

	TRY(staging_begin(f, &staging, path));
	r->out = staging.path;
	if (mkdir(r->out, 0777) != 0 && errno != EEXIST)
		TRY(fault_errno(f, errno, "cannot create the folder %s", r->out));
	r->out_fd = open(r->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->out_fd < 0)
		TRY(fault_errno(f, errno, "cannot open the folder %s", r->out));
	TRY(model_lock_folder(f, r->out_fd, r->out));
	TRY(each_file(f, r->ctx, &each));
	TRY(keyblock_encode(f, &r->k, r->dek.p, &doc));
	TRY(write_keyblock(f, r->out_fd, r->out, buf_view(&doc)));
	if (model_has_entry(r->old->fd, OUTER_NAME))
		ctx_notice(r->ctx,
			   "%s/" OUTER_NAME " was over the old sealed files and goes with them; sign the model again",
			   path);
	TRY(staging_exchange(f, &staging));
out:
	file_close(&r->out_fd);
	buf_free(&doc);
	staging_end(&staging);
	return err;
}

static coffer_err
rekey_single(struct fault *f, struct rekey *r, const char *path)
{
	struct newfile n = NEWFILE_INIT;
	struct sealed from = {0};
	char *shown = NULL;
	coffer_err err;

	TRY(model_sealed(f, r->old, 0, &from, &shown));
	TRY(newfile_open(f, &n, path, from.in.mode, true));
	TRY(rekey_into(f, r, 0, &from, &n, NULL));
	TRY(ctx_check_cancelled(f, r->ctx));
	TRY(newfile_commit(f, &n));
out:
	newfile_abort(&n);
	sealed_close(&from);
	free(shown);
	return err;
}

static coffer_err
run_rekey(struct fault *f, struct rekey *r, const char *path, const struct coffer_keyring *keys,
	  const struct coffer_keyring *to, uint64_t *bytes)
{
	char *real = NULL; /* through a link it is what the link points to that is replaced */
	int fd = -1;
	coffer_err err;

	TRY(lock_model(f, path, &fd));
	TRY(model_open(f, r->ctx, path, keys, MODEL_READ, &r->old));
	TRY(check_still(f, fd, r->old));
	real = realpath(path, NULL);
	if (!real)
		TRY(fault_errno(f, errno, "cannot find %s", path));
	TRY(begin_rekey(f, r, to));
	for (size_t i = 0; i < r->k.n_files; i++)
		*bytes += r->k.files[i].size;
	progress_begin(&r->progress, r->ctx, *bytes);
	err = r->old->directory ? rekey_directory(f, r, real) : rekey_single(f, r, real);
	progress_end(&r->progress);
out:
	free(real);
	file_close(&fd);
	return err;
}

coffer_err
coffer_rekey(struct coffer_ctx *ctx, const char *path, const struct coffer_keyring *keys,
	     const struct coffer_keyring *to, struct coffer_stats *stats_out)
{
	struct rekey r = {.ctx = ctx, .k = KEYBLOCK_INIT, .dek = SECRET_INIT, .out_fd = -1};
	uint64_t start = now_ns(), bytes = 0;
	coffer_err err = run_rekey(ctx_begin(ctx), &r, path, keys, to, &bytes);

	if (err == COFFER_OK && stats_out) {
		*stats_out = (struct coffer_stats){
			.n_files = r.k.n_files, .bytes = bytes, .seconds = (double)(now_ns() - start) / 1e9};
		enc_hex(r.k.model_id, MODEL_ID_LEN, stats_out->model_id);
	}
	model_free(&r.old);
	secret_free(&r.dek);
	keyblock_free(&r.k);
	return err;
}
