/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing while sealing: the plain files are hashed as they are read, and two signatures are made of that.
 *
 * The inner one is over the plain files and becomes one more sealed file; the outer one is over the sealed files.
 */
#ifndef ENGINE_SEAL_SIGN_H
#define ENGINE_SEAL_SIGN_H

#include <coffer/seal.h>
#include <coffer/sign.h>

#include "base/buf.h"
#include "engine/ignore.h"
#include "engine/stream_hash.h"

/* What the key block of an interrupted sealing says of the inner signature: no file is so large, and this one's size is known last. */
#define SEAL_SIZE_UNKNOWN LIMIT_SIZE

struct seal_run;
struct staging;

struct seal_sign {
	bool on;
	struct coffer_sign_options opt;
	struct ignore ignore; /* of the inner signature, for a directory */
	bool replaces;	      /* the model has an older signature of its own, which is left out */
	size_t inner;	      /* index of the inner signature among the files, or SIZE_MAX */
	uint8_t **digests;    /* of each file, as stream_hash has them; NULL until they are known */
	size_t n;
};

/** seal_sign_begin() - take the options; nothing is on without a signer; end with seal_sign_end(), after a failure too */
coffer_err seal_sign_begin(struct fault *f, struct seal_run *r);

/** seal_sign_plan() - make room for the inner signature in the list of a directory's files */
coffer_err seal_sign_plan(struct fault *f, struct seal_run *r);

/** seal_sign_ready() - the files are known: make room for their hashes */
coffer_err seal_sign_ready(struct fault *f, struct seal_run *r);

/** seal_sign_wants() - whether file @index is to be hashed */
bool seal_sign_wants(const struct seal_run *r, size_t index);

/** seal_sign_hash() - begin to hash file @index; seal_sign_hashed() when all is taken; stream_hash_free() in any case */
coffer_err seal_sign_hash(struct fault *f, const struct seal_run *r, size_t index, struct stream_hash *h);
coffer_err seal_sign_hashed(struct fault *f, struct seal_run *r, size_t index, struct stream_hash *h);

/** seal_sign_inner() - append the signature over the plain files */
coffer_err seal_sign_inner(struct fault *f, struct seal_run *r, struct buf *json);

/** seal_sign_source() - a source of the bytes of @b, which must outlive it */
struct coffer_source seal_sign_source(const struct buf *b);

/** seal_sign_outer() - write the signature over the sealed model at @sealed to @signature; @staging: what it will replace, or NULL */
coffer_err seal_sign_outer(struct fault *f, struct seal_run *r, const char *sealed, const char *signature,
			   const struct staging *staging);

void seal_sign_end(struct seal_run *r);

#endif
