/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/oidc_ambient.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/home.h"
#include "base/json_out.h"
#include "base/limits.h"
#include "net/http.h"
#include "net/url.h"
#include "sign/oidc_answer.h"

#define PRODUCT_NAME "/sys/class/dmi/id/product_name"
#define GOOGLE_PATH "computeMetadata/v1/instance/service-accounts/default/identity"
#define BUILDKITE_API "https://agent.buildkite.com/v3"

static coffer_err
copy_setting(struct fault *f, const char *name, struct secret *out)
{
	const char *value = home_setting(name);

	return secret_copy(f, out, value, strlen(value));
}

/* ---- a variable ---- */

static bool
is_given(void)
{
	return home_setting("SIGSTORE_ID_TOKEN") || home_setting("GITLAB_CI");
}

static coffer_err
check_given(struct fault *f)
{
	if (home_setting("SIGSTORE_ID_TOKEN"))
		return COFFER_OK;
	return fault_set(
		f, COFFER_E_PERM,
		"this GitLab job has no SIGSTORE_ID_TOKEN: give it «id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore»");
}

static coffer_err
take_given(struct fault *f, const char *audience, struct secret *out)
{
	(void)audience;
	return copy_setting(f, "SIGSTORE_ID_TOKEN", out);
}

/* ---- GitHub Actions ---- */

static bool
is_github(void)
{
	return home_setting("GITHUB_ACTIONS") || home_setting("ACTIONS_ID_TOKEN_REQUEST_URL");
}

