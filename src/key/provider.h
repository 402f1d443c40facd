/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key providers: who wraps and unwraps a DEK.
 *
 * A provider has two verbs.  «Not mine» is an answer and no failure, so the
 * loop over keys has no special cases.  What a recipient is
 * stands in format/recipient.h.
 */
#ifndef KEY_PROVIDER_H
#define KEY_PROVIDER_H

#include <stdbool.h>

#include "format/recipient.h"

#define KEY_ID_LEN 16			 /* the id of a key of kind «aes» or «x25519», in bytes */
#define KEY_ID_TEXT (2 * KEY_ID_LEN + 1) /* and as text, with its NUL */

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
