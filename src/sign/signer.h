/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who signs, and who says whether a signature holds: providers with one verb each, as keys have two.
 *
 * A signer fills in a bundle whose payload is set; a verifier judges a bundle that was read.
 */
#ifndef SIGN_SIGNER_H
#define SIGN_SIGNER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "crypto/cert.h"
#include "crypto/pkey.h"
#include "sign/bundle.h"

struct signer {
	const char *method; /* «key», «certificate», «sigstore»: what verifies it */

	/* sign: set signature, material, log entries and timestamps of @b, whose payload and type are set */
	coffer_err (*sign)(struct signer *self, struct fault *f, struct bundle *b);

	void (*free)(struct signer *self); /* NULL is no function here */
};

enum time_source {
	TIME_NONE,  /* the method knows no time */
	TIME_NOW,   /* this machine's clock */
	TIME_GIVEN, /* the caller's --verify-at */
	TIME_STAMP, /* a trusted timestamp, RFC 3161 */
	TIME_LOG,   /* a transparency log's signed entry timestamp */
};

/** struct signed_by - who made a signature that held; zeroed before */
struct signed_by {
	char *who;	   /* one line for people: «key 1f3c…», «CN=…», «a@b.org (issuer …)» */
	char key_hint[65]; /* hex SHA-256 of the public key in PEM: the hint of OMS */
	char *identity;	   /* of sigstore; NULL elsewhere */
	char *issuer;
	struct certs chain; /* leaf … root, where there is one */
	int64_t time;	    /* at which certificates were judged; 0 = none */
	enum time_source source;
	uint64_t log_index; /* of sigstore */
};

/** signed_by_free() - free what it holds; it is empty again */
void signed_by_free(struct signed_by *who);

struct verifier {
	const char *method;

	/* verify: COFFER_OK and *@who, or COFFER_E_SIGNATURE, COFFER_E_POLICY, COFFER_E_FORMAT with a sentence */
	coffer_err (*verify)(const struct verifier *self, struct fault *f, const struct bundle *b,
			     struct signed_by *who);

	void (*free)(struct verifier *self);
};

/* ---- key, certificate: sign_key.c, sign_cert.c ---- */

/** signer_key() - sign with @k, which is taken over, after a failure too */
coffer_err signer_key(struct fault *f, struct privkey *k, struct signer **out);

/** signer_certificate() - the same, the bundle carries @leaf and @chain (taken over); refuses a leaf of another key, one that is not valid now, or has no code-signing usage */
coffer_err signer_certificate(struct fault *f, struct privkey *k, struct certs *leaf_and_chain, struct signer **out);

/** verifier_key() - believe @k alone, which is taken over */
coffer_err verifier_key(struct fault *f, struct pubkey *k, struct verifier **out);

/** struct cert_trust - when and whom to believe, of the method certificate */
struct cert_trust {
	struct certs roots;	    /* taken over */
	struct certs intermediates; /* taken over; found in --certificate-chain but not self-issued */
	bool has_time;
	int64_t at;		/* judge at this time, and at no other */
	struct certs tsa_roots; /* taken over: authorities whose timestamps are believed */
};

/** verifier_certificate() - time: @at if given, else that of a trusted timestamp if there is one, else now */
coffer_err verifier_certificate(struct fault *f, struct cert_trust *trust, struct verifier **out);

/** signer_free() - wipe and free *@s and set it to NULL; NULL is fine */
void signer_free(struct signer **s);
void verifier_free(struct verifier **v);

/** sign_payload() - set @b's payload to @statement and have @s sign it */
coffer_err sign_payload(struct fault *f, struct signer *s, struct view statement, struct bundle *b);

#endif
