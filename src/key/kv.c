/* SPDX-License-Identifier: Apache-2.0 */
#include "key/kv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utc.h"

#define PATH_CAP (VAULT_NAME_MAX + VAULT_KV_PATH_MAX + 64)
#define VERSION_MAX UINT32_MAX

coffer_err
kv_secret_open(struct fault *f, const char *rest, const char *field, struct kv_secret *out)
{
	struct kv_uri *uri = &out->uri;
	coffer_err err;
	int len;

	*out = (struct kv_secret)KV_SECRET_INIT;
	TRY(kv_uri_parse(f, rest, field, uri));
	TRY(vault_open(f, &out->vault));
	if (uri->namespace[0] == '\0')
		(void)snprintf(uri->namespace, sizeof(uri->namespace), "%s", vault_namespace(out->vault));
	len = snprintf(out->id, sizeof(out->id), "%s%s%s/%s%s%s", uri->namespace, uri->namespace[0] ? "/" : "",
		       uri->mount, uri->path, uri->field[0] ? "#" : "", uri->field);
	if (len < 0 || (size_t)len >= sizeof(out->id))
		TRY(fault_set(f, COFFER_E_USAGE, "the path of a secret is longer than %d bytes", RECIPIENT_ID_MAX));
out:
	if (err)
		kv_secret_close(out);
	return err;
}

void
kv_secret_close(struct kv_secret *s)
{
	vault_close(&s->vault);
}

/* ---- requests ---- */

static coffer_err
call(struct fault *f, const struct kv_secret *s, const char *verb, const char *behind, struct vault_request *request,
     struct doc **out)
{
	char path[PATH_CAP];

	(void)snprintf(path, sizeof(path), "%s/%s/%s%s", s->uri.mount, verb, s->uri.path, behind);
	request->path = path;
	request->namespace = s->uri.namespace;
	request->max_answer = LIMIT_ANSWER;
	return vault_call(f, s->vault, request, out);
}

/* What has no answer worth reading. */
static coffer_err
tell(struct fault *f, const struct kv_secret *s, const char *method, const char *verb, struct view body)
{
	struct doc *answer = NULL;
	coffer_err err = call(f, s, verb, "", &(struct vault_request){.method = method, .body = body}, &answer);

	doc_free(&answer);
	return err;
}

/* @d as JSON into @out, which never moves and is wiped by wipe_buf() */
static coffer_err
render(struct fault *f, const struct doc *d, struct buf *out)
{
	coffer_err err;

	if (!d)
		return fault_nomem(f);
	TRY(buf_reserve(f, out, out->max));
	TRY(doc_python(f, d, out));
out:
	return err;
}

static void
wipe_buf(struct buf *b)
{
	mem_wipe(b->p, b->cap);
	buf_free(b);
}

/* ---- reading ---- */

static coffer_err
no_answer(struct fault *f, const struct kv_secret *s)
{
	return fault_set(
		f, COFFER_E_UNAVAILABLE,
		"what Vault at %s answered about %s is not of the KV engine, version 2: is that what is mounted at %s?",
		vault_host(s->vault), s->id, s->uri.mount);
}

/* The answer of 404 has no data, but metadata of what was deleted. */
static coffer_err
read_entry(struct fault *f, const struct kv_secret *s, struct kv_entry *e)
{
	const struct doc *data = doc_get(e->answer, "data"), *metadata = doc_get(data, "metadata");
	const char *created = doc_text(doc_get(metadata, "created_time"), 0, 64);
	bool destroyed = false;

	if (!doc_is_object(data))
		return COFFER_OK;
	if (!doc_number(doc_get(metadata, "version"), 1, VERSION_MAX, &e->version))
		return no_answer(f, s);
	if (!created || !utc_parse(created, &e->created))
		e->created = 0;
	(void)doc_bool(doc_get(metadata, "destroyed"), &destroyed);
	if (doc_is_object(doc_get(data, "data"))) {
		e->found = KV_THERE;
		e->data = doc_get(data, "data");
	} else {
		e->found = destroyed ? KV_DESTROYED : KV_DELETED;
	}
	return COFFER_OK;
}

coffer_err
kv_read(struct fault *f, const struct kv_secret *s, uint64_t version, struct kv_entry *out)
{
	char query[40] = "";
	coffer_err err;

	*out = (struct kv_entry){.found = KV_NEVER};
	if (version > 0)
		(void)snprintf(query, sizeof(query), "?version=%llu", (unsigned long long)version);
	TRY(call(f, s, "data", query, &(struct vault_request){.method = "GET", .accept = VAULT_OR_MISSING},
		 &out->answer));
	TRY(read_entry(f, s, out));
out:
	if (err)
		kv_entry_free(out);
	return err;
}

void
kv_entry_free(struct kv_entry *e)
{
	doc_free(&e->answer);
	*e = (struct kv_entry){.found = KV_NEVER};
}

