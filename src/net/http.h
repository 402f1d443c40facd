/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request and its answer (over libcurl).
 *
 * TLS 1.2 or later, certificates and names checked, no redirect followed unless asked and never from https to http, every size
 * and time bounded.  Credentials go in headers that are wiped.  Any thread.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/view.h"
#include "mem/secret.h"

struct http_request {
	const char *method;	    /* «GET», «POST», … */
	const char *url;	    /* https, or http where the caller allows it */
	const char *const *headers; /* «Name: value» */
	size_t n_headers;
	const struct secret *bearer; /* «Authorization: Bearer …», or NULL */
	struct view body;
	bool allow_http;	 /* plain http to other hosts than this machine, too */
	bool follow;		 /* up to 5 redirects to https */
	const char *ca_file;	 /* PEM roots; NULL = the system's */
	unsigned int timeout_ms; /* for all of it; 0 = 30 s */
	size_t max_body;	 /* of the answer; a longer one is COFFER_E_NET */
};

struct http_reply {
	long status;
	struct buf body;
	char content_type[128];
	unsigned int retry_after_s; /* of a 429 or 503; 0 = not said */
};

/** http_call() - COFFER_OK whatever the status; COFFER_E_NET when there was no whole answer, with the reason and the host */
coffer_err http_call(struct fault *f, const struct http_request *request, struct http_reply *reply);

/** http_expect() - COFFER_OK when the status is @status; else COFFER_E_NET (429: COFFER_E_RATE; 401, 403: COFFER_E_PERM) with what the server said */
coffer_err http_expect(struct fault *f, const struct http_request *request, const struct http_reply *reply,
		       long status);

void http_reply_free(struct http_reply *reply);

#endif
