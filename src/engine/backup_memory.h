/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of backups: which snapshot of some folders this user made last in a store.
 *
 * Nothing depends on it but time: without it the next backup reads everything again.
 */
#ifndef ENGINE_BACKUP_MEMORY_H
#define ENGINE_BACKUP_MEMORY_H

#include "engine/backup_find.h"
#include "engine/backup_scan.h"

/**
 * backup_memory_find() - the file that is the memory, $XDG_STATE_HOME/coffer/backup/STORE-ROOTS; free *@path_out with free()
 *
 * Several backups into one store do not know each other's files.  NULL where this user has no home.
 */
coffer_err backup_memory_find(struct fault *f, const struct backup_store *store, const struct roots *roots,
			      char **path_out);

/** backup_memory_keep() - keep the name of a snapshot in the file @path; fine where that is NULL */
coffer_err backup_memory_keep(struct fault *f, const char *path, const char *name);

/** backup_memory_recall() - which one it keeps; false when there is none */
bool backup_memory_recall(const char *path, struct found *out);

#endif
