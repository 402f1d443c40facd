/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in Google Cloud KMS (cloud.google.com/kms/docs/reference/rest, v1):
 *
 *	gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K[/cryptoKeyVersions/V]
 *
 * «versions» instead of «cryptoKeyVersions» is taken, too, as cosign writes it.  With a version, that one wraps; without, the
 * primary one.  Unwrapping never names one: the ciphertext says which.
 *
 * The key's purpose is ENCRYPT_DECRYPT.  The envelope is encrypted with the binding as additional authenticated data.  Whatever goes
 * and comes is checked by CRC-32C, as Google asks of its users: what does not agree is dropped and asked for again.
 *
 * A recipient has the key's resource name as id, without version; the version; and GOOGLE_SYMMETRIC_ENCRYPTION.
 *
 * Where to ask: COFFER_GCPKMS_ENDPOINT (a URL); KMS_EMULATOR_HOST (HOST:PORT of this machine, by http, which gets no credential);
 * else https://cloudkms.googleapis.com.  Credentials: gcp_token.h.
 */
#ifndef KEY_GCPKMS_H
#define KEY_GCPKMS_H

#include "key/services.h"

extern const struct key_provider gcpkms_provider;

/** gcpkms_new() - the key that @rest, what follows «gcpkms://», names; COFFER_E_USAGE when it names none */
coffer_err gcpkms_new(struct fault *f, const struct key_env *env, const char *rest, void **self_out);

#endif
