/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files over OpenSSL share: its errors, its streams, and AES-GCM in one call.
 */
#ifndef CRYPTO_OSSL_H
#define CRYPTO_OSSL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"

struct bio_st;

/** ossl_ready() - whether OpenSSL could start; calling it when it could not, for want of memory, is a crash in OpenSSL 3.0 */
bool ossl_ready(void);

/** ossl_fault() - «@what failed in OpenSSL: reason»; COFFER_E_NOMEM or COFFER_E_INTERNAL.  Empties OpenSSL's error queue. */
coffer_err ossl_fault(struct fault *f, const char *what);

/** ossl_refusal() - what OpenSSL did not accept: @err and the sentence, or COFFER_E_NOMEM when it was for want of memory.  Empties the queue. */
coffer_err ossl_refusal(struct fault *f, coffer_err err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/**
 * ossl_begin() - at the start of what may be refused; COFFER_E_NOMEM when OpenSSL could not start
 *
 * OpenSSL 3.0 goes on where some of its allocations fail: a certificate then has no key, or a chain no root.  What malloc
 * leaves in errno tells, from here to ossl_refusal() or ossl_end(), a want of memory from a false signature.
 */
coffer_err ossl_begin(struct fault *f);

/** ossl_end() - what was done is good, unless something was passed over for want of memory: COFFER_E_NOMEM.  Empties the queue. */
coffer_err ossl_end(struct fault *f);

/** ossl_lacked_memory() - for a refusal that is worded in steps: whether it is none.  Empties the queue. */
bool ossl_lacked_memory(void);

/** ossl_ptr() - a pointer that OpenSSL accepts for @v: never NULL, which it would take for «not given» */
static inline const uint8_t *
ossl_ptr(struct view v)
{
	return v.len > 0 ? v.p : (const uint8_t *)"";
}

/** ossl_bio() - a stream over @v, which must outlive it; at most LIMIT_PEM bytes, else COFFER_E_FORMAT.  @what is for messages. */
coffer_err ossl_bio(struct fault *f, const char *what, struct view v, struct bio_st **out);

/** ossl_bio_view() - what was written to a stream in memory; lives as long as @bio */
struct view ossl_bio_view(struct bio_st *bio);

/** ossl_no_passphrase() - for functions that would ask the terminal for a passphrase: there is none */
int ossl_no_passphrase(char *buf, int size, int rwflag, void *arg);

/**
 * ossl_gcm_seal() - AES-GCM, 12-byte @nonce, 16-byte @tag
 * @key: 16 or 32 bytes
 */
coffer_err ossl_gcm_seal(struct fault *f, struct view key, const uint8_t nonce[static 12], struct view aad,
			 struct view in, uint8_t *out, uint8_t tag[static 16]);

/** ossl_gcm_open() - the way back; on COFFER_E_AUTH, which sets no sentence, @out holds what the caller must wipe */
coffer_err ossl_gcm_open(struct fault *f, struct view key, const uint8_t nonce[static 12], struct view aad,
			 struct view in, uint8_t *out, const uint8_t tag[static 16]);

#endif
