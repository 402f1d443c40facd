/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS#11 modules, loaded by p11-kit.
 *
 * Which: the caller's, else module-path of the URI (absolute), else module-name (looked for where distributions put modules),
 * else COFFER_PKCS11_MODULE (a path or a name), else those that p11-kit has configured.
 */
#ifndef CRYPTO_TOKEN_MODULE_H
#define CRYPTO_TOKEN_MODULE_H

#include <stdbool.h>
#include <sys/types.h>

#include "crypto/token_uri.h"

/** struct token_modules - those that are loaded and initialised */
struct token_modules {
	CK_FUNCTION_LIST **list; /* ends with NULL */
	bool configured;	 /* they are those of p11-kit's configuration */
	pid_t pid;		 /* of the process that they are initialised in */
};

/**
 * token_modules_load() - load and initialise what @uri wants
 * @path: of a module that goes before what the URI says; NULL = none
 *
 * COFFER_E_USAGE for a path that is not absolute; COFFER_E_UNAVAILABLE when there is no such module or it does not start.
 */
coffer_err token_modules_load(struct fault *f, P11KitUri *uri, const char *path, struct token_modules *out);

/** token_modules_check() - COFFER_E_USAGE for a path that is not absolute, without loading anything */
coffer_err token_modules_check(struct fault *f, P11KitUri *uri, const char *path);

/** token_modules_restart() - initialise them anew, in a child of fork(2), where they are not (PKCS#11 2.40 section 5.4) */
coffer_err token_modules_restart(struct fault *f, struct token_modules *m);

/** token_modules_unload() - close their sessions, finalise, unload; those of a parent process are left as they are there */
void token_modules_unload(struct token_modules *m);

#endif
