/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/key_use.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/actor.h"
#include "mem/secret.h"

#define BATCH_MAX ((size_t)1 << 30) /* bytes */

struct key_batch {
	struct coffer_ctx *ctx;
	pthread_mutex_t lock;
	struct buf used;    /* keys were used: they are written in any case */
	struct buf changes; /* that come about only with what the caller does next */
};

/* ---- what a record says ---- */

/* A path means something to others only from the root on. */
static void
put_path(const char *path, char out[static AUDIT_PATH_MAX + 1])
{
	char *cwd = path && path[0] != '/' ? getcwd(NULL, 0) : NULL;

	(void)snprintf(out, AUDIT_PATH_MAX + 1, "%s%s%s", cwd ? cwd : "", cwd ? "/" : "", path ? path : "");
	free(cwd);
}

static void
put_recipient(const struct recipient *from, struct audit_key *out)
{
	(void)snprintf(out->kind, sizeof(out->kind), "%s", from->kind);
	(void)snprintf(out->id, sizeof(out->id), "%s", from->id);
	(void)snprintf(out->version, sizeof(out->version), "%s", from->version);
}

/* Of a key that has made no recipient. */
static void
put_key(const struct coffer_keyring *keys, size_t index, struct audit_key *out)
{
	const char *kind, *id;

	if (index >= keyring_size(keys))
		return;
	keyring_names(keys, index, &kind, &id);
	(void)snprintf(out->kind, sizeof(out->kind), "%s", kind);
	(void)snprintf(out->id, sizeof(out->id), "%.*s", (int)sizeof(out->id) - 1, id);
}

static coffer_err
begin_record(struct fault *f, const struct key_use *use, enum audit_event event, struct audit_record *r)
{
	const struct binding *b = use->binding;
	coffer_err err = audit_actor(f, r);

	r->event = event;
	r->generation = use->generation;
	put_path(use->path, r->path);
	if (b) {
		(void)snprintf(r->model_id, sizeof(r->model_id), "%s", b->model_id);
		(void)snprintf(r->name, sizeof(r->name), "%s", b->name);
		(void)snprintf(r->version, sizeof(r->version), "%s", b->version);
		(void)snprintf(r->environment, sizeof(r->environment), "%s", b->environment);
	}
	return err;
}

static void
put_outcome(const struct fault *f, coffer_err outcome, struct audit_record *r)
{
	if (outcome == COFFER_OK)
		return;
	(void)snprintf(r->error, sizeof(r->error), "%s", coffer_err_name(outcome));
	(void)snprintf(r->message, sizeof(r->message), "%s", f && f->err ? f->text : coffer_err_text(outcome));
}

/* ---- writing it ---- */

static coffer_err
blame_log(struct fault *f, coffer_err err)
{
	if (err != COFFER_OK)
		(void)fault_prefix(f,
				   "no key is used without a word in the audit log (COFFER_AUDIT says where it is, or "
				   "off), and that cannot be written");
	return err;
}

/* The log, which must be there before anybody is asked. */
static coffer_err
find_log(struct fault *f, const struct key_use *use, struct audit_log **out)
{
	return blame_log(f, ctx_audit(f, use->ctx, out));
}

static coffer_err
add_to(struct fault *f, struct key_batch *b, enum audit_event event, const struct buf *rest)
{
	coffer_err err;

	pthread_mutex_lock(&b->lock);
	err = buf_add(f, event == AUDIT_REMOVE ? &b->changes : &b->used, rest->p, rest->len);
	pthread_mutex_unlock(&b->lock);
	return err;
}

static coffer_err
write_record(struct fault *f, const struct key_use *use, struct audit_log *log, const struct audit_record *r)
{
	struct buf rest = BUF_INIT(LIMIT_AUDIT_LINE);
	coffer_err err;

	TRY(audit_line_rest(f, r, &rest));
	TRY(use->batch ? add_to(f, use->batch, r->event, &rest) : audit_log_write(f, log, buf_view(&rest)));
out:
	buf_free(&rest);
	return blame_log(f, err);
}

