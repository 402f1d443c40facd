/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timestamps.  Its input is a message, a length in front of each part: the certificates that are believed, in PEM, are
 * part of it too, or no token would ever get past the first check.
 */
#include <string.h>

#include "crypto/tst.h"
#include "support/fuzz.h"

/* two bytes of length and the part; what is left when that is too long */
static struct view
part(struct view *in)
{
	uint16_t len = 0;
	struct view taken = *in;

	if (view_be16(in, &len) && view_take(in, len, &taken))
		return taken;
	taken = *in;
	in->len = 0;
	return taken;
}

static void
verify(struct view response, struct view message, const struct certs *roots, const struct certs *leaves)
{
	const struct tst_trust trust = {.roots = roots, .intermediates = roots, .leaves = leaves};
	struct fault f = {.text = ""};
	int64_t at = -1;
	coffer_err err = tst_verify(&f, response, message, &trust, NULL, &at);

	need(err == COFFER_OK || at == 0);
	need(err == COFFER_OK || ((err == COFFER_E_SIGNATURE || err == COFFER_E_FORMAT) && f.text[0] != '\0'));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_of(data, size);
	struct view pem = part(&in);
	struct view message = part(&in);
	struct certs roots = {.v = NULL, .n = 0};

	(void)certs_from_pem(NULL, "input", pem, &roots);
	verify(in, message, &roots, NULL);
	verify(in, message, &roots, &roots);
	certs_free(&roots);
	return 0;
}
