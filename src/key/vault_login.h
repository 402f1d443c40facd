/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of Vault: read where one is kept, or obtained by AppRole, Kubernetes or JWT; how long they last, and how to make that longer
 * (API: auth/approle, auth/kubernetes, auth/jwt, auth/token).  What asks the server has @timeout_ms for it, or for 0 as long as any request.
 */
#ifndef KEY_VAULT_LOGIN_H
#define KEY_VAULT_LOGIN_H

#include <stdint.h>

#include "key/vault_settings.h"
#include "mem/secret.h"

struct vault_token {
	struct secret text;
	int64_t renew_at; /* by vault_clock(): when to see to it */
	int64_t ends_at;  /* likewise; INT64_MAX: never, or nobody has asked */
	bool is_known;	  /* these two are what the server said */
};

#define VAULT_TOKEN_INIT                                                                                               \
	{                                                                                                              \
		.text = SECRET_INIT                                                                                    \
	}

/** vault_clock() - seconds since some point in the past, those asleep included */
int64_t vault_clock(void);

/** vault_token_get() - a token as @settings say; @out must be VAULT_TOKEN_INIT or freed.  COFFER_E_REFUSED when the login is not accepted. */
coffer_err vault_token_get(struct fault *f, const struct vault_settings *settings, unsigned int timeout_ms,
			   struct vault_token *out);

/** vault_token_look() - ask how long @token is good; COFFER_E_REFUSED when it is good no more (or may not look itself up) */
coffer_err vault_token_look(struct fault *f, const struct vault_settings *settings, unsigned int timeout_ms,
			    struct vault_token *token);

/** vault_token_renew() - ask for more time */
coffer_err vault_token_renew(struct fault *f, const struct vault_settings *settings, unsigned int timeout_ms,
			     struct vault_token *token);

/** vault_token_postpone() - one of the two failed: try again when half of what is left has passed */
void vault_token_postpone(struct vault_token *token);

/** vault_token_free() - wipe and free; it is VAULT_TOKEN_INIT again */
void vault_token_free(struct vault_token *token);

#endif
