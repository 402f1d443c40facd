/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain files of a model: which belong to it, in order.
 */
#ifndef ENGINE_WALK_H
#define ENGINE_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/fault.h"
#include "base/path.h"

/** struct filter - which files are wanted; zeroed: all but hidden ones */
struct filter {
	const char *const *include;
	size_t n_include;
	const char *const *exclude;
	size_t n_exclude;
	bool hidden;
};

/** filter_wants() - whether the include and exclude patterns let @path through */
bool filter_wants(const struct filter *filter, const char *path);

struct walk_file {
	char *path;
	uint64_t size;
	struct timespec mtime;
};

struct walk {
	struct walk_file *files; /* in ascending order of path bytes */
	size_t n;
	uint64_t bytes;
};

/** struct walk_options - how to look */
struct walk_options {
	struct filter filter;
	enum path_links links;
	bool resuming; /* sealed files among the plain ones are passed over; else they are COFFER_E_SEALED */
};

/** walk_model() - list the files of the model in the folder @dirfd; free with walk_free() */
coffer_err walk_model(struct fault *f, int dirfd, const char *shown, const struct walk_options *options,
		      struct walk *out);

void walk_free(struct walk *w);

#endif
