/* SPDX-License-Identifier: Apache-2.0 */
#include "key/gcp_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/home.h"
#include "base/json_out.h"
#include "base/limits.h"
#include "base/utc.h"
#include "key/assertion.h"
#include "mem/secret_file.h"
#include "net/url.h"

#define SCOPE_KMS "https://www.googleapis.com/auth/cloudkms"
#define SCOPE_ALL "https://www.googleapis.com/auth/cloud-platform" /* to speak for another account */
#define TOKEN_URI "https://oauth2.googleapis.com/token"
#define METADATA_HOST "metadata.google.internal"
#define METADATA_PATH "computeMetadata/v1/instance/service-accounts/default/token"
#define METADATA_CONNECT_MS 3000
#define ASSERTION_LIFETIME_S 3600
#define IMPERSONATED_S "3600s"
#define FIELD_MAX 4096u
#define AZURE_METADATA "http://169.254.169.254/"

static const char who[] = "Google's token service";

/* ---- requests ---- */

static const struct remote token_service = {.name = who, .judge = bearer_judge};

/* A form to @url, whose answer is the token. */
static coffer_err
post_form(struct fault *f, const char *url, const struct form *form, struct bearer_token *out)
{
	static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded"};
	struct http_request r = {.method = "POST",
				 .url = url,
				 .headers = headers,
				 .n_headers = 1,
				 .body = form_view(form),
				 .timeout_ms = out->timeout_ms,
				 .max_body = LIMIT_TOKEN};
	struct doc *answer = NULL;
	coffer_err err;

	TRY(remote_call(f, &token_service, &r, &answer));
	TRY(bearer_read(f, who, answer, out));
out:
	doc_free(&answer);
	return err;
}

/* ---- what a file says ---- */

struct credential {
	const char *path;
	const struct doc *doc;
};

static const char *
field(const struct credential *c, const char *name)
{
	return doc_text(doc_get(c->doc, name), 1, FIELD_MAX);
}

/* The fields called @names (ends with NULL), all of which must be there. */
static coffer_err
need(struct fault *f, const struct credential *c, const char *const names[], const char **values_out)
{
	for (; *names; names++) {
		*values_out = field(c, *names);
		if (!*values_out++)
			return fault_set(f, COFFER_E_KEY, "%s has no «%s»: it is no whole credential of Google Cloud",
					 c->path, *names);
	}
	return COFFER_OK;
}

/* ---- service_account ---- */

static coffer_err
make_assertion(struct fault *f, const struct credential *c, const char *email, const char *token_uri,
	       struct secret *out)
{
	const struct assertion a = {.alg = ASSERTION_RS256,
				    .key_name = "kid",
				    .key_id = field(c, "private_key_id"),
				    .issuer = email,
				    .audience = token_uri,
				    .scope = SCOPE_KMS,
				    .lifetime_s = ASSERTION_LIFETIME_S};
	struct privkey *key = NULL;
	struct view pem;
	coffer_err err;

	if (!doc_string(doc_get(c->doc, "private_key"), &pem))
		TRY(fault_set(f, COFFER_E_KEY, "%s has no «private_key»: make a new key of the service account",
			      c->path));
	TRY(privkey_from_pem(f, c->path, pem, NULL, &key));
	TRY(assertion_make(f, &a, key, out));
out:
	privkey_free(&key);
	return err;
}

