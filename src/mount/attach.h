/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaching a FUSE file system to a folder and taking it away: by mount(2) and umount2(2) where this process may, else by
 * fusermount3, which is set-uid root.
 */
#ifndef MOUNT_ATTACH_H
#define MOUNT_ATTACH_H

#include "mount/mount.h"

/** ATTACH_MAX_READ - bytes that the kernel asks for at once, at most: 256 pages, which is its own limit (fs.fuse.max_pages_limit) */
#define ATTACH_MAX_READ (UINT32_C(1) << 20)

/** struct attached - a file system that hangs at a folder */
struct attached {
	int fd;			   /* of /dev/fuse */
	char *dir;		   /* absolute, without links; NULL when this process cannot take it away */
	unsigned int major, minor; /* its device: what hangs at @dir later is another one */
};

#define ATTACHED_INIT                                                                                                  \
	{                                                                                                              \
		.fd = -1, .dir = NULL                                                                                  \
	}

/** attach() - as mount_attach() says; of @options those that mount(2) has */
coffer_err attach(struct fault *f, const char *dir, const struct mount_options *options, struct attached *out);

/** attached_detach() - take it away from its folder, if it still hangs there; COFFER_E_BUSY */
coffer_err attached_detach(struct fault *f, const struct attached *a, enum mount_busy busy);

/** attached_free() - close and free; what is still attached has nobody who answers, if no other process has the descriptor */
void attached_free(struct attached *a);

#endif
