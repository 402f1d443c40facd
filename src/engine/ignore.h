/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of a model that a signature leaves out: each is a file, or a folder with all below it.
 *
 * They are relative to the model and compared byte by byte; there are no patterns.
 */
#ifndef ENGINE_IGNORE_H
#define ENGINE_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"

struct ignore {
	char **paths; /* in ascending order, none twice */
	size_t n, cap;
};

/** ignore_add() - add @path, copied; more than LIMIT_IGNORE_PATHS are COFFER_E_USAGE */
coffer_err ignore_add(struct fault *f, struct ignore *set, const char *path);

/** ignore_add_git() - add .git, .gitattributes, .github and .gitignore at the top of the model */
coffer_err ignore_add_git(struct fault *f, struct ignore *set);

/** ignore_add_beside() - add what lies beside a model and is none of it: @path, or the outermost hidden folder that it is in */
coffer_err ignore_add_beside(struct fault *f, struct ignore *set, const char *path);

/** ignore_has() - whether @path itself is in the set */
bool ignore_has(const struct ignore *set, const char *path);

/** ignore_covers() - whether @path or a folder that it is in is in the set */
bool ignore_covers(const struct ignore *set, const char *path);

/** ignore_free() - free the paths; it is empty again */
void ignore_free(struct ignore *set);

#endif
