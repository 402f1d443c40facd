/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A metadata file of The Update Framework 1.0 (theupdateframework.github.io/specification, section 4): read, and
 * its signatures counted.  What follows from one file to the next is in tuf.h.
 */
#ifndef SIGN_TUF_FILE_H
#define SIGN_TUF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/view.h"
#include "crypto/digest.h"
#include "data/doc.h"

enum tuf_role { TUF_ROOT, TUF_TIMESTAMP, TUF_SNAPSHOT, TUF_TARGETS };
#define N_TUF_ROLES 4

/** tuf_role_file() - «root.json», …: as it is stored, and as other files list it */
const char *tuf_role_file(enum tuf_role role);

/** tuf_role_limit() - bytes of the longest file of that role */
size_t tuf_role_limit(enum tuf_role role);

struct tuf_file {
	struct doc *doc;  /* NULL = there is none */
	struct buf bytes; /* as it came */
	enum tuf_role role;
	uint64_t version;
	int64_t expires;	  /* seconds since 1970; from that second on it has expired */
	bool consistent_snapshot; /* of a root: the mirror's files have versions and hashes in their names */
};

#define TUF_FILE_INIT                                                                                                  \
	{                                                                                                              \
		.doc = NULL, .bytes = BUF_INIT(LIMIT_TUF_TARGETS + 1)                                                  \
	}

/**
 * tuf_file_read() - read @file->bytes, which @what names in messages, as metadata of @role
 *
 * About form alone: nothing is believed.  COFFER_E_FORMAT; COFFER_E_UNSUPPORTED for another major version of the specification.
 */
coffer_err tuf_file_read(struct fault *f, const char *what, enum tuf_role role, struct tuf_file *file);

/**
 * tuf_file_verify() - whether enough of the keys that @root names for its role signed @file: COFFER_OK or COFFER_E_SIGNATURE
 *
 * Keys are counted, not their names: one that stands in @root under two key ids counts once.  Known are ECDSA on P-256, P-384 and
 * P-521, Ed25519 and RSA PKCS #1 v1.5 with SHA-256; a key of another kind is as one that did not sign.
 */
coffer_err tuf_file_verify(struct fault *f, const char *what, const struct tuf_file *root, const struct tuf_file *file);

/** tuf_file_free() - free all; empty and usable again */
void tuf_file_free(struct tuf_file *file);

/* ---- what one file says about another ---- */

#define N_TUF_HASHES 2

struct tuf_listed {
	uint64_t version; /* 0 for a target, which has none */
	bool has_length;
	uint64_t length;
	bool has_hash[N_TUF_HASHES]; /* SHA-256, SHA-512; of other kinds no notice is taken */
	uint8_t hash[N_TUF_HASHES][DIGEST_MAX];
};

/** tuf_file_lists() - what @file, a timestamp or snapshot that was read, says about the metadata file @name; false when nothing */
bool tuf_file_lists(const struct tuf_file *file, const char *name, struct tuf_listed *out);

/** tuf_file_each() - call @fn with every metadata file that @file lists, until one returns an error */
coffer_err tuf_file_each(const struct tuf_file *file,
			 coffer_err (*fn)(void *arg, const char *name, const struct tuf_listed *listed), void *arg);

/** tuf_file_target() - what @file, a targets that was read, says about the target @name; COFFER_E_NOTFOUND, COFFER_E_FORMAT */
coffer_err tuf_file_target(struct fault *f, const struct tuf_file *file, const char *name, struct tuf_listed *out);

/** tuf_listed_hash() - the hash at @index in hex, for file names */
void tuf_listed_hash(const struct tuf_listed *listed, size_t index, char out[static 2 * DIGEST_MAX + 1]);

/** tuf_listed_check() - COFFER_E_AUTH unless @bytes have the length and every hash that @listed has */
coffer_err tuf_listed_check(struct fault *f, const char *what, const struct tuf_listed *listed, struct view bytes);

#endif
