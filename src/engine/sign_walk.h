/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a model as a signature sees them (OMS 1.0 section 6): all regular ones, hidden ones included.
 *
 * Each file is remembered as it was listed, so that whatever happens to it afterwards is noticed.
 */
#ifndef ENGINE_SIGN_WALK_H
#define ENGINE_SIGN_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fault.h"
#include "engine/ignore.h"

/** struct sign_file - a file as it was listed */
struct sign_file {
	char *path; /* relative to the model */
	uint64_t size;
	dev_t dev;
	ino_t ino;
	struct timespec mtime, ctime;
};

struct sign_walk {
	struct sign_file *files; /* in ascending order of path bytes */
	size_t n, cap;
	uint64_t bytes;
};

/** struct sign_walk_options - what to look for; zeroed: everything, and the first thing that cannot be signed is an error */
struct sign_walk_options {
	const struct ignore *ignore; /* left out; may be NULL */
	const char *signature;	     /* the path of the signature file, which is never part of the model; may be NULL */
	bool allow_symlinks;	     /* a link to a file within the model is listed as that file */

	/* wanted: whether @path, or something below it, is listed whatever @ignore and @signature say; may be NULL */
	bool (*wanted)(void *arg, const char *path);

	/* refused: told of what cannot be signed, with the sentence in @f; what it returns ends the walk, but for COFFER_OK */
	coffer_err (*refused)(void *arg, struct fault *f, const char *path);

	/* ignored: told of what is there and left out; not of the signature */
	coffer_err (*ignored)(void *arg, struct fault *f, const char *path);

	void *arg;
};

/**
 * sign_walk() - list the files below the folder @dirfd; @shown is its name, for messages; free with sign_walk_free()
 *
 * COFFER_E_USAGE, unless there is a refused(), for a link, a link that leads out of the model, to a folder or to nothing, a
 * pipe, socket or device, and for a name that is no UTF-8, has control characters, or is too long.
 */
coffer_err sign_walk(struct fault *f, int dirfd, const char *shown, const struct sign_walk_options *options,
		     struct sign_walk *out);

/** sign_walk_add() - append a file; the list must be in order when it is searched */
coffer_err sign_walk_add(struct fault *f, struct sign_walk *w, const char *path, const struct stat *st);

/** sign_walk_find() - the file at @path, or NULL */
const struct sign_file *sign_walk_find(const struct sign_walk *w, const char *path);

/** sign_walk_difference() - the path of the first file that came, went or changed from @a to @b, or NULL */
const char *sign_walk_difference(const struct sign_walk *a, const struct sign_walk *b);

/** sign_file_is() - whether @st is the file as it was listed: the same one, of that size, not written or changed since */
bool sign_file_is(const struct sign_file *file, const struct stat *st);

/** sign_file_check() - COFFER_E_CHANGED when @fd is not the file as it was listed, and verified; @shown is its name, for messages */
coffer_err sign_file_check(struct fault *f, const struct sign_file *file, int fd, const char *shown);

/** sign_file_changed() - the COFFER_E_CHANGED of sign_file_check() */
coffer_err sign_file_changed(struct fault *f, const char *shown);

/** sign_walk_free() - free what it holds; it is empty again */
void sign_walk_free(struct sign_walk *w);

#endif
