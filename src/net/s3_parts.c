/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that are put in parts: begun, part by part, and ended, or aborted. */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/utc.h"
#include "net/s3_call.h"
#include "net/url.h"

#define MEBIBYTE (UINT64_C(1) << 20)

struct upload {
	struct s3 *s3;
	const char *key;
	const struct s3_body *body;
	uint64_t len, part_len;
	unsigned int n_parts;
	char id[LIMIT_S3_UPLOAD + 1];
	int64_t begun;	 /* by the service's clock; 0: it does not say */
	struct buf list; /* the XML that names the parts */
};

/* The bytes of part @i, from 0 on. */
static struct s3_body
part_of(const struct upload *u, unsigned int i)
{
	uint64_t off = i * u->part_len, len = num_min(u->part_len, u->len - off);
	struct s3_body part = {.is_file = u->body->is_file, .fd = u->body->fd, .off = u->body->off + off, .len = len};

	if (!part.is_file)
		part.bytes = view_of(u->body->bytes.p + off, len);
	return part;
}

/* «@before=ID», with what stands before it */
static coffer_err
make_query(struct fault *f, const char *before, const char *id, struct buf *out)
{
	coffer_err err;

	TRY(buf_printf(f, out, "%suploadId=", before));
	TRY(url_escape(f, out, view_str(id), ""));
	TRY(buf_add(f, out, "", 1));
out:
	return err;
}

static coffer_err
begin(struct fault *f, struct upload *u, struct s3_reply *reply)
{
	struct s3_request request = {.method = "POST",
				     .key = u->key,
				     .query = "uploads",
				     .headers = {"Content-Type: application/octet-stream"},
				     .n_headers = 1};
	char date[64];
	coffer_err err;

	TRY(s3_call(f, u->s3, &request, reply));
	if (http_header(&reply->http, "Date", date, sizeof(date)))
		(void)utc_parse_http(date, &u->begun);
	TRY(s3_answer_upload(f, buf_view(&reply->http.body), u->id));
out:
	return err;
}

/* An ETag is a hexadecimal number in quotes at Amazon's, and never anything that means something in XML. */
static coffer_err
list_part(struct fault *f, struct upload *u, unsigned int i, const struct s3_reply *reply)
{
	char etag[S3_ETAG_MAX + 1];

	if (!http_header(&reply->http, "ETag", etag, sizeof(etag)) || strpbrk(etag, "<>&"))
		return fault_set(f, COFFER_E_NET, "%s took part %u of %.120s, but did not name it", u->s3->host, i + 1,
				 u->key);
	return buf_printf(f, &u->list, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", i + 1, etag);
}

static coffer_err
put_part(struct fault *f, struct upload *u, unsigned int i, struct s3_reply *reply)
{
	struct s3_body part = part_of(u, i);
	struct buf query = BUF_INIT(LIMIT_URL);
	struct s3_request request = {.method = "PUT", .key = u->key, .body = &part};
	char number[40];
	coffer_err err;

	s3_reply_free(reply);
	(void)snprintf(number, sizeof(number), "partNumber=%u&", i + 1);
	TRY(make_query(f, number, u->id, &query));
	request.query = (const char *)query.p;
	TRY(s3_call(f, u->s3, &request, reply));
	TRY(list_part(f, u, i, reply));
out:
	buf_free(&query);
	return err;
}

static coffer_err
put_all(struct fault *f, struct upload *u, struct s3_reply *reply)
{
	coffer_err err;

	TRY(buf_str(f, &u->list, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"));
	for (unsigned int i = 0; i < u->n_parts; i++)
		TRY(put_part(f, u, i, reply));
	TRY(buf_str(f, &u->list, "</CompleteMultipartUpload>"));
out:
	return err;
}

static coffer_err
end(struct fault *f, struct upload *u, enum s3_if condition, struct s3_reply *reply)
{
	struct buf query = BUF_INIT(LIMIT_URL);
	struct s3_body list = {.bytes = buf_view(&u->list)};
	struct s3_request request = {.method = "POST",
				     .key = u->key,
				     .headers = {"Content-Type: application/xml", "If-None-Match: *"},
				     .n_headers = condition == S3_IF_ABSENT ? 2 : 1,
				     .body = &list,
				     .late_error = true};
	coffer_err err;

	s3_reply_free(reply);
	TRY(make_query(f, "", u->id, &query));
	request.query = (const char *)query.p;
	TRY(s3_call(f, u->s3, &request, reply));
out:
	buf_free(&query);
	return err;
}

/* Whether an upload that is no more was ended by a try whose answer got lost: there is an object since, of as many parts and as long. */
static bool
was_ended(struct upload *u)
{
	struct s3_object there;
	char end_of_etag[32];

	(void)snprintf(end_of_etag, sizeof(end_of_etag), "-%u\"", u->n_parts);
	return u->begun > 0 && s3_head(NULL, u->s3, u->key, &there) == COFFER_OK && there.size == u->len &&
	       there.mtime >= u->begun && strstr(there.etag, end_of_etag) != NULL;
}

coffer_err
s3_abort(struct fault *f, struct s3 *s3, const char *key, const char *upload)
{
	struct buf query = BUF_INIT(LIMIT_URL);
	struct s3_request request = {.method = "DELETE", .key = key};
	struct s3_reply reply = {.http = {.status = 0}};
	coffer_err err;

	TRY(make_query(f, "", upload, &query));
	request.query = (const char *)query.p;
	TRY(s3_call(f, s3, &request, &reply));
out:
	s3_reply_free(&reply);
	buf_free(&query);
	return err;
}

static coffer_err
choose_parts(struct fault *f, struct upload *u)
{
	uint64_t least = num_round_up((u->len + LIMIT_S3_PARTS - 1) / LIMIT_S3_PARTS, MEBIBYTE);

	u->part_len = u->s3->part_size;
	if (u->len / u->part_len >= LIMIT_S3_PARTS)
		u->part_len = least;
	u->n_parts = (unsigned int)((u->len + u->part_len - 1) / u->part_len);
	return u->len <= LIMIT_SIZE ? COFFER_OK : fault_set(f, COFFER_E_RANGE, "no object can be so long");
}

coffer_err
s3_put_parts(struct fault *f, struct s3 *s3, const char *key, const struct s3_body *body, enum s3_if condition,
	     struct s3_reply *reply)
{
	struct upload u = {.s3 = s3,
			   .key = key,
			   .body = body,
			   .len = body->is_file ? body->len : body->bytes.len,
			   .list = BUF_INIT(LIMIT_S3_PARTS * 400)};
	coffer_err err;

	TRY(choose_parts(f, &u));
	TRY(begin(f, &u, reply));
	err = put_all(f, &u, reply);
	if (err == COFFER_OK)
		err = end(f, &u, condition, reply);
	if (strcmp(reply->said.code, "NoSuchUpload") == 0 && reply->may_have_been_done && was_ended(&u))
		err = COFFER_OK;
	/* what is left would cost its owner money */
	if (err != COFFER_OK)
		(void)s3_abort(NULL, s3, key, u.id);
out:
	buf_free(&u.list);
	return err;
}
