/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hashivault://KEY: a key of the transit engine of Vault or OpenBao wraps the envelope (docs/key-services.md has it for users).
 *
 *	id	[NAMESPACE/]MOUNT/KEY
 *	version	N of «vault:vN:…»
 *	alg	the key's type, «+context» or «+aad»: aes256-gcm96+context
 *	wrapped	the ciphertext as transit writes it, «vault:vN:…»
 *
 * «+context»: the binding is the context from which transit derives the key, so rewrap works inside the server.  «+aad»: it is the
 * associated data of a key that is not derived, with which transit cannot rewrap.
 */
#ifndef KEY_HASHIVAULT_H
#define KEY_HASHIVAULT_H

#include "key/keyring.h"
#include "key/provider.h"

extern const struct key_provider hashivault_provider;

/** hashivault_new() - the key that @rest names; asks nobody; COFFER_E_USAGE for a malformed one */
coffer_err hashivault_new(struct fault *f, const struct key_env *env, const char *rest, void **self_out);

#endif
