/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <coffer/coffer.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/utf8.h"
#include "data/doc.h"
#include "net/handle.h"
#include "net/libcurl.h"

#define TIMEOUT_MS 30000
#define CONNECT_MS 15000
#define REDIRECTS 5
#define IDLE_S 60	  /* a connection that was idle for longer is not used again */
#define IDLE_AT_ONCE_S 3  /* the same, for a request that must not be made twice */
#define CONNECTION_S 300L /* then the server shows its certificate anew */
#define STALL_BYTES 1024
#define ROUNDING_MS 200	  /* between what libcurl measures and what it was told */
#define CREDENTIAL_MIN 20 /* bytes of a header's value that could be one */

/* ---- where to ---- */

static bool
is_this_machine(const char *host)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

/* What stands before the query may be shown; what stands in it may not. */
static int
shown_len(const char *url)
{
	size_t len = strcspn(url, "?#");

	return (int)(len < HTTP_QUOTE_MAX ? len : HTTP_QUOTE_MAX);
}

struct target {
	CURLU *url;
	char *scheme, *host;
	bool here; /* this machine */
};

static void
free_target(struct target *t)
{
	if (!libcurl_is_ready())
		return;
	curl.free(t->scheme);
	curl.free(t->host);
	curl.url_cleanup(t->url);
}

static coffer_err
parse_target(struct fault *f, const char *url, bool allow_http, struct target *t)
{
	coffer_err err;
	CURLUcode rc;

	TRY(libcurl_need(f));
	t->url = curl.url();
	if (!t->url)
		return fault_nomem(f);
	rc = strlen(url) > LIMIT_URL ? CURLUE_MALFORMED_INPUT
				     : curl.url_set(t->url, CURLUPART_URL, url, CURLU_DISALLOW_USER);
	if (rc == CURLUE_USER_NOT_ALLOWED)
		return fault_set(f, COFFER_E_USAGE, "a URL must not hold a user or a password: take them out of it");
	if (rc == CURLUE_OK)
		rc = curl.url_get(t->url, CURLUPART_SCHEME, &t->scheme, 0);
	if (rc == CURLUE_OK)
		rc = curl.url_get(t->url, CURLUPART_HOST, &t->host, 0);
	if (rc == CURLUE_OUT_OF_MEMORY)
		return fault_nomem(f);
	if (rc != CURLUE_OK || (strcmp(t->scheme, "https") != 0 && strcmp(t->scheme, "http") != 0))
		return fault_set(f, COFFER_E_USAGE, "«%.*s» is not a URL of the form https://HOST/…", shown_len(url),
				 url);
	t->here = is_this_machine(t->host);
	if (strcmp(t->scheme, "http") == 0 && !allow_http && !t->here)
		return fault_set(f, COFFER_E_USAGE,
				 "%.*s is not protected by TLS: only https is used beyond this machine", shown_len(url),
				 url);
out:
	return err;
}

coffer_err
http_check_url(struct fault *f, const char *url, bool allow_http)
{
	struct target t = {0};
	coffer_err err = parse_target(f, url, allow_http, &t);

	free_target(&t);
	return err;
}

/* ---- one call ---- */

struct call {
	const struct http_request *request;
	struct http_reply *reply;
	struct fault *fault;
	struct target target;
	struct handle handle;
	CURL *easy; /* of @handle */
	struct curl_slist *headers;
	char reason[CURL_ERROR_SIZE];
	size_t header_bytes;
	bool head_ended; /* by an empty line; libcurl takes the end of the connection for one */
	bool too_long;	 /* the answer, or its headers */
	bool refused;	 /* an option that this libcurl does not take */
	bool begun;	 /* the request was sent, all of it or not */
	bool lost;	 /* with a connection that ended before the answer */
	uint64_t sent;	 /* of a file */
	coffer_err err;	 /* of what is called back; its sentence is in @fault */
};

static coffer_err
take_part(struct call *c, struct view part)
{
	const struct http_request *r = c->request;
	struct buf *body = &c->reply->body;

	(void)curl.easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &c->reply->status);
	if (r->take && c->reply->status >= 200 && c->reply->status <= 299)
		return r->take(r->take_user, c->fault, part);
	c->too_long |= part.len > body->max - body->len;
	return c->too_long ? COFFER_E_NET : buf_add(c->fault, body, part.p, part.len);
}

