/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backup: reading back what a store has.
 *
 * Each object is read once, whatever number of snapshots name it; then the snapshots are gone through again for what depends on
 * those that are not good.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <coffer/backup.h>

#include "base/limits.h"
#include "base/num.h"
#include "engine/backup_find.h"
#include "engine/backup_private.h"

#define PRIVATE_NAME "the private part"
#define STEP ((size_t)1 << 20)

enum state {
	NOT_NEEDED,
	NEEDED, /* and to be read */
	GOOD,
	BAD,
};

struct verification {
	struct coffer_ctx *ctx;
	const struct coffer_keyring *keys;
	struct coffer_backup_verify_options opt;
	struct backup_store store;
	struct finds finds;
	const struct found *from; /* the snapshots to verify */
	size_t n;
	struct objects there;
	uint8_t *states; /* of each object that is there: enum state */
	struct bad {
		coffer_err err;
		char *text;
	} * bad; /* why one is bad; of those that were read, in the order of @queue */
	size_t *queue;
	size_t n_queue;
	struct coffer_backup_verdict *verdict;
	struct fault first; /* of all findings */
};

/* ---- findings ---- */

void
coffer_backup_verdict_free(struct coffer_backup_verdict **verdict)
{
	struct coffer_backup_verdict *v = *verdict;

	if (!v)
		return;
	for (uint64_t i = 0; i < num_min(v->n_findings, LIMIT_FINDINGS); i++) {
		free(v->findings[i].path);
		free(v->findings[i].why);
	}
	free(v->findings);
	free(v);
	*verdict = NULL;
}

static coffer_err
find_fault(struct fault *f, struct verification *v, const struct found *found, const char *path,
	   const struct fault *why)
{
	struct coffer_backup_verdict *d = v->verdict;
	struct coffer_backup_finding *finding;

	/* what concerns all of a snapshot has its name in it already */
	if (d->n_findings == 0 && path)
		(void)fault_set(&v->first, why->err, "snapshot %s: %.200s: %.250s", found->name, path, why->text);
	else if (d->n_findings == 0)
		v->first = *why;
	if (d->n_findings >= LIMIT_FINDINGS) {
		d->n_findings++;
		return COFFER_OK;
	}
	finding = realloc(d->findings, (size_t)(d->n_findings + 1) * sizeof(*finding));
	if (!finding)
		return fault_nomem(f);
	d->findings = finding;
	finding += d->n_findings++;
	*finding = (struct coffer_backup_finding){.err = why->err, .why = strdup(why->text)};
	(void)snprintf(finding->snapshot, sizeof(finding->snapshot), "%s", found->name);
	finding->path = path ? strdup(path) : NULL;
	return finding->why && (!path || finding->path) ? COFFER_OK : fault_nomem(f);
}

/* ---- the objects ---- */

/* The index of the object in the list of what is there, or SIZE_MAX when it is not, or not as long as it should be. */
static size_t
index_of(const struct verification *v, const uint8_t *id, uint64_t len)
{
	const struct object *o = objects_find(&v->there, id);

	return o && o->size == len ? (size_t)(o - v->there.v) : SIZE_MAX;
}

static void
need_file(struct verification *v, const struct backup_file *file)
{
	for (size_t i = 0; i < file->n_parts; i++) {
		size_t at = index_of(v, file->parts[i], backup_part_len(file->size, v->store.part_size, i));

		if (at != SIZE_MAX)
			v->states[at] = NEEDED;
	}
}

static coffer_err
need_snapshot(struct fault *f, struct verification *v, const struct found *found)
{
	struct snapshot s = SNAPSHOT_INIT;
	struct fault why = {0};
	coffer_err err = found_read(&why, &v->store, found, &s);

	if (err == COFFER_E_NOMEM)
		return fault_nomem(f);
	/* it may have been pruned since it was listed */
	for (size_t i = 0; err == COFFER_OK && i < s.n_files; i++)
		need_file(v, &s.files[i]);
	if (err == COFFER_OK)
		need_file(v, &s.private_part);
	snapshot_free(&s);
	return ctx_check_cancelled(f, v->ctx);
}

static uint64_t
read_len(void *arg, size_t i)
{
	const struct verification *v = arg;

	return v->there.v[v->queue[i]].size;
}

static const char *
read_path(void *arg, size_t i)
{
	(void)arg;
	(void)i;
	return "objects";
}

