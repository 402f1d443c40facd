/* SPDX-License-Identifier: Apache-2.0 */
/* The names are those of RFC 9180. */
#include "crypto/hpke.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/endian.h"
#include "crypto/hash.h"
#include "crypto/ossl.h"
#include "crypto/rand.h"
#include "mem/secret.h"

#define KEM_ID 0x0020 /* DHKEM(X25519, HKDF-SHA256) */
#define KDF_ID 0x0001 /* HKDF-SHA256 */
#define TAG_LEN 16
#define NONCE_LEN 12

/* what the two sides agree on; a secret */
struct context {
	uint8_t key[32];
	size_t key_len;
	uint8_t nonce[NONCE_LEN];
};

/* ---- X25519, RFC 7748 ---- */

coffer_err
x25519_public(struct fault *f, const uint8_t secret[static X25519_LEN], uint8_t out[static X25519_LEN])
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, X25519_LEN);
	size_t len = X25519_LEN;
	bool done = pkey && EVP_PKEY_get_raw_public_key(pkey, out, &len) == 1 && len == X25519_LEN;

	EVP_PKEY_free(pkey);
	return done ? COFFER_OK : ossl_fault(f, "X25519");
}

/* A public key of low order gives zeros: OpenSSL refuses them, and so do we [RFC 9180 section 7.1.4]: @low_order. */
static coffer_err
x25519(struct fault *f, coffer_err low_order, const uint8_t secret[static X25519_LEN],
       const uint8_t public[static X25519_LEN], uint8_t out[static X25519_LEN])
{
	static const uint8_t zeros[X25519_LEN];
	EVP_PKEY *ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, X25519_LEN);
	EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public, X25519_LEN);
	EVP_PKEY_CTX *ctx = ours ? EVP_PKEY_CTX_new(ours, NULL) : NULL;
	size_t len = X25519_LEN;
	coffer_err err = COFFER_OK;

	if (!ctx || !theirs || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, theirs) != 1) {
		err = ossl_fault(f, "X25519");
	} else if (EVP_PKEY_derive(ctx, out, &len) != 1 || len != X25519_LEN || mem_equal(out, zeros, X25519_LEN)) {
		ERR_clear_error();
		err = fault_set(f, low_order, "an X25519 public key of low order: no secret can be agreed with it");
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(ours);
	return err;
}

/* ---- the key schedule, RFC 9180 sections 4 and 5.1 ---- */

/* LabeledExtract(salt, label, ikm) */
static coffer_err
labeled_extract(struct fault *f, struct view suite_id, struct view salt, const char *label, struct view ikm,
		uint8_t prk[static SHA256_LEN])
{
	const struct view labeled_ikm[] = {view_str("HPKE-v1"), suite_id, view_str(label), ikm};

	return hmac_sha256_parts(f, salt, labeled_ikm, 4, prk);
}

/* LabeledExpand(prk, label, info, len), @len at most 32: one round of HKDF-Expand */
static coffer_err
labeled_expand(struct fault *f, struct view suite_id, const uint8_t prk[static SHA256_LEN], const char *label,
	       struct view info, uint8_t *out, size_t len)
{
	const uint8_t round = 1;
	uint8_t be_len[2];
	uint8_t okm[SHA256_LEN];
	const struct view labeled_info[] = {
		view_of(be_len, 2), view_str("HPKE-v1"), suite_id, view_str(label), info, view_of(&round, 1),
	};
	coffer_err err;

	put_be16(be_len, (uint16_t)len);
	TRY(hmac_sha256_parts(f, view_of(prk, SHA256_LEN), labeled_info, 6, okm));
	memcpy(out, okm, len);
out:
	mem_wipe(okm, sizeof(okm));
	return err;
}

/* ExtractAndExpand(dh, enc || pkR) */
static coffer_err
shared_secret(struct fault *f, const uint8_t dh[static X25519_LEN], const uint8_t enc[static X25519_LEN],
	      const uint8_t recipient[static X25519_LEN], uint8_t out[static SHA256_LEN])
{
	uint8_t suite_id[5] = "KEM";
	struct view suite = view_of(suite_id, sizeof(suite_id));
	uint8_t kem_context[2 * X25519_LEN];
	uint8_t eae_prk[SHA256_LEN];
	coffer_err err;

	put_be16(suite_id + 3, KEM_ID);
	memcpy(kem_context, enc, X25519_LEN);
	memcpy(kem_context + X25519_LEN, recipient, X25519_LEN);
	TRY(labeled_extract(f, suite, view_str(""), "eae_prk", view_of(dh, X25519_LEN), eae_prk));
	TRY(labeled_expand(f, suite, eae_prk, "shared_secret", view_of(kem_context, sizeof(kem_context)), out,
			   SHA256_LEN));
out:
	mem_wipe(eae_prk, sizeof(eae_prk));
	return err;
}

