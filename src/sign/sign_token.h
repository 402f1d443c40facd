/* SPDX-License-Identifier: Apache-2.0 */
/* The methods pkcs11-key and pkcs11-certificate: they make what key and certificate make, with a key on a token. */
#ifndef SIGN_SIGN_TOKEN_H
#define SIGN_SIGN_TOKEN_H

#include "crypto/token_key.h"
#include "sign/signer.h"

/** signer_token() - sign with @k, which is taken over, after a failure too; @leaf_and_chain NULL: as signer_key(), else as signer_certificate() */
coffer_err signer_token(struct fault *f, struct token_key *k, struct certs *leaf_and_chain, struct signer **out);

#endif
