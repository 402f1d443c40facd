/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider «passphrase»: a KEK from what a person knows, by scrypt.
 *
 * A passphrase is known from the start (a file, a descriptor) or asked for when
 * the first wrap or unwrap needs it, once.  Whether a recipient is its own it
 * cannot tell without trying.
 */
#ifndef KEY_PASSPHRASE_H
#define KEY_PASSPHRASE_H

#include <coffer/ctx.h>

#include "key/provider.h"
#include "mem/secret.h"

#define PASSPHRASE_KIND "passphrase"
#define PASSPHRASE_LOG_N 17 /* of new wraps: 128 MiB and about a third of a second */

extern const struct key_provider passphrase_provider;

/** passphrase_new_ask() - a self for passphrase_provider, which frees it, that asks through @prompt, which may be NULL */
coffer_err passphrase_new_ask(struct fault *f, coffer_prompt_fn prompt, void *user, void **self_out);

/** passphrase_new_file() - one with the first line of the file at @path; COFFER_E_KEY when that is empty or too long */
coffer_err passphrase_new_file(struct fault *f, const char *path, void **self_out);

/** passphrase_new_fd() - one with the first line read from @fd, and nothing read after it; @fd stays open */
coffer_err passphrase_new_fd(struct fault *f, int fd, void **self_out);

/* ---- passphrases of other things than models: key files of other programs ---- */

/** passphrase_read() - the first line of the file at @path */
coffer_err passphrase_read(struct fault *f, const char *path, struct secret *out);

/** passphrase_ask() - what a person answers to «passphrase for @what», or «new passphrase …» twice when @confirm */
coffer_err passphrase_ask(struct fault *f, coffer_prompt_fn prompt, void *user, const char *what, bool confirm,
			  struct secret *out);

#endif
