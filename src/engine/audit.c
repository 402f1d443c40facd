/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the audit log.
 */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <coffer/audit.h>

#include "audit/check.h"
#include "audit/reader.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/utc.h"
#include "engine/ctx.h"

/* ---- where ---- */

static coffer_err
context_folder(struct fault *f, struct coffer_ctx *ctx, char **out)
{
	struct audit_where where;
	coffer_err err;

	TRY(audit_where_parse(f, ctx->audit_where, &where));
	*out = where.folder;
	where.folder = NULL;
	audit_where_free(&where);
out:
	return err;
}

static coffer_err
choose_folder(struct fault *f, struct coffer_ctx *ctx, const char *dir, char **out)
{
	coffer_err err;

	*out = NULL;
	if (dir) {
		*out = strdup(dir);
		return *out ? COFFER_OK : fault_nomem(f);
	}
	TRY(context_folder(f, ctx, out));
	if (!*out)
		err = fault_set(f, COFFER_E_NOTFOUND,
				"the audit log goes to no folder, so there is nothing to read; name the folder of one");
out:
	return err;
}

coffer_err
coffer_audit_folder(struct coffer_ctx *ctx, char **dir_out)
{
	*dir_out = NULL;
	return context_folder(ctx_begin(ctx), ctx, dir_out);
}

static coffer_err
open_folder(struct fault *f, const char *path, struct audit_folder *out)
{
	coffer_err err = audit_folder_open(f, path, AUDIT_TO_READ, out);

	if (err == COFFER_E_NOTFOUND)
		return fault_set(f, err, "there is no audit log in %s: no key was used yet, or it is written elsewhere",
				 path);
	return err;
}

coffer_err
coffer_audit_public_key(struct coffer_ctx *ctx, const char *dir, char **pem_out)
{
	struct fault *f = ctx_begin(ctx);
	struct audit_folder folder = AUDIT_FOLDER_INIT;
	struct buf pem = BUF_INIT(LIMIT_KEY_PEM);
	char *path = NULL;
	coffer_err err;

	*pem_out = NULL;
	TRY(choose_folder(f, ctx, dir, &path));
	TRY(open_folder(f, path, &folder));
	TRY(audit_key_public(f, &folder, &pem));
	*pem_out = strndup((const char *)pem.p, pem.len);
	if (!*pem_out)
		TRY(fault_nomem(f));
out:
	audit_folder_close(&folder);
	buf_free(&pem);
	free(path);
	return err;
}

/* ---- which records ---- */

static bool
matches(const char *pattern, const char *text)
{
	return fnmatch(pattern, text, 0) == 0;
}

static bool
matches_actor(const char *pattern, const struct audit_record *r)
{
	char uid[24];

	(void)snprintf(uid, sizeof(uid), "%" PRIu64, r->uid);
	return matches(pattern, r->principal) || matches(pattern, uid);
}

static bool
matches_key(const char *pattern, const struct audit_key *k)
{
	return k->kind[0] != '\0' && matches(pattern, k->id[0] ? k->id : k->kind);
}

static bool
matches_model(const char *pattern, const struct audit_record *r)
{
	return (r->path[0] && matches(pattern, r->path)) || (r->model_id[0] && matches(pattern, r->model_id)) ||
	       (r->name[0] && matches(pattern, r->name));
}

static bool
is_in_time(const struct coffer_audit_filter *w, const struct audit_record *r)
{
	int64_t time;

	if (w->since == 0 && w->until == 0)
		return true;
	return utc_parse(r->time, &time) && time >= w->since && (w->until == 0 || time < w->until);
}

static bool
is_wanted(const struct coffer_audit_filter *w, const struct audit_record *r)
{
	return is_in_time(w, r) && (!w->actor || matches_actor(w->actor, r)) &&
	       (!w->event || matches(w->event, audit_event_name(r->event))) &&
	       (!w->model || matches_model(w->model, r)) &&
	       (!w->key || matches_key(w->key, &r->key) || matches_key(w->key, &r->from)) &&
	       (!w->error || (r->error[0] && matches(w->error, r->error)));
}

/* ---- reading ---- */

