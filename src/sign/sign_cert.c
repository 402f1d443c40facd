/* SPDX-License-Identifier: Apache-2.0 */
/* The method certificate: a chain from the signer's certificate to a root that the verifier trusts. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "crypto/tst.h"
#include "sign/signing_key.h"

/* ---- signing ---- */

struct cert_signer {
	struct signer base;
	struct signing_key key;
	struct pubkey *public;
	struct certs certs; /* leaf first */
};

static coffer_err
sign(struct signer *base, struct fault *f, struct bundle *b)
{
	struct cert_signer *self = (struct cert_signer *)base;
	coffer_err err;

	TRY(envelope_sign(f, &self->key, self->public, b));
	b->material = BUNDLE_CHAIN;
	certs_free(&b->certs);
	for (size_t i = 0; i < self->certs.n; i++)
		TRY(certs_add_ref(f, &b->certs, self->certs.v[i]));
out:
	return err;
}

static void
free_signer(struct signer *base)
{
	struct cert_signer *self = (struct cert_signer *)base;

	self->key.free(self->key.key);
	pubkey_free(&self->public);
	certs_free(&self->certs);
	free(self);
}

static coffer_err
check_time(struct fault *f, const struct cert *leaf, int64_t at)
{
	int64_t from, to;
	char day[32] = "";
	time_t edge;
	struct tm tm;
	coffer_err err;

	TRY(cert_validity(f, leaf, &from, &to));
	if (at >= from && at <= to)
		return COFFER_OK;
	edge = at < from ? from : to;
	if (gmtime_r(&edge, &tm))
		(void)strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S UTC", &tm);
	err = fault_set(f, COFFER_E_POLICY, "the signing certificate %s %s; nobody would believe a signature of now",
			at < from ? "is not valid before" : "expired on", day);
out:
	return err;
}

/* what cert_chain() wants of a leaf for CERT_CODE_SIGNING, told before anything is signed */
static coffer_err
check_usage(struct fault *f, const struct cert *leaf)
{
	enum cert_usage ku = cert_key_usage_signature(leaf), eku = cert_ext_usage_code(leaf);

	if (ku == CERT_NOT_ALLOWED || eku == CERT_NOT_ALLOWED || (ku != CERT_ALLOWED && eku != CERT_ALLOWED))
		return fault_set(f, COFFER_E_POLICY,
				 "the signing certificate is not for signing code: it needs keyUsage "
				 "digitalSignature or extendedKeyUsage codeSigning");
	return COFFER_OK;
}

static coffer_err
check_leaf(struct fault *f, const struct cert *leaf, const struct pubkey *key)
{
	struct pubkey *certified = NULL;
	coffer_err err;

	TRY(cert_public(f, leaf, &certified));
	if (!pubkey_equal(certified, key))
		TRY(fault_set(f, COFFER_E_KEY, "the signing certificate is that of another key"));
	TRY(check_usage(f, leaf));
	TRY(check_time(f, leaf, (int64_t)time(NULL)));
out:
	pubkey_free(&certified);
	return err;
}

/* A root proves nothing where a stranger put it, so a bundle holds none. */
static coffer_err
take_chain(struct fault *f, const struct certs *all, struct certs *out)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < all->n; i++)
		if (i == 0 || !cert_is_self_issued(all->v[i]))
			TRY(certs_add_ref(f, out, all->v[i]));
out:
	return err;
}

coffer_err
signer_certificate_of(struct fault *f, struct signing_key k, struct certs *leaf_and_chain, struct signer **out)
{
	struct cert_signer *self = calloc(1, sizeof(*self));
	struct signer *s = NULL;
	coffer_err err;

	*out = NULL;
	if (!self) {
		k.free(k.key);
		TRY(fault_nomem(f));
	}
	self->base = (struct signer){.method = "certificate", .sign = sign, .free = free_signer};
	self->key = k;
	s = &self->base;
	if (leaf_and_chain->n == 0)
		TRY(fault_set(f, COFFER_E_USAGE, "no signing certificate"));
	TRY(k.public(f, k.key, &self->public));
	TRY(signing_key_check(f, self->public, COFFER_E_KEY));
	TRY(check_leaf(f, leaf_and_chain->v[0], self->public));
	TRY(take_chain(f, leaf_and_chain, &self->certs));
	*out = s;
	s = NULL;
out:
	signer_free(&s);
	certs_free(leaf_and_chain);
	return err;
}

coffer_err
signer_certificate(struct fault *f, struct privkey *k, struct certs *leaf_and_chain, struct signer **out)
{
	return signer_certificate_of(f, signing_key_of(k), leaf_and_chain, out);
}

/* ---- verifying ---- */

struct cert_verifier {
	struct verifier base;
	struct cert_trust trust;
};

