/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: what is signed and the signatures lie inside the note, in this order, and nothing verifies under a key that signed nothing. */

#include "sign/checkpoint.h"
#include "support/fuzz.h"

static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
			  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAETTsVdVSgZGwVpt8u13NTTuAeeKNR\n"
			  "S72Z6vy0g9fZuK8rv1l3bhknXToG7/M8QsDI+YUPx8J2kXkhgmaGe8tvWA==\n"
			  "-----END PUBLIC KEY-----\n";

static const struct pubkey *
key(void)
{
	static struct pubkey *k;

	if (!k)
		need(pubkey_from_pem(NULL, "the key", view_str(pem), &k) == COFFER_OK);
	return k;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t hint[CHECKPOINT_HINT] = {0xf3, 0x0d, 0x5a, 0x99};
	struct checkpoint c;

	if (checkpoint_parse(NULL, view_of(data, size), &c) != COFFER_OK)
		return 0;
	need(c.text.p == data && c.origin.p == data && c.origin.len < c.text.len);
	need(c.text.p[c.text.len - 1] == '\n');
	need(c.signatures.p == data + c.text.len + 1 && c.signatures.p + c.signatures.len == data + size);
	need(checkpoint_verify(NULL, &c, "log.example", hint, key()) != COFFER_OK);
	return 0;
}
