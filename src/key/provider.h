/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key providers: who wraps and unwraps a DEK.
 *
 * A provider has two verbs.  «Not mine» is an answer and no failure, so the
 * loop over keys has no special cases.  What a recipient is
 * stands in format/recipient.h.
 *
 * Some providers are services: they ask a program or a device that keeps the KEK (Vault, a cloud's KMS, an HSM).  Making
 * one of those asks nobody; the first verb does.  All verbs may be called from several threads at once.
 */
#ifndef KEY_PROVIDER_H
#define KEY_PROVIDER_H

#include <stdbool.h>

#include "format/recipient.h"

#define KEY_ID_LEN 16			 /* the id of a key of kind «aes» or «x25519», in bytes */
#define KEY_ID_TEXT (2 * KEY_ID_LEN + 1) /* and as text, with its NUL */

/** struct key_state - what a key service tells of a key */
struct key_state {
	char id[RECIPIENT_ID_MAX + 1];		 /* as a recipient has it */
	char version[RECIPIENT_VERSION_MAX + 1]; /* the one that wraps now; empty where the service has none */
	int64_t created; /* of that version, seconds since 1970; 0 where the service does not say */
	char alg[RECIPIENT_ALG_MAX + 1];
	bool usable; /* false: disabled, or waiting to be destroyed */
};

struct key_provider {
	/* as written in «kind» */
	const char *kind;

	/* is_service: the recipients that it makes stand in «services» (docs/format.md section 4.2) */
	bool is_service;

	/*
	 * wrap: fill @out with @dek wrapped and bound to @binding.  A service sets kind, id, version and alg; the caller sets
	 * the time.
	 */
	coffer_err (*wrap)(void *self, struct fault *f, const uint8_t dek[DEK_LEN], const struct binding *binding,
			   struct recipient *out);

	/*
	 * unwrap: COFFER_OK and the DEK; COFFER_E_NOKEY when @in is not for this key (not a fault, but for a service, which
	 * sets a sentence).  COFFER_E_AUTH when the wrap does not open or belongs to another model.  Of a service, moreover:
	 * COFFER_E_UNAVAILABLE, COFFER_E_REFUSED, COFFER_E_RATE.  NULL when this key can only wrap.
	 */
	coffer_err (*unwrap)(void *self, struct fault *f, const struct recipient *in, const struct binding *binding,
			     uint8_t dek_out[DEK_LEN]);

	/* matches: whether @in is (or may be) for this key, without asking anybody */
	bool (*matches)(void *self, const struct recipient *in);

	/*
	 * rewrap: make @out, for the newest version of this key, of @in, which @from (of the same provider; may be @self) can
	 * unwrap, without anybody but the service seeing the DEK.  Only of what can_rewrap allows.  NULL when it never can.
	 */
	coffer_err (*rewrap)(void *self, struct fault *f, void *from, const struct recipient *in,
			     const struct binding *binding, struct recipient *out);

	/* can_rewrap: whether @in is for @from, and the service can rewrap it for this key, without asking it; NULL with rewrap */
	bool (*can_rewrap)(void *self, void *from, const struct recipient *in);

	/* rotate: have the service make a new version, which wraps from now on; @out gets it.  NULL when it cannot. */
	coffer_err (*rotate)(void *self, struct fault *f, struct key_state *out);

	/* state: ask the service about the key, without using it.  NULL when it cannot tell. */
	coffer_err (*state)(void *self, struct fault *f, struct key_state *out);

	/* free: wipe and free @self */
	void (*free)(void *self);
};

#endif