static coffer_err
check_github(struct fault *f)
{
	if (home_setting("ACTIONS_ID_TOKEN_REQUEST_URL") && home_setting("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
		return COFFER_OK;
	return fault_set(f, COFFER_E_PERM,
			 "this GitHub Actions job may not ask for identity tokens: give it «permissions: id-token: "
			 "write» (jobs of pull requests from forks cannot have it)");
}

/* @url with «audience» in its query, and @more behind */
static coffer_err
with_audience(struct fault *f, const char *url, const char *audience, const char *more, char **out)
{
	struct form form = FORM_INIT;
	coffer_err err;

	*out = NULL;
	TRY(form_new(f, &form, LIMIT_URL));
	TRY(form_add_text(f, &form, "audience", audience));
	if (asprintf(out, "%s%c%.*s%s", url, strchr(url, '?') ? '&' : '?', (int)form.len, (const char *)form.mem.p,
		     more) < 0) {
		*out = NULL;
		TRY(fault_nomem(f));
	}
out:
	form_free(&form);
	return err;
}

static coffer_err
take_github(struct fault *f, const char *audience, struct secret *out)
{
	struct secret bearer = SECRET_INIT;
	struct http_request r = {.method = "GET", .bearer = &bearer, .secret_reply = true, .max_body = LIMIT_TOKEN};
	char *url = NULL;
	coffer_err err;

	TRY(with_audience(f, home_setting("ACTIONS_ID_TOKEN_REQUEST_URL"), audience, "", &url));
	TRY(copy_setting(f, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", &bearer));
	r.url = url;
	TRY(oidc_take(f, &r, "value", out));
out:
	secret_free(&bearer);
	free(url);
	return err;
}

/* ---- Buildkite ---- */

static bool
is_buildkite(void)
{
	return home_setting("BUILDKITE") != NULL;
}

static coffer_err
check_buildkite(struct fault *f)
{
	if (home_setting("BUILDKITE_AGENT_ACCESS_TOKEN") && home_setting("BUILDKITE_JOB_ID"))
		return COFFER_OK;
	return fault_set(f, COFFER_E_PERM,
			 "this Buildkite job does not see its agent: hand BUILDKITE_AGENT_ACCESS_TOKEN and "
			 "BUILDKITE_JOB_ID on to coffer");
}

static coffer_err
take_buildkite(struct fault *f, const char *audience, struct secret *out)
{
	static const char *const headers[] = {"Content-Type: application/json"};
	const char *api = home_setting("BUILDKITE_AGENT_ENDPOINT");
	struct secret bearer = SECRET_INIT;
	struct json_out body;
	char path[256];
	struct http_request r = {.method = "POST",
				 .headers = headers,
				 .n_headers = 1,
				 .bearer = &bearer,
				 .scheme = "Token",
				 .secret_reply = true,
				 .max_body = LIMIT_TOKEN};
	char *url = NULL;
	coffer_err err;

	(void)snprintf(path, sizeof(path), "jobs/%s/oidc/tokens", home_setting("BUILDKITE_JOB_ID"));
	json_out_init(&body, f);
	json_out_begin(&body, NULL, JSON_OBJECT);
	json_out_str(&body, "audience", audience);
	json_out_end(&body);
	TRY(json_out_done(&body));
	TRY(url_join(f, api ? api : BUILDKITE_API, path, &url));
	TRY(copy_setting(f, "BUILDKITE_AGENT_ACCESS_TOKEN", &bearer));
	r.url = url;
	r.body = buf_view(&body.text);
	TRY(oidc_take(f, &r, "token", out));
out:
	json_out_free(&body);
	secret_free(&bearer);
	free(url);
	return err;
}

/* ---- Google Cloud ---- */

static bool
is_google(void)
{
	struct buf name = BUF_INIT(4096); /* what sysfs says that its files have */
	bool is;

	if (home_setting("GCE_METADATA_HOST"))
		return true;
	is = file_slurp(NULL, PRODUCT_NAME, name.max, &name, NULL) == COFFER_OK && name.len >= 6 &&
	     memcmp(name.p, "Google", 6) == 0;
	buf_free(&name);
	return is;
}

static coffer_err
check_google(struct fault *f)
{
	(void)f;
	return COFFER_OK;
}

/* The answer is the token itself. */
static coffer_err
take_google(struct fault *f, const char *audience, struct secret *out)
{
	static const char *const headers[] = {"Metadata-Flavor: Google"};
	const char *host = home_setting("GCE_METADATA_HOST");
	struct http_reply reply = {.status = 0};
	struct http_request r = {.method = "GET",
				 .headers = headers,
				 .n_headers = 1,
				 .allow_http = true,
				 .direct = true,
				 .secret_reply = true,
				 .max_body = LIMIT_TOKEN};
	char base[512], *url = NULL;
	coffer_err err;

	(void)snprintf(base, sizeof(base), "http://%s/" GOOGLE_PATH, host ? host : "metadata.google.internal");
	TRY(with_audience(f, base, audience, "&format=full", &url));
	r.url = url;
	TRY(http_call(f, &r, &reply));
	TRY(http_expect(f, &r, &reply, 200));
	TRY(secret_copy(f, out, reply.body.p, reply.body.len));
out:
	http_reply_free(&reply);
	free(url);
	return err;
}

/* ---- all of them ---- */

static const struct {
	bool (*is)(void);
	coffer_err (*check)(struct fault *f);
	coffer_err (*take)(struct fault *f, const char *audience, struct secret *out);
} services[] = {
	{is_given, check_given, take_given},
	{is_github, check_github, take_github},
	{is_buildkite, check_buildkite, take_buildkite},
	{is_google, check_google, take_google},
};

enum { N_SERVICES = sizeof(services) / sizeof(services[0]) };

static coffer_err
find(struct fault *f, size_t *out)
{
	for (*out = 0; *out < N_SERVICES; (*out)++)
		if (services[*out].is())
			return services[*out].check(f);
	return fault_set(f, COFFER_E_NOTFOUND,
			 "this is no CI service that gives out identities: GitHub Actions, GitLab, Buildkite and "
			 "Google Cloud are known, and any that sets SIGSTORE_ID_TOKEN");
}

coffer_err
oidc_ambient_check(struct fault *f)
{
	size_t i;

	return find(f, &i);
}

coffer_err
oidc_ambient(struct fault *f, const char *audience, struct secret *out)
{
	size_t i;
	coffer_err err;

	TRY(find(f, &i));
	TRY(services[i].take(f, audience, out));
out:
	return err;
}
