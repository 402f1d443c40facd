/* SPDX-License-Identifier: Apache-2.0 */
#include "key/x25519.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "crypto/hash.h"
#include "key/kek.h"
#include "mem/secret.h"

#define KIND "x25519"
#define HRP "coffer"
#define INFO_WRAP "coffer/1 wrap x25519"
#define LABEL_ID "coffer/1 key id"

struct x25519 {
	char id[KEY_ID_TEXT];
	uint8_t public_key[X25519_LEN];
	struct secret secret; /* empty where only the public key is held */
};

void
x25519_encode(const uint8_t public_key[static X25519_LEN], char out[static BECH32_MAX + 1])
{
	(void)bech32_encode(HRP, public_key, X25519_LEN, out); /* 65 characters: it fits */
}

bool
x25519_decode(struct view text, uint8_t public_key_out[static X25519_LEN])
{
	return bech32_decode(text, HRP, public_key_out, X25519_LEN);
}

coffer_err
x25519_id(struct fault *f, const uint8_t public_key[static X25519_LEN], char id_out[static KEY_ID_TEXT])
{
	uint8_t hash[SHA256_LEN];
	coffer_err err;

	TRY(sha256_two(f, view_str(LABEL_ID), view_of(public_key, X25519_LEN), hash));
	enc_hex(hash, KEY_ID_LEN, id_out);
out:
	return err;
}

static void
free_x25519(void *self)
{
	struct x25519 *x = self;

	if (!x)
		return;
	secret_free(&x->secret);
	free(x);
}

coffer_err
x25519_new_public(struct fault *f, const uint8_t public_key[static X25519_LEN], void **self_out)
{
	struct x25519 *x = calloc(1, sizeof(*x));
	coffer_err err;

	*self_out = NULL;
	if (!x)
		return fault_nomem(f);
	memcpy(x->public_key, public_key, X25519_LEN);
	TRY(x25519_id(f, public_key, x->id));
	*self_out = x;
	x = NULL;
out:
	free_x25519(x);
	return err;
}

coffer_err
x25519_new(struct fault *f, const uint8_t secret[static X25519_LEN], void **self_out)
{
	uint8_t public_key[X25519_LEN];
	struct x25519 *x = NULL;
	void *self = NULL;
	coffer_err err;

	*self_out = NULL;
	TRY(x25519_public(f, secret, public_key));
	TRY(x25519_new_public(f, public_key, &self));
	x = self;
	TRY(secret_new(f, &x->secret, X25519_LEN));
	memcpy(x->secret.p, secret, X25519_LEN);
	*self_out = x;
	x = NULL;
out:
	free_x25519(x);
	return err;
}

static bool
matches(void *self, const struct recipient *in)
{
	const struct x25519 *x = self;

	return strcmp(in->kind, KIND) == 0 && strcmp(in->id, x->id) == 0;
}

static coffer_err
wrap(void *self, struct fault *f, const uint8_t dek[DEK_LEN], const struct binding *binding, struct recipient *out)
{
	const struct x25519 *x = self;
	struct buf aad = BUF_INIT(LIMIT_BINDING);
	coffer_err err;

	(void)snprintf(out->kind, sizeof(out->kind), KIND);
	(void)snprintf(out->id, sizeof(out->id), "%s", x->id);
	TRY(kek_aad(f, binding, &aad));
	TRY(hpke_seal(f, x->public_key, HPKE_AEAD_AES_256_GCM, view_str(INFO_WRAP), buf_view(&aad),
		      view_of(dek, DEK_LEN), out->wrapped, out->wrapped + X25519_LEN));
	out->wrapped_len = KEK_WRAPPED_LEN;
out:
	buf_free(&aad);
	return err;
}

static coffer_err
unwrap(void *self, struct fault *f, const struct recipient *in, const struct binding *binding, uint8_t dek_out[DEK_LEN])
{
	const struct x25519 *x = self;
	struct buf aad = BUF_INIT(LIMIT_BINDING);
	struct view sealed;
	coffer_err err;

	memset(dek_out, 0, DEK_LEN);
	if (!matches(self, in))
		return COFFER_E_NOKEY;
	TRY(kek_check(f, in));
	sealed = view_of(in->wrapped + X25519_LEN, KEK_WRAPPED_LEN - X25519_LEN);
	TRY(kek_aad(f, binding, &aad));
	TRY(hpke_open(f, x->secret.p, in->wrapped, HPKE_AEAD_AES_256_GCM, view_str(INFO_WRAP), buf_view(&aad), sealed,
		      dek_out));
out:
	if (err)
		mem_wipe(dek_out, DEK_LEN);
	buf_free(&aad);
	return err;
}

const struct key_provider x25519_provider = {
	.kind = KIND,
	.wrap = wrap,
	.unwrap = unwrap,
	.matches = matches,
	.free = free_x25519,
};

const struct key_provider x25519_public_provider = {
	.kind = KIND,
	.wrap = wrap,
	.unwrap = NULL,
	.matches = matches,
	.free = free_x25519,
};
