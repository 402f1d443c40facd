/* SPDX-License-Identifier: Apache-2.0 */
#include "key/hashivault.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "key/body.h"
#include "key/envelope.h"
#include "key/vault.h"
#include "key/vault_uri.h"

#define KIND "hashivault"
#define PREFIX "vault:v"
#define WITH_CONTEXT "+context"
#define WITH_AAD "+aad"
#define PATH_CAP (2 * VAULT_NAME_MAX + 32)
#define TYPE_MAX 32
#define CREATED_MAX (INT64_C(253402300799)) /* the year 9999 */

struct transit_key {
	struct vault *vault;
	char namespace[VAULT_NAMESPACE_MAX + 1];
	char mount[VAULT_NAME_MAX + 1];
	char name[VAULT_NAME_MAX + 1];
	char id[RECIPIENT_ID_MAX + 1];
	enum vault_bind bind;

	pthread_mutex_t lock;
	char alg[RECIPIENT_ALG_MAX + 1]; /* under lock; empty until the server said that the key is fit to wrap with */
};

static void
free_key(void *self)
{
	struct transit_key *k = self;

	if (!k)
		return;
	vault_close(&k->vault);
	(void)pthread_mutex_destroy(&k->lock);
	free(k);
}

coffer_err
hashivault_new(struct fault *f, const struct key_env *env, const char *rest, void **self_out)
{
	struct transit_key *k = calloc(1, sizeof(*k));
	struct transit_uri uri;
	coffer_err err;

	(void)env;
	*self_out = NULL;
	if (!k)
		return fault_nomem(f);
	(void)pthread_mutex_init(&k->lock, NULL);
	TRY(transit_uri_parse(f, rest, &uri));
	TRY(vault_open(f, &k->vault));
	(void)snprintf(k->namespace, sizeof(k->namespace), "%s",
		       uri.namespace[0] ? uri.namespace : vault_namespace(k->vault));
	(void)snprintf(k->mount, sizeof(k->mount), "%s", uri.mount);
	(void)snprintf(k->name, sizeof(k->name), "%s", uri.key);
	(void)snprintf(k->id, sizeof(k->id), "%s%s%s/%s", k->namespace, k->namespace[0] ? "/" : "", k->mount, k->name);
	k->bind = uri.bind;
	*self_out = k;
	k = NULL;
out:
	free_key(k);
	return err;
}

static bool
matches(void *self, const struct recipient *in)
{
	const struct transit_key *k = self;

	return strcmp(in->kind, KIND) == 0 && strcmp(in->id, k->id) == 0;
}

/* ---- requests ---- */

static coffer_err
call(struct fault *f, const struct transit_key *k, const char *method, const char *verb, const char *behind,
     struct view body, enum vault_accept accept, struct doc **out)
{
	char path[PATH_CAP];

	(void)snprintf(path, sizeof(path), "%s/%s/%s%s", k->mount, verb, k->name, behind);
	return vault_call(
		f, k->vault,
		&(struct vault_request){
			.method = method, .path = path, .namespace = k->namespace, .body = body, .accept = accept},
		out);
}

static coffer_err
post(struct fault *f, const struct transit_key *k, const char *verb, struct body *body, struct doc **out)
{
	return call(f, k, "POST", verb, "", body_end(body), VAULT_SUCCESS, out);
}

/* ---- what the server tells of the key ---- */

struct facts {
	char type[TYPE_MAX + 1];
	uint64_t latest;
	int64_t created;
	bool derived, usable;
};

