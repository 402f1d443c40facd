/* SPDX-License-Identifier: Apache-2.0 */
#include "net/s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/home.h"
#include "base/num.h"
#include "base/utc.h"
#include "base/utf8.h"
#include "net/aws_endpoint.h"
#include "net/s3_call.h"

#define TIMEOUT_S 600u
#define TIMEOUT_MAX_S 86400u
#define RETRIES 3u
#define PART_SIZE (UINT64_C(64) << 20)

/* ---- the bucket ---- */

/* Amazon S3, «Bucket naming rules»: what can be part of a host's name */
static bool
is_bucket_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.");

	return len >= 3 && len <= S3_BUCKET_MAX && name[len] == '\0' && name[0] != '-' && name[0] != '.' &&
	       name[len - 1] != '-' && name[len - 1] != '.' && !strstr(name, "..");
}

static coffer_err
choose_style(struct fault *f, const char *bucket, bool is_amazons, bool *virtual_out)
{
	const char *style = home_setting("COFFER_S3_STYLE");

	*virtual_out = style ? strcmp(style, "virtual") == 0 : is_amazons && !strchr(bucket, '.');
	if (style && !*virtual_out && strcmp(style, "path") != 0)
		return fault_set(f, COFFER_E_USAGE, "COFFER_S3_STYLE is «%.40s»; it is «virtual» or «path»", style);
	return COFFER_OK;
}

static bool
is_amazons(const char *endpoint, const char *region)
{
	char end[AWS_REGION_MAX + 32];

	(void)snprintf(end, sizeof(end), ".%s.amazonaws.com", region);
	return !home_setting("COFFER_S3_ENDPOINT") && strncmp(endpoint, "https://s3", 10) == 0 &&
	       strstr(endpoint, end) != NULL;
}

static coffer_err
set_place(struct fault *f, struct s3 *s3)
{
	const char *own = home_setting("COFFER_S3_ENDPOINT"), *host;
	char endpoint[AWS_URL_MAX];
	bool is_virtual;
	coffer_err err;
	int len;

	TRY(aws_endpoint(f, "s3", s3->region, endpoint));
	if (own && snprintf(endpoint, sizeof(endpoint), "%s", own) >= (int)sizeof(endpoint))
		TRY(fault_set(f, COFFER_E_USAGE, "COFFER_S3_ENDPOINT is longer than %d characters", AWS_URL_MAX - 1));
	for (size_t end = strlen(endpoint); end > 0 && endpoint[end - 1] == '/'; end--)
		endpoint[end - 1] = '\0';
	TRY(http_check_url(f, endpoint, false));
	TRY(choose_style(f, s3->bucket, is_amazons(endpoint, s3->region), &is_virtual));
	host = strstr(endpoint, "://") + 3;
	if (is_virtual)
		len = snprintf(s3->base, sizeof(s3->base), "%.*s%s.%s", (int)(host - endpoint), endpoint, s3->bucket,
			       host);
	else
		len = snprintf(s3->base, sizeof(s3->base), "%s/%s", endpoint, s3->bucket);
	if (len < 0 || (size_t)len >= sizeof(s3->base))
		TRY(fault_set(f, COFFER_E_USAGE, "the address of the bucket %s is too long", s3->bucket));
	(void)snprintf(s3->host, sizeof(s3->host), "%.*s", (int)strcspn(host, "/"), host);
	s3->tls = strncasecmp(endpoint, "https:", 6) == 0;
out:
	return err;
}

coffer_err
s3_new(struct fault *f, const char *bucket, struct s3 **out)
{
	struct s3 *s3 = calloc(1, sizeof(*s3));
	coffer_err err;

	*out = NULL;
	if (!s3)
		return fault_nomem(f);
	s3->limits = (struct retry_limits){.timeout_ms = TIMEOUT_S * 1000, .retries = RETRIES};
	s3->part_size = PART_SIZE;
	if (!is_bucket_name(bucket))
		TRY(fault_set(f, COFFER_E_USAGE,
			      "«%.80s» is no name of a bucket: 3 to %d small letters, digits, dots and hyphens", bucket,
			      S3_BUCKET_MAX));
	(void)snprintf(s3->bucket, sizeof(s3->bucket), "%s", bucket);
	TRY(retry_limits_read(f, "COFFER_S3", TIMEOUT_MAX_S, &s3->limits));
	TRY(aws_region(f, AWS_REGION_INSTANCE, s3->region));
	TRY(set_place(f, s3));
	*out = s3;
	s3 = NULL;
out:
	free(s3);
	return err;
}

void
s3_free(struct s3 **s3)
{
	free(*s3);
	*s3 = NULL;
}

void
s3_set_part_size(struct s3 *s3, uint64_t part_size)
{
	s3->part_size = part_size;
}