static size_t
take_body(char *bytes, size_t one, size_t n, void *arg)
{
	struct call *c = arg;

	(void)one;
	c->err = take_part(c, view_of(bytes, n));
	return c->err == COFFER_OK ? n : 0;
}

/* What comes behind the empty line is a trailer, which could say anything about a header that was believed. */
static size_t
take_header(char *bytes, size_t one, size_t n, void *arg)
{
	struct call *c = arg;
	struct buf *head = &c->reply->head;

	(void)one;
	c->too_long = c->too_long || n > LIMIT_HTTP_HEADERS - c->header_bytes;
	if (c->too_long)
		return 0;
	c->header_bytes += n;
	if (n >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
		c->head_ended = false;
		head->len = 0;
	}
	if (!c->head_ended)
		c->err = buf_add(c->fault, head, bytes, n);
	c->head_ended |= bytes[0] == '\r' || bytes[0] == '\n';
	return c->err == COFFER_OK ? n : 0;
}

static size_t
give_body(char *bytes, size_t one, size_t n, void *arg)
{
	struct call *c = arg;
	const struct http_request *r = c->request;
	size_t len = (size_t)num_min(one * n, r->body_len - c->sent);

	c->err = file_read_at(c->fault, r->body_fd, "the file that is sent", bytes, len, r->body_off + c->sent);
	c->sent += len;
	return c->err == COFFER_OK ? len : CURL_READFUNC_ABORT;
}

static void
set_number(struct call *c, CURLoption option, long v)
{
	c->refused |= curl.easy_setopt(c->easy, option, v) != CURLE_OK;
}

static void
set_pointer(struct call *c, CURLoption option, const void *v)
{
	c->refused |= curl.easy_setopt(c->easy, option, v) != CURLE_OK;
}

/* A line end in a header would begin another one. */
static bool
is_one_line(struct view v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] < 0x20 || v.p[i] > 0x7e)
			return false;
	return true;
}

static coffer_err
add_header(struct fault *f, struct call *c, const char *line)
{
	struct curl_slist *longer;

	if (!is_one_line(view_str(line)))
		return fault_set(f, COFFER_E_USAGE, "a header for %s has a character that no header may have",
				 c->target.host);
	longer = curl.slist_append(c->headers, line);
	if (!longer)
		return fault_nomem(f);
	c->headers = longer;
	return COFFER_OK;
}

static coffer_err
add_credential(struct fault *f, struct call *c)
{
	const char *scheme = c->request->scheme ? c->request->scheme : "Bearer";
	const struct secret *token = c->request->bearer;
	struct secret line = SECRET_INIT;
	coffer_err err;
	int used;

	if (token->len == 0 || !is_one_line(view_of(token->p, token->len)))
		return fault_set(f, COFFER_E_USAGE,
				 "the credential for %s is empty or has a character that no header may have",
				 c->target.host);
	TRY(secret_new(f, &line, sizeof("Authorization:  ") + strlen(scheme) + token->len));
	used = snprintf((char *)line.p, line.len, "Authorization: %s ", scheme);
	memcpy(line.p + used, token->p, token->len);
	err = add_header(f, c, (const char *)line.p);
out:
	secret_free(&line);
	return err;
}

static bool
names_its_type(const struct http_request *r)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (strncasecmp(r->headers[i], "Content-Type:", 13) == 0)
			return true;
	return false;
}

static coffer_err
set_headers(struct fault *f, struct call *c)
{
	coffer_err err = COFFER_OK;

	if (c->request->bearer)
		TRY(add_credential(f, c));
	for (size_t i = 0; i < c->request->n_headers; i++)
		TRY(add_header(f, c, c->request->headers[i]));
	/* a body is sent at once, not after a server said that it would take it */
	TRY(add_header(f, c, "Expect:"));
	/* libcurl would call any body a form, and who believes that does not find it */
	if (!names_its_type(c->request))
		TRY(add_header(f, c, "Content-Type:"));
	set_pointer(c, CURLOPT_HTTPHEADER, c->headers);
out:
	return err;
}

