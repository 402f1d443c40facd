/* SPDX-License-Identifier: Apache-2.0 */
#include "key/azurekms.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/enc.h"
#include "base/num.h"
#include "key/azure_token.h"
#include "key/envelope.h"

#define KIND "azurekms"
#define SERVICE "Azure Key Vault"
#define API "?api-version=7.4"
#define NAME_MAX_LEN 127
#define VERSION_LEN_MAX 64
#define IV_LEN 12
#define TAG_LEN 16
#define KW_LEN (ENVELOPE_LEN + 8)
#define BODY_MAX (ENC_B64_LEN(LIMIT_BINDING) + ENC_B64_LEN(LIMIT_WRAPPED) + 512)

enum alg { ALG_UNKNOWN, ALG_RSA, ALG_GCM, ALG_KW };

static const struct {
	const char *name, *wrap, *unwrap;
} algs[] = {
	[ALG_RSA] = {"RSA-OAEP-256", "wrapkey", "unwrapkey"},
	[ALG_GCM] = {"A256GCM", "encrypt", "decrypt"},
	[ALG_KW] = {"A256KW", "wrapkey", "unwrapkey"},
};

struct azurekms {
	char host[AZURE_HOST_MAX + 1];
	char name[NAME_MAX_LEN + 1];
	char version[VERSION_LEN_MAX + 1]; /* empty: the newest */
	char id[RECIPIENT_ID_MAX + 1];	   /* https://HOST/keys/NAME */
	bool is_hsm;
	atomic_int alg; /* of a Managed HSM: ALG_UNKNOWN until it was asked */
	struct bearer *bearer;
};

/* ---- the name ---- */

static bool
is_made_of(struct view v, const char *others, size_t max)
{
	for (size_t i = 0; i < v.len; i++)
		if (!((v.p[i] >= 'a' && v.p[i] <= 'z') || (v.p[i] >= 'A' && v.p[i] <= 'Z') ||
		      (v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] != '\0' && strchr(others, v.p[i]))))
			return false;
	return v.len > 0 && v.len <= max;
}

static bool
is_version(const char *text)
{
	return is_made_of(view_str(text), "", VERSION_LEN_MAX);
}

/* what stands before the next slash, which is taken away with it */
static struct view
take_part(struct view *v)
{
	const uint8_t *slash = v->len > 0 ? memchr(v->p, '/', v->len) : NULL;
	struct view part = view_of(v->p, slash ? (size_t)(slash - v->p) : v->len);

	v->p += part.len + (slash ? 1 : 0);
	v->len -= part.len + (slash ? 1 : 0);
	return part;
}

