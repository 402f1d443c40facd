/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in Azure Key Vault and Azure Managed HSM (learn.microsoft.com/rest/api/keyvault/keys, version 7.4):
 *
 *	azurekms://VAULT/KEY[/VERSION]
 *
 * VAULT is a name, for VAULT.vault.azure.net, or a host with a dot or a port in it.  With a version, that one wraps; without, the newest one.
 * Unwrapping always names the version that wrapped.
 *
 * In a vault the key is RSA, and the envelope is wrapped by RSA-OAEP-256, which knows no associated data: what it is bound to is in
 * the envelope alone.  In a Managed HSM (….managedhsm.azure.net), which is asked for the kind of its key, a symmetric one encrypts by
 * A256GCM with the binding as associated data where it may encrypt, and else wraps by A256KW.
 *
 * A recipient has https://HOST/keys/KEY as id, the version, and the algorithm.  Its «wrapped» is what the service calls «value»; of
 * A256GCM the IV of 12 bytes, the ciphertext, the tag of 16.
 *
 * Where to ask: COFFER_AZUREKMS_ENDPOINT (a URL), else https://HOST.  Credentials: azure_token.h.
 */
#ifndef KEY_AZUREKMS_H
#define KEY_AZUREKMS_H

#include "key/services.h"

extern const struct key_provider azurekms_provider;

/** azurekms_new() - the key that @rest, what follows «azurekms://», names; COFFER_E_USAGE when it names none */
coffer_err azurekms_new(struct fault *f, const struct key_env *env, const char *rest, void **self_out);

#endif
