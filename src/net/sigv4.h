/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4, in headers (docs.aws.amazon.com, «Create a signed AWS API request»).
 *
 * All headers of the request are signed, but those that a proxy may change; so are method, path, query and body.  What is
 * signed is what http_call() sends: its Host is that of the URL.  The rules of S3 differ: its paths are escaped once and taken as they are,
 * those of other services are freed of empty and dot segments, and escaped a second time.
 */
#ifndef NET_SIGV4_H
#define NET_SIGV4_H

#include <stdint.h>

#include "base/buf.h"
#include "net/aws_cred.h"
#include "net/http.h"

#define SIGV4_UNSIGNED "UNSIGNED-PAYLOAD" /* a body that TLS alone protects; of S3 */
#define SIGV4_HEADERS_MAX 24		  /* of one request, with those that are added */

/** struct sigv4 - who signs, for what */
struct sigv4 {
	const struct aws_cred *cred;
	const char *region;
	const char *service; /* «s3», «kms», «sts» */
	int64_t time;	     /* now, by the service's clock: seconds since 1970 */
	const char *payload; /* SHA-256 of the body in hexadecimal, or SIGV4_UNSIGNED; NULL: that of @request->body */
};

/** struct sigv4_headers - the memory of a signed request's headers */
struct sigv4_headers {
	const char *lines[SIGV4_HEADERS_MAX];
	size_t n;
	char date[sizeof("X-Amz-Date: 20261120T135818Z")];
	char payload[sizeof("X-Amz-Content-SHA256: ") + 64];
	struct secret token;
	struct buf authorization;
};

#define SIGV4_HEADERS_INIT                                                                                             \
	{                                                                                                              \
		.n = 0, .token = SECRET_INIT                                                                           \
	}

/**
 * sigv4_sign() - sign @request: put X-Amz-Date, X-Amz-Security-Token, X-Amz-Content-SHA256 (of S3) and Authorization behind its headers
 * @out: gets its headers, which @request then points to; SIGV4_HEADERS_INIT or used before; free with sigv4_headers_free()
 *
 * The URL is as http_check_url() has it, its path and query escaped.  COFFER_E_USAGE for an unsigned body without TLS, and when there
 * are more headers or parameters than fit.
 */
coffer_err sigv4_sign(struct fault *f, const struct sigv4 *sigv4, struct http_request *request,
		      struct sigv4_headers *out);

/** sigv4_headers_free() - wipe and free */
void sigv4_headers_free(struct sigv4_headers *headers);

#endif
