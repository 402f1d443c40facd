/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkey.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "crypto/ossl.h"
#include "crypto/pki_ossl.h"

#define RSA_MIN_BITS 2048
#define RSA_NEW_BITS 3072

/* of PBKDF2-HMAC-SHA256: 0.2 s for who knows the passphrase, and for each guess of who does not */
#define PBKDF2_ROUNDS 600000
#define PBKDF2_SALT_LEN 16

struct pubkey {
	enum pkey_kind kind;
	EVP_PKEY *pkey;
};

struct privkey {
	enum pkey_kind kind;
	EVP_PKEY *pkey;
};

/* ---- kinds ---- */

static const struct {
	const char *name;
	const char *group; /* OpenSSL's name of the curve */
	enum digest_kind digest;
} kinds[] = {
	[PKEY_P256] = {"P-256", SN_X9_62_prime256v1, DIGEST_SHA256},
	[PKEY_P384] = {"P-384", SN_secp384r1, DIGEST_SHA384},
	[PKEY_P521] = {"P-521", SN_secp521r1, DIGEST_SHA512},
	[PKEY_RSA] = {"RSA", NULL, DIGEST_SHA256},
	[PKEY_ED25519] = {"Ed25519", NULL, DIGEST_SHA512},
};

enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

const char *
pkey_kind_name(enum pkey_kind kind)
{
	return kinds[kind].name;
}

enum digest_kind
pkey_digest(enum pkey_kind kind)
{
	return kinds[kind].digest;
}

/* A curve that a key spells out by its parameters can be one made for a forgery (CVE-2020-0601): only names are believed. */
static coffer_err
find_curve(struct fault *f, const char *what, EVP_PKEY *pkey, enum pkey_kind *out)
{
	char group[64] = "";
	int is_explicit = 1;

	if (EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) != 1 ||
	    is_explicit)
		return ossl_refusal(f, COFFER_E_KEY,
				    "%s spells out its curve; write it anew with the curve's name (openssl ec "
				    "-param_enc named_curve)",
				    what);
	(void)EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL);
	for (size_t i = 0; i < N_KINDS; i++)
		if (kinds[i].group && strcmp(kinds[i].group, group) == 0) {
			*out = (enum pkey_kind)i;
			return COFFER_OK;
		}
	return ossl_refusal(f, COFFER_E_KEY, "%s is a key on the curve «%s»; P-256, P-384 and P-521 are known", what,
			    group);
}

/* on the curve, and not its neutral point, under which every signature would hold */
static coffer_err
check_point(struct fault *f, const char *what, EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool good = ctx && EVP_PKEY_public_check_quick(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	if (!good)
		return ossl_refusal(f, COFFER_E_KEY, "the public key in %s is no point of its curve", what);
	return COFFER_OK;
}

static coffer_err
check_rsa(struct fault *f, const char *what, EVP_PKEY *pkey)
{
	int bits = EVP_PKEY_get_bits(pkey);
	BIGNUM *e = NULL;
	bool good;

	if (bits < RSA_MIN_BITS || bits > LIMIT_RSA_BITS)
		return fault_set(f, COFFER_E_KEY, "%s is an RSA key of %d bits; %d to %d are taken", what, bits,
				 RSA_MIN_BITS, LIMIT_RSA_BITS);
	/* with the exponent 1 a signature is what it signs; the upper limit is FIPS 186-5's, and keeps a check from lasting */
	good = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) && !BN_is_one(e) &&
	       BN_num_bits(e) <= 256;
	BN_free(e);
	if (!good)
		return ossl_refusal(f, COFFER_E_KEY, "%s is an RSA key with a public exponent that is not safe", what);
	return COFFER_OK;
}