/* @outcome, which @f has the sentence of, or the error of the log. */
static coffer_err
finish(struct fault *f, const struct key_use *use, struct audit_log *log, struct audit_record *r, coffer_err outcome)
{
	struct fault of_log = {.err = COFFER_OK};
	coffer_err err;

	put_outcome(f, outcome, r);
	err = write_record(&of_log, use, log, r);
	return err == COFFER_OK ? outcome : fault_set(f, err, "%s", of_log.text);
}

/* ---- uses ---- */

coffer_err
key_use_unwrap(struct fault *f, const struct key_use *use, const struct coffer_keyring *keys,
	       const struct recipient *recipients, size_t n, uint8_t dek_out[static DEK_LEN], size_t *which_out)
{
	struct audit_log *log;
	struct audit_record r;
	size_t which = SIZE_MAX;
	coffer_err err;

	mem_wipe(dek_out, DEK_LEN);
	if (which_out)
		*which_out = SIZE_MAX;
	TRY(find_log(f, use, &log));
	if (log)
		TRY(begin_record(f, use, AUDIT_UNWRAP, &r));
	err = keyring_unwrap(f, keys, recipients, n, use->binding, dek_out, &which);
	if (log && which < n)
		put_recipient(&recipients[which], &r.key);
	if (log)
		err = finish(f, use, log, &r, err);
	if (err == COFFER_OK && which_out)
		*which_out = which;
out:
	if (err)
		mem_wipe(dek_out, DEK_LEN);
	return err;
}

coffer_err
key_use_wrap(struct fault *f, const struct key_use *use, const struct coffer_keyring *keys, size_t index,
	     const uint8_t dek[static DEK_LEN], struct recipient *out)
{
	struct audit_log *log;
	struct audit_record r;
	coffer_err err;

	*out = (struct recipient){.foreign = NULL};
	TRY(find_log(f, use, &log));
	if (!log)
		return keyring_wrap(f, keys, index, dek, use->binding, out);
	TRY(begin_record(f, use, AUDIT_WRAP, &r));
	err = keyring_wrap(f, keys, index, dek, use->binding, out);
	put_key(keys, index, &r.key);
	if (err == COFFER_OK)
		put_recipient(out, &r.key);
	err = finish(f, use, log, &r, err);
	if (err)
		*out = (struct recipient){.foreign = NULL};
out:
	return err;
}

coffer_err
key_use_rewrap(struct fault *f, const struct key_use *use, const struct coffer_keyring *keys, size_t index,
	       const struct coffer_keyring *from, const struct recipient *in, struct recipient *out)
{
	struct audit_log *log;
	struct audit_record r;
	coffer_err err;

	*out = (struct recipient){.foreign = NULL};
	TRY(find_log(f, use, &log));
	if (!log)
		return keyring_rewrap(f, keys, index, from, in, use->binding, out);
	TRY(begin_record(f, use, AUDIT_REWRAP, &r));
	put_key(keys, index, &r.key);
	put_recipient(in, &r.from);
	err = keyring_rewrap(f, keys, index, from, in, use->binding, out);
	if (err == COFFER_E_UNSUPPORTED)
		return err;
	if (err == COFFER_OK)
		put_recipient(out, &r.key);
	err = finish(f, use, log, &r, err);
	if (err)
		*out = (struct recipient){.foreign = NULL};
out:
	return err;
}

coffer_err
key_use_remove(struct fault *f, const struct key_use *use, const struct recipient *gone)
{
	struct audit_log *log;
	struct audit_record r;
	coffer_err err;

	TRY(find_log(f, use, &log));
	if (!log)
		goto out;
	TRY(begin_record(f, use, AUDIT_REMOVE, &r));
	put_recipient(gone, &r.key);
	TRY(write_record(f, use, log, &r));
out:
	return err;
}

coffer_err
key_use_rotate(struct fault *f, struct coffer_ctx *ctx, const struct coffer_keyring *keys, size_t index,
	       struct key_state *out)
{
	const struct key_use use = {.ctx = ctx};
	struct audit_log *log;
	struct audit_record r;
	coffer_err err;

