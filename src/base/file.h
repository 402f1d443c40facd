/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: whole reads and writes, and new files that appear whole or not at all.
 *
 * Errors are sentences with the path in them; EINTR never shows.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/fault.h"

/** file_read_at() - exactly @len bytes from @off of @fd; a shorter file is COFFER_E_CHANGED */
coffer_err file_read_at(struct fault *f, int fd, const char *path, void *buf, size_t len, uint64_t off);

/** file_write_at() - all @len bytes to @off of @fd */
coffer_err file_write_at(struct fault *f, int fd, const char *path, const void *buf, size_t len, uint64_t off);

/** file_slurp() - the whole of a regular file, at most @max bytes, appended to @out; @mode_out may be NULL */
coffer_err file_slurp(struct fault *f, const char *path, size_t max, struct buf *out, mode_t *mode_out);

/** file_slurp_at() - the same for @name beneath the folder @dirfd, no symbolic links followed; @shown is for messages */
coffer_err file_slurp_at(struct fault *f, int dirfd, const char *name, const char *shown, size_t max, struct buf *out);

/** file_check_no_link() - COFFER_E_USAGE when @path is a symbolic link: in place the link would go, not the file */
coffer_err file_check_no_link(struct fault *f, const char *path);

/**
 * file_take_after() - give what @fd is the owner, group and permissions of @like, which it will replace
 *
 * A program that rotates keys as another user must not shut out those who read the model.  Return: whether this process
 * may do all of that; it does what it may.
 */
bool file_take_after(int fd, const struct stat *like);

/** file_close() - close *@fd if it is one, and set it to -1 */
void file_close(int *fd);

/**
 * struct newfile - a file that is being made
 *
 * Has no name until newfile_commit(): it is an unnamed temporary file of its
 * folder (O_TMPFILE), so that a killed process leaves nothing.  Where the file system has none, and for the moment in
 * which it replaces another, it is «.NAME.coffer-tmp»; newfile_open() removes a stale one.
 */
struct newfile {
	int fd;	      /* write here */
	int dirfd;    /* its folder; owned */
	char *name;   /* the last part of its path */
	char *shown;  /* the path as the user wrote it, for messages */
	char *tmp;    /* the temporary name while there is one, else NULL */
	bool replace; /* an existing file of that name is replaced */
	int to_dirfd; /* the folder that newfile_name() gave, or -1; owned */
};

#define NEWFILE_INIT                                                                                                   \
	{                                                                                                              \
		.fd = -1, .dirfd = -1, .to_dirfd = -1                                                                  \
	}

/** newfile_open() - begin a new file at @path; COFFER_E_EXISTS at once when it is there and not @replace */
coffer_err newfile_open(struct fault *f, struct newfile *n, const char *path, mode_t mode, bool replace);

/** newfile_open_at() - the same for @name in the folder @dirfd, which is duplicated; @shown is for messages */
coffer_err newfile_open_at(struct fault *f, struct newfile *n, int dirfd, const char *name, const char *shown,
			   mode_t mode, bool replace);

/**
 * newfile_name() - call it @name in the folder @dirfd, which is duplicated: for what is called by its own hash
 *
 * The folder must be of the same file system.  @n must have been opened without replace.
 */
coffer_err newfile_name(struct fault *f, struct newfile *n, int dirfd, const char *name);

/** newfile_commit() - make the content durable, give it its name, make the folder durable */
coffer_err newfile_commit(struct fault *f, struct newfile *n);

/** newfile_abort() - forget it; after a commit this only frees.  Always call it. */
void newfile_abort(struct newfile *n);

/** file_write_new() - a whole new file of @len bytes by the same steps */
coffer_err file_write_new(struct fault *f, const char *path, const void *bytes, size_t len, mode_t mode, bool replace);

/** file_sync_dir() - make the names in the folder @dirfd durable */
coffer_err file_sync_dir(struct fault *f, int dirfd, const char *shown);

/** file_sync_parent() - make the name @path itself, or its being gone, durable: the names in its folder */
coffer_err file_sync_parent(struct fault *f, const char *path);

#endif
