/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a Sigstore bundle holds, without any network.
 *
 * A certificate authority vouches for who holds a key, a log of certificates that the certificate is public, a log of signatures that
 * the signature is, and that log or a timestamp authority for when it was made.  All of them are believed because a trusted root says so.
 *
 *  1  strict JSON, whole numbers, base64                         bundle.h
 *  2  a media type of v0.1 to v0.3 (OMS: v0.3 only)              bundle.h, sign_sigstore.h
 *  3  one content, one signature, one certificate, no root       bundle.h, here
 *  4  one log entry, with an inclusion proof and a checkpoint    here
 *  5  the trusted root is one                                    trusted_root.h
 *  6  the log is the one that the entry names                    tlog.h
 *  7  when: every timestamp holds; there is a time at all        tst.h, here
 *  8  Rekor v1: the signed entry timestamp is the log's          tlog.h
 *  9  the checkpoint is the log's                                checkpoint.h, tlog.h
 * 10  the proof leads to the checkpoint's root                   merkle.h, tlog.h
 * 11  at each time the whole chain was valid                     cert.h, here
 * 12  a log of certificates promised to publish the certificate  sct.h
 * 13  the certificate may sign, and has Fulcio's form            cert.h, here
 * 14  identity and issuer are those asked for                    here
 * 15  the entry is about this content, signature and signer      tlog_body.h
 * 16  the signature holds                                        here
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
