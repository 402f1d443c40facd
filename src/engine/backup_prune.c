/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backup: removing snapshots that no rule keeps, and objects that no snapshot needs.
 *
 * Snapshots go first, and durably; only then the objects that none of the others names.  So whatever is listed is whole, wherever
 * this is interrupted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <coffer/backup.h>

#include "crypto/digest.h"
#include "engine/backup_find.h"
#include "engine/backup_retain.h"

#define GRACE (UINT64_C(24) * 3600)

struct pruning {
	struct coffer_ctx *ctx;
	struct coffer_backup_prune_options opt;
	struct backup_store store;
	struct finds finds;
	struct retained *snapshots; /* in the order of @finds */
	struct objects there;
	uint8_t *is_needed; /* of each object that is there */
	struct coffer_backup_pruned *pruned;
};

/* ---- what there is ---- */

/* [B-13]: of each host, and of each set of folders, apart */
static coffer_err
group_of(struct fault *f, const struct snapshot *s, uint8_t out[static 32])
{
	uint8_t hash[DIGEST_MAX];
	struct digest *d = NULL;
	coffer_err err;

	TRY(digest_new(f, DIGEST_SHA256, &d));
	TRY(digest_update(f, d, s->host, strlen(s->host) + 1));
	for (size_t i = 0; i < s->n_roots; i++)
		TRY(digest_update(f, d, s->roots[i].path, strlen(s->roots[i].path) + 1));
	TRY(digest_final(f, d, hash));
	memcpy(out, hash, 32);
out:
	digest_free(&d);
	return err;
}

static bool
is_file_there(const struct pruning *p, const struct backup_file *file)
{
	for (size_t i = 0; i < file->n_parts; i++) {
		const struct object *o = objects_find(&p->there, file->parts[i]);

		if (!o || o->size != backup_part_len(file->size, p->store.part_size, i))
			return false;
	}
	return true;
}

static bool
is_whole(const struct pruning *p, const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_files; i++)
		if (!is_file_there(p, &s->files[i]))
			return false;
	return is_file_there(p, &s->private_part);
}

static void
need_file(struct pruning *p, const struct backup_file *file)
{
	for (size_t i = 0; i < file->n_parts; i++) {
		const struct object *o = objects_find(&p->there, file->parts[i]);

		if (o)
			p->is_needed[o - p->there.v] = 1;
	}
}

/* What one that cannot be read needs nobody knows, and so nothing is removed. */
static coffer_err
read_snapshot(struct fault *f, const struct pruning *p, size_t i, struct snapshot *out)
{
	struct fault why = {0};
	coffer_err err = ctx_check_cancelled(f, p->ctx);

	if (err)
		return err;
	err = found_read(&why, &p->store, &p->finds.v[i], out);
	if (coffer_err_exit(err) == 5)
		return fault_set(f, COFFER_E_FORMAT,
				 "%.300s; what it needs nobody knows, so nothing is removed; if it is lost, remove "
				 "%s/" STORE_SNAPSHOTS "/%s",
				 why.text, p->store.shown, p->finds.v[i].name);
	return err ? fault_set(f, err, "%s", why.text) : COFFER_OK;
}

static coffer_err
look_at(struct fault *f, struct pruning *p, size_t i)
{
	struct retained *r = &p->snapshots[i];
	struct snapshot s = SNAPSHOT_INIT;
	coffer_err err;

	TRY(read_snapshot(f, p, i, &s));
	r->time = s.time;
	r->whole = is_whole(p, &s);
	TRY(group_of(f, &s, r->group));
out:
	snapshot_free(&s);
	return err;
}

static coffer_err
look_for_needed(struct fault *f, struct pruning *p, size_t i)
{
	struct snapshot s = SNAPSHOT_INIT;
	coffer_err err;

	TRY(read_snapshot(f, p, i, &s));
	for (size_t j = 0; j < s.n_files; j++)
		need_file(p, &s.files[j]);
	need_file(p, &s.private_part);
out:
	snapshot_free(&s);
	return err;
}

/* ---- removing ---- */

