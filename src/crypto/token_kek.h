/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A KEK on a token or HSM, named by a URI of RFC 7512 (token_uri.h): an AES key, or an RSA key pair, whose public half wraps
 * without a PIN where the token shows it.  The key never leaves the token.
 *
 * Of the mechanisms of token_wrap.h the first is taken that the token has and the key allows; coffer-mech in the query
 * of the URI leaves others out.  What unwraps is the mechanism that wrapped.  Any thread.
 */
#ifndef CRYPTO_TOKEN_KEK_H
#define CRYPTO_TOKEN_KEK_H

#include "crypto/token_pin.h"

#include "base/buf.h"

struct token_kek;

/** token_kek_new() - the KEK that @uri names; asks nobody; COFFER_E_USAGE.  @pin NULL: the PIN must come from a file.  token_kek_free() */
coffer_err token_kek_new(struct fault *f, const char *uri, const struct token_pin *pin, struct token_kek **out);

/** token_kek_free() - NULL is fine */
void token_kek_free(struct token_kek **kek);

/** token_kek_fits() - whether @id, which a token_kek_wrap() gave, may be this KEK, by what both name */
bool token_kek_fits(const struct token_kek *kek, const char *id);

/* The verbs: as token_begin(); COFFER_E_REFUSED when there is no such key (any more) or it may not be used so; COFFER_E_KEY when several keys fit. */

/**
 * token_kek_wrap() - wrap @plain
 * @aad: bound to it, by AES-GCM alone
 * @id_out: gets the URI of the very object: token, serial, label, id
 * @alg_out: gets the mechanism; static
 * @out: gets what is wrapped
 */
coffer_err token_kek_wrap(struct fault *f, struct token_kek *kek, struct view plain, struct view aad,
			  struct buf *id_out, const char **alg_out, struct buf *out);

/**
 * token_kek_unwrap() - the way back
 * @plain_out: exactly @plain_len bytes; all zero after a failure
 *
 * The serial in @id may be another's: keys are copied from one HSM to the next.  COFFER_E_NOKEY when the token has another name;
 * COFFER_E_AUTH when it does not open; COFFER_E_UNSUPPORTED for an @alg that is not known.
 */
coffer_err token_kek_unwrap(struct fault *f, struct token_kek *kek, const char *id, const char *alg,
			    struct view wrapped, struct view aad, uint8_t *plain_out, size_t plain_len);

/** struct token_kek_state - what the token tells of the key */
struct token_kek_state {
	const char *alg;	       /* by which it would wrap; static */
	bool can_unwrap;	       /* it may do that too */
	unsigned int year, month, day; /* CKA_START_DATE, or all zero */
};

/** token_kek_state() - look at the key, without using it */
coffer_err token_kek_state(struct fault *f, struct token_kek *kek, struct buf *id_out, struct token_kek_state *out);

/**
 * token_kek_generate() - make an AES key of 256 bits with the label, and the id if there is one, of the URI
 *
 * It cannot be read, and may encrypt and decrypt, or where the token has no AES-GCM wrap and unwrap, but never both pairs: whoever has
 * both can get wrapped keys out.  COFFER_E_EXISTS when the token has one of that label and id; COFFER_E_USAGE without a label.
 */
coffer_err token_kek_generate(struct fault *f, struct token_kek *kek, struct buf *id_out);

#endif