static coffer_err
read_facts(struct fault *f, const struct transit_key *k, const struct doc *data, struct facts *out)
{
	const char *type = doc_text(doc_get(data, "type"), 1, TYPE_MAX);
	bool encrypts = false, deleted = false;
	uint64_t created = 0;
	char latest[24];

	if (!type || !doc_number(doc_get(data, "latest_version"), 1, UINT32_MAX, &out->latest))
		return fault_set(f, COFFER_E_UNAVAILABLE, "Vault at %s did not say what the key %s is",
				 vault_host(k->vault), k->id);
	(void)snprintf(latest, sizeof(latest), "%llu", (unsigned long long)out->latest);
	/* of a key pair it is an object, and no time that is needed here */
	(void)doc_number(doc_get(doc_get(data, "keys"), latest), 0, CREATED_MAX, &created);
	(void)doc_bool(doc_get(data, "derived"), &out->derived);
	(void)doc_bool(doc_get(data, "supports_encryption"), &encrypts);
	(void)doc_bool(doc_get(data, "soft_deleted"), &deleted);
	(void)snprintf(out->type, sizeof(out->type), "%s", type);
	out->created = (int64_t)created;
	out->usable = encrypts && !deleted;
	return COFFER_OK;
}

static coffer_err
no_key(struct fault *f, const struct transit_key *k)
{
	return fault_set(f, COFFER_E_REFUSED, "Vault at %s has no key %s; make it with «vault write -f %s/keys/%s%s»",
			 vault_host(k->vault), k->id, k->mount, k->name,
			 k->bind == VAULT_BIND_CONTEXT ? " derived=true" : "");
}

static coffer_err
ask_facts(struct fault *f, const struct transit_key *k, struct facts *out)
{
	struct doc *answer = NULL;
	const struct doc *data;
	coffer_err err;

	*out = (struct facts){.usable = false};
	TRY(call(f, k, "GET", "keys", "", view_of(NULL, 0), VAULT_OR_MISSING, &answer));
	data = doc_get(answer, "data");
	TRY(doc_is_object(data) ? read_facts(f, k, data, out) : no_key(f, k));
out:
	doc_free(&answer);
	return err;
}

/* transit takes a context for a key that is not derived, and ignores it. */
static coffer_err
check_bind(struct fault *f, const struct transit_key *k, const struct facts *facts)
{
	if (!facts->usable)
		return fault_set(f, COFFER_E_REFUSED,
				 "the key %s of Vault, %s, does not encrypt: it is of another use, or deleted", k->id,
				 facts->type);
	if (k->bind == VAULT_BIND_CONTEXT && !facts->derived)
		return fault_set(f, COFFER_E_KEY,
				 "the key %s of Vault is not derived, so it would open for any model; make one with "
				 "«vault write -f %s/keys/NAME derived=true», or bind by associated data with "
				 "hashivault://%s?bind=aad",
				 k->id, k->mount, k->name);
	if (k->bind == VAULT_BIND_AAD && facts->derived)
		return fault_set(f, COFFER_E_KEY,
				 "the key %s of Vault is derived, and bind=aad is for keys that are not; leave "
				 "bind=aad out",
				 k->id);
	return COFFER_OK;
}

/*
 * Encrypting makes a key that is not there, for a token that may create it, so whoever wraps looks first.  Once: a key stays as it is made.
 */
static coffer_err
check_key(struct fault *f, struct transit_key *k, char alg_out[static RECIPIENT_ALG_MAX + 1])
{
	struct facts facts;
	coffer_err err = COFFER_OK;

	(void)pthread_mutex_lock(&k->lock);
	if (k->alg[0] == '\0') {
		TRY(ask_facts(f, k, &facts));
		TRY(check_bind(f, k, &facts));
		(void)snprintf(k->alg, sizeof(k->alg), "%s%s", facts.type,
			       k->bind == VAULT_BIND_AAD ? WITH_AAD : WITH_CONTEXT);
	}
	memcpy(alg_out, k->alg, sizeof(k->alg));
out:
	(void)pthread_mutex_unlock(&k->lock);
	return err;
}

/* ---- wrapping ---- */

