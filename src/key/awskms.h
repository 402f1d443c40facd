/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of AWS KMS: awskms://[ENDPOINT]/KEY (cosign's syntax; AWS KMS API Reference, 2014-11-01).
 *
 * KEY is a key id, «alias/NAME», or the ARN of a key or an alias; it is sent as it stands, so that a policy on aliases
 * (kms:RequestAlias) holds.  The region is the ARN's, else the environment's (net/aws_cred.h).  ENDPOINT is HOST[:PORT], by https; without
 * one COFFER_AWSKMS_ENDPOINT, else AWS_ENDPOINT_URL_KMS, else AWS_ENDPOINT_URL, else AWS's own for the region.
 *
 * Symmetric keys only.  What is wrapped is the envelope, under an encryption context that the service binds, checks against policies and
 * writes into CloudTrail in clear:
 *
 *	model_id     32 hex digits
 *	model        of the model
 *	version      of the model
 *	environment  the context's «environment»
 *
 * one that is empty is left out.  A recipient's id is the key's ARN as KMS gave it.  Its version is the id of the key material, where
 * KMS tells it: ReEncrypt does, Encrypt does not.  A multi-Region key (mrk-…) opens in whatever Region the user names.
 */
#ifndef KEY_AWSKMS_H
#define KEY_AWSKMS_H

#include "key/keyring.h"

extern const struct key_provider awskms_provider;

/** awskms_new() - the key that @rest, what follows awskms://, names; asks nobody */
coffer_err awskms_new(struct fault *f, const struct key_env *env, const char *rest, void **self_out);

#endif
