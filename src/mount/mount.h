/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read-only file system of an opened model, served over /dev/fuse.
 *
 * Attaching and serving may happen in two processes: one attaches where the folder is, hands mount_fd() over and calls
 * mount_let_go(); the other, which has the model, calls mount_adopt() and serves.
 */
#ifndef MOUNT_MOUNT_H
#define MOUNT_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <coffer/open.h>

#include "base/fault.h"

/** mount_say_fn - told once of each file that could not be read, and why; from any thread, one at a time */
typedef void (*mount_say_fn)(void *user, const char *text);

/** struct mount_options - who sees what */
struct mount_options {
	uid_t owner; /* of every file and folder */
	gid_t group;
	mode_t mode;	  /* permission bits of files, as 0400; folders have x where r is */
	bool allow_other; /* others than the one who mounts may look in, as far as @mode lets them */
	uint64_t memory;  /* bytes of plaintext kept at most, passthrough and cache together; 0: half of what is free */
	bool passthrough; /* where kernel and rights allow it */
	bool ahead;	  /* when a file is opened, the next one is, too, if memory allows */
	unsigned int threads; /* that serve; 0 = as many as there are processors, and at least 4 */
	mount_say_fn say;     /* may be NULL */
	void *user;
};

/** struct mount - a file system that is attached to a folder; it can be served once */
struct mount;

/**
 * mount_attach() - attach a file system to the empty folder @dir of this mount namespace: by mount(2), or else by fusermount3
 * @options: is copied
 * @mount_out: gets it, or NULL; free it with mount_free(), which detaches it
 *
 * Return: COFFER_OK; COFFER_E_NOTFOUND without @dir or /dev/fuse; COFFER_E_EXISTS when @dir is not empty; COFFER_E_PERM when
 * neither way works, with what is missing.
 */
coffer_err mount_attach(struct fault *f, const char *dir, const struct mount_options *options,
			struct mount **mount_out);

/** mount_fd() - the descriptor that it is served through; belongs to @mount, close-on-exec */
int mount_fd(const struct mount *mount);

/** mount_adopt() - what another process attached and sent @fd of, which is taken over; mount_free() ends it and cannot detach it */
coffer_err mount_adopt(struct fault *f, int fd, const struct mount_options *options, struct mount **mount_out);

/** mount_let_go() - free *@mount and leave the file system attached: another process serves it */
void mount_let_go(struct mount **mount);

/**
 * mount_start() - begin to answer, in threads
 * @model: whose it is and what code it carries has been looked at; it and @ctx belong to @mount until mount_free()
 *
 * A record that is not authentic is EIO, and so is the rest of its file from then on.
 */
coffer_err mount_start(struct fault *f, struct coffer_ctx *ctx, struct mount *mount, struct coffer_model *model);

/**
 * mount_wait() - answer until it is unmounted or mount_stop() was called, and then detach it
 *
 * Return: COFFER_OK; COFFER_E_AUTH when a file was not authentic; COFFER_E_BUSY when it was stopped in the middle of somebody's
 * use, who gets errors from then on.
 */
coffer_err mount_wait(struct fault *f, struct mount *mount);

/** mount_stop() - have mount_wait() end; from any thread and from a signal handler, after mount_start() */
void mount_stop(struct mount *mount);

/** mount_free() - end it, detach it, free and set it to NULL; NULL is fine */
void mount_free(struct mount **mount);

/** enum mount_busy - what to do about a file system that is in use */
enum mount_busy { MOUNT_BUSY_REFUSE, MOUNT_BUSY_LAZY };

/**
 * mount_detach() - unmount what coffer has mounted at @dir, served or dead: by umount2(2), or else by fusermount3
 * @busy: lazily it disappears from @dir at once, and ends with its last open file
 *
 * Return: COFFER_OK; COFFER_E_NOTFOUND when nothing of coffer is mounted there; COFFER_E_BUSY; COFFER_E_PERM.
 */
coffer_err mount_detach(struct fault *f, const char *dir, enum mount_busy busy);

#endif
