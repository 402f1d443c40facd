/* SPDX-License-Identifier: Apache-2.0 */
/* Backup: what snapshots there are, and what is in one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <coffer/backup.h>

#include "base/utc.h"
#include "engine/backup_find.h"

static coffer_err
fill(struct fault *f, const struct backup_store *store, const struct found *found, struct coffer_backup_snapshot *out)
{
	struct snapshot s = SNAPSHOT_INIT;
	char time[UTC_LEN + 1];
	coffer_err err = found_read(f, store, found, &s);

	(void)snprintf(out->name, sizeof(out->name), "%s", found->name);
	(void)snprintf(out->time, sizeof(out->time), "%s", utc_text(found->time, time));
	(void)snprintf(out->host, sizeof(out->host), "%s", s.host);
	out->n_files = s.n_files;
	for (size_t i = 0; i < s.n_files; i++)
		out->bytes += s.files[i].size;
	snapshot_free(&s);
	if (err == COFFER_E_NOMEM)
		return err;
	out->err = err;
	if (err)
		(void)snprintf(out->why, sizeof(out->why), "%.*s", (int)sizeof(out->why) - 1, f->text);
	return COFFER_OK;
}

coffer_err
coffer_backup_list(struct coffer_ctx *ctx, const char *store, struct coffer_backup_snapshot **list_out, size_t *n_out)
{
	struct fault *f = ctx_begin(ctx), why = {0};
	struct backup_store s = BACKUP_STORE_INIT;
	struct finds finds = {.v = NULL};
	coffer_err err;

	*list_out = NULL;
	*n_out = 0;
	TRY(store_open(f, store, &s));
	TRY(finds_list(f, &s, &finds));
	*list_out = calloc(finds.n + 1, sizeof(**list_out));
	if (!*list_out)
		TRY(fault_nomem(f));
	for (size_t i = 0; i < finds.n; i++) {
		TRY(ctx_check_cancelled(f, ctx));
		if (fill(&why, &s, &finds.v[i], &(*list_out)[i]) != COFFER_OK)
			TRY(fault_nomem(f));
	}
	*n_out = finds.n;
out:
	if (err) {
		free(*list_out);
		*list_out = NULL;
	}
	finds_free(&finds);
	store_close(&s);
	return err;
}

/* ---- the files of one ---- */

void
coffer_backup_files_free(struct coffer_backup_file **list, size_t n)
{
	for (size_t i = 0; *list && i < n; i++)
		free((*list)[i].path);
	free(*list);
	*list = NULL;
}

/* Takes the paths of @s over. */
static coffer_err
hand_out(struct fault *f, struct snapshot *s, struct coffer_backup_file **list_out, size_t *n_out)
{
	char time[UTC_LEN + 1];

	*list_out = calloc(s->n_files + 1, sizeof(**list_out));
	if (!*list_out)
		return fault_nomem(f);
	for (size_t i = 0; i < s->n_files; i++) {
		struct coffer_backup_file *file = &(*list_out)[i];

		file->path = s->files[i].path;
		s->files[i].path = NULL;
		file->size = s->files[i].size;
		(void)snprintf(file->time, sizeof(file->time), "%s",
			       utc_text((int64_t)(s->files[i].mtime_ns / UINT64_C(1000000000)), time));
	}
	*n_out = s->n_files;
	return COFFER_OK;
}

coffer_err
coffer_backup_files(struct coffer_ctx *ctx, const char *store, const char *snapshot,
		    struct coffer_backup_file **list_out, size_t *n_out)
{
	struct fault *f = ctx_begin(ctx);
	struct backup_store s = BACKUP_STORE_INIT;
	struct snapshot read = SNAPSHOT_INIT;
	struct finds finds = {.v = NULL};
	const struct found *found;
	coffer_err err;

	*list_out = NULL;
	*n_out = 0;
	TRY(store_open(f, store, &s));
	TRY(finds_list(f, &s, &finds));
	TRY(finds_choose(f, &finds, snapshot, &found));
	TRY(found_read(f, &s, found, &read));
	TRY(hand_out(f, &read, list_out, n_out));
out:
	snapshot_free(&read);
	finds_free(&finds);
	store_close(&s);
	return err;
}