/* KeySchedule(mode_base, shared_secret, info, "", "") */
static coffer_err
key_schedule(struct fault *f, unsigned int aead_id, const uint8_t shared[static SHA256_LEN], struct view info,
	     struct context *c)
{
	uint8_t suite_id[10] = "HPKE";
	struct view suite = view_of(suite_id, sizeof(suite_id));
	uint8_t context[1 + 2 * SHA256_LEN] = {0}; /* mode_base, psk_id_hash, info_hash */
	struct view all = view_of(context, sizeof(context));
	uint8_t secret[SHA256_LEN];
	coffer_err err;

	put_be16(suite_id + 4, KEM_ID);
	put_be16(suite_id + 6, KDF_ID);
	put_be16(suite_id + 8, (uint16_t)aead_id);
	c->key_len = aead_id == HPKE_AEAD_AES_128_GCM ? 16 : 32;
	TRY(labeled_extract(f, suite, view_str(""), "psk_id_hash", view_str(""), context + 1));
	TRY(labeled_extract(f, suite, view_str(""), "info_hash", info, context + 1 + SHA256_LEN));
	TRY(labeled_extract(f, suite, view_of(shared, SHA256_LEN), "secret", view_str(""), secret));
	TRY(labeled_expand(f, suite, secret, "key", all, c->key, c->key_len));
	TRY(labeled_expand(f, suite, secret, "base_nonce", all, c->nonce, NONCE_LEN));
out:
	mem_wipe(secret, sizeof(secret));
	return err;
}

/* From the two halves of the exchange to the context; @enc || @recipient are public, @secret is that of one of them. */
static coffer_err
agree(struct fault *f, coffer_err low_order, const uint8_t secret[static X25519_LEN],
      const uint8_t peer[static X25519_LEN], const uint8_t enc[static X25519_LEN],
      const uint8_t recipient[static X25519_LEN], unsigned int aead_id, struct view info, struct context *c)
{
	uint8_t dh[X25519_LEN];
	uint8_t shared[SHA256_LEN];
	coffer_err err;

	if (aead_id != HPKE_AEAD_AES_128_GCM && aead_id != HPKE_AEAD_AES_256_GCM)
		return fault_set(f, COFFER_E_UNSUPPORTED,
				 "HPKE with AEAD 0x%04x: AES-128-GCM and AES-256-GCM are known", aead_id);
	TRY(x25519(f, low_order, secret, peer, dh));
	TRY(shared_secret(f, dh, enc, recipient, shared));
	TRY(key_schedule(f, aead_id, shared, info, c));
out:
	mem_wipe(dh, sizeof(dh));
	mem_wipe(shared, sizeof(shared));
	return err;
}

/* ---- one message, RFC 9180 section 6.1 ---- */

coffer_err
hpke_seal_with(struct fault *f, const uint8_t ephemeral[static X25519_LEN], const uint8_t recipient[static X25519_LEN],
	       unsigned int aead_id, struct view info, struct view aad, struct view plain,
	       uint8_t enc[static X25519_LEN], uint8_t *out)
{
	struct context c;
	coffer_err err;

	TRY(x25519_public(f, ephemeral, enc));
	TRY(agree(f, COFFER_E_KEY, ephemeral, recipient, enc, recipient, aead_id, info, &c));
	TRY(ossl_gcm_seal(f, view_of(c.key, c.key_len), c.nonce, aad, plain, out, out + plain.len));
out:
	mem_wipe(&c, sizeof(c));
	return err;
}

coffer_err
hpke_seal(struct fault *f, const uint8_t recipient[static X25519_LEN], unsigned int aead_id, struct view info,
	  struct view aad, struct view plain, uint8_t enc[static X25519_LEN], uint8_t *out)
{
	uint8_t ephemeral[X25519_LEN];
	coffer_err err;

	TRY(rand_bytes(f, ephemeral, sizeof(ephemeral)));
	TRY(hpke_seal_with(f, ephemeral, recipient, aead_id, info, aad, plain, enc, out));
out:
	mem_wipe(ephemeral, sizeof(ephemeral));
	return err;
}

coffer_err
hpke_open(struct fault *f, const uint8_t secret[static X25519_LEN], const uint8_t enc[static X25519_LEN],
	  unsigned int aead_id, struct view info, struct view aad, struct view sealed, uint8_t *out)
{
	struct context c;
	uint8_t recipient[X25519_LEN];
	struct view text;
	coffer_err err;

	if (sealed.len < TAG_LEN)
		return fault_set(f, COFFER_E_AUTH, "an HPKE message of %zu bytes has no tag", sealed.len);
	(void)view_take(&sealed, sealed.len - TAG_LEN, &text);
	TRY(x25519_public(f, secret, recipient));
	TRY(agree(f, COFFER_E_AUTH, secret, enc, enc, recipient, aead_id, info, &c));
	err = ossl_gcm_open(f, view_of(c.key, c.key_len), c.nonce, aad, text, out, sealed.p);
	if (err != COFFER_OK)
		mem_wipe(out, text.len);
	if (err == COFFER_E_AUTH)
		(void)fault_set(f, err, "the HPKE message is not for this key, or was changed");
out:
	mem_wipe(&c, sizeof(c));
	return err;
}
