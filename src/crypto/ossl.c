/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ossl.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/num.h"

/* OpenSSL counts in int */
#define CHUNK (UINT64_C(1) << 30)

/* A cipher is looked up by name once a process: it costs as much as a small record. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *aes_128_gcm;
static EVP_CIPHER *aes_256_gcm;

static void
fetch_ciphers(void)
{
	aes_128_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

bool
ossl_ready(void)
{
	return OSSL_LIB_CTX_get0_global_default() != NULL;
}

coffer_err
ossl_begin(struct fault *f)
{
	errno = 0;
	return ossl_ready() ? COFFER_OK : fault_nomem(f);
}

/* A want of memory is seldom the last error of the queue: those who called the allocator add their own words. */
bool
ossl_lacked_memory(void)
{
	bool lacked = errno == ENOMEM;
	unsigned long code;

	while ((code = ERR_get_error()) != 0)
		lacked |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
	return lacked;
}

coffer_err
ossl_end(struct fault *f)
{
	return ossl_lacked_memory() ? fault_nomem(f) : COFFER_OK;
}

coffer_err
ossl_fault(struct fault *f, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	if (ossl_lacked_memory())
		return fault_nomem(f);
	return fault_set(f, COFFER_E_INTERNAL, "%s failed in OpenSSL: %s", what, reason ? reason : "no reason given");
}

coffer_err
ossl_refusal(struct fault *f, coffer_err err, const char *fmt, ...)
{
	char text[sizeof(f->text)];
	va_list ap;

	if (ossl_lacked_memory())
		return fault_nomem(f);
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fault_set(f, err, "%s", text);
}

coffer_err
ossl_bio(struct fault *f, const char *what, struct view v, BIO **out)
{
	coffer_err err = ossl_begin(f);

	*out = NULL;
	if (err != COFFER_OK)
		return err;
	if (v.len > LIMIT_PEM)
		return fault_set(f, COFFER_E_FORMAT, "%s is %zu bytes; at most %u are expected", what, v.len,
				 LIMIT_PEM);
	*out = BIO_new_mem_buf(ossl_ptr(v), (int)v.len);
	return *out ? COFFER_OK : ossl_fault(f, "a stream in memory");
}

struct view
ossl_bio_view(BIO *bio)
{
	char *p = NULL;
	long len = BIO_get_mem_data(bio, &p);

	return view_of(p, len > 0 ? (size_t)len : 0);
}

int
ossl_no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static bool
start(EVP_CIPHER_CTX *ctx, bool seal, struct view key, const uint8_t *nonce)
{
	const EVP_CIPHER *cipher;

	pthread_once(&once, fetch_ciphers);
	cipher = key.len == 16 ? aes_128_gcm : key.len == 32 ? aes_256_gcm : NULL;
	return ctx && cipher && EVP_CipherInit_ex2(ctx, cipher, key.p, nonce, seal, NULL) == 1;
}

static bool
take_aad(EVP_CIPHER_CTX *ctx, struct view aad)
{
	struct view part;
	int n;

	while (view_take(&aad, num_min(aad.len, CHUNK), &part) && part.len > 0)
		if (EVP_CipherUpdate(ctx, NULL, &n, part.p, (int)part.len) != 1)
			return false;
	return true;
}

static bool
crypt(EVP_CIPHER_CTX *ctx, struct view in, uint8_t *out)
{
	struct view part;
	int n;

	while (view_take(&in, num_min(in.len, CHUNK), &part) && part.len > 0) {
		if (EVP_CipherUpdate(ctx, out, &n, part.p, (int)part.len) != 1)
			return false;
		out += part.len;
	}
	return true;
}

coffer_err
ossl_gcm_seal(struct fault *f, struct view key, const uint8_t nonce[static 12], struct view aad, struct view in,
	      uint8_t *out, uint8_t tag[static 16])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t none[16];
	int n;
	bool done = start(ctx, true, key, nonce) && take_aad(ctx, aad) && crypt(ctx, in, out) &&
		    EVP_CipherFinal_ex(ctx, none, &n) == 1 &&
		    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1;

	EVP_CIPHER_CTX_free(ctx);
	return done ? COFFER_OK : ossl_fault(f, "AES-GCM");
}

coffer_err
ossl_gcm_open(struct fault *f, struct view key, const uint8_t nonce[static 12], struct view aad, struct view in,
	      uint8_t *out, const uint8_t tag[static 16])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t expected[16];
	uint8_t none[16];
	coffer_err err = COFFER_E_AUTH;
	int n;

	/* OpenSSL compares, in constant time; it takes the tag through a pointer that is not const */
	memcpy(expected, tag, sizeof(expected));
	if (!start(ctx, false, key, nonce) || !take_aad(ctx, aad) || !crypt(ctx, in, out) ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, expected) != 1)
		err = ossl_fault(f, "AES-GCM");
	else if (EVP_CipherFinal_ex(ctx, none, &n) == 1)
		err = COFFER_OK;
	EVP_CIPHER_CTX_free(ctx);
	return err;
}
