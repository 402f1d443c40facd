/* SPDX-License-Identifier: Apache-2.0 */
#include "key/secret_source.h"

#include <string.h>

#include "key/kv.h"

static coffer_err
take_text(struct fault *f, const struct kv_secret *s, const struct kv_entry *e, size_t max, struct secret *out)
{
	struct view text;

	if (!doc_string(doc_get(e->data, s->uri.field), &text))
		return fault_set(f, COFFER_E_NOTFOUND, "%s has no field «%s» that is text", s->id, s->uri.field);
	if (text.len > max)
		return fault_set(f, COFFER_E_KEY, "%s is longer than %zu bytes", s->id, max);
	return secret_copy(f, out, text.p, text.len);
}

static coffer_err
get(struct fault *f, const char *what, const char *uri, size_t max, struct secret *out)
{
	struct kv_secret s = KV_SECRET_INIT;
	struct kv_entry e = {.found = KV_NEVER};
	coffer_err err;

	TRY(kv_secret_open(f, uri + strlen(KV_SCHEME), KV_FIELD, &s));
	TRY(kv_read(f, &s, 0, &e));
	TRY(kv_need(f, &s, &e, COFFER_E_NOTFOUND));
	TRY(take_text(f, &s, &e, max, out));
out:
	kv_entry_free(&e);
	kv_secret_close(&s);
	if (err)
		(void)fault_prefix(f, "%s", what);
	return err;
}

void
secret_source_install(void)
{
	secret_file_set_source(KV_SCHEME, get);
}
