/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and certificates made on the spot, good ones and bad ones.  A mistake in making one ends the program.
 *
 *	struct pki root = pki_make(&(struct pki_spec){.name = "root", .ext = {PKI_CA}}, NULL);
 *	struct pki leaf = pki_make(&(struct pki_spec){.name = "leaf", .ext = {PKI_LEAF, PKI_SIGNS}}, &root);
 */
#ifndef TESTS_SUPPORT_PKI_H
#define TESTS_SUPPORT_PKI_H

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define PKI_2020 INT64_C(1577836800) /* 2020-01-01 00:00:00 UTC */
#define PKI_2030 INT64_C(1893456000)
#define PKI_2040 INT64_C(2208988800)

/* a key and its certificate */
struct pki {
	EVP_PKEY *key;
	X509 *x;
};

/* as openssl-x509v3_config(5) has them; a name may be a number, «1.2.3», and its value «ASN1:UTF8String:text» */
struct pki_ext {
	const char *name;
	const char *value;
};

#define PKI_CA                                                                                                         \
	{"basicConstraints", "critical,CA:TRUE"},                                                                      \
	{                                                                                                              \
		"keyUsage", "critical,keyCertSign,cRLSign"                                                             \
	}
#define PKI_LEAF                                                                                                       \
	{                                                                                                              \
		"basicConstraints", "critical,CA:FALSE"                                                                \
	}
#define PKI_SIGNS                                                                                                      \
	{                                                                                                              \
		"keyUsage", "critical,digitalSignature"                                                                \
	}
#define PKI_CODE                                                                                                       \
	{                                                                                                              \
		"extendedKeyUsage", "codeSigning"                                                                      \
	}
#define PKI_STAMPS                                                                                                     \
	{                                                                                                              \
		"extendedKeyUsage", "critical,timeStamping"                                                            \
	}

struct pki_spec {
	const char *name;	 /* the common name; NULL: no subject at all */
	const char *key;	 /* "P-256" when NULL; another curve, "RSA:2048" or "ED25519" */
	const struct pki *rekey; /* take its key */
	int64_t from;		 /* PKI_2020 when 0 */
	int64_t to;		 /* PKI_2040 when 0 */
	long serial;		 /* the next one when 0 */
	const char *md;		 /* "SHA256" when NULL */
	bool no_key_ids;	 /* leave out subjectKeyIdentifier and authorityKeyIdentifier */
	struct pki_ext ext[8];
};

static inline void
pki_must(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "pki: cannot make %s\n", what);
	abort();
}

static inline EVP_PKEY *
pki_key(const char *kind)
{
	EVP_PKEY *key;

	if (!kind)
		kind = "P-256";
	if (strncmp(kind, "RSA:", 4) == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)(kind[4] - '0') * 1024);
	else if (strcmp(kind, "ED25519") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
	else
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
	pki_must(key, kind);
	return key;
}

static inline void
pki_add_ext(X509 *x, X509 *issuer, const char *name, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&ctx);
	ext = X509V3_EXT_nconf(NULL, &ctx, name, value);
	pki_must(ext && X509_add_ext(x, ext, -1) == 1, name);
	X509_EXTENSION_free(ext);
}

/* @issuer: NULL = itself */
static inline struct pki
pki_make(const struct pki_spec *spec, const struct pki *issuer)
{
	static long serial = 1000;
	struct pki p = {.x = X509_new()};
	X509_NAME *name = X509_NAME_new();
	const EVP_MD *md = EVP_get_digestbyname(spec->md ? spec->md : "SHA256");

	if (spec->rekey) {
		p.key = spec->rekey->key;
		pki_must(EVP_PKEY_up_ref(p.key) == 1, "a shared key");
	} else {
		p.key = pki_key(spec->key);
	}
	if (!issuer)
		issuer = &p;
	pki_must(p.x && name, "a certificate");
	if (spec->name)
		pki_must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)spec->name, -1,
						    -1, 0) == 1,
			 spec->name);
	pki_must(X509_set_version(p.x, X509_VERSION_3) == 1 &&
			 ASN1_INTEGER_set(X509_get_serialNumber(p.x), spec->serial ? spec->serial : serial++) == 1 &&
			 X509_set_subject_name(p.x, name) == 1 &&
			 X509_set_issuer_name(p.x, X509_get_subject_name(issuer->x)) == 1 &&
			 X509_set_pubkey(p.x, p.key) == 1 &&
			 ASN1_TIME_set(X509_getm_notBefore(p.x), spec->from ? spec->from : PKI_2020) &&
			 ASN1_TIME_set(X509_getm_notAfter(p.x), spec->to ? spec->to : PKI_2040),
		 "a certificate");
	X509_NAME_free(name);
	if (!spec->no_key_ids) {
		pki_add_ext(p.x, issuer->x, "subjectKeyIdentifier", "hash");
		pki_add_ext(p.x, issuer->x, "authorityKeyIdentifier", "keyid:always");
	}
	for (size_t i = 0; i < 8 && spec->ext[i].name; i++)
		pki_add_ext(p.x, issuer->x, spec->ext[i].name, spec->ext[i].value);
	if (EVP_PKEY_is_a(issuer->key, "ED25519"))
		md = NULL;
	pki_must(X509_sign(p.x, issuer->key, md) > 0, "a signature");
	return p;
}

static inline void
pki_free(struct pki *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->x);
	*p = (struct pki){.key = NULL, .x = NULL};
}

/* ---- as files hold them; appended ---- */

static inline void
pki_take_bio(BIO *bio, bool good, struct buf *out)
{
	char *p;
	long len = BIO_get_mem_data(bio, &p);

	pki_must(good && len > 0 && buf_add(NULL, out, p, (size_t)len) == COFFER_OK, "a PEM text");
	BIO_free(bio);
}

static inline void
pki_cert_pem(const struct pki *p, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	pki_take_bio(bio, PEM_write_bio_X509(bio, p->x) == 1, out);
}

static inline void
pki_key_pem(const struct pki *p, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	pki_take_bio(bio, PEM_write_bio_PKCS8PrivateKey(bio, p->key, NULL, NULL, 0, NULL, NULL) == 1, out);
}

static inline void
pki_pub_pem(const struct pki *p, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	pki_take_bio(bio, PEM_write_bio_PUBKEY(bio, p->key) == 1, out);
}

static inline void
pki_cert_der(const struct pki *p, struct buf *out)
{
	unsigned char *der = NULL;
	int len = i2d_X509(p->x, &der);

	pki_must(len > 0 && buf_add(NULL, out, der, (size_t)len) == COFFER_OK, "DER");
	OPENSSL_free(der);
}

#endif
