/* SPDX-License-Identifier: Apache-2.0 */
#include "net/aws_sts.h"

#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "net/aws_answer.h"
#include "net/aws_endpoint.h"
#include "net/http.h"
#include "net/sigv4.h"
#include "net/url.h"

#define STS "STS"
#define VERSION "2011-06-15"
#define FORM_MAX (3 * LIMIT_TOKEN + 16384) /* each byte of a token may be escaped */

static coffer_err
begin_form(struct fault *f, struct form *form, const char *action, const struct aws_role *role)
{
	coffer_err err;

	TRY(form_new(f, form, FORM_MAX));
	TRY(form_add_text(f, form, "Action", action));
	TRY(form_add_text(f, form, "Version", VERSION));
	TRY(form_add_text(f, form, "RoleArn", role->arn));
	TRY(form_add_text(f, form, "RoleSessionName", role->session_name[0] ? role->session_name : "coffer"));
	TRY(form_add_text(f, form, "ExternalId", role->external_id[0] ? role->external_id : NULL));
	TRY(form_add_text(f, form, "DurationSeconds", role->duration[0] ? role->duration : NULL));
out:
	return err;
}

/* ---- what STS says when it says no ---- */

static bool
is_one_of(const char *code, const char *const codes[])
{
	for (; *codes; codes++)
		if (strcmp(code, *codes) == 0)
			return true;
	return false;
}

static coffer_err
judge(const struct http_reply *reply, const struct aws_said *said)
{
	static const char *const busy[] = {"Throttling", "ThrottlingException", "RequestLimitExceeded", NULL};
	static const char *const down[] = {"IDPCommunicationError", "InternalFailure", "ServiceUnavailable", NULL};

	if (reply->status == 429 || is_one_of(said->code, busy))
		return COFFER_E_RATE;
	if (reply->status >= 500 || is_one_of(said->code, down))
		return COFFER_E_UNAVAILABLE;
	return COFFER_E_REFUSED;
}

static coffer_err
explain(struct fault *f, const struct http_reply *reply, const char *role)
{
	struct aws_said said;
	coffer_err err;

	aws_answer_error(buf_view(&reply->body), &said);
	err = judge(reply, &said);
	return fault_set(f, err, STS " (%s) does not give the role %.200s (%s): %s; %s", reply->host, role,
			 said.code[0] ? said.code : "it answered no XML", said.words,
			 err == COFFER_E_REFUSED ? "check role_arn, and whom the role's trust policy lets assume it"
						 : "try again");
}

/* ---- one request ---- */

static coffer_err
try_once(struct fault *f, const struct http_request *request, const char *role, unsigned int *after_s,
	 struct aws_cred *out)
{
	struct fault why = {.err = COFFER_OK};
	struct http_reply reply;
	coffer_err err = http_call(&why, request, &reply);

	*after_s = 0;
	if (err)
		TRY(fault_set(f, err == COFFER_E_NET ? COFFER_E_UNAVAILABLE : err, STS " did not answer: %s",
			      why.text));
	*after_s = reply.retry_after_s;
	if (reply.status != 200)
		TRY(explain(f, &reply, role));
	TRY(aws_answer_xml(f, STS, buf_view(&reply.body), out));
out:
	http_reply_free(&reply);
	return err;
}

/* struct call - one action, over all of its tries */
struct call {
	const struct form *form;
	const char *role;
	const char *region;
	const struct aws_cred *by; /* who signs, or NULL */
	struct retry *retry;
};

static coffer_err
sign_and_try(struct fault *f, const struct call *c, const char *url, unsigned int *after_s, struct aws_cred *out)
{
	static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded; charset=utf-8"};
	const struct sigv4 sigv4 = {.cred = c->by, .region = c->region, .service = "sts", .time = (int64_t)time(NULL)};
	struct http_request r = {.method = "POST",
				 .url = url,
				 .headers = headers,
				 .n_headers = 1,
				 .body = form_view(c->form),
				 .secret_reply = true,
				 .timeout_ms = retry_left_ms(c->retry),
				 .max_body = LIMIT_TOKEN};
	struct sigv4_headers signed_headers = SIGV4_HEADERS_INIT;
	coffer_err err;

	*after_s = 0;
	if (r.timeout_ms == 0)
		return fault_set(f, COFFER_E_UNAVAILABLE, "there was no time left to ask " STS " for AWS credentials");
	if (c->by)
		TRY(sigv4_sign(f, &sigv4, &r, &signed_headers));
	TRY(try_once(f, &r, c->role, after_s, out));
out:
	sigv4_headers_free(&signed_headers);
	return err;
}

static coffer_err
call(struct fault *f, const struct call *c, struct aws_cred *out)
{
	char url[AWS_URL_MAX];
	unsigned int after_s;
	coffer_err err;

	TRY(aws_endpoint(f, "sts", c->region, url));
	do
		err = sign_and_try(f, c, url, &after_s, out);
	while ((err == COFFER_E_UNAVAILABLE || err == COFFER_E_RATE) && retry_wait(c->retry, after_s));
out:
	return err;
}

coffer_err
aws_sts_assume(struct fault *f, struct retry *retry, const struct aws_role *role, const struct aws_cred *by,
	       const char *region, struct aws_cred *out)
{
	struct form form = FORM_INIT;
	const struct call c = {.form = &form, .role = role->arn, .region = region, .by = by, .retry = retry};
	coffer_err err;

	TRY(begin_form(f, &form, "AssumeRole", role));
	TRY(call(f, &c, out));
out:
	form_free(&form);
	return err;
}

coffer_err
aws_sts_web_identity(struct fault *f, struct retry *retry, const struct aws_role *role, const char *token_file,
		     const char *region, struct aws_cred *out)
{
	struct secret token = SECRET_INIT;
	struct form form = FORM_INIT;
	const struct call c = {.form = &form, .role = role->arn, .region = region, .retry = retry};
	coffer_err err;

	TRY(aws_token_file(f, "the web identity token", token_file, &token));
	TRY(begin_form(f, &form, "AssumeRoleWithWebIdentity", role));
	TRY(form_add(f, &form, "WebIdentityToken", view_of(token.p, token.len)));
	TRY(call(f, &c, out));
out:
	secret_free(&token);
	form_free(&form);
	return err;
}
