/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mechanisms by which a key on a token wraps a few bytes, and their two ways: the bytes are a message (C_Encrypt,
 * C_Decrypt) or the value of a secret key of the session (C_WrapKey, C_UnwrapKey), as token and key allow; what comes out is the
 * same.
 *
 *	alg			wrapped
 *	CKM_AES_GCM		IV (12) ‖ ciphertext ‖ tag (16), with associated data
 *	CKM_AES_KEY_WRAP_KWP	RFC 5649, PKCS#11 3.0
 *	CKM_AES_KEY_WRAP_PAD	the same by its older name; or, as that of NSS reads it, PKCS #7 padding and RFC 3394
 *	CKM_AES_KEY_WRAP	RFC 3394
 *	CKM_RSA_PKCS_OAEP/SHA256	RFC 8017 section 7.1, MGF1 with the same hash, no label
 *	CKM_RSA_PKCS_OAEP/SHA1		the same; for tokens that know no other
 */
#ifndef CRYPTO_TOKEN_WRAP_H
#define CRYPTO_TOKEN_WRAP_H

#include "crypto/token.h"

struct token_mechanism {
	const char *alg;    /* as a recipient has it */
	const char *choice; /* as the query of a URI has it: coffer-mech=aes-gcm, aes-kwp or rsa-oaep */
	CK_MECHANISM_TYPE type;
	CK_KEY_TYPE key_type;
	CK_MECHANISM_TYPE hash; /* of OAEP */
	CK_RSA_PKCS_MGF_TYPE mgf;
};

/** token_mechanism_at() - the mechanisms, those first that are taken first; NULL at the end */
const struct token_mechanism *token_mechanism_at(size_t i);

/** token_mechanism_of() - the one that @alg names, or NULL */
const struct token_mechanism *token_mechanism_of(const char *alg);

/** token_can_wrap(), token_can_unwrap() - whether the token has @mechanism for @key, and @key may be used so, in one of the two ways */
bool token_can_wrap(const struct token_session *s, const struct token_mechanism *mechanism, CK_OBJECT_HANDLE key);
bool token_can_unwrap(const struct token_session *s, const struct token_mechanism *mechanism, CK_OBJECT_HANDLE key);

/**
 * token_wrap() - append @plain, wrapped with @key
 * @aad: of AES-GCM
 *
 * COFFER_E_UNSUPPORTED, without a sentence, where the token refuses the parameters of @mechanism; the next one may do.
 */
coffer_err token_wrap(struct fault *f, const struct token_session *s, const struct token_mechanism *mechanism,
		      CK_OBJECT_HANDLE key, struct view plain, struct view aad, struct buf *out);

/**
 * token_unwrap() - the way back
 * @plain_out: exactly @plain_len bytes; all zero after a failure
 *
 * COFFER_E_AUTH, one sentence for all, when it does not open; as token_fault() when the token did not get so far.
 */
coffer_err token_unwrap(struct fault *f, const struct token_session *s, const struct token_mechanism *mechanism,
			CK_OBJECT_HANDLE key, struct view wrapped, struct view aad, uint8_t *plain_out,
			size_t plain_len);

#endif