/* struct reading - one call */
struct reading {
	struct coffer_ctx *ctx;
	struct coffer_audit_filter filter;
	coffer_audit_fn fn;
	void *user;
	struct audit_folder folder;
	struct audit_part *parts;
	size_t n_parts;
	struct audit_reader reader;
	struct audit_record record;
	char line[LIMIT_AUDIT_LINE + 1];
};

static struct coffer_audit_key
show_key(const struct audit_key *k)
{
	return (struct coffer_audit_key){.kind = k->kind, .id = k->id, .version = k->version};
}

static coffer_err
tell(struct fault *f, struct reading *r, struct view line)
{
	const struct audit_record *a = &r->record;
	struct coffer_audit_record shown = {
		.seq = a->place.seq,
		.time = a->time,
		.id = a->id,
		.event = audit_event_name(a->event),
		.principal = a->principal,
		.uid = a->uid,
		.agent = a->agent,
		.host = a->host,
		.pid = a->pid,
		.path = a->path,
		.model_id = a->model_id,
		.name = a->name,
		.version = a->version,
		.environment = a->environment,
		.generation = a->generation,
		.key = show_key(&a->key),
		.from = show_key(&a->from),
		.error = a->error,
		.message = a->message,
		.line = r->line,
		.line_len = line.len,
	};
	coffer_err err;

	memcpy(r->line, line.p, line.len);
	r->line[line.len] = '\0';
	err = r->fn(r->user, &shown);
	if (err && f->err != err)
		(void)fault_set(f, err, "%s", coffer_err_text(err));
	return err;
}

static coffer_err
take_line(struct fault *f, struct reading *r, struct view line)
{
	char shown[512];
	coffer_err err;

	err = audit_line_decode(f, line, &r->record);
	if (err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED)
		return fault_prefix(f, "%s: no record: «coffer audit verify» says more",
				    audit_shown(&r->folder, r->parts[r->reader.part].name, shown));
	if (err == COFFER_OK && is_wanted(&r->filter, &r->record))
		err = tell(f, r, line);
	return err;
}

/* The number of the last record, or 0. */
static coffer_err
last_seq(struct fault *f, struct reading *r, uint64_t *out)
{
	struct audit_end end = AUDIT_END_INIT;
	struct audit_place place;
	uint64_t size;
	int fd = -1;
	coffer_err err = COFFER_OK;

	*out = 0;
	for (size_t i = r->n_parts; i > 0 && *out == 0; i--) {
		TRY(audit_folder_file(f, &r->folder, r->parts[i - 1].name, AUDIT_TO_READ, &fd, &size));
		TRY(audit_end_read(f, &r->folder, r->parts[i - 1].name, fd, r->parts[i - 1].size, &end));
		file_close(&fd);
		if (audit_line_place(buf_view(&end.line), &place))
			*out = place.seq;
	}
out:
	file_close(&fd);
	buf_free(&end.line);
	return err;
}

static coffer_err
go_to_first(struct fault *f, struct reading *r)
{
	uint64_t first = r->filter.after_seq + 1, last;
	coffer_err err = COFFER_OK;

	if (r->filter.last > 0) {
		TRY(last_seq(f, r, &last));
		if (last > r->filter.last && last - r->filter.last + 1 > first)
			first = last - r->filter.last + 1;
	}
	if (first > 1)
		TRY(audit_reader_seek(f, &r->reader, first));
out:
	return err;
}

static coffer_err
read_folder(struct fault *f, struct reading *r)
{
	struct view line;
	uint64_t torn;
	coffer_err err;

	TRY(audit_folder_parts(f, &r->folder, &r->parts, &r->n_parts));
	TRY(audit_parts_trim(f, &r->folder, r->parts, r->n_parts, &torn));
	audit_folder_unlock(&r->folder);
	if (r->n_parts == 0)
		TRY(fault_set(f, COFFER_E_NOTFOUND, "%s holds no audit log", r->folder.path));
	TRY(audit_reader_init(f, &r->reader, &r->folder, r->parts, r->n_parts, 0, 0));
	TRY(go_to_first(f, r));
	for (;;) {
		TRY(ctx_check_cancelled(f, r->ctx));
		TRY(audit_reader_next(f, &r->reader, &line));
		if (!line.p)
			break;
		TRY(take_line(f, r, line));
	}
out:
	audit_reader_free(&r->reader);
	free(r->parts);
	return err;
}

