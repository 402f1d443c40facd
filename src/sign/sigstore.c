/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/sigstore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/der.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/utc.h"
#include "crypto/tst.h"
#include "mem/secret.h"
#include "sign/sct.h"
#include "sign/signing_key.h"
#include "sign/tlog.h"
#include "sign/tlog_body.h"

#define OID_ISSUER "1.3.6.1.4.1.57264.1.8"     /* a DER UTF8String */
#define OID_ISSUER_RAW "1.3.6.1.4.1.57264.1.1" /* the bare characters, of older certificates */
#define OID_OTHER_NAME "1.3.6.1.4.1.57264.1.7"
#define OID_SUBJECT_ALT_NAME "2.5.29.17"

/* A time that somebody who is believed gives for the signature. */
struct moment {
	int64_t time; /* seconds since 1970 */
	enum time_source source;
};

/* One run over a bundle, and what it has found so far. */
struct run {
	const struct trusted_root *root;
	const struct bundle *b;
	const struct sigstore_policy *policy;

	const struct cert *leaf; /* NULL when the policy has a key */
	struct pubkey *key;	 /* of @leaf */
	const struct tlog_entry *entry;
	enum tlog_kind kind;
	const struct trusted_log *log;
	struct moment moments[LIMIT_TIMESTAMPS + 1];
	size_t n_moments;
	struct certs chain; /* of @leaf, at the first moment */
};

static coffer_err
refuse(struct fault *f, const char *sentence)
{
	return fault_set(f, COFFER_E_SIGNATURE, "%s", sentence);
}

/* ---- 3: the certificate or key ---- */

static coffer_err
check_key_material(struct fault *f, const struct run *r)
{
	if (r->b->material != BUNDLE_PUBLIC_KEY)
		return fault_set(f, COFFER_E_POLICY,
				 "signed by a certificate, not by the key that was given; give identity and issuer");
	return COFFER_OK;
}

static coffer_err
check_certificate_material(struct fault *f, struct run *r)
{
	const struct bundle *b = r->b;
	coffer_err err;

	if (b->material == BUNDLE_PUBLIC_KEY)
		return fault_set(f, COFFER_E_POLICY,
				 "signed by a key that no certificate binds to an identity; give that key");
	if (b->version >= 3 && b->material != BUNDLE_CERTIFICATE)
		return refuse(f, "the bundle has a chain of certificates where version 0.3 has the signer's alone");
	if (b->version < 3 && b->material != BUNDLE_CHAIN)
		return refuse(f, "the bundle has a single certificate where versions 0.1 and 0.2 have a chain");
	if (b->certs.n == 0)
		return refuse(f, "the bundle has no certificate");
	for (size_t i = 1; i < b->certs.n; i++)
		if (cert_is_self_issued(b->certs.v[i]))
			return refuse(f,
				      "the bundle brings a root certificate; roots come from the trusted root alone");
	r->leaf = b->certs.v[0];
	err = cert_public(f, r->leaf, &r->key);
	return err == COFFER_E_KEY ? refuse(f, "the certificate has a key of a kind that is not known") : err;
}

static coffer_err
check_material(struct fault *f, struct run *r)
{
	return r->policy->key ? check_key_material(f, r) : check_certificate_material(f, r);
}

static const struct pubkey *
signing_key(const struct run *r)
{
	return r->leaf ? r->key : r->policy->key;
}

/* ---- 4 to 10: the log entry ---- */

static coffer_err
check_entry(struct fault *f, struct run *r)
{
	const struct bundle *b = r->b;
	const struct tlog_entry *e = b->entries;
	bool promised;

	if (b->n_entries != 1)
		return fault_set(f, COFFER_E_SIGNATURE, "the bundle has %zu log entries; exactly one is expected",
				 b->n_entries);
	/* before checkpoints were common, a bundle of 0.1 relied on the promise alone */
	promised = b->version == 1 && e->promise.len > 0;
	if (!e->has_proof && !promised)
		return refuse(f, "the log entry has no inclusion proof");
	if (e->has_proof && !e->checkpoint && !promised)
		return refuse(f, "the inclusion proof of the log entry has no checkpoint");
	r->entry = e;
	return tlog_kind(f, e, &r->kind);
}

