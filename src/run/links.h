/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where no namespace is to be had: files in memory of a process, behind a folder of symbolic links to /proc/PID/fd/N.
 *
 * The folder holds no plaintext.  Others can follow the links only if they could look into the process: the same user, and root.
 */
#ifndef RUN_LINKS_H
#define RUN_LINKS_H

#include <sys/types.h>

#include "base/fault.h"
#include "run/spot.h"

#define LINKS_LEN (SPOT_LEN + 16)

/** struct links - the folder of one run */
struct links {
	char path[LINKS_LEN];
	int lock; /* who holds it lives; those that nobody holds are cleared away */
};

#define LINKS_INIT                                                                                                     \
	{                                                                                                              \
		.lock = -1                                                                                             \
	}

/**
 * links_make() - make a new folder, and clear away those of runs that were killed
 *
 * Return: COFFER_OK; COFFER_E_NOTFOUND when there is no place where this user may write.
 */
coffer_err links_make(struct fault *f, struct links *out);

/** links_add() - have the relative @path, below which folders are made, lead to the descriptor @fd of this process */
coffer_err links_add(struct fault *f, const struct links *links, const char *path, int fd);

/** links_remove() - remove the folder and all in it */
void links_remove(struct links *links);

/**
 * links_stay() - be there until @program, a pidfd, ends: without a terminal, and at the end of nobody's pipe
 *
 * So that the links can be followed core_forbid() must have been called.
 */
void links_stay(int program);

#endif
