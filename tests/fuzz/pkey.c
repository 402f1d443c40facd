/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in DER and PEM: what is accepted is of a known kind, and written so that it is read again as the same key. */
#include <string.h>

#include "crypto/pkey.h"
#include "support/fuzz.h"

static void
check_public(const struct pubkey *k)
{
	struct buf out = BUF_INIT(1 << 16);
	struct pubkey *again;

	need(pubkey_der(NULL, k, &out) == COFFER_OK);
	need(pubkey_from_der(NULL, "again", buf_view(&out), &again) == COFFER_OK);
	need(pubkey_equal(k, again) && pubkey_kind(k) == pubkey_kind(again));
	pubkey_free(&again);
	out.len = 0;
	need(pubkey_pem(NULL, k, &out) == COFFER_OK);
	need(pubkey_from_pem(NULL, "again", buf_view(&out), &again) == COFFER_OK);
	need(pubkey_equal(k, again));
	pubkey_free(&again);
	need(pubkey_verify(NULL, k, DIGEST_SHA256, view_str("message"), view_str("no signature")) ==
	     COFFER_E_SIGNATURE);
	buf_free(&out);
}

static void public(struct view in, coffer_err (*parse)(struct fault *, const char *, struct view, struct pubkey **))
{
	struct fault f = {.text = ""};
	struct pubkey *k;
	coffer_err err = parse(&f, "input", in, &k);

	need((err == COFFER_OK) == (k != NULL) && (k || f.text[0] != '\0'));
	if (k)
		check_public(k);
	pubkey_free(&k);
}

/* without a passphrase: the file itself says how many rounds it would take to try one */
static void private(struct view in)
{
	struct fault f = {.text = ""};
	struct privkey *k;
	struct pubkey *its_public;
	coffer_err err = privkey_from_pem(&f, "input", in, NULL, &k);

	need((err == COFFER_OK) == (k != NULL) && (k || f.text[0] != '\0'));
	if (k) {
		need(privkey_public(NULL, k, &its_public) == COFFER_OK);
		check_public(its_public);
		pubkey_free(&its_public);
	}
	privkey_free(&k);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	public(view_of(data, size), pubkey_from_der);
	public(view_of(data, size), pubkey_from_pem);
	private(view_of(data, size));
	return 0;
}
