/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New recipients for the same DEK.
 *
 * First it is told from the key block alone what has to change, and no key is asked: most models of a repeated run end here.
 * Then the wraps are made, inside the key service where it can and else of the unwrapped DEK; then the key block is written.
 */
#include "engine/rewrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "engine/changing.h"
#include "engine/key_use.h"

#define NOWHERE SIZE_MAX
#define UNVERSIONED "its wrap does not say which version of the key it depends on; a date renews it by its age"

/* struct task - one wrap that has to be made */
struct task {
	const struct coffer_keyring *to;
	size_t key;   /* of @to */
	size_t place; /* the recipient in whose place it comes, or NOWHERE */
	struct recipient fresh;
};

struct rewrap {
	const struct rewrap_job *job;
	const struct coffer_rewrap_options *opt;
	struct coffer_model *m;
	struct buf binding_text;
	char id[2 * MODEL_ID_LEN + 1];
	struct binding binding;
	struct key_use use;

	/* what has to change */
	bool drop[LIMIT_RECIPIENTS];
	struct task *tasks;
	size_t n_tasks;
	bool is_concerned; /* there is a recipient for the keys to unwrap with */
};

coffer_err
rewrap_check(struct fault *f, const struct coffer_rewrap_options *opt)
{
	uint64_t any = 0;

	for (size_t i = 0; i < 8; i++)
		any |= opt->reserved[i];
	if (opt->version_1 != 1 || any != 0)
		return fault_set(f, COFFER_E_USAGE, "rewrap options of another version");
	if (opt->renew && (opt->add || opt->remove || opt->n_remove_ids > 0 || opt->replace))
		return fault_set(f, COFFER_E_USAGE,
				 "recipients are renewed, or others are added and removed, but not both");
	return COFFER_OK;
}

/* ---- what has to change ---- */

static bool
has_id(const struct coffer_rewrap_options *opt, const char *id)
{
	/* no id is no name for those that have none */
	for (size_t i = 0; i < opt->n_remove_ids; i++)
		if (id[0] != '\0' && strcmp(opt->remove_ids[i], id) == 0)
			return true;
	return false;
}

static bool
is_listed(const struct rewrap *r, const struct recipient *recipient)
{
	return has_id(r->opt, recipient->id) ||
	       (r->opt->remove && keyring_matches(r->opt->remove, recipient, &r->binding));
}

static bool
is_older(const struct rewrap *r, const struct recipient *recipient)
{
	return recipient->created < r->opt->before;
}

/* A wrap of a service that has no version: by that alone nobody can say that it is an old one, only by its age. */
static bool
is_unversioned(const struct recipient *recipient)
{
	return recipient->is_service && recipient->version[0] == '\0';
}

static void
add_task(struct rewrap *r, const struct coffer_keyring *to, size_t key, size_t place)
{
	r->tasks[r->n_tasks++] = (struct task){.to = to, .key = key, .place = place};
}

static coffer_err
plan_removals(struct fault *f, struct rewrap *r)
{
	const struct keyblock *k = &r->m->keys;
	size_t want = r->opt->n_remove_ids + (r->opt->remove ? keyring_size(r->opt->remove) : 0), n = 0;

	for (size_t i = 0; i < k->n_recipients; i++) {
		r->drop[i] = is_listed(r, &k->recipients[i]);
		n += r->drop[i];
	}
	if (n < want && !r->opt->settled)
		return fault_set(f, COFFER_E_USAGE,
				 "%zu of the %zu recipients to remove are not there; «coffer inspect» lists them",
				 want - n, want);
	return COFFER_OK;
}

/* Whether key @key of those to add has its recipient already, and the one it should have. */
static bool
is_there(const struct rewrap *r, size_t key)
{
	const struct keyblock *k = &r->m->keys;

	for (size_t i = 0; i < k->n_recipients; i++)
		if (!r->drop[i] && keyring_key_matches(r->opt->add, key, &k->recipients[i], &r->binding) &&
		    versions_standing(r->job->of_added, key, &r->binding, &k->recipients[i]) != STANDING_OLDER)
			return true;
	return false;
}

static void
plan_additions(struct rewrap *r)
{
	size_t n = r->opt->add ? keyring_size(r->opt->add) : 0;

	for (size_t key = 0; key < n; key++)
		if (!r->opt->settled || !is_there(r, key))
			add_task(r, r->opt->add, key, NOWHERE);
}

