/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a browser comes back to: a listener on this machine that waits for one redirect (RFC 8252 section 7.3).
 *
 * It answers GET on its one path, for a request that carries the expected «state», and refuses all else.  A page or a program
 * of this machine can thus not feed it an answer of its own, nor keep it busy: connections that say nothing do not block others.
 */
#ifndef NET_LOOPBACK_H
#define NET_LOOPBACK_H

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

/**
 * loopback_wait() - wait for the redirect
 * @state: what its query must hold as «state»
 * @timeout_ms: for all of it
 * @query_out: gets the query, without «?»; the caller frees it
 *
 * COFFER_E_NET when none came in time.  One thread.
 */
coffer_err loopback_wait(struct fault *f, struct loopback *l, const char *state, unsigned int timeout_ms,
			 struct secret *query_out);

/** loopback_close() - listen no more */
void loopback_close(struct loopback *l);

#endif
