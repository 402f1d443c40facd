/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read-only file system of an opened model, served over /dev/fuse.
 */
#ifndef MOUNT_MOUNT_H
#define MOUNT_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <coffer/open.h>

#include "base/fault.h"

/** struct mount_options - who sees what */
struct mount_options {
	uid_t owner; /* of every file and folder */
	gid_t group;
	mode_t mode;	  /* permission bits of files, as 0400; folders have x where r is */
	bool allow_other; /* others than the one who mounts may look in, as far as @mode lets them */
	uint64_t
		memory; /* bytes of plaintext that are kept at most, for passthrough and for the cache together; 0 = half of what is free */
	bool passthrough;     /* where kernel and rights allow it */
	unsigned int threads; /* that serve; 0 = as many as there are processors, and at least 4 */
};

/** struct mount - a file system that is attached to a folder, and not yet or no longer served */
struct mount;

/**
 * mount_attach() - attach a file system to the folder @dir of this mount namespace: by mount(2), or else by fusermount3
 * @mount_out: gets it, or NULL; free it with mount_free(), which detaches it
 *
 * Return: COFFER_OK; COFFER_E_NOTFOUND; COFFER_E_PERM when neither works, with what is missing; COFFER_E_UNSUPPORTED without /dev/fuse.
 */
coffer_err mount_attach(struct fault *f, const char *dir, const struct mount_options *options,
			struct mount **mount_out);

/**
 * mount_serve() - answer until it is unmounted or @ctx is cancelled
 * @model: whose it is and what code it carries has been looked at
 *
 * A record that is not authentic is EIO, and so is the rest of its file from then on.
 */
coffer_err mount_serve(struct fault *f, struct coffer_ctx *ctx, struct mount *mount, struct coffer_model *model);

void mount_free(struct mount **mount);

#endif