static coffer_err
take_ciphertext(struct fault *f, const struct transit_key *k, const struct doc *answer, struct recipient *out)
{
	const char *text = doc_text(doc_get(doc_get(answer, "data"), "ciphertext"), 1, sizeof(out->wrapped));
	const char *version = text && strncmp(text, PREFIX, strlen(PREFIX)) == 0 ? text + strlen(PREFIX) : "";
	size_t digits = strspn(version, "0123456789");

	if (digits < 1 || digits > 9 || version[digits] != ':')
		return fault_set(f, COFFER_E_UNAVAILABLE,
				 "Vault at %s answered with no ciphertext of transit, «vault:v1:…»",
				 vault_host(k->vault));
	(void)snprintf(out->kind, sizeof(out->kind), KIND);
	(void)snprintf(out->id, sizeof(out->id), "%s", k->id);
	(void)snprintf(out->version, sizeof(out->version), "%.*s", (int)digits, version);
	out->wrapped_len = strlen(text);
	memcpy(out->wrapped, text, out->wrapped_len);
	return COFFER_OK;
}

static coffer_err
new_body(struct fault *f, enum vault_bind bind, const struct binding *binding, size_t more, struct body *body)
{
	coffer_err err;

	TRY(body_new(f, body, BODY_B64_MAX(binding->text.len) + more));
	TRY(body_b64(f, body, bind == VAULT_BIND_AAD ? "associated_data" : "context", binding->text));
out:
	return err;
}

static coffer_err
encrypt(struct fault *f, const struct transit_key *k, const uint8_t envelope[static ENVELOPE_LEN],
	const struct binding *binding, struct recipient *out)
{
	struct body body = BODY_INIT;
	struct doc *answer = NULL;
	coffer_err err;

	TRY(new_body(f, k->bind, binding, BODY_B64_MAX(ENVELOPE_LEN), &body));
	TRY(body_b64(f, &body, "plaintext", view_of(envelope, ENVELOPE_LEN)));
	TRY(post(f, k, "encrypt", &body, &answer));
	TRY(take_ciphertext(f, k, answer, out));
out:
	doc_free(&answer);
	body_free(&body);
	return err;
}

static coffer_err
wrap(void *self, struct fault *f, const uint8_t dek[DEK_LEN], const struct binding *binding, struct recipient *out)
{
	struct transit_key *k = self;
	uint8_t envelope[ENVELOPE_LEN];
	coffer_err err;

	TRY(check_key(f, k, out->alg));
	TRY(envelope_make(f, KIND, dek, binding, envelope));
	TRY(encrypt(f, k, envelope, binding, out));
out:
	mem_wipe(envelope, sizeof(envelope));
	return err;
}

/* ---- unwrapping ---- */

/* How it was wrapped decides, whatever the URI says: neither is weaker, and the envelope is bound besides. */
static coffer_err
bind_of(struct fault *f, const struct recipient *in, enum vault_bind *out)
{
	const char *plus = strrchr(in->alg, '+');

	*out = plus && strcmp(plus, WITH_AAD) == 0 ? VAULT_BIND_AAD : VAULT_BIND_CONTEXT;
	if (!plus || (strcmp(plus, WITH_AAD) != 0 && strcmp(plus, WITH_CONTEXT) != 0))
		return fault_set(f, COFFER_E_AUTH,
				 "the recipient of %s says that it was wrapped by «%s», which transit has not", in->id,
				 in->alg);
	return COFFER_OK;
}

static coffer_err
add_ciphertext(struct fault *f, struct body *body, const struct recipient *in)
{
	for (size_t i = 0; i < in->wrapped_len; i++)
		if (in->wrapped[i] <= ' ' || in->wrapped[i] > '~')
			return fault_set(f, COFFER_E_AUTH,
					 "what is wrapped for %s is no ciphertext of transit: it is damaged", in->id);
	return body_text(f, body, "ciphertext", view_of(in->wrapped, in->wrapped_len));
}

static coffer_err
decrypt(struct fault *f, const struct transit_key *k, const struct recipient *in, const struct binding *binding,
	struct secret *out)
{
	struct body body = BODY_INIT;
	struct doc *answer = NULL;
	enum vault_bind bind;
	coffer_err err;

