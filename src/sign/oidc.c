/* SPDX-License-Identifier: Apache-2.0 */
#include "sign/oidc.h"

#include <string.h>
#include <time.h>

#include "base/home.h"
#include "base/limits.h"
#include "mem/secret_file.h"
#include "net/http.h"
#include "sign/oidc_ambient.h"
#include "sign/oidc_flow.h"

static const char *
audience_of(const struct oidc_source *source)
{
	return source->client_id ? source->client_id : OIDC_CLIENT;
}

static coffer_err
take_variable(struct fault *f, const char *name, struct secret *out)
{
	const char *value = home_setting(name);

	if (!value)
		return fault_set(f, COFFER_E_KEY, "the variable %s, which should hold an identity token, is not set",
				 name);
	return secret_copy(f, out, value, strlen(value));
}

static coffer_err
parse(struct fault *f, const struct oidc_source *source, const struct secret *text, struct id_token *out)
{
	const struct id_token_policy policy = {.audience = audience_of(source), .now = time(NULL)};

	return id_token_parse(f, view_of(text->p, text->len), &policy, out);
}

bool
oidc_is_given(const struct oidc_source *source)
{
	return source->token_file || source->token_env;
}

static coffer_err
take_given(struct fault *f, const struct oidc_source *source, struct id_token *out)
{
	struct secret text = SECRET_INIT;
	coffer_err err;

	if (source->token_file)
		TRY(secret_from_file(f, "the identity token", source->token_file, LIMIT_TOKEN, &text));
	else
		TRY(take_variable(f, source->token_env, &text));
	TRY(parse(f, source, &text, out));
out:
	secret_free(&text);
	return err;
}

static coffer_err
take_ambient(struct fault *f, const struct oidc_source *source, struct id_token *out)
{
	struct secret text = SECRET_INIT;
	coffer_err err;

	TRY(oidc_ambient(f, audience_of(source), &text));
	TRY(parse(f, source, &text, out));
out:
	secret_free(&text);
	return err;
}

static coffer_err
check_person(struct fault *f, const struct oidc_source *source)
{
	const struct oidc_ui *ui = source->ui;

	if (!source->issuer)
		return fault_set(f, COFFER_E_USAGE,
				 "there is no identity provider to sign in at: neither the signing config nor the "
				 "caller names one");
	if (!ui || !ui->show_url || (source->way == OIDC_OOB && !ui->read_code))
		return fault_set(f, COFFER_E_USAGE,
				 "nobody can be asked to sign in here: give an identity token, or use that of the CI "
				 "service");
	return http_check_url(f, source->issuer, false);
}

coffer_err
oidc_token(struct fault *f, const struct oidc_source *source, struct id_token *out)
{
	coffer_err err;

	if (oidc_is_given(source))
		return take_given(f, source, out);
	if (source->ambient)
		return take_ambient(f, source, out);
	TRY(check_person(f, source));
	TRY(oidc_sign_in(f, source, out));
out:
	return err;
}

coffer_err
oidc_check(struct fault *f, const struct oidc_source *source)
{
	if (oidc_is_given(source))
		return COFFER_OK;
	return source->ambient ? oidc_ambient_check(f) : check_person(f, source);
}
