/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/enc.h"
#include "base/limits.h"
#include "crypto/hash.h"
#include "net/url.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define HASH_TEXT (2 * SHA256_LEN + 1)
#define STAMP_LEN 16 /* of «20261120T135818Z»; the day is its first eight */
#define DAY_LEN 8
#define PARAMS_MAX 16
#define SEGMENTS_MAX 64
/* a URL of which every byte is escaped twice, and headers of which one is a session token */
#define CANONICAL_MAX (9 * LIMIT_URL + (size_t)LIMIT_HTTP_HEADERS)

/* ---- the URL, in parts ---- */

struct parts {
	struct view host, path, query;
	bool tls;
};

static bool
has_default_port(struct view host, bool tls)
{
	const char *port = tls ? ":443" : ":80";

	return host.len > strlen(port) && memcmp(host.p + host.len - strlen(port), port, strlen(port)) == 0;
}

static struct parts
split(const char *url)
{
	struct parts p = {.tls = strncasecmp(url, "https:", 6) == 0};
	const char *host = strstr(url, "://"), *path, *query;

	host = host ? host + 3 : url;
	path = host + strcspn(host, "/?#");
	query = path + strcspn(path, "?#");
	p.host = view_of(host, (size_t)(path - host));
	p.path = view_of(path, (size_t)(query - path));
	if (*query == '?')
		p.query = view_of(query + 1, strcspn(query + 1, "#"));
	/* as libcurl sends it */
	if (has_default_port(p.host, p.tls))
		p.host.len -= p.tls ? strlen(":443") : strlen(":80");
	return p;
}

/* ---- escapes ---- */

