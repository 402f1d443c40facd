/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vaultkv://MOUNT/PATH[#FIELD]: a KEK that is kept in the KV engine of Vault or OpenBao, as base64 of 32 bytes in the field «kek» unless
 * another is named.  It leaves the server: what wraps is here (docs/format.md section 4.1), and whoever may read it can unwrap for
 * ever.  hashivault:// keeps its keys.
 *
 *	id	[NAMESPACE/]MOUNT/PATH#FIELD
 *	version	of the secret, in decimal; old ones can be read as long as the store keeps them
 *	alg	aes-256-gcm
 */
#ifndef KEY_VAULTKV_H
#define KEY_VAULTKV_H

#include "key/keyring.h"
#include "key/provider.h"

extern const struct key_provider vaultkv_provider;

/** vaultkv_new() - the key that @rest names; asks nobody; COFFER_E_USAGE for a malformed one */
coffer_err vaultkv_new(struct fault *f, const struct key_env *env, const char *rest, void **self_out);

#endif