static void
plan_replacement(struct rewrap *r)
{
	const struct keyblock *k = &r->m->keys;

	for (size_t i = 0; i < k->n_recipients; i++)
		if (!r->opt->settled || !r->opt->add || !keyring_matches(r->opt->add, &k->recipients[i], &r->binding))
			r->drop[i] = true;
}

static bool
is_due(const struct rewrap *r, size_t key, const struct recipient *recipient)
{
	enum standing standing;

	if (r->m->damaged)
		return true;
	if (r->opt->before != 0)
		return is_older(r, recipient);
	if (!r->opt->settled)
		return true;
	standing = versions_standing(r->job->of_keys, key, &r->binding, recipient);
	return is_unversioned(recipient) ? standing == STANDING_OLDER : standing != STANDING_NEWEST;
}

/* The key of those to unwrap with whose recipient this is, or NOWHERE. */
static size_t
key_of(const struct rewrap *r, const struct recipient *recipient)
{
	for (size_t key = 0; key < keyring_size(r->job->keys); key++)
		if (keyring_key_matches(r->job->keys, key, recipient, &r->binding))
			return key;
	return NOWHERE;
}

static void
plan_renewals(struct rewrap *r)
{
	const struct keyblock *k = &r->m->keys;

	for (size_t i = 0; i < k->n_recipients; i++) {
		size_t key = key_of(r, &k->recipients[i]);

		r->is_concerned |= key != NOWHERE;
		if (key != NOWHERE && is_due(r, key, &k->recipients[i]))
			add_task(r, r->job->keys, key, i);
	}
}

/* Whether one of the model's recipients for the keys was wrapped before the date that was given. */
static bool
has_older(struct rewrap *r)
{
	const struct keyblock *k = &r->m->keys;
	bool older = false;

	for (size_t i = 0; i < k->n_recipients; i++)
		if (key_of(r, &k->recipients[i]) != NOWHERE) {
			r->is_concerned = true;
			older |= is_older(r, &k->recipients[i]);
		}
	return older;
}

static coffer_err
make_plan(struct fault *f, struct rewrap *r)
{
	size_t n_added = r->opt->add ? keyring_size(r->opt->add) : 0;
	coffer_err err;

	r->tasks = calloc(n_added + r->m->keys.n_recipients, sizeof(*r->tasks));
	if (!r->tasks)
		return fault_nomem(f);
	TRY(model_binding(f, &r->m->keys, &r->binding_text, r->id, &r->binding));
	if (r->opt->renew) {
		plan_renewals(r);
	} else if (r->opt->before == 0 || has_older(r)) {
		TRY(plan_removals(f, r));
		plan_additions(r);
		if (r->opt->replace)
			plan_replacement(r);
	}
	if (r->opt->renew && !r->is_concerned && !r->opt->settled)
		err = fault_set(f, COFFER_E_NOKEY,
				"%s is sealed for none of the given keys; «coffer inspect» lists those that it is for",
				r->m->shown);
out:
	return err;
}

static size_t
count_drops(const struct rewrap *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->m->keys.n_recipients; i++)
		n += r->drop[i];
	return n;
}

/* Nothing: of a call that does not ask for a repeatable run it is a change all the same, for it mends a key block. */
static bool
is_settled(const struct rewrap *r)
{
	if (r->n_tasks + count_drops(r) > 0)
		return false;
	return !r->m->damaged && (r->opt->settled || r->opt->renew || r->opt->before != 0);
}

/* ---- the wraps ---- */

static bool
is_all_in_services(const struct rewrap *r)
{
	const struct keyblock *k = &r->m->keys;

	for (size_t i = 0; i < k->n_recipients; i++)
		if (r->drop[i] && !k->recipients[i].is_service)
			return false;
	for (size_t i = 0; i < r->n_tasks; i++) {
		const struct task *t = &r->tasks[i];

		if (!keyring_is_service(t->to, t->key) || (t->place != NOWHERE && !k->recipients[t->place].is_service))
			return false;
	}
	/* without a wrap nobody would be asked whether this may be; without «services» there is no edition */
	return r->n_tasks > 0 && k->edition > 0;
}

static bool
may_be_made_of(const struct rewrap *r, const struct task *t, size_t recipient)
{
	return r->m->keys.recipients[recipient].is_service && (t->place == NOWHERE || t->place == recipient);
}

