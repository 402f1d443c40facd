/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotation: new recipients for the same DEK, or a new DEK.
 */
#ifndef COFFER_REWRAP_H
#define COFFER_REWRAP_H

#include <coffer/ctx.h>
#include <coffer/key.h>
#include <coffer/seal.h>

#ifdef __cplusplus
extern "C" {
#endif

/** struct coffer_rewrap_options - what to change; zero it and set @version_1 to 1 */
struct coffer_rewrap_options {
	/** @version_1: must be 1 */
	uint32_t version_1;

	/** @add: recipients to add, or NULL; one that is there already is wrapped anew */
	const struct coffer_keyring *add;

	/** @remove: recipients to remove, or NULL; passphrases by trying them */
	const struct coffer_keyring *remove;

	/** @remove_ids: recipients to remove by id, for keys that are lost */
	const char *const *remove_ids;
	size_t n_remove_ids;

	/** @replace: remove every recipient that is not in @add */
	bool replace;

	/** @dry_run: unwrap and verify, change nothing */
	bool dry_run;

	/** @reserved: must be zero */
	uint64_t reserved[8];
};

/**
 * coffer_rewrap() - change the recipients of a sealed model; the payload is not touched
 * @path: a sealed file or directory
 * @keys: keys to unwrap with
 *
 * Crash-safe: after an interruption the model opens with the old recipients or with the new ones.  Mends a
 * damaged slot of an embedded key block.  Takes the same time whatever the size of the model.
 *
 * Return: COFFER_OK; COFFER_E_USAGE when no recipient would be left or a removed one is not there;
 * COFFER_E_BUSY when another process is at it; else as coffer_open().
 */
COFFER_API COFFER_CHECK coffer_err coffer_rewrap(struct coffer_ctx *ctx, const char *path,
						 const struct coffer_keyring *keys,
						 const struct coffer_rewrap_options *options);

/**
 * coffer_rekey() - a new DEK: every record is opened and sealed again, for the recipients in @to
 * @path: a sealed file or directory, replaced file by file
 * @keys: keys to unwrap with
 * @to: the recipients of the new key block
 *
 * Makes the new sealed model beside the old and then exchanges them, so it needs as much room again.  No plaintext reaches
 * the disk.  After an interruption the old model is whole, or the new one is.
 */
COFFER_API COFFER_CHECK coffer_err coffer_rekey(struct coffer_ctx *ctx, const char *path,
						const struct coffer_keyring *keys, const struct coffer_keyring *to,
						struct coffer_stats *stats_out);

#ifdef __cplusplus
}
#endif
#endif
