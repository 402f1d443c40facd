/* SPDX-License-Identifier: Apache-2.0 */
#include "key/vault_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

#define N_HEADERS 3

/* ---- what an answer means ---- */

/* «1 error occurred:\n\t* permission denied\n\n» is what Go makes of several errors; the last one is what matters. */
static const char *
words_of(const struct doc *answer)
{
	const struct doc *errors = doc_get(answer, "errors");
	struct view text;
	const char *words, *item;

	if (doc_size(errors) == 0 || !doc_string(doc_at(errors, 0), &text) || text.len == 0)
		return NULL;
	words = (const char *)text.p;
	while ((item = strstr(words, "\n\t* ")))
		words = item + strlen("\n\t* ");
	return words;
}

static bool
says(const char *words, const char *what)
{
	return words && strstr(words, what) != NULL;
}

/* What transit, KV and the logins answer with 400. */
static enum remote_said
judge_bad_request(const char *words)
{
	if (says(words, "message authentication failed") || says(words, "invalid ciphertext"))
		return REMOTE_BAD_WRAP;
	if (says(words, "key not found") || says(words, "no existing key") || says(words, "(too old)") ||
	    says(words, "soft-deleted"))
		return REMOTE_NO_KEY;
	return REMOTE_REFUSED;
}

static enum remote_said
judge(const struct http_reply *reply, const struct doc *answer, const char **words_out)
{
	*words_out = words_of(answer);
	switch (reply->status) {
	case 400:
		return judge_bad_request(*words_out);
	case 403: /* the token ended, or has no right: OpenBao says no more, so vault.c looks */
		return REMOTE_EXPIRED;
	case 404:
		return says(*words_out, "no handler for route") ? REMOTE_NO_PLACE : REMOTE_NO_KEY;
	case 429:
		return REMOTE_BUSY;
	case 412: /* of a cluster that is not yet as far as what the client saw before */
	case 472: /* standby */
	case 473:
	case 500:
	case 502:
	case 503: /* sealed, too */
	case 504:
		return REMOTE_DOWN;
	default:
		return REMOTE_ODD;
	}
}

static enum remote_said
judge_or_missing(const struct http_reply *reply, const struct doc *answer, const char **words_out)
{
	enum remote_said said = judge(reply, answer, words_out);

	/* with words, something else is missing: «no handler for route», of a mount that is not there */
	return reply->status == 404 && !*words_out ? REMOTE_ANSWER : said;
}

bool
vault_is_conflict(const struct doc *answer)
{
	return says(words_of(answer), "check-and-set parameter did not match");
}

static enum remote_said
judge_or_conflict(const struct http_reply *reply, const struct doc *answer, const char **words_out)
{
	enum remote_said said = judge(reply, answer, words_out);

	return reply->status == 400 && vault_is_conflict(answer) ? REMOTE_ANSWER : said;
}

const struct remote vault_remote = {.name = "Vault", .judge = judge};

/* ---- the request ---- */

static coffer_err
need_address(struct fault *f, const struct vault_settings *s)
{
	if (!s->address)
		return fault_set(
			f, COFFER_E_UNAVAILABLE,
			"there is no address of Vault: set VAULT_ADDR or BAO_ADDR to it, as https://HOST:8200");
	return COFFER_OK;
}

static coffer_err
make_url(struct fault *f, const char *address, const char *path, char **out)
{
	size_t len = strlen(address);

	while (len > 0 && address[len - 1] == '/')
		len--;
	if (asprintf(out, "%.*s/v1/%s", (int)len, address, path) >= 0)
		return COFFER_OK;
	*out = NULL;
	return fault_nomem(f);
}

coffer_err
vault_send(struct fault *f, const struct vault_settings *settings, const struct vault_request *request,
	   const struct vault_signer *signer, struct doc **answer_out)
{
	struct remote remote = {.name = vault_remote.name, .judge = judge, .sign = signer->sign, .user = signer->user};
	char namespace[sizeof("X-Vault-Namespace: ") + VAULT_NAMESPACE_MAX];
	const char *headers[N_HEADERS] = {"X-Vault-Request: true", "Content-Type: application/json", namespace};
	bool has_namespace = request->namespace && *request->namespace;
	struct http_request http = {
		.method = request->method,
		.headers = headers,
		.n_headers = has_namespace ? N_HEADERS : N_HEADERS - 1,
		.body = request->body,
		.secret_reply = true,
		.ca_file = settings->ca_file,
		.client_cert = settings->client_cert,
		.client_key = settings->client_key,
		.timeout_ms = request->timeout_ms,
		.max_body = request->max_answer > 0 ? request->max_answer : LIMIT_TOKEN,
	};
	char *url = NULL;
	coffer_err err;

	*answer_out = NULL;
	TRY(need_address(f, settings));
	TRY(make_url(f, settings->address, request->path, &url));
	http.url = url;
	if (has_namespace)
		(void)snprintf(namespace, sizeof(namespace), "X-Vault-Namespace: %s", request->namespace);
	if (request->accept == VAULT_OR_MISSING)
		remote.judge = judge_or_missing;
	else if (request->accept == VAULT_OR_CONFLICT)
		remote.judge = judge_or_conflict;
	TRY(remote_call(f, &remote, &http, answer_out));
out:
	free(url);
	return err;
}