/* The earliest time that a trusted authority gives the signature; false when none does. */
static bool
find_stamp(const struct cert_trust *t, const struct bundle *b, int64_t *at_out)
{
	const struct tst_trust authorities = {.roots = &t->tsa_roots, .intermediates = &t->tsa_roots};
	bool found = false;

	for (size_t i = 0; i < b->n_timestamps && t->tsa_roots.n > 0; i++) {
		int64_t at;

		if (tst_verify(NULL, buf_view(&b->timestamps[i]), buf_view(&b->signature), &authorities, NULL, &at) !=
		    COFFER_OK)
			continue;
		if (!found || at < *at_out)
			*at_out = at;
		found = true;
	}
	return found;
}

/* When certificates are judged.  A timestamp of an authority that nobody trusts is as good as none. */
static void
choose_time(const struct cert_trust *t, const struct bundle *b, struct signed_by *who)
{
	if (t->has_time) {
		who->time = t->at;
		who->source = TIME_GIVEN;
	} else if (find_stamp(t, b, &who->time)) {
		who->source = TIME_STAMP;
	} else {
		who->time = (int64_t)time(NULL);
		who->source = TIME_NOW;
	}
}

static coffer_err
check_chain(struct fault *f, const struct cert_trust *t, const struct bundle *b, struct signed_by *who)
{
	struct certs helpers = {.v = NULL, .n = 0};
	const struct chain_policy policy = {
		.roots = &t->roots, .intermediates = &helpers, .at = who->time, .purpose = CERT_CODE_SIGNING};
	coffer_err err = COFFER_OK;

	for (size_t i = 1; i < b->certs.n; i++)
		TRY(certs_add_ref(f, &helpers, b->certs.v[i]));
	for (size_t i = 0; i < t->intermediates.n; i++)
		TRY(certs_add_ref(f, &helpers, t->intermediates.v[i]));
	TRY(cert_chain(f, b->certs.v[0], &policy, &who->chain));
out:
	if (err == COFFER_E_SIGNATURE && who->source == TIME_NOW && b->n_timestamps > 0)
		(void)fault_prefix(f, "judged as of now, for the timestamp is not of an authority that is trusted");
	certs_free(&helpers);
	return err;
}

static coffer_err
describe(struct fault *f, const struct cert *leaf, const struct pubkey *key, struct signed_by *who)
{
	struct buf name = BUF_INIT(LIMIT_CERT);
	coffer_err err;

	TRY(cert_subject(f, leaf, &name));
	who->who = strndup(name.len > 0 ? (const char *)name.p : "", name.len);
	if (!who->who)
		TRY(fault_nomem(f));
	TRY(signing_key_hint(f, key, who->key_hint));
out:
	buf_free(&name);
	return err;
}

/* Whose certificate it is: a key that is not known is a fault of the signature, not of a key that somebody has given. */
static coffer_err
certified_key(struct fault *f, const struct cert *leaf, struct pubkey **out)
{
	coffer_err err = cert_public(f, leaf, out);

	if (err == COFFER_E_KEY)
		return fault_set(f, COFFER_E_UNSUPPORTED,
				 "a certificate with a key that is not known; models are signed with keys on P-256, "
				 "P-384 or P-521");
	TRY(err);
	TRY(signing_key_check(f, *out, COFFER_E_UNSUPPORTED));
out:
	return err;
}

static coffer_err
verify(const struct verifier *base, struct fault *f, const struct bundle *b, struct signed_by *who)
{
	const struct cert_verifier *self = (const struct cert_verifier *)base;
	struct pubkey *key = NULL;
	coffer_err err;

	TRY(bundle_require_oms(f, b));
	if (b->material != BUNDLE_CHAIN)
		return fault_set(f, COFFER_E_POLICY, "signed by the method %s, not with a chain of certificates",
				 b->material == BUNDLE_CERTIFICATE ? "sigstore" : "key");
	TRY(certified_key(f, b->certs.v[0], &key));
	TRY(envelope_verify(f, key, DIGEST_SHA256, b));
	choose_time(&self->trust, b, who);
	TRY(check_chain(f, &self->trust, b, who));
	TRY(describe(f, b->certs.v[0], key, who));
out:
	pubkey_free(&key);
	if (err != COFFER_OK)
		signed_by_free(who);
	return err;
}

static void
free_trust(struct cert_trust *t)
{
	certs_free(&t->roots);
	certs_free(&t->intermediates);
	certs_free(&t->tsa_roots);
}

static void
free_verifier(struct verifier *base)
{
	struct cert_verifier *self = (struct cert_verifier *)base;

	free_trust(&self->trust);
	free(self);
}

coffer_err
verifier_certificate(struct fault *f, struct cert_trust *trust, struct verifier **out)
{
	struct cert_verifier *self = calloc(1, sizeof(*self));

	*out = NULL;
	if (!self) {
		free_trust(trust);
		return fault_nomem(f);
	}
	self->base = (struct verifier){.method = "certificate", .verify = verify, .free = free_verifier};
	self->trust = *trust;
	*trust = (struct cert_trust){.has_time = false};
	*out = &self->base;
	return COFFER_OK;
}
