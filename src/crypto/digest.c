/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/blake3.h"
#include "crypto/ossl.h"

struct digest {
	enum digest_kind kind;
	EVP_MD_CTX *ctx;      /* of all kinds but one */
	struct blake3 blake3; /* of that one */
};

static const struct {
	const char *name;
	size_t len;
	const EVP_MD *(*md)(void); /* NULL: ours */
} kinds[] = {
	[DIGEST_SHA256] = {"sha256", 32, EVP_sha256},	[DIGEST_SHA384] = {"sha384", 48, EVP_sha384},
	[DIGEST_SHA512] = {"sha512", 64, EVP_sha512},	[DIGEST_BLAKE2B] = {"blake2b", 64, EVP_blake2b512},
	[DIGEST_BLAKE3] = {"blake3", BLAKE3_LEN, NULL},
};

enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

size_t
digest_len(enum digest_kind kind)
{
	return kinds[kind].len;
}

const char *
digest_name(enum digest_kind kind)
{
	return kinds[kind].name;
}

bool
digest_find(const char *name, enum digest_kind *out)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0) {
			*out = (enum digest_kind)i;
			return true;
		}
	return false;
}

/* ---- bytes at hand ---- */

coffer_err
digest_of_parts(struct fault *f, enum digest_kind kind, const struct view *parts, size_t n,
		uint8_t out[static DIGEST_MAX])
{
	struct digest *d = NULL;
	coffer_err err;

	TRY(digest_new(f, kind, &d));
	for (size_t i = 0; i < n; i++)
		TRY(digest_update(f, d, parts[i].p, parts[i].len));
	TRY(digest_final(f, d, out));
out:
	digest_free(&d);
	return err;
}

coffer_err
digest_of(struct fault *f, enum digest_kind kind, struct view data, uint8_t out[static DIGEST_MAX])
{
	return digest_of_parts(f, kind, &data, 1, out);
}

/* ---- streams ---- */

static coffer_err
begin(struct fault *f, struct digest *d)
{
	if (d->kind == DIGEST_BLAKE3)
		blake3_init(&d->blake3);
	else if (EVP_DigestInit_ex2(d->ctx, kinds[d->kind].md(), NULL) != 1)
		return ossl_fault(f, digest_name(d->kind));
	return COFFER_OK;
}

coffer_err
digest_new(struct fault *f, enum digest_kind kind, struct digest **out)
{
	struct digest *d = ossl_ready() ? calloc(1, sizeof(*d)) : NULL;
	coffer_err err;

	*out = NULL;
	if (!d)
		return fault_nomem(f);
	d->kind = kind;
	if (kind != DIGEST_BLAKE3) {
		d->ctx = EVP_MD_CTX_new();
		if (!d->ctx)
			TRY(ossl_fault(f, digest_name(kind)));
	}
	TRY(begin(f, d));
	*out = d;
	d = NULL;
out:
	digest_free(&d);
	return err;
}

coffer_err
digest_update(struct fault *f, struct digest *d, const void *bytes, size_t len)
{
	if (d->kind == DIGEST_BLAKE3)
		blake3_update(&d->blake3, bytes, len);
	else if (len > 0 && EVP_DigestUpdate(d->ctx, bytes, len) != 1)
		return ossl_fault(f, digest_name(d->kind));
	return COFFER_OK;
}

coffer_err
digest_final(struct fault *f, struct digest *d, uint8_t out[static DIGEST_MAX])
{
	if (d->kind == DIGEST_BLAKE3)
		blake3_final(&d->blake3, out);
	else if (EVP_DigestFinal_ex(d->ctx, out, NULL) != 1)
		return ossl_fault(f, digest_name(d->kind));
	return begin(f, d);
}

void
digest_free(struct digest **d)
{
	if (!*d)
		return;
	EVP_MD_CTX_free((*d)->ctx);
	free(*d);
	*d = NULL;
}
