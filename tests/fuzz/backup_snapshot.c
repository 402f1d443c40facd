/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot of a backup: what is read is safe to act on, and written again it says the same. */
#include <string.h>

#include "engine/backup_snapshot.h"
#include "support/fuzz.h"

static void
check_file(const struct backup_file *file, uint64_t part_size)
{
	need(file->n_parts == backup_n_parts(file->size, part_size));
	need(file->size <= LIMIT_SIZE && file->mode <= 0777);
	for (size_t i = 0; i < file->n_parts; i++) {
		uint64_t len = backup_part_len(file->size, part_size, i);

		need(len > 0 && len <= part_size);
	}
}

static void
check_path(const char *path)
{
	need(path[0] != '/' && strstr(path, "//") == NULL && strncmp(path, "../", 3) != 0 &&
	     strstr(path, "/../") == NULL);
	need(strlen(path) <= LIMIT_BACKUP_PATH && strcmp(path, "..") != 0);
}

static void
check(struct snapshot *s, struct view text)
{
	struct buf again = BUF_INIT(LIMIT_BACKUP_SNAPSHOT);
	char name[SNAPSHOT_NAME_LEN + 1];
	struct snapshot back;
	uint8_t key[32] = {1}, id[SNAPSHOT_ID_LEN];
	int64_t time;

	for (size_t i = 0; i < s->n_files; i++) {
		check_path(s->files[i].path);
		check_file(&s->files[i], s->part_size);
	}
	check_file(&s->private_part, s->part_size);
	need(s->private_part.n_parts > 0);
	snapshot_name(s, name);
	need(snapshot_name_parse(name, &time, id) && time == s->time && memcmp(id, s->id, sizeof(id)) == 0);
	need(snapshot_encode(NULL, s, view_of(key, sizeof(key)), &again) == COFFER_OK);
	need(snapshot_decode(NULL, buf_view(&again), &back) == COFFER_OK);
	need(snapshot_verify(NULL, &back, view_of(key, sizeof(key))) == COFFER_OK);
	/* numbers that may stand as such are written as text: it is longer, and never less */
	need(back.n_files == s->n_files && again.len >= text.len);
	snapshot_free(&back);
	buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f = {.text = ""};
	struct snapshot s;
	coffer_err err = snapshot_decode(&f, view_of(data, size), &s);

	if (err == COFFER_OK)
		check(&s, view_of(data, size));
	else
		need((err == COFFER_E_FORMAT || err == COFFER_E_UNSUPPORTED) && f.text[0] != '\0' && !s.files);
	snapshot_free(&s);
	return 0;
}
