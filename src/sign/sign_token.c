/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/sign_token.h"

#include "sign/signing_key.h"

static coffer_err
sign_with_token(struct fault *f, void *key, enum digest_kind digest, const uint8_t *hash, struct buf *sig_out)
{
	return token_key_sign(f, key, digest, hash, sig_out);
}

static coffer_err
public_of_token(struct fault *f, void *key, struct pubkey **out)
{
	return token_key_public(f, key, out);
}

static void
free_token(void *key)
{
	struct token_key *k = key;

	token_key_close(&k);
}

coffer_err
signer_token(struct fault *f, struct token_key *k, struct certs *leaf_and_chain, struct signer **out)
{
	const struct signing_key key = {
		.key = k, .sign = sign_with_token, .public = public_of_token, .free = free_token};

	return leaf_and_chain ? signer_certificate_of(f, key, leaf_and_chain, out) : signer_key_of(f, key, out);
}
