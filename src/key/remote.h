/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request to a key service: within a deadline, made again when that can help, its answer JSON.
 *
 * Tried again, with jitter between (full jitter, 0.2 s doubled each time, at most 5 s) and never past the deadline: what
 * did not connect or got no whole answer, 429, 500, 502, 503, 504, and what the service's own rule says.  Never another 4xx.
 * «Retry-After» is obeyed where the deadline allows, and else is the end.  COFFER_KEY_TIMEOUT (seconds, 1 to 600; 30)
 * and COFFER_KEY_RETRIES (0 to 10; 3) change the two.
 *
 * Any thread.  The answer is wiped; a body that is a secret is the caller's to wipe.
 */
#ifndef KEY_REMOTE_H
#define KEY_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "data/doc.h"
#include "net/http.h"

/** enum remote_said - what a service meant by an answer that is no success */
enum remote_said {
	REMOTE_REFUSED,	  /* the credential or its rights: COFFER_E_REFUSED */
	REMOTE_EXPIRED,	  /* the credential ended; a new one may help, once.  Else as REMOTE_REFUSED */
	REMOTE_NO_KEY,	  /* there is no such key, or it is disabled or destroyed: COFFER_E_REFUSED */
	REMOTE_WRONG_KEY, /* the ciphertext is of another key: COFFER_E_NOKEY */
	REMOTE_BAD_WRAP,  /* ciphertext or context are not what was wrapped: COFFER_E_AUTH */
	REMOTE_BUSY,	  /* try again: COFFER_E_RATE if it stays so */
	REMOTE_DOWN,	  /* try again: COFFER_E_UNAVAILABLE if it stays so */
	REMOTE_WRONG_CLOCK, /* the request's time was not accepted: once more by the service's clock, then COFFER_E_REFUSED */
	REMOTE_ODD,	    /* anything else: COFFER_E_UNAVAILABLE, in the service's words */
	REMOTE_NO_PLACE, /* nothing is kept at that path of the service: COFFER_E_REFUSED */
	REMOTE_ANSWER,	 /* what the caller asked for, as 2xx is: «not there», when it was asked whether it is */
};

/** struct remote - one service, for all of its requests */
struct remote {
	const char *name; /* «Vault», for sentences */

	/* judge: what @reply, whose status is not 2xx, means; @answer is its JSON, or NULL; @words_out, if set, gets what to quote of it */
	enum remote_said (*judge)(const struct http_reply *reply, const struct doc *answer, const char **words_out);

	/*
	 * sign: make the headers that depend on the time or on a credential, anew for each try; @fresh: the last credential was
	 * told to be expired, get another.  Appends to the request's headers through @request, whose memory is @user's.  What it
	 * asks of others on the way has @request->timeout_ms for it, the time that is left.  May be NULL.
	 */
	coffer_err (*sign)(void *user, struct fault *f, struct http_request *request, bool fresh);

	/*
	 * heard: each whole answer, whatever its status, before it is judged: for what stands in its head alone.  Its memory is
	 * the call's.  May be NULL.
	 */
	void (*heard)(void *user, const struct http_reply *reply);

	/* set_clock: the service's clock is @ahead_s before this machine's: sign by it from now on.  NULL: a wrong clock is the end. */
	void (*set_clock)(void *user, int64_t ahead_s);
	void *user;
};

/**
 * remote_call() - send @request, wait for the answer
 * @request: its timeout_ms, unless 0, shortens the deadline
 * @answer_out: gets its JSON (an empty object when there is no body); free with doc_free().  Its memory is wiped when freed.
 *
 * Return: COFFER_OK for 2xx and REMOTE_ANSWER, or the error of what the service said, with a sentence that names the service, the host, its own words and
 * the way out.
 */
coffer_err remote_call(struct fault *f, const struct remote *remote, const struct http_request *request,
		       struct doc **answer_out);

/** remote_secret() - base64 (standard, or URL-safe without padding) text of @d, of 1 to @max bytes, into @out, SECRET_INIT or freed; COFFER_E_UNAVAILABLE naming @remote when it is none */
coffer_err remote_secret(struct fault *f, const struct remote *remote, const struct doc *d, size_t max,
			 struct secret *out);

/** remote_words() - text of @d that judge() may give to be quoted, line ends and all; NULL when it is none */
const char *remote_words(const struct doc *d);

/** remote_endpoint() - the value of the first of @names (ends with NULL) that is set in the environment, else @otherwise; not to be freed */
const char *remote_endpoint(const char *const names[], const char *otherwise);

#endif
