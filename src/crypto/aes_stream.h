/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256 over a stream, for files of other programs: GCM (NIST SP 800-38D), CBC and CFB128 (SP 800-38A 6.2, 6.3).
 *
 * What is deciphered is not authentic before aes_stream_check() says so, and in CBC and CFB never by this alone.
 * One thread at a time.
 */
#ifndef CRYPTO_AES_STREAM_H
#define CRYPTO_AES_STREAM_H

#include <stdbool.h>

#include "base/fault.h"
#include "base/view.h"

#define AES_STREAM_KEY_LEN 32
#define AES_STREAM_IV_MAX 16
#define AES_BLOCK 16
#define AES_GCM_IV_LEN 12
#define AES_GCM_TAG_LEN 16
#define AES_GCM_MAX ((UINT64_C(1) << 36) - 32) /* bytes under one IV */

enum aes_mode { AES_GCM, AES_CBC, AES_CFB };
enum aes_way { AES_ENCIPHER, AES_DECIPHER };

struct aes_stream;

/** aes_iv_len() - bytes of the IV of @mode: 12 or 16 */
size_t aes_iv_len(enum aes_mode mode);

/** aes_stream_new() - begin; @iv is of aes_iv_len() bytes.  Free with aes_stream_free(). */
coffer_err aes_stream_new(struct fault *f, enum aes_mode mode, enum aes_way way,
			  const uint8_t key[static AES_STREAM_KEY_LEN], const uint8_t *iv, struct aes_stream **out);

/** aes_stream_aad() - the associated data of GCM, at most 1 GiB, before the first byte */
coffer_err aes_stream_aad(struct fault *f, struct aes_stream *s, struct view aad);

/** aes_stream_update() - the next @len bytes, at most 1 GiB, from @in to @out, which may be the same; CBC takes whole blocks */
coffer_err aes_stream_update(struct fault *f, struct aes_stream *s, const uint8_t *in, uint8_t *out, size_t len);

/** aes_stream_tag() - end enciphering with GCM, and give the tag */
coffer_err aes_stream_tag(struct fault *f, struct aes_stream *s, uint8_t tag[static AES_GCM_TAG_LEN]);

/** aes_stream_check() - end deciphering with GCM, and say whether @tag is the one */
coffer_err aes_stream_check(struct fault *f, struct aes_stream *s, const uint8_t tag[static AES_GCM_TAG_LEN],
			    bool *holds_out);

/** aes_stream_free() - wipe and free *@s and set it to NULL; NULL is fine */
void aes_stream_free(struct aes_stream **s);

#endif
