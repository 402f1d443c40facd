/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder that a private place is mounted over, or that holds links: one of ours, which is made once and used again and
 * again, for every run sees its own.
 */
#ifndef RUN_SPOT_H
#define RUN_SPOT_H

#include "base/fault.h"

#define SPOT_LEN 256 /* bytes of its path, with the NUL */

enum spot_use {
	SPOT_MOUNT, /* something is mounted over it: an empty folder of the system does, too */
	SPOT_WRITE, /* files are made in it */
};

/** struct spot - it */
struct spot {
	char path[SPOT_LEN];
	int fd; /* O_PATH; so that nobody can exchange what stands behind the path */
};

#define SPOT_INIT                                                                                                      \
	{                                                                                                              \
		.fd = -1                                                                                               \
	}

/**
 * spot_find() - the first that can be had of $XDG_RUNTIME_DIR/coffer; of root /run/coffer; /tmp/.coffer-UID;
 * /dev/shm/.coffer-UID; and to mount over, /mnt, /media, /srv and /opt where they are empty
 * @out: file_close() its descriptor
 *
 * One that is a link, belongs to somebody else, that others may enter or lies where others could rename it is passed over; to
 * mount over, one that is mounted over already, by the run in which this one runs.
 * Return: COFFER_OK; COFFER_E_NOTFOUND when there is none, and how to make one.
 */
coffer_err spot_find(struct fault *f, enum spot_use use, struct spot *out);

#endif