/* COFFER_E_UNSUPPORTED: no service can make it of what is there. */
static coffer_err
rewrap_one(struct fault *f, const struct rewrap *r, struct task *t)
{
	const struct keyblock *k = &r->m->keys;
	coffer_err err = COFFER_E_UNSUPPORTED;

	for (size_t i = 0; i < k->n_recipients; i++) {
		if (!may_be_made_of(r, t, i))
			continue;
		err = key_use_rewrap(f, &r->use, t->to, t->key, r->job->keys, &k->recipients[i], &t->fresh);
		if (err != COFFER_E_UNSUPPORTED && err != COFFER_E_NOKEY)
			return err;
	}
	return COFFER_E_UNSUPPORTED;
}

static coffer_err
wrap_in_services(struct fault *f, struct rewrap *r)
{
	coffer_err err = COFFER_E_UNSUPPORTED;

	if (!is_all_in_services(r))
		return COFFER_E_UNSUPPORTED;
	TRY(model_check_set(f, r->m, MODEL_MEND));
	for (size_t i = 0; i < r->n_tasks; i++)
		TRY(rewrap_one(f, r, &r->tasks[i]));
out:
	return err;
}

static coffer_err
wrap_here(struct fault *f, struct rewrap *r)
{
	coffer_err err;

	TRY(model_unlock(f, r->m, r->job->keys, MODEL_MEND));
	r->use.generation = r->m->keys.generation + 1;
	for (size_t i = 0; i < r->n_tasks; i++) {
		struct task *t = &r->tasks[i];

		TRY(key_use_wrap(f, &r->use, t->to, t->key, r->m->dek.p, &t->fresh));
	}
out:
	return err;
}

/* Whether the services are to be asked for all of it. */
static bool
can_in_services(const struct rewrap *r)
{
	const struct keyblock *k = &r->m->keys;

	for (size_t i = 0; i < r->n_tasks; i++) {
		const struct task *t = &r->tasks[i];
		bool can = false;

		for (size_t j = 0; j < k->n_recipients; j++)
			can |= may_be_made_of(r, t, j) &&
			       keyring_can_rewrap(t->to, t->key, r->job->keys, &k->recipients[j], &r->binding);
		if (!can)
			return false;
	}
	return is_all_in_services(r);
}

/* What a dry run has in place of wraps. */
static coffer_err
pretend(struct fault *f, struct rewrap *r, enum coffer_way *way_out)
{
	coffer_err err = COFFER_OK;

	*way_out = can_in_services(r) ? COFFER_WAY_SERVICE : COFFER_WAY_HERE;
	for (size_t i = 0; i < r->n_tasks; i++) {
		struct task *t = &r->tasks[i];
		struct versions *v = t->to == r->job->keys ? r->job->of_keys : r->job->of_added;
		const struct key_state *newest = versions_newest(v, t->key, &r->binding);
		const char *kind, *name;
		const void *key;

		TRY(keyring_key(f, t->to, t->key, &r->binding, &key));
		keyring_names(t->to, t->key, &kind, &name);
		t->fresh.is_service = keyring_is_service(t->to, t->key);
		(void)snprintf(t->fresh.kind, sizeof(t->fresh.kind), "%s", kind);
		(void)snprintf(t->fresh.id, sizeof(t->fresh.id), "%s", name);
		(void)snprintf(t->fresh.version, sizeof(t->fresh.version), "%s", newest ? newest->version : "");
	}
	if (*way_out == COFFER_WAY_HERE)
		err = model_unlock(f, r->m, r->job->keys, MODEL_MEND);
out:
	return err;
}

static coffer_err
make_wraps(struct fault *f, struct rewrap *r, enum coffer_way *way_out)
{
	coffer_err err;

	*way_out = COFFER_WAY_SERVICE;
	err = wrap_in_services(f, r);
	if (err != COFFER_E_UNSUPPORTED)
		return err;
	*way_out = COFFER_WAY_HERE;
	return wrap_here(f, r);
}

/* ---- the new list of recipients ---- */

static bool
is_same_key(const struct rewrap *r, const struct task *t, const struct recipient *old)
{
	if (strcmp(old->kind, t->fresh.kind) != 0)
		return false;
	if (t->fresh.is_service && keyring_key_matches(t->to, t->key, old, &r->binding))
		return true;
	return t->fresh.id[0] != '\0' && strcmp(old->id, t->fresh.id) == 0;
}

/* A recipient that is there already is wrapped anew in its place. */
static void
find_places(struct rewrap *r)
{
	const struct keyblock *k = &r->m->keys;

	for (size_t i = 0; i < r->n_tasks; i++)
		for (size_t j = 0; j < k->n_recipients && r->tasks[i].place == NOWHERE; j++)
			if (is_same_key(r, &r->tasks[i], &k->recipients[j])) {
				r->tasks[i].place = j;
				r->drop[j] = false;
			}
}

