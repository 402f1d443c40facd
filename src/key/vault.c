/* SPDX-License-Identifier: Apache-2.0 */
#include "key/vault.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "key/vault_login.h"

struct vault {
	struct vault_settings settings;
	size_t users;	    /* under clients_lock */
	struct vault *next; /* likewise */

	pthread_mutex_t lock; /* held while logging in, so that others wait for the same token */
	struct vault_token token;
	uint64_t serial; /* of the token: which one a request had */
};

static pthread_mutex_t clients_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vault *clients;

/* ---- one for all ---- */

static struct vault *
find(const struct vault_settings *settings)
{
	for (struct vault *v = clients; v; v = v->next)
		if (vault_settings_equal(&v->settings, settings))
			return v;
	return NULL;
}

static struct vault *
add(struct vault_settings *settings)
{
	struct vault *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->settings = *settings;
	*settings = (struct vault_settings){.address = NULL};
	(void)pthread_mutex_init(&v->lock, NULL);
	v->next = clients;
	clients = v;
	return v;
}

coffer_err
vault_open(struct fault *f, struct vault **out)
{
	struct vault_settings settings;
	coffer_err err;

	*out = NULL;
	TRY(vault_settings_read(f, &settings));
	(void)pthread_mutex_lock(&clients_lock);
	*out = find(&settings);
	if (!*out)
		*out = add(&settings);
	if (*out)
		(*out)->users++;
	(void)pthread_mutex_unlock(&clients_lock);
	if (!*out)
		err = fault_nomem(f);
	vault_settings_free(&settings);
out:
	return err;
}

static void
take_out(struct vault *v)
{
	struct vault **at = &clients;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
}

void
vault_close(struct vault **client)
{
	struct vault *v = *client;
	bool last;

	*client = NULL;
	if (!v)
		return;
	(void)pthread_mutex_lock(&clients_lock);
	last = --v->users == 0;
	if (last)
		take_out(v);
	(void)pthread_mutex_unlock(&clients_lock);
	if (!last)
		return;
	vault_token_free(&v->token);
	vault_settings_free(&v->settings);
	(void)pthread_mutex_destroy(&v->lock);
	free(v);
}

const char *
vault_namespace(const struct vault *v)
{
	return v->settings.namespace;
}

const char *
vault_host(const struct vault *v)
{
	return v->settings.host ? v->settings.host : "no address";
}

/* ---- its token; all under its lock ---- */

static coffer_err
get_token(struct fault *f, struct vault *v, unsigned int timeout_ms)
{
	struct vault_token token = VAULT_TOKEN_INIT;
	coffer_err err;

	TRY(vault_token_get(f, &v->settings, timeout_ms, &token));
	vault_token_free(&v->token);
	v->token = token;
	v->serial++;
out:
	return err;
}

/* In the child of a fork() it is all zero (mem/secret.h), and as good as none. */
static bool
has_token(const struct vault *v)
{
	return v->token.text.len > 0 && v->token.text.p[0] != 0 && vault_clock() < v->token.ends_at;
}

/* What fails here is no fault yet: the token is good for a while. */
static void
keep_alive(struct vault *v, unsigned int timeout_ms)
{
	struct vault_token *t = &v->token;
	coffer_err err;

	if (vault_clock() < t->renew_at)
		return;
	err = t->is_known ? vault_token_renew(NULL, &v->settings, timeout_ms, t)
			  : vault_token_look(NULL, &v->settings, timeout_ms, t);
	if (err)
		vault_token_postpone(t);
}

static coffer_err
need_token(struct fault *f, struct vault *v, unsigned int timeout_ms)
{
	if (!has_token(v))
		return get_token(f, v, timeout_ms);
	keep_alive(v, timeout_ms);
	return COFFER_OK;
}

static coffer_err
get_another(struct fault *f, struct vault *v, unsigned int timeout_ms)
{
	struct secret old = SECRET_INIT;
	coffer_err err;

	TRY(secret_copy(f, &old, v->token.text.p, v->token.text.len));
	TRY(get_token(f, v, timeout_ms));
	if (v->settings.auth == VAULT_TOKEN && v->token.text.len == old.len &&
	    mem_equal(v->token.text.p, old.p, old.len))
		TRY(fault_set(
			f, COFFER_E_REFUSED,
			"Vault at %s takes the token in %s no more: it ended or was revoked; get another with «vault "
			"login», or have coffer log in by itself (AppRole, Kubernetes, JWT)",
			vault_host(v), v->settings.token_is_env ? "VAULT_TOKEN" : v->settings.file));
out:
	secret_free(&old);
	return err;
}

static const char *
capability(const struct vault_request *r)
{
	if (strcmp(r->method, "GET") == 0)
		return strstr(r->path, "list=true") ? "list" : "read";
	return strcmp(r->method, "DELETE") == 0 ? "delete" : "update";
}

/* «Permission denied»: is it the token, or what it may do?  OpenBao does not tell, so the token is asked about. */
static coffer_err
replace_token(struct fault *f, struct vault *v, const struct vault_request *r, unsigned int timeout_ms)
{
	coffer_err err = vault_token_look(f, &v->settings, timeout_ms, &v->token);

	if (err == COFFER_E_REFUSED)
		return get_another(f, v, timeout_ms);
	if (err)
		return err;
	return fault_set(f, COFFER_E_REFUSED,
			 "Vault at %s: permission denied: the token is good, but none of its policies has «%s» on "
			 "%s%s%.*s; ask who keeps them to add it",
			 vault_host(v), capability(r), r->namespace && *r->namespace ? r->namespace : "",
			 r->namespace && *r->namespace ? "/" : "", (int)strcspn(r->path, "?"), r->path);
}

/* ---- a request ---- */

struct use {
	struct vault *vault;
	const struct vault_request *request;
	struct secret token; /* a copy: another thread may replace the client's */
	uint64_t serial;
};

static coffer_err
sign(void *user, struct fault *f, struct http_request *http, bool fresh)
{
	struct use *use = user;
	struct vault *v = use->vault;
	coffer_err err;

	(void)pthread_mutex_lock(&v->lock);
	secret_free(&use->token);
	TRY(fresh && use->serial == v->serial ? replace_token(f, v, use->request, http->timeout_ms)
					      : need_token(f, v, http->timeout_ms));
	TRY(secret_copy(f, &use->token, v->token.text.p, v->token.text.len));
	use->serial = v->serial;
	http->bearer = &use->token;
out:
	(void)pthread_mutex_unlock(&v->lock);
	return err;
}

coffer_err
vault_call(struct fault *f, struct vault *v, const struct vault_request *request, struct doc **answer_out)
{
	struct use use = {.vault = v, .request = request, .token = SECRET_INIT};
	struct vault_signer signer = {.sign = sign, .user = &use};
	coffer_err err = vault_send(f, &v->settings, request, &signer, answer_out);

	secret_free(&use.token);
	return err;
}
