/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 of many files at once, several streams per core.
 */
#ifndef COFFER_HASH_H
#define COFFER_HASH_H

#include <stddef.h>
#include <stdint.h>

#include <coffer/ctx.h>

#ifdef __cplusplus
extern "C" {
#endif

/** struct coffer_hash_item - one file to hash */
struct coffer_hash_item {
	const char *path;   /* in: the file */
	uint8_t sha256[32]; /* out: its hash; zeros when @err is set */
	uint64_t size;	    /* out: bytes hashed */
	coffer_err err;	    /* out: COFFER_OK, or why this file was not hashed */
	char why[160];	    /* out: the sentence that goes with @err, without the path */
};

/**
 * coffer_hash_files() - hash @n files, each read once, on all cores
 *
 * A file that cannot be read does not stop the others.
 *
 * Return: COFFER_OK when every file was hashed, else the first item's error.
 */
COFFER_API COFFER_CHECK coffer_err coffer_hash_files(struct coffer_ctx *ctx, struct coffer_hash_item *items, size_t n);

#ifdef __cplusplus
}
#endif
#endif