static bool
is_zero(const uint64_t reserved[static 8])
{
	uint64_t any = 0;

	for (size_t i = 0; i < 8; i++)
		any |= reserved[i];
	return any == 0;
}

coffer_err
coffer_audit_read(struct coffer_ctx *ctx, const char *dir, const struct coffer_audit_filter *filter, coffer_audit_fn fn,
		  void *user)
{
	struct fault *f = ctx_begin(ctx);
	struct reading *r = calloc(1, sizeof(*r));
	char *path = NULL;
	coffer_err err;

	if (!r)
		return fault_nomem(f);
	r->folder = (struct audit_folder)AUDIT_FOLDER_INIT;
	r->reader.fd = -1;
	r->ctx = ctx;
	r->fn = fn;
	r->user = user;
	if (filter)
		r->filter = *filter;
	if (filter && (filter->version_1 != 1 || !is_zero(filter->reserved)))
		TRY(fault_set(f, COFFER_E_USAGE, "an audit filter of another version"));
	TRY(choose_folder(f, ctx, dir, &path));
	TRY(open_folder(f, path, &r->folder));
	TRY(read_folder(f, r));
out:
	audit_folder_close(&r->folder);
	free(path);
	free(r);
	return err;
}

/* ---- verifying ---- */

static void
fill_report(const struct audit_report *r, struct coffer_audit_report *out)
{
	*out = (struct coffer_audit_report){
		.n_records = r->n_records,
		.first = r->first,
		.last = r->last,
		.n_parts = r->n_parts,
		.bytes = r->bytes,
		.torn_bytes = r->torn,
		.n_checkpoints = r->n_checkpoints,
		.n_outside = r->n_outside,
		.signed_to = r->signed_to,
		.damage = audit_damage_name(r->damage),
		.line = r->line,
		.seq = r->seq,
	};
	memcpy(out->log, r->log, sizeof(r->log));
	memcpy(out->signed_at, r->signed_at, sizeof(r->signed_at));
	memcpy(out->key, r->key, sizeof(r->key));
	memcpy(out->file, r->file, sizeof(r->file));
}

static coffer_err
read_outside(struct fault *f, const struct coffer_audit_verify_options *o, struct buf *key, struct buf *checkpoints,
	     struct audit_check *out)
{
	coffer_err err = COFFER_OK;

	if (o->public_key) {
		TRY(file_slurp(f, o->public_key, LIMIT_KEY_PEM, key, NULL));
		if (key->len == 0)
			TRY(fault_set(f, COFFER_E_KEY, "%s is empty", o->public_key));
		out->public_key = buf_view(key);
	}
	if (o->checkpoints) {
		TRY(file_slurp(f, o->checkpoints, LIMIT_AUDIT_OUTSIDE, checkpoints, NULL));
		if (checkpoints->len == 0)
			TRY(fault_set(f, COFFER_E_FORMAT, "%s has no checkpoint", o->checkpoints));
		out->outside = buf_view(checkpoints);
	}
	out->begins_at = o->begins_at;
out:
	return err;
}

coffer_err
coffer_audit_verify(struct coffer_ctx *ctx, const char *dir, const struct coffer_audit_verify_options *options,
		    struct coffer_audit_report *report_out)
{
	struct fault *f = ctx_begin(ctx);
	struct buf key = BUF_INIT(LIMIT_KEY_PEM), checkpoints = BUF_INIT(LIMIT_AUDIT_OUTSIDE);
	struct audit_folder folder = AUDIT_FOLDER_INIT;
	struct audit_check check = {.begins_at = 0};
	struct audit_report report = {.n_records = 0};
	struct pool *pool;
	char *path = NULL;
	coffer_err err;

	if (options && (options->version_1 != 1 || !is_zero(options->reserved)))
		TRY(fault_set(f, COFFER_E_USAGE, "options of audit verify of another version"));
	if (options)
		TRY(read_outside(f, options, &key, &checkpoints, &check));
	TRY(choose_folder(f, ctx, dir, &path));
	TRY(open_folder(f, path, &folder));
	TRY(ctx_pool(f, ctx, &pool));
	TRY(audit_check(f, pool, &folder, &check, &report));
out:
	if (report_out)
		fill_report(&report, report_out);
	audit_folder_close(&folder);
	buf_free(&key);
	buf_free(&checkpoints);
	free(path);
	return err;
}
