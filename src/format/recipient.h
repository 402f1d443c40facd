/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recipient: one wrapped DEK as it stands in the key block
 * (docs/format.md section 4), and what the wrap is bound to.
 */
#ifndef FORMAT_RECIPIENT_H
#define FORMAT_RECIPIENT_H

#include <stdint.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/view.h"
#include "data/doc.h"

#define DEK_LEN 32
#define SCRYPT_SALT_LEN 16

struct recipient {
	char kind[32];
	char id[160]; /* empty where the kind has none */
	uint8_t wrapped[LIMIT_WRAPPED];
	size_t wrapped_len;

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
};

/** recipient_read() - read one member of «recipients»; an unknown kind is kept as foreign ([F-22]) */
coffer_err recipient_read(struct fault *f, const struct doc *d, struct recipient *out);

/** recipient_doc() - the JSON object of @r, or NULL when memory ended */
struct doc *recipient_doc(const struct recipient *r);

/** recipient_clear() - free what @r owns and zero it */
void recipient_clear(struct recipient *r);

#endif