static bool
has_promise(const struct run *r)
{
	return r->kind != TLOG_V2 && r->entry->promise.len > 0;
}

static coffer_err
check_log(struct fault *f, struct run *r)
{
	const struct tlog_entry *e = r->entry;
	coffer_err err = COFFER_OK;

	TRY(tlog_find(f, r->root, e, &r->log));
	if (has_promise(r))
		TRY(tlog_check_promise(f, r->log, e));
	if (e->checkpoint)
		TRY(tlog_check_checkpoint(f, r->log, r->kind, e));
	if (e->has_proof)
		TRY(tlog_check_inclusion(f, r->kind, e));
out:
	return err;
}

/* ---- 7: when ---- */

static coffer_err
add_moment(struct fault *f, struct run *r, int64_t time, enum time_source source)
{
	char text[UTC_LEN + 1];

	if (!validity_has(&r->log->valid, time * 1000))
		return fault_set(f, COFFER_E_SIGNATURE,
				 "the signature is of %s, when the trusted root does not believe the log %s",
				 utc_text(time, text), r->log->url);
	r->moments[r->n_moments++] = (struct moment){.time = time, .source = source};
	return COFFER_OK;
}

/* the time of @token by one authority that holds for it */
static coffer_err
ask_authority(struct fault *f, const struct run *r, const struct trusted_authority *a, struct view token,
	      int64_t *time_out)
{
	struct tst_trust trust = {.roots = &a->roots, .intermediates = &a->intermediates, .leaves = &a->leaves};
	char text[UTC_LEN + 1];
	coffer_err err = COFFER_OK;

	TRY(tst_verify(f, token, buf_view(&r->b->signature), &trust, NULL, time_out));
	if (!validity_has(&a->valid, *time_out * 1000))
		err = fault_set(
			f, COFFER_E_SIGNATURE,
			"the timestamp is of %s, when the trusted root does not believe the authority that made it",
			utc_text(*time_out, text));
out:
	return err;
}

static coffer_err
check_timestamp(struct fault *f, const struct run *r, struct view token, int64_t *time_out)
{
	coffer_err err = refuse(f, "the bundle has a timestamp, and the trusted root lists no timestamp authority");

	for (size_t i = 0; i < r->root->n_tsas; i++) {
		err = ask_authority(f, r, &r->root->tsas[i], token, time_out);
		if (err != COFFER_E_SIGNATURE)
			break;
	}
	return err;
}

static coffer_err
read_timestamps(struct fault *f, struct run *r)
{
	const struct bundle *b = r->b;
	coffer_err err = COFFER_OK;

	if (b->n_timestamps > LIMIT_TIMESTAMPS)
		return fault_set(f, COFFER_E_FORMAT, "the bundle has %zu timestamps; at most %u are allowed",
				 b->n_timestamps, LIMIT_TIMESTAMPS);
	for (size_t i = 0; i < b->n_timestamps; i++) {
		int64_t time;

		TRY(check_timestamp(f, r, buf_view(&b->timestamps[i]), &time));
		TRY(add_moment(f, r, time, TIME_STAMP));
	}
out:
	return err;
}

/* A log's own time counts when its SET, which covers it, was verified: without one it is the bundle's word alone. */
static coffer_err
read_moments(struct fault *f, struct run *r)
{
	const struct tlog_entry *e = r->entry;
	coffer_err err = COFFER_OK;

	TRY(read_timestamps(f, r));
	if (has_promise(r) && e->integrated_time > 0) {
		if (e->integrated_time > INT64_MAX / 1000)
			return refuse(f, "the log's time of the signature is out of all bounds");
		TRY(add_moment(f, r, (int64_t)e->integrated_time, TIME_LOG));
	}
	if (r->n_moments == 0)
		err = refuse(f, r->kind == TLOG_V2 ? "nobody says when the signature was made: an entry of Rekor v2 "
						     "needs a trusted timestamp, and the bundle has none"
						   : "nobody says when the signature was made: there is neither a "
						     "signed entry timestamp (SET) nor a trusted timestamp");
out:
	return err;
}

