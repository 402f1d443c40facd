/* SPDX-License-Identifier: Apache-2.0 */
#include "mount/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"

struct tree {
	struct tree_node *nodes; /* nodes[0] is number TREE_ROOT */
	uint32_t n;
	uint32_t cap;
	uint32_t *entries; /* indices of nodes, those of a folder together and in order of names */
};

/* ---- nodes, from sorted paths ---- */

struct sorted {
	const char *path;
	uint32_t file;
};

static int
compare_paths(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* With a slash behind a folder, all below it stand together in the order of bytes. */
static struct sorted *
sort_paths(const struct tree_paths *paths)
{
	struct sorted *all = calloc((size_t)paths->n + 1, sizeof(*all));

	for (uint32_t i = 0; all && i < paths->n; i++)
		all[i] = (struct sorted){.path = paths->path(paths->user, i), .file = i};
	if (all)
		qsort(all, paths->n, sizeof(*all), compare_paths);
	return all;
}

static coffer_err
add_node(struct fault *f, struct tree *t, struct view name, uint64_t parent, uint32_t file, uint64_t *ino_out)
{
	if (t->n == t->cap) {
		uint32_t cap = t->cap ? 2 * t->cap : 64;
		struct tree_node *nodes = reallocarray(t->nodes, cap, sizeof(*nodes));

		if (!nodes)
			return fault_nomem(f);
		t->nodes = nodes;
		t->cap = cap;
	}
	t->nodes[t->n] = (struct tree_node){.name = name, .parent = parent, .file = file};
	*ino_out = TREE_ROOT + t->n++;
	return COFFER_OK;
}

/** struct trail - the folders of the path that was added last, from the top */
struct trail {
	uint64_t ino[LIMIT_PATH / 2 + 1];
	size_t n;
};

/* Add the rest of @path, whose first @trail->n - 1 folders are there already. */
static coffer_err
add_rest(struct fault *f, struct tree *t, struct trail *trail, const char *path, const char *rest, uint32_t file)
{
	coffer_err err = COFFER_OK;

	for (;;) {
		const char *slash = strchrnul(rest, '/');
		struct view name = view_of(rest, (size_t)(slash - rest));
		uint64_t ino;

		if (name.len == 0 || trail->n == sizeof(trail->ino) / sizeof(trail->ino[0]))
			TRY(fault_set(f, COFFER_E_FORMAT, "%s is no path of a model", path));
		TRY(add_node(f, t, name, trail->ino[trail->n - 1], *slash ? TREE_NO_FILE : file, &ino));
		if (!*slash)
			break;
		trail->ino[trail->n++] = ino;
		rest = slash + 1;
	}
out:
	return err;
}

/* Behind the folders that @path has in common with the one before it, which @trail is cut to. */
static const char *
common_folders(const struct tree *t, struct trail *trail, const char *path)
{
	size_t n = 1;

	for (; n < trail->n; n++) {
		struct view name = t->nodes[trail->ino[n] - TREE_ROOT].name;

		if (strncmp(path, (const char *)name.p, name.len) != 0 || path[name.len] != '/')
			break;
		path += name.len + 1;
	}
	trail->n = n;
	return path;
}

static coffer_err
add_nodes(struct fault *f, struct tree *t, const struct sorted *all, uint32_t n)
{
	struct trail trail = {.n = 1};
	coffer_err err;

	TRY(add_node(f, t, view_of("", 0), TREE_ROOT, TREE_NO_FILE, &trail.ino[0]));
	for (uint32_t i = 0; i < n; i++)
		TRY(add_rest(f, t, &trail, all[i].path, common_folders(t, &trail, all[i].path), all[i].file));
out:
	return err;
}

/* ---- entries of folders ---- */

static int
compare_names(struct view a, struct view b)
{
	int order = memcmp(a.p, b.p, (size_t)num_min(a.len, b.len));

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int
compare_entries(const void *a, const void *b, void *arg)
{
	const struct tree_node *nodes = arg, *x = &nodes[*(const uint32_t *)a], *y = &nodes[*(const uint32_t *)b];

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return compare_names(x->name, y->name);
}

static coffer_err
list_entries(struct fault *f, struct tree *t)
{
	uint32_t n = t->n - 1; /* all but the root */

	t->entries = calloc((size_t)n + 1, sizeof(*t->entries));
	if (!t->entries)
		return fault_nomem(f);
	for (uint32_t i = 0; i < n; i++)
		t->entries[i] = i + 1;
	qsort_r(t->entries, n, sizeof(*t->entries), compare_entries, t->nodes);
	for (uint32_t i = 0; i < n; i++) {
		const struct tree_node *node = &t->nodes[t->entries[i]];
		struct tree_node *parent = &t->nodes[node->parent - TREE_ROOT];

		if (i > 0 && compare_entries(&t->entries[i - 1], &t->entries[i], t->nodes) == 0)
			return fault_set(f, COFFER_E_FORMAT, "two files of the model are called %.*s",
					 (int)node->name.len, (const char *)node->name.p);
		if (parent->n++ == 0)
			parent->first = i;
		parent->folders += node->file == TREE_NO_FILE;
	}
	return COFFER_OK;
}

coffer_err
tree_new(struct fault *f, const struct tree_paths *paths, struct tree **tree_out)
{
	struct sorted *all = sort_paths(paths);
	struct tree *t = calloc(1, sizeof(*t));
	coffer_err err;

	*tree_out = NULL;
	if (!all || !t)
		TRY(fault_nomem(f));
	TRY(add_nodes(f, t, all, paths->n));
	TRY(list_entries(f, t));
	*tree_out = t;
	t = NULL;
out:
	tree_free(&t);
	free(all);
	return err;
}

void
tree_free(struct tree **tree)
{
	struct tree *t = *tree;

	if (!t)
		return;
	free(t->nodes);
	free(t->entries);
	free(t);
	*tree = NULL;
}

/* ---- looking ---- */

const struct tree_node *
tree_at(const struct tree *tree, uint64_t ino)
{
	return ino >= TREE_ROOT && ino - TREE_ROOT < tree->n ? &tree->nodes[ino - TREE_ROOT] : NULL;
}

uint64_t
tree_find(const struct tree *tree, uint64_t ino, struct view name)
{
	const struct tree_node *folder = tree_at(tree, ino);
	uint32_t low, high;

	if (!folder || folder->file != TREE_NO_FILE)
		return 0;
	low = folder->first;
	high = low + folder->n;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = compare_names(name, tree->nodes[tree->entries[mid]].name);

		if (order == 0)
			return TREE_ROOT + tree->entries[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return 0;
}

uint64_t
tree_child(const struct tree *tree, const struct tree_node *node, uint64_t i)
{
	return node->file == TREE_NO_FILE && i < node->n ? TREE_ROOT + tree->entries[node->first + i] : 0;
}
