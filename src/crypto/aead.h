/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM (NIST SP 800-38D), 12-byte nonce, 16-byte tag.
 *
 * Two engines behind one interface: libipsec-mb where the processor is one it
 * is fast on, OpenSSL everywhere.  The first that gives the known answers is the one
 * that a process uses (aead_selftest()); one that has not given them never is.
 */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H

#include <stdbool.h>

#include "base/fault.h"
#include "base/view.h"

#define AEAD_KEY_LEN 32
#define AEAD_NONCE_LEN 12
#define AEAD_TAG_LEN 16

struct aead_key; /* an expanded key; may be used by several threads at once */

/** aead_selftest() - known answers, once a process, until an engine gives them; COFFER_E_SELFTEST when none does, COFFER_E_NOMEM */
coffer_err aead_selftest(struct fault *f);

/** aead_engine_name() - the engine that aead_key_new() takes: «libipsec-mb» or «OpenSSL» */
const char *aead_engine_name(void);

/** aead_use_engine() - for tests and benchmarks: take that engine from now on; false when it is not there, or gives wrong answers */
bool aead_use_engine(const char *name);

/** aead_key_new() - expand @key; free with aead_key_free() */
coffer_err aead_key_new(struct fault *f, const uint8_t key[static AEAD_KEY_LEN], struct aead_key **out);

/** aead_key_free() - wipe and free *@key and set it to NULL; NULL is fine */
void aead_key_free(struct aead_key **key);

/**
 * aead_seal() - encipher @len bytes of @in to @out, which may be the same place
 * @tag: gets the tag
 */
coffer_err aead_seal(struct fault *f, const struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_LEN],
		     struct view aad, const uint8_t *in, size_t len, uint8_t *out, uint8_t tag[static AEAD_TAG_LEN]);

/**
 * aead_open() - decipher @len bytes of @in to @out, which may be the same place, and compare @tag
 *
 * On COFFER_E_AUTH @out is all zeros.  With @out != @in nothing of @in changes.
 */
coffer_err aead_open(struct fault *f, const struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_LEN],
		     struct view aad, const uint8_t *in, size_t len, uint8_t *out,
		     const uint8_t tag[static AEAD_TAG_LEN]);

#endif
