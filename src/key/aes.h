/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider «aes»: 32 secret bytes; whoever can seal can open.
 */
#ifndef KEY_AES_H
#define KEY_AES_H

#include "key/kek.h"
#include "key/provider.h"

extern const struct key_provider aes_provider;

/** aes_id() - the id of @kek as text */
coffer_err aes_id(struct fault *f, const uint8_t kek[static KEK_LEN], char id_out[static KEY_ID_TEXT]);

/** aes_new() - a self for aes_provider, which frees it; @kek is copied */
coffer_err aes_new(struct fault *f, const uint8_t kek[static KEK_LEN], void **self_out);

/** aes_bytes() - the KEK_LEN bytes behind a self of aes_provider, valid while it is: for formats that use a key as it is */
struct view aes_bytes(const void *self);

#endif
