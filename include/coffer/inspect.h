/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be read of a sealed model without any key.
 *
 * Nothing here is authentic: anyone can write it.  Opening verifies it.
 */
#ifndef COFFER_INSPECT_H
#define COFFER_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <coffer/ctx.h>
#include <coffer/seal.h>

#ifdef __cplusplus
extern "C" {
#endif

/** struct coffer_recipient_info - one wrapped DEK */
struct coffer_recipient_info {
	const char *
		kind; /* «aes», «passphrase», «x25519», that of a key service, or a kind that this version does not know */
	const char *id;	     /* which key, or the empty string */
	const char *version; /* of a service's key: which version of it; else the empty string */
	const char *alg; /* of a service's key: how it was wrapped, by the service's own name; else the empty string */
	int64_t created; /* when it was wrapped, seconds since 1970; 0 where that is not written */
	bool is_service; /* kept by a key service; not covered by the key block's MAC */
};

/** struct coffer_file_info - one file of a sealed model */
struct coffer_file_info {
	const char *path;
	uint64_t size;	    /* plaintext bytes */
	uint64_t n_records; /* 0 where the sealed file is not there */
	uint32_t record_size;
};

/** struct coffer_inspection - what a sealed model says of itself */
struct coffer_inspection {
	bool directory;
	bool partial; /* its sealing was interrupted */
	uint32_t format;
	char model_id[33];
	const char *name;
	const char *version;
	uint64_t generation;
	uint64_t bytes;	       /* plaintext */
	uint64_t sealed_bytes; /* all sealed files and the key block */
	struct coffer_pair *context;
	size_t n_context;
	struct coffer_recipient_info *recipients;
	size_t n_recipients;
	struct coffer_file_info *files;
	size_t n_files;
};

/** coffer_inspect() - read the heads and the key block of the sealed model at @path; free with coffer_inspection_free() */
COFFER_API COFFER_CHECK coffer_err coffer_inspect(struct coffer_ctx *ctx, const char *path,
						  struct coffer_inspection **inspection_out);

/** coffer_inspection_free() - free *@inspection and set it to NULL; NULL is fine */
COFFER_API void coffer_inspection_free(struct coffer_inspection **inspection);

#ifdef __cplusplus
}
#endif
#endif
