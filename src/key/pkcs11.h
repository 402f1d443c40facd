/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider «pkcs11»: a KEK on a token or HSM, pkcs11:… of RFC 7512.
 *
 * The envelope (envelope.h) is wrapped by a mechanism of crypto/token_wrap.h, which is the recipient's alg; its id is the
 * URI of the object: token, serial, object, id.  Of AES-GCM the associated data is the SHA-256 of what kek_aad() gives.  Tokens have no
 * versions: a new key takes the place of an old one by rewrapping, and the DEK passes through this process.
 */
#ifndef KEY_PKCS11_H
#define KEY_PKCS11_H

#include "key/keyring.h"

#define PKCS11_SCHEME "pkcs11:"

extern const struct key_provider pkcs11_provider;

/** pkcs11_new() - the key that @rest, which follows the scheme, names; asks nobody; COFFER_E_USAGE */
coffer_err pkcs11_new(struct fault *f, const struct key_env *env, const char *rest, void **self_out);

/** pkcs11_generate() - make an AES key of that label on the token (token_kek_generate()); @id_out gets its recipient id */
coffer_err pkcs11_generate(struct fault *f, const struct key_env *env, const char *rest,
			   char id_out[static RECIPIENT_ID_MAX + 1]);

#endif
