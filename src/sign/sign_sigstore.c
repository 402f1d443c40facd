/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/sign_sigstore.h"

#include <stdlib.h>
#include <string.h>

#include "sign/sigstore.h"

struct sigstore_verifier {
	struct verifier base;
	struct trusted_root *root;
	char *identity, *issuer;
};

static coffer_err
verify(const struct verifier *self, struct fault *f, const struct bundle *b, struct signed_by *who)
{
	const struct sigstore_verifier *v = (const struct sigstore_verifier *)self;
	struct sigstore_policy policy = {.identity = v->identity, .issuer = v->issuer};
	coffer_err err = COFFER_OK;

	TRY(bundle_require_oms(f, b));
	TRY(sigstore_verify_bundle(f, v->root, b, &policy, who));
out:
	return err;
}

static void
free_verifier(struct verifier *self)
{
	struct sigstore_verifier *v = (struct sigstore_verifier *)self;

	trusted_root_free(&v->root);
	free(v->identity);
	free(v->issuer);
	free(v);
}

coffer_err
verifier_sigstore(struct fault *f, struct trusted_root *root, const char *identity, const char *issuer,
		  struct verifier **out)
{
	struct sigstore_verifier *v = NULL;

	*out = NULL;
	if (!identity || !*identity || !issuer || !*issuer) {
		trusted_root_free(&root);
		return fault_set(f, COFFER_E_USAGE, "say whose signature is expected: identity and issuer, both");
	}
	v = calloc(1, sizeof(*v));
	if (!v) {
		trusted_root_free(&root);
		return fault_nomem(f);
	}
	*v = (struct sigstore_verifier){
		.base = {.method = "sigstore", .verify = verify, .free = free_verifier},
		.root = root,
		.identity = strdup(identity),
		.issuer = strdup(issuer),
	};
	if (!v->identity || !v->issuer) {
		free_verifier(&v->base);
		return fault_nomem(f);
	}
	*out = &v->base;
	return COFFER_OK;
}
