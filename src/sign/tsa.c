/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/tsa.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "crypto/tst.h"
#include "net/http.h"
#include "sign/service.h"

coffer_err
tsa_stamp(struct fault *f, const char *url, struct bundle *b)
{
	static const char *const headers[] = {"Content-Type: application/timestamp-query",
					      "Accept: application/timestamp-reply"};
	struct http_request r = {
		.method = "POST", .url = url, .headers = headers, .n_headers = 2, .max_body = LIMIT_TIMESTAMP};
	struct http_reply reply = {.status = 0};
	struct buf request = BUF_INIT(LIMIT_TIMESTAMP);
	uint64_t nonce;
	coffer_err err;

	TRY(tst_request(f, buf_view(&b->signature), &request, &nonce));
	r.body = buf_view(&request);
	TRY(service_call(f, &r, &reply));
	if (tst_check_answer(f, buf_view(&reply.body), buf_view(&b->signature), nonce) != COFFER_OK)
		TRY(fault_prefix(f, "%s", reply.host));
	TRY(bundle_add_timestamp(f, b, buf_view(&reply.body)));
out:
	http_reply_free(&reply);
	buf_free(&request);
	return err;
}

/* ---- a signer with a timestamp ---- */

struct stamped_signer {
	struct signer base;
	struct signer *inner;
	char *url;
};

static coffer_err
sign(struct signer *self, struct fault *f, struct bundle *b)
{
	const struct stamped_signer *s = (const struct stamped_signer *)self;
	coffer_err err;

	TRY(s->inner->sign(s->inner, f, b));
	TRY(tsa_stamp(f, s->url, b));
out:
	return err;
}

static void
free_stamped(struct signer *self)
{
	struct stamped_signer *s = (struct stamped_signer *)self;

	signer_free(&s->inner);
	free(s->url);
	free(s);
}

coffer_err
signer_with_tsa(struct fault *f, struct signer *inner, const char *url, struct signer **out)
{
	struct stamped_signer *s = NULL;
	coffer_err err;

	*out = NULL;
	/* before anything is hashed, for that takes long */
	TRY(http_check_url(f, url, true));
	s = calloc(1, sizeof(*s));
	if (!s)
		TRY(fault_nomem(f));
	s->base = (struct signer){.method = inner->method, .sign = sign, .free = free_stamped};
	s->url = strdup(url);
	if (!s->url)
		TRY(fault_nomem(f));
	s->inner = inner;
	inner = NULL;
	*out = &s->base;
	s = NULL;
out:
	free(s);
	signer_free(&inner);
	return err;
}
