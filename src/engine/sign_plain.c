/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain detached signatures of one file, as OpenSSL makes them, and the keys for all kinds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/limits.h"
#include "crypto/hash.h"
#include "engine/hashing.h"
#include "engine/signer.h"
#include "key/passphrase.h"

/* ---- key pairs ---- */

static coffer_err
new_passphrase(struct fault *f, struct coffer_ctx *ctx, const char *path, const char *passphrase_file,
	       struct secret *out)
{
	if (strcmp(passphrase_file, "-") != 0)
		return passphrase_read(f, passphrase_file, out);
	if (!ctx->prompt)
		return fault_set(f, COFFER_E_KEY, "there is nobody to ask for a passphrase; name a file that holds it");
	return passphrase_ask(f, ctx->prompt, ctx->prompt_user, path, true, out);
}

/* The hint of OMS 1.0: the SHA-256 of the public key in PEM. */
static coffer_err
key_id(struct fault *f, struct view pem, char out[static 2 * SHA256_LEN + 1])
{
	uint8_t hash[SHA256_LEN];
	coffer_err err = sha256(f, pem, hash);

	if (err == COFFER_OK)
		enc_hex(hash, sizeof(hash), out);
	return err;
}

static enum pkey_kind
kind_of(enum coffer_curve curve)
{
	switch (curve) {
	case COFFER_CURVE_P384:
		return PKEY_P384;
	case COFFER_CURVE_P521:
		return PKEY_P521;
	case COFFER_RSA_3072:
		return PKEY_RSA;
	case COFFER_CURVE_P256:
		break;
	}
	return PKEY_P256;
}

/* A secret key without its public half is of use, the other way round it is not: it comes first, and is never overwritten. */
static coffer_err
write_pair(struct fault *f, const char *private_path, const struct secret *private_pem, const char *public_path,
	   struct view public_pem)
{
	struct stat st;
	coffer_err err;

	if (lstat(public_path, &st) == 0)
		return fault_set(f, COFFER_E_EXISTS, "%s exists, and a key is never overwritten; choose another name",
				 public_path);
	err = file_write_new(f, private_path, private_pem->p, private_pem->len, 0600, false);
	if (err == COFFER_E_EXISTS)
		(void)fault_set(f, err, "%s exists, and a key is never overwritten; choose another name", private_path);
	TRY(err);
	TRY(file_write_new(f, public_path, public_pem.p, public_pem.len, 0644, false));
out:
	return err;
}

coffer_err
coffer_signing_key_generate(struct coffer_ctx *ctx, enum coffer_curve curve, const char *private_path,
			    const char *public_path, const char *passphrase_file, char key_id_out[65])
{
	struct fault *f = ctx_begin(ctx);
	struct secret passphrase = SECRET_INIT, private_pem = SECRET_INIT;
	struct buf public_pem = BUF_INIT(LIMIT_KEY_PEM);
	struct privkey *key = NULL;
	struct pubkey *public = NULL;
	coffer_err err;

	key_id_out[0] = '\0';
	if (passphrase_file)
		TRY(new_passphrase(f, ctx, private_path, passphrase_file, &passphrase));
	TRY(privkey_generate(f, kind_of(curve), &key));
	TRY(privkey_pem(f, key, passphrase_file ? &passphrase : NULL, &private_pem));
	TRY(privkey_public(f, key, &public));
	TRY(pubkey_pem(f, public, &public_pem));
	TRY(write_pair(f, private_path, &private_pem, public_path, buf_view(&public_pem)));
	TRY(key_id(f, buf_view(&public_pem), key_id_out));
out:
	secret_free(&passphrase);
	secret_free(&private_pem);
	buf_free(&public_pem);
	privkey_free(&key);
	pubkey_free(&public);
	return err;
}

/* ---- the hash of one file ---- */

struct one {
	const char *path;
	struct stat st;
	uint8_t digest[SHA256_LEN];
};

static const char *
path_of(void *arg, size_t index)
{
	const struct one *o = arg;

	(void)index;
	return o->path;
}

static uint64_t
size_of(void *arg, size_t index)
{
	struct stat st;

	return stat(path_of(arg, index), &st) == 0 ? (uint64_t)st.st_size : 0;
}

