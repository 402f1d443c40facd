/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encrypted files of other programs: what stands around the ciphertext.
 *
 * Heads alone; no key is needed, and nothing here is authentic.
 */
#ifndef FORMAT_FOREIGN_H
#define FORMAT_FOREIGN_H

#include <coffer/convert.h>

#include "base/buf.h"
#include "base/limits.h"
#include "crypto/aes_stream.h"
#include "crypto/hash.h"

#define FOREIGN_START_LEN 12   /* enough to tell how long a head is */
#define FOREIGN_WRAPPED_LEN 60 /* of a DEK that we wrapped: nonce, ciphertext, tag */
#define FOREIGN_MAC_LEN SHA256_LEN

/** struct foreign - one such file; end with foreign_free() */
struct foreign {
	enum coffer_format format;
	uint8_t iv[AES_STREAM_IV_MAX]; /* of aes_iv_len() bytes */
	uint8_t mac[FOREIGN_MAC_LEN];  /* IBM alone */
	uint64_t payload;	       /* where the ciphertext begins; a tag follows it to the end of the file */
	uint64_t cipher_len;	       /* bytes of ciphertext, without tag */
	bool has_aad;		       /* ENCMODEL: it was made with associated data, which it does not hold */
	bool is_hashed;		       /* @sha256 is of the plaintext */
	uint8_t sha256[SHA256_LEN];
	struct buf metadata; /* ENVMODEL: as json.dumps() has it, which is the associated data */
	struct buf wrapped;  /* ENVMODEL: the DEK */
	char key_id[160];    /* ENVMODEL: what it says of the KEK; the empty string when that is no short text */
};

#define FOREIGN_INIT                                                                                                   \
	{                                                                                                              \
		.metadata = BUF_INIT(LIMIT_FOREIGN_JSON * 6), .wrapped = BUF_INIT(LIMIT_FOREIGN_DEK)                   \
	}

/** foreign_mode() - how files of @format are enciphered */
enum aes_mode foreign_mode(enum coffer_format format);

/** foreign_tag_len() - bytes of the tag behind the ciphertext: 16 or 0 */
size_t foreign_tag_len(enum coffer_format format);

/** foreign_most() - the largest plaintext that a file of @format can hold, in bytes */
uint64_t foreign_most(enum coffer_format format);

/**
 * foreign_head_len() - how many bytes stand in front of the ciphertext
 * @start: the first FOREIGN_START_LEN bytes, or all of a shorter file
 *
 * COFFER_E_FORMAT when it is no such file, in a sentence that says what it looks like.
 */
coffer_err foreign_head_len(struct fault *f, enum coffer_format format, struct view start, uint64_t file_size,
			    size_t *len_out);

/** foreign_decode() - read the head @head, which is of foreign_head_len() bytes, of a file of @file_size; @out must be FOREIGN_INIT */
coffer_err foreign_decode(struct fault *f, enum coffer_format format, struct view head, uint64_t file_size,
			  struct foreign *out);

/**
 * foreign_encode() - append the head of @h, of @plain_size bytes of plaintext: as the programs write it, to the byte
 *
 * Its length does not depend on @h->sha256, which may be filled in later.
 */
coffer_err foreign_encode(struct fault *f, const struct foreign *h, uint64_t plain_size, struct buf *out);

/** foreign_free() - free; @h is FOREIGN_INIT again */
void foreign_free(struct foreign *h);

#endif
