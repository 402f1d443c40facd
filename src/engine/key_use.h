/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place of the engine where keys are used.
 *
 * Each use asks the key, has the audit log (docs/audit.md) say what came of it, waits until that is durable, and only then
 * hands the result out; a refusal is written, too.  When the log cannot be written, nothing is handed out, and the error is
 * the log's.  A log that cannot be opened is found before anybody is asked.
 *
 * Nothing else in the engine calls keyring_wrap(), keyring_unwrap(), keyring_rewrap(), keyring_rotate() or
 * keyring_one_aes().  Any thread; threads that use keys at the same time wait for the disk together.
 */
#ifndef ENGINE_KEY_USE_H
#define ENGINE_KEY_USE_H

#include "engine/ctx.h"
#include "key/keyring.h"

struct key_batch;

/** struct key_use - what a key is used for: goes into the record */
struct key_use {
	struct coffer_ctx *ctx;
	const char *path;	       /* of the model, as the user named it; NULL where it has none */
	const struct binding *binding; /* NULL for a file of another program, which has no model id */
	uint64_t generation;	       /* of the key block */
	struct key_batch *batch;       /* records that are written together; NULL: each on its own */
};

/* ---- uses; results are as the calls of key/keyring.h give them ---- */

coffer_err key_use_unwrap(struct fault *f, const struct key_use *use, const struct coffer_keyring *keys,
			  const struct recipient *recipients, size_t n, uint8_t dek_out[static DEK_LEN],
			  size_t *which_out);

coffer_err key_use_wrap(struct fault *f, const struct key_use *use, const struct coffer_keyring *keys, size_t index,
			const uint8_t dek[static DEK_LEN], struct recipient *out);

/** key_use_rewrap() - COFFER_E_UNSUPPORTED, which asked nobody, is not written */
coffer_err key_use_rewrap(struct fault *f, const struct key_use *use, const struct coffer_keyring *keys, size_t index,
			  const struct coffer_keyring *from, const struct recipient *in, struct recipient *out);

/** key_use_remove() - no use of a key, but of who can open the model: @gone is no recipient any more */
coffer_err key_use_remove(struct fault *f, const struct key_use *use, const struct recipient *gone);

/** key_use_rotate() - as keyring_rotate(); belongs to no model */
coffer_err key_use_rotate(struct fault *f, struct coffer_ctx *ctx, const struct coffer_keyring *keys, size_t index,
			  struct key_state *out);

enum key_direction { KEY_TO_OPEN, KEY_TO_SEAL };

/** key_use_aes() - as keyring_one_aes(), for the formats of other programs, which have no wrapped key */
coffer_err key_use_aes(struct fault *f, const struct key_use *use, enum key_direction direction,
		       const struct coffer_keyring *keys, struct view *out);

/** key_use_file() - the key of a file, which is in no keyring, is about to be used by the caller */
coffer_err key_use_file(struct fault *f, const struct key_use *use, enum key_direction direction,
			const struct coffer_key_info *key);

/** key_use_refused() - @f says why a key that could open was not even asked; returns the same error */
coffer_err key_use_refused(struct fault *f, const struct key_use *use);

/* ---- many at once ---- */

/**
 * key_batch_new() - a batch: uses that name it do not wait for the disk
 *
 * Their results come at once and belong to this process alone: until key_batch_commit() has returned COFFER_OK, no
 * key block, plaintext or anything else that came of them may be written or handed out.  Any number of threads may add.
 */
coffer_err key_batch_new(struct fault *f, struct coffer_ctx *ctx, struct key_batch **out);

/** key_batch_commit() - write what was added since the last one and wait for the disk, once; no thread may add meanwhile */
coffer_err key_batch_commit(struct fault *f, struct key_batch *batch);

/** key_batch_free() - write what is left, for keys were used though the results go nowhere, but for removals; NULL is fine */
void key_batch_free(struct key_batch **batch);

#endif