static coffer_err
open_one(void *arg, struct fault *f, size_t index, struct hash_place *place)
{
	struct one *o = arg;

	place->fd = open(path_of(arg, index), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (place->fd < 0 || fstat(place->fd, &o->st) != 0)
		return fault_errno(f, errno, "cannot be opened");
	if (!S_ISREG(o->st.st_mode))
		return fault_set(f, COFFER_E_USAGE, "is not a regular file");
	place->end = (uint64_t)o->st.st_size;
	return COFFER_OK;
}

static coffer_err
end_one(void *arg, struct fault *f, size_t index, const struct hash_place *place, const uint8_t *digest)
{
	struct one *o = arg;
	struct stat st;

	(void)index;
	if (!digest)
		return fault_prefix(f, "%s", o->path);
	if (fstat(place->fd, &st) != 0)
		return fault_errno(f, errno, "cannot read %s", o->path);
	if (st.st_size != o->st.st_size || st.st_mtim.tv_sec != o->st.st_mtim.tv_sec ||
	    st.st_mtim.tv_nsec != o->st.st_mtim.tv_nsec)
		return fault_set(f, COFFER_E_CHANGED,
				 "%s changed while it was read; try again when nobody writes to it", o->path);
	memcpy(o->digest, digest, sizeof(o->digest));
	return COFFER_OK;
}

static coffer_err
hash_one(struct fault *f, struct coffer_ctx *ctx, const char *path, uint8_t out[static SHA256_LEN])
{
	struct one o = {.path = path};
	const struct hashing h = {
		.n = 1,
		.kind = DIGEST_SHA256,
		.path = path_of,
		.size = size_of,
		.open = open_one,
		.end = end_one,
		.arg = &o,
	};
	coffer_err err = hashing_run(f, ctx, &h);

	memcpy(out, o.digest, SHA256_LEN);
	return err;
}

/* ---- the verbs ---- */

/* The same file under both names would be lost. */
static coffer_err
check_not_same(struct fault *f, const char *path, const char *signature)
{
	struct stat a, b;

	if (stat(path, &a) == 0 && stat(signature, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return fault_set(f, COFFER_E_USAGE, "%s is the file itself; name another file for the signature",
				 signature);
	return COFFER_OK;
}

static coffer_err
open_key(struct fault *f, struct coffer_ctx *ctx, const struct coffer_signer_options *o, struct privkey **out)
{
	if (o->version_1 != 1 || !view_zero(view_of(o->reserved, sizeof(o->reserved))))
		return fault_set(f, COFFER_E_USAGE, "signer options of another version");
	if (o->method != COFFER_METHOD_KEY || !o->private_key)
		return fault_set(f, COFFER_E_USAGE, "a plain signature is made with a private key");
	return signer_read_key(f, ctx, o->private_key, o->passphrase_file, out);
}

coffer_err
coffer_sign_file(struct coffer_ctx *ctx, const char *path, const char *signature,
		 const struct coffer_signer_options *key, bool force)
{
	struct fault *f = ctx_begin(ctx);
	struct buf sig = BUF_INIT(LIMIT_SIGNATURE);
	struct privkey *k = NULL;
	uint8_t hash[SHA256_LEN];
	coffer_err err;

	TRY(check_not_same(f, path, signature));
	TRY(open_key(f, ctx, key, &k));
	TRY(hash_one(f, ctx, path, hash));
	TRY(privkey_sign_digest(f, k, DIGEST_SHA256, hash, &sig));
	TRY(file_write_new(f, signature, sig.p, sig.len, 0666, force));
out:
	privkey_free(&k);
	buf_free(&sig);
	return err;
}

coffer_err
coffer_verify_file(struct coffer_ctx *ctx, const char *path, const char *signature, const char *public_key)
{
	struct fault *f = ctx_begin(ctx);
	struct buf pem = BUF_INIT(LIMIT_KEY_PEM), sig = BUF_INIT(LIMIT_SIGNATURE);
	struct pubkey *key = NULL;
	uint8_t hash[SHA256_LEN];
	coffer_err err;

	TRY(file_slurp(f, public_key, LIMIT_KEY_PEM, &pem, NULL));
	TRY(pubkey_from_pem(f, public_key, buf_view(&pem), &key));
	TRY(file_slurp(f, signature, LIMIT_SIGNATURE, &sig, NULL));
	TRY(hash_one(f, ctx, path, hash));
	err = pubkey_verify_digest(f, key, DIGEST_SHA256, hash, buf_view(&sig));
	if (err == COFFER_E_SIGNATURE)
		err = fault_set(f, err, "%s is not the signature of %s by the key in %s", signature, path, public_key);
out:
	pubkey_free(&key);
	buf_free(&pem);
	buf_free(&sig);
	return err;
}
