/* SPDX-License-Identifier: Apache-2.0 */
/* What several of these programs begin with: a keyring that holds one key. */
#ifndef EXAMPLES_KEYRING_OF_H
#define EXAMPLES_KEYRING_OF_H

#include <coffer/key.h>

/* @uri: such as file:model.key (coffer/key.h has them all); free *@out with coffer_keyring_free(), after a failure, too */
static inline coffer_err
keyring_of(struct coffer_ctx *ctx, const char *uri, struct coffer_keyring **out)
{
	coffer_err err = coffer_keyring_new(ctx, out);

	return err == COFFER_OK ? coffer_keyring_add(ctx, *out, uri) : err;
}

#endif
