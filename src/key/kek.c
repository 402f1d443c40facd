/* SPDX-License-Identifier: Apache-2.0 */
#include "key/kek.h"

#include <string.h>

#include "crypto/aead.h"
#include "crypto/kdf.h"
#include "crypto/rand.h"
#include "mem/secret.h"

#define SALT_LEN 32

/* the label and its NUL, which parts it from the binding */
static const char label[] = "coffer/1 wrap";

/* used once, for the wrapping key is: its salt is random */
static const uint8_t zero_nonce[AEAD_NONCE_LEN];

coffer_err
kek_aad(struct fault *f, const struct binding *binding, struct buf *out)
{
	coffer_err err;

	TRY(buf_add(f, out, label, sizeof(label)));
	TRY(buf_add(f, out, binding->text.p, binding->text.len));
out:
	return err;
}

coffer_err
kek_check(struct fault *f, const struct recipient *in)
{
	if (in->wrapped_len != KEK_WRAPPED_LEN) /* [F-22] */
		return fault_set(f, COFFER_E_FORMAT, "the wrapped key of a recipient «%s» is %zu bytes and not %d",
				 in->kind, in->wrapped_len, KEK_WRAPPED_LEN);
	return COFFER_OK;
}

static coffer_err
wrapping_key(struct fault *f, const uint8_t kek[static KEK_LEN], const uint8_t salt[static SALT_LEN], const char *info,
	     struct aead_key **out)
{
	uint8_t key[AEAD_KEY_LEN];
	coffer_err err;

	TRY(hkdf_sha256(f, view_of(kek, KEK_LEN), view_of(salt, SALT_LEN), view_str(info), key, sizeof(key)));
	TRY(aead_key_new(f, key, out));
out:
	mem_wipe(key, sizeof(key));
	return err;
}

coffer_err
kek_wrap(struct fault *f, const uint8_t kek[static KEK_LEN], const char *info, const uint8_t dek[DEK_LEN],
	 const struct binding *binding, struct recipient *out)
{
	uint8_t *salt = out->wrapped, *ciphertext = salt + SALT_LEN, *tag = ciphertext + DEK_LEN;
	struct buf aad = BUF_INIT(LIMIT_BINDING);
	struct aead_key *key = NULL;
	coffer_err err;

	TRY(kek_aad(f, binding, &aad));
	TRY(rand_bytes(f, salt, SALT_LEN));
	TRY(wrapping_key(f, kek, salt, info, &key));
	TRY(aead_seal(f, key, zero_nonce, buf_view(&aad), dek, DEK_LEN, ciphertext, tag));
	out->wrapped_len = KEK_WRAPPED_LEN;
out:
	aead_key_free(&key);
	buf_free(&aad);
	return err;
}

coffer_err
kek_unwrap(struct fault *f, const uint8_t kek[static KEK_LEN], const char *info, const struct recipient *in,
	   const struct binding *binding, uint8_t dek_out[DEK_LEN])
{
	const uint8_t *salt = in->wrapped, *ciphertext = salt + SALT_LEN, *tag = ciphertext + DEK_LEN;
	struct buf aad = BUF_INIT(LIMIT_BINDING);
	struct aead_key *key = NULL;
	coffer_err err;

	memset(dek_out, 0, DEK_LEN);
	TRY(kek_check(f, in));
	TRY(kek_aad(f, binding, &aad));
	TRY(wrapping_key(f, kek, salt, info, &key));
	TRY(aead_open(f, key, zero_nonce, buf_view(&aad), ciphertext, DEK_LEN, dek_out, tag));
out:
	aead_key_free(&key);
	buf_free(&aad);
	return err;
}
