/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OIDC identity token: a JSON Web Token (RFC 7519) in which an identity provider says who somebody is.
 *
 * Its signature is not checked here: that is the certificate authority's business, which knows the provider's keys and
 * alone acts on what the token says.  What is checked is whether the authority can want it: form, audience, time, provider, nonce.
 * Whoever has the text can sign as its subject, so it lives in a struct secret and in no sentence.
 */
#ifndef SIGN_ID_TOKEN_H
#define SIGN_ID_TOKEN_H

#include <stdint.h>

#include "base/fault.h"
#include "base/view.h"
#include "mem/secret.h"

struct id_token {
	struct secret text;
	char *issuer, *subject;
	char *email;	 /* NULL = absent */
	int64_t expires; /* seconds since 1970, UTC */
};

/** struct id_token_policy - what a token must say */
struct id_token_policy {
	const char *audience;
	const char *issuer; /* NULL: any */
	const char *nonce;  /* of the request; NULL: there was none */
	int64_t now;	    /* seconds since 1970, UTC */
};

/**
 * id_token_parse() - read the token @text, white space around it aside
 * @out: zeroed; gets it; free with id_token_free(), after a failure too
 *
 * COFFER_E_FORMAT when it is no token; COFFER_E_PERM when it is another's, for another, or of another time, with what differs.
 */
coffer_err id_token_parse(struct fault *f, struct view text, const struct id_token_policy *policy,
			  struct id_token *out);

/** id_token_free() - wipe and free; zeroed again */
void id_token_free(struct id_token *t);

#endif
