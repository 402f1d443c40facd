/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How to come by an identity token (OpenID Connect Core 1.0): one that is given, that of the CI service that we run in, or one that a
 * person gets by signing in at an identity provider.
 *
 * Signing in is the authorization code flow with PKCE (RFC 6749, RFC 7636, RFC 8252), its answer taken on a loopback address or
 * typed in by hand, or the device flow (RFC 8628).  Any provider with discovery will do, if the certificate authority knows it.
 */
#ifndef SIGN_OIDC_H
#define SIGN_OIDC_H

#include <stdbool.h>

#include "base/fault.h"
#include "mem/secret.h"
#include "sign/id_token.h"

#define OIDC_CLIENT "sigstore" /* the client's name, and so the audience of the token, unless another is given */

/** struct oidc_ui - how a person is reached; called from the thread that asks for the token */
struct oidc_ui {
	void *user;

	/**
	 * show_url: have the person open @url, and return; an error ends it
	 * @code: what to compare or type there (device flow), or NULL
	 */
	coffer_err (*show_url)(void *user, struct fault *f, const char *url, const char *code);

	/** read_code: ask for the code that the provider showed; @out is empty */
	coffer_err (*read_code)(void *user, struct fault *f, struct secret *out);

	/** stopped: whether to wait no longer; may be NULL */
	bool (*stopped)(void *user);
};

enum oidc_way {
	OIDC_BROWSER, /* on this machine: the answer comes back by itself */
	OIDC_OOB,     /* anywhere: the provider shows a code, which is typed in here */
	OIDC_DEVICE,  /* anywhere: a short code of ours is typed in there */
};

/** struct oidc_source - where to get a token; the first of these that is set, else by signing in */
struct oidc_source {
	const char *token_file;
	const char *token_env; /* the name of a variable */
	bool ambient;

	const char *issuer;		    /* the provider's URL */
	const char *client_id;		    /* NULL = OIDC_CLIENT */
	const struct secret *client_secret; /* of a client that has one, else NULL */
	enum oidc_way way;
	const struct oidc_ui *ui; /* NULL: nobody is there to sign in */
	unsigned int patience_s;  /* for the person; 0 = 300 */
};

/**
 * oidc_token() - get a token that is good now
 * @out: zeroed; gets it; free with id_token_free(), after a failure too
 *
 * COFFER_E_PERM when the provider or the person refuses, or the token will not do; COFFER_E_NET, COFFER_E_RATE; COFFER_E_KEY and
 * COFFER_E_NOTFOUND for a token that is not there; COFFER_E_USAGE when nobody can be asked.
 */
coffer_err oidc_token(struct fault *f, const struct oidc_source *source, struct id_token *out);

/** oidc_is_given() - whether the token is in a file or a variable: it can be taken at once, and maybe only once, for the file may be a pipe */
bool oidc_is_given(const struct oidc_source *source);

/** oidc_check() - what oidc_token() would say of a token that is not given, before any network or person: better before hours of hashing */
coffer_err oidc_check(struct fault *f, const struct oidc_source *source);

#endif
