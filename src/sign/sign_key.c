/* SPDX-License-Identifier: Apache-2.0 */
/* The method key: a key pair, known to both sides. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sign/signing_key.h"

/* ---- signing ---- */

struct key_signer {
	struct signer base;
	struct signing_key key;
	struct pubkey *public;
	char hint[65];
};

static coffer_err
sign(struct signer *base, struct fault *f, struct bundle *b)
{
	struct key_signer *self = (struct key_signer *)base;
	coffer_err err;

	TRY(envelope_sign(f, &self->key, self->public, b));
	b->material = BUNDLE_PUBLIC_KEY;
	free(b->key_hint);
	b->key_hint = strdup(self->hint);
	if (!b->key_hint)
		return fault_nomem(f);
out:
	return err;
}

static void
free_signer(struct signer *base)
{
	struct key_signer *self = (struct key_signer *)base;

	self->key.free(self->key.key);
	pubkey_free(&self->public);
	free(self);
}

coffer_err
signer_key_of(struct fault *f, struct signing_key k, struct signer **out)
{
	struct key_signer *self = calloc(1, sizeof(*self));
	struct signer *s;
	coffer_err err;

	*out = NULL;
	if (!self) {
		k.free(k.key);
		return fault_nomem(f);
	}
	self->base = (struct signer){.method = "key", .sign = sign, .free = free_signer};
	self->key = k;
	s = &self->base;
	TRY(k.public(f, k.key, &self->public));
	TRY(signing_key_check(f, self->public, COFFER_E_KEY));
	TRY(signing_key_hint(f, self->public, self->hint));
	*out = s;
	s = NULL;
out:
	signer_free(&s);
	return err;
}

coffer_err
signer_key(struct fault *f, struct privkey *k, struct signer **out)
{
	return signer_key_of(f, signing_key_of(k), out);
}

/* ---- verifying ---- */

struct key_verifier {
	struct verifier base;
	struct pubkey *key;
	char hint[65];
};

/* Before 1.1 the key itself was in the bundle.  It proves nothing, but tells that it is another one. */
static bool
is_of_other_key(const struct key_verifier *self, const struct bundle *b)
{
	struct pubkey *named = NULL;
	bool other = false;

	if (b->key_hint)
		return strcmp(b->key_hint, self->hint) != 0;
	if (b->key_raw.len > 0 && pubkey_from_pem(NULL, "", buf_view(&b->key_raw), &named) == COFFER_OK)
		other = !pubkey_equal(named, self->key);
	pubkey_free(&named);
	return other;
}

static coffer_err
verify(const struct verifier *base, struct fault *f, const struct bundle *b, struct signed_by *who)
{
	const struct key_verifier *self = (const struct key_verifier *)base;
	coffer_err err;

	TRY(bundle_require_oms(f, b));
	if (b->material != BUNDLE_PUBLIC_KEY)
		return fault_set(f, COFFER_E_POLICY,
				 "made with a certificate and not with a key alone: the methods certificate and "
				 "sigstore are for that");
	if (is_of_other_key(self, b))
		return fault_set(f, COFFER_E_SIGNATURE, "signed with another key%s%.64s; the one given is %s",
				 b->key_hint ? ", " : "", b->key_hint ? b->key_hint : "", self->hint);
	TRY(envelope_verify(f, self->key, pkey_digest(pubkey_kind(self->key)), b));
	if (asprintf(&who->who, "key %s", self->hint) < 0) {
		who->who = NULL;
		return fault_nomem(f);
	}
	memcpy(who->key_hint, self->hint, sizeof(who->key_hint));
	who->source = TIME_NONE;
out:
	return err;
}

static void
free_verifier(struct verifier *base)
{
	struct key_verifier *self = (struct key_verifier *)base;

	pubkey_free(&self->key);
	free(self);
}

coffer_err
verifier_key(struct fault *f, struct pubkey *k, struct verifier **out)
{
	struct key_verifier *self = calloc(1, sizeof(*self));
	struct verifier *v;
	coffer_err err;

	*out = NULL;
	if (!self) {
		pubkey_free(&k);
		return fault_nomem(f);
	}
	self->base = (struct verifier){.method = "key", .verify = verify, .free = free_verifier};
	self->key = k;
	v = &self->base;
	TRY(signing_key_check(f, k, COFFER_E_KEY));
	TRY(signing_key_hint(f, k, self->hint));
	*out = v;
	v = NULL;
out:
	verifier_free(&v);
	return err;
}