coffer_err
kv_need(struct fault *f, const struct kv_secret *s, const struct kv_entry *e, coffer_err err)
{
	unsigned long long version = e->version;

	if (e->found == KV_THERE)
		return COFFER_OK;
	if (e->found == KV_NEVER)
		return fault_set(f, err, "Vault at %s has no secret %s, or not that version of it",
				 vault_host(s->vault), s->id);
	return fault_set(f, err, "version %llu of %s was %s%s", version, s->id,
			 e->found == KV_DESTROYED ? "destroyed" : "deleted",
			 e->found == KV_DESTROYED ? " for ever"
						  : "; «coffer secret delete --undelete --versions N» brings it back");
}

/* ---- writing ---- */

struct copy {
	struct doc *to;
	const char *but;
};

static coffer_err
copy_member(void *arg, const char *name, const struct doc *value)
{
	struct copy *c = arg;

	if (strcmp(name, c->but) != 0)
		c->to = doc_set(c->to, name, doc_share(value));
	return c->to ? COFFER_OK : COFFER_E_NOMEM;
}

/* {"data": the fields of @had with the one of @s replaced, "options": {"cas": its version}} */
static coffer_err
new_version(struct fault *f, const struct kv_secret *s, const struct kv_entry *had, struct view value, struct doc **out)
{
	struct copy c = {.to = doc_object(), .but = s->uri.field};
	coffer_err err = COFFER_OK;

	*out = NULL;
	if (had->data)
		err = doc_each(had->data, copy_member, &c);
	if (err) {
		doc_free(&c.to);
		return fault_nomem(f);
	}
	c.to = doc_set(c.to, s->uri.field, doc_new_string(value));
	*out = doc_set(doc_set(doc_object(), "data", c.to), "options",
		       doc_set(doc_object(), "cas", doc_new_number(had->version)));
	return *out ? COFFER_OK : fault_nomem(f);
}

static coffer_err
read_written(struct fault *f, const struct kv_secret *s, const struct doc *answer, uint64_t *version_out)
{
	if (vault_is_conflict(answer))
		return fault_set(f, COFFER_E_CHANGED,
				 "%s was changed by somebody else, so it was not written: read it again", s->id);
	if (!doc_number(doc_get(doc_get(answer, "data"), "version"), 1, VERSION_MAX, version_out))
		return no_answer(f, s);
	return COFFER_OK;
}

coffer_err
kv_set_field(struct fault *f, const struct kv_secret *s, const struct kv_entry *had, struct view value,
	     uint64_t *version_out)
{
	struct vault_request request = {.method = "POST", .accept = VAULT_OR_CONFLICT};
	struct doc *whole = NULL, *answer = NULL;
	struct buf text = BUF_INIT(LIMIT_ANSWER);
	coffer_err err;

	*version_out = 0;
	TRY(new_version(f, s, had, value, &whole));
	TRY(render(f, whole, &text));
	request.body = buf_view(&text);
	TRY(call(f, s, "data", "", &request, &answer));
	TRY(read_written(f, s, answer, version_out));
out:
	doc_free(&answer);
	doc_free(&whole);
	wipe_buf(&text);
	return err;
}

/* ---- deleting ---- */

coffer_err
kv_delete(struct fault *f, const struct kv_secret *s)
{
	return tell(f, s, "DELETE", "data", view_of(NULL, 0));
}

coffer_err
kv_change(struct fault *f, const struct kv_secret *s, enum kv_change change, const uint64_t *versions, size_t n)
{
	static const char *const verbs[] = {
		[KV_DELETE] = "delete", [KV_UNDELETE] = "undelete", [KV_DESTROY] = "destroy"};
	struct buf body = BUF_INIT(LIMIT_TOKEN);
	coffer_err err;

	TRY(buf_str(f, &body, "{\"versions\":["));
	for (size_t i = 0; i < n; i++)
		TRY(buf_printf(f, &body, "%s%llu", i > 0 ? "," : "", (unsigned long long)versions[i]));
	TRY(buf_str(f, &body, "]}"));
	TRY(tell(f, s, "POST", verbs[change], buf_view(&body)));
out:
	buf_free(&body);
	return err;
}

coffer_err
kv_forget(struct fault *f, const struct kv_secret *s)
{
	return tell(f, s, "DELETE", "metadata", view_of(NULL, 0));
}

/* ---- listing ---- */

coffer_err
kv_list(struct fault *f, const struct kv_secret *s, struct doc **answer_out, const struct doc **names_out)
{
	const struct doc *names;
	coffer_err err;

	*names_out = NULL;
	/* GET with list=true and not LIST, a method that not every proxy lets through */
	TRY(call(f, s, "metadata", "?list=true", &(struct vault_request){.method = "GET", .accept = VAULT_OR_MISSING},
		 answer_out));
	names = doc_get(doc_get(*answer_out, "data"), "keys");
	if (names && !doc_is_array(names))
		TRY(no_answer(f, s));
	*names_out = names;
out:
	if (err)
		doc_free(answer_out);
	return err;
}
