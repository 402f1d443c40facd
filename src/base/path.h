/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names from outside: the one validator, and folders entered beneath a
 * descriptor so that no name can lead out of it.
 */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

/** path_check() - whether @path may name a file of a model (docs/format.md section 5, [F-23]); the sentence says what is wrong */
coffer_err path_check(struct fault *f, const char *path, size_t len);

/** path_check_model() - path_check() and [F-25]: not a name that a sealed directory uses for itself */
coffer_err path_check_model(struct fault *f, const char *path);

/** path_check_set() - [F-24] over @n paths in strictly ascending order of bytes */
coffer_err path_check_set(struct fault *f, const char *const *paths, size_t n);

/** path_is_hidden() - whether any part begins with a dot */
bool path_is_hidden(const char *path);

/** path_base() - the part of @path after its last slash */
const char *path_base(const char *path);

/**
 * path_escape() - @text as the name of one file: all but letters, digits and -._ as %XX, and a dot in front, too
 *
 * Return: false, with @out empty, when that and a NUL are more than @cap bytes.
 */
bool path_escape(const char *text, char *out, size_t cap);

/** path_matches() - whether shell pattern @pattern matches @path, or its last part when the pattern has no slash */
bool path_matches(const char *pattern, const char *path);

/** text_check() - whether @len bytes are UTF-8 without control characters */
bool text_check(const char *text, size_t len);

enum path_links {
	PATH_NO_LINKS,	    /* a symbolic link anywhere is refused */
	PATH_LINKS_BENEATH, /* links that stay beneath the folder are followed */
	PATH_LINKS_ANY,	    /* all links are followed */
};

/**
 * path_open() - open @path beneath the folder @dirfd for reading
 * @shown: the folder's name, for messages
 *
 * Return: COFFER_OK; COFFER_E_USAGE for a link that is refused; else by errno.
 */
coffer_err path_open(struct fault *f, int dirfd, const char *shown, const char *path, enum path_links links,
		     int *fd_out);

/** path_parent() - open the folder of @path beneath @dirfd, making folders on the way when @make; the caller closes *@fd_out */
coffer_err path_parent(struct fault *f, int dirfd, const char *shown, const char *path, bool make, int *fd_out);

#endif
