/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a browser comes back to: a listener on this machine that waits for one redirect (RFC 8252 section 7.3).
 *
 * It answers GET on its one path, for a request that carries the expected «state», and refuses all else.  A page or a program
 * of this machine can thus not feed it an answer of its own, nor keep it busy: connections that say nothing do not block others.
 */
#ifndef NET_LOOPBACK_H
#define NET_LOOPBACK_H

#include <stdbool.h>

#include "base/fault.h"
#include "mem/secret.h"

struct loopback {
	int fd;
	char url[64]; /* of the redirect: http://localhost:PORT/auth/callback */
};

#define LOOPBACK_INIT                                                                                                  \
	{                                                                                                              \
		.fd = -1, .url = ""                                                                                    \
	}

/** loopback_open() - listen on 127.0.0.1, a port of the kernel's choice; COFFER_E_NET */
coffer_err loopback_open(struct fault *f, struct loopback *l);

/** struct loopback_wait - for what, and for how long */
struct loopback_wait {
	const char *state;	    /* what the query must hold as «state» */
	unsigned int timeout_ms;    /* for all of it */
	bool (*stopped)(void *arg); /* asked a few times a second; NULL: nobody can */
	void *arg;
};

/**
 * loopback_wait() - wait for the redirect
 * @query_out: gets the query, without «?»; the caller frees it
 *
 * COFFER_E_NET when none came in time, COFFER_E_INTERRUPTED when it was stopped.  One thread.
 */
coffer_err loopback_wait(struct fault *f, struct loopback *l, const struct loopback_wait *wait,
			 struct secret *query_out);

/** loopback_close() - listen no more */
void loopback_close(struct loopback *l);

#endif