static int
digit(uint8_t c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* The byte that @text begins with, and as how many bytes it stands there. */
static uint8_t
unescaped(struct view text, size_t *len_out)
{
	*len_out = 1;
	if (text.p[0] != '%' || text.len < 3 || digit(text.p[1]) < 0 || digit(text.p[2]) < 0)
		return text.p[0];
	*len_out = 3;
	return (uint8_t)(digit(text.p[1]) << 4 | digit(text.p[2]));
}

/* What is escaped stays so, in the one way that counts. */
static coffer_err
add_alike(struct fault *f, struct buf *out, struct view text, const char *but)
{
	coffer_err err = COFFER_OK;
	size_t len;

	for (; text.len > 0; text.p += len, text.len -= len) {
		uint8_t c = unescaped(text, &len);

		TRY(url_escape(f, out, view_of(&c, 1), but));
	}
out:
	return err;
}

/* ---- the canonical request ---- */

/* @path without empty and dot segments, escaped once more: what services but S3 take for the path */
static coffer_err
add_normal_path(struct fault *f, struct buf *out, struct view path)
{
	struct view segments[SEGMENTS_MAX], one = {path.p, 0};
	bool is_folder = true;
	coffer_err err;
	size_t n = 0;

	for (; path.len > 0; path.p += one.len, path.len -= one.len) {
		const uint8_t *slash = memchr(path.p, '/', path.len);

		one = view_of(path.p, slash == path.p ? 1 : slash ? (size_t)(slash - path.p) : path.len);
		is_folder = one.p[0] == '/' || view_is(one, ".") || view_is(one, "..");
		if (view_is(one, "..") && n > 0)
			n--;
		if (is_folder)
			continue;
		if (n == SEGMENTS_MAX)
			return fault_set(f, COFFER_E_USAGE, "a path of more than %d parts cannot be signed",
					 SEGMENTS_MAX);
		segments[n++] = one;
	}
	for (size_t i = 0; i < n; i++) {
		TRY(buf_str(f, out, "/"));
		TRY(url_escape(f, out, segments[i], ""));
	}
	TRY(buf_str(f, out, n == 0 || is_folder ? "/" : ""));
out:
	return err;
}

static coffer_err
add_path(struct fault *f, struct buf *out, const struct sigv4 *sigv4, struct view path)
{
	if (strcmp(sigv4->service, "s3") != 0)
		return add_normal_path(f, out, path);
	return path.len == 0 ? buf_str(f, out, "/") : add_alike(f, out, path, "/");
}

struct param {
	struct view name, value;
};

static int
compare_views(struct view a, struct view b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.p, b.p, len) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int
compare_params(const void *a, const void *b)
{
	const struct param *x = a, *y = b;
	int order = compare_views(x->name, y->name);

	return order != 0 ? order : compare_views(x->value, y->value);
}

/* Escape the next of @query's parameters into @text, and let @out point there. */
static coffer_err
take_param(struct fault *f, struct view *query, struct buf *text, struct param *out)
{
	const uint8_t *end = memchr(query->p, '&', query->len);
	struct view one = view_of(query->p, end ? (size_t)(end - query->p) : query->len), name = one;
	const uint8_t *equals = memchr(one.p, '=', one.len);
	size_t from = text->len, middle;
	coffer_err err;

	if (equals)
		name.len = (size_t)(equals - one.p);
	TRY(add_alike(f, text, name, ""));
	middle = text->len;
	if (equals)
		TRY(add_alike(f, text, view_of(equals + 1, one.len - name.len - 1), ""));
	*out = (struct param){view_of(text->p + from, middle - from), view_of(text->p + middle, text->len - middle)};
	query->p += one.len + (end ? 1 : 0);
	query->len -= one.len + (end ? 1 : 0);
out:
	return err;
}

static coffer_err
add_query(struct fault *f, struct buf *out, struct view query)
{
	struct buf text = BUF_INIT(3 * (size_t)LIMIT_URL);
	struct param params[PARAMS_MAX];
	coffer_err err;
	size_t n = 0;

	/* it must not move under what points to it */
	TRY(buf_reserve(f, &text, text.max));
	while (query.len > 0) {
		if (n == PARAMS_MAX)
			TRY(fault_set(f, COFFER_E_USAGE, "a query of more than %d parameters cannot be signed",
				      PARAMS_MAX));
		TRY(take_param(f, &query, &text, &params[n++]));
	}
	qsort(params, n, sizeof(params[0]), compare_params);
	for (size_t i = 0; i < n; i++) {
		TRY(buf_str(f, out, i > 0 ? "&" : ""));
		TRY(buf_add(f, out, params[i].name.p, params[i].name.len));
		TRY(buf_str(f, out, "="));
		TRY(buf_add(f, out, params[i].value.p, params[i].value.len));
	}
out:
	buf_free(&text);
	return err;
}

struct header {
	struct view name, value;
	size_t index; /* those of the same name stay in order */
};

static int
compare_headers(const void *a, const void *b)
{
	const struct header *x = a, *y = b;
	size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
	int order = strncasecmp((const char *)x->name.p, (const char *)y->name.p, len);

	if (order == 0)
		order = (x->name.len > y->name.len) - (x->name.len < y->name.len);
	return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* What is for the next hop, or may be another at the end of the way (botocore leaves out the same). */
static bool
is_signed(struct view name)
{
	static const char *const not_signed[] = {
		"connection",	     "expect",	"keep-alive", "proxy-authorization", "te", "trailer",
		"transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id"};

	for (size_t i = 0; i < sizeof(not_signed) / sizeof(not_signed[0]); i++)
		if (name.len == strlen(not_signed[i]) &&
		    strncasecmp((const char *)name.p, not_signed[i], name.len) == 0)
			return false;
	return true;
}

static size_t
sort_headers(const struct sigv4_headers *headers, struct view host, struct header out[SIGV4_HEADERS_MAX + 1])
{
	size_t n = 0;

	out[n++] = (struct header){.name = view_str("host"), .value = host};
	for (size_t i = 0; i < headers->n; i++) {
		const char *line = headers->lines[i], *colon = strchrnul(line, ':');
		struct header h = {.name = view_of(line, (size_t)(colon - line)),
				   .value = view_trim(view_str(*colon ? colon + 1 : colon)),
				   .index = i + 1};

		if (is_signed(h.name))
			out[n++] = h;
	}
	qsort(out, n, sizeof(out[0]), compare_headers);
	return n;
}

static bool
is_same_name(const struct header *a, const struct header *b)
{
	return a->name.len == b->name.len &&
	       strncasecmp((const char *)a->name.p, (const char *)b->name.p, a->name.len) == 0;
}

static coffer_err
add_lower(struct fault *f, struct buf *out, struct view name)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.p[i];

		c = (uint8_t)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
		TRY(buf_add(f, out, &c, 1));
	}
out:
	return err;
}

/* several spaces count as one */
static coffer_err
add_value(struct fault *f, struct buf *out, struct view value)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < value.len; i++)
		if (i == 0 || value.p[i] != ' ' || value.p[i - 1] != ' ')
			TRY(buf_add(f, out, &value.p[i], 1));
out:
	return err;
}

