/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's own folders (XDG Base Directory specification), and whether somebody else could have put something into them.
 */
#ifndef BASE_HOME_H
#define BASE_HOME_H

#include "base/buf.h"
#include "base/fault.h"

enum home_kind {
	HOME_CONFIG, /* $XDG_CONFIG_HOME, else ~/.config: what the user said */
	HOME_DATA,   /* $XDG_DATA_HOME, else ~/.local/share: what was fetched or made for him */
	HOME_STATE,  /* $XDG_STATE_HOME, else ~/.local/state: what happened */
};

/** home_setting() - the value of a variable; NULL when it is unset, empty, or the program runs with another's rights */
const char *home_setting(const char *name);

/** home_path() - @below in the folder of coffer; free it with free(); COFFER_E_NOTFOUND when HOME is not set either */
coffer_err home_path(struct fault *f, enum home_kind kind, const char *below, char **out);

/** home_make() - make, durably, the folder @dir and those above it that are not there, for the user alone; @what is for messages */
coffer_err home_make(struct fault *f, const char *what, const char *dir);

/**
 * home_open() - open the folder @dir; the caller closes *@fd_out, which is -1 on failure
 *
 * COFFER_E_PERM when it belongs to neither the user nor root, or others may write it.
 */
coffer_err home_open(struct fault *f, const char *what, const char *dir, int *fd_out);

/** home_slurp() - append the file @name of the folder @dirfd, which home_open() gave: no link, whose it may be as there, at most @max bytes */
coffer_err home_slurp(struct fault *f, const char *what, int dirfd, const char *name, const char *shown, size_t max,
		      struct buf *out);

#endif