static struct coffer_change *
note(struct rewrapped *out, enum coffer_change_kind change, const struct recipient *recipient, const char *before)
{
	struct coffer_change *c = &out->changes[out->n_changes++];

	c->change = change;
	(void)snprintf(c->kind, sizeof(c->kind), "%s", recipient->kind);
	(void)snprintf(c->id, sizeof(c->id), "%s", recipient->id);
	(void)snprintf(c->version, sizeof(c->version), "%s", recipient->version);
	(void)snprintf(c->before, sizeof(c->before), "%s", before);
	return c;
}

static coffer_err
note_changes(struct fault *f, const struct rewrap *r, struct rewrapped *out)
{
	const struct keyblock *k = &r->m->keys;

	out->changes = calloc(r->n_tasks + count_drops(r) + 1, sizeof(*out->changes));
	if (!out->changes)
		return fault_nomem(f);
	for (size_t i = 0; i < r->n_tasks; i++) {
		const struct task *t = &r->tasks[i];

		if (t->place == NOWHERE) {
			(void)note(out, COFFER_CHANGE_ADD, &t->fresh, "");
		} else { /* a dry run knows a service's key by its URI; the model has its name */
			struct coffer_change *c =
				note(out, COFFER_CHANGE_RENEW, &t->fresh, k->recipients[t->place].version);

			(void)snprintf(c->id, sizeof(c->id), "%s", k->recipients[t->place].id);
		}
	}
	for (size_t i = 0; i < k->n_recipients; i++)
		if (r->drop[i])
			(void)note(out, COFFER_CHANGE_REMOVE, &k->recipients[i], k->recipients[i].version);
	return COFFER_OK;
}

/* Whether the key of @fresh has a recipient in @list: two URIs may name one key of a service. */
static bool
is_named(const struct recipient *list, size_t n, const struct recipient *fresh)
{
	for (size_t i = 0; i < n; i++)
		if (fresh->id[0] != '\0' && strcmp(list[i].kind, fresh->kind) == 0 &&
		    strcmp(list[i].id, fresh->id) == 0)
			return true;
	return false;
}

/* Put the wraps into the key block and take out what goes.  Those of services come last, as they do in the document. */
static coffer_err
change_list(struct fault *f, struct rewrap *r)
{
	struct keyblock *k = &r->m->keys;
	struct recipient *list = calloc(LIMIT_RECIPIENTS + r->n_tasks, sizeof(*list));
	size_t n = 0;
	coffer_err err = COFFER_OK;

	if (!list)
		return fault_nomem(f);
	for (size_t i = 0; i < r->n_tasks; i++)
		if (r->tasks[i].place != NOWHERE) {
			recipient_clear(&k->recipients[r->tasks[i].place]);
			k->recipients[r->tasks[i].place] = r->tasks[i].fresh;
		}
	for (size_t i = 0; i < k->n_recipients; i++) {
		if (r->drop[i])
			TRY(key_use_remove(f, &r->use, &k->recipients[i]));
		else
			list[n++] = k->recipients[i];
	}
	for (size_t i = 0; i < r->n_tasks; i++)
		if (r->tasks[i].place == NOWHERE && !is_named(list, n, &r->tasks[i].fresh))
			list[n++] = r->tasks[i].fresh;
	if (n > LIMIT_RECIPIENTS)
		TRY(fault_set(f, COFFER_E_USAGE, "a model has at most %u recipients; remove some", LIMIT_RECIPIENTS));
	if (n == 0)
		TRY(fault_set(f, COFFER_E_USAGE,
			      "no recipient would be left, and nobody could open the model again; add one"));
	for (size_t i = 0; i < k->n_recipients; i++)
		if (r->drop[i])
			recipient_clear(&k->recipients[i]);
	free(k->recipients);
	k->recipients = list;
	k->n_recipients = n;
	list = NULL;
out:
	free(list);
	return err;
}

/* ---- all of it ---- */

static coffer_err
encode(struct fault *f, struct rewrap *r, enum coffer_way way, struct buf *out)
{
	struct keyblock *k = &r->m->keys;

	if (way == COFFER_WAY_SERVICE)
		return keyblock_encode_services(f, k, out);
	if (++k->generation > KEYBLOCK_GENERATION_MAX)
		return fault_set(f, COFFER_E_FORMAT,
				 "the key block cannot be changed any more; «coffer seal» the model again");
	return keyblock_encode(f, k, r->m->dek.p, out);
}