/* A vault's name, or a host, maybe with a port; in lower case, so that one vault has one id. */
static bool
set_host(struct azurekms *a, struct view vault)
{
	bool is_host = memchr(vault.p, '.', vault.len) || memchr(vault.p, ':', vault.len);

	if (!is_made_of(vault, is_host ? "-.:" : "-", is_host ? AZURE_HOST_MAX : NAME_MAX_LEN))
		return false;
	(void)snprintf(a->host, sizeof(a->host), "%.*s%s", (int)vault.len, (const char *)vault.p,
		       is_host ? "" : ".vault.azure.net");
	for (char *c = a->host; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
	a->is_hsm = strstr(a->host, ".managedhsm.") != NULL;
	return true;
}

static bool
parse(const char *rest, struct azurekms *a)
{
	struct view v = view_str(rest), vault = take_part(&v), name = take_part(&v), version = v;

	if (vault.len == 0 || !set_host(a, vault) || !is_made_of(name, "-", NAME_MAX_LEN) ||
	    rest[strlen(rest) - 1] == '/' || (version.len > 0 && !is_made_of(version, "", VERSION_LEN_MAX)))
		return false;
	(void)snprintf(a->name, sizeof(a->name), "%.*s", (int)name.len, (const char *)name.p);
	(void)snprintf(a->version, sizeof(a->version), "%.*s", (int)version.len, (const char *)version.p);
	(void)snprintf(a->id, sizeof(a->id), "https://%s/keys/%s", a->host, a->name);
	return true;
}

/* ---- a request ---- */

/* {"error": {"code": …, "message": …, "innererror": {"code": …}}} */
static enum remote_said
judge(const struct http_reply *reply, const struct doc *answer, const char **words_out)
{
	const struct doc *error = doc_get(answer, "error");
	const char *inner = doc_text(doc_get(doc_get(error, "innererror"), "code"), 1, 64);

	*words_out = remote_words(doc_get(error, "message"));
	if (reply->status == 401)
		return REMOTE_EXPIRED;
	if (reply->status == 403 && inner && strncmp(inner, "Key", 3) == 0)
		return REMOTE_NO_KEY; /* KeyDisabled, KeyExpired, KeyNotYetValid */
	if (reply->status == 403)
		return REMOTE_REFUSED;
	/* 409: the key was deleted, and can be recovered */
	if (reply->status == 404 || reply->status == 409)
		return REMOTE_NO_KEY;
	if (reply->status == 429)
		return REMOTE_BUSY;
	return reply->status >= 500 ? REMOTE_DOWN : REMOTE_ODD;
}

/* A 400: what was to be unwrapped is not what this version of the key wrapped, with this data. */
static enum remote_said
judge_unwrap(const struct http_reply *reply, const struct doc *answer, const char **words_out)
{
	enum remote_said said = judge(reply, answer, words_out);
	const char *code = doc_text(doc_get(doc_get(answer, "error"), "code"), 1, 64);

	return said == REMOTE_ODD && reply->status == 400 && code && strcmp(code, "BadParameter") == 0 ? REMOTE_BAD_WRAP
												       : said;
}

/* struct call - one request, and its credential */
struct call {
	const struct azurekms *key;
	struct bearer_use use;
};

static coffer_err
add_credential(void *user, struct fault *f, struct http_request *request, bool fresh)
{
	static const char *const headers[] = {"Content-Type: application/json"};
	struct call *c = user;
	coffer_err err;

	TRY(bearer_take(f, c->key->bearer, fresh, request->timeout_ms, &c->use));
	request->bearer = &c->use.text;
	request->headers = headers;
	request->n_headers = 1;
out:
	return err;
}

/* struct ask - what is asked of the key */
struct ask {
	const char *method;
	const char *version; /* NULL: the path ends with the key's name, and @verb */
	const char *verb;    /* «/wrapkey», or the empty string */
	struct view body;
	enum remote_said (*judge)(const struct http_reply *, const struct doc *, const char **);
};

static coffer_err
ask(struct fault *f, const struct azurekms *a, const struct ask *q, struct doc **answer_out)
{
	struct call call = {.key = a, .use = BEARER_USE_INIT};
	const struct remote remote = {
		.name = SERVICE, .judge = q->judge ? q->judge : judge, .sign = add_credential, .user = &call};
	struct http_request r = {.method = q->method, .body = q->body, .max_body = LIMIT_ANSWER};
	char path[NAME_MAX_LEN + RECIPIENT_VERSION_MAX + 64], *url = NULL;
	coffer_err err;

	*answer_out = NULL;
	/* the newest version is an empty part of the path: keys/NAME//wrapkey */
	(void)snprintf(path, sizeof(path), "keys/%s%s%s%s" API, a->name, q->version ? "/" : "",
		       q->version ? q->version : "", q->verb);
	TRY(azure_url(f, a->host, path, &url));
	r.url = url;
	err = remote_call(f, &remote, &r, answer_out);
	if (err)
		(void)fault_prefix(f, "%s", a->name);
out:
	bearer_use_free(&call.use);
	free(url);
	return err;
}

/* The version in «kid», when that is this key: by the vault's own name, or by the one that it is asked under. */
static coffer_err
read_kid(struct fault *f, const struct azurekms *a, const struct doc *kid, const char **version_out)
{
	const char *text = doc_text(kid, 1, LIMIT_URL);
	char *asked = NULL, path[NAME_MAX_LEN + 8];
	size_t len;
	coffer_err err;

	*version_out = NULL;
	(void)snprintf(path, sizeof(path), "keys/%s", a->name);
	TRY(azure_url(f, a->host, path, &asked));
	len = text && strncasecmp(text, a->id, strlen(a->id)) == 0 ? strlen(a->id) : strlen(asked);
	if (text && (strncasecmp(text, a->id, len) == 0 || strncasecmp(text, asked, len) == 0) && text[len] == '/' &&
	    is_version(text + len + 1))
		*version_out = text + len + 1;
	else
		err = fault_set(f, COFFER_E_UNAVAILABLE,
				SERVICE
				" answered for another key than %s; check COFFER_AZUREKMS_ENDPOINT, and for a proxy "
				"on the way",
				a->id);
out:
	free(asked);
	return err;
}

/* ---- by what to wrap ---- */

static bool
may(const struct doc *operations, const char *name)
{
	for (size_t i = 0; i < doc_size(operations); i++) {
		const char *one = doc_text(doc_at(operations, i), 1, 64);

		if (one && strcmp(one, name) == 0)
			return true;
	}
	return false;
}

static enum alg
alg_of(const struct doc *key)
{
	const char *kind = doc_text(doc_get(key, "kty"), 1, 64);
	const struct doc *operations = doc_get(key, "key_ops");

	if (kind && strncmp(kind, "RSA", 3) == 0)
		return ALG_RSA;
	if (!kind || strncmp(kind, "oct", 3) != 0)
		return ALG_UNKNOWN;
	return may(operations, "encrypt") && may(operations, "decrypt") ? ALG_GCM : ALG_KW;
}

static coffer_err
no_alg(struct fault *f, const struct azurekms *a)
{
	return fault_set(f, COFFER_E_KEY, "%s can wrap nothing: a key of kind RSA, RSA-HSM or oct-HSM can", a->id);
}

/* Vaults have RSA keys; a Managed HSM is asked, once. */
static coffer_err
choose(struct fault *f, struct azurekms *a, enum alg *out)
{
	struct doc *answer = NULL;
	coffer_err err = COFFER_OK;

	*out = a->is_hsm ? (enum alg)atomic_load(&a->alg) : ALG_RSA;
	if (*out != ALG_UNKNOWN)
		return COFFER_OK;
	TRY(ask(f, a, &(struct ask){.method = "GET", .version = a->version[0] ? a->version : NULL, .verb = ""},
		&answer));
	*out = alg_of(doc_get(answer, "key"));
	if (*out == ALG_UNKNOWN)
		TRY(no_alg(f, a));
	atomic_store(&a->alg, (int)*out);
out:
	doc_free(&answer);
	return err;
}

/* ---- what is sent: {"alg": …, "value": …}, and for A256GCM "aad", "iv" and "tag" ---- */

struct body {
	struct secret mem;
	size_t used;
};

static void
put(struct body *b, const char *text)
{
	b->used += (size_t)snprintf((char *)b->mem.p + b->used, b->mem.len - b->used, "%s", text);
}

static void
put_member(struct body *b, const char *name, struct view bytes)
{
	put(b, ",\"");
	put(b, name);
	put(b, "\":\"");
	enc_b64url(bytes.p, bytes.len, (char *)b->mem.p + b->used);
	b->used += strlen((const char *)b->mem.p + b->used);
	put(b, "\"");
}

static coffer_err
begin_body(struct fault *f, struct body *b, enum alg alg, const struct binding *binding)
{
	coffer_err err;

	if (binding->text.len > LIMIT_BINDING)
		return fault_set(f, COFFER_E_INTERNAL, "too much to send to " SERVICE);
	TRY(secret_new(f, &b->mem, BODY_MAX));
	put(b, "{\"alg\":\"");
	put(b, algs[alg].name);
	put(b, "\"");
	if (alg == ALG_GCM)
		put_member(b, "aad", binding->text);
out:
	return err;
}

static struct view
end_body(struct body *b)
{
	put(b, "}");
	return view_of(b->mem.p, b->used);
}

/* ---- wrapping ---- */

/* append the bytes of @d to what @out holds */
static bool
add_wrapped(const struct doc *d, struct recipient *out)
{
	const char *text = doc_text(d, 1, ENC_B64_LEN(LIMIT_WRAPPED));
	size_t len;

	if (!text || !dec_b64url(text, strlen(text), out->wrapped + out->wrapped_len,
				 sizeof(out->wrapped) - out->wrapped_len, &len))
		return false;
	out->wrapped_len += len;
	return true;
}

static bool
read_wrapped(enum alg alg, const struct doc *answer, struct recipient *out)
{
	out->wrapped_len = 0;
	if (alg == ALG_GCM && (!add_wrapped(doc_get(answer, "iv"), out) || out->wrapped_len != IV_LEN))
		return false;
	if (!add_wrapped(doc_get(answer, "value"), out))
		return false;
	if (alg == ALG_GCM)
		return add_wrapped(doc_get(answer, "tag"), out) && out->wrapped_len == IV_LEN + ENVELOPE_LEN + TAG_LEN;
	return alg != ALG_KW || out->wrapped_len == KW_LEN;
}

static coffer_err
wrap_envelope(struct fault *f, const struct azurekms *a, enum alg alg, const uint8_t envelope[static ENVELOPE_LEN],
	      const struct binding *binding, struct recipient *out)
{
	struct body body = {.mem = SECRET_INIT};
	struct doc *answer = NULL;
	const char *version;
	char verb[16];
	coffer_err err;

	(void)snprintf(verb, sizeof(verb), "/%s", algs[alg].wrap);
	TRY(begin_body(f, &body, alg, binding));
	put_member(&body, "value", view_of(envelope, ENVELOPE_LEN));
	TRY(ask(f, a, &(struct ask){.method = "POST", .version = a->version, .verb = verb, .body = end_body(&body)},
		&answer));
	TRY(read_kid(f, a, doc_get(answer, "kid"), &version));
	if (a->version[0] && strcasecmp(a->version, version) != 0)
		TRY(fault_set(f, COFFER_E_UNAVAILABLE, SERVICE " wrapped with version %s of %s, not %s", version, a->id,
			      a->version));
	if (!read_wrapped(alg, answer, out))
		TRY(fault_set(f, COFFER_E_UNAVAILABLE, "the answer of " SERVICE " is no wrapped key"));
	(void)snprintf(out->version, sizeof(out->version), "%s", version);
out:
	doc_free(&answer);
	secret_free(&body.mem);
	return err;
}

static coffer_err
wrap(void *self, struct fault *f, const uint8_t dek[DEK_LEN], const struct binding *binding, struct recipient *out)
{
	struct azurekms *a = self;
	uint8_t envelope[ENVELOPE_LEN];
	enum alg alg;
	coffer_err err;

	TRY(choose(f, a, &alg));
	TRY(envelope_make(f, KIND, dek, binding, envelope));
	TRY(wrap_envelope(f, a, alg, envelope, binding, out));
	(void)snprintf(out->kind, sizeof(out->kind), KIND);
	(void)snprintf(out->id, sizeof(out->id), "%s", a->id);
	(void)snprintf(out->alg, sizeof(out->alg), "%s", algs[alg].name);
out:
	mem_wipe(envelope, sizeof(envelope));
	return err;
}

/* ---- unwrapping ---- */

static bool
matches(void *self, const struct recipient *in)
{
	const struct azurekms *a = self;

	return strcmp(in->kind, KIND) == 0 &&
	       strcasecmp(in->id, a->id) == 0; /* names of vaults and keys have no case */
}

/* What a recipient says comes from whoever wrote the file: only what coffer writes is sent on. */
static coffer_err
check(struct fault *f, const struct recipient *in, enum alg *out)
{
	size_t n = sizeof(algs) / sizeof(algs[0]), i = ALG_RSA;

	while (i < n && strcmp(algs[i].name, in->alg) != 0)
		i++;
	*out = i < n ? (enum alg)i : ALG_UNKNOWN;
	if (i == n)
		return fault_set(f, COFFER_E_UNSUPPORTED,
				 "the key was wrapped by «%s»; RSA-OAEP-256, A256GCM and A256KW are known", in->alg);
	if (!is_version(in->version) || (*out == ALG_GCM && in->wrapped_len != IV_LEN + ENVELOPE_LEN + TAG_LEN))
		return fault_set(f, COFFER_E_AUTH, "the recipient is not one that coffer made for " SERVICE);
	return COFFER_OK;
}

static void
put_wrapped(struct body *b, enum alg alg, const struct recipient *in)
{
	struct view v = view_of(in->wrapped, in->wrapped_len), iv, value, tag;

	if (alg == ALG_GCM && view_take(&v, IV_LEN, &iv) && view_take(&v, ENVELOPE_LEN, &value) &&
	    view_take(&v, TAG_LEN, &tag)) {
		put_member(b, "iv", iv);
		put_member(b, "value", value);
		put_member(b, "tag", tag);
	} else {
		put_member(b, "value", v);
	}
}

static coffer_err
unwrap_envelope(struct fault *f, const struct azurekms *a, enum alg alg, const struct recipient *in,
		const struct binding *binding, struct secret *out)
{
	static const struct remote remote = {.name = SERVICE};
	struct body body = {.mem = SECRET_INIT};
	struct doc *answer = NULL;
	const char *version;
	char verb[16];
	coffer_err err;

	(void)snprintf(verb, sizeof(verb), "/%s", algs[alg].unwrap);
	TRY(begin_body(f, &body, alg, binding));
	put_wrapped(&body, alg, in);
	TRY(ask(f, a,
		&(struct ask){.method = "POST",
			      .version = in->version,
			      .verb = verb,
			      .body = end_body(&body),
			      .judge = judge_unwrap},
		&answer));
	TRY(read_kid(f, a, doc_get(answer, "kid"), &version));
	if (strcasecmp(in->version, version) != 0)
		TRY(fault_set(f, COFFER_E_UNAVAILABLE, SERVICE " unwrapped with version %s of %s, not %s", version,
			      a->id, in->version));
	TRY(remote_secret(f, &remote, doc_get(answer, "value"), LIMIT_WRAPPED, out));
out:
	doc_free(&answer);
	secret_free(&body.mem);
	return err;
}

static coffer_err
unwrap(void *self, struct fault *f, const struct recipient *in, const struct binding *binding, uint8_t dek_out[DEK_LEN])
{
	const struct azurekms *a = self;
	struct secret envelope = SECRET_INIT;
	enum alg alg;
	coffer_err err;

	if (!matches(self, in))
		return fault_set(f, COFFER_E_NOKEY, "the model was not sealed for %s", a->id);
	TRY(check(f, in, &alg));
	TRY(unwrap_envelope(f, a, alg, in, binding, &envelope));
	TRY(envelope_open(f, KIND, view_of(envelope.p, envelope.len), binding, dek_out));
out:
	secret_free(&envelope);
	return err;
}

/* ---- versions ---- */

/* @bundle: {"key": {…}, "attributes": {…}} */
static coffer_err
read_state(struct fault *f, const struct azurekms *a, const struct doc *bundle, struct key_state *out)
{
	const struct doc *key = doc_get(bundle, "key"), *attributes = doc_get(bundle, "attributes");
	uint64_t now = (uint64_t)time(NULL), created = 0, begins = 0, ends = UINT64_MAX;
	enum alg alg = alg_of(key);
	bool enabled = false;
	const char *version;
	coffer_err err;

	TRY(read_kid(f, a, doc_get(key, "kid"), &version));
	(void)doc_bool(doc_get(attributes, "enabled"), &enabled);
	(void)doc_number(doc_get(attributes, "created"), 0, DOC_NUMBER_MAX, &created);
	(void)doc_number(doc_get(attributes, "nbf"), 0, DOC_NUMBER_MAX, &begins);
	(void)doc_number(doc_get(attributes, "exp"), 0, DOC_NUMBER_MAX, &ends);
	(void)snprintf(out->id, sizeof(out->id), "%s", a->id);
	(void)snprintf(out->version, sizeof(out->version), "%s", version);
	(void)snprintf(out->alg, sizeof(out->alg), "%s", alg == ALG_UNKNOWN ? "" : algs[alg].name);
	out->created = (int64_t)created;
	out->usable = enabled && begins <= now && now < ends;
out:
	return err;
}

static coffer_err
ask_state(struct fault *f, const struct azurekms *a, const struct ask *q, struct key_state *out)
{
	struct doc *answer = NULL;
	coffer_err err;

	*out = (struct key_state){.usable = false};
	TRY(ask(f, a, q, &answer));
	TRY(read_state(f, a, answer, out));
out:
	doc_free(&answer);
	return err;
}

static coffer_err
state(void *self, struct fault *f, struct key_state *out)
{
	const struct azurekms *a = self;

	return ask_state(f, a, &(struct ask){.method = "GET", .version = a->version[0] ? a->version : NULL, .verb = ""},
			 out);
}

static coffer_err
rotate(void *self, struct fault *f, struct key_state *out)
{
	const struct azurekms *a = self;

	*out = (struct key_state){.usable = false};
	if (a->version[0])
		return fault_set(f, COFFER_E_USAGE,
				 "azurekms://%s/%s/%s names one version; leave it out to rotate the key", a->host,
				 a->name, a->version);
	return ask_state(f, a, &(struct ask){.method = "POST", .verb = "/rotate", .body = view_str("{}")}, out);
}

/* ---- the provider ---- */

static void
free_azurekms(void *self)
{
	struct azurekms *a = self;

	if (!a)
		return;
	bearer_put(&a->bearer);
	free(a);
}

coffer_err
azurekms_new(struct fault *f, const struct key_env *env, const char *rest, void **self_out)
{
	struct azurekms *a = calloc(1, sizeof(*a));
	coffer_err err = COFFER_OK;

	(void)env;
	*self_out = NULL;
	if (!a)
		return fault_nomem(f);
	atomic_init(&a->alg, ALG_UNKNOWN);
	if (!parse(rest, a))
		TRY(fault_set(f, COFFER_E_USAGE,
			      "«azurekms://%.200s» names no key: azurekms://VAULT/KEY, and /VERSION behind it for one "
			      "version; a KEY has letters, digits and -, at most %d",
			      rest, NAME_MAX_LEN));
	TRY(azure_token_get(f, a->host, &a->bearer));
	*self_out = a;
	a = NULL;
out:
	free_azurekms(a);
	return err;
}

const struct key_provider azurekms_provider = {
	.kind = KIND,
	.is_service = true,
	.wrap = wrap,
	.unwrap = unwrap,
	.matches = matches,
	.rotate = rotate,
	.state = state,
	.free = free_azurekms,
};
