/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replacing a sealed directory whole: the new one is made beside it, then the
 * two change places in one step (renameat2, RENAME_EXCHANGE), then the old one goes.
 */
#ifndef ENGINE_STAGING_H
#define ENGINE_STAGING_H

#include <stdbool.h>

#include "base/fault.h"
#include "engine/ignore.h"
#include "engine/walk.h"

struct staging {
	bool active;  /* there is a sealed model to replace */
	char *target; /* it */
	char *path;   /* the folder beside it, «.NAME.coffer-new» */
};

#define STAGING_INIT                                                                                                   \
	{                                                                                                              \
		.active = false                                                                                        \
	}

/** staging_is_replaceable() - whether there is a sealed model in the folder @target, which may be replaced */
bool staging_is_replaceable(const char *target);

/**
 * staging_begin() - get ready to replace what is at @target
 *
 * Not active when there is nothing, or an empty folder, or an interrupted sealing.  Anything but a sealed model is
 * COFFER_E_EXISTS: it is the user's.  What an interrupted call left beside it is brought to its end first.
 */
coffer_err staging_begin(struct fault *f, struct staging *s, const char *target);

/** staging_list_others() - add to @set what staging_exchange() will take along: files of the old folder that are none of its model's */
coffer_err staging_list_others(struct fault *f, const struct staging *s, struct ignore *set);

/** staging_is_mark() - whether @path is a file that a sealed directory has for itself: its key block, its signature, the mark of a run */
bool staging_is_mark(const char *path);

/** staging_exchange() - put the new model into place; files of the old folder that are none of the model's go along */
coffer_err staging_exchange(struct fault *f, struct staging *s);

/** staging_end() - free; removes nothing */
void staging_end(struct staging *s);

/** staging_clear() - remove every sealed file and mark of a run from the folder @dirfd */
coffer_err staging_clear(struct fault *f, int dirfd, const char *shown);

/** staging_clear_others() - remove the sealed files whose plain file is not in @keep, and a signature over them */
coffer_err staging_clear_others(struct fault *f, int dirfd, const char *shown, const struct walk *keep);

/** staging_remove_folders() - remove the empty folders below @path, and @path itself too unless @keep_top; best effort */
void staging_remove_folders(const char *path, bool keep_top);

/** staging_is_empty() - whether the folder @dirfd holds nothing */
coffer_err staging_is_empty(struct fault *f, int dirfd, const char *shown, bool *out);

#endif