static coffer_err
find_kind(struct fault *f, const char *what, EVP_PKEY *pkey, enum pkey_kind *out)
{
	const char *name = EVP_PKEY_get0_type_name(pkey);
	coffer_err err;

	if (EVP_PKEY_is_a(pkey, "EC")) {
		TRY(find_curve(f, what, pkey, out));
		TRY(check_point(f, what, pkey));
	} else if (EVP_PKEY_is_a(pkey, "RSA")) {
		*out = PKEY_RSA;
		TRY(check_rsa(f, what, pkey));
	} else if (EVP_PKEY_is_a(pkey, "ED25519")) {
		*out = PKEY_ED25519;
		err = COFFER_OK;
	} else {
		err = ossl_refusal(
			f, COFFER_E_KEY,
			"%s is a key of the kind «%s»; ECDSA on P-256, P-384 or P-521, RSA and Ed25519 are known", what,
			name ? name : "unknown");
	}
out:
	return err;
}

/* ---- public keys ---- */

coffer_err
pubkey_of_evp(struct fault *f, const char *what, EVP_PKEY *pkey, struct pubkey **out)
{
	struct pubkey *k;
	coffer_err err;

	*out = NULL;
	if (!pkey)
		return ossl_refusal(f, COFFER_E_KEY, "the key in %s is of a kind that is not known", what);
	k = calloc(1, sizeof(*k));
	if (!k) {
		EVP_PKEY_free(pkey);
		return fault_nomem(f);
	}
	k->pkey = pkey;
	TRY(find_kind(f, what, pkey, &k->kind));
	TRY(ossl_end(f));
	*out = k;
	k = NULL;
out:
	pubkey_free(&k);
	return err;
}

coffer_err
pubkey_from_der(struct fault *f, const char *what, struct view der, struct pubkey **out)
{
	const uint8_t *end = der.p;
	EVP_PKEY *pkey;
	coffer_err err;

	*out = NULL;
	TRY(ossl_begin(f));
	pkey = der.len > 0 && der.len <= LIMIT_PEM ? d2i_PUBKEY(NULL, &end, (long)der.len) : NULL;
	if (!pkey || end != der.p + der.len) {
		EVP_PKEY_free(pkey);
		TRY(ossl_refusal(f, COFFER_E_KEY, "%s is not a public key (SubjectPublicKeyInfo)", what));
	}
	TRY(pubkey_of_evp(f, what, pkey, out));
out:
	return err;
}

/* What is in a PEM file in which no public key is, for the way out. */
static const char *
other_pem(struct view pem)
{
	static const struct {
		const char *mark, *what;
	} others[] = {
		{"PRIVATE KEY-----", " but a private key; «openssl pkey -in FILE -pubout» writes the public one"},
		{"-----BEGIN CERTIFICATE-----", " but a certificate, which the method certificate verifies with"},
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (memmem(pem.p, pem.len, others[i].mark, strlen(others[i].mark)))
			return others[i].what;
	return "";
}

coffer_err
pubkey_from_pem(struct fault *f, const char *what, struct view pem, struct pubkey **out)
{
	BIO *bio = NULL;
	unsigned char *der = NULL;
	long len = 0;
	coffer_err err;

	*out = NULL;
	TRY(ossl_bio(f, what, pem, &bio));
	if (PEM_bytes_read_bio(&der, &len, NULL, PEM_STRING_PUBLIC, bio, ossl_no_passphrase, NULL) != 1)
		TRY(ossl_refusal(f, COFFER_E_KEY, "%s holds no «-----BEGIN PUBLIC KEY-----» in PEM%s", what,
				 other_pem(pem)));
	TRY(pubkey_from_der(f, what, view_of(der, (size_t)len), out));
out:
	OPENSSL_free(der);
	BIO_free(bio);
	return err;
}

coffer_err
pubkey_der(struct fault *f, const struct pubkey *k, struct buf *out)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(k->pkey, &der);
	coffer_err err = len > 0 ? buf_add(f, out, der, (size_t)len) : ossl_fault(f, "writing a public key");

	OPENSSL_free(der);
	return err;
}