	*out = (struct key_state){.created = 0};
	TRY(find_log(f, &use, &log));
	if (!log)
		return keyring_rotate(f, keys, index, out);
	TRY(begin_record(f, &use, AUDIT_ROTATE, &r));
	put_key(keys, index, &r.key);
	err = keyring_rotate(f, keys, index, out);
	if (err == COFFER_OK) {
		(void)snprintf(r.key.id, sizeof(r.key.id), "%s", out->id);
		(void)snprintf(r.key.version, sizeof(r.key.version), "%s", out->version);
	}
	err = finish(f, &use, log, &r, err);
	if (err)
		*out = (struct key_state){.created = 0};
out:
	return err;
}

/* ---- keys that wrap nothing ---- */

static coffer_err
write_plain_use(struct fault *f, const struct key_use *use, enum key_direction direction, const struct audit_key *key,
		coffer_err outcome)
{
	struct fault of_log = {.err = COFFER_OK};
	struct audit_log *log;
	struct audit_record r;
	coffer_err err;

	TRY(find_log(&of_log, use, &log));
	if (!log)
		return outcome;
	TRY(begin_record(&of_log, use, direction == KEY_TO_OPEN ? AUDIT_UNWRAP : AUDIT_WRAP, &r));
	r.key = *key;
	return finish(f, use, log, &r, outcome);
out:
	return fault_set(f, err, "%s", of_log.text);
}

coffer_err
key_use_aes(struct fault *f, const struct key_use *use, enum key_direction direction, const struct coffer_keyring *keys,
	    struct view *out)
{
	struct audit_key key = {.kind = ""};
	coffer_err err = keyring_one_aes(f, keys, use->path, out);

	put_key(keys, 0, &key);
	err = write_plain_use(f, use, direction, &key, err);
	if (err)
		*out = view_of(NULL, 0);
	return err;
}

coffer_err
key_use_file(struct fault *f, const struct key_use *use, enum key_direction direction,
	     const struct coffer_key_info *key)
{
	struct audit_key used = {.kind = ""};

	(void)snprintf(used.kind, sizeof(used.kind), "%s", key->kind == COFFER_KEY_AES ? "aes" : "x25519");
	(void)snprintf(used.id, sizeof(used.id), "%s", key->id);
	return write_plain_use(f, use, direction, &used, COFFER_OK);
}

coffer_err
key_use_refused(struct fault *f, const struct key_use *use)
{
	const struct audit_key none = {.kind = ""};

	return write_plain_use(f, use, KEY_TO_OPEN, &none, f->err);
}

/* ---- many at once ---- */

coffer_err
key_batch_new(struct fault *f, struct coffer_ctx *ctx, struct key_batch **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return fault_nomem(f);
	(*out)->ctx = ctx;
	(*out)->used = (struct buf)BUF_INIT(BATCH_MAX);
	(*out)->changes = (struct buf)BUF_INIT(BATCH_MAX);
	pthread_mutex_init(&(*out)->lock, NULL);
	return COFFER_OK;
}

coffer_err
key_batch_commit(struct fault *f, struct key_batch *batch)
{
	struct audit_log *log;
	coffer_err err;

	TRY(ctx_audit(f, batch->ctx, &log));
	if (!log)
		goto out;
	TRY(buf_add(f, &batch->used, batch->changes.p, batch->changes.len));
	batch->changes.len = 0;
	TRY(audit_log_write(f, log, buf_view(&batch->used)));
	batch->used.len = 0;
out:
	return blame_log(f, err);
}

void
key_batch_free(struct key_batch **batch)
{
	struct key_batch *b = *batch;
	struct fault f = {.err = COFFER_OK};

	*batch = NULL;
	if (!b)
		return;
	b->changes.len = 0;
	if (b->used.len > 0 && key_batch_commit(&f, b) != COFFER_OK)
		ctx_notice(b->ctx, "%.500s", f.text);
	buf_free(&b->used);
	buf_free(&b->changes);
	pthread_mutex_destroy(&b->lock);
	free(b);
}
