/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DEK under 32 secret bytes: what «aes» and «passphrase» have in common
 * (docs/format.md section 4).
 */
#ifndef KEY_KEK_H
#define KEY_KEK_H

#include "base/buf.h"
#include "key/provider.h"

#define KEK_LEN 32
#define KEK_WRAPPED_LEN 80 /* a wrapped DEK of every kind: 32 bytes of its own, ciphertext, tag */

/** kek_aad() - append the associated data of every wrap: «coffer/1 wrap», a zero byte, the binding */
coffer_err kek_aad(struct fault *f, const struct binding *binding, struct buf *out);

/** kek_check() - COFFER_E_FORMAT when what @in holds cannot be a wrapped DEK, before any cryptography */
coffer_err kek_check(struct fault *f, const struct recipient *in);

/**
 * kek_wrap() - wrap @dek under @kek with a fresh salt
 * @info: the label of the kind
 * @out: gets its wrapped, wrapped_len
 */
coffer_err kek_wrap(struct fault *f, const uint8_t kek[static KEK_LEN], const char *info, const uint8_t dek[DEK_LEN],
		    const struct binding *binding, struct recipient *out);

/** kek_unwrap() - the way back; COFFER_E_AUTH, with @dek_out all zero, when the tag differs */
coffer_err kek_unwrap(struct fault *f, const uint8_t kek[static KEK_LEN], const char *info, const struct recipient *in,
		      const struct binding *binding, uint8_t dek_out[DEK_LEN]);

#endif
