/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything in a folder and the folders below it.
 */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include <stdbool.h>

#include "base/fault.h"

/** struct tree_entry - one entry that is no folder */
struct tree_entry {
	const char *path;   /* relative to the folder that was walked */
	const char *name;   /* its last part */
	int dirfd;	    /* the folder it is in; not owned */
	unsigned char type; /* DT_REG, DT_LNK, … of readdir(3), never DT_UNKNOWN or DT_DIR */
};

struct tree_visitor {
	/* entry: called for each entry; an error ends the walk */
	coffer_err (*entry)(void *arg, struct fault *f, const struct tree_entry *e);
	/* leave_out: whether to pass over @path (an entry or a folder with all below it); may be NULL */
	bool (*leave_out)(void *arg, const char *path, const char *name);
	/*
	 * trouble: called when the folder at @path (empty for the one that was walked) cannot be read, or can no more; @why says
	 * so.  COFFER_OK goes on with the rest.  NULL: the first trouble ends the walk.
	 */
	coffer_err (*trouble)(void *arg, struct fault *f, const char *path, const struct fault *why);
	void *arg;
};

/** tree_walk() - visit all below the folder @dirfd, links not followed; @shown is its name, for messages */
coffer_err tree_walk(struct fault *f, int dirfd, const char *shown, const struct tree_visitor *v);

#endif
