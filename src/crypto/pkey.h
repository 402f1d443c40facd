/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key pairs that sign: ECDSA over P-256, P-384 and P-521 (FIPS 186-5), RSA (RFC 8017) and Ed25519 (RFC 8032).
 *
 * Public keys are SubjectPublicKeyInfo (RFC 5280 4.1.2.7) in DER or PEM; private ones PKCS#8, SEC 1 or PKCS#1 in PEM.
 * Signatures of ECDSA are DER (RFC 3279 2.2.3).  What is no such key, or not a safe one, is COFFER_E_KEY.  Objects may be used from several threads at once.
 */
#ifndef CRYPTO_PKEY_H
#define CRYPTO_PKEY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"
#include "crypto/digest.h"
#include "mem/secret.h"

/* What a key is.  Another curve or algorithm is refused when it is read, RSA of less than 2048 or more than 8192 bits too. */
enum pkey_kind { PKEY_P256, PKEY_P384, PKEY_P521, PKEY_RSA, PKEY_ED25519 };

struct pubkey;
struct privkey;

/** pkey_kind_name() - «P-256», …, «RSA», «Ed25519», for messages */
const char *pkey_kind_name(enum pkey_kind kind);

/** pkey_digest() - the hash that belongs to a key: SHA-256, SHA-384, SHA-512 by the curve; SHA-256 for RSA */
enum digest_kind pkey_digest(enum pkey_kind kind);

/* ---- public ---- */

/** pubkey_from_pem() - the first «PUBLIC KEY» of @pem; text around it is ignored.  @what is for messages. */
coffer_err pubkey_from_pem(struct fault *f, const char *what, struct view pem, struct pubkey **out);

/** pubkey_from_der() - a SubjectPublicKeyInfo and nothing behind it */
coffer_err pubkey_from_der(struct fault *f, const char *what, struct view der, struct pubkey **out);

/** pubkey_der() - append the SubjectPublicKeyInfo */
coffer_err pubkey_der(struct fault *f, const struct pubkey *k, struct buf *out);

/** pubkey_pem() - append it as OpenSSL writes it: lines of 64, a line end behind the last */
coffer_err pubkey_pem(struct fault *f, const struct pubkey *k, struct buf *out);

enum pkey_kind pubkey_kind(const struct pubkey *k);
bool pubkey_equal(const struct pubkey *a, const struct pubkey *b);
void pubkey_free(struct pubkey **k);

/**
 * pubkey_verify() - COFFER_OK when @sig is @k's signature of @message
 * @digest: the hash for ECDSA and RSA (PKCS #1 v1.5); Ed25519 takes no notice
 *
 * Anything else about the signature, be it malformed or false, is COFFER_E_SIGNATURE.
 */
coffer_err pubkey_verify(struct fault *f, const struct pubkey *k, enum digest_kind digest, struct view message,
			 struct view sig);

/** pubkey_verify_digest() - the same of a message that was hashed by the caller; COFFER_E_USAGE for Ed25519 */
coffer_err pubkey_verify_digest(struct fault *f, const struct pubkey *k, enum digest_kind digest, const uint8_t *hash,
				struct view sig);

/* ---- private ---- */

/**
 * privkey_from_pem() - a private key of @pem
 * @passphrase: of an encrypted one, else NULL
 *
 * COFFER_E_NOKEY when it is encrypted and there is no passphrase, COFFER_E_KEY when it is another passphrase.
 */
coffer_err privkey_from_pem(struct fault *f, const char *what, struct view pem, const struct secret *passphrase,
			    struct privkey **out);

/** privkey_generate() - a new one of @kind; RSA has 3072 bits */
coffer_err privkey_generate(struct fault *f, enum pkey_kind kind, struct privkey **out);

/** privkey_pem() - PKCS#8 in PEM, encrypted under @passphrase unless it is NULL (PBES2: PBKDF2-HMAC-SHA256, AES-256-CBC) */
coffer_err privkey_pem(struct fault *f, const struct privkey *k, const struct secret *passphrase, struct secret *out);

/** privkey_public() - its public half, the caller's */
coffer_err privkey_public(struct fault *f, const struct privkey *k, struct pubkey **out);

enum pkey_kind privkey_kind(const struct privkey *k);

/** privkey_sign() - append the signature of @message; @digest as for pubkey_verify() */
coffer_err privkey_sign(struct fault *f, const struct privkey *k, enum digest_kind digest, struct view message,
			struct buf *sig_out);

/** privkey_sign_digest() - append the signature of what hashes to @hash */
coffer_err privkey_sign_digest(struct fault *f, const struct privkey *k, enum digest_kind digest, const uint8_t *hash,
			       struct buf *sig_out);

/**
 * privkey_sign_pss() - append the RSASSA-PSS signature (RFC 8017 8.1) of @message by SHA-256, MGF1 of the same, a salt of 32 bytes:
 * «PS256» of RFC 7518 3.5
 *
 * COFFER_E_KEY unless @k is an RSA key.
 */
coffer_err privkey_sign_pss(struct fault *f, const struct privkey *k, struct view message, struct buf *sig_out);

/** privkey_csr() - append a certificate request (RFC 2986) in PEM with an empty subject and basicConstraints CA:FALSE, as Fulcio takes it */
coffer_err privkey_csr(struct fault *f, const struct privkey *k, struct buf *pem_out);

/** privkey_free() - wipe and free; NULL is fine */
void privkey_free(struct privkey **k);

#endif
