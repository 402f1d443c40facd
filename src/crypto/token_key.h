/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signing key on a token: PKCS#11 2.40 through any module, named by a URI of RFC 7512 (token_uri.h).
 *
 *   pkcs11:token=NAME;object=LABEL;id=%01?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/coffer/pin
 *
 * Module: token_module.h.  PIN: pin-source, a file whose first line it is; else the file that COFFER_PKCS11_PIN_FILE names;
 * else the caller is asked.
 * One thread at a time.
 */
#ifndef CRYPTO_TOKEN_KEY_H
#define CRYPTO_TOKEN_KEY_H

#include "base/buf.h"
#include "base/fault.h"
#include "crypto/digest.h"
#include "crypto/pkey.h"
#include "crypto/token_pin.h"

struct token_key;

/**
 * token_key_open() - find the one EC private key that @uri names, and log in where the token wants it
 * @module: path of a module that goes before what the URI says; NULL = none
 * @pin: NULL = the PIN must come from pin-source
 * @out: close with token_key_close()
 *
 * COFFER_E_USAGE for a bad URI; COFFER_E_NOTFOUND when there is no such module, token or key; COFFER_E_KEY when there are several, the
 * PIN is wrong or locked, or the key is no EC key on P-256, P-384 or P-521 or may not sign.
 */
coffer_err token_key_open(struct fault *f, const char *uri, const char *module, const struct token_pin *pin,
			  struct token_key **out);

/** token_key_public() - its public half, from the token's public key, certificate or private key object; the caller's */
coffer_err token_key_public(struct fault *f, struct token_key *k, struct pubkey **out);

/** token_key_sign() - append the DER signature of what hashes to @hash (CKM_ECDSA); it was verified with the public half */
coffer_err token_key_sign(struct fault *f, struct token_key *k, enum digest_kind digest, const uint8_t *hash,
			  struct buf *sig_out);

/** token_key_close() - log out, unload, free; NULL is fine */
void token_key_close(struct token_key **k);

#endif
