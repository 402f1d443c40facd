/* SPDX-License-Identifier: Apache-2.0 */
#include "net/s3_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/num.h"
#include "base/utc.h"
#include "base/utf8.h"
#include "crypto/digest.h"
#include "net/sigv4.h"
#include "net/url.h"

#define CONNECT_MS 10000u
#define STALL_S 60u
#define CREDENTIAL_MS 15000u
#define CLOCK_MAX_S 300 /* a clock that differs by more is refused: S3 says 15 minutes, others less */
#define HASH_CHUNK ((size_t)1 << 20)

enum next { THE_END, ANOTHER_AT_ONCE, ANOTHER_LATER };

struct call {
	struct s3 *s3;
	struct s3_request *request;
	struct s3_reply *reply;
	struct retry retry;
	char *url;
	char payload[2 * SHA256_LEN + 1];
	struct aws_cred cred;
	struct sigv4_headers headers;
	uint64_t rejected; /* the credential that is not to be used again */
	bool was_set;	   /* the clock */
	bool was_refused;  /* by who takes the answer */
	enum next next;
};

void
s3_reply_free(struct s3_reply *reply)
{
	http_reply_free(&reply->http);
	reply->said = (struct s3_said){.code = ""};
}

coffer_err
s3_check_key(struct fault *f, const char *key)
{
	size_t len = strlen(key);

	if (len == 0 || len > S3_KEY_MAX || !utf8_is_text(view_str(key)))
		return fault_set(f, COFFER_E_USAGE,
				 "a key in a bucket is 1 to %d bytes of UTF-8 without control characters", S3_KEY_MAX);
	for (const char *part = key; part; part = strchr(part, '/')) {
		part += *part == '/';
		len = strcspn(part, "/");
		if ((len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
			return fault_set(f, COFFER_E_USAGE,
					 "«%s» cannot be a key in a bucket: it has a part «.» or «..»", key);
	}
	return COFFER_OK;
}

/* ---- before the first try ---- */

static coffer_err
make_url(struct fault *f, const struct call *c, char **out)
{
	const struct s3_request *r = c->request;
	struct buf url = BUF_INIT(LIMIT_URL + 1);
	coffer_err err;

	TRY(buf_str(f, &url, c->s3->base));
	TRY(buf_str(f, &url, "/"));
	if (r->key)
		TRY(url_escape(f, &url, view_str(r->key), "/"));
	if (r->query) {
		TRY(buf_str(f, &url, "?"));
		TRY(buf_str(f, &url, r->query));
	}
	TRY(buf_take_text(f, &url, out));
out:
	buf_free(&url);
	return err;
}

static coffer_err
hash_file(struct fault *f, const struct s3_body *body, uint8_t out[static DIGEST_MAX])
{
	uint8_t *chunk = malloc(HASH_CHUNK);
	struct digest *digest = NULL;
	coffer_err err;

	if (!chunk)
		return fault_nomem(f);
	TRY(digest_new(f, DIGEST_SHA256, &digest));
	for (uint64_t done = 0, len; done < body->len; done += len) {
		len = num_min(body->len - done, HASH_CHUNK);
		TRY(file_read_at(f, body->fd, "the file that is sent", chunk, len, body->off + done));
		TRY(digest_update(f, digest, chunk, len));
	}
	TRY(digest_final(f, digest, out));
out:
	digest_free(&digest);
	free(chunk);
	return err;
}

/* What is signed of the body: what is known of it; nothing where TLS protects it and reading it twice would cost. */
static coffer_err
make_payload(struct fault *f, struct call *c)
{
	const struct s3_body *body = c->request->body;
	uint8_t hash[DIGEST_MAX];
	coffer_err err = COFFER_OK;

	if (body && body->is_file && !body->sha256 && c->s3->tls) {
		(void)snprintf(c->payload, sizeof(c->payload), "%s", SIGV4_UNSIGNED);
		return COFFER_OK;
	}
	if (body && body->sha256)
		memcpy(hash, body->sha256, SHA256_LEN);
	else if (body && body->is_file)
		TRY(hash_file(f, body, hash));
	else
		TRY(sha256(f, body ? body->bytes : view_of("", 0), hash));
	enc_hex(hash, SHA256_LEN, c->payload);
out:
	return err;
}

/* ---- one try ---- */

static coffer_err
need_time(struct fault *f, const struct call *c, struct http_request *r)
{
	r->timeout_ms = retry_left_ms(&c->retry);
	if (r->timeout_ms == 0)
		return fault_set(f, COFFER_E_NET,
				 "there was no time left to ask %s: COFFER_S3_TIMEOUT says how long it may take",
				 c->s3->host);
	return COFFER_OK;
}

static coffer_err
sign(struct fault *f, struct call *c, struct http_request *r)
{
	struct sigv4 sigv4 = {.cred = &c->cred,
			      .region = c->s3->region,
			      .service = "s3",
			      .time = (int64_t)time(NULL) + atomic_load(&c->s3->ahead_s),
			      .payload = c->payload};
	coffer_err err;

	aws_cred_free(&c->cred);
	TRY(need_time(f, c, r));
	TRY(aws_cred_get(f, c->rejected, (unsigned int)num_min(r->timeout_ms, CREDENTIAL_MS), &c->cred));
	TRY(sigv4_sign(f, &sigv4, r, &c->headers));
	TRY(need_time(f, c, r));
out:
	return err;
}

static coffer_err
take_part(void *user, struct fault *f, struct view part)
{
	struct call *c = user;
	coffer_err err = c->request->take(c->request->user, f, part);

	c->was_refused = err != COFFER_OK;
	return err;
}

static void
set_body(const struct s3_body *body, struct http_request *r)
{
	if (!body)
		return;
	r->body = body->bytes;
	r->body_is_file = body->is_file;
	r->body_fd = body->fd;
	r->body_off = body->off;
	r->body_len = body->len;
}

static coffer_err
make_request(struct fault *f, struct call *c, struct http_request *r)
{
	struct s3_request *q = c->request;
	coffer_err err;

	if (q->prepare)
		TRY(q->prepare(q->user, f, q));
	*r = (struct http_request){.method = q->method,
				   .url = c->url,
				   .headers = q->headers,
				   .n_headers = q->n_headers,
				   .take = q->take ? take_part : NULL,
				   .take_user = c,
				   .connect_ms = CONNECT_MS,
				   .stall_s = STALL_S,
				   .max_body = LIMIT_S3_ANSWER};
	set_body(q->body, r);
	TRY(sign(f, c, r));
out:
	return err;
}

/* ---- what it says when it says no ---- */

static bool
says(const struct call *c, const char *const codes[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(c->reply->said.code, codes[i]) == 0)
			return true;
	return false;
}

#define SAYS(c, ...)                                                                                                   \
	says(c, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* By how much the service's clock is before ours, if that is why it refuses; of HEAD it cannot say why. */
static bool
is_wrong_clock(const struct call *c, int64_t *ahead_out)
{
	bool is_head = strcmp(c->request->method, "HEAD") == 0;
	int64_t theirs;
	char date[64];

	if (!SAYS(c, "RequestTimeTooSkewed") && !(is_head && c->reply->http.status == 403))
		return false;
	if (!http_header(&c->reply->http, "Date", date, sizeof(date)) || !utc_parse_http(date, &theirs))
		return false;
	*ahead_out = theirs - (int64_t)time(NULL);
	return !is_head || llabs(*ahead_out - atomic_load(&c->s3->ahead_s)) > CLOCK_MAX_S;
}

static enum next
after(struct call *c)
{
	static const long passing[] = {429, 500, 502, 503, 504};
	int64_t ahead;

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (c->reply->http.status == passing[i])
			return ANOTHER_LATER;
	if (SAYS(c, "SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted",
		 "ConditionalRequestConflict"))
		return ANOTHER_LATER;
	if (c->rejected == 0 && SAYS(c, "ExpiredToken", "TokenRefreshRequired", "InvalidToken")) {
		c->rejected = c->cred.serial;
		return ANOTHER_AT_ONCE;
	}
	if (!c->was_set && is_wrong_clock(c, &ahead)) {
		c->was_set = true;
		atomic_store(&c->s3->ahead_s, ahead);
		return ANOTHER_AT_ONCE;
	}
	return THE_END;
}

static const struct meaning {
	long status; /* 0: any */
	const char *code;
	coffer_err err;
	const char *way_out;
} meanings[] = {
	{0, "NoSuchBucket", COFFER_E_NOTFOUND, "check its name, and COFFER_S3_ENDPOINT or AWS_REGION"},
	{0, "NoSuchUpload", COFFER_E_CHANGED, "somebody has ended or aborted this upload; try again"},
	{0, "SlowDown", COFFER_E_RATE, "try again later"},
	{0, "RequestTimeTooSkewed", COFFER_E_PERM, "set the clock of this machine"},
	{0, "QuotaExceeded", COFFER_E_SPACE, "make room there"},
	{0, "XMinioStorageFull", COFFER_E_SPACE, "make room there"},
	{0, "EntityTooLarge", COFFER_E_SPACE, "the service takes no object of that size"},
	{0, "ExpiredToken", COFFER_E_PERM, "get a new credential: this one has expired"},
	{0, "BadDigest", COFFER_E_CHANGED, "the bytes are not those that were to be sent; try again"},
	{0, "XAmzContentSHA256Mismatch", COFFER_E_CHANGED, "the bytes are not those that were to be sent; try again"},
	{301, "", COFFER_E_USAGE, "the bucket is elsewhere: set AWS_REGION to its region"},
	{307, "", COFFER_E_USAGE, "the bucket is elsewhere: set AWS_REGION to its region"},
	{0, "AuthorizationHeaderMalformed", COFFER_E_USAGE, "set AWS_REGION to the region of the bucket"},
	{404, "", COFFER_E_NOTFOUND, "there is no such object"},
	{401, "", COFFER_E_PERM, "check the credentials, and what they have the right to"},
	{403, "", COFFER_E_PERM, "check the credentials, and what they have the right to"},
	{412, "", COFFER_E_EXISTS, "there is such an object already"},
	{416, "", COFFER_E_RANGE, "the object is shorter"},
	{429, "", COFFER_E_RATE, "try again later"},
	{507, "", COFFER_E_SPACE, "make room there"},
	{0, "", COFFER_E_NET, "try again later; if it stays so, check COFFER_S3_ENDPOINT and what the service can do"},
};

static const struct meaning *
meaning_of(const struct s3_reply *reply)
{
	const struct meaning *m = meanings;

	while ((m->status != 0 && m->status != reply->http.status) ||
	       (m->code[0] != '\0' && strcmp(m->code, reply->said.code) != 0))
		m++;
	return m;
}

static coffer_err
explain(struct fault *f, const struct call *c)
{
	const struct s3_said *said = &c->reply->said;
	const struct meaning *m = meaning_of(c->reply);
	char region[96] = "";

	if (said->region[0] != '\0')
		(void)snprintf(region, sizeof(region), " (it says %s)", said->region);
	return fault_set(f, m->err, "%s: bucket %s%s%.*s: HTTP %ld%s%s%s%s; %s%s", c->s3->host, c->s3->bucket,
			 c->request->key ? ", " : "", 120, c->request->key ? c->request->key : "",
			 c->reply->http.status, said->code[0] ? ", " : "", said->code, said->words[0] ? ": " : "",
			 said->words, m->way_out, region);
}

/* ---- all tries ---- */

static coffer_err
try_once(struct fault *f, struct call *c)
{
	struct http_reply *http = &c->reply->http;
	struct fault why = {.text = ""};
	struct http_request r;
	coffer_err err;

	c->next = THE_END;
	s3_reply_free(c->reply);
	TRY(make_request(f, c, &r));
	err = http_call(&why, &r, http);
	if (err != COFFER_OK) {
		c->next = err == COFFER_E_NET && !c->was_refused ? ANOTHER_LATER : THE_END;
		c->reply->may_have_been_done |= c->next == ANOTHER_LATER;
		return fault_set(f, err, "%s", why.text);
	}
	if (http->status < 200 || http->status > 299 || c->request->late_error)
		(void)s3_answer_error(buf_view(&http->body), &c->reply->said);
	if (http->status >= 200 && http->status <= 299 && c->reply->said.code[0] == '\0')
		return COFFER_OK;
	c->next = after(c);
	c->reply->may_have_been_done |= c->next == ANOTHER_LATER && http->status >= 500;
	return explain(f, c);
out:
	return err;
}

static bool
comes_another(struct call *c)
{
	return c->next == ANOTHER_AT_ONCE ||
	       (c->next == ANOTHER_LATER && retry_wait(&c->retry, c->reply->http.retry_after_s));
}

coffer_err
s3_call(struct fault *f, struct s3 *s3, struct s3_request *request, struct s3_reply *reply)
{
	struct call c = {
		.s3 = s3, .request = request, .reply = reply, .cred = AWS_CRED_INIT, .headers = SIGV4_HEADERS_INIT};
	coffer_err err;

	*reply = (struct s3_reply){.http = {.status = 0}};
	TRY(make_url(f, &c, &c.url));
	TRY(http_check_url(f, c.url, false));
	TRY(make_payload(f, &c));
	c.retry = retry_begin(&s3->limits);
	do
		err = try_once(f, &c);
	while (err != COFFER_OK && comes_another(&c));
out:
	sigv4_headers_free(&c.headers);
	aws_cred_free(&c.cred);
	free(c.url);
	return err;
}