coffer_err
pubkey_pem(struct fault *f, const struct pubkey *k, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	coffer_err err;

	if (!bio || PEM_write_bio_PUBKEY(bio, k->pkey) != 1)
		err = ossl_fault(f, "writing a public key");
	else
		err = buf_add(f, out, ossl_bio_view(bio).p, ossl_bio_view(bio).len);
	BIO_free(bio);
	return err;
}

enum pkey_kind
pubkey_kind(const struct pubkey *k)
{
	return k->kind;
}

bool
pubkey_equal(const struct pubkey *a, const struct pubkey *b)
{
	bool same = EVP_PKEY_eq(a->pkey, b->pkey) == 1;

	ERR_clear_error();
	return same;
}

void
pubkey_free(struct pubkey **k)
{
	if (!*k)
		return;
	EVP_PKEY_free((*k)->pkey);
	free(*k);
	*k = NULL;
}

/* ---- signatures ---- */

/* NULL for what no standard signs by */
static const EVP_MD *
signature_md(enum digest_kind digest)
{
	switch (digest) {
	case DIGEST_SHA256:
		return EVP_sha256();
	case DIGEST_SHA384:
		return EVP_sha384();
	case DIGEST_SHA512:
		return EVP_sha512();
	default:
		return NULL;
	}
}

static coffer_err
check_digest(struct fault *f, enum pkey_kind kind, enum digest_kind digest)
{
	if (kind == PKEY_ED25519)
		return fault_set(f, COFFER_E_USAGE, "Ed25519 signs a message, not its hash");
	if (!signature_md(digest))
		return fault_set(f, COFFER_E_USAGE, "nothing is signed by %s; sha256, sha384 and sha512 are known",
				 digest_name(digest));
	return COFFER_OK;
}

static bool
set_digest(EVP_PKEY_CTX *ctx, enum pkey_kind kind, enum digest_kind digest)
{
	return (kind != PKEY_RSA || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1) &&
	       EVP_PKEY_CTX_set_signature_md(ctx, signature_md(digest)) == 1;
}

static coffer_err
mismatch(struct fault *f, const struct pubkey *k)
{
	return ossl_refusal(
		f, COFFER_E_SIGNATURE,
		"the signature is not one by this %s key over these bytes: they were changed, or another key signed",
		pkey_kind_name(k->kind));
}

/* OpenSSL takes the DER of an ECDSA signature in its one canonical form only. */
coffer_err
pubkey_verify_digest(struct fault *f, const struct pubkey *k, enum digest_kind digest, const uint8_t *hash,
		     struct view sig)
{
	EVP_PKEY_CTX *ctx = NULL;
	coffer_err err;

	TRY(check_digest(f, k->kind, digest));
	TRY(ossl_begin(f));
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	if (!ctx || EVP_PKEY_verify_init(ctx) != 1 || !set_digest(ctx, k->kind, digest))
		TRY(ossl_fault(f, "verifying"));
	if (EVP_PKEY_verify(ctx, ossl_ptr(sig), sig.len, hash, digest_len(digest)) != 1)
		err = mismatch(f, k);
out:
	EVP_PKEY_CTX_free(ctx);
	return err;
}

static coffer_err
verify_ed25519(struct fault *f, const struct pubkey *k, struct view message, struct view sig)
{
	EVP_MD_CTX *ctx = NULL;
	coffer_err err;

	TRY(ossl_begin(f));
	ctx = EVP_MD_CTX_new();
	if (!ctx || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k->pkey) != 1)
		TRY(ossl_fault(f, "verifying"));
	if (EVP_DigestVerify(ctx, ossl_ptr(sig), sig.len, ossl_ptr(message), message.len) != 1)
		err = mismatch(f, k);
out:
	EVP_MD_CTX_free(ctx);
	return err;
}

