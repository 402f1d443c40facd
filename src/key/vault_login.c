/* SPDX-License-Identifier: Apache-2.0 */
#include "key/vault_login.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/home.h"
#include "base/limits.h"
#include "key/body.h"
#include "key/vault_wire.h"
#include "mem/secret_file.h"

#define LOOK_AFTER_S 60			/* of a token that was given: who uses it for longer asks how long it is good */
#define LEASE_MAX (100 * 365 * 86400LL) /* seconds; what is longer is for ever */
#define PATH_CAP 256

int64_t
vault_clock(void)
{
	struct timespec now = {.tv_sec = 0};

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

void
vault_token_free(struct vault_token *token)
{
	secret_free(&token->text);
	*token = (struct vault_token)VAULT_TOKEN_INIT;
}

/* ---- how long it is good ---- */

/* @lease is what is left; 0: for ever */
static void
note_lease(struct vault_token *token, uint64_t lease, bool renewable)
{
	int64_t now = vault_clock();

	token->is_known = true;
	token->ends_at = lease > 0 ? now + (int64_t)lease : INT64_MAX;
	token->renew_at = lease > 0 && renewable ? now + (int64_t)(lease * 2 / 3) : INT64_MAX;
}

void
vault_token_postpone(struct vault_token *token)
{
	int64_t now = vault_clock();

	token->renew_at = token->ends_at == INT64_MAX ? now + LOOK_AFTER_S : now + (token->ends_at - now + 1) / 2;
}

static coffer_err
read_lease(struct fault *f, const struct doc *from, const char *length, struct vault_token *token)
{
	uint64_t lease;
	bool renewable = false;

	if (!doc_number(doc_get(from, length), 0, LEASE_MAX, &lease))
		return fault_set(f, COFFER_E_UNAVAILABLE, "Vault did not say how long its token is good");
	(void)doc_bool(doc_get(from, "renewable"), &renewable);
	note_lease(token, lease, renewable);
	return COFFER_OK;
}

static coffer_err
give_token(void *user, struct fault *f, struct http_request *request, bool fresh)
{
	const struct vault_token *token = user;

	if (fresh)
		return fault_set(f, COFFER_E_REFUSED, "the token of Vault is good no more");
	request->bearer = &token->text;
	return COFFER_OK;
}

static coffer_err
ask_about(struct fault *f, const struct vault_settings *settings, unsigned int timeout_ms, struct vault_token *token,
	  const char *method, const char *path, struct doc **out)
{
	struct vault_signer signer = {.sign = give_token, .user = token};
	struct vault_request request = {
		.method = method, .path = path, .namespace = settings->namespace, .timeout_ms = timeout_ms};

	if (strcmp(method, "POST") == 0)
		request.body = view_str("{}");
	return vault_send(f, settings, &request, &signer, out);
}

coffer_err
vault_token_look(struct fault *f, const struct vault_settings *settings, unsigned int timeout_ms,
		 struct vault_token *token)
{
	struct doc *answer = NULL;
	coffer_err err;

	TRY(ask_about(f, settings, timeout_ms, token, "GET", "auth/token/lookup-self", &answer));
	TRY(read_lease(f, doc_get(answer, "data"), "ttl", token));
out:
	doc_free(&answer);
	return err;
}

coffer_err
vault_token_renew(struct fault *f, const struct vault_settings *settings, unsigned int timeout_ms,
		  struct vault_token *token)
{
	struct doc *answer = NULL;
	coffer_err err;

	TRY(ask_about(f, settings, timeout_ms, token, "POST", "auth/token/renew-self", &answer));
	TRY(read_lease(f, doc_get(answer, "auth"), "lease_duration", token));
out:
	doc_free(&answer);
	return err;
}

/* ---- a token at hand ---- */

static coffer_err
read_token(struct fault *f, const struct vault_settings *settings, struct vault_token *out)
{
	const char *value = settings->token_is_env ? vault_env("TOKEN") : NULL;
	coffer_err err;

	if (value) {
		TRY(secret_copy(f, &out->text, value, strlen(value)));
	} else {
		err = settings->file
			      ? secret_from_plain_file(f, "the token of Vault", settings->file, LIMIT_TOKEN, &out->text)
			      : COFFER_E_NOTFOUND;
		if (err == COFFER_E_NOTFOUND && home_setting("COFFER_VAULT_TOKEN_FILE"))
			return fault_set(f, COFFER_E_REFUSED,
					 "there is no file %s, where COFFER_VAULT_TOKEN_FILE says that the token of "
					 "Vault is; put it there, or unset the variable",
					 settings->file);
		if (err == COFFER_E_NOTFOUND)
			return fault_set(f, COFFER_E_REFUSED,
					 "there is no token of Vault: set VAULT_TOKEN, or «vault login», or have "
					 "coffer log in (COFFER_VAULT_ROLE_ID, COFFER_VAULT_ROLE)");
		TRY(err);
	}
	out->ends_at = INT64_MAX;
	out->renew_at = vault_clock() + LOOK_AFTER_S;
out:
	return err;
}

/* ---- logging in ---- */

static coffer_err
fill_in(struct fault *f, const struct vault_settings *s, const struct secret *proof, struct body *body)
{
	bool is_approle = s->auth == VAULT_APPROLE;
	coffer_err err;

	TRY(body_new(f, body, BODY_TEXT_MAX(strlen(s->role)) + BODY_TEXT_MAX(proof->len)));
	TRY(body_text(f, body, is_approle ? "role_id" : "role", view_str(s->role)));
	if (proof->len > 0)
		TRY(body_text(f, body, is_approle ? "secret_id" : "jwt", view_of(proof->p, proof->len)));
out:
	return err;
}

static coffer_err
take_token(struct fault *f, const struct doc *answer, struct vault_token *out)
{
	const struct doc *auth = doc_get(answer, "auth");
	struct view text;
	coffer_err err;

	if (!doc_string(doc_get(auth, "client_token"), &text) || text.len == 0)
		return fault_set(f, COFFER_E_UNAVAILABLE, "the login was answered without a token");
	TRY(secret_copy(f, &out->text, text.p, text.len));
	TRY(read_lease(f, auth, "lease_duration", out));
out:
	return err;
}

static coffer_err
send_login(struct fault *f, const struct vault_settings *s, unsigned int timeout_ms, struct view body,
	   struct vault_token *out)
{
	const struct vault_signer nobody = {.sign = NULL};
	struct doc *answer = NULL;
	char path[PATH_CAP];
	coffer_err err;

	(void)snprintf(path, sizeof(path), "auth/%s/login", s->mount);
	TRY(vault_send(f, s,
		       &(struct vault_request){.method = "POST",
					       .path = path,
					       .namespace = s->namespace,
					       .body = body,
					       .timeout_ms = timeout_ms},
		       &nobody, &answer));
	TRY(take_token(f, answer, out));
out:
	doc_free(&answer);
	if (err)
		(void)fault_prefix(f, "logging in at %s", path);
	return err;
}

/* The file is read each time: it may be another one by now, for clusters and agents replace it. */
static coffer_err
log_in(struct fault *f, const struct vault_settings *s, unsigned int timeout_ms, struct vault_token *out)
{
	const char *what = s->auth == VAULT_APPROLE ? "the secret id" : "the JWT";
	struct secret proof = SECRET_INIT;
	struct body body = BODY_INIT;
	coffer_err err;

	if (s->file)
		TRY(secret_from_plain_file(f, what, s->file, LIMIT_TOKEN, &proof));
	TRY(fill_in(f, s, &proof, &body));
	TRY(send_login(f, s, timeout_ms, body_end(&body), out));
out:
	body_free(&body);
	secret_free(&proof);
	return err;
}

coffer_err
vault_token_get(struct fault *f, const struct vault_settings *settings, unsigned int timeout_ms,
		struct vault_token *out)
{
	coffer_err err =
		settings->auth == VAULT_TOKEN ? read_token(f, settings, out) : log_in(f, settings, timeout_ms, out);

	if (err)
		vault_token_free(out);
	return err;
}
