/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles against a trusted root: whatever is accepted has the very payload that was signed, and a failure names nobody. */

#include "sign/sigstore.h"
#include "support/fuzz.h"
#include "support/universe.h"

static struct trusted_root *root;
static struct bundle signed_bundle;

static void
setup(void)
{
	if (root)
		return;
	bundle_init(&signed_bundle);
	need(trusted_root_parse(NULL, "the root", view_str(universe_root), &root) == COFFER_OK);
	need(bundle_parse(NULL, "the bundle", view_str(universe_v1), &signed_bundle) == COFFER_OK);
}

static void
check(const struct bundle *b, struct sigstore_policy *policy)
{
	struct signed_by who = {.who = NULL};
	struct fault f = {.err = COFFER_OK};

	if (sigstore_verify_bundle(&f, root, b, policy, &who) == COFFER_OK) {
		need(who.time > 0 && who.chain.n > 1);
		if (b->content == BUNDLE_DSSE)
			need(b->payload.len == signed_bundle.payload.len &&
			     memcmp(b->payload.p, signed_bundle.payload.p, b->payload.len) == 0);
	} else {
		need(f.err != COFFER_OK && f.text[0] != '\0' && !who.who && !who.identity && who.chain.n == 0);
	}
	signed_by_free(&who);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sigstore_policy policy = {.identity = UNIVERSE_IDENTITY, .issuer = UNIVERSE_ISSUER};
	struct bundle b;

	setup();
	bundle_init(&b);
	if (bundle_parse(NULL, "the bundle", view_of(data, size), &b) == COFFER_OK) {
		if (b.content == BUNDLE_MESSAGE)
			policy.digest = universe_digest;
		check(&b, &policy);
	}
	bundle_free(&b);
	return 0;
}
