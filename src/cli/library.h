/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the command and the library: its sentences, and the keys that options name.
 */
#ifndef CLI_LIBRARY_H
#define CLI_LIBRARY_H

#include <coffer/coffer.h>

#include "base/fault.h"
#include "cli/command.h"

/** library_start() - a context with progress, notices, prompt and signals; end with library_end() */
coffer_err library_start(struct fault *f, struct coffer_ctx **ctx_out);
void library_end(struct coffer_ctx **ctx);

/** library_environment() - of --environment and $COFFER_ENVIRONMENT, or NULL; COFFER_E_USAGE when they differ or the latter is empty */
coffer_err library_environment(struct fault *f, const char **out);

/** library_fault() - @err of a call of the library, with its sentence in @f */
coffer_err library_fault(struct fault *f, const struct coffer_ctx *ctx, coffer_err err);

/** library_keys() - a keyring of the keys that @uris name, which may be none; free it with coffer_keyring_free() */
coffer_err library_keys(struct fault *f, struct coffer_ctx *ctx, const struct words *uris,
			struct coffer_keyring **keyring_out);

/** library_one_key() - the one --kek, which must be there */
coffer_err library_one_key(struct fault *f, const char **uri_out);

/** library_keys_to_seal() - of --kek, else the key of the local keyring that is called «default» */
coffer_err library_keys_to_seal(struct fault *f, struct coffer_ctx *ctx, struct coffer_keyring **keyring_out);

/** library_keys_to_open() - of --kek, else every key of the local keyring */
coffer_err library_keys_to_open(struct fault *f, struct coffer_ctx *ctx, struct coffer_keyring **keyring_out);

#endif
