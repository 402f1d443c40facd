/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that stand in a file: tokens, passwords of clients. */
#ifndef MEM_SECRET_FILE_H
#define MEM_SECRET_FILE_H

#include "mem/secret.h"

/**
 * secret_from_file() - what the file @path holds, without white space around it
 * @what: what it is, for messages
 * @max: bytes of the file, at most
 * @out: SECRET_INIT or freed; gets it
 *
 * The file may be a pipe.  COFFER_E_KEY when it is empty or too long; COFFER_E_NOTFOUND, COFFER_E_PERM, COFFER_E_IO.
 */
coffer_err secret_from_file(struct fault *f, const char *what, const char *path, size_t max, struct secret *out);

#endif