static const uint8_t *
read_id(void *arg, size_t i)
{
	const struct verification *v = arg;

	return v->there.v[v->queue[i]].id;
}

/* Damage is found and the rest is read; a store that does not answer ends it. */
static coffer_err
read_end(void *arg, struct fault *f, size_t i, const uint8_t *id)
{
	struct verification *v = arg;

	v->states[v->queue[i]] = id ? GOOD : BAD;
	if (id)
		return COFFER_OK;
	if (coffer_err_exit(f->err) == 8 || coffer_err_exit(f->err) == 11 || f->err == COFFER_E_NOMEM)
		return f->err;
	v->bad[i] = (struct bad){.err = f->err, .text = strdup(f->text)};
	return v->bad[i].text ? COFFER_OK : fault_nomem(f);
}

static coffer_err
read_objects(struct fault *f, struct verification *v)
{
	struct store_bulk bulk = {
		.len = read_len,
		.path = read_path,
		.id = read_id,
		.end = read_end,
		.arg = v,
	};

	v->queue = calloc(v->there.n + 1, sizeof(*v->queue));
	if (!v->queue)
		return fault_nomem(f);
	for (size_t i = 0; i < v->there.n; i++) {
		if (v->states[i] != NEEDED)
			continue;
		v->verdict->bytes += v->there.v[i].size;
		v->queue[v->n_queue++] = i;
	}
	v->verdict->n_objects = v->n_queue;
	v->bad = calloc(v->n_queue + 1, sizeof(*v->bad));
	if (!v->bad)
		return fault_nomem(f);
	bulk.n = v->n_queue;
	if (v->opt.quick)
		return COFFER_OK;
	return v->store.verbs->get(v->store.self, f, v->ctx, &bulk);
}

/* ---- the snapshots ---- */

static int
compare_indices(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return x < y ? -1 : x > y;
}

static const struct bad *
why_bad(const struct verification *v, size_t object)
{
	const size_t *at = bsearch(&object, v->queue, v->n_queue, sizeof(*v->queue), compare_indices);

	return &v->bad[at - v->queue];
}

/* Why @file cannot be restored, or COFFER_OK. */
static coffer_err
judge_file(struct fault *why, const struct verification *v, const struct backup_file *file)
{
	char name[80];

	for (size_t i = 0; i < file->n_parts; i++) {
		uint64_t len = backup_part_len(file->size, v->store.part_size, i);
		const struct object *o = objects_find(&v->there, file->parts[i]);

		store_object_name(file->parts[i], name);
		if (!o)
			return fault_set(why, COFFER_E_FILESET, "%s is missing", name);
		if (o->size != len)
			return fault_set(why, COFFER_E_AUTH, "%s is damaged: %llu bytes where %llu belong", name,
					 (unsigned long long)o->size, (unsigned long long)len);
		if (v->states[o - v->there.v] == BAD) {
			const struct bad *bad = why_bad(v, (size_t)(o - v->there.v));

			return fault_set(why, bad->err, "%s", bad->text);
		}
	}
	return COFFER_OK;
}

/* All of it is opened: then each byte is authentic. */
static coffer_err
read_private(struct fault *f, struct verification *v, const struct private_part *p)
{
	uint8_t *buf = malloc(STEP);
	coffer_err err = buf ? COFFER_OK : fault_nomem(f);

	for (uint64_t off = 0; err == COFFER_OK && off < p->archive.size; off += STEP) {
		err = private_read(f, p, off, buf, (size_t)num_min(STEP, p->archive.size - off));
		if (err == COFFER_OK)
			err = ctx_check_cancelled(f, v->ctx);
	}
	if (buf)
		mem_wipe(buf, STEP);
	free(buf);
	return err;
}

static coffer_err
skip_member(void *arg, struct fault *f, const struct tar_member *m)
{
	(void)arg;
	(void)f;
	(void)m;
	return COFFER_OK;
}

/* With a key: whether the snapshot is the one that was made, and its private part opens. */
static coffer_err
authenticate(struct fault *f, struct verification *v, const struct found *found, const struct snapshot *s)
{
	struct private_part part = PRIVATE_PART_INIT;
	struct fault why;
	coffer_err err = private_open(f, v->ctx, &v->store, s, v->keys, &part);

	if (err == COFFER_OK)
		err = private_each(f, &part, skip_member, NULL);
	if (err == COFFER_OK)
		err = read_private(f, v, &part);
	private_close(&part);
	if (err == COFFER_OK)
		v->verdict->n_authentic++;
	if (coffer_err_exit(err) != 5 && coffer_err_exit(err) != 7)
		return err;
	/* @f is the context's: what follows may use it again */
	why = *f;
	fault_clear(f);
	return find_fault(f, v, found, PRIVATE_NAME, &why);
}

