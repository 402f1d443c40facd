/* SPDX-License-Identifier: Apache-2.0 */
/* What is in a bucket: objects, and uploads in parts that have not ended. */
#include <stdio.h>
#include <string.h>

#include "net/s3_call.h"
#include "net/url.h"

/* struct listing - one list, over all of its pages */
struct listing {
	struct s3 *s3;
	const char *prefix;
	/* query: what asks for the page that @page says */
	coffer_err (*query)(struct fault *f, struct buf *out, const struct s3_page *page);
	coffer_err (*item)(void *arg, struct fault *f, const struct s3_item *item);
	void *arg;
	struct s3_page page;
};

static coffer_err
make_query(struct fault *f, const struct listing *l, struct buf *out)
{
	coffer_err err;

	TRY(l->query(f, out, &l->page));
	TRY(buf_str(f, out, "&encoding-type=url&prefix="));
	TRY(url_escape(f, out, view_str(l->prefix), ""));
	TRY(buf_add(f, out, "", 1));
out:
	return err;
}

static coffer_err
list_page(struct fault *f, struct listing *l)
{
	struct buf query = BUF_INIT(LIMIT_URL);
	struct s3_request request = {.method = "GET"};
	struct s3_reply reply = {.http = {.status = 0}};
	coffer_err err;

	TRY(make_query(f, l, &query));
	request.query = (const char *)query.p;
	TRY(s3_call(f, l->s3, &request, &reply));
	TRY(s3_answer_list(f, buf_view(&reply.http.body), &l->page, l->item, l->arg));
out:
	s3_reply_free(&reply);
	buf_free(&query);
	return err;
}

static coffer_err
list_pages(struct fault *f, struct listing *l)
{
	coffer_err err;
	unsigned int n = 0;

	do {
		if (n++ == LIMIT_S3_PAGES)
			TRY(fault_set(f, COFFER_E_NET, "%s has a list of more than %u pages", l->s3->host,
				      LIMIT_S3_PAGES));
		TRY(list_page(f, l));
	} while (l->page.token[0] != '\0');
out:
	return err;
}

static coffer_err
add_param(struct fault *f, struct buf *out, const char *name, const char *value)
{
	coffer_err err = COFFER_OK;

	if (value[0] != '\0') {
		TRY(buf_str(f, out, name));
		TRY(url_escape(f, out, view_str(value), ""));
	}
out:
	return err;
}

/* ---- objects ---- */

static coffer_err
objects_query(struct fault *f, struct buf *out, const struct s3_page *page)
{
	coffer_err err;

	TRY(buf_str(f, out, "list-type=2"));
	TRY(add_param(f, out, "&continuation-token=", page->token));
out:
	return err;
}

/* struct objects_of - who is told of the objects */
struct objects_of {
	coffer_err (*fn)(void *arg, struct fault *f, const char *key, const struct s3_object *o);
	void *arg;
};

static coffer_err
tell_object(void *arg, struct fault *f, const struct s3_item *item)
{
	const struct objects_of *o = arg;

	return o->fn(o->arg, f, item->key, &item->object);
}

coffer_err
s3_list(struct fault *f, struct s3 *s3, const char *prefix,
	coffer_err (*fn)(void *arg, struct fault *f, const char *key, const struct s3_object *o), void *arg)
{
	struct objects_of objects = {.fn = fn, .arg = arg};
	struct listing l = {.s3 = s3, .prefix = prefix, .query = objects_query, .item = tell_object, .arg = &objects};

	return list_pages(f, &l);
}

/* ---- uploads ---- */

static coffer_err
uploads_query(struct fault *f, struct buf *out, const struct s3_page *page)
{
	coffer_err err;

	TRY(buf_str(f, out, "uploads"));
	TRY(add_param(f, out, "&key-marker=", page->token));
	TRY(add_param(f, out, "&upload-id-marker=", page->upload));
out:
	return err;
}

struct stale {
	struct s3 *s3;
	int64_t before;
};

static coffer_err
abort_stale(void *arg, struct fault *f, const struct s3_item *item)
{
	const struct stale *stale = arg;
	coffer_err err;

	/* one whose age is not told may be at work */
	if (item->upload[0] == '\0' || item->object.mtime == 0 || item->object.mtime >= stale->before)
		return COFFER_OK;
	err = s3_abort(f, stale->s3, item->key, item->upload);
	return err == COFFER_E_NOTFOUND || err == COFFER_E_CHANGED ? COFFER_OK : err;
}

coffer_err
s3_abort_stale(struct fault *f, struct s3 *s3, const char *prefix, int64_t before)
{
	struct stale stale = {.s3 = s3, .before = before};
	struct listing l = {.s3 = s3, .prefix = prefix, .query = uploads_query, .item = abort_stale, .arg = &stale};

	return list_pages(f, &l);
}
