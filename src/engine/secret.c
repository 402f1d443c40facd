/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets in a store: coffer/secret.h. */
#include <coffer/secret.h>

#include <stdlib.h>
#include <string.h>

#include "base/enc.h"
#include "base/utf8.h"
#include "engine/ctx.h"
#include "key/kv.h"
#include "mem/secret.h"

#define VERSIONS_MAX 1024 /* of one call */

struct coffer_secret {
	struct secret value;
	uint64_t version;
};

/* ---- where it is ---- */

static coffer_err
open_place(struct fault *f, const char *uri, const char *field, struct kv_secret *out)
{
	*out = (struct kv_secret)KV_SECRET_INIT;
	if (strncmp(uri, KV_SCHEME, strlen(KV_SCHEME)) != 0)
		return fault_set(f, COFFER_E_USAGE,
				 "a secret is named as vaultkv://MOUNT/PATH#FIELD; one that was given is not");
	if (strlen(uri) > LIMIT_KEY_URI)
		return fault_set(f, COFFER_E_USAGE, "the name of a secret is longer than %u bytes", LIMIT_KEY_URI);
	return kv_secret_open(f, uri + strlen(KV_SCHEME), field, out);
}

/* ---- reading ---- */

static coffer_err
take_binary(struct fault *f, const struct kv_secret *s, struct view text, struct secret *out)
{
	struct secret bytes = SECRET_INIT;
	size_t len = 0;
	coffer_err err;

	text = view_trim(text);
	TRY(secret_new(f, &bytes, text.len));
	if (!dec_b64((const char *)text.p, text.len, bytes.p, bytes.len, &len))
		TRY(fault_set(f, COFFER_E_KEY, "%s is not base64", s->id));
	TRY(secret_copy(f, out, bytes.p, len));
out:
	secret_free(&bytes);
	return err;
}

static coffer_err
take_value(struct fault *f, const struct kv_secret *s, const struct kv_entry *e, bool binary, struct secret *out)
{
	struct view text;

	if (!doc_string(doc_get(e->data, s->uri.field), &text))
		return fault_set(f, COFFER_E_NOTFOUND, "%s: version %llu has no field «%s» that is text", s->id,
				 (unsigned long long)e->version, s->uri.field);
	return binary ? take_binary(f, s, text, out) : secret_copy(f, out, text.p, text.len);
}

coffer_err
coffer_secret_get(struct coffer_ctx *ctx, const char *uri, uint64_t version, bool binary,
		  struct coffer_secret **secret_out)
{
	struct fault *f = ctx_begin(ctx);
	struct kv_entry e = {.found = KV_NEVER};
	struct coffer_secret *secret = NULL;
	struct kv_secret s;
	coffer_err err;

	*secret_out = NULL;
	TRY(open_place(f, uri, KV_FIELD, &s));
	TRY(kv_read(f, &s, version, &e));
	TRY(kv_need(f, &s, &e, COFFER_E_NOTFOUND));
	secret = calloc(1, sizeof(*secret));
	if (!secret)
		TRY(fault_nomem(f));
	TRY(take_value(f, &s, &e, binary, &secret->value));
	secret->version = e.version;
	*secret_out = secret;
	secret = NULL;
out:
	free(secret);
	kv_entry_free(&e);
	kv_secret_close(&s);
	return err;
}

const void *
coffer_secret_value(const struct coffer_secret *secret, size_t *len_out)
{
	*len_out = secret->value.len;
	return secret->value.p;
}

uint64_t
coffer_secret_version(const struct coffer_secret *secret)
{
	return secret->version;
}

void
coffer_secret_free(struct coffer_secret **secret)
{
	if (!*secret)
		return;
	secret_free(&(*secret)->value);
	free(*secret);
	*secret = NULL;
}

/* ---- writing ---- */

static bool
is_text(struct view v)
{
	uint32_t code;

	while (v.len > 0) {
		size_t one = utf8_char(v, &code);

		if (one == 0 || code == 0)
			return false;
		v = view_of(v.p + one, v.len - one);
	}
	return true;
}

static coffer_err
check_value(struct fault *f, struct view value, const struct coffer_secret_put_options *options)
{
	if (options->version_1 != 1 || !view_zero(view_of(options->reserved, sizeof(options->reserved))))
		return fault_set(f, COFFER_E_USAGE, "options of another version");
	if (value.len < 1 || value.len > COFFER_SECRET_MAX)
		return fault_set(f, COFFER_E_USAGE, "a secret has 1 to %d bytes", COFFER_SECRET_MAX);
	if (!options->binary && !is_text(value))
		return fault_set(
			f, COFFER_E_USAGE,
			"this is no UTF-8 text, which is all that Vault keeps; have it kept as base64 (--binary)");
	return COFFER_OK;
}

static coffer_err
encode(struct fault *f, struct view value, bool binary, struct secret *out)
{
	coffer_err err;

	if (!binary)
		return secret_copy(f, out, value.p, value.len);
	TRY(secret_new(f, out, ENC_B64_LEN(value.len) + 1));
	enc_b64(value.p, value.len, (char *)out->p);
	out->len--; /* the NUL */
out:
	return err;
}