static void
set_size(struct call *c, CURLoption option, uint64_t v)
{
	c->refused |= v > INT64_MAX || curl.easy_setopt(c->easy, option, (curl_off_t)v) != CURLE_OK;
}

static void
set_body(struct call *c)
{
	const struct http_request *r = c->request;

	if (r->body_is_file) {
		set_number(c, CURLOPT_UPLOAD, 1);
		set_size(c, CURLOPT_INFILESIZE_LARGE, r->body_len);
		c->refused |= curl.easy_setopt(c->easy, CURLOPT_READFUNCTION, give_body) != CURLE_OK;
		set_pointer(c, CURLOPT_READDATA, c);
		return;
	}
	set_number(c, CURLOPT_POST, 1);
	set_pointer(c, CURLOPT_POSTFIELDS, r->body.len > 0 ? (const char *)r->body.p : "");
	set_size(c, CURLOPT_POSTFIELDSIZE_LARGE, r->body.len);
}

/* These say how long their body is even when they have none (RFC 9110 8.6). */
static bool
promises_body(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
}

static void
set_method(struct call *c)
{
	const struct http_request *r = c->request;

	if (r->body_is_file || r->body.len > 0 || promises_body(r->method))
		set_body(c);
	else
		set_number(c, strcmp(r->method, "HEAD") == 0 ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1);
	set_pointer(c, CURLOPT_CUSTOMREQUEST, r->method);
}

static void
set_redirects(struct call *c)
{
	const struct http_request *r = c->request;

	/* parse_target() has said whether it may be http; behind a redirect it never may */
	set_pointer(c, CURLOPT_PROTOCOLS_STR, "http,https");
	if (!r->follow || r->bearer || strcmp(r->method, "GET") != 0)
		return;
	set_number(c, CURLOPT_FOLLOWLOCATION, 1);
	set_number(c, CURLOPT_MAXREDIRS, REDIRECTS);
	set_pointer(c, CURLOPT_REDIR_PROTOCOLS_STR, "https");
}

/* NULL: the system's */
static const char *
ca_file_of(const struct http_request *r)
{
	const char *path = r->ca_file ? r->ca_file : secure_getenv("SSL_CERT_FILE");

	return path && *path ? path : NULL;
}

static void
set_tls(struct call *c)
{
	const char *ca_file = ca_file_of(c->request);

	set_number(c, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	set_number(c, CURLOPT_SSL_VERIFYPEER, 1);
	set_number(c, CURLOPT_SSL_VERIFYHOST, 2);
	if (ca_file) {
		/* in place of the system's, not beside them */
		set_pointer(c, CURLOPT_CAINFO, ca_file);
		set_pointer(c, CURLOPT_CAPATH, NULL);
	}
	if (c->request->client_cert) {
		set_pointer(c, CURLOPT_SSLCERT, c->request->client_cert);
		set_pointer(c, CURLOPT_SSLKEY, c->request->client_key);
		/* else OpenSSL asks the terminal for the passphrase of a key that has one */
		set_pointer(c, CURLOPT_KEYPASSWD, "");
	}
	/* not every maker of TLS can */
	(void)curl.easy_setopt(c->easy, CURLOPT_SSL_CTX_FUNCTION, libcurl_cleanse);
}

/* a connection of ours is nothing for the programs that this one starts */
static int
close_on_exec(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)arg;
	(void)purpose;
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR;
}

static bool
is_repeatable(const struct http_request *r)
{
	return strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
}

