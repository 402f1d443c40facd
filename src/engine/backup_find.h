/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshots of a store: by name, by a part of their id, or the latest.
 */
#ifndef ENGINE_BACKUP_FIND_H
#define ENGINE_BACKUP_FIND_H

#include "engine/backup_store.h"

/** struct found - the name of a snapshot, and what it says */
struct found {
	char name[SNAPSHOT_NAME_LEN + 1];
	int64_t time;
	uint8_t id[SNAPSHOT_ID_LEN];
};

/** struct finds - the oldest first; of one second by id */
struct finds {
	struct found *v;
	size_t n, cap;
};

/** finds_list() - all snapshots; free with finds_free() */
coffer_err finds_list(struct fault *f, const struct backup_store *store, struct finds *out);
void finds_free(struct finds *l);

/**
 * finds_choose() - the one that @which means: a name, with or without «.json»; at least six digits of an id; or «latest»
 *
 * COFFER_E_NOTFOUND; COFFER_E_USAGE when it means several.
 */
coffer_err finds_choose(struct fault *f, const struct finds *l, const char *which, const struct found **out);

/** found_read() - read the snapshot @found, see that it is what its name says and of this store; free with snapshot_free() */
coffer_err found_read(struct fault *f, const struct backup_store *store, const struct found *found,
		      struct snapshot *out);

#endif
