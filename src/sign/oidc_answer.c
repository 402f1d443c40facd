/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/oidc_answer.h"

#include <stdbool.h>

#include "data/scan.h"

static struct oidc_member *
find(struct oidc_member *wanted, size_t n, struct view key)
{
	for (size_t i = 0; i < n; i++)
		if (view_is(key, wanted[i].name))
			return &wanted[i];
	return NULL;
}

static coffer_err
read_member(struct fault *f, struct scan *r, struct oidc_member *m)
{
	char first = scan_peek(r);

	if (m && (m->text.p || m->number > 0))
		return fault_set(f, COFFER_E_FORMAT, "«%s» is there twice", m->name);
	if (m && first == '"')
		return scan_string(f, r, &m->text);
	if (m && first >= '0' && first <= '9')
		return scan_whole(f, r, &m->number);
	return scan_skip(f, r);
}

static coffer_err
read_object(struct fault *f, struct buf *json, struct oidc_member *wanted, size_t n)
{
	struct scan r = scan_begin(json->p, json->len);
	struct view key;
	bool more;
	coffer_err err;

	TRY(scan_enter(f, &r, '{'));
	for (;;) {
		TRY(scan_next(f, &r, '}', &more));
		if (!more)
			break;
		TRY(scan_key(f, &r, &key));
		TRY(read_member(f, &r, find(wanted, n, key)));
	}
	TRY(scan_end(f, &r));
out:
	return err;
}

coffer_err
oidc_members(struct fault *f, struct http_reply *reply, struct oidc_member *wanted, size_t n)
{
	struct fault why = {.text = ""};

	if (read_object(&why, &reply->body, wanted, n) == COFFER_OK)
		return COFFER_OK;
	return fault_set(f, COFFER_E_NET, "the answer of %s is not what an identity provider sends: %s", reply->host,
			 why.text);
}

coffer_err
oidc_take(struct fault *f, const struct http_request *request, const char *name, struct secret *out)
{
	struct oidc_member wanted = {.name = name};
	struct http_reply reply = {.status = 0};
	coffer_err err;

	TRY(http_call(f, request, &reply));
	TRY(http_expect(f, request, &reply, 200));
	TRY(oidc_members(f, &reply, &wanted, 1));
	if (wanted.text.len == 0)
		TRY(fault_set(f, COFFER_E_NET, "the answer of %s has no «%s»", reply.host, name));
	TRY(secret_copy(f, out, wanted.text.p, wanted.text.len));
out:
	http_reply_free(&reply);
	return err;
}