/* Libcurl sends a request again when a kept connection ends without an answer; by then the server may have obeyed it (RFC 9110 9.2.2). */
static int
send_once(void *arg, char *to, char *from, int to_port, int from_port)
{
	struct call *c = arg;

	(void)to;
	(void)from;
	(void)to_port;
	(void)from_port;
	c->lost = c->begun && !is_repeatable(c->request);
	c->begun = true;
	return c->lost ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static void
set_connection(struct call *c)
{
	c->refused |= curl.easy_setopt(c->easy, CURLOPT_SOCKOPTFUNCTION, close_on_exec) != CURLE_OK;
	c->refused |= curl.easy_setopt(c->easy, CURLOPT_PREREQFUNCTION, send_once) != CURLE_OK;
	set_pointer(c, CURLOPT_PREREQDATA, c);
	set_number(c, CURLOPT_MAXAGE_CONN, is_repeatable(c->request) ? IDLE_S : IDLE_AT_ONCE_S);
	set_number(c, CURLOPT_MAXLIFETIME_CONN, CONNECTION_S);
	/* what was agreed with one server under one set of roots is not taken up under another */
	set_number(c, CURLOPT_SSL_SESSIONID_CACHE, 0);
}

static long
timeout_of(const struct http_request *r)
{
	return r->timeout_ms > 0 ? (long)r->timeout_ms : TIMEOUT_MS;
}

static long
connect_timeout_of(const struct http_request *r)
{
	long connect = r->connect_ms > 0 ? (long)r->connect_ms : CONNECT_MS;

	return connect < timeout_of(r) ? connect : timeout_of(r);
}

static void
set_transfer(struct call *c)
{
	set_pointer(c, CURLOPT_CURLU, c->target.url);
	set_pointer(c, CURLOPT_USERAGENT, "coffer/" COFFER_VERSION);
	set_number(c, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	set_number(c, CURLOPT_NOSIGNAL, 1);
	set_number(c, CURLOPT_TIMEOUT_MS, timeout_of(c->request));
	set_number(c, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_of(c->request));
	if (c->request->stall_s > 0) {
		set_number(c, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES);
		set_number(c, CURLOPT_LOW_SPEED_TIME, (long)c->request->stall_s);
	}
	set_pointer(c, CURLOPT_ERRORBUFFER, c->reason);
	c->refused |= curl.easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, take_body) != CURLE_OK;
	set_pointer(c, CURLOPT_WRITEDATA, c);
	c->refused |= curl.easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, take_header) != CURLE_OK;
	set_pointer(c, CURLOPT_HEADERDATA, c);
	if (c->request->direct || c->target.here)
		set_pointer(c, CURLOPT_PROXY, "");
}

static coffer_err
prepare(struct fault *f, struct call *c)
{
	coffer_err err;

	TRY(handle_take(f, ca_file_of(c->request), c->request->client_cert != NULL, &c->handle));
	c->easy = c->handle.easy;
	set_transfer(c);
	set_connection(c);
	set_method(c);
	set_redirects(c);
	set_tls(c);
	TRY(set_headers(f, c));
	if (c->refused)
		return fault_set(f, COFFER_E_NET,
				 "the libcurl of this machine lacks what is needed: version 7.85 or later, with TLS");
	/* grown bit by bit, it would leave copies behind */
	if (c->request->secret_reply)
		TRY(buf_reserve(f, &c->reply->body, c->request->max_body));
out:
	return err;
}

static bool
is_connected(const struct call *c)
{
	curl_off_t after_us = 0;

	return curl.easy_getinfo(c->easy, CURLINFO_PRETRANSFER_TIME_T, &after_us) == CURLE_OK && after_us > 0;
}

/* libcurl has one code for both ends, the time and the speed, and measures either a moment short of what was set */
static bool
has_stalled(const struct call *c)
{
	curl_off_t took_us = 0;

	return c->request->stall_s > 0 && curl.easy_getinfo(c->easy, CURLINFO_TOTAL_TIME_T, &took_us) == CURLE_OK &&
	       took_us / 1000 >= 1000L * c->request->stall_s - ROUNDING_MS &&
	       took_us / 1000 < timeout_of(c->request) - ROUNDING_MS;
}