coffer_err
pubkey_verify(struct fault *f, const struct pubkey *k, enum digest_kind digest, struct view message, struct view sig)
{
	uint8_t hash[DIGEST_MAX];
	coffer_err err;

	if (k->kind == PKEY_ED25519)
		return verify_ed25519(f, k, message, sig);
	TRY(check_digest(f, k->kind, digest));
	TRY(digest_of(f, digest, message, hash));
	TRY(pubkey_verify_digest(f, k, digest, hash, sig));
out:
	return err;
}

coffer_err
privkey_sign_digest(struct fault *f, const struct privkey *k, enum digest_kind digest, const uint8_t *hash,
		    struct buf *sig_out)
{
	EVP_PKEY_CTX *ctx = NULL;
	size_t len = (size_t)EVP_PKEY_get_size(k->pkey);
	coffer_err err;

	TRY(check_digest(f, k->kind, digest));
	TRY(buf_reserve(f, sig_out, len));
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	if (!ctx || EVP_PKEY_sign_init(ctx) != 1 || !set_digest(ctx, k->kind, digest) ||
	    EVP_PKEY_sign(ctx, sig_out->p + sig_out->len, &len, hash, digest_len(digest)) != 1)
		TRY(ossl_fault(f, "signing"));
	sig_out->len += len;
out:
	EVP_PKEY_CTX_free(ctx);
	return err;
}

static coffer_err
sign_ed25519(struct fault *f, const struct privkey *k, struct view message, struct buf *sig_out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = (size_t)EVP_PKEY_get_size(k->pkey);
	coffer_err err;

	TRY(buf_reserve(f, sig_out, len));
	if (!ctx || EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) != 1 ||
	    EVP_DigestSign(ctx, sig_out->p + sig_out->len, &len, ossl_ptr(message), message.len) != 1)
		TRY(ossl_fault(f, "signing"));
	sig_out->len += len;
out:
	EVP_MD_CTX_free(ctx);
	return err;
}

coffer_err
privkey_sign(struct fault *f, const struct privkey *k, enum digest_kind digest, struct view message,
	     struct buf *sig_out)
{
	uint8_t hash[DIGEST_MAX];
	coffer_err err;

	if (k->kind == PKEY_ED25519)
		return sign_ed25519(f, k, message, sig_out);
	TRY(check_digest(f, k->kind, digest));
	TRY(digest_of(f, digest, message, hash));
	TRY(privkey_sign_digest(f, k, digest, hash, sig_out));
out:
	return err;
}