static coffer_err
add_headers(struct fault *f, struct buf *out, const struct header *headers, size_t n)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && is_same_name(&headers[i], &headers[i - 1])) {
			out->len--; /* the end of the line */
			TRY(buf_str(f, out, ","));
		} else {
			TRY(add_lower(f, out, headers[i].name));
			TRY(buf_str(f, out, ":"));
		}
		TRY(add_value(f, out, headers[i].value));
		TRY(buf_str(f, out, "\n"));
	}
out:
	return err;
}

static coffer_err
add_names(struct fault *f, struct buf *out, const struct header *headers, size_t n)
{
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && is_same_name(&headers[i], &headers[i - 1]))
			continue;
		TRY(buf_str(f, out, i > 0 ? ";" : ""));
		TRY(add_lower(f, out, headers[i].name));
	}
out:
	return err;
}

static coffer_err
hash_text(struct fault *f, struct view data, char out[static HASH_TEXT])
{
	uint8_t hash[SHA256_LEN];
	coffer_err err = sha256(f, data, hash);

	out[0] = '\0';
	if (err == COFFER_OK)
		enc_hex(hash, sizeof(hash), out);
	return err;
}

/* the hash of the canonical request; @names gets the signed headers */
static coffer_err
hash_request(struct fault *f, const struct sigv4 *sigv4, const struct http_request *request,
	     const struct sigv4_headers *headers, const char *payload, struct buf *names, char out[static HASH_TEXT])
{
	struct buf text = BUF_INIT(CANONICAL_MAX);
	struct header sorted[SIGV4_HEADERS_MAX + 1];
	struct parts url = split(request->url);
	size_t n = sort_headers(headers, url.host, sorted);
	coffer_err err;

	/* the session token is in it: it must leave no copies behind as it grows */
	TRY(buf_reserve(f, &text, text.max));
	TRY(add_names(f, names, sorted, n));
	TRY(buf_str(f, &text, request->method));
	TRY(buf_str(f, &text, "\n"));
	TRY(add_path(f, &text, sigv4, url.path));
	TRY(buf_str(f, &text, "\n"));
	TRY(add_query(f, &text, url.query));
	TRY(buf_str(f, &text, "\n"));
	TRY(add_headers(f, &text, sorted, n));
	TRY(buf_str(f, &text, "\n"));
	TRY(buf_add(f, &text, names->p, names->len));
	TRY(buf_str(f, &text, "\n"));
	TRY(buf_str(f, &text, payload));
	TRY(hash_text(f, buf_view(&text), out));
out:
	mem_wipe(text.p, text.len);
	buf_free(&text);
	return err;
}

/* ---- the signature ---- */

static coffer_err
derive(struct fault *f, const struct sigv4 *sigv4, const char *stamp, uint8_t out[static SHA256_LEN])
{
	const struct view steps[] = {view_of(stamp, DAY_LEN), view_str(sigv4->region), view_str(sigv4->service),
				     view_str("aws4_request")};
	const struct secret *secret = &sigv4->cred->secret;
	struct secret key = SECRET_INIT;
	coffer_err err;

	TRY(secret_new(f, &key, strlen("AWS4") + secret->len));
	memcpy(key.p, "AWS4", strlen("AWS4"));
	memcpy(key.p + strlen("AWS4"), secret->p, secret->len);
	TRY(hmac_sha256(f, view_of(key.p, key.len), steps[0], out));
	for (size_t i = 1; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint8_t last[SHA256_LEN];

		memcpy(last, out, sizeof(last));
		err = hmac_sha256(f, view_of(last, sizeof(last)), steps[i], out);
		mem_wipe(last, sizeof(last));
		TRY(err);
	}
out:
	secret_free(&key);
	return err;
}

static coffer_err
sign_hash(struct fault *f, const struct sigv4 *sigv4, const char *stamp, const char *hash, char out[static HASH_TEXT])
{
	struct buf text = BUF_INIT(1024);
	uint8_t key[SHA256_LEN], mac[SHA256_LEN];
	coffer_err err;

	TRY(buf_printf(f, &text, ALGORITHM "\n%s\n%.*s/%s/%s/aws4_request\n%s", stamp, DAY_LEN, stamp, sigv4->region,
		       sigv4->service, hash));
	TRY(derive(f, sigv4, stamp, key));
	TRY(hmac_sha256(f, view_of(key, sizeof(key)), buf_view(&text), mac));
	enc_hex(mac, sizeof(mac), out);
out:
	mem_wipe(key, sizeof(key));
	buf_free(&text);
	return err;
}

/* ---- the request's headers ---- */