static coffer_err
explain(struct fault *f, const struct call *c, CURLcode rc)
{
	const char *host = c->target.host;
	const char *reason = c->reason[0] ? c->reason : curl.easy_strerror(rc);

	if (rc == CURLE_OUT_OF_MEMORY)
		return fault_nomem(f);
	if (c->too_long)
		return fault_set(f, COFFER_E_NET,
				 "%s sent more than the %zu bytes (and %u of headers) that are expected", host,
				 c->request->max_body, LIMIT_HTTP_HEADERS);
	if (rc == CURLE_OPERATION_TIMEDOUT && !is_connected(c))
		return fault_set(f, COFFER_E_NET, "no connection to %s within %ld ms: is that the right address?", host,
				 connect_timeout_of(c->request));
	if (rc == CURLE_OPERATION_TIMEDOUT && has_stalled(c))
		return fault_set(f, COFFER_E_NET, "the connection to %s stood still for %u s", host,
				 c->request->stall_s);
	if (rc == CURLE_OPERATION_TIMEDOUT)
		return fault_set(f, COFFER_E_NET, "%s gave no whole answer within %ld ms: try again later", host,
				 timeout_of(c->request));
	if (rc == CURLE_COULDNT_RESOLVE_HOST || rc == CURLE_COULDNT_RESOLVE_PROXY)
		return fault_set(f, COFFER_E_NET, "%s: %s; check the address, the name service and HTTPS_PROXY", host,
				 reason);
	if (rc == CURLE_PEER_FAILED_VERIFICATION)
		return fault_set(f, COFFER_E_NET,
				 "%s: %s; where it is a private one, name its root certificate with SSL_CERT_FILE",
				 host, reason);
	if (rc == CURLE_SSL_CERTPROBLEM)
		return fault_set(f, COFFER_E_USAGE,
				 "the client certificate %s, or its key, cannot be used for %s: %s; both are PEM, the "
				 "key without passphrase",
				 c->request->client_cert, host, reason);
	if (c->lost || rc == CURLE_SEND_FAIL_REWIND)
		return fault_set(f, COFFER_E_NET, "no answer of %s: it ended the connection", host);
	if (rc == CURLE_UNSUPPORTED_PROTOCOL)
		return fault_set(f, COFFER_E_NET, "%s leads elsewhere than to https, which is not followed", host);
	return fault_set(f, COFFER_E_NET, "no whole answer of %s: %s; check its address, and that it is up", host,
			 reason);
}

static void
note_answer(const struct call *c)
{
	struct http_reply *reply = c->reply;
	curl_off_t retry_after = 0;
	char *type = NULL;

	(void)curl.easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &reply->status);
	if (curl.easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type)
		(void)snprintf(reply->content_type, sizeof(reply->content_type), "%s", type);
	if (curl.easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK && retry_after > 0)
		reply->retry_after_s = (unsigned int)(retry_after < 86400 ? retry_after : 86400);
}

static void
free_call(struct call *c, bool good)
{
	if (!libcurl_is_ready())
		return;
	for (const struct curl_slist *h = c->headers; h; h = h->next)
		mem_wipe(h->data, strlen(h->data));
	handle_give(&c->handle, good);
	curl.slist_free_all(c->headers);
	free_target(&c->target);
}

coffer_err
http_call(struct fault *f, const struct http_request *request, struct http_reply *reply)
{
	struct call c = {.request = request, .reply = reply, .fault = f};
	coffer_err err;
	CURLcode rc;

	*reply = (struct http_reply){.body = BUF_INIT(request->max_body), .head = BUF_INIT(LIMIT_HTTP_HEADERS)};
	TRY(parse_target(f, request->url, request->allow_http, &c.target));
	(void)snprintf(reply->host, sizeof(reply->host), "%s", c.target.host);
	TRY(prepare(f, &c));
	rc = curl.easy_perform(c.easy);
	if (!c.too_long)
		TRY(c.err);
	if (rc != CURLE_OK)
		TRY(explain(f, &c, rc));
	if (!c.head_ended)
		TRY(fault_set(f, COFFER_E_NET, "no whole answer of %s: its headers are cut off", c.target.host));
	note_answer(&c);
out:
	free_call(&c, err == COFFER_OK);
	return err;
}

void
http_reply_free(struct http_reply *reply)
{
	mem_wipe(reply->body.p, reply->body.cap);
	buf_free(&reply->body);
	mem_wipe(reply->head.p, reply->head.cap);
	buf_free(&reply->head);
}

static bool
take_line(struct view *text, struct view *line)
{
	const uint8_t *end = memchr(text->p, '\n', text->len);

	return end && view_take(text, (size_t)(end + 1 - text->p), line);
}