static bool
set_pss(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

coffer_err
privkey_sign_pss(struct fault *f, const struct privkey *k, struct view message, struct buf *sig_out)
{
	size_t len = (size_t)EVP_PKEY_get_size(k->pkey);
	uint8_t hash[DIGEST_MAX];
	EVP_PKEY_CTX *ctx = NULL;
	coffer_err err;

	if (k->kind != PKEY_RSA)
		return fault_set(f, COFFER_E_KEY, "only an RSA key can sign by RSASSA-PSS, and this is a %s one",
				 pkey_kind_name(k->kind));
	TRY(digest_of(f, DIGEST_SHA256, message, hash));
	TRY(buf_reserve(f, sig_out, len));
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	if (!ctx || EVP_PKEY_sign_init(ctx) != 1 || !set_pss(ctx) ||
	    EVP_PKEY_sign(ctx, sig_out->p + sig_out->len, &len, hash, digest_len(DIGEST_SHA256)) != 1)
		TRY(ossl_fault(f, "signing"));
	sig_out->len += len;
out:
	EVP_PKEY_CTX_free(ctx);
	return err;
}

/* ---- private keys ---- */

/* takes @pkey, after a failure too */
static coffer_err
privkey_of_evp(struct fault *f, const char *what, EVP_PKEY *pkey, struct privkey **out)
{
	struct privkey *k = calloc(1, sizeof(*k));
	coffer_err err;

	if (!k) {
		EVP_PKEY_free(pkey);
		return fault_nomem(f);
	}
	k->pkey = pkey;
	TRY(find_kind(f, what, pkey, &k->kind));
	TRY(ossl_end(f));
	TRY(ossl_end(f));
	*out = k;
	k = NULL;
out:
	privkey_free(&k);
	return err;
}

struct asked {
	const struct secret *passphrase;
	bool was_asked;
};

static int
give_passphrase(char *buf, int size, int rwflag, void *arg)
{
	struct asked *asked = arg;

	(void)rwflag;
	asked->was_asked = true;
	if (!asked->passphrase || size < 0 || asked->passphrase->len > (size_t)size)
		return -1;
	memcpy(buf, asked->passphrase->p, asked->passphrase->len);
	return (int)asked->passphrase->len;
}

static coffer_err
unreadable(struct fault *f, const char *what, const struct asked *asked)
{
	if (!asked->was_asked)
		return ossl_refusal(f, COFFER_E_KEY, "%s holds no private key in PEM (PKCS#8, SEC 1 or PKCS#1)", what);
	if (!asked->passphrase)
		return ossl_refusal(f, COFFER_E_NOKEY, "%s is encrypted: give its passphrase", what);
	return ossl_refusal(f, COFFER_E_KEY, "%s does not open with this passphrase, or is damaged", what);
}

/* whether the two halves belong together: a file says both, and a signature by the one does not verify with the other */
static coffer_err
check_pair(struct fault *f, const char *what, const struct privkey *k)
{
	EVP_PKEY_CTX *ctx;
	bool good;

	if (!kinds[k->kind].group)
		return COFFER_OK;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	good = ctx && EVP_PKEY_pairwise_check(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (!good)
		return ossl_refusal(f, COFFER_E_KEY, "the public key in %s does not belong to its private one", what);
	return COFFER_OK;
}

coffer_err
privkey_from_pem(struct fault *f, const char *what, struct view pem, const struct secret *passphrase,
		 struct privkey **out)
{
	struct asked asked = {.passphrase = passphrase};
	struct privkey *k = NULL;
	EVP_PKEY *pkey;
	BIO *bio = NULL;
	coffer_err err;

	*out = NULL;
	TRY(ossl_bio(f, what, pem, &bio));
	pkey = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &asked);
	if (!pkey)
		TRY(unreadable(f, what, &asked));
	TRY(privkey_of_evp(f, what, pkey, &k));
	TRY(check_pair(f, what, k));
	*out = k;
	k = NULL;
out:
	privkey_free(&k);
	BIO_free(bio);
	return err;
}

static bool
set_parameters(EVP_PKEY_CTX *ctx, enum pkey_kind kind)
{
	if (kind == PKEY_RSA)
		return EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, RSA_NEW_BITS) == 1;
	return !kinds[kind].group || EVP_PKEY_CTX_set_group_name(ctx, kinds[kind].group) == 1;
}

coffer_err
privkey_generate(struct fault *f, enum pkey_kind kind, struct privkey **out)
{
	const char *algorithm = kind == PKEY_RSA ? "RSA" : kind == PKEY_ED25519 ? "ED25519" : "EC";
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *pkey = NULL;
	coffer_err err;

	*out = NULL;
	TRY(ossl_begin(f));
	ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
	if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 || !set_parameters(ctx, kind) || EVP_PKEY_generate(ctx, &pkey) != 1)
		TRY(ossl_fault(f, "making a key"));
	TRY(privkey_of_evp(f, "a new key", pkey, out));
out:
	EVP_PKEY_CTX_free(ctx);
	return err;
}

