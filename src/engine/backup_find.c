/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/backup_find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"

#define ID_TEXT_MIN 6

void
finds_free(struct finds *l)
{
	free(l->v);
	*l = (struct finds){.v = NULL};
}

/* What has another name is no snapshot, and is passed over. */
static coffer_err
add(void *arg, struct fault *f, const struct store_entry *e)
{
	struct finds *l = arg;
	struct found found;

	if (!snapshot_name_parse(e->name, &found.time, found.id))
		return COFFER_OK;
	(void)snprintf(found.name, sizeof(found.name), "%s", e->name);
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct found *v = cap <= 2 * LIMIT_BACKUP_SNAPSHOTS ? realloc(l->v, cap * sizeof(*v)) : NULL;

		if (!v)
			return fault_nomem(f);
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = found;
	return COFFER_OK;
}

static int
compare(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return memcmp(x->id, y->id, sizeof(x->id));
}

coffer_err
finds_list(struct fault *f, const struct backup_store *store, struct finds *out)
{
	coffer_err err;

	*out = (struct finds){.v = NULL};
	TRY(store->verbs->list(store->self, f, STORE_SNAPSHOTS, add, out));
	if (out->n > 0)
		qsort(out->v, out->n, sizeof(*out->v), compare);
out:
	if (err)
		finds_free(out);
	return err;
}

static bool
is_meant(const struct found *found, const char *which)
{
	char id[SNAPSHOT_ID_TEXT];
	size_t len = strlen(which);

	enc_hex(found->id, sizeof(found->id), id);
	return strcmp(found->name, which) == 0 ||
	       (len == SNAPSHOT_NAME_LEN - 5 && strncmp(found->name, which, len) == 0) ||
	       (len >= ID_TEXT_MIN && len < sizeof(id) && strncmp(id, which, len) == 0);
}

coffer_err
finds_choose(struct fault *f, const struct finds *l, const char *which, const struct found **out)
{
	*out = NULL;
	if (l->n == 0)
		return fault_set(f, COFFER_E_NOTFOUND, "there is no snapshot in the store yet");
	if (strcmp(which, "latest") == 0) {
		*out = &l->v[l->n - 1];
		return COFFER_OK;
	}
	for (size_t i = 0; i < l->n; i++) {
		if (!is_meant(&l->v[i], which))
			continue;
		if (*out)
			return fault_set(f, COFFER_E_USAGE, "«%s» is the beginning of several ids; give more of it",
					 which);
		*out = &l->v[i];
	}
	if (!*out)
		return fault_set(f, COFFER_E_NOTFOUND,
				 "there is no snapshot «%s»; «coffer backup list» shows all, with their ids, and "
				 "«latest» is the last",
				 which);
	return COFFER_OK;
}

coffer_err
found_read(struct fault *f, const struct backup_store *store, const struct found *found, struct snapshot *out)
{
	struct buf text = BUF_INIT(LIMIT_BACKUP_SNAPSHOT);
	char name[80];
	uint8_t hash[SHA256_LEN];
	coffer_err err;

	*out = (struct snapshot)SNAPSHOT_INIT;
	store_snapshot_name(found->name, name);
	TRY(store->verbs->read(store->self, f, name, LIMIT_BACKUP_SNAPSHOT, &text));
	TRY(sha256(f, buf_view(&text), hash));
	/* [B-6] */
	if (memcmp(hash, found->id, sizeof(found->id)) != 0)
		TRY(fault_set(f, COFFER_E_AUTH, "it is damaged: its bytes are not those that were written"));
	TRY(snapshot_decode(f, buf_view(&text), out));
	if (memcmp(out->store, store->id, sizeof(out->store)) != 0 || out->part_size != store->part_size)
		TRY(fault_set(f, COFFER_E_FORMAT, "it belongs to another store"));
	if (out->time != found->time)
		TRY(fault_set(f, COFFER_E_FORMAT, "its name has another time than itself"));
out:
	buf_free(&text);
	if (err)
		snapshot_free(out);
	if (err && err != COFFER_E_NOMEM)
		(void)fault_prefix(f, "snapshot %s", found->name);
	return err;
}
