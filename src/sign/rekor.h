/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekor, the log of signatures: version 1 (github.com/sigstore/rekor), which is sent a whole envelope, and version 2
 * (github.com/sigstore/rekor-tiles), which is sent a hash.
 */
#ifndef SIGN_REKOR_H
#define SIGN_REKOR_H

#include "base/fault.h"
#include "sign/bundle.h"
#include "sign/signing_config.h"

/**
 * rekor_add() - have the signature of @b written into @log, and add the entry that comes back to @b
 *
 * @b has a signature, its certificate, and what was signed: an envelope, or the hash of a message.  It is checked that the entry is about them; whether the log stands by it is for
 * verification to say.  COFFER_E_NET, COFFER_E_RATE, COFFER_E_SIGNATURE for an entry about something else.
 */
coffer_err rekor_add(struct fault *f, const struct service *log, struct bundle *b);

#endif
