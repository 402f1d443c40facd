/* SPDX-License-Identifier: Apache-2.0 */
/* The method «sigstore» of OMS: a signature is believed for the identity that it was made by. */
#ifndef SIGN_SIGN_SIGSTORE_H
#define SIGN_SIGN_SIGSTORE_H

#include "base/fault.h"
#include "sign/signer.h"
#include "sign/trusted_root.h"

/**
 * verifier_sigstore() - believe @identity, as vouched for by @issuer; both exactly
 * @root: taken over, after a failure too
 *
 * Takes bundles of version 0.3 with an envelope and a certificate, as OMS writes them.  COFFER_E_USAGE when identity or issuer is missing.
 */
coffer_err verifier_sigstore(struct fault *f, struct trusted_root *root, const char *identity, const char *issuer,
			     struct verifier **out);

#endif