/* ---- 11 and 13: the certificate ---- */

static coffer_err
ask_ca(struct fault *f, const struct run *r, const struct trusted_authority *ca, int64_t at, struct certs *chain)
{
	struct chain_policy policy = {
		.roots = &ca->roots, .intermediates = &ca->intermediates, .at = at, .purpose = CERT_FULCIO};

	certs_free(chain);
	return cert_chain(f, r->leaf, &policy, chain);
}

static coffer_err
check_chain_at(struct fault *f, const struct run *r, int64_t at, struct certs *chain)
{
	char text[UTC_LEN + 1];
	coffer_err err = fault_set(f, COFFER_E_SIGNATURE,
				   "the signature is of %s, when the trusted root believes no certificate authority",
				   utc_text(at, text));

	for (size_t i = 0; i < r->root->n_cas; i++) {
		const struct trusted_authority *ca = &r->root->cas[i];

		if (!validity_has(&ca->valid, at * 1000))
			continue;
		err = ask_ca(f, r, ca, at, chain);
		if (err != COFFER_E_SIGNATURE)
			break;
	}
	return err;
}

/* at every moment: what one source of time says must not contradict another */
static coffer_err
check_chains(struct fault *f, struct run *r)
{
	struct certs chain = {.n = 0};
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < r->n_moments; i++)
		TRY(check_chain_at(f, r, r->moments[i].time, i == 0 ? &r->chain : &chain));
out:
	certs_free(&chain);
	return err;
}

static coffer_err
check_form(struct fault *f, const struct run *r)
{
	struct view value;
	bool critical;

	if (!cert_has_empty_subject(r->leaf))
		return refuse(f, "the certificate has a subject, where Sigstore's have an alternative name alone");
	if (!cert_extension(r->leaf, OID_SUBJECT_ALT_NAME, &value, &critical))
		return refuse(f, "the certificate names nobody: it has no subjectAltName");
	if (!critical)
		return refuse(f, "the subjectAltName of the certificate is not critical, as that of a certificate "
				 "without a subject must be");
	return COFFER_OK;
}

/* a self-signed leaf that is its own root would have no issuer */
static coffer_err
check_transparency(struct fault *f, const struct run *r)
{
	if (r->chain.n < 2)
		return refuse(f, "the certificate was issued by nobody but itself");
	return sct_verify(f, r->root, r->leaf, r->chain.v[1]);
}

/* ---- 14: who ---- */

/* text of a certificate, for a sentence */
static const char *
shown(const char *text)
{
	return text_check(text, strlen(text)) ? text : "(a name that cannot be shown)";
}

static bool
is_identity(const struct cert_name *n)
{
	return n->kind == CERT_NAME_EMAIL || n->kind == CERT_NAME_URI ||
	       (n->kind == CERT_NAME_OTHER && strcmp(n->other_oid, OID_OTHER_NAME) == 0);
}

static coffer_err
match_identity(struct fault *f, const struct cert_name *names, size_t n, const char *identity)
{
	const char *other = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!is_identity(&names[i]))
			continue;
		if (strcmp(names[i].text, identity) == 0)
			return COFFER_OK;
		other = names[i].text;
	}
	if (!other)
		return fault_set(f, COFFER_E_POLICY, "the certificate names no e-mail address, URI or user name");
	return fault_set(f, COFFER_E_POLICY, "the signature is by «%.200s», not by «%.200s»", shown(other),
			 shown(identity));
}

static coffer_err
find_issuer(struct fault *f, const struct cert *leaf, struct view *out)
{
	struct view value;
	bool critical;

	if (cert_extension(leaf, OID_ISSUER, &value, &critical)) {
		if (!der_take(&value, DER_UTF8_STRING, out) || value.len != 0)
			return refuse(f, "the certificate's extension for the issuer of the identity is malformed");
		return COFFER_OK;
	}
	if (!cert_extension(leaf, OID_ISSUER_RAW, out, &critical))
		return fault_set(f, COFFER_E_POLICY, "the certificate does not say who vouched for the identity");
	return COFFER_OK;
}

