/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/service.h"

#include <stdlib.h>
#include <time.h>

#include "base/limits.h"
#include "net/url.h"

#define TRIES 3
#define WAIT_MAX_S 10
#define TIMEOUT_MS 60000 /* a log may take ten seconds until it has written an entry */

static bool
is_busy(const struct http_reply *reply)
{
	return reply->status == 429 || reply->status == 503;
}

static void
wait_for(const struct http_reply *reply)
{
	unsigned int s = reply->retry_after_s > 0 ? reply->retry_after_s : 1;
	struct timespec pause = {.tv_sec = s < WAIT_MAX_S ? s : WAIT_MAX_S};

	(void)nanosleep(&pause, NULL);
}

coffer_err
service_call(struct fault *f, const struct http_request *request, struct http_reply *reply)
{
	coffer_err err;

	for (int n = 1;; n++) {
		TRY(http_call(f, request, reply));
		if (!is_busy(reply) || n == TRIES)
			break;
		wait_for(reply);
		http_reply_free(reply);
	}
	if (reply->status != 201)
		TRY(http_expect(f, request, reply, 200));
out:
	return err;
}

static coffer_err
write_body(struct fault *f, struct doc *body, struct buf *out)
{
	coffer_err err = body ? doc_canonical(f, body, out) : fault_nomem(f);

	doc_free(&body);
	return err;
}

coffer_err
service_json(struct fault *f, const char *base, const char *path, const struct secret *bearer, struct doc *body,
	     struct doc **out)
{
	static const char *const headers[] = {"Content-Type: application/json", "Accept: application/json"};
	struct http_request r = {.method = "POST",
				 .headers = headers,
				 .n_headers = 2,
				 .bearer = bearer,
				 .timeout_ms = TIMEOUT_MS,
				 .max_body = LIMIT_ANSWER};
	struct http_reply reply = {.status = 0};
	struct buf text = BUF_INIT(2 * (size_t)LIMIT_BUNDLE);
	char *url = NULL;
	coffer_err err;

	*out = NULL;
	TRY(write_body(f, body, &text));
	TRY(url_join(f, base, path, &url));
	r.url = url;
	r.body = buf_view(&text);
	TRY(service_call(f, &r, &reply));
	if (doc_parse_foreign(f, "its answer", buf_view(&reply.body), out) != COFFER_OK)
		TRY(fault_set(f, COFFER_E_NET, "the answer of %s is no JSON", reply.host));
out:
	http_reply_free(&reply);
	buf_free(&text);
	free(url);
	return err;
}
