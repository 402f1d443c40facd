/* SPDX-License-Identifier: Apache-2.0 */
/* Timestamp authorities over HTTP (RFC 3161 section 3.4). */
#ifndef SIGN_TSA_H
#define SIGN_TSA_H

#include "base/fault.h"
#include "sign/bundle.h"
#include "sign/signer.h"

/**
 * tsa_stamp() - have the signature of @b timestamped by the authority at @url, and add the answer to @b
 *
 * It is checked that the answer is one to the request; whether the authority is to be believed is for verification to say.
 */
coffer_err tsa_stamp(struct fault *f, const char *url, struct bundle *b);

/** signer_with_tsa() - @inner, which is taken over (after a failure too), whose signatures are then timestamped at @url */
coffer_err signer_with_tsa(struct fault *f, struct signer *inner, const char *url, struct signer **out);

#endif
