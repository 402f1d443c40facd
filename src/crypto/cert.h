/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X.509 certificates (RFC 5280): read, chained at a chosen time, and asked what they say.
 *
 * Times are seconds since 1970, UTC.  Objects may be used from several threads at once.
 */
#ifndef CRYPTO_CERT_H
#define CRYPTO_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"
#include "crypto/pkey.h"

struct cert;

/** struct certs - a list that owns its certificates */
struct certs {
	struct cert **v;
	size_t n;
};

/** cert_from_der() - one certificate and nothing behind it; at most LIMIT_CERT bytes */
coffer_err cert_from_der(struct fault *f, const char *what, struct view der, struct cert **out);

/** certs_from_pem() - append every «CERTIFICATE» of @pem, in order; none is COFFER_E_FORMAT, more than LIMIT_CERTS too */
coffer_err certs_from_pem(struct fault *f, const char *what, struct view pem, struct certs *list);

/** certs_add() - append @c, which the list owns from then on, after a failure too */
coffer_err certs_add(struct fault *f, struct certs *list, struct cert *c);

/** certs_add_ref() - append another reference to @c */
coffer_err certs_add_ref(struct fault *f, struct certs *list, const struct cert *c);

/** certs_system() - append the roots that this system trusts (/etc/ssl/certs, or what SSL_CERT_FILE names) */
coffer_err certs_system(struct fault *f, struct certs *list);

/** cert_free() - free *@c and set it to NULL; NULL is fine */
void cert_free(struct cert **c);
void certs_free(struct certs *list);

/* ---- what it says ---- */

struct view cert_der(const struct cert *c); /* lives as long as @c */

/** cert_public() - its key, the caller's */
coffer_err cert_public(struct fault *f, const struct cert *c, struct pubkey **out);

/** cert_validity() - the first and last second at which it holds */
coffer_err cert_validity(struct fault *f, const struct cert *c, int64_t *not_before_out, int64_t *not_after_out);

bool cert_is_ca(const struct cert *c);		/* basicConstraints CA:TRUE */
bool cert_is_self_issued(const struct cert *c); /* subject == issuer */
bool cert_has_empty_subject(const struct cert *c);
bool cert_equal(const struct cert *a, const struct cert *b);

enum cert_usage { CERT_NO_SUCH_EXTENSION, CERT_NOT_ALLOWED, CERT_ALLOWED };
enum cert_usage cert_key_usage_signature(const struct cert *c); /* keyUsage digitalSignature */
enum cert_usage cert_ext_usage_code(const struct cert *c);	/* extendedKeyUsage codeSigning */

/** cert_subject() - append its name as RFC 2253 text, for people; COFFER_E_FORMAT when it cannot be shown */
coffer_err cert_subject(struct fault *f, const struct cert *c, struct buf *out);

/** cert_fingerprint() - SHA-256 of the DER */
coffer_err cert_fingerprint(struct fault *f, const struct cert *c, uint8_t out[static 32]);

/** cert_extension() - the value (the bytes inside the OCTET STRING) of the extension @oid, «1.3.6.1.…»; false when absent or doubled */
bool cert_extension(const struct cert *c, const char *oid, struct view *value_out, bool *critical_out);

enum cert_name_kind { CERT_NAME_EMAIL, CERT_NAME_URI, CERT_NAME_DNS, CERT_NAME_OTHER };
struct cert_name {
	enum cert_name_kind kind;
	char *text;	    /* UTF-8, NUL-terminated; names with a NUL inside are an error */
	char other_oid[64]; /* of CERT_NAME_OTHER, whose value is a UTF8String */
};

/** cert_names() - its subjectAltName; free with cert_names_free() */
coffer_err cert_names(struct fault *f, const struct cert *c, struct cert_name **out, size_t *n_out);
void cert_names_free(struct cert_name **names, size_t n);

/* ---- chains ---- */

enum cert_purpose {
	CERT_ANY,
	/* the leaf: keyUsage digitalSignature or extendedKeyUsage codeSigning, and neither may deny it; a CA leaf is
	   allowed, as OMS has it */
	CERT_CODE_SIGNING,
	/* the leaf: no CA, keyUsage digitalSignature and extendedKeyUsage codeSigning both */
	CERT_FULCIO,
	/* the leaf: extendedKeyUsage timeStamping, and no other */
	CERT_TIMESTAMPING,
};

/** struct chain_policy - from where to where, and when */
struct chain_policy {
	const struct certs *roots;	   /* trusted; a trusted intermediate alone is no root */
	const struct certs *intermediates; /* not trusted; may be NULL */
	int64_t at;			   /* every certificate of the chain must be valid then */
	enum cert_purpose purpose;
};

/**
 * cert_chain() - build and check a chain from @leaf to a root (RFC 5280 section 6; unknown critical extensions are refused)
 * @chain_out: leaf … root, references; may be NULL
 *
 * COFFER_E_SIGNATURE with a sentence that says which certificate and why (expired on …, not trusted, wrong usage).
 */
coffer_err cert_chain(struct fault *f, const struct cert *leaf, const struct chain_policy *policy,
		      struct certs *chain_out);

/* ---- certificate transparency, RFC 6962 section 3.2 ---- */

/** cert_precert_tbs() - append the TBSCertificate without the embedded SCT list */
coffer_err cert_precert_tbs(struct fault *f, const struct cert *c, struct buf *out);

#endif
