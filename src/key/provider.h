/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key providers: who wraps and unwraps a DEK.
 *
 * A provider has two verbs.  «Not mine» is an answer and no failure, so the
 * loop over keys has no special cases.  A recipient is a JSON object in the key block; a
 * provider sees it as its kind, its id and its own members (docs/format.md section 4).
 */
#ifndef KEY_PROVIDER_H
#define KEY_PROVIDER_H

#include "base/fault.h"
#include "base/limits.h"
#include "base/view.h"

#define DEK_LEN 32
#define KEY_ID_LEN 16			 /* the id of a key of kind «aes» or «x25519», in bytes */
#define KEY_ID_TEXT (2 * KEY_ID_LEN + 1) /* and as text, with its NUL */

/** struct recipient - one wrapped DEK as it stands in the key block */
struct recipient {
	char kind[32];
	char id[160]; /* empty where the kind has none */
	uint8_t wrapped[LIMIT_WRAPPED];
	size_t wrapped_len;
	/* kind «passphrase» alone */
	uint8_t scrypt_salt[16];
	unsigned int scrypt_log_n;
	/* a kind that this version does not know: its canonical JSON, kept as it is; else NULL.  Owned by the key block. */
	char *foreign;
};

/** struct binding - what a wrap is bound to */
struct binding {
	struct view text;	    /* canonical JSON of context, model id, name and version */
	const char *model_id;	    /* 32 hex digits */
	const char *name, *version; /* for the key service's log and policy */
};

struct key_provider {
	/* as written in «kind» */
	const char *kind;

	/* wrap: fill @out with @dek wrapped and bound to @binding */
	coffer_err (*wrap)(void *self, struct fault *f, const uint8_t dek[DEK_LEN], const struct binding *binding,
			   struct recipient *out);

	/*
	 * unwrap: COFFER_OK and the DEK; COFFER_E_NOKEY when @in is not for this key (not a fault);
	 * any other error stops the search.  NULL when this key can only wrap.
	 */
	coffer_err (*unwrap)(void *self, struct fault *f, const struct recipient *in, const struct binding *binding,
			     uint8_t dek_out[DEK_LEN]);

	/* matches: whether @in is (or may be) for this key, without asking anybody */
	bool (*matches)(void *self, const struct recipient *in);

	/* free: wipe and free @self */
	void (*free)(void *self);
};

#endif
