/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to a bucket, over all of its tries: between the files of s3.h.
 */
#ifndef NET_S3_CALL_H
#define NET_S3_CALL_H

#include <stdatomic.h>

#include "base/buf.h"
#include "net/aws_cred.h"
#include "net/http.h"
#include "net/retry.h"
#include "net/s3.h"
#include "net/s3_answer.h"

#define S3_BUCKET_MAX 63
#define S3_BASE_MAX 512
#define S3_HEADERS_MAX 4

struct s3 {
	char bucket[S3_BUCKET_MAX + 1];
	char region[AWS_REGION_MAX + 1];
	char base[S3_BASE_MAX]; /* the URL of the bucket, without a slash at its end */
	char host[256];
	bool tls;
	struct retry_limits limits;
	uint64_t part_size;
	atomic_llong ahead_s;	  /* how much the service's clock is before ours */
	atomic_bool no_condition; /* it does not know If-None-Match */
};

struct s3_request {
	const char *method;
	const char *key;   /* NULL: of the bucket */
	const char *query; /* escaped; NULL: none */
	const char *headers[S3_HEADERS_MAX];
	size_t n_headers;
	const struct s3_body *body; /* or NULL */

	/* as of struct http_request; what it refuses is not tried again */
	coffer_err (*take)(void *user, struct fault *f, struct view part);

	/* prepare: called before each try, to change the headers; NULL: nothing changes.  COFFER_OK, or the end. */
	coffer_err (*prepare)(void *user, struct fault *f, struct s3_request *request);
	void *user;

	bool late_error; /* an answer of 200 can turn out to be an error */
};

/** struct s3_reply - what came of it; free with s3_reply_free() */
struct s3_reply {
	struct http_reply http;
	struct s3_said said;	 /* of an error */
	bool may_have_been_done; /* by a try before the last one, of which nobody knows what came of it */
};

/** s3_call() - COFFER_OK for an answer of 2xx that is no error; errors as s3.h has them */
coffer_err s3_call(struct fault *f, struct s3 *s3, struct s3_request *request, struct s3_reply *reply);

void s3_reply_free(struct s3_reply *reply);

/** s3_check_key() - COFFER_E_USAGE for a key that s3.h does not have */
coffer_err s3_check_key(struct fault *f, const char *key);

/** s3_put_parts() - s3_put() of what is longer than a part; @reply is that of the last request.  Its sentence says what went wrong. */
coffer_err s3_put_parts(struct fault *f, struct s3 *s3, const char *key, const struct s3_body *body,
			enum s3_if condition, struct s3_reply *reply);

/** s3_abort() - forget the upload of @key that is called @upload */
coffer_err s3_abort(struct fault *f, struct s3 *s3, const char *key, const char *upload);

#endif