static coffer_err
check_latest(struct fault *f, const struct kv_secret *s, const struct kv_entry *had,
	     const struct coffer_secret_put_options *options)
{
	if (!options->check || had->version == options->latest)
		return COFFER_OK;
	return fault_set(f, COFFER_E_CHANGED, "the latest version of %s is %llu and not %llu, so it was not written",
			 s->id, (unsigned long long)had->version, (unsigned long long)options->latest);
}

coffer_err
coffer_secret_put(struct coffer_ctx *ctx, const char *uri, const void *value, size_t len,
		  const struct coffer_secret_put_options *options, uint64_t *version_out)
{
	struct fault *f = ctx_begin(ctx);
	struct kv_secret s = KV_SECRET_INIT;
	struct kv_entry had = {.found = KV_NEVER};
	struct secret text = SECRET_INIT;
	uint64_t version = 0;
	coffer_err err;

	if (version_out)
		*version_out = 0;
	TRY(check_value(f, view_of(value, len), options));
	TRY(open_place(f, uri, KV_FIELD, &s));
	TRY(kv_read(f, &s, 0, &had));
	TRY(check_latest(f, &s, &had, options));
	TRY(encode(f, view_of(value, len), options->binary, &text));
	TRY(kv_set_field(f, &s, &had, view_of(text.p, text.len), &version));
	if (version_out)
		*version_out = version;
out:
	secret_free(&text);
	kv_entry_free(&had);
	kv_secret_close(&s);
	return err;
}

/* ---- listing ---- */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static coffer_err
copy_names(struct fault *f, const struct kv_secret *s, const struct doc *names, char **list)
{
	for (size_t i = 0; i < doc_size(names); i++) {
		const char *name = doc_text(doc_at(names, i), 1, LIMIT_URL);

		if (!name)
			return fault_set(f, COFFER_E_UNAVAILABLE, "Vault at %s has a name in %s that is no text",
					 vault_host(s->vault), s->id);
		list[i] = strdup(name);
		if (!list[i])
			return fault_nomem(f);
	}
	return COFFER_OK;
}

coffer_err
coffer_secret_list(struct coffer_ctx *ctx, const char *uri, char ***names_out, size_t *n_out)
{
	struct fault *f = ctx_begin(ctx);
	const struct doc *names = NULL;
	struct doc *answer = NULL;
	struct kv_secret s;
	char **list = NULL;
	coffer_err err;

	*names_out = NULL;
	*n_out = 0;
	TRY(open_place(f, uri, NULL, &s));
	TRY(kv_list(f, &s, &answer, &names));
	if (doc_size(names) == 0)
		TRY(fault_set(f, COFFER_E_NOTFOUND, "there is nothing in %s of Vault at %s", s.id,
			      vault_host(s.vault)));
	list = calloc(doc_size(names), sizeof(*list));
	if (!list)
		TRY(fault_nomem(f));
	TRY(copy_names(f, &s, names, list));
	*n_out = doc_size(names);
	qsort(list, *n_out, sizeof(*list), compare_names);
	*names_out = list;
	list = NULL;
out:
	coffer_secret_list_free(&list, doc_size(names));
	doc_free(&answer);
	kv_secret_close(&s);
	return err;
}

void
coffer_secret_list_free(char ***names, size_t n)
{
	for (size_t i = 0; *names && i < n; i++)
		free((*names)[i]);
	free(*names);
	*names = NULL;
}

/* ---- deleting ---- */

static coffer_err
change_versions(struct fault *f, const struct kv_secret *s, enum coffer_secret_change change, const uint64_t *versions,
		size_t n)
{
	static const enum kv_change kinds[] = {
		[COFFER_SECRET_DELETE] = KV_DELETE,
		[COFFER_SECRET_UNDELETE] = KV_UNDELETE,
		[COFFER_SECRET_DESTROY] = KV_DESTROY,
	};

	if (change < COFFER_SECRET_DELETE || change > COFFER_SECRET_DESTROY || n > VERSIONS_MAX)
		return fault_set(f, COFFER_E_USAGE, "at most %d versions can be deleted, had back or destroyed at once",
				 VERSIONS_MAX);
	if (n > 0)
		return kv_change(f, s, kinds[change], versions, n);
	if (change == COFFER_SECRET_UNDELETE)
		return fault_set(f, COFFER_E_USAGE, "which versions shall be had back is for you to say");
	return change == COFFER_SECRET_DELETE ? kv_delete(f, s) : kv_forget(f, s);
}

coffer_err
coffer_secret_delete(struct coffer_ctx *ctx, const char *uri, enum coffer_secret_change change,
		     const uint64_t *versions, size_t n_versions)
{
	struct fault *f = ctx_begin(ctx);
	struct kv_secret s = KV_SECRET_INIT;
	coffer_err err;

	/* somebody may believe that the field alone goes */
	if (strchr(uri, '#'))
		return fault_set(f, COFFER_E_USAGE,
				 "a version is deleted with all of its fields: leave «#» and the field out");
	TRY(open_place(f, uri, KV_FIELD, &s));
	TRY(change_versions(f, &s, change, versions, n_versions));
out:
	kv_secret_close(&s);
	return err;
}
