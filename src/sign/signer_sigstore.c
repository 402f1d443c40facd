/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/signer_sigstore.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/utc.h"
#include "sign/dsse.h"
#include "sign/fulcio.h"
#include "sign/rekor.h"
#include "sign/sigstore.h"
#include "sign/tsa.h"

struct sigstore_signer {
	struct signer base;
	struct signing_config config;
	struct trusted_root *root; /* or NULL */

	struct oidc_source source; /* what it points to is here: */
	struct oidc_ui ui;
	char *issuer, *client_id;
	struct secret client_secret;
	struct id_token token; /* that was given; empty otherwise */
};

/* ---- one signature ---- */

static coffer_err
get_token(struct fault *f, const struct sigstore_signer *s, struct id_token *fresh, const struct secret **out)
{
	char when[UTC_LEN + 1];
	coffer_err err = COFFER_OK;

	if (s->token.text.p) {
		if (s->token.expires <= time(NULL))
			return fault_set(
				f, COFFER_E_PERM,
				"the identity token expired at %s, while the model was read: get one that lasts "
				"longer, or let coffer get it",
				utc_text(s->token.expires, when));
		*out = &s->token.text;
		return COFFER_OK;
	}
	TRY(oidc_token(f, &s->source, fresh));
	*out = &fresh->text;
out:
	return err;
}

static coffer_err
certify(struct fault *f, const struct sigstore_signer *s, const struct privkey *key, struct bundle *b)
{
	struct id_token fresh = {.text = SECRET_INIT};
	struct certs chain = {.v = NULL, .n = 0};
	const struct secret *token;
	coffer_err err;

	TRY(get_token(f, s, &fresh, &token));
	TRY(fulcio_certify(f, s->config.ca.v[0].url, token, key, &chain));
	/* the leaf alone: what is above it comes from the verifier's trusted root */
	b->material = BUNDLE_CERTIFICATE;
	TRY(certs_add_ref(f, &b->certs, chain.v[0]));
out:
	id_token_free(&fresh);
	certs_free(&chain);
	return err;
}

static coffer_err
sign_with(struct fault *f, const struct privkey *key, struct bundle *b)
{
	uint8_t digest[DIGEST_MAX];
	const uint8_t *signed_digest = b->content == BUNDLE_DSSE ? digest : b->digest;
	coffer_err err;

	if (b->content == BUNDLE_DSSE)
		TRY(dsse_digest(f, DIGEST_SHA256, b->payload_type, buf_view(&b->payload), digest));
	else if (!b->has_digest || b->digest_kind != DIGEST_SHA256)
		return fault_set(f, COFFER_E_USAGE, "a message to be signed must come with its SHA-256");
	TRY(privkey_sign_digest(f, key, DIGEST_SHA256, signed_digest, &b->signature));
out:
	return err;
}

/* Whoever will verify it would find the same; found now, it can still be helped. */
static coffer_err
check(struct fault *f, const struct sigstore_signer *s, const struct bundle *b)
{
	struct sigstore_policy policy = {.digest = b->content == BUNDLE_MESSAGE ? b->digest : NULL,
					 .digest_kind = b->digest_kind};
	struct signed_by who = {.who = NULL};
	char *identity = NULL, *issuer = NULL;
	coffer_err err;

	TRY(sigstore_identity(f, b->certs.v[0], &identity, &issuer));
	policy.identity = identity;
	policy.issuer = issuer;
	err = sigstore_verify_bundle(f, s->root, b, &policy, &who);
	if (err)
		TRY(fault_prefix(f, "the signature that was just made does not hold by the trusted root"));
out:
	signed_by_free(&who);
	free(identity);
	free(issuer);
	return err;
}

static coffer_err
sign(struct signer *self, struct fault *f, struct bundle *b)
{
	const struct sigstore_signer *s = (const struct sigstore_signer *)self;
	struct privkey *key = NULL;
	coffer_err err;

	TRY(privkey_generate(f, PKEY_P256, &key));
	TRY(certify(f, s, key, b));
	TRY(sign_with(f, key, b));
	privkey_free(&key); /* it has done its one service */
	for (size_t i = 0; i < s->config.tsa.n; i++)
		TRY(tsa_stamp(f, s->config.tsa.v[i].url, b));
	TRY(rekor_add(f, &s->config.rekor.v[0], b));
	if (s->root)
		TRY(check(f, s, b));
out:
	privkey_free(&key);
	return err;
}

/* ---- a signer ---- */

static void
free_signer(struct signer *self)
{
	struct sigstore_signer *s = (struct sigstore_signer *)self;

	signing_config_free(&s->config);
	trusted_root_free(&s->root);
	id_token_free(&s->token);
	secret_free(&s->client_secret);
	free(s->issuer);
	free(s->client_id);
	free(s);
}

static coffer_err
check_config(struct fault *f, const struct signing_config *c)
{
	if (c->ca.n == 0)
		return fault_set(f, COFFER_E_UNSUPPORTED,
				 "the signing config names no certificate authority that can be used now");
	if (c->rekor.n == 0)
		return fault_set(f, COFFER_E_UNSUPPORTED, "the signing config names no log that can be used now");
	if (c->rekor.v[0].version > 1 && c->tsa.n == 0)
		return fault_set(f, COFFER_E_UNSUPPORTED,
				 "a log of version 2 gives no time, and the signing config names no timestamp "
				 "authority: name one with --tsa-url");
	return COFFER_OK;
}

static coffer_err
copy_text(struct fault *f, const char *text, char **out)
{
	*out = text ? strdup(text) : NULL;
	return *out || !text ? COFFER_OK : fault_nomem(f);
}

static coffer_err
copy_source(struct fault *f, const struct oidc_source *from, struct sigstore_signer *s)
{
	const struct services *providers = &s->config.oidc;
	coffer_err err;

	s->source = (struct oidc_source){.ambient = from->ambient, .way = from->way, .patience_s = from->patience_s};
	if (from->ui) {
		s->ui = *from->ui;
		s->source.ui = &s->ui;
	}
	TRY(copy_text(f, from->issuer || providers->n == 0 ? from->issuer : providers->v[0].url, &s->issuer));
	TRY(copy_text(f, from->client_id, &s->client_id));
	s->source.issuer = s->issuer;
	s->source.client_id = s->client_id;
	if (from->client_secret) {
		TRY(secret_copy(f, &s->client_secret, from->client_secret->p, from->client_secret->len));
		s->source.client_secret = &s->client_secret;
	}
	if (oidc_is_given(from))
		TRY(oidc_token(f, from, &s->token));
	else
		TRY(oidc_check(f, &s->source));
out:
	return err;
}

coffer_err
signer_sigstore(struct fault *f, struct sigstore_signing *signing, struct signer **out)
{
	struct sigstore_signer *s = calloc(1, sizeof(*s));
	coffer_err err;

	*out = NULL;
	if (!s) {
		signing_config_free(&signing->config);
		trusted_root_free(&signing->root);
		return fault_nomem(f);
	}
	s->base = (struct signer){.method = "sigstore", .sign = sign, .free = free_signer};
	s->config = signing->config;
	s->root = signing->root;
	signing->config = (struct signing_config){.ca = {.n = 0}};
	signing->root = NULL;
	TRY(check_config(f, &s->config));
	TRY(copy_source(f, signing->source, s));
	*out = &s->base;
	s = NULL;
out:
	if (s)
		free_signer(&s->base);
	return err;
}
