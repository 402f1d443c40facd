/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key block (docs/format.md section 3): what of a sealed model may change.
 */
#ifndef FORMAT_KEYBLOCK_H
#define FORMAT_KEYBLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/limits.h"
#include "format/head.h"
#include "format/recipient.h"

#define KEYBLOCK_GENERATION_MAX ((uint64_t)DOC_NUMBER_MAX)

struct keyblock_file {
	char *path;
	uint64_t size;
	bool sealed;		  /* false only in the document of an interrupted sealing */
	uint8_t head[SHA256_LEN]; /* of A */
};

struct keyblock_pair {
	char key[LIMIT_CONTEXT_KEY + 1];
	char value[LIMIT_TEXT + 1];
};

struct keyblock {
	uint8_t model_id[MODEL_ID_LEN];
	char name[LIMIT_TEXT + 1];
	char version[LIMIT_TEXT + 1];
	struct keyblock_pair *context;
	size_t n_context;
	uint64_t generation;
	uint8_t commitment[32];
	uint64_t edition;	      /* of «services»; 0 where there is none */
	struct recipient *recipients; /* those of services, too, behind the others */
	size_t n_recipients;
	struct keyblock_file *files;
	size_t n_files;
	uint8_t mac[32];

	/* of a decoded one: the text that the MAC is over */
	struct buf mac_text;
};

#define KEYBLOCK_INIT                                                                                                  \
	{                                                                                                              \
		.mac_text = BUF_INIT(LIMIT_KEYBLOCK)                                                                   \
	}

/** keyblock_free() - free what @k owns; it is KEYBLOCK_INIT again */
void keyblock_free(struct keyblock *k);

/** keyblock_decode() - read a document; structure alone, nothing is authentic yet */
coffer_err keyblock_decode(struct fault *f, struct view text, struct keyblock *out);

/** keyblock_verify() - compare commitment, then MAC, with those of @dek [F-15]; COFFER_E_AUTH */
coffer_err keyblock_verify(struct fault *f, const struct keyblock *k, const uint8_t dek[static DEK_LEN]);

/** keyblock_encode() - append the document of @k, with the commitment and the MAC of @dek, which are also set in @k */
coffer_err keyblock_encode(struct fault *f, struct keyblock *k, const uint8_t dek[static DEK_LEN], struct buf *out);

/**
 * keyblock_encode_services() - append the document of a decoded @k in which nothing but recipients of services was changed
 *
 * Needs no DEK, for the MAC is not over them.  Raises the edition.  COFFER_E_INTERNAL when anything else is not as it was decoded.
 */
coffer_err keyblock_encode_services(struct fault *f, struct keyblock *k, struct buf *out);

/** keyblock_is_newer() - whether @a counts before @b, of two versions of one key block: by generation, then by edition [F-19] */
bool keyblock_is_newer(const struct keyblock *a, const struct keyblock *b);

/** keyblock_binding() - append the binding of @k (section 4) */
coffer_err keyblock_binding(struct fault *f, const struct keyblock *k, struct buf *out);

/** keyblock_environment() - the value of «environment» in the context of @k, or the empty string; it lives as long as @k */
const char *keyblock_environment(const struct keyblock *k);

/** keyblock_context_key_ok() - [F-13] */
bool keyblock_context_key_ok(const char *key);

/** keyblock_find() - the index of the file at @path, or SIZE_MAX */
size_t keyblock_find(const struct keyblock *k, const char *path);

#endif
