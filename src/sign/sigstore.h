/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a Sigstore bundle holds, without any network: the list of docs/signing.md, row by row.
 *
 * A certificate authority vouches for who holds a key, a log of certificates that the certificate is public, a log of signatures that
 * the signature is, and that log or a timestamp authority for when it was made.  All of them are believed because a trusted root says so.
 */
#ifndef SIGN_SIGSTORE_H
#define SIGN_SIGSTORE_H

#include "base/fault.h"
#include "crypto/pkey.h"
#include "sign/bundle.h"
#include "sign/signer.h"
#include "sign/trusted_root.h"

/** struct sigstore_policy - whose signature, and over what; everything belongs to the caller */
struct sigstore_policy {
	/** @identity, @issuer: whom the certificate must name, exactly, and who must have vouched for that; or, when they are NULL, */
	const char *identity, *issuer;
	/** @key: the key that must have signed; the bundle has no certificate then */
	const struct pubkey *key;

	/** @digest: of a message signature: the artifact's hash of the kind @digest_kind, SHA-256, -384 or -512; NULL for an envelope */
	const uint8_t *digest;
	enum digest_kind digest_kind;
};

/**
 * sigstore_verify_bundle() - whether all that @b says holds, as @policy wants it
 * @who: zeroed; gets who signed and when; free with signed_by_free()
 *
 * An envelope must be of an in-toto statement; what the statement says is the caller's to judge.  COFFER_E_SIGNATURE with the one reason;
 * COFFER_E_POLICY when it holds but is somebody else's; COFFER_E_FORMAT, COFFER_E_UNSUPPORTED.
 */
coffer_err sigstore_verify_bundle(struct fault *f, const struct trusted_root *root, const struct bundle *b,
				  const struct sigstore_policy *policy, struct signed_by *who);

/**
 * sigstore_identity() - whom the certificate @leaf names, and who vouched for it: what it says, verified or not
 *
 * Both are texts that can be shown; free them with free().  COFFER_E_POLICY when it says neither, COFFER_E_SIGNATURE when malformed.
 */
coffer_err sigstore_identity(struct fault *f, const struct cert *leaf, char **identity_out, char **issuer_out);

#endif
