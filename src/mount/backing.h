/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passthrough: opened files in memory that the kernel reads from without asking the server.
 *
 * The memory is a tmpfs of huge pages without swap, which is mounted nowhere: its files have no name, and it has no path.  How much
 * of it is taken it says itself, files that a program still has mapped after it closed them included.
 * Takes CAP_SYS_ADMIN in the first user namespace, and Linux 6.9.
 */
#ifndef MOUNT_BACKING_H
#define MOUNT_BACKING_H

#include <stdint.h>

#include "base/fault.h"

struct backing;

/** struct backing_file - one that is being filled */
struct backing_file {
	int fd;
	uint8_t *bytes; /* @size of them, zeros at first */
	uint64_t size;
};

#define BACKING_FILE_INIT                                                                                              \
	{                                                                                                              \
		.fd = -1, .bytes = NULL                                                                                \
	}

/**
 * backing_new() - an empty one
 * @fuse: the descriptor that the file system is served through, when INIT has been answered; must outlive it
 * @budget: bytes that it takes at most
 *
 * Return: COFFER_OK, or an error with the reason why there is no passthrough here.
 */
coffer_err backing_new(struct fault *f, int fuse, uint64_t budget, struct backing **out);
void backing_free(struct backing **backing);

/** backing_room() - bytes that are left, and backing_budget() - that there are when it is empty */
uint64_t backing_room(const struct backing *b);
uint64_t backing_budget(const struct backing *b);

/** backing_begin() - memory for a file; fill it, then backing_commit() or backing_abort(); COFFER_E_SPACE, COFFER_E_NOMEM */
coffer_err backing_begin(struct fault *f, const struct backing *b, uint64_t size, struct backing_file *out);

/** backing_commit() - hand it to the kernel, which keeps it until backing_close() of *@id_out and the last use of it */
coffer_err backing_commit(struct fault *f, const struct backing *b, struct backing_file *file, uint32_t *id_out);

/** backing_abort() - forget it; after a commit this does nothing */
void backing_abort(struct backing_file *file);

void backing_close(const struct backing *b, uint32_t id);

#endif
