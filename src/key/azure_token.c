/* SPDX-License-Identifier: Apache-2.0 */
#include "key/azure_token.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/enc.h"
#include "base/file.h"
#include "base/home.h"
#include "base/limits.h"
#include "crypto/cert.h"
#include "crypto/hash.h"
#include "key/assertion.h"
#include "mem/secret_file.h"
#include "net/url.h"

#define WHO "Microsoft Entra"
#define AUTHORITY "https://login.microsoftonline.com"
#define METADATA "http://169.254.169.254"
#define METADATA_PATH "metadata/identity/oauth2/token"
#define METADATA_VERSION "2018-02-01"
#define APP_SERVICE_VERSION "2019-08-01"
#define METADATA_CONNECT_MS 3000
#define KEY_VAULT_VERSION "7.4"
#define ASSERTION_LIFETIME_S 600
#define CHALLENGE_MAX 2048

/* ---- the vault's challenge ---- */

/* The value of @name in «Bearer a="…", b=…»; false when it is not there or does not fit. */
static bool
find_parameter(struct view v, const char *name, char *out, size_t cap)
{
	size_t len = strlen(name);

	for (size_t i = 0; i + len + 1 < v.len; i++) {
		struct view value = view_of(v.p + i + len + 1, v.len - i - len - 1);
		bool begins = i == 0 || v.p[i - 1] == ' ' || v.p[i - 1] == ',';
		const uint8_t *end;

		if (!begins || strncasecmp((const char *)v.p + i, name, len) != 0 || v.p[i + len] != '=')
			continue;
		if (value.p[0] == '"') {
			end = memchr(value.p + 1, '"', value.len - 1);
			value = view_of(value.p + 1, end ? (size_t)(end - value.p - 1) : 0);
		} else {
			end = memchr(value.p, ',', value.len);
			value = view_trim(view_of(value.p, end ? (size_t)(end - value.p) : value.len));
		}
		if (value.len == 0 || value.len >= cap)
			return false;
		memcpy(out, value.p, value.len);
		out[value.len] = '\0';
		return true;
	}
	return false;
}

/* @host, a port behind it aside, is @parent or below it. */
static bool
is_below(const char *host, const char *parent)
{
	size_t host_len = strcspn(host, ":"), len = strcspn(parent, ":/");

	if (len == 0 || len > host_len || strncasecmp(host + host_len - len, parent, len) != 0)
		return false;
	return len == host_len || host[host_len - len - 1] == '.';
}