bool
s3_can_exclude(const struct s3 *s3)
{
	return !atomic_load(&s3->no_condition);
}

/* ---- what is told of an object ---- */

static uint64_t
number_of(const char *digits)
{
	uint64_t v = 0;

	return num_parse(digits, 0, INT64_MAX, &v) ? v : 0;
}

static void
read_head(const struct http_reply *reply, struct s3_object *out)
{
	char value[S3_ETAG_MAX + 1], *total;

	*out = (struct s3_object){.size = 0};
	if (http_header(reply, "Content-Range", value, sizeof(value)) && (total = strchr(value, '/')))
		out->size = number_of(total + 1);
	else if (http_header(reply, "Content-Length", value, sizeof(value)))
		out->size = number_of(value);
	if (http_header(reply, "Last-Modified", value, sizeof(value)))
		(void)utc_parse_http(value, &out->mtime);
	if (http_header(reply, "ETag", value, sizeof(value)) && utf8_is_text(view_str(value)))
		memcpy(out->etag, value, sizeof(value));
}

coffer_err
s3_head(struct fault *f, struct s3 *s3, const char *key, struct s3_object *out)
{
	struct s3_request request = {.method = "HEAD", .key = key};
	struct s3_reply reply = {.http = {.status = 0}};
	coffer_err err;

	*out = (struct s3_object){.size = 0};
	TRY(s3_check_key(f, key));
	TRY(s3_call(f, s3, &request, &reply));
	read_head(&reply.http, out);
out:
	s3_reply_free(&reply);
	return err;
}

coffer_err
s3_delete(struct fault *f, struct s3 *s3, const char *key)
{
	struct s3_request request = {.method = "DELETE", .key = key};
	struct s3_reply reply = {.http = {.status = 0}};
	coffer_err err;

	TRY(s3_check_key(f, key));
	err = s3_call(f, s3, &request, &reply);
	if (err == COFFER_E_NOTFOUND && strcmp(reply.said.code, "NoSuchBucket") != 0)
		err = COFFER_OK;
out:
	s3_reply_free(&reply);
	return err;
}

/* ---- reading ---- */

struct getting {
	const struct s3 *s3;
	struct s3_range range;
	coffer_err (*take)(void *user, struct fault *f, struct view part);
	void *user;
	struct s3_reply reply;
	struct s3_object object;
	uint64_t taken;
	bool is_checked; /* the head of the answer that comes now */
	char range_line[64];
	char match_line[S3_ETAG_MAX + 16];
};

/* From where the last try broke off, and of the same object only. */
static coffer_err
prepare_get(void *user, struct fault *f, struct s3_request *request)
{
	struct getting *g = user;
	uint64_t from = g->range.off + g->taken;

	g->is_checked = false;
	request->n_headers = 0;
	if (g->taken > 0 && (g->object.etag[0] == '\0' || g->taken == g->range.len))
		return fault_set(f, COFFER_E_NET, "%s broke off within an object, and cannot go on with it: try again",
				 g->s3->host);
	if (g->taken > 0) {
		(void)snprintf(g->match_line, sizeof(g->match_line), "If-Match: %s", g->object.etag);
		request->headers[request->n_headers++] = g->match_line;
	}
	if (g->range.len > 0)
		(void)snprintf(g->range_line, sizeof(g->range_line), "Range: bytes=%llu-%llu", (unsigned long long)from,
			       (unsigned long long)(g->range.off + g->range.len - 1));
	else
		(void)snprintf(g->range_line, sizeof(g->range_line), "Range: bytes=%llu-", (unsigned long long)from);
	if (from > 0 || g->range.len > 0)
		request->headers[request->n_headers++] = g->range_line;
	return COFFER_OK;
}

/* Whether the answer is the part that was asked for. */
static coffer_err
check_part(struct fault *f, struct getting *g)
{
	uint64_t from = g->range.off + g->taken;
	bool is_part = from > 0 || g->range.len > 0;
	char want[48], have[64];

	g->is_checked = true;
	(void)snprintf(want, sizeof(want), "bytes %llu-", (unsigned long long)from);
	if (is_part &&
	    (g->reply.http.status != 206 || !http_header(&g->reply.http, "Content-Range", have, sizeof(have)) ||
	     strncmp(have, want, strlen(want)) != 0))
		return fault_set(f, COFFER_E_NET, "%s does not give the part of an object that it is asked for",
				 g->s3->host);
	if (g->taken == 0)
		read_head(&g->reply.http, &g->object);
	return COFFER_OK;
}

static coffer_err
take_get(void *user, struct fault *f, struct view part)
{
	struct getting *g = user;
	coffer_err err;

	if (!g->is_checked)
		TRY(check_part(f, g));
	if (g->range.len > 0 && part.len > g->range.len - g->taken)
		TRY(fault_set(f, COFFER_E_NET, "%s gives more of an object than it is asked for", g->s3->host));
	TRY(g->take(g->user, f, part));
	g->taken += part.len;
out:
	return err;
}

