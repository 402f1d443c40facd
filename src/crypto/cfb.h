/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256 in CFB128 mode (NIST SP 800-38A 6.3), deciphering alone: for files of other programs.
 *
 * It authenticates nothing.  Whoever calls it has verified a MAC of the same bytes before.
 */
#ifndef CRYPTO_CFB_H
#define CRYPTO_CFB_H

#include "base/fault.h"
#include "base/view.h"

#define CFB_KEY_LEN 32
#define CFB_IV_LEN 16

struct cfb;

/** cfb_new() - begin; free with cfb_free().  One thread at a time. */
coffer_err cfb_new(struct fault *f, const uint8_t key[static CFB_KEY_LEN], const uint8_t iv[static CFB_IV_LEN],
		   struct cfb **out);

/** cfb_decipher() - the next @len bytes, at most 1 GiB, from @in to @out, which may be the same */
coffer_err cfb_decipher(struct fault *f, struct cfb *c, const uint8_t *in, uint8_t *out, size_t len);

/** cfb_free() - wipe and free *@c and set it to NULL; NULL is fine */
void cfb_free(struct cfb **c);

#endif
