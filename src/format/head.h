/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a sealed file (docs/format.md section 2): its parameters A,
 * where its parts lie, and the keys that come from A and the DEK.
 */
#ifndef FORMAT_HEAD_H
#define FORMAT_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/limits.h"
#include "crypto/aead.h"
#include "crypto/hash.h"

#define HEAD_A_LEN 2048
#define HEAD_PARAMS_LEN 2016 /* A without the commitment */
#define HEAD_SLOT_OFF 4096   /* of slot 0 */
#define HEAD_ALIGN 4096
#define MODEL_ID_LEN 16

struct head {
	bool embedded; /* the key block is in this file */
	uint8_t model_id[MODEL_ID_LEN];
	uint32_t index, count;
	uint64_t size; /* plaintext bytes */
	uint32_t record_size;
	uint8_t salt[32];
	char path[LIMIT_PATH + 1];
	uint8_t commitment[32];
};

/** struct head_layout - where the parts of a sealed file lie, in bytes from its start */
struct head_layout {
	uint64_t n_records;
	uint64_t tags;
	uint64_t tags_end; /* padding from here */
	uint64_t payload;
	uint64_t end; /* the sealed file's size */
};

/** struct head_keys - what opens the records of one file */
struct head_keys {
	uint8_t file_key[AEAD_KEY_LEN]; /* wipe after use */
	uint8_t commitment[32];
	uint8_t a_hash[SHA256_LEN]; /* of A with this commitment: the associated data of every record */
};

/** head_is_sealed() - whether bytes begin as a sealed file does */
bool head_is_sealed(const void *bytes, size_t len);

/** head_encode() - A of @h */
void head_encode(const struct head *h, uint8_t a[static HEAD_A_LEN]);

/** head_decode() - read A; COFFER_E_FORMAT or COFFER_E_UNSUPPORTED */
coffer_err head_decode(struct fault *f, const uint8_t a[static HEAD_A_LEN], struct head *out);

/** head_layout() - where the parts lie; @h must be within its limits, as a decoded one is */
struct head_layout head_layout(const struct head *h);

/** head_record_len() - plaintext bytes of record @i */
uint32_t head_record_len(const struct head *h, uint64_t i);

/** head_keys() - derive what section 2.2 says; @h->commitment is not looked at */
coffer_err head_keys(struct fault *f, const struct head *h, const uint8_t dek[static 32], struct head_keys *out);

/** head_nonce() - the nonce of record @i of @n */
void head_nonce(uint64_t i, uint64_t n, uint8_t nonce[static AEAD_NONCE_LEN]);

#endif
