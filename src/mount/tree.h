/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folders and files that a list of paths makes.  Fixed once it is there, so that any thread may look.
 */
#ifndef MOUNT_TREE_H
#define MOUNT_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/view.h"

#define TREE_ROOT 1 /* the number of the folder of all; others have those that follow */
#define TREE_NO_FILE UINT32_MAX

/** struct tree_node - a folder or a file; @parent of the root is the root */
struct tree_node {
	struct view name; /* in a path; not the root's, which has none */
	uint64_t parent;
	uint32_t file; /* which path, or TREE_NO_FILE: it is a folder, and has: */
	uint32_t n;    /* entries, */
	uint32_t first;
	uint32_t folders; /* of which so many are folders */
};

struct tree;

/** struct tree_paths - where the paths come from */
struct tree_paths {
	uint32_t n; /* how many, at most LIMIT_FILES */
	const char *(*path)(const void *user,
			    uint32_t i); /* relative, its parts with single slashes between; outlives the tree */
	const void *user;
};

/**
 * tree_new() - make the tree of @paths, in any order
 *
 * Return: COFFER_OK; COFFER_E_FORMAT for an empty part, or for two of one name in a folder; COFFER_E_NOMEM.
 */
coffer_err tree_new(struct fault *f, const struct tree_paths *paths, struct tree **tree_out);
void tree_free(struct tree **tree);

/** tree_at() - number @ino, or NULL */
const struct tree_node *tree_at(const struct tree *tree, uint64_t ino);

/** tree_find() - the number of what is called @name in the folder @ino, or 0 */
uint64_t tree_find(const struct tree *tree, uint64_t ino, struct view name);

/** tree_child() - the number of entry @i of the folder @node, in order of names, or 0 past the last */
uint64_t tree_child(const struct tree *tree, const struct tree_node *node, uint64_t i);

#endif
