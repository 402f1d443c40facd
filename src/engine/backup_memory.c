/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/backup_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/home.h"
#include "base/path.h"

coffer_err
backup_memory_find(struct fault *f, const struct backup_store *store, const struct roots *roots, char **path_out)
{
	struct buf paths = BUF_INIT((size_t)LIMIT_BACKUP_ROOTS * (LIMIT_BACKUP_PATH + 1));
	char id[2 * BACKUP_STORE_ID_LEN + 1], of[2 * 8 + 1], below[80];
	uint8_t hash[SHA256_LEN];
	coffer_err err;

	*path_out = NULL;
	for (size_t i = 0; i < roots->n; i++)
		TRY(buf_add(f, &paths, roots->v[i].path, strlen(roots->v[i].path) + 1));
	TRY(sha256(f, buf_view(&paths), hash));
	enc_hex(store->id, sizeof(store->id), id);
	enc_hex(hash, 8, of);
	(void)snprintf(below, sizeof(below), "backup/%s-%s", id, of);
	err = home_path(f, HOME_STATE, below, path_out);
	if (err == COFFER_E_NOTFOUND)
		err = COFFER_OK;
out:
	buf_free(&paths);
	return err;
}

coffer_err
backup_memory_keep(struct fault *f, const char *path, const char *name)
{
	char *dir;
	coffer_err err;

	if (!path)
		return COFFER_OK;
	dir = strndup(path, (size_t)(path_base(path) - path) - 1);
	err = dir ? home_make(f, "the folder of what was backed up", dir) : fault_nomem(f);
	if (err == COFFER_OK)
		err = file_write_new(f, path, name, strlen(name), 0600, true);
	free(dir);
	return err;
}

bool
backup_memory_recall(const char *path, struct found *out)
{
	struct buf text = BUF_INIT(SNAPSHOT_NAME_LEN);
	bool known = path && file_slurp(NULL, path, SNAPSHOT_NAME_LEN, &text, NULL) == COFFER_OK;

	if (known) {
		(void)snprintf(out->name, sizeof(out->name), "%.*s", (int)text.len, (const char *)text.p);
		known = snapshot_name_parse(out->name, &out->time, out->id);
	}
	buf_free(&text);
	return known;
}
