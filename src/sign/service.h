/* SPDX-License-Identifier: Apache-2.0 */
/* A request to one of Sigstore's services: made again when the service is busy, and answered with 200 or 201. */
#ifndef SIGN_SERVICE_H
#define SIGN_SERVICE_H

#include "base/fault.h"
#include "data/doc.h"
#include "net/http.h"

/**
 * service_call() - send @request, up to three times while the answer is 429 or 503
 * @reply: gets the answer; free with http_reply_free(), after a failure too
 *
 * Waits between two tries for as long as the service says, at most ten seconds.  Errors of http_call() and http_expect().
 */
coffer_err service_call(struct fault *f, const struct http_request *request, struct http_reply *reply);

/** service_json() - the same, with the JSON @body, which is freed, to @path below @base; the answer is JSON, too */
coffer_err service_json(struct fault *f, const char *base, const char *path, const struct secret *bearer,
			struct doc *body, struct doc **out);

#endif
