/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of other programs: a way out of them.  They are read, never written.
 */
#ifndef COFFER_LEGACY_H
#define COFFER_LEGACY_H

#include <stdint.h>

#include <coffer/ctx.h>

#ifdef __cplusplus
extern "C" {
#endif

/** struct coffer_ibm_stats - what coffer_ibm_open() did and found */
struct coffer_ibm_stats {
	uint64_t n_files;   /* were opened */
	uint64_t bytes;	    /* of plaintext in them */
	uint64_t n_foreign; /* are called .enc and cannot be IBM's, by their size: left alone */
	uint64_t n_refused; /* could be IBM's, but not under this key, or they were changed: left alone */
	double seconds;
};

/**
 * coffer_ibm_open() - open in place what IBM's model-encryption 0.1 has encrypted
 * @path: the folder, or one file called NAME.enc
 * @key_file: its key: 32 raw bytes, or an AES key file of coffer
 * @stats_out: what was done, after COFFER_E_AUTH too; may be NULL
 *
 * Each NAME.enc is IV (16 bytes) | HMAC-SHA256 of IV and ciphertext (32) | AES-256-CFB128 of the plaintext with PKCS #7
 * padding, one key for both.  NAME appears only when the HMAC holds and NAME is whole and durable; then NAME.enc goes.  A NAME
 * that is there already must be the same, as an interrupted call leaves it.  Hidden files and folders, below @path, and links
 * are left alone, as that program does.  NAME.enc.enc becomes NAME.enc: one layer per call.
 *
 * The format binds no names: two files that were swapped open as swapped.  Only a signature tells (coffer_verify()).
 *
 * Return: COFFER_OK, also when there is nothing to open; COFFER_E_AUTH when some could be IBM's and do not hold under the
 * key, after all others were opened; COFFER_E_EXISTS when another NAME is there; COFFER_E_NOTFOUND; 4, 7, 10, 12, 130.
 */
COFFER_API COFFER_CHECK coffer_err coffer_ibm_open(struct coffer_ctx *ctx, const char *path, const char *key_file,
						   struct coffer_ibm_stats *stats_out);

#ifdef __cplusplus
}
#endif
#endif
