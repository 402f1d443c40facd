/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/ignore.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/path.h"

/* Where @path is, or where it would be. */
static size_t
find(const struct ignore *set, const char *path, size_t len, bool *there)
{
	size_t low = 0, high = set->n;

	*there = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strncmp(set->paths[mid], path, len);

		if (order == 0 && set->paths[mid][len] != '\0')
			order = 1;
		if (order == 0) {
			*there = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

coffer_err
ignore_add(struct fault *f, struct ignore *set, const char *path)
{
	bool there;
	size_t at = find(set, path, strlen(path), &there);
	char *copy, **paths;

	if (there)
		return COFFER_OK;
	if (set->n == LIMIT_IGNORE_PATHS)
		return fault_set(f, COFFER_E_USAGE,
				 "more than %u paths to leave out; a signature names no more: name folders in place of "
				 "files",
				 LIMIT_IGNORE_PATHS);
	if (set->n == set->cap) {
		set->cap = set->cap ? 2 * set->cap : 16;
		paths = realloc(set->paths, set->cap * sizeof(*paths));
		if (!paths)
			return fault_nomem(f);
		set->paths = paths;
	}
	copy = strdup(path);
	if (!copy)
		return fault_nomem(f);
	memmove(set->paths + at + 1, set->paths + at, (set->n - at) * sizeof(*set->paths));
	set->paths[at] = copy;
	set->n++;
	return COFFER_OK;
}

coffer_err
ignore_add_git(struct fault *f, struct ignore *set)
{
	static const char *const names[] = {".git", ".gitattributes", ".github", ".gitignore"};
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		TRY(ignore_add(f, set, names[i]));
out:
	return err;
}

coffer_err
ignore_add_beside(struct fault *f, struct ignore *set, const char *path)
{
	char *part = strdup(path);
	coffer_err err;

	if (!part)
		return fault_nomem(f);
	for (char *slash = strchr(part, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (path_base(part)[0] == '.')
			break;
		*slash = '/';
	}
	err = ignore_add(f, set, part);
	free(part);
	return err;
}

bool
ignore_has(const struct ignore *set, const char *path)
{
	bool there;

	(void)find(set, path, strlen(path), &there);
	return there;
}

bool
ignore_covers(const struct ignore *set, const char *path)
{
	const char *slash = strchr(path, '/');
	bool there = false;

	for (; slash && !there; slash = strchr(slash + 1, '/'))
		(void)find(set, path, (size_t)(slash - path), &there);
	return there || ignore_has(set, path);
}

void
ignore_free(struct ignore *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->paths[i]);
	free(set->paths);
	*set = (struct ignore){0};
}