	TRY(bind_of(f, in, &bind));
	TRY(new_body(f, bind, binding, BODY_TEXT_MAX(in->wrapped_len), &body));
	TRY(add_ciphertext(f, &body, in));
	TRY(post(f, k, "decrypt", &body, &answer));
	TRY(remote_secret(f, &vault_remote, doc_get(doc_get(answer, "data"), "plaintext"), ENVELOPE_LEN, out));
out:
	doc_free(&answer);
	body_free(&body);
	return err;
}

static coffer_err
unwrap(void *self, struct fault *f, const struct recipient *in, const struct binding *binding, uint8_t dek_out[DEK_LEN])
{
	const struct transit_key *k = self;
	struct secret envelope = SECRET_INIT;
	coffer_err err;

	memset(dek_out, 0, DEK_LEN);
	if (!matches(self, in))
		return fault_set(f, COFFER_E_NOKEY, "it is wrapped by the key %s of Vault, not by %s", in->id, k->id);
	TRY(decrypt(f, k, in, binding, &envelope));
	TRY(envelope_open(f, KIND, view_of(envelope.p, envelope.len), binding, dek_out));
out:
	secret_free(&envelope);
	return err;
}

/* ---- rotation ---- */

/* transit's rewrap takes no associated data (hashicorp/vault 29532) */
static bool
can_rewrap(void *self, void *from, const struct recipient *in)
{
	const struct transit_key *k = self, *old = from;
	enum vault_bind bind;

	return old->vault == k->vault && matches(self, in) && matches(from, in) && k->bind == VAULT_BIND_CONTEXT &&
	       bind_of(NULL, in, &bind) == COFFER_OK && bind == VAULT_BIND_CONTEXT;
}

static coffer_err
rewrap(void *self, struct fault *f, void *from, const struct recipient *in, const struct binding *binding,
       struct recipient *out)
{
	const struct transit_key *k = self;
	struct body body = BODY_INIT;
	struct doc *answer = NULL;
	coffer_err err;

	(void)from;
	TRY(new_body(f, VAULT_BIND_CONTEXT, binding, BODY_TEXT_MAX(in->wrapped_len), &body));
	TRY(add_ciphertext(f, &body, in));
	TRY(post(f, k, "rewrap", &body, &answer));
	TRY(take_ciphertext(f, k, answer, out));
	memcpy(out->alg, in->alg, sizeof(out->alg));
out:
	doc_free(&answer);
	body_free(&body);
	return err;
}

static coffer_err
state(void *self, struct fault *f, struct key_state *out)
{
	const struct transit_key *k = self;
	struct facts facts;
	coffer_err err;

	TRY(ask_facts(f, k, &facts));
	(void)snprintf(out->id, sizeof(out->id), "%s", k->id);
	(void)snprintf(out->version, sizeof(out->version), "%llu", (unsigned long long)facts.latest);
	(void)snprintf(out->alg, sizeof(out->alg), "%s%s", facts.type, facts.derived ? WITH_CONTEXT : WITH_AAD);
	out->created = facts.created;
	out->usable = facts.usable;
out:
	return err;
}

static coffer_err
rotate(void *self, struct fault *f, struct key_state *out)
{
	const struct transit_key *k = self;
	struct doc *answer = NULL;
	coffer_err err;

	TRY(call(f, k, "POST", "keys", "/rotate", view_str("{}"), VAULT_SUCCESS, &answer));
	/* the answer tells the state since Vault 1.13 alone */
	TRY(state(self, f, out));
out:
	doc_free(&answer);
	return err;
}

const struct key_provider hashivault_provider = {
	.kind = KIND,
	.is_service = true,
	.wrap = wrap,
	.unwrap = unwrap,
	.matches = matches,
	.rewrap = rewrap,
	.can_rewrap = can_rewrap,
	.rotate = rotate,
	.state = state,
	.free = free_key,
};