/* PBES2 with parameters of our own: OpenSSL 3.0 would take 2048 rounds */
static X509_SIG *
encrypt(PKCS8_PRIV_KEY_INFO *plain, const struct secret *passphrase)
{
	X509_ALGOR *pbe =
		PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), PBKDF2_ROUNDS, NULL, PBKDF2_SALT_LEN, NULL, NID_hmacWithSHA256);
	X509_SIG *out;

	if (!pbe)
		return NULL;
	out = PKCS8_set0_pbe((const char *)passphrase->p, (int)passphrase->len, plain, pbe);
	if (!out)
		X509_ALGOR_free(pbe);
	return out;
}

static bool
write_pkcs8(BIO *bio, const EVP_PKEY *pkey, const struct secret *passphrase)
{
	PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(pkey);
	X509_SIG *encrypted = plain && passphrase ? encrypt(plain, passphrase) : NULL;
	bool done = false;

	if (encrypted)
		done = PEM_write_bio_PKCS8(bio, encrypted) == 1;
	else if (plain && !passphrase)
		done = PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, plain) == 1;
	X509_SIG_free(encrypted);
	PKCS8_PRIV_KEY_INFO_free(plain);
	return done;
}

coffer_err
privkey_pem(struct fault *f, const struct privkey *k, const struct secret *passphrase, struct secret *out)
{
	BIO *bio = BIO_new(BIO_s_mem()); /* wiped when it is freed */
	struct view pem;
	coffer_err err;

	if (passphrase && passphrase->len > LIMIT_PASSPHRASE)
		TRY(fault_set(f, COFFER_E_USAGE, "a passphrase is at most %u bytes", LIMIT_PASSPHRASE));
	if (!bio || !write_pkcs8(bio, k->pkey, passphrase))
		TRY(ossl_fault(f, "writing a private key"));
	pem = ossl_bio_view(bio);
	TRY(secret_new(f, out, pem.len));
	memcpy(out->p, pem.p, pem.len);
out:
	BIO_free(bio);
	return err;
}

coffer_err
privkey_public(struct fault *f, const struct privkey *k, struct pubkey **out)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(k->pkey, &der);
	coffer_err err;

	*out = NULL;
	if (len <= 0)
		TRY(ossl_fault(f, "writing a public key"));
	TRY(pubkey_from_der(f, "the public half of the key", view_of(der, (size_t)len), out));
out:
	OPENSSL_free(der);
	return err;
}

enum pkey_kind
privkey_kind(const struct privkey *k)
{
	return k->kind;
}

/* ---- certificate requests ---- */

static bool
add_basic_constraints(X509_REQ *req)
{
	BASIC_CONSTRAINTS *none = BASIC_CONSTRAINTS_new(); /* CA:FALSE, no path length */
	STACK_OF(X509_EXTENSION) *list = NULL;
	bool done = none && X509V3_add1_i2d(&list, NID_basic_constraints, none, 1, X509V3_ADD_DEFAULT) == 1 &&
		    X509_REQ_add_extensions(req, list) == 1;

	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	BASIC_CONSTRAINTS_free(none);
	return done;
}

coffer_err
privkey_csr(struct fault *f, const struct privkey *k, struct buf *pem_out)
{
	const EVP_MD *md = k->kind == PKEY_ED25519 ? NULL : signature_md(pkey_digest(k->kind));
	X509_REQ *req = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	coffer_err err;

	if (!req || !bio || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    X509_REQ_set_pubkey(req, k->pkey) != 1 || !add_basic_constraints(req) ||
	    X509_REQ_sign(req, k->pkey, md) <= 0 || PEM_write_bio_X509_REQ(bio, req) != 1)
		TRY(ossl_fault(f, "making a certificate request"));
	TRY(buf_add(f, pem_out, ossl_bio_view(bio).p, ossl_bio_view(bio).len));
out:
	BIO_free(bio);
	X509_REQ_free(req);
	return err;
}

void
privkey_free(struct privkey **k)
{
	if (!*k)
		return;
	EVP_PKEY_free((*k)->pkey);
	free(*k);
	*k = NULL;
}