/* Until the uses of keys are on record nothing that came of them is written. */
static coffer_err
carry_out(struct fault *f, struct rewrap *r, int locked, struct rewrapped *out)
{
	struct buf doc = BUF_INIT(LIMIT_KEYBLOCK);
	enum coffer_way way = COFFER_WAY_NONE;
	coffer_err err;

	r->use = (struct key_use){
		.ctx = r->job->ctx, .path = r->m->shown, .binding = &r->binding, .generation = r->m->keys.generation};
	TRY(key_batch_new(f, r->job->ctx, &r->use.batch));
	TRY(r->opt->dry_run ? pretend(f, r, &way) : make_wraps(f, r, &way));
	find_places(r);
	TRY(note_changes(f, r, out));
	TRY(change_list(f, r));
	if (!r->opt->dry_run) {
		TRY(encode(f, r, way, &doc));
		TRY(key_batch_commit(f, r->use.batch));
		TRY(changing_write(f, locked, r->m, buf_view(&doc), CHANGING_FOR_GOOD));
	}
	out->way = way;
out:
	key_batch_free(&r->use.batch);
	buf_free(&doc);
	return err;
}

static void
forget(struct rewrap *r)
{
	model_free(&r->m);
	buf_free(&r->binding_text);
	free(r->tasks);
	*r = (struct rewrap){.job = r->job, .opt = r->opt, .binding_text = BUF_INIT(LIMIT_BINDING)};
}

static coffer_err
look(struct fault *f, struct rewrap *r, const char *path)
{
	coffer_err err;

	forget(r);
	TRY(model_load(f, r->job->ctx, path, MODEL_MEND, &r->m));
	TRY(make_plan(f, r));
out:
	return err;
}

static bool
has_unversioned(const struct rewrap *r)
{
	const struct keyblock *k = &r->m->keys;

	for (size_t i = 0; i < k->n_recipients; i++) {
		const struct recipient *recipient = &k->recipients[i];
		size_t key = is_unversioned(recipient) ? key_of(r, recipient) : NOWHERE;

		if (key != NOWHERE &&
		    versions_standing(r->job->of_keys, key, &r->binding, recipient) == STANDING_UNKNOWN)
			return r->opt->renew && r->opt->before == 0;
	}
	return false;
}

/* There is nothing to do.  What an earlier run began is brought to its end, for which it takes no key. */
static coffer_err
settle(struct fault *f, struct rewrap *r, int locked, struct rewrapped *out)
{
	bool by_key = r->opt->renew || r->opt->before != 0;
	coffer_err err = COFFER_OK;

	out->why = by_key && !r->is_concerned ? "it is sealed for other keys" : has_unversioned(r) ? UNVERSIONED : "";
	if (r->m->torn && locked >= 0) {
		TRY(changing_mend(f, locked, r->m));
		out->why = "an interrupted change was brought to its end";
	}
out:
	return err;
}

/* Where nothing has to change nothing is locked, for it may be another's and read-only. */
static bool
is_done(const struct rewrap *r)
{
	return is_settled(r) && (!r->m->torn || r->opt->dry_run);
}

coffer_err
rewrap_model(struct fault *f, const struct rewrap_job *job, const char *path, struct rewrapped *out)
{
	struct rewrap r = {.job = job, .opt = job->opt, .binding_text = BUF_INIT(LIMIT_BINDING)};
	bool first_look = job->opt->settled || job->opt->dry_run;
	int locked = -1;
	coffer_err err = COFFER_OK;

	*out = (struct rewrapped){.way = COFFER_WAY_NONE, .why = ""};
	if (first_look)
		TRY(look(f, &r, path));
	if (!job->opt->dry_run && !(first_look && is_done(&r))) {
		TRY(changing_lock(f, path, &locked));
		TRY(look(f, &r, path));
		TRY(changing_check_still(f, locked, r.m));
	}
	err = is_settled(&r) ? settle(f, &r, locked, out) : carry_out(f, &r, locked, out);
out:
	forget(&r);
	file_close(&locked);
	return err;
}

coffer_err
coffer_rewrap(struct coffer_ctx *ctx, const char *path, const struct coffer_keyring *keys,
	      const struct coffer_rewrap_options *options)
{
	const struct rewrap_job job = {.ctx = ctx, .keys = keys, .opt = options};
	struct fault *f = ctx_begin(ctx);
	struct rewrapped what = {.changes = NULL};
	coffer_err err;

	TRY(rewrap_check(f, options));
	TRY(rewrap_model(f, &job, path, &what));
out:
	free(what.changes);
	return err;
}