static coffer_err
take_service_account(struct fault *f, const struct credential *c, struct bearer_token *out)
{
	static const char *const names[] = {"client_email", "token_uri", NULL};
	const char *values[2];
	struct secret assertion = SECRET_INIT;
	struct form form = FORM_INIT;
	coffer_err err;

	TRY(need(f, c, names, values));
	TRY(make_assertion(f, c, values[0], values[1], &assertion));
	TRY(form_new(f, &form, LIMIT_TOKEN));
	TRY(form_add_text(f, &form, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"));
	TRY(form_add(f, &form, "assertion", view_of(assertion.p, assertion.len)));
	TRY(post_form(f, values[1], &form, out));
out:
	form_free(&form);
	secret_free(&assertion);
	return err;
}

/* ---- authorized_user ---- */

static coffer_err
take_user(struct fault *f, const struct credential *c, struct bearer_token *out)
{
	static const char *const names[] = {"client_id", "client_secret", "refresh_token", NULL};
	const char *values[3], *uri = field(c, "token_uri");
	struct form form = FORM_INIT;
	coffer_err err;

	TRY(need(f, c, names, values));
	TRY(form_new(f, &form, LIMIT_TOKEN));
	TRY(form_add_text(f, &form, "grant_type", "refresh_token"));
	for (size_t i = 0; names[i]; i++)
		TRY(form_add_text(f, &form, names[i], values[i]));
	TRY(post_form(f, uri ? uri : TOKEN_URI, &form, out));
out:
	form_free(&form);
	return err;
}

/* ---- external_account: first the token of the other identity provider ---- */

/* @text is the token, or has it in a field. */
static coffer_err
read_subject(struct fault *f, const struct doc *source, const char *what, struct view text, struct secret *out)
{
	const struct doc *format = doc_get(source, "format");
	const char *type = doc_text(doc_get(format, "type"), 1, FIELD_MAX);
	const char *name = doc_text(doc_get(format, "subject_token_field_name"), 1, FIELD_MAX), *token;
	struct doc *json = NULL;
	coffer_err err;

	if (!type || strcmp(type, "text") == 0)
		return secret_copy(f, out, text.p, text.len);
	if (strcmp(type, "json") != 0 || !name)
		return fault_set(f, COFFER_E_KEY, "the format of %s is neither «text» nor «json» with a field's name",
				 what);
	TRY(doc_parse_foreign(f, what, text, &json));
	token = doc_text(doc_get(json, name), 1, LIMIT_TOKEN);
	if (!token)
		TRY(fault_set(f, COFFER_E_KEY, "%s has no token in «%s»", what, name));
	TRY(secret_copy(f, out, token, strlen(token)));
out:
	doc_free(&json);
	return err;
}

static coffer_err
subject_from_file(struct fault *f, const struct doc *source, const char *path, struct secret *out)
{
	struct secret text = SECRET_INIT;
	coffer_err err;

	TRY(secret_from_file(f, "the token of the identity provider", path, LIMIT_TOKEN, &text));
	TRY(read_subject(f, source, path, view_of(text.p, text.len), out));
out:
	secret_free(&text);
	return err;
}

#define SOURCE_HEADERS 8

struct headers {
	char *lines[SOURCE_HEADERS];
	size_t n;
};

static coffer_err
add_header(void *arg, const char *name, const struct doc *value)
{
	struct headers *h = arg;
	const char *text = doc_text(value, 0, FIELD_MAX);

	if (!text || h->n == SOURCE_HEADERS)
		return COFFER_E_KEY;
	if (asprintf(&h->lines[h->n], "%s: %s", name, text) < 0)
		return COFFER_E_NOMEM;
	h->n++;
	return COFFER_OK;
}

static coffer_err
read_headers(struct fault *f, const struct doc *source, struct headers *out)
{
	const struct doc *wanted = doc_get(source, "headers");
	coffer_err err = wanted ? doc_each(wanted, add_header, out) : COFFER_OK;

	if (err == COFFER_E_NOMEM)
		return fault_nomem(f);
	return err == COFFER_OK ? err
				: fault_set(f, COFFER_E_KEY, "the headers of a credential_source are not %d texts",
					    SOURCE_HEADERS);
}

/* Not by remote_call(): the answer may be the bare token. */
static coffer_err
subject_from_url(struct fault *f, const struct doc *source, const char *url, struct secret *out)
{
	/* the one service beyond this machine that has no TLS: where the program runs in Azure */
	bool is_metadata = strncmp(url, AZURE_METADATA, strlen(AZURE_METADATA)) == 0;
	struct http_reply reply = {.status = 0};
	struct headers headers = {.n = 0};
	struct http_request r = {.method = "GET",
				 .url = url,
				 .headers = (const char *const *)headers.lines,
				 .allow_http = is_metadata,
				 .direct = is_metadata,
				 .secret_reply = true,
				 .max_body = LIMIT_TOKEN};
	coffer_err err;

	TRY(read_headers(f, source, &headers));
	r.n_headers = headers.n;
	TRY(http_call(f, &r, &reply));
	TRY(http_expect(f, &r, &reply, 200));
	TRY(read_subject(f, source, url, view_trim(buf_view(&reply.body)), out));
out:
	for (size_t i = 0; i < headers.n; i++) {
		mem_wipe(headers.lines[i], strlen(headers.lines[i]));
		free(headers.lines[i]);
	}
	http_reply_free(&reply);
	return err == COFFER_E_NET ? COFFER_E_UNAVAILABLE : err;
}

static coffer_err
take_subject(struct fault *f, const struct credential *c, struct secret *out)
{
	const struct doc *source = doc_get(c->doc, "credential_source");
	const char *path = doc_text(doc_get(source, "file"), 1, FIELD_MAX);
	const char *url = doc_text(doc_get(source, "url"), 1, LIMIT_URL);

	if (path)
		return subject_from_file(f, source, path, out);
	if (url && !doc_get(source, "environment_id"))
		return subject_from_url(f, source, url, out);
	return fault_set(f, COFFER_E_KEY,
			 "%s wants its token from AWS or from a program; a «file» or a «url» as credential_source is "
			 "what coffer knows",
			 c->path);
}

/* ---- then Google's for it ---- */

static coffer_err
exchange(struct fault *f, const struct credential *c, const char *scope, struct bearer_token *out)
{
	static const char *const names[] = {"audience", "subject_token_type", "token_url", NULL};
	const char *values[3];
	struct secret subject = SECRET_INIT;
	struct form form = FORM_INIT;
	coffer_err err;

	TRY(need(f, c, names, values));
	TRY(take_subject(f, c, &subject));
	TRY(form_new(f, &form, (size_t)3 * LIMIT_TOKEN));
	TRY(form_add_text(f, &form, "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"));
	TRY(form_add_text(f, &form, "audience", values[0]));
	TRY(form_add_text(f, &form, "scope", scope));
	TRY(form_add_text(f, &form, "requested_token_type", "urn:ietf:params:oauth:token-type:access_token"));
	TRY(form_add_text(f, &form, "subject_token_type", values[1]));
	TRY(form_add(f, &form, "subject_token", view_of(subject.p, subject.len)));
	TRY(post_form(f, values[2], &form, out));
out:
	form_free(&form);
	secret_free(&subject);
	return err;
}

/* ---- and then that of a service account (IAM Credentials API, generateAccessToken) ---- */

static coffer_err
read_impersonated(struct fault *f, const struct doc *answer, struct bearer_token *out)
{
	const char *text = doc_text(doc_get(answer, "accessToken"), 1, LIMIT_TOKEN);
	const char *ends_text = doc_text(doc_get(answer, "expireTime"), 1, 64);
	int64_t ends, at = (int64_t)time(NULL);

	if (!text || !ends_text || !utc_parse(ends_text, &ends))
		return fault_set(f, COFFER_E_UNAVAILABLE, "the answer of %s has no access token of the service account",
				 who);
	out->lifetime_s = ends > at ? (uint64_t)(ends - at) : 0;
	return secret_copy(f, &out->text, text, strlen(text));
}

static coffer_err
impersonate(struct fault *f, const char *url, const struct secret *bearer, struct bearer_token *out)
{
	static const char body[] = "{\"scope\":[\"" SCOPE_KMS "\"],\"lifetime\":\"" IMPERSONATED_S "\"}";
	static const char *const headers[] = {"Content-Type: application/json"};
	struct http_request r = {.method = "POST",
				 .url = url,
				 .headers = headers,
				 .n_headers = 1,
				 .bearer = bearer,
				 .body = view_str(body),
				 .timeout_ms = out->timeout_ms,
				 .max_body = LIMIT_TOKEN};
	struct doc *answer = NULL;
	coffer_err err;

	TRY(remote_call(f, &token_service, &r, &answer));
	TRY(read_impersonated(f, answer, out));
out:
	doc_free(&answer);
	return err;
}

static coffer_err
take_external(struct fault *f, const struct credential *c, struct bearer_token *out)
{
	const char *url = field(c, "service_account_impersonation_url");
	struct bearer_token first = BEARER_TOKEN_INIT;
	coffer_err err;

	if (!url)
		return exchange(f, c, SCOPE_KMS, out);
	TRY(exchange(f, c, SCOPE_ALL, &first));
	TRY(impersonate(f, url, &first.text, out));
out:
	secret_free(&first.text);
	return err;
}

/* ---- a file ---- */

static const struct {
	const char *type;
	coffer_err (*take)(struct fault *f, const struct credential *c, struct bearer_token *out);
} kinds[] = {
	{"service_account", take_service_account},
	{"authorized_user", take_user},
	{"external_account", take_external},
};

static coffer_err
take_kind(struct fault *f, const struct credential *c, struct bearer_token *out)
{
	const char *type = field(c, "type");

	for (size_t i = 0; type && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(type, kinds[i].type) == 0)
			return kinds[i].take(f, c, out);
	return fault_set(f, COFFER_E_KEY,
			 "%s is no credential of Google Cloud that coffer knows: service_account, authorized_user and "
			 "external_account are",
			 c->path);
}

static coffer_err
take_file(struct fault *f, const char *path, struct bearer_token *out)
{
	struct secret text = SECRET_INIT;
	struct doc *doc = NULL;
	struct credential c = {.path = path};
	const char *project;
	coffer_err err;

	TRY(secret_from_file(f, "the credential of Google Cloud", path, LIMIT_TOKEN, &text));
	err = doc_parse_foreign(f, path, view_of(text.p, text.len), &doc);
	if (err == COFFER_E_FORMAT)
		TRY(fault_set(f, COFFER_E_KEY, "%s is no credential of Google Cloud: it is not JSON", path));
	TRY(err);
	c.doc = doc;
	TRY(take_kind(f, &c, out));
	project = field(&c, "quota_project_id");
	(void)snprintf(out->project, sizeof(out->project), "%s", project ? project : "");
out:
	doc_free(&doc);
	secret_free(&text);
	return err;
}

/* ---- the metadata server ---- */

/* An answer without this header comes from somebody else: a proxy, or whoever answers for every name. */
static void
hear_flavor(void *user, const struct http_reply *reply)
{
	bool *is_google = user;
	char flavor[16];

	*is_google = http_header(reply, "Metadata-Flavor", flavor, sizeof(flavor)) && strcasecmp(flavor, "Google") == 0;
}

static coffer_err
no_credential(struct fault *f)
{
	return fault_set(f, COFFER_E_REFUSED,
			 "there is no credential of Google Cloud: name a file with GOOGLE_APPLICATION_CREDENTIALS, or "
			 "log in with «gcloud auth application-default login»; and no metadata server, as machines in "
			 "Google Cloud have one, answers at " METADATA_HOST);
}

static coffer_err
take_metadata(struct fault *f, struct bearer_token *out)
{
	static const char *const headers[] = {"Metadata-Flavor: Google"};
	const char *host = home_setting("GCE_METADATA_HOST");
	bool is_google = false;
	const struct remote metadata = {.name = "the metadata server of Google Cloud",
					.judge = bearer_judge,
					.heard = hear_flavor,
					.user = &is_google};
	struct http_request r = {.method = "GET",
				 .headers = headers,
				 .n_headers = 1,
				 .allow_http = true,
				 .direct = true,
				 .connect_ms = METADATA_CONNECT_MS,
				 .timeout_ms = out->timeout_ms,
				 .max_body = LIMIT_TOKEN};
	char url[512];
	struct doc *answer = NULL;
	coffer_err err;

	(void)snprintf(url, sizeof(url), "http://%s/" METADATA_PATH, host ? host : METADATA_HOST);
	r.url = url;
	err = remote_call(f, &metadata, &r, &answer);
	if (err == COFFER_E_UNAVAILABLE && !is_google && !host)
		err = no_credential(f);
	TRY(err);
	if (!is_google)
		TRY(fault_set(f, COFFER_E_UNAVAILABLE,
			      "what answers at %s is not the metadata server of Google Cloud; unset GCE_METADATA_HOST, "
			      "or name a file with GOOGLE_APPLICATION_CREDENTIALS",
			      host ? host : METADATA_HOST));
	TRY(bearer_read(f, metadata.name, answer, out));
out:
	doc_free(&answer);
	return err;
}

/* ---- which of them ---- */

/* Where gcloud keeps what «auth application-default login» made; NULL when it has made none. */
static char *
well_known(void)
{
	const char *config = home_setting("CLOUDSDK_CONFIG"), *home = home_setting("HOME");
	char *path = NULL;
	int len = -1;

	if (config)
		len = asprintf(&path, "%s/application_default_credentials.json", config);
	else if (home)
		len = asprintf(&path, "%s/.config/gcloud/application_default_credentials.json", home);
	if (len < 0)
		return NULL;
	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static coffer_err
fetch(struct fault *f, const char *place, struct bearer_token *out)
{
	const char *path = home_setting("GOOGLE_APPLICATION_CREDENTIALS");
	const char *project = home_setting("GOOGLE_CLOUD_QUOTA_PROJECT");
	char *found = path ? NULL : well_known();
	coffer_err err;

	(void)place;
	if (path || found)
		TRY(take_file(f, path ? path : found, out));
	else
		TRY(take_metadata(f, out));
	if (project)
		(void)snprintf(out->project, sizeof(out->project), "%s", project);
out:
	free(found);
	return err;
}

coffer_err
gcp_token_get(struct fault *f, struct bearer **out)
{
	return bearer_get(f, "cloudkms", fetch, out);
}
