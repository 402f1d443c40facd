/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The method «sigstore»: a key that lives for one signature, certified for an identity, its signature timestamped and logged.
 *
 * It signs envelopes, and messages that come with their SHA-256.  What leaves this machine: the identity token goes to the certificate authority alone; a hash of the signature to the timestamp authority;
 * to a log of version 1 the whole statement (names and hashes of the files), to one of version 2 a hash of it.
 */
#ifndef SIGN_SIGNER_SIGSTORE_H
#define SIGN_SIGNER_SIGSTORE_H

#include "base/fault.h"
#include "sign/oidc.h"
#include "sign/signer.h"
#include "sign/signing_config.h"
#include "sign/trusted_root.h"

/** struct sigstore_signing - how to sign */
struct sigstore_signing {
	struct signing_config config; /* taken over */

	/** @source: where the identity comes from.  Copied, but for the user of its ui, who must live as long as the signer; no issuer is
	 *  that of the config.  A token that is given is taken at once, any other for each signature, for it may live a minute. */
	const struct oidc_source *source;

	/** @root: taken over; what each signature is verified against before it is given out.  NULL: it is not */
	struct trusted_root *root;
};

/**
 * signer_sigstore() - make the signer; what @signing holds is taken over, after a failure too
 *
 * Refuses at once what cannot work: a config without authority or log, a log of version 2 without a timestamp authority, a token that
 * will not do, and all that oidc_check() says.
 */
coffer_err signer_sigstore(struct fault *f, struct sigstore_signing *signing, struct signer **out);

#endif
