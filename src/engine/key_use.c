/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/key_use.h"

#include <stdlib.h>

struct key_batch {
	struct coffer_ctx *ctx;
};

coffer_err
key_use_unwrap(struct fault *f, const struct key_use *use, const struct coffer_keyring *keys,
	       const struct recipient *recipients, size_t n, uint8_t dek_out[static DEK_LEN], size_t *which_out)
{
	return keyring_unwrap(f, keys, recipients, n, use->binding, dek_out, which_out);
}

coffer_err
key_use_wrap(struct fault *f, const struct key_use *use, const struct coffer_keyring *keys, size_t index,
	     const uint8_t dek[static DEK_LEN], struct recipient *out)
{
	return keyring_wrap(f, keys, index, dek, use->binding, out);
}

coffer_err
key_use_rewrap(struct fault *f, const struct key_use *use, const struct coffer_keyring *keys, size_t index,
	       const struct coffer_keyring *from, const struct recipient *in, struct recipient *out)
{
	return keyring_rewrap(f, keys, index, from, in, use->binding, out);
}

coffer_err
key_use_remove(struct fault *f, const struct key_use *use, const struct recipient *gone)
{
	(void)f;
	(void)use;
	(void)gone;
	return COFFER_OK;
}

coffer_err
key_use_rotate(struct fault *f, struct coffer_ctx *ctx, const struct coffer_keyring *keys, size_t index,
	       struct key_state *out)
{
	(void)ctx;
	return keyring_rotate(f, keys, index, out);
}

coffer_err
key_use_aes(struct fault *f, const struct key_use *use, enum key_direction direction, const struct coffer_keyring *keys,
	    struct view *out)
{
	(void)direction;
	return keyring_one_aes(f, keys, use->path, out);
}

coffer_err
key_use_file(struct fault *f, const struct key_use *use, enum key_direction direction,
	     const struct coffer_key_info *key)
{
	(void)f;
	(void)use;
	(void)direction;
	(void)key;
	return COFFER_OK;
}

coffer_err
key_batch_new(struct fault *f, struct coffer_ctx *ctx, struct key_batch **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return fault_nomem(f);
	(*out)->ctx = ctx;
	return COFFER_OK;
}

coffer_err
key_batch_commit(struct fault *f, struct key_batch *batch)
{
	(void)f;
	(void)batch;
	return COFFER_OK;
}

void
key_batch_free(struct key_batch **batch)
{
	free(*batch);
	*batch = NULL;
}
