/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/binding.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_out.h"
#include "base/limits.h"
#include "base/path.h"
#include "data/doc.h"

#define MAGIC "coffer-trust"
#define VERSION 1

enum need { MUST, MAY };
enum kind { NAME, TEXT }; /* a name can be shown; a text has lines */

/* The members of each method, after those that all have. */
static const struct member {
	enum binding_method method;
	const char *name;
	size_t offset; /* of the char * in struct trust_binding */
	enum kind kind;
	enum need need;
	size_t max;
} members[] = {
	{BINDING_KEY, "public_key", offsetof(struct trust_binding, public_key), TEXT, MUST, LIMIT_KEY_PEM},
	{BINDING_CERTIFICATE, "certificate_chain", offsetof(struct trust_binding, certificate_chain), TEXT, MUST,
	 LIMIT_PEM},
	{BINDING_CERTIFICATE, "tsa_chain", offsetof(struct trust_binding, tsa_chain), TEXT, MAY, LIMIT_PEM},
	{BINDING_SIGSTORE, "identity", offsetof(struct trust_binding, identity), NAME, MUST, LIMIT_IDENTITY},
	{BINDING_SIGSTORE, "identity_provider", offsetof(struct trust_binding, identity_provider), NAME, MUST,
	 LIMIT_IDENTITY},
	{BINDING_SIGSTORE, "trusted_root", offsetof(struct trust_binding, trusted_root), TEXT, MAY, LIMIT_TRUSTED_ROOT},
};

#define N_MEMBERS (sizeof(members) / sizeof(members[0]))

static const char *const methods[] = {
	[BINDING_KEY] = "key",
	[BINDING_CERTIFICATE] = "certificate",
	[BINDING_SIGSTORE] = "sigstore",
};

#define N_METHODS (sizeof(methods) / sizeof(methods[0]))

static char **
slot(struct trust_binding *b, const struct member *m)
{
	return (char **)(void *)((char *)b + m->offset);
}

static const char *
value_of(const struct trust_binding *b, const struct member *m)
{
	return *(char *const *)(const void *)((const char *)b + m->offset);
}

coffer_err
binding_check_model(struct fault *f, const char *model)
{
	size_t len = strnlen(model, LIMIT_TRUST_NAME + 1);

	if (len == 0 || len > LIMIT_TRUST_NAME || !text_check(model, len))
		return fault_set(f, COFFER_E_USAGE,
				 "the name of a model is 1 to %u bytes of text, or * for every model",
				 LIMIT_TRUST_NAME);
	return COFFER_OK;
}

/* ---- reading ---- */

static coffer_err
malformed(struct fault *f, const char *what, const char *member)
{
	return fault_set(f, COFFER_E_FORMAT, "%s is malformed at «%s»", what, member);
}

static coffer_err
read_member(struct fault *f, const char *what, const struct doc *d, const struct member *m, struct trust_binding *out)
{
	struct view text;

	if (!d)
		return m->need == MAY ? COFFER_OK : malformed(f, what, m->name);
	if (!doc_string(d, &text) || text.len == 0 || text.len > m->max ||
	    (m->kind == NAME && !text_check((const char *)text.p, text.len)))
		return malformed(f, what, m->name);
	*slot(out, m) = strdup((const char *)text.p);
	return *slot(out, m) ? COFFER_OK : fault_nomem(f);
}

/* A reader that passed over what it does not know would believe more than the file says. */
static coffer_err
refuse_unknown(struct fault *f, const char *what, const struct doc *d, size_t n_known)
{
	if (doc_size(d) == n_known)
		return COFFER_OK;
	return fault_set(f, COFFER_E_FORMAT, "%s has a member that its method does not have", what);
}

static coffer_err
read_head(struct fault *f, const char *what, const struct doc *d, struct trust_binding *out)
{
	const char *model = doc_text(doc_get(d, "model"), 1, LIMIT_TRUST_NAME);
	const char *method = doc_text(doc_get(d, "method"), 1, 32);
	uint64_t version;

	if (!doc_number(doc_get(d, MAGIC), 1, DOC_NUMBER_MAX, &version))
		return malformed(f, what, MAGIC);
	if (version != VERSION)
		return fault_set(f, COFFER_E_UNSUPPORTED, "%s is of version %llu; this program knows %d", what,
				 (unsigned long long)version, VERSION);
	if (!model)
		return malformed(f, what, "model");
	for (size_t i = 0; method && i < N_METHODS; i++) {
		if (strcmp(method, methods[i]) != 0)
			continue;
		out->method = (enum binding_method)i;
		out->model = strdup(model);
		return out->model ? COFFER_OK : fault_nomem(f);
	}
	return malformed(f, what, "method");
}

coffer_err
binding_parse(struct fault *f, const char *what, struct view json, struct trust_binding *out)
{
	struct doc *d = NULL;
	size_t n_known = 3;
	coffer_err err;

	TRY(doc_parse_foreign(f, what, json, &d));
	TRY(read_head(f, what, d, out));
	for (const struct member *m = members; m < members + N_MEMBERS; m++) {
		if (m->method != out->method)
			continue;
		TRY(read_member(f, what, doc_get(d, m->name), m, out));
		n_known += value_of(out, m) != NULL;
	}
	TRY(refuse_unknown(f, what, d, n_known));
out:
	doc_free(&d);
	if (err != COFFER_OK)
		binding_free(out);
	return err;
}

/* ---- writing ---- */

coffer_err
binding_write(struct fault *f, const struct trust_binding *b, struct buf *out)
{
	struct json_out j;
	coffer_err err;

	json_out_init(&j, f);
	json_out_begin(&j, NULL, JSON_OBJECT);
	json_out_uint(&j, MAGIC, VERSION);
	json_out_str(&j, "model", b->model);
	json_out_str(&j, "method", methods[b->method]);
	for (const struct member *m = members; m < members + N_MEMBERS; m++)
		if (m->method == b->method && value_of(b, m))
			json_out_str(&j, m->name, value_of(b, m));
	json_out_end(&j);
	TRY(json_out_done(&j));
	TRY(buf_add(f, out, j.text.p, j.text.len));
out:
	json_out_free(&j);
	return err;
}

void
binding_free(struct trust_binding *b)
{
	for (const struct member *m = members; m < members + N_MEMBERS; m++)
		free(*slot(b, m));
	free(b->model);
	*b = (struct trust_binding){.model = NULL};
}