static coffer_err
add_line(struct fault *f, struct sigv4_headers *headers, const char *line)
{
	if (headers->n == SIGV4_HEADERS_MAX)
		return fault_set(f, COFFER_E_USAGE, "a request of more than %d headers cannot be signed",
				 SIGV4_HEADERS_MAX);
	headers->lines[headers->n++] = line;
	return COFFER_OK;
}

static coffer_err
add_token(struct fault *f, const struct secret *token, struct sigv4_headers *out)
{
	static const char name[] = "X-Amz-Security-Token: ";
	const size_t name_len = sizeof(name) - 1;
	coffer_err err;

	if (token->len == 0)
		return COFFER_OK;
	TRY(secret_new(f, &out->token, name_len + token->len + 1));
	memcpy(out->token.p, name, name_len);
	memcpy(out->token.p + name_len, token->p, token->len);
	TRY(add_line(f, out, (const char *)out->token.p));
out:
	return err;
}

static coffer_err
stamp_of(struct fault *f, int64_t when, char out[static STAMP_LEN + 1])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(out, STAMP_LEN + 1, "%Y%m%dT%H%M%SZ", &tm) != STAMP_LEN)
		return fault_set(f, COFFER_E_USAGE, "there is no such time as the clock of this machine shows: set it");
	return COFFER_OK;
}

static coffer_err
payload_of(struct fault *f, const struct sigv4 *sigv4, const struct http_request *request, char out[static HASH_TEXT])
{
	const char *payload = sigv4->payload;

	if (!payload)
		return hash_text(f, request->body, out);
	if (strcmp(payload, SIGV4_UNSIGNED) == 0 && !split(request->url).tls)
		return fault_set(f, COFFER_E_USAGE, "a body that is not signed goes over TLS alone");
	(void)snprintf(out, HASH_TEXT, "%s", payload);
	return COFFER_OK;
}

static coffer_err
add_own_headers(struct fault *f, const struct sigv4 *sigv4, const struct http_request *request, const char *stamp,
		const char *payload, struct sigv4_headers *out)
{
	coffer_err err;

	for (size_t i = 0; i < request->n_headers; i++)
		TRY(add_line(f, out, request->headers[i]));
	(void)snprintf(out->date, sizeof(out->date), "X-Amz-Date: %s", stamp);
	TRY(add_line(f, out, out->date));
	TRY(add_token(f, &sigv4->cred->token, out));
	if (strcmp(sigv4->service, "s3") == 0) {
		(void)snprintf(out->payload, sizeof(out->payload), "X-Amz-Content-SHA256: %s", payload);
		TRY(add_line(f, out, out->payload));
	}
out:
	return err;
}

static coffer_err
add_authorization(struct fault *f, const struct sigv4 *sigv4, const char *stamp, const char *signature,
		  const struct buf *names, struct sigv4_headers *out)
{
	coffer_err err;

	out->authorization = (struct buf)BUF_INIT(8192);
	TRY(buf_printf(f, &out->authorization,
		       "Authorization: " ALGORITHM " Credential=%s/%.*s/%s/%s/aws4_request, SignedHeaders=",
		       sigv4->cred->id, DAY_LEN, stamp, sigv4->region, sigv4->service));
	TRY(buf_add(f, &out->authorization, names->p, names->len));
	TRY(buf_printf(f, &out->authorization, ", Signature=%s", signature));
	TRY(buf_add(f, &out->authorization, "", 1));
	TRY(add_line(f, out, (const char *)out->authorization.p));
out:
	return err;
}

coffer_err
sigv4_sign(struct fault *f, const struct sigv4 *sigv4, struct http_request *request, struct sigv4_headers *out)
{
	char stamp[STAMP_LEN + 1], payload[HASH_TEXT], hash[HASH_TEXT], signature[HASH_TEXT];
	struct buf names = BUF_INIT(4096);
	coffer_err err;

	sigv4_headers_free(out);
	TRY(stamp_of(f, sigv4->time, stamp));
	TRY(payload_of(f, sigv4, request, payload));
	TRY(add_own_headers(f, sigv4, request, stamp, payload, out));
	TRY(hash_request(f, sigv4, request, out, payload, &names, hash));
	TRY(sign_hash(f, sigv4, stamp, hash, signature));
	TRY(add_authorization(f, sigv4, stamp, signature, &names, out));
	request->headers = out->lines;
	request->n_headers = out->n;
out:
	buf_free(&names);
	return err;
}

void
sigv4_headers_free(struct sigv4_headers *headers)
{
	secret_free(&headers->token);
	buf_free(&headers->authorization);
	headers->n = 0;
}
