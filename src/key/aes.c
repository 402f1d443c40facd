/* SPDX-License-Identifier: Apache-2.0 */
#include "key/aes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "crypto/kdf.h"
#include "mem/secret.h"

#define KIND "aes"
#define INFO_WRAP "coffer/1 wrap aes"
#define INFO_ID "coffer/1 key id"

struct aes {
	char id[KEY_ID_TEXT];
	struct secret kek;
};

coffer_err
aes_id(struct fault *f, const uint8_t kek[static KEK_LEN], char id_out[static KEY_ID_TEXT])
{
	uint8_t id[32];
	coffer_err err;

	TRY(hkdf_sha256(f, view_of(kek, KEK_LEN), view_of(NULL, 0), view_str(INFO_ID), id, sizeof(id)));
	enc_hex(id, KEY_ID_LEN, id_out);
out:
	return err;
}

static void
free_aes(void *self)
{
	struct aes *a = self;

	if (!a)
		return;
	secret_free(&a->kek);
	free(a);
}

coffer_err
aes_new(struct fault *f, const uint8_t kek[static KEK_LEN], void **self_out)
{
	struct aes *a = calloc(1, sizeof(*a));
	coffer_err err;

	*self_out = NULL;
	if (!a)
		return fault_nomem(f);
	TRY(aes_id(f, kek, a->id));
	TRY(secret_new(f, &a->kek, KEK_LEN));
	memcpy(a->kek.p, kek, KEK_LEN);
	*self_out = a;
	a = NULL;
out:
	free_aes(a);
	return err;
}

struct view
aes_bytes(const void *self)
{
	const struct aes *a = self;

	return view_of(a->kek.p, KEK_LEN);
}

static bool
matches(void *self, const struct recipient *in)
{
	const struct aes *a = self;

	return strcmp(in->kind, KIND) == 0 && strcmp(in->id, a->id) == 0;
}

static coffer_err
wrap(void *self, struct fault *f, const uint8_t dek[DEK_LEN], const struct binding *binding, struct recipient *out)
{
	const struct aes *a = self;

	(void)snprintf(out->kind, sizeof(out->kind), KIND);
	(void)snprintf(out->id, sizeof(out->id), "%s", a->id);
	return kek_wrap(f, a->kek.p, INFO_WRAP, dek, binding, out);
}

static coffer_err
unwrap(void *self, struct fault *f, const struct recipient *in, const struct binding *binding, uint8_t dek_out[DEK_LEN])
{
	const struct aes *a = self;

	if (!matches(self, in))
		return COFFER_E_NOKEY;
	return kek_unwrap(f, a->kek.p, INFO_WRAP, in, binding, dek_out);
}

const struct key_provider aes_provider = {
	.kind = KIND,
	.wrap = wrap,
	.unwrap = unwrap,
	.matches = matches,
	.free = free_aes,
};