coffer_err
s3_get(struct fault *f, struct s3 *s3, const char *key, const struct s3_range *range,
       coffer_err (*take)(void *user, struct fault *f, struct view part), void *user, struct s3_object *out)
{
	struct getting g = {.s3 = s3, .take = take, .user = user};
	struct s3_request request = {.method = "GET", .key = key, .take = take_get, .prepare = prepare_get, .user = &g};
	uint64_t end;
	coffer_err err;

	if (range)
		g.range = *range;
	TRY(s3_check_key(f, key));
	if (!num_add(g.range.off, g.range.len, &end) || end > INT64_MAX)
		TRY(fault_set(f, COFFER_E_RANGE, "no object reaches as far as that"));
	err = s3_call(f, s3, &request, &g.reply);
	if (err == COFFER_E_EXISTS) /* what If-Match finds */
		err = fault_set(f, COFFER_E_CHANGED, "%s, %s became another object while it was read", s3->bucket, key);
	TRY(err);
	if (!g.is_checked)
		read_head(&g.reply.http, &g.object);
	if (out)
		*out = g.object;
out:
	s3_reply_free(&g.reply);
	return err;
}

/* ---- writing ---- */

/* struct comparison - of an object with what it should hold */
struct comparison {
	const struct s3_body *body;
	uint64_t done, len;
};

static coffer_err
compare_part(void *user, struct fault *f, struct view part)
{
	struct comparison *c = user;
	uint8_t chunk[4096];
	coffer_err err = COFFER_OK;

	if (part.len > c->len - c->done)
		return COFFER_E_CHANGED;
	for (size_t at = 0, len; at < part.len; at += len, c->done += len) {
		const uint8_t *want = chunk;

		len = (size_t)num_min(part.len - at, sizeof(chunk));
		if (c->body->is_file)
			TRY(file_read_at(f, c->body->fd, "the file that is sent", chunk, len, c->body->off + c->done));
		else
			want = c->body->bytes.p + c->done;
		if (memcmp(want, part.p + at, len) != 0)
			return COFFER_E_CHANGED;
	}
out:
	return err;
}

/* Whether what is in the way is what we put there: the answer to a try before may have got lost. */
static bool
is_ours(struct s3 *s3, const char *key, const struct s3_body *body)
{
	struct comparison c = {.body = body, .len = body->is_file ? body->len : body->bytes.len};

	return s3_get(NULL, s3, key, NULL, compare_part, &c, NULL) == COFFER_OK && c.done == c.len;
}

static coffer_err
put_whole(struct fault *f, struct s3 *s3, const char *key, const struct s3_body *body, enum s3_if condition,
	  struct s3_reply *reply)
{
	struct s3_request request = {.method = "PUT",
				     .key = key,
				     .headers = {"Content-Type: application/octet-stream", "If-None-Match: *"},
				     .n_headers = condition == S3_IF_ABSENT ? 2 : 1,
				     .body = body};
	coffer_err err = s3_call(f, s3, &request, reply);

	if (err == COFFER_E_EXISTS && reply->may_have_been_done && is_ours(s3, key, body))
		return COFFER_OK;
	return err;
}

static coffer_err
refuse_existing(struct fault *f, struct s3 *s3, const char *key)
{
	struct s3_object there;
	coffer_err err = s3_head(f, s3, key, &there);

	if (err == COFFER_OK)
		return fault_set(f, COFFER_E_EXISTS, "%s: bucket %s, %.120s: there is such an object already", s3->host,
				 s3->bucket, key);
	return err == COFFER_E_NOTFOUND ? COFFER_OK : err;
}

coffer_err
s3_put(struct fault *f, struct s3 *s3, const char *key, const struct s3_body *body, enum s3_if condition)
{
	uint64_t len = body->is_file ? body->len : body->bytes.len;
	bool is_long = len > s3->part_size;
	struct s3_reply reply = {.http = {.status = 0}};
	coffer_err err;

	TRY(s3_check_key(f, key));
	if (condition == S3_IF_ABSENT && !s3_can_exclude(s3)) {
		TRY(refuse_existing(f, s3, key));
		condition = S3_ALWAYS;
	}
	err = is_long ? s3_put_parts(f, s3, key, body, condition, &reply)
		      : put_whole(f, s3, key, body, condition, &reply);
	if (condition == S3_IF_ABSENT && reply.http.status == 501) {
		atomic_store(&s3->no_condition, true);
		err = s3_put(f, s3, key, body, condition);
	}
out:
	s3_reply_free(&reply);
	return err;
}