static coffer_err
judge_files(struct fault *f, struct verification *v, const struct found *found, const struct snapshot *s)
{
	struct fault why = {0};
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < s->n_files; i++)
		if (judge_file(&why, v, &s->files[i]) != COFFER_OK)
			TRY(find_fault(f, v, found, s->files[i].path, &why));
	if (judge_file(&why, v, &s->private_part) != COFFER_OK)
		TRY(find_fault(f, v, found, PRIVATE_NAME, &why));
	else if (v->keys)
		TRY(authenticate(f, v, found, s));
out:
	return err;
}

static coffer_err
judge_snapshot(struct fault *f, struct verification *v, const struct found *found)
{
	struct snapshot s = SNAPSHOT_INIT;
	struct fault why = {0};
	coffer_err err = found_read(&why, &v->store, found, &s);

	if (err == COFFER_E_NOMEM)
		return fault_nomem(f);
	if (err)
		return find_fault(f, v, found, NULL, &why);
	v->verdict->n_snapshots++;
	err = judge_files(f, v, found, &s);
	snapshot_free(&s);
	return err;
}

/* ---- the verb ---- */

static coffer_err
choose(struct fault *f, struct verification *v, const char *snapshot)
{
	coffer_err err;

	TRY(finds_list(f, &v->store, &v->finds));
	v->from = v->finds.v;
	v->n = v->finds.n;
	if (snapshot) {
		TRY(finds_choose(f, &v->finds, snapshot, &v->from));
		v->n = 1;
	}
	if (v->n == 0)
		err = fault_set(f, COFFER_E_NOTFOUND, "there is no snapshot in the store yet");
out:
	return err;
}

static coffer_err
run_verify(struct fault *f, struct verification *v, const char *where, const char *snapshot)
{
	uint64_t any = 0, n;
	coffer_err err;

	for (size_t i = 0; i < 8; i++)
		any |= v->opt.reserved[i];
	if (v->opt.version_1 != 1 || any != 0)
		return fault_set(f, COFFER_E_USAGE, "options for verifying a backup of another version");
	TRY(store_open(f, where, &v->store));
	TRY(v->store.verbs->lock(v->store.self, f, v->ctx, STORE_SHARED));
	TRY(choose(f, v, snapshot));
	TRY(store_objects(f, &v->store, &v->there));
	v->states = calloc(v->there.n + 1, sizeof(*v->states));
	if (!v->states)
		TRY(fault_nomem(f));
	for (size_t i = 0; i < v->n; i++)
		TRY(need_snapshot(f, v, &v->from[i]));
	TRY(read_objects(f, v));
	for (size_t i = 0; i < v->n; i++)
		TRY(judge_snapshot(f, v, &v->from[i]));
	n = v->verdict->n_findings;
	if (n > 0)
		err = fault_set(f, v->first.err, "%.520s%s", v->first.text, n > 1 ? " (and there is more)" : "");
out:
	return err;
}

coffer_err
coffer_backup_verify(struct coffer_ctx *ctx, const char *store, const char *snapshot, const struct coffer_keyring *keys,
		     const struct coffer_backup_verify_options *options, struct coffer_backup_verdict **verdict_out)
{
	struct verification v = {.ctx = ctx, .keys = keys, .opt = {.version_1 = 1}, .store = BACKUP_STORE_INIT};
	struct fault *f = ctx_begin(ctx);
	coffer_err err;

	*verdict_out = NULL;
	if (options)
		v.opt = *options;
	v.verdict = calloc(1, sizeof(*v.verdict));
	if (!v.verdict)
		return fault_nomem(f);
	err = run_verify(f, &v, store, snapshot);
	if (err == COFFER_OK || v.verdict->n_findings > 0) {
		*verdict_out = v.verdict;
		v.verdict = NULL;
	}
	coffer_backup_verdict_free(&v.verdict);
	for (size_t i = 0; v.bad && i < v.n_queue; i++)
		free(v.bad[i].text);
	free(v.queue);
	free(v.bad);
	free(v.states);
	objects_free(&v.there);
	finds_free(&v.finds);
	store_close(&v.store);
	return err;
}
