/* SPDX-License-Identifier: Apache-2.0 */
#include "key/remote.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/enc.h"
#include "base/home.h"
#include "base/utc.h"
#include "net/retry.h"

#define TIMEOUT_S 30u
#define TIMEOUT_MAX_S 600u
#define RETRIES 3u
#define CONNECT_MS 5000u

/* what comes after a try that failed */
enum next { THE_END, ANOTHER_AT_ONCE, ANOTHER_LATER };

struct call {
	const struct remote *remote;
	const struct http_request *request;
	struct retry retry;
	bool fresh, was_fresh; /* a credential is due that is new; it has been before */
	bool was_set;	       /* the clock */

	/* of the last try */
	struct http_request sent;
	struct http_reply reply;
	struct doc *answer;
	enum next next;
};

static void
forget_try(struct call *c)
{
	http_reply_free(&c->reply);
	doc_free(&c->answer);
	c->next = THE_END;
}

/* ---- what a service says when it says no ---- */

static const struct {
	coffer_err err;
	const char *what, *way_out;
} meanings[] = {
	[REMOTE_REFUSED] = {COFFER_E_REFUSED, "refuses",
			    "check that the credential is the right one, is still valid and has the right to do this"},
	[REMOTE_EXPIRED] = {COFFER_E_REFUSED, "says that the credential has expired", "log in again, or renew it"},
	[REMOTE_NO_KEY] = {COFFER_E_REFUSED, "has no such key that can be used",
			   "check its name, and that it is neither disabled nor destroyed"},
	[REMOTE_WRONG_KEY] = {COFFER_E_NOKEY, "says that another key has wrapped this", "name that key with --kek"},
	[REMOTE_BAD_WRAP] = {COFFER_E_AUTH, "does not unwrap this",
			     "it is damaged, or belongs to another model, version or environment"},
	[REMOTE_BUSY] = {COFFER_E_RATE, "has too many requests", "try again"},
	[REMOTE_DOWN] = {COFFER_E_UNAVAILABLE, "cannot serve now", "try again later"},
	[REMOTE_WRONG_CLOCK] = {COFFER_E_REFUSED, "does not accept the time of this machine", "set its clock"},
	[REMOTE_ODD] = {COFFER_E_UNAVAILABLE, "gave an answer that nobody expects",
			"check that its address is the right one"},
	[REMOTE_NO_PLACE] = {COFFER_E_REFUSED, "keeps nothing there", "check the name of the mount, and the namespace"},
};

/* Our sentence goes on behind the service's. */
static void
trim_stop(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && (text[len - 1] == '.' || text[len - 1] == ' '))
		text[--len] = '\0';
}

static coffer_err
explain(struct fault *f, const struct call *c, enum remote_said said, const char *words)
{
	const struct http_reply *reply = &c->reply;
	char quoted[HTTP_QUOTE_MAX + 1] = "", when[32] = "";

	if (words)
		http_quote(&c->sent, view_str(words), quoted);
	trim_stop(quoted);
	if (said == REMOTE_BUSY && reply->retry_after_s > 0)
		(void)snprintf(when, sizeof(when), " in %u s", reply->retry_after_s);
	else if (said == REMOTE_BUSY)
		(void)snprintf(when, sizeof(when), " later");
	return fault_set(f, meanings[said].err, "%s (%s) %s (HTTP %ld)%s%s; %s%s", c->remote->name, reply->host,
			 meanings[said].what, reply->status, quoted[0] ? ": " : "", quoted, meanings[said].way_out,
			 when);
}

/* Where the service's own rule has none, the status speaks. */
static enum remote_said
by_status(enum remote_said said, long status)
{
	if (said != REMOTE_ODD)
		return said;
	switch (status) {
	case 429:
		return REMOTE_BUSY;
	case 500:
	case 502:
	case 503:
	case 504:
		return REMOTE_DOWN;
	default:
		return REMOTE_ODD;
	}
}

static bool
set_clock(const struct call *c)
{
	int64_t theirs;
	char date[64];

	if (!c->remote->set_clock || c->was_set || !http_header(&c->reply, "Date", date, sizeof(date)) ||
	    !utc_parse_http(date, &theirs))
		return false;
	c->remote->set_clock(c->remote->user, theirs - (int64_t)time(NULL));
	return true;
}

static enum next
after(struct call *c, enum remote_said said)
{
	if (said == REMOTE_BUSY || said == REMOTE_DOWN)
		return ANOTHER_LATER;
	if (said == REMOTE_EXPIRED && c->remote->sign && !c->was_fresh) {
		c->fresh = c->was_fresh = true;
		return ANOTHER_AT_ONCE;
	}
	if (said == REMOTE_WRONG_CLOCK && set_clock(c)) {
		c->was_set = true;
		return ANOTHER_AT_ONCE;
	}
	return THE_END;
}

/* Where there is no JSON, an empty object is the answer. */
static coffer_err
need_answer(struct fault *f, struct call *c)
{
	if (!c->answer)
		c->answer = doc_object();
	return c->answer ? COFFER_OK : fault_nomem(f);
}

static coffer_err
read_refusal(struct fault *f, struct call *c)
{
	const char *words = NULL;
	enum remote_said said;

	if (doc_parse_foreign(NULL, "", buf_view(&c->reply.body), &c->answer) == COFFER_E_NOMEM)
		return fault_nomem(f);
	said = by_status(c->remote->judge(&c->reply, c->answer, &words), c->reply.status);
	if (said == REMOTE_ANSWER)
		return need_answer(f, c);
	c->next = after(c, said);
	return explain(f, c, said, words);
}