/* Who expects the wrong identity may expect the wrong provider, too: one answer names both. */
static coffer_err
add_issuer(struct fault *f, const struct cert *leaf)
{
	struct fault unused;
	struct view issuer;
	char text[sizeof(f->text)];

	if (!f || find_issuer(&unused, leaf, &issuer) != COFFER_OK || !text_check((const char *)issuer.p, issuer.len))
		return COFFER_E_POLICY;
	(void)snprintf(text, sizeof(text), "%s", f->text);
	return fault_set(f, COFFER_E_POLICY, "%s (its identity provider is «%.*s»)", text,
			 (int)(issuer.len < 200 ? issuer.len : 200), (const char *)issuer.p);
}

static coffer_err
check_identity(struct fault *f, const struct run *r)
{
	struct cert_name *names = NULL;
	size_t n = 0;
	coffer_err err = COFFER_OK;

	TRY(cert_names(f, r->leaf, &names, &n));
	err = match_identity(f, names, n, r->policy->identity);
	if (err == COFFER_E_POLICY)
		err = add_issuer(f, r->leaf);
out:
	cert_names_free(&names, n);
	return err;
}

static coffer_err
check_issuer(struct fault *f, const struct run *r)
{
	const char *want = r->policy->issuer;
	struct view issuer;
	coffer_err err = COFFER_OK;

	TRY(find_issuer(f, r->leaf, &issuer));
	if (view_is(issuer, want))
		return COFFER_OK;
	if (!text_check((const char *)issuer.p, issuer.len))
		issuer = view_str("(an issuer that cannot be shown)");
	err = fault_set(f, COFFER_E_POLICY, "the signer's identity was vouched for by «%.*s», not by «%.200s»",
			(int)(issuer.len < 200 ? issuer.len : 200), (const char *)issuer.p, shown(want));
out:
	return err;
}

static const struct cert_name *
first_identity(const struct cert_name *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_identity(&names[i]))
			return &names[i];
	return NULL;
}

coffer_err
sigstore_identity(struct fault *f, const struct cert *leaf, char **identity_out, char **issuer_out)
{
	struct cert_name *names = NULL;
	const struct cert_name *name;
	struct view issuer;
	size_t n = 0;
	coffer_err err;

	*identity_out = NULL;
	*issuer_out = NULL;
	TRY(cert_names(f, leaf, &names, &n));
	TRY(find_issuer(f, leaf, &issuer));
	name = first_identity(names, n);
	if (!name || !text_check(name->text, strlen(name->text)) || !text_check((const char *)issuer.p, issuer.len))
		TRY(fault_set(f, COFFER_E_POLICY, "the certificate names nobody who can be shown"));
	*identity_out = strdup(name->text);
	*issuer_out = strndup((const char *)issuer.p, issuer.len);
	if (!*identity_out || !*issuer_out) {
		free(*identity_out);
		free(*issuer_out);
		*identity_out = NULL;
		*issuer_out = NULL;
		TRY(fault_nomem(f));
	}
out:
	cert_names_free(&names, n);
	return err;
}

/* ---- 15 and 16: what was signed ---- */

static coffer_err
check_content(struct fault *f, const struct run *r)
{
	const struct bundle *b = r->b;
	const struct sigstore_policy *p = r->policy;

	if (b->content == BUNDLE_DSSE) {
		if (p->digest)
			return refuse(f, "the bundle is of an in-toto statement, not of a file");
		if (strcmp(b->payload_type, DSSE_IN_TOTO) != 0)
			return refuse(f, "the payload of the envelope is no in-toto statement (" DSSE_IN_TOTO ")");
		return COFFER_OK;
	}
	if (!p->digest)
		return refuse(f, "the bundle is of a file, not of an in-toto statement");
	if (b->has_digest &&
	    (b->digest_kind != p->digest_kind || !mem_equal(b->digest, p->digest, digest_len(p->digest_kind))))
		return refuse(f, "the bundle is of another file: the hash that it names differs");
	return COFFER_OK;
}

