/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an OMS signature says about a model: its files and their hashes, as an in-toto statement with the
 * predicate https://model_signing/signature/v1.0.
 */
#ifndef SIGN_MANIFEST_H
#define SIGN_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"
#include "crypto/digest.h"

#define MANIFEST_SHARD_SIZE UINT64_C(1000000000) /* the default */

enum manifest_method { MANIFEST_FILES, MANIFEST_SHARDS };

/** struct resource - a file, or the bytes @start to @end of one when the method is shards */
struct resource {
	char *path; /* relative, checked; «.» for a model of one file that model_signing signed */
	uint64_t start, end;
	uint8_t digest[DIGEST_MAX];
};

struct manifest {
	char *subject; /* informative: the last part of the model's path; v0.2 has none: NULL */
	struct resource *resources;
	size_t n, cap;
	enum manifest_method method;
	enum digest_kind hash; /* sha256, blake2b or blake3 */
	uint64_t shard_size;
	bool allow_symlinks;
	char **ignore_paths; /* relative to the model */
	size_t n_ignore_paths;
	bool v02; /* of model_signing 0.2.0: read, never written */
};

/** manifest_init() - an empty one, of files and SHA-256; end with manifest_free() */
void manifest_init(struct manifest *m);
void manifest_free(struct manifest *m);

/**
 * manifest_add() - append a resource; @path is copied, and of @digest as many bytes as @m->hash has, which is set before
 *
 * COFFER_E_FORMAT, with a sentence, for a name that a signature cannot hold: absolute, with an empty part, «.» or «..», longer than
 * LIMIT_SIGNED_PATH, or not UTF-8.  Backslashes, colons and control characters are as good as any other character of a Linux file name.
 */
coffer_err manifest_add(struct fault *f, struct manifest *m, const char *path, uint64_t start, uint64_t end,
			const uint8_t *digest);

/** manifest_ignore() - append an ignored path, copied; COFFER_E_FORMAT as manifest_add(), and for «.», which would hide everything */
coffer_err manifest_ignore(struct fault *f, struct manifest *m, const char *path);

/** manifest_sort() - the order of the specification: by whole name, code points (5.2.1) */
void manifest_sort(struct manifest *m);

/** resource_compare() - by path, then by start: less than, equal to or more than 0 */
int resource_compare(const struct resource *a, const struct resource *b);

/** manifest_by_path() - the resources as resource_compare() orders them, in an array; free it with free(), before @m */
coffer_err manifest_by_path(struct fault *f, const struct manifest *m, const struct resource ***sorted_out);

/** manifest_root() - SHA-256 of all digests in the order listed */
coffer_err manifest_root(struct fault *f, const struct manifest *m, uint8_t out[static 32]);

/** manifest_write() - append the statement, in the specification's form; the manifest must be sorted; COFFER_E_USAGE when it is empty */
coffer_err manifest_write(struct fault *f, const struct manifest *m, struct buf *out);

/**
 * manifest_parse() - read the payload of an envelope whose signature was verified
 *
 * @out: initialised; gets the resources in the order listed
 *
 * Refuses what the specification refuses and what would lead out of the model: absolute names, «..», doubled entries, shards that are
 * not the whole of a file, an ignored path that hides everything; recomputes the root.  Takes what real writers produce
 * (docs/signing.md lists each tolerance); members that it does not know are passed over.  No tree is built: memory is that of the
 * payload and of @out.
 * COFFER_E_FORMAT; COFFER_E_UNSUPPORTED for another predicate, hash or method; COFFER_E_AUTH when the root differs.
 */
coffer_err manifest_parse(struct fault *f, struct view payload, struct manifest *out);

#endif