/* ---- one try ---- */

static coffer_err
read_answer(struct fault *f, struct call *c)
{
	coffer_err err;

	if (c->reply.body.len == 0)
		return need_answer(f, c);
	/* a sentence of its own could quote what is secret */
	err = doc_parse_foreign(NULL, "", buf_view(&c->reply.body), &c->answer);
	if (err == COFFER_E_NOMEM)
		return fault_nomem(f);
	if (err != COFFER_OK)
		return fault_set(f, COFFER_E_UNAVAILABLE, "what %s (%s) answered is no JSON: is that its address?",
				 c->remote->name, c->reply.host);
	return COFFER_OK;
}

static coffer_err
unreachable(struct fault *f, struct call *c, const struct fault *why)
{
	char times[32] = "";

	c->next = ANOTHER_LATER;
	if (c->retry.tries > 1)
		(void)snprintf(times, sizeof(times), " (asked %u times)", c->retry.tries);
	return fault_set(f, COFFER_E_UNAVAILABLE, "%s did not answer%s: %s", c->remote->name, times, why->text);
}

static coffer_err
need_time(struct fault *f, const struct call *c, struct http_request *r)
{
	r->timeout_ms = retry_left_ms(&c->retry);
	if (r->timeout_ms == 0)
		return fault_set(f, COFFER_E_UNAVAILABLE,
				 "there was no time left to ask %s: COFFER_KEY_TIMEOUT says how long it may take",
				 c->remote->name);
	return COFFER_OK;
}

static coffer_err
prepare(struct fault *f, struct call *c, struct http_request *r)
{
	bool fresh = c->fresh;
	coffer_err err;

	*r = *c->request;
	r->secret_reply = true;
	r->connect_ms = r->connect_ms > 0 ? r->connect_ms : CONNECT_MS;
	TRY(need_time(f, c, r));
	c->fresh = false;
	if (c->remote->sign) {
		TRY(c->remote->sign(c->remote->user, f, r, fresh));
		TRY(need_time(f, c, r));
	}
out:
	return err;
}

static coffer_err
try_once(struct fault *f, struct call *c)
{
	struct fault why = {.text = ""};
	coffer_err err;

	forget_try(c);
	TRY(prepare(f, c, &c->sent));
	err = http_call(&why, &c->sent, &c->reply);
	if (err == COFFER_E_NET)
		return unreachable(f, c, &why);
	if (err != COFFER_OK)
		return fault_set(f, err, "%s", why.text);
	if (c->remote->heard)
		c->remote->heard(c->remote->user, &c->reply);
	if (c->reply.status >= 200 && c->reply.status <= 299)
		return read_answer(f, c);
	return read_refusal(f, c);
out:
	return err;
}

/* ---- all of them ---- */

static bool
comes_another(struct call *c)
{
	return c->next == ANOTHER_AT_ONCE ||
	       (c->next == ANOTHER_LATER && retry_wait(&c->retry, c->reply.retry_after_s));
}

coffer_err
remote_call(struct fault *f, const struct remote *remote, const struct http_request *request, struct doc **answer_out)
{
	struct retry_limits limits = {.timeout_ms = TIMEOUT_S * 1000, .retries = RETRIES};
	struct call c = {.remote = remote, .request = request};
	coffer_err err;

	*answer_out = NULL;
	/* neither a bad address nor a missing libcurl gets better by waiting */
	TRY(http_check_url(f, request->url, request->allow_http));
	TRY(retry_limits_read(f, "COFFER_KEY", TIMEOUT_MAX_S, &limits));
	if (request->timeout_ms > 0 && request->timeout_ms < limits.timeout_ms)
		limits.timeout_ms = request->timeout_ms;
	c.retry = retry_begin(&limits);
	do
		err = try_once(f, &c);
	while (err != COFFER_OK && comes_another(&c));
	if (err == COFFER_OK) {
		*answer_out = c.answer;
		c.answer = NULL;
	}
out:
	forget_try(&c);
	return err;
}

/* ---- what providers have in common ---- */

/* Exactly how many bytes base64 of that length is, when it is base64. */
static size_t
decoded_len(struct view text)
{
	size_t len = text.len;

	while (len > 0 && text.len - len < 2 && text.p[len - 1] == '=')
		len--;
	return len / 4 * 3 + (len % 4) * 3 / 4;
}

coffer_err
remote_secret(struct fault *f, const struct remote *remote, const struct doc *d, size_t max, struct secret *out)
{
	size_t len, got = 0;
	struct view text;
	coffer_err err;

	if (!doc_string(d, &text) || (len = decoded_len(text)) == 0 || len > max)
		return fault_set(f, COFFER_E_UNAVAILABLE,
				 "the answer of %s lacks a secret of 1 to %zu bytes in base64: is that its address?",
				 remote->name, max);
	TRY(secret_new(f, out, len));
	if (!dec_b64((const char *)text.p, text.len, out->p, len, &got) &&
	    !dec_b64url((const char *)text.p, text.len, out->p, len, &got)) {
		secret_free(out);
		return fault_set(f, COFFER_E_UNAVAILABLE,
				 "a secret in the answer of %s is no base64: is that its address?", remote->name);
	}
out:
	return err;
}

const char *
remote_words(const struct doc *d)
{
	struct view text;

	/* what is quoted of it is its first line */
	return doc_string(d, &text) && text.len > 0 ? (const char *)text.p : NULL;
}

const char *
remote_endpoint(const char *const names[], const char *otherwise)
{
	for (; *names; names++) {
		const char *value = home_setting(*names);

		if (value)
			return value;
	}
	return otherwise;
}
