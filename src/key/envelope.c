/* SPDX-License-Identifier: Apache-2.0 */
#include "key/envelope.h"

#include <string.h>

#include "crypto/hash.h"
#include "key/kek.h"
#include "mem/secret.h"

static coffer_err
hash_binding(struct fault *f, const char *kind, const struct binding *binding, uint8_t out[static SHA256_LEN])
{
	static const char label[] = "coffer/1 wrap"; /* with its NUL */
	struct buf text = BUF_INIT(LIMIT_BINDING + 64);
	coffer_err err;

	TRY(buf_add(f, &text, label, sizeof(label)));
	TRY(buf_add(f, &text, kind, strlen(kind) + 1));
	TRY(buf_add(f, &text, binding->text.p, binding->text.len));
	TRY(sha256(f, buf_view(&text), out));
out:
	buf_free(&text);
	return err;
}

coffer_err
envelope_make(struct fault *f, const char *kind, const uint8_t dek[static DEK_LEN], const struct binding *binding,
	      uint8_t out[static ENVELOPE_LEN])
{
	memcpy(out, dek, DEK_LEN);
	return hash_binding(f, kind, binding, out + DEK_LEN);
}

coffer_err
envelope_open(struct fault *f, const char *kind, struct view envelope, const struct binding *binding,
	      uint8_t dek_out[static DEK_LEN])
{
	uint8_t want[SHA256_LEN];
	coffer_err err;

	memset(dek_out, 0, DEK_LEN);
	TRY(hash_binding(f, kind, binding, want));
	if (envelope.len != ENVELOPE_LEN || /* [F-28] */ !mem_equal(envelope.p + DEK_LEN, want, SHA256_LEN))
		TRY(fault_set(f, COFFER_E_AUTH,
			      "what the key service unwrapped belongs to another model, or was not wrapped by coffer"));
	memcpy(dek_out, envelope.p, DEK_LEN);
out:
	return err;
}
