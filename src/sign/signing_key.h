/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the methods key and certificate have in common: a key that signs, wherever it is, and what OMS 1.0 lets it be.
 *
 * ECDSA on P-256, P-384 or P-521, over the hash that belongs to the curve (specification 6.1.1).
 */
#ifndef SIGN_SIGNING_KEY_H
#define SIGN_SIGNING_KEY_H

#include "base/buf.h"
#include "base/fault.h"
#include "crypto/digest.h"
#include "crypto/pkey.h"
#include "sign/bundle.h"
#include "sign/signer.h"

/** struct signing_key - a key of a file, a token, …; freed once, by its own free */
struct signing_key {
	void *key;
	/* sign: append the DER signature of what hashes to @hash */
	coffer_err (*sign)(struct fault *f, void *key, enum digest_kind digest, const uint8_t *hash,
			   struct buf *sig_out);
	/* public: its public half, the caller's */
	coffer_err (*public)(struct fault *f, void *key, struct pubkey **out);
	void (*free)(void *key);
};

/** signing_key_of() - @k, which is taken over */
struct signing_key signing_key_of(struct privkey *k);

/** signer_key_of() - as signer_key(), for any key, which is taken over, after a failure too */
coffer_err signer_key_of(struct fault *f, struct signing_key k, struct signer **out);

/** signer_certificate_of() - as signer_certificate(), likewise */
coffer_err signer_certificate_of(struct fault *f, struct signing_key k, struct certs *leaf_and_chain,
				 struct signer **out);

/** signing_key_hint() - hex SHA-256 of @k in PEM: what names a key in OMS */
coffer_err signing_key_hint(struct fault *f, const struct pubkey *k, char out[static 65]);

/** signing_key_check() - @err, with a sentence, unless @k is one that OMS allows */
coffer_err signing_key_check(struct fault *f, const struct pubkey *k, coffer_err err);

/** envelope_sign() - set the signature of @b's envelope, and check it with the public half @public */
coffer_err envelope_sign(struct fault *f, const struct signing_key *k, const struct pubkey *public, struct bundle *b);

/**
 * envelope_verify() - COFFER_OK when the signature of @b's envelope is @k's
 * @v02: the hash of model_signing 0.2.0, whose encoding is tried for its statements alone: the curve's for keys, SHA-256 for certificates
 *
 * That encoding takes five times the memory of a statement that nobody is believed to have signed yet, so that statements above
 * LIMIT_V02_PAYLOAD are none of that version.
 */
coffer_err envelope_verify(struct fault *f, const struct pubkey *k, enum digest_kind v02, const struct bundle *b);

#endif