bool
http_header(const struct http_reply *reply, const char *name, char *out, size_t cap)
{
	struct view head = buf_view(&reply->head), line, value;
	size_t len = strlen(name);

	out[0] = '\0';
	while (head.len > 0 && take_line(&head, &line)) {
		if (line.len <= len || line.p[len] != ':' || strncasecmp((const char *)line.p, name, len) != 0)
			continue;
		value = view_trim(view_of(line.p + len + 1, line.len - len - 1));
		if (value.len >= cap || memchr(value.p, '\0', value.len))
			return false;
		memcpy(out, value.p, value.len);
		out[value.len] = '\0';
		return true;
	}
	return false;
}

/* ---- what a server says when it says no ---- */

/* Where services put it: gRPC gateways and Rekor «message», OAuth «error» and «error_description», Google «error.message» */
static const char *
words_of(const struct doc *answer, bool code_only)
{
	const struct doc *error = doc_get(answer, "error");
	const struct doc *const places[] = {doc_get(answer, "error_description"), doc_get(answer, "message"),
					    doc_get(error, "message"), error};
	const char *words = NULL;

	if (code_only)
		return doc_text(error, 1, 64);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !words; i++)
		words = doc_text(places[i], 1, LIMIT_HTTP_HEADERS);
	return words;
}

static bool
holds(struct view text, struct view part)
{
	return part.len > 0 && memmem(text.p, text.len, part.p, part.len) != NULL;
}

static bool
holds_credential(const struct http_request *request, struct view text)
{
	if (request->bearer && holds(text, view_of(request->bearer->p, request->bearer->len)))
		return true;
	for (size_t i = 0; i < request->n_headers; i++) {
		const char *value = strchrnul(request->headers[i], ':');
		struct view v = view_trim(view_str(*value ? value + 1 : value));

		if (v.len >= CREDENTIAL_MIN && holds(text, v))
			return true;
	}
	return false;
}

void
http_quote(const struct http_request *request, struct view text, char out[static HTTP_QUOTE_MAX + 1])
{
	size_t len = 0;

	out[0] = '\0';
	if (holds_credential(request, text))
		return;
	while (len < text.len && text.p[len] != '\r' && text.p[len] != '\n') {
		uint32_t code;
		size_t one = utf8_char(view_of(text.p + len, text.len - len), &code);

		if (one == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0) || len + one > HTTP_QUOTE_MAX)
			break;
		len += one;
	}
	if (len > 0)
		memcpy(out, text.p, len);
	out[len] = '\0';
}

static void
find_words(const struct http_request *request, const struct http_reply *reply, char out[static HTTP_QUOTE_MAX + 1])
{
	struct doc *answer = NULL;
	const char *words = NULL;

	out[0] = '\0';
	if (reply->body.len == 0)
		return;
	if (doc_parse_foreign(NULL, "", buf_view(&reply->body), &answer) == COFFER_OK)
		words = words_of(answer, request->secret_reply);
	if (words)
		http_quote(request, view_str(words), out);
	else if (!answer && !request->secret_reply && strncasecmp(reply->content_type, "text/plain", 10) == 0)
		http_quote(request, buf_view(&reply->body), out);
	doc_free(&answer);
}

coffer_err
http_expect(struct fault *f, const struct http_request *request, const struct http_reply *reply, long status)
{
	char words[HTTP_QUOTE_MAX + 1];
	coffer_err err = COFFER_E_NET;
	char when[32] = "later";

	if (reply->status == status)
		return COFFER_OK;
	find_words(request, reply, words);
	if (reply->status == 401 || reply->status == 403)
		err = COFFER_E_PERM;
	if (reply->status != 429)
		return fault_set(f, err, "%s answered %ld%s%s", reply->host, reply->status, words[0] ? ": " : "",
				 words);
	if (reply->retry_after_s > 0)
		(void)snprintf(when, sizeof(when), "in %u s", reply->retry_after_s);
	return fault_set(f, COFFER_E_RATE, "%s has too many requests%s%s; try again %s", reply->host,
			 words[0] ? ": " : "", words, when);
}
