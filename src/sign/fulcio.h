/* SPDX-License-Identifier: Apache-2.0 */
/* Fulcio, which certifies that a key is somebody's for a few minutes (github.com/sigstore/fulcio, its API v2). */
#ifndef SIGN_FULCIO_H
#define SIGN_FULCIO_H

#include "base/fault.h"
#include "crypto/cert.h"
#include "crypto/pkey.h"
#include "mem/secret.h"

/**
 * fulcio_certify() - get a certificate for @key from the authority at @url
 * @token: an identity token
 * @chain: gets it, leaf first; free with certs_free(), after a failure too
 *
 * Whether the authority is to be believed, and whether the certificate is in a log, is for verification to say; here it is checked that
 * the certificate is for @key.  COFFER_E_NET, COFFER_E_PERM when the token is refused, COFFER_E_RATE.
 */
coffer_err fulcio_certify(struct fault *f, const char *url, const struct secret *token, const struct privkey *key,
			  struct certs *chain);

#endif