/* «https://login.microsoftonline.com/TENANT», of which the tenant alone is believed. */
static void
read_tenant(const char *authorization, struct azure_challenge *out)
{
	const char *slash = strrchr(authorization, '/');
	size_t len = slash ? strlen(slash + 1) : 0;

	if (len > 0 && len < sizeof(out->tenant) &&
	    strspn(slash + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == len)
		(void)snprintf(out->tenant, sizeof(out->tenant), "%s", slash + 1);
}

coffer_err
azure_challenge_read(struct fault *f, const char *header, const char *host, struct azure_challenge *out)
{
	static const char scheme[] = "https://", behind[] = "/.default";
	struct view v = view_of(header, strnlen(header, CHALLENGE_MAX));
	char authorization[CHALLENGE_MAX];
	size_t len;

	*out = (struct azure_challenge){.resource = ""};
	if (v.len < 7 || strncasecmp(header, "Bearer ", 7) != 0 ||
	    (!find_parameter(v, "resource", out->resource, sizeof(out->resource)) &&
	     !find_parameter(v, "scope", out->resource, sizeof(out->resource))))
		return fault_set(f, COFFER_E_UNAVAILABLE, "%s does not say which token it wants; is it a key vault?",
				 host);
	len = strlen(out->resource);
	if (len > strlen(behind) && strcmp(out->resource + len - strlen(behind), behind) == 0)
		out->resource[len - strlen(behind)] = '\0';
	if (strncmp(out->resource, scheme, strlen(scheme)) != 0 || !is_below(host, out->resource + strlen(scheme))) {
		(void)fault_set(f, COFFER_E_UNAVAILABLE,
				"%s wants a token for %s, which it is no part of; it gets none: check the vault's name",
				host, out->resource);
		out->resource[0] = '\0';
		return COFFER_E_UNAVAILABLE;
	}
	if (find_parameter(v, "authorization", authorization, sizeof(authorization)) ||
	    find_parameter(v, "authorization_uri", authorization, sizeof(authorization)))
		read_tenant(authorization, out);
	return COFFER_OK;
}

coffer_err
azure_url(struct fault *f, const char *host, const char *path, char **out)
{
	static const char *const endpoints[] = {"COFFER_AZUREKMS_ENDPOINT", NULL};
	char base[AZURE_HOST_MAX + 16];

	(void)snprintf(base, sizeof(base), "https://%s", host);
	return url_join(f, remote_endpoint(endpoints, base), path, out);
}

static void
hear_challenge(void *user, const struct http_reply *reply)
{
	char *header = user;

	if (reply->status != 401 || !http_header(reply, "WWW-Authenticate", header, CHALLENGE_MAX))
		header[0] = '\0';
}

/* Asks for what nobody may have without a token. */
static coffer_err
challenge(struct fault *f, const char *host, unsigned int timeout_ms, struct azure_challenge *out)
{
	char header[CHALLENGE_MAX] = "";
	const struct remote vault = {
		.name = "Azure Key Vault", .judge = bearer_judge, .heard = hear_challenge, .user = header};
	struct http_request r = {.method = "GET", .timeout_ms = timeout_ms, .max_body = LIMIT_ANSWER};
	struct fault why = {.text = ""};
	struct doc *answer = NULL;
	char *url = NULL;
	coffer_err err;

	TRY(azure_url(f, host, "keys?maxresults=1&api-version=" KEY_VAULT_VERSION, &url));
	r.url = url;
	err = remote_call(&why, &vault, &r, &answer);
	if (err && !header[0])
		TRY(fault_set(f, err, "%s", why.text));
	TRY(azure_challenge_read(f, header, host, out));
out:
	doc_free(&answer);
	free(url);
	return err;
}

/* ---- what they have in common ---- */

static const struct remote entra = {.name = WHO, .judge = bearer_judge};

/* struct wanted - a token for what, of whom */
struct wanted {
	const char *resource, *tenant, *client;
};

static coffer_err
token_url(struct fault *f, const struct wanted *w, char **out)
{
	const char *authority = home_setting("AZURE_AUTHORITY_HOST");
	char base[512], path[128];

	*out = NULL;
	if (!w->tenant[0])
		return fault_set(f, COFFER_E_REFUSED,
				 "AZURE_TENANT_ID is not set, and the vault does not tell its tenant");
	/* a bare host is what some environments give */
	(void)snprintf(base, sizeof(base), "%s%s", authority && !strstr(authority, "://") ? "https://" : "",
		       authority ? authority : AUTHORITY);
	(void)snprintf(path, sizeof(path), "%.64s/oauth2/v2.0/token", w->tenant);
	return url_join(f, base, path, out);
}

/* struct proof - what shows that it is the client who asks */
struct proof {
	const char *name;
	struct view value;
	bool is_assertion;
};

static coffer_err
ask_entra(struct fault *f, const struct wanted *w, const struct proof *proof, struct bearer_token *out)
{
	static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded"};
	struct http_request r = {.method = "POST",
				 .headers = headers,
				 .n_headers = 1,
				 .timeout_ms = out->timeout_ms,
				 .max_body = LIMIT_TOKEN};
	char scope[sizeof(((struct azure_challenge *)NULL)->resource) + 16], *url = NULL;
	struct form form = FORM_INIT;
	struct doc *answer = NULL;
	coffer_err err;

	(void)snprintf(scope, sizeof(scope), "%s/.default", w->resource);
	TRY(token_url(f, w, &url));
	TRY(form_new(f, &form, (size_t)3 * LIMIT_TOKEN));
	TRY(form_add_text(f, &form, "grant_type", "client_credentials"));
	TRY(form_add_text(f, &form, "client_id", w->client));
	TRY(form_add_text(f, &form, "scope", scope));
	if (proof->is_assertion)
		TRY(form_add_text(f, &form, "client_assertion_type",
				  "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
	TRY(form_add(f, &form, proof->name, proof->value));
	r.url = url;
	r.body = form_view(&form);
	TRY(remote_call(f, &entra, &r, &answer));
	TRY(bearer_read(f, WHO, answer, out));
out:
	doc_free(&answer);
	form_free(&form);
	free(url);
	return err;
}

/* ---- a secret ---- */

static bool
has_secret(void)
{
	return home_setting("AZURE_CLIENT_SECRET") || home_setting("COFFER_AZURE_CLIENT_SECRET_FILE");
}

static coffer_err
take_secret(struct fault *f, const struct wanted *w, struct bearer_token *out)
{
	const char *path = home_setting("COFFER_AZURE_CLIENT_SECRET_FILE");
	const char *value = home_setting("AZURE_CLIENT_SECRET");
	struct proof proof = {.name = "client_secret"};
	struct secret text = SECRET_INIT;
	coffer_err err = COFFER_OK;

	if (path)
		TRY(secret_from_file(f, "the secret of the Azure client", path, LIMIT_CLAIM, &text));
	proof.value = path ? view_of(text.p, text.len) : view_str(value);
	TRY(ask_entra(f, w, &proof, out));
out:
	secret_free(&text);
	return err;
}

/* ---- a certificate ---- */

static bool
has_certificate(void)
{
	return home_setting("AZURE_CLIENT_CERTIFICATE_PATH") != NULL;
}

/* learn.microsoft.com/entra/identity-platform/certificate-credentials */
static coffer_err
sign_assertion(struct fault *f, const struct wanted *w, struct view pem, struct secret *out)
{
	const char *path = home_setting("AZURE_CLIENT_CERTIFICATE_PATH");
	const char *password = home_setting("AZURE_CLIENT_CERTIFICATE_PASSWORD");
	struct assertion a = {.alg = ASSERTION_PS256,
			      .key_name = "x5t#S256",
			      .issuer = w->client,
			      .subject = w->client,
			      .lifetime_s = ASSERTION_LIFETIME_S};
	char thumb[ENC_B64_LEN(SHA256_LEN) + 1], *url = NULL;
	struct secret passphrase = SECRET_INIT;
	struct certs certs = {.n = 0};
	struct privkey *key = NULL;
	uint8_t hash[SHA256_LEN];
	coffer_err err;

	TRY(certs_from_pem(f, path, pem, &certs));
	if (password)
		TRY(secret_copy(f, &passphrase, password, strlen(password)));
	TRY(privkey_from_pem(f, path, pem, password ? &passphrase : NULL, &key));
	TRY(cert_fingerprint(f, certs.v[0], hash));
	enc_b64url(hash, sizeof(hash), thumb);
	TRY(token_url(f, w, &url));
	a.key_id = thumb;
	a.audience = url;
	TRY(assertion_make(f, &a, key, out));
out:
	secret_free(&passphrase);
	privkey_free(&key);
	certs_free(&certs);
	free(url);
	return err;
}

static coffer_err
take_certificate(struct fault *f, const struct wanted *w, struct bearer_token *out)
{
	const char *path = home_setting("AZURE_CLIENT_CERTIFICATE_PATH");
	struct proof proof = {.name = "client_assertion", .is_assertion = true};
	struct secret pem = SECRET_INIT, assertion = SECRET_INIT;
	coffer_err err;

	TRY(secret_from_file(f, "the certificate of the Azure client", path, LIMIT_KEY_PEM, &pem));
	TRY(sign_assertion(f, w, view_of(pem.p, pem.len), &assertion));
	proof.value = view_of(assertion.p, assertion.len);
	TRY(ask_entra(f, w, &proof, out));
out:
	secret_free(&pem);
	secret_free(&assertion);
	return err;
}

/* ---- a token of another identity provider: Kubernetes, GitHub … ---- */

static bool
has_federated(void)
{
	return home_setting("AZURE_FEDERATED_TOKEN_FILE") != NULL;
}

static coffer_err
take_federated(struct fault *f, const struct wanted *w, struct bearer_token *out)
{
	struct proof proof = {.name = "client_assertion", .is_assertion = true};
	struct secret token = SECRET_INIT;
	coffer_err err;

	TRY(secret_from_file(f, "the federated token", home_setting("AZURE_FEDERATED_TOKEN_FILE"), LIMIT_TOKEN,
			     &token));
	proof.value = view_of(token.p, token.len);
	TRY(ask_entra(f, w, &proof, out));
out:
	secret_free(&token);
	return err;
}

/* ---- managed identities ---- */

static coffer_err
ask_identity(struct fault *f, const struct wanted *w, struct http_request *r, const char *base, const char *version,
	     struct bearer_token *out)
{
	static const struct remote identity = {.name = "the identity service of Azure", .judge = bearer_judge};
	struct form query = FORM_INIT;
	struct doc *answer = NULL;
	char *url = NULL;
	coffer_err err;

	TRY(form_new(f, &query, LIMIT_URL));
	TRY(form_add_text(f, &query, "api-version", version));
	TRY(form_add_text(f, &query, "resource", w->resource));
	TRY(form_add_text(f, &query, "client_id", w->client));
	if (asprintf(&url, "%s?%.*s", base, (int)query.len, (const char *)query.mem.p) < 0) {
		url = NULL;
		TRY(fault_nomem(f));
	}
	r->method = "GET";
	r->url = url;
	r->n_headers = 1;
	r->allow_http = true;
	r->direct = true;
	r->connect_ms = METADATA_CONNECT_MS;
	r->timeout_ms = out->timeout_ms;
	r->max_body = LIMIT_TOKEN;
	TRY(remote_call(f, &identity, r, &answer));
	TRY(bearer_read(f, identity.name, answer, out));
out:
	doc_free(&answer);
	form_free(&query);
	free(url);
	return err;
}

static bool
is_app_service(void)
{
	return home_setting("IDENTITY_ENDPOINT") && home_setting("IDENTITY_HEADER");
}

/* 169.254.0.0/16 (RFC 3927), written as an address: a name that begins so may be anybody's. */
static bool
is_link_local(const char *url)
{
	static const char scheme[] = "http://";
	const char *host = url + strlen(scheme);
	char text[INET_ADDRSTRLEN];
	struct in_addr address;
	size_t len;

	if (strncmp(url, scheme, strlen(scheme)) != 0)
		return false;
	len = strcspn(host, ":/?#");
	if (len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 16 == 0xa9fe;
}

/* The identity service of a machine is on the machine, or on its own link: farther away the header goes by TLS alone. */
static bool
is_near(const char *url)
{
	return is_link_local(url) || http_check_url(NULL, url, false) == COFFER_OK;
}

static coffer_err
take_app_service(struct fault *f, const struct wanted *w, struct bearer_token *out)
{
	const char *endpoint = home_setting("IDENTITY_ENDPOINT");
	const char *headers[1];
	struct http_request r = {.headers = headers};
	struct secret line = SECRET_INIT;
	coffer_err err;

	if (!is_near(endpoint))
		TRY(fault_set(f, COFFER_E_USAGE,
			      "IDENTITY_ENDPOINT, %s, is neither https nor on this machine or its own link", endpoint));
	TRY(secret_new(f, &line, strlen(home_setting("IDENTITY_HEADER")) + 32));
	(void)snprintf((char *)line.p, line.len, "X-IDENTITY-HEADER: %s", home_setting("IDENTITY_HEADER"));
	headers[0] = (const char *)line.p;
	TRY(ask_identity(f, w, &r, endpoint, APP_SERVICE_VERSION, out));
out:
	secret_free(&line);
	return err;
}

static bool
is_anywhere(void)
{
	return true;
}

static coffer_err
take_metadata(struct fault *f, const struct wanted *w, struct bearer_token *out)
{
	static const char *const headers[] = {"Metadata: true"};
	const char *host = home_setting("AZURE_POD_IDENTITY_AUTHORITY_HOST");
	struct http_request r = {.headers = headers};
	char *base = NULL;
	coffer_err err;

	TRY(url_join(f, host ? host : METADATA, METADATA_PATH, &base));
	err = ask_identity(f, w, &r, base, METADATA_VERSION, out);
	if (err == COFFER_E_UNAVAILABLE && !host)
		err = fault_set(f, COFFER_E_REFUSED,
				"there is no credential of Azure: set AZURE_CLIENT_ID, AZURE_TENANT_ID and one of "
				"AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH and AZURE_FEDERATED_TOKEN_FILE; "
				"and no metadata service, as machines in Azure have one, answers");
	else if (err == COFFER_E_REFUSED && !host)
		(void)fault_prefix(f, "AZURE_CLIENT_ID, AZURE_TENANT_ID and a secret, certificate or token are not "
				      "set, so the machine's own identity was asked for");
out:
	free(base);
	return err;
}

/* ---- which of them ---- */

static const struct source {
	bool (*is)(void);
	coffer_err (*take)(struct fault *f, const struct wanted *w, struct bearer_token *out);
	bool needs_client;
} sources[] = {
	{has_secret, take_secret, true},       {has_certificate, take_certificate, true},
	{has_federated, take_federated, true}, {is_app_service, take_app_service, false},
	{is_anywhere, take_metadata, false},
};

static coffer_err
fetch(struct fault *f, const char *place, struct bearer_token *out)
{
	const char *tenant = home_setting("AZURE_TENANT_ID");
	const struct source *source = sources;
	struct azure_challenge c;
	struct wanted w;
	coffer_err err;

	while (!source->is())
		source++;
	w.client = home_setting("AZURE_CLIENT_ID");
	if (source->needs_client && !w.client)
		return fault_set(f, COFFER_E_REFUSED,
				 "a credential of Azure is set, but not whose it is: set AZURE_CLIENT_ID, too");
	TRY(challenge(f, place, out->timeout_ms, &c));
	w.resource = c.resource;
	w.tenant = tenant ? tenant : c.tenant;
	TRY(source->take(f, &w, out));
out:
	return err;
}

coffer_err
azure_token_get(struct fault *f, const char *host, struct bearer **out)
{
	return bearer_get(f, host, fetch, out);
}
