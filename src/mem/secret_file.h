/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that stand in a file, or where another says: tokens, passwords of clients. */
#ifndef MEM_SECRET_FILE_H
#define MEM_SECRET_FILE_H

#include <stdbool.h>

#include "mem/secret.h"

/** secret_source_fn - get the secret that @uri names, at most @max bytes of it; errors as for files, and those of a key service */
typedef coffer_err (*secret_source_fn)(struct fault *f, const char *what, const char *uri, size_t max,
				       struct secret *out);

/** secret_file_set_source() - have secret_from_file() take what begins with @scheme from @source, for the whole process; @scheme lives as long as it */
void secret_file_set_source(const char *scheme, secret_source_fn source);

/** secret_file_is_source() - whether @path names a secret that stands elsewhere than in a file */
bool secret_file_is_source(const char *path);

/**
 * secret_from_file() - what the file @path holds, or what secret_file_set_source() has for it, without white space around it
 * @what: what it is, for messages
 * @max: bytes of the file, at most
 * @out: SECRET_INIT or freed; gets it
 *
 * The file may be a pipe.  COFFER_E_KEY when it is empty or too long; COFFER_E_NOTFOUND, COFFER_E_PERM, COFFER_E_IO.
 */
coffer_err secret_from_file(struct fault *f, const char *what, const char *path, size_t max, struct secret *out);

/** secret_from_plain_file() - the same, of a file alone: for what has to be known before anybody else can be asked */
coffer_err secret_from_plain_file(struct fault *f, const char *what, const char *path, size_t max, struct secret *out);

/** secret_line_from_source() - the first line of what secret_file_set_source() has for @uri; else as secret_from_file() */
coffer_err secret_line_from_source(struct fault *f, const char *what, const char *uri, size_t max, struct secret *out);

#endif
