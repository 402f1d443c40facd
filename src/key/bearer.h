/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An access token (RFC 6750) for a key service: fetched when it is first needed, kept in locked memory, fetched anew
 * shortly before it ends, and shared by all keys of the process that go to the same place.
 *
 * Any thread.  While one fetches, the others wait, and get what it got, be it a token or a refusal.
 */
#ifndef KEY_BEARER_H
#define KEY_BEARER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "data/doc.h"
#include "key/remote.h"
#include "mem/secret.h"

#define BEARER_PROJECT_MAX 128

/** struct bearer_token - what is fetched */
struct bearer_token {
	unsigned int timeout_ms; /* how long that may take; set by who calls */
	struct secret text;
	uint64_t lifetime_s;		      /* from now on */
	char project[BEARER_PROJECT_MAX + 1]; /* Google's: whom to bill; empty = whose the credential is */
};

#define BEARER_TOKEN_INIT                                                                                              \
	{                                                                                                              \
		.timeout_ms = 0, .text = SECRET_INIT, .lifetime_s = 0, .project = ""                                   \
	}

/** bearer_fetch_fn - get a token for @place into @out, which is BEARER_TOKEN_INIT; the caller frees it, after a failure too */
typedef coffer_err (*bearer_fetch_fn)(struct fault *f, const char *place, struct bearer_token *out);

struct bearer;

/**
 * bearer_get() - the token for @place, which one caller or many have; asks nobody
 * @fetch: together with @place it says which one is meant
 * @out: give it back with bearer_put()
 */
coffer_err bearer_get(struct fault *f, const char *place, bearer_fetch_fn fetch, struct bearer **out);

/** bearer_put() - the last one wipes it; NULL is fine */
void bearer_put(struct bearer **b);

/** struct bearer_use - a copy for one request */
struct bearer_use {
	struct secret text;
	char project[BEARER_PROJECT_MAX + 1];
	uint64_t number; /* which of the tokens that were fetched; from 1 */
};

#define BEARER_USE_INIT                                                                                                \
	{                                                                                                              \
		.text = SECRET_INIT, .project = "", .number = 0                                                        \
	}

/**
 * bearer_take() - a token that is good for a while yet
 * @fresh: the one in @use was refused: another, unless somebody else has fetched it meanwhile
 * @timeout_ms: how long fetching one may take
 * @use: BEARER_USE_INIT, or what an earlier call made of it; free with bearer_use_free()
 *
 * Errors of fetching.
 */
coffer_err bearer_take(struct fault *f, struct bearer *b, bool fresh, unsigned int timeout_ms, struct bearer_use *use);

void bearer_use_free(struct bearer_use *use);

/* ---- for those who fetch ---- */

/** bearer_judge() - what a token endpoint (RFC 6749 section 5.2) means by an answer that is no success */
enum remote_said bearer_judge(const struct http_reply *reply, const struct doc *answer, const char **words_out);

/**
 * bearer_read() - take token and lifetime out of the answer of a token endpoint (RFC 6749 section 5.1)
 *
 * The lifetime stands in «expires_in», or as a time in «expires_on», as number or text.  COFFER_E_UNAVAILABLE, naming @who, when there is
 * no token in it; one without a lifetime is kept for five minutes.
 */
coffer_err bearer_read(struct fault *f, const char *who, const struct doc *answer, struct bearer_token *out);

#endif
