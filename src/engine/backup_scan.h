/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a backup is to have: the sealed models in the folders that were named, and what lies between them.
 */
#ifndef ENGINE_BACKUP_SCAN_H
#define ENGINE_BACKUP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "engine/backup_snapshot.h"
#include "engine/walk.h"

/** struct roots - what was named: files and folders */
struct roots {
	struct backup_root *v;
	size_t n;
};

/**
 * roots_find() - look up @paths; free with roots_free(), after a failure too
 *
 * With a sealed file come its signatures, if they lie beside it.  COFFER_E_USAGE for two of one name.
 */
coffer_err roots_find(struct fault *f, const char *const *paths, size_t n, struct roots *out);
void roots_free(struct roots *r);

/** struct scan_list - files, in ascending order of path bytes */
struct scan_list {
	struct backup_file *v;
	size_t n, cap;
};

struct scan {
	const struct roots *roots;
	int *fds; /* of those roots that are folders, else -1 */

	struct scan_list sealed; /* and key blocks, and the signatures over them: what need not be hidden */
	struct scan_list plain;	 /* all else, but for hidden files and links */
	uint64_t n_models;
	uint64_t n_links;

	/* models that are not whole, which are not in the lists */
	uint64_t n_broken;
	struct fault broken; /* the first of them */
};

/** scan_run() - look at all of @roots, which must outlive @out; files that match @filter->exclude are not there.  Free with scan_free(), after a failure too. */
coffer_err scan_run(struct fault *f, const struct roots *roots, const struct filter *filter, struct scan *out);
void scan_free(struct scan *s);

/** scan_open() - open the file @path of a list; no link is followed */
coffer_err scan_open(struct fault *f, const struct scan *s, const char *path, int *fd_out);

/** scan_set_stat() - put what @st says into @file */
void scan_set_stat(struct backup_file *file, const struct stat *st);

/** scan_is_same() - whether size, times and inode are the same: nobody has written to it between the two */
bool scan_is_same(const struct backup_file *a, const struct backup_file *b);

/** scan_list_find() - the file called @path, or NULL */
struct backup_file *scan_list_find(const struct backup_file *v, size_t n, const char *path);

#endif
