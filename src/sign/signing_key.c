/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/signing_key.h"

#include <string.h>

#include "base/enc.h"
#include "base/limits.h"
#include "sign/statement.h"

static coffer_err
sign_with_privkey(struct fault *f, void *key, enum digest_kind digest, const uint8_t *hash, struct buf *sig_out)
{
	return privkey_sign_digest(f, key, digest, hash, sig_out);
}

static coffer_err
public_of_privkey(struct fault *f, void *key, struct pubkey **out)
{
	return privkey_public(f, key, out);
}

static void
free_privkey(void *key)
{
	struct privkey *k = key;

	privkey_free(&k);
}

struct signing_key
signing_key_of(struct privkey *k)
{
	return (struct signing_key){
		.key = k, .sign = sign_with_privkey, .public = public_of_privkey, .free = free_privkey};
}

coffer_err
signing_key_hint(struct fault *f, const struct pubkey *k, char out[static 65])
{
	struct buf pem = BUF_INIT(LIMIT_CERT);
	uint8_t hash[DIGEST_MAX];
	coffer_err err;

	TRY(pubkey_pem(f, k, &pem));
	TRY(digest_of(f, DIGEST_SHA256, buf_view(&pem), hash));
	enc_hex(hash, digest_len(DIGEST_SHA256), out);
out:
	buf_free(&pem);
	return err;
}

coffer_err
signing_key_check(struct fault *f, const struct pubkey *k, coffer_err err)
{
	switch (pubkey_kind(k)) {
	case PKEY_P256:
	case PKEY_P384:
	case PKEY_P521:
		return COFFER_OK;
	default:
		return fault_set(f, err, "a key for %s; models are signed with keys on P-256, P-384 or P-521",
				 pkey_kind_name(pubkey_kind(k)));
	}
}

coffer_err
envelope_sign(struct fault *f, const struct signing_key *k, const struct pubkey *public, struct bundle *b)
{
	enum digest_kind kind = pkey_digest(pubkey_kind(public));
	uint8_t hash[DIGEST_MAX];
	coffer_err err;

	b->signature.len = 0;
	TRY(dsse_digest(f, kind, b->payload_type, buf_view(&b->payload), hash));
	TRY(k->sign(f, k->key, kind, hash, &b->signature));
	/* a fault of memory or of a token must not get out: one bad signature can give a key away */
	TRY(pubkey_verify_digest(f, public, kind, hash, buf_view(&b->signature)));
out:
	if (err != COFFER_OK)
		buf_free(&b->signature);
	return err;
}

static coffer_err
verify_v02(struct fault *f, const struct pubkey *k, enum digest_kind kind, const struct bundle *b)
{
	struct buf pae = BUF_INIT(5 * (size_t)LIMIT_V02_PAYLOAD);
	coffer_err err;

	TRY(dsse_pae_v02(f, b->payload_type, buf_view(&b->payload), &pae));
	TRY(pubkey_verify(f, k, kind, buf_view(&pae), buf_view(&b->signature)));
out:
	buf_free(&pae);
	return err;
}

/* Nobody is believed yet: what takes many times its size is done for small ones alone. */
static coffer_err
try_v02(struct fault *f, const struct pubkey *k, enum digest_kind kind, const struct bundle *b)
{
	const struct view payload = buf_view(&b->payload);

	if (payload.len <= LIMIT_V02_PAYLOAD)
		return statement_is_v02(payload) ? verify_v02(f, k, kind, b) : COFFER_E_SIGNATURE;
	if (!memmem(payload.p, payload.len, STATEMENT_V02, sizeof(STATEMENT_V02) - 1))
		return COFFER_E_SIGNATURE;
	return fault_set(f, COFFER_E_SIGNATURE,
			 "the signature does not hold, and the encoding of model_signing 0.2 is tried for at most %u "
			 "MiB; if it is one of that version, have the model signed anew",
			 LIMIT_V02_PAYLOAD >> 20);
}

coffer_err
envelope_verify(struct fault *f, const struct pubkey *k, enum digest_kind v02, const struct bundle *b)
{
	enum digest_kind kind = pkey_digest(pubkey_kind(k));
	uint8_t hash[DIGEST_MAX];
	coffer_err err;

	TRY(dsse_digest(f, kind, b->payload_type, buf_view(&b->payload), hash));
	err = pubkey_verify_digest(f, k, kind, hash, buf_view(&b->signature));
	if (err == COFFER_E_SIGNATURE)
		err = try_v02(f, k, v02, b);
out:
	return err;
}