/* the hash that the signature is over */
static coffer_err
read_subject(struct fault *f, const struct run *r, struct tlog_subject *s)
{
	const struct bundle *b = r->b;

	*s = (struct tlog_subject){.content = b->content,
				   .payload = buf_view(&b->payload),
				   .digest_kind = r->policy->digest_kind,
				   .signature = buf_view(&b->signature),
				   .cert = r->leaf,
				   .key = signing_key(r)};
	if (b->content == BUNDLE_MESSAGE) {
		memcpy(s->digest, r->policy->digest, digest_len(s->digest_kind));
		return COFFER_OK;
	}
	s->digest_kind = pkey_digest(pubkey_kind(s->key));
	return dsse_digest(f, s->digest_kind, b->payload_type, buf_view(&b->payload), s->digest);
}

static coffer_err
check_signature(struct fault *f, const struct run *r)
{
	struct tlog_subject s;
	coffer_err err = COFFER_OK;

	TRY(check_content(f, r));
	TRY(signing_key_check(f, signing_key(r), COFFER_E_SIGNATURE));
	TRY(read_subject(f, r, &s));
	TRY(tlog_body_check(f, r->entry, r->kind, &s));
	err = pubkey_verify_digest(f, s.key, s.digest_kind, s.digest, s.signature);
	if (err == COFFER_E_SIGNATURE)
		err = fault_set(f, err, "the signature is not by the key of the %s, or not over this content",
				r->leaf ? "certificate" : "signer");
out:
	return err;
}

/* ---- the answer ---- */

static coffer_err
name_signer(struct fault *f, const struct run *r, struct signed_by *who)
{
	const struct sigstore_policy *p = r->policy;
	int rc;

	if (!r->leaf)
		rc = asprintf(&who->who, "key %s", who->key_hint);
	else
		rc = asprintf(&who->who, "%s (issuer %s)", p->identity, p->issuer);
	if (rc < 0) {
		who->who = NULL;
		return fault_nomem(f);
	}
	if (!r->leaf)
		return COFFER_OK;
	who->identity = strdup(p->identity);
	who->issuer = strdup(p->issuer);
	return who->identity && who->issuer ? COFFER_OK : fault_nomem(f);
}

static coffer_err
tell(struct fault *f, struct run *r, struct signed_by *who)
{
	coffer_err err = COFFER_OK;

	TRY(signing_key_hint(f, signing_key(r), who->key_hint));
	TRY(name_signer(f, r, who));
	who->chain = r->chain;
	r->chain = (struct certs){.n = 0};
	who->time = r->moments[0].time;
	who->source = r->moments[0].source;
	who->log_index = r->entry->log_index;
out:
	return err;
}

static coffer_err
check_policy(struct fault *f, const struct sigstore_policy *p)
{
	if (p->key ? !p->identity && !p->issuer : p->identity && *p->identity && p->issuer && *p->issuer)
		return COFFER_OK;
	return fault_set(f, COFFER_E_USAGE,
			 "say whose signature is expected: identity and issuer, both, or a key alone");
}

coffer_err
sigstore_verify_bundle(struct fault *f, const struct trusted_root *root, const struct bundle *b,
		       const struct sigstore_policy *policy, struct signed_by *who)
{
	struct run r = {.root = root, .b = b, .policy = policy};
	coffer_err err = COFFER_OK;

	TRY(check_policy(f, policy));
	TRY(check_material(f, &r));
	TRY(check_entry(f, &r));
	TRY(check_log(f, &r));
	TRY(read_moments(f, &r));
	if (r.leaf) {
		TRY(check_chains(f, &r));
		TRY(check_transparency(f, &r));
		TRY(check_form(f, &r));
		TRY(check_identity(f, &r));
		TRY(check_issuer(f, &r));
	}
	TRY(check_signature(f, &r));
	TRY(tell(f, &r, who));
out:
	pubkey_free(&r.key);
	certs_free(&r.chain);
	if (err != COFFER_OK)
		signed_by_free(who);
	return err;
}
