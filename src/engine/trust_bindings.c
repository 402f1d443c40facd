/* SPDX-License-Identifier: Apache-2.0 */
/* The bindings of coffer/trust.h. */
#include <coffer/trust.h>

#include <stdlib.h>
#include <string.h>

#include "engine/ctx.h"
#include "engine/trust.h"
#include "sign/trust_store.h"

#define WHO_MAX 65536u

static const struct trust_dirs everywhere = {NULL, NULL};

/* ---- add, remove ---- */

/* Whoever any root of this system certifies is no publisher; a time that is fixed now is wrong for what comes. */
static coffer_err
check_can_bind(struct fault *f, const struct coffer_trust_options *o, const struct trust_binding *b)
{
	if (b->method == BINDING_CERTIFICATE && !b->certificate_chain)
		return fault_set(f, COFFER_E_USAGE,
				 "name the certificates that are believed; this system's roots certify anybody");
	if (o->verify_at != 0)
		return fault_set(f, COFFER_E_USAGE, "a binding holds at any time; leave out the time to verify at");
	return COFFER_OK;
}

coffer_err
coffer_trust_add(struct coffer_ctx *ctx, const char *model, const struct coffer_trust_options *options)
{
	struct fault *f = ctx_begin(ctx);
	struct trust_binding b = {.model = NULL};
	struct verifier *verifier = NULL;
	coffer_err err;

	TRY(trust_read(f, options, &b));
	TRY(check_can_bind(f, options, &b));
	/* what nothing could be verified with must not be kept */
	TRY(trust_verifier(f, &b, 0, BY_ANYBODY, &verifier));
	b.model = strdup(model);
	if (!b.model)
		TRY(fault_nomem(f));
	TRY(trust_store_add(f, &everywhere, &b));
out:
	verifier_free(&verifier);
	binding_free(&b);
	return err;
}

coffer_err
coffer_trust_remove(struct coffer_ctx *ctx, const char *model)
{
	return trust_store_remove(ctx_begin(ctx), &everywhere, model);
}

/* ---- list, show ---- */

static const enum coffer_method methods[] = {
	[BINDING_KEY] = COFFER_METHOD_KEY,
	[BINDING_CERTIFICATE] = COFFER_METHOD_CERTIFICATE,
	[BINDING_SIGSTORE] = COFFER_METHOD_SIGSTORE,
};

static coffer_err
describe(struct fault *f, const struct trust_binding *b, char **out)
{
	struct buf who = BUF_INIT(WHO_MAX);
	coffer_err err;

	TRY(trust_describe(f, b, &who));
	*out = strndup((const char *)who.p, who.len);
	if (!*out)
		TRY(fault_nomem(f));
out:
	buf_free(&who);
	return err;
}

/* @out owns its texts, after a failure too. */
static coffer_err export(struct fault *f, const struct stored *s, struct coffer_binding *out)
{
	char *who = NULL;
	coffer_err err;

	*out = (struct coffer_binding){
		.model = strdup(s->binding.model),
		.method = methods[s->binding.method],
		.path = strdup(s->path),
		.is_system = s->is_system,
		.is_overruled = s->is_overruled,
	};
	if (!out->model || !out->path)
		return fault_nomem(f);
	err = describe(f, &s->binding, &who);
	out->who = who;
	return err == COFFER_OK ? err : fault_prefix(f, "%s", s->path);
}

struct list {
	struct coffer_binding *v;
	size_t n;
};

static coffer_err
append(void *arg, struct fault *f, const struct stored *s)
{
	struct list *l = arg;
	struct coffer_binding *v = reallocarray(l->v, l->n + 1, sizeof(*v));

	if (!v)
		return fault_nomem(f);
	l->v = v;
	return export(f, s, &l->v[l->n++]);
}

coffer_err
coffer_trust_list(struct coffer_ctx *ctx, struct coffer_binding **list_out, size_t *n_out)
{
	struct list l = {.v = NULL, .n = 0};
	coffer_err err;

	*list_out = NULL;
	*n_out = 0;
	TRY(trust_store_each(ctx_begin(ctx), &everywhere, append, &l));
	*list_out = l.v;
	*n_out = l.n;
	l.v = NULL;
out:
	coffer_trust_list_free(&l.v, l.n);
	return err;
}

coffer_err
coffer_trust_show(struct coffer_ctx *ctx, const char *model, struct coffer_binding **binding_out)
{
	struct fault *f = ctx_begin(ctx);
	struct list l = {.v = NULL, .n = 0};
	struct stored s = {.path = NULL};
	coffer_err err;

	*binding_out = NULL;
	TRY(trust_store_find(f, &everywhere, model, &s));
	TRY(append(&l, f, &s));
	*binding_out = l.v;
	l.v = NULL;
out:
	coffer_trust_list_free(&l.v, l.n);
	stored_free(&s);
	return err;
}

static void
drop(const char *text)
{
	free((void *)(uintptr_t)text);
}

void
coffer_trust_list_free(struct coffer_binding **list, size_t n)
{
	for (size_t i = 0; *list && i < n; i++) {
		drop((*list)[i].model);
		drop((*list)[i].who);
		drop((*list)[i].path);
	}
	free(*list);
	*list = NULL;
}