static coffer_err
remove_snapshots(struct fault *f, struct pruning *p)
{
	char name[80];
	coffer_err err = COFFER_OK;

	p->pruned->removed = calloc(p->finds.n + 1, sizeof(*p->pruned->removed));
	if (!p->pruned->removed)
		return fault_nomem(f);
	for (size_t i = 0; i < p->finds.n; i++) {
		if (p->snapshots[i].keep) {
			p->pruned->n_kept++;
			continue;
		}
		store_snapshot_name(p->finds.v[i].name, name);
		if (!p->opt.dry_run)
			TRY(p->store.verbs->remove(p->store.self, f, name));
		(void)snprintf(p->pruned->removed[p->pruned->n_removed++], COFFER_BACKUP_NAME, "%s",
			       p->finds.v[i].name);
	}
	/* [B-12] */
	if (!p->opt.dry_run)
		TRY(p->store.verbs->sync(p->store.self, f, STORE_SNAPSHOTS));
out:
	return err;
}

static coffer_err
remove_objects(struct fault *f, struct pruning *p)
{
	int64_t before = (int64_t)time(NULL) - (int64_t)p->opt.grace_s;
	char name[80];
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < p->there.n; i++) {
		const struct object *o = &p->there.v[i];

		if (p->is_needed[i] || o->mtime > before)
			continue;
		TRY(ctx_check_cancelled(f, p->ctx));
		store_object_name(o->id, name);
		if (!p->opt.dry_run)
			TRY(p->store.verbs->remove(p->store.self, f, name));
		p->pruned->n_objects++;
		p->pruned->bytes += o->size;
	}
	if (p->opt.dry_run)
		goto out;
	TRY(p->store.verbs->sync(p->store.self, f, STORE_OBJECTS));
	TRY(p->store.verbs->tidy(p->store.self, f, before));
out:
	return err;
}

/* ---- the verb ---- */

static coffer_err
check_options(struct fault *f, const struct coffer_backup_prune_options *opt)
{
	uint64_t any = 0;

	for (size_t i = 0; i < 8; i++)
		any |= opt->reserved[i];
	if (opt->version_1 != 1 || any != 0)
		return fault_set(f, COFFER_E_USAGE, "options for pruning of another version");
	if (!retain_has_rule(opt))
		return fault_set(f, COFFER_E_USAGE, "nothing says what to keep; give a rule, as --keep-last 7");
	return COFFER_OK;
}

static coffer_err
run_prune(struct fault *f, struct pruning *p, const char *where)
{
	coffer_err err;

	TRY(check_options(f, &p->opt));
	if (p->opt.grace_s == 0)
		p->opt.grace_s = GRACE;
	TRY(store_open(f, where, &p->store));
	TRY(p->store.verbs->lock(p->store.self, f, p->ctx, p->opt.dry_run ? STORE_SHARED : STORE_ALONE));
	TRY(finds_list(f, &p->store, &p->finds));
	TRY(store_objects(f, &p->store, &p->there));
	p->snapshots = calloc(p->finds.n + 1, sizeof(*p->snapshots));
	p->is_needed = calloc(p->there.n + 1, 1);
	if (!p->snapshots || !p->is_needed)
		TRY(fault_nomem(f));
	for (size_t i = 0; i < p->finds.n; i++)
		TRY(look_at(f, p, i));
	retain_choose(&p->opt, p->snapshots, p->finds.n);
	for (size_t i = 0; i < p->finds.n; i++)
		if (p->snapshots[i].keep)
			TRY(look_for_needed(f, p, i));
	TRY(remove_snapshots(f, p));
	TRY(remove_objects(f, p));
out:
	return err;
}

void
coffer_backup_pruned_free(struct coffer_backup_pruned **pruned)
{
	if (*pruned)
		free((*pruned)->removed);
	free(*pruned);
	*pruned = NULL;
}

coffer_err
coffer_backup_prune(struct coffer_ctx *ctx, const char *store, const struct coffer_backup_prune_options *options,
		    struct coffer_backup_pruned **pruned_out)
{
	struct pruning p = {.ctx = ctx, .opt = {.version_1 = 1}, .store = BACKUP_STORE_INIT};
	struct fault *f = ctx_begin(ctx);
	coffer_err err;

	if (pruned_out)
		*pruned_out = NULL;
	if (options)
		p.opt = *options;
	p.pruned = calloc(1, sizeof(*p.pruned));
	if (!p.pruned)
		return fault_nomem(f);
	err = run_prune(f, &p, store);
	if (err == COFFER_OK && pruned_out) {
		*pruned_out = p.pruned;
		p.pruned = NULL;
	}
	coffer_backup_pruned_free(&p.pruned);
	free(p.snapshots);
	free(p.is_needed);
	objects_free(&p.there);
	finds_free(&p.finds);
	store_close(&p.store);
	return err;
}
