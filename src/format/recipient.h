/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recipient: one wrapped DEK as it stands in the key block
 * (docs/format.md section 4), and what the wrap is bound to.
 */
#ifndef FORMAT_RECIPIENT_H
#define FORMAT_RECIPIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/view.h"
#include "data/doc.h"

#define DEK_LEN 32
#define SCRYPT_SALT_LEN 16
#define RECIPIENT_ID_MAX 512 /* characters */
#define RECIPIENT_VERSION_MAX 128
#define RECIPIENT_ALG_MAX 64

struct recipient {
	char kind[32];
	char id[RECIPIENT_ID_MAX +
		1]; /* empty where the kind has none; of a service: the key's name, as the service gave it */
	uint8_t wrapped[LIMIT_WRAPPED];
	size_t wrapped_len;
	int64_t created; /* when it was wrapped, seconds since 1970; 0 where that is not written */

	/* it stands in «services», outside of the MAC */
	bool is_service;
	char version[RECIPIENT_VERSION_MAX + 1]; /* of the key; empty where the service has none */
	char alg[RECIPIENT_ALG_MAX + 1];	 /* by the service's own name */

	/* kind «passphrase» alone */
	uint8_t scrypt_salt[SCRYPT_SALT_LEN];
	unsigned int scrypt_log_n;

	/* a kind that this version does not know: its canonical JSON, kept as it is; else NULL.  Owned. */
	char *foreign;
};

/** struct binding - what a wrap is bound to */
struct binding {
	struct view text;	    /* canonical JSON of context, model id, name and version */
	const char *model_id;	    /* 32 hex digits */
	const char *name, *version; /* for the key service's log and policy */
	const char *environment;    /* likewise: the context's «environment», or the empty string */
};

/**
 * recipient_read() - read one element of «recipients», or of those of «services»
 *
 * A known kind must stand where it belongs; an unknown one is kept as foreign ([F-22]).
 */
coffer_err recipient_read(struct fault *f, const struct doc *d, bool is_service, struct recipient *out);

/** recipient_doc() - the JSON object of @r, or NULL when memory ended */
struct doc *recipient_doc(const struct recipient *r);

/** recipient_clear() - free what @r owns and zero it */
void recipient_clear(struct recipient *r);

#endif
