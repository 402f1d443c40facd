/* SPDX-License-Identifier: Apache-2.0 */
#include "net/aws_cred.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/home.h"
#include "base/limits.h"
#include "net/aws_answer.h"
#include "net/aws_endpoint.h"
#include "net/aws_meta.h"
#include "net/aws_process.h"
#include "net/aws_profile.h"
#include "net/aws_sts.h"
#include "net/retry.h"

#define TIMEOUT_MS 15000
#define RETRIES 2
#define RENEW_BEFORE_S 300 /* of the end */
#define RENEW_AGAIN_S 60   /* after it failed, while the old ones are good */

void
aws_cred_free(struct aws_cred *cred)
{
	secret_free(&cred->secret);
	secret_free(&cred->token);
	*cred = (struct aws_cred)AWS_CRED_INIT;
}

static coffer_err
copy(struct fault *f, const struct aws_cred *from, struct aws_cred *to)
{
	coffer_err err;

	*to = (struct aws_cred){.expires = from->expires, .from = from->from, .serial = from->serial};
	memcpy(to->id, from->id, sizeof(to->id));
	TRY(secret_copy(f, &to->secret, from->secret.p, from->secret.len));
	if (from->token.len > 0)
		TRY(secret_copy(f, &to->token, from->token.p, from->token.len));
out:
	if (err)
		aws_cred_free(to);
	return err;
}

static struct view
setting(const char *name)
{
	const char *value = home_setting(name);

	return value ? view_str(value) : view_of(NULL, 0);
}

/* ---- where they may be: each leaves @out empty when there are none ---- */

/* struct search - what is looked through, and how long it may take */
struct search {
	struct retry retry;
	struct aws_profiles profiles; /* read when the environment has none */
};

static bool
is_found(const struct aws_cred *cred)
{
	return cred->id[0] != '\0';
}

static coffer_err
from_environment(struct fault *f, struct search *s, struct aws_cred *out)
{
	struct view id = setting("AWS_ACCESS_KEY_ID"), secret = setting("AWS_SECRET_ACCESS_KEY");
	struct view token = setting("AWS_SESSION_TOKEN"), end = setting("AWS_CREDENTIAL_EXPIRATION");
	coffer_err err;

	(void)s;
	if (id.len == 0 && secret.len == 0)
		return COFFER_OK;
	TRY(aws_answer_fill(f, "the environment", id, secret, token, out));
	out->from = "the environment";
	/* what does not tell the time tells nothing */
	(void)aws_answer_time(end, &out->expires);
out:
	return err;
}

static coffer_err
from_container(struct fault *f, struct search *s, struct aws_cred *out)
{
	(void)s;
	return aws_container_cred(f, out);
}

static coffer_err
from_instance(struct fault *f, struct search *s, struct aws_cred *out)
{
	(void)s;
	return aws_instance_cred(f, out);
}

static coffer_err
from_file(struct fault *f, struct search *s, enum aws_file file, const char *profile, struct aws_cred *out)
{
	struct view id, secret, token;
	coffer_err err;

	TRY(aws_profiles_get(f, &s->profiles, file, profile, "aws_access_key_id", &id));
	TRY(aws_profiles_get(f, &s->profiles, file, profile, "aws_secret_access_key", &secret));
	TRY(aws_profiles_get(f, &s->profiles, file, profile, "aws_session_token", &token));
	if (id.len == 0 && secret.len == 0)
		return COFFER_OK;
	TRY(aws_answer_fill(f, s->profiles.paths[file], id, secret, token, out));
	out->from = file == AWS_FILE_CONFIG ? "the AWS configuration file" : "the AWS credentials file";
out:
	return err;
}

static coffer_err
from_shared(struct fault *f, struct search *s, const char *profile, struct aws_cred *out)
{
	return from_file(f, s, AWS_FILE_SHARED, profile, out);
}

static coffer_err
from_config(struct fault *f, struct search *s, const char *profile, struct aws_cred *out)
{
	return from_file(f, s, AWS_FILE_CONFIG, profile, out);
}

static coffer_err
from_process(struct fault *f, struct search *s, const char *profile, struct aws_cred *out)
{
	struct secret answer = SECRET_INIT;
	struct view command;
	coffer_err err;

	TRY(aws_profiles_get(f, &s->profiles, AWS_FILE_CONFIG, profile, "credential_process", &command));
	if (command.len == 0)
		TRY(aws_profiles_get(f, &s->profiles, AWS_FILE_SHARED, profile, "credential_process", &command));
	if (command.len == 0)
		return COFFER_OK;
	TRY(aws_process_run(f, command, retry_left_ms(&s->retry), &answer));
	TRY(aws_answer_json(f, "credential_process", view_of(answer.p, answer.len), out));
	out->from = "credential_process";
out:
	secret_free(&answer);
	return err;
}

/* STS is where the requests go; without a region, where it has been from the beginning. */
static void
sts_region(char out[static AWS_REGION_MAX + 1])
{
	if (aws_region(NULL, AWS_REGION_SET, out) != COFFER_OK)
		(void)snprintf(out, AWS_REGION_MAX + 1, "us-east-1");
}

static coffer_err
assume_with_token(struct fault *f, struct search *s, const struct aws_role *role, const char *token_file,
		  struct aws_cred *out)
{
	char region[AWS_REGION_MAX + 1];
	coffer_err err;

	sts_region(region);
	TRY(aws_sts_web_identity(f, &s->retry, role, token_file, region, out));
	out->from = "STS for a web identity";
out:
	return err;
}

static coffer_err
web_identity_of_environment(struct fault *f, struct search *s, struct aws_cred *out)
{
	const char *file = home_setting("AWS_WEB_IDENTITY_TOKEN_FILE"), *arn = home_setting("AWS_ROLE_ARN");
	const char *name = home_setting("AWS_ROLE_SESSION_NAME");
	struct aws_role role = {.arn = ""};

	if (!file)
		return COFFER_OK;
	if (!arn || strlen(arn) >= sizeof(role.arn) || (name && strlen(name) >= sizeof(role.session_name)))
		return fault_set(f, COFFER_E_REFUSED,
				 "AWS_WEB_IDENTITY_TOKEN_FILE is set, and %s; both come from the pod's service account",
				 arn ? "AWS_ROLE_ARN or AWS_ROLE_SESSION_NAME is too long" : "AWS_ROLE_ARN is not");
	(void)snprintf(role.arn, sizeof(role.arn), "%s", arn);
	(void)snprintf(role.session_name, sizeof(role.session_name), "%s", name ? name : "");
	return assume_with_token(f, s, &role, file, out);
}

static coffer_err
read_role(struct fault *f, struct search *s, const char *profile, struct aws_role *role)
{
	coffer_err err;

	TRY(aws_profiles_text(f, &s->profiles, profile, "role_arn", role->arn, sizeof(role->arn)));
	TRY(aws_profiles_text(f, &s->profiles, profile, "role_session_name", role->session_name,
			      sizeof(role->session_name)));
	TRY(aws_profiles_text(f, &s->profiles, profile, "external_id", role->external_id, sizeof(role->external_id)));
	TRY(aws_profiles_text(f, &s->profiles, profile, "duration_seconds", role->duration, sizeof(role->duration)));
out:
	return err;
}

static coffer_err
from_web_identity(struct fault *f, struct search *s, const char *profile, struct aws_cred *out)
{
	struct aws_role role = {.arn = ""};
	char file[4096];
	coffer_err err;

	TRY(aws_profiles_text(f, &s->profiles, profile, "web_identity_token_file", file, sizeof(file)));
	if (file[0] == '\0')
		return COFFER_OK;
	TRY(read_role(f, s, profile, &role));
	if (role.arn[0] == '\0')
		TRY(fault_set(f, COFFER_E_REFUSED,
			      "the AWS profile «%s» has web_identity_token_file and no role_arn; it needs both",
			      profile));
	TRY(assume_with_token(f, s, &role, file, out));
out:
	return err;
}

/* Whoever set a profile up like this means it: to go on with other credentials would surprise. */
static coffer_err
refuse_what_asks_a_person(struct fault *f, struct search *s, const char *profile, struct aws_cred *out)
{
	static const char *const keys[] = {"sso_session", "sso_start_url", "login_session"};
	char value[LIMIT_TEXT + 1];
	coffer_err err = COFFER_OK;

	(void)out;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		TRY(aws_profiles_text(f, &s->profiles, profile, keys[i], value, sizeof(value)));
		if (value[0] != '\0')
			TRY(fault_set(
				f, COFFER_E_REFUSED,
				"the AWS profile «%s» logs in with a browser (%s), which coffer does not; run: eval "
				"\"$(aws configure export-credentials --profile %s --format env)\"",
				profile, keys[i], profile));
	}
out:
	return err;
}

/* What a profile itself has, roles that are assumed from others left aside. */
static coffer_err
from_profile(struct fault *f, struct search *s, const char *profile, struct aws_cred *out)
{
	static coffer_err (*const ways[])(struct fault *, struct search *, const char *, struct aws_cred *) = {
		from_web_identity, from_shared, from_process, from_config, refuse_what_asks_a_person,
	};
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && !is_found(out); i++)
		TRY(ways[i](f, s, profile, out));
out:
	return err;
}

/* ---- roles that a profile assumes ---- */

static coffer_err
is_role(struct fault *f, struct search *s, const char *profile, bool *out)
{
	char arn[2048 + 1], file[4096];
	coffer_err err;

	*out = false;
	TRY(aws_profiles_text(f, &s->profiles, profile, "role_arn", arn, sizeof(arn)));
	TRY(aws_profiles_text(f, &s->profiles, profile, "web_identity_token_file", file, sizeof(file)));
	*out = arn[0] != '\0' && file[0] == '\0';
out:
	return err;
}

static coffer_err
from_named_source(struct fault *f, struct search *s, const char *profile, const char *source, struct aws_cred *out)
{
	static const struct {
		const char *name;
		coffer_err (*find)(struct fault *, struct search *, struct aws_cred *);
	} sources[] = {
		{"Environment", from_environment},
		{"EcsContainer", from_container},
		{"Ec2InstanceMetadata", from_instance},
	};
	coffer_err err;

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (strcmp(source, sources[i].name) != 0)
			continue;
		TRY(sources[i].find(f, s, out));
		if (!is_found(out))
			TRY(fault_set(f, COFFER_E_REFUSED,
				      "the AWS profile «%s» takes its credentials from %s, and there are none", profile,
				      source));
		return COFFER_OK;
	}
	err = fault_set(f, COFFER_E_REFUSED,
			"the AWS profile «%s» has credential_source = %.64s; there are Environment, EcsContainer and "
			"Ec2InstanceMetadata",
			profile, source);
out:
	return err;
}

static coffer_err from_role(struct fault *f, struct search *s, const char *profile, unsigned int depth,
			    struct aws_cred *out);

static coffer_err
from_source_profile(struct fault *f, struct search *s, const char *profile, const char *source, unsigned int depth,
		    struct aws_cred *out)
{
	bool has, role = false;
	coffer_err err;

	TRY(aws_profiles_has(f, &s->profiles, source, &has));
	if (!has)
		TRY(fault_set(f, COFFER_E_REFUSED,
			      "the AWS profile «%s» has source_profile = %s, and there is no such profile", profile,
			      source));
	/* a profile with a role and a key of its own may name itself */
	TRY(from_shared(f, s, source, out));
	if (!is_found(out))
		TRY(from_config(f, s, source, out));
	if (is_found(out))
		goto out;
	TRY(is_role(f, s, source, &role));
	TRY(role ? from_role(f, s, source, depth + 1, out) : from_profile(f, s, source, out));
	if (!is_found(out))
		TRY(fault_set(f, COFFER_E_REFUSED, "the AWS profile «%s», source_profile of «%s», has no credentials",
			      source, profile));
out:
	return err;
}

/* Whose credentials assume the role of @profile. */
static coffer_err
from_source(struct fault *f, struct search *s, const char *profile, unsigned int depth, struct aws_cred *out)
{
	char profile_of[AWS_PROFILE_MAX + 1], named[64], mfa[257];
	coffer_err err;

	TRY(aws_profiles_text(f, &s->profiles, profile, "source_profile", profile_of, sizeof(profile_of)));
	TRY(aws_profiles_text(f, &s->profiles, profile, "credential_source", named, sizeof(named)));
	TRY(aws_profiles_text(f, &s->profiles, profile, "mfa_serial", mfa, sizeof(mfa)));
	if (mfa[0] != '\0')
		TRY(fault_set(
			f, COFFER_E_REFUSED,
			"the AWS profile «%s» wants a code of an MFA device, which coffer does not ask for; run: eval "
			"\"$(aws configure export-credentials --profile %s --format env)\"",
			profile, profile));
	if ((profile_of[0] != '\0') == (named[0] != '\0'))
		TRY(fault_set(
			f, COFFER_E_REFUSED,
			"the AWS profile «%s» has role_arn, and %s source_profile and credential_source; give it one",
			profile, named[0] ? "both" : "neither"));
	if (depth >= LIMIT_AWS_CHAIN)
		TRY(fault_set(
			f, COFFER_E_REFUSED,
			"the AWS profile «%s» is the end of more than %u roles, or source_profile leads in a circle",
			profile, LIMIT_AWS_CHAIN));
	TRY(named[0] ? from_named_source(f, s, profile, named, out)
		     : from_source_profile(f, s, profile, profile_of, depth, out));
out:
	return err;
}

static coffer_err
from_role(struct fault *f, struct search *s, const char *profile, unsigned int depth, struct aws_cred *out)
{
	struct aws_cred by = AWS_CRED_INIT;
	struct aws_role role = {.arn = ""};
	char region[AWS_REGION_MAX + 1];
	coffer_err err;

	TRY(read_role(f, s, profile, &role));
	TRY(from_source(f, s, profile, depth, &by));
	sts_region(region);
	TRY(aws_sts_assume(f, &s->retry, &role, &by, region, out));
	out->from = "STS for the role of the profile";
out:
	aws_cred_free(&by);
	return err;
}

/* ---- all of them ---- */

static coffer_err
find_in_profile(struct fault *f, struct search *s, struct aws_cred *out)
{
	const char *name = s->profiles.name;
	bool role;
	coffer_err err;

	TRY(aws_profiles_load(f, &s->profiles));
	TRY(is_role(f, s, name, &role));
	if (role)
		TRY(from_role(f, s, name, 0, out));
	if (!is_found(out))
		TRY(web_identity_of_environment(f, s, out));
	if (!is_found(out))
		TRY(from_profile(f, s, name, out));
out:
	return err;
}

static coffer_err
find(struct fault *f, unsigned int timeout_ms, struct aws_cred *out)
{
	static coffer_err (*const ways[])(struct fault *, struct search *, struct aws_cred *) = {
		from_environment,
		find_in_profile,
		from_container,
		from_instance,
	};
	const struct retry_limits limits = {.timeout_ms = timeout_ms ? timeout_ms : TIMEOUT_MS, .retries = RETRIES};
	struct search s = {.retry = retry_begin(&limits)};
	coffer_err err = COFFER_OK;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && !is_found(out); i++)
		TRY(ways[i](f, &s, out));
	if (!is_found(out))
		TRY(fault_set(f, COFFER_E_REFUSED,
			      "there are no AWS credentials: not in the environment (AWS_ACCESS_KEY_ID), the files of "
			      "~/.aws, or a container's or instance's metadata service; set AWS_PROFILE, or run: aws "
			      "configure"));
out:
	aws_profiles_free(&s.profiles);
	if (err)
		aws_cred_free(out);
	return err;
}

/* ---- once for the process ---- */

static struct {
	pthread_mutex_t lock;
	struct aws_cred cred;
	uint64_t serials;
	int64_t next_try;
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER, .cred = AWS_CRED_INIT};

static bool
is_due(uint64_t rejected, int64_t now)
{
	const struct aws_cred *c = &kept.cred;

	if (!is_found(c) || rejected == c->serial || (c->expires != 0 && now >= c->expires))
		return true;
	return c->expires != 0 && now >= c->expires - RENEW_BEFORE_S && now >= kept.next_try;
}

/* What cannot be renewed yet is good until its end. */
static coffer_err
renew(struct fault *f, uint64_t rejected, unsigned int timeout_ms, int64_t now)
{
	struct aws_cred found = AWS_CRED_INIT;
	bool is_good = is_found(&kept.cred) && rejected != kept.cred.serial && now < kept.cred.expires;
	coffer_err err = find(is_good ? NULL : f, timeout_ms, &found);

	if (err && !is_good)
		return err;
	kept.next_try = now + RENEW_AGAIN_S;
	if (err)
		return COFFER_OK;
	aws_cred_free(&kept.cred);
	kept.cred = found;
	kept.cred.serial = ++kept.serials;
	return COFFER_OK;
}

coffer_err
aws_cred_get(struct fault *f, uint64_t rejected, unsigned int timeout_ms, struct aws_cred *out)
{
	int64_t now = (int64_t)time(NULL);
	coffer_err err = COFFER_OK;

	*out = (struct aws_cred)AWS_CRED_INIT;
	(void)pthread_mutex_lock(&kept.lock);
	if (is_due(rejected, now))
		TRY(renew(f, rejected, timeout_ms, now));
	TRY(copy(f, &kept.cred, out));
out:
	(void)pthread_mutex_unlock(&kept.lock);
	return err;
}

void
aws_cred_forget(void)
{
	(void)pthread_mutex_lock(&kept.lock);
	aws_cred_free(&kept.cred);
	(void)pthread_mutex_unlock(&kept.lock);
}

/* ---- the region ---- */

static coffer_err
region_of_profile(struct fault *f, char out[static AWS_REGION_MAX + 1])
{
	struct aws_profiles p;
	coffer_err err;

	TRY(aws_profiles_load(f, &p));
	TRY(aws_profiles_text(f, &p, p.name, "region", out, AWS_REGION_MAX + 1));
out:
	aws_profiles_free(&p);
	return err;
}

coffer_err
aws_region(struct fault *f, enum aws_region_from from, char out[static AWS_REGION_MAX + 1])
{
	const char *set = home_setting("AWS_REGION");
	coffer_err err = COFFER_OK;

	out[0] = '\0';
	if (!set)
		set = home_setting("AWS_DEFAULT_REGION");
	if (set)
		(void)snprintf(out, AWS_REGION_MAX + 1, "%s", set);
	else
		TRY(region_of_profile(f, out));
	if (out[0] == '\0' && from == AWS_REGION_INSTANCE)
		TRY(aws_instance_region(f, out));
	if (out[0] == '\0')
		TRY(fault_set(f, COFFER_E_USAGE,
			      "there is no AWS region: name the key by its ARN, or set AWS_REGION, as eu-central-1"));
	if (!aws_region_valid(out) || (set && strlen(set) > AWS_REGION_MAX))
		TRY(fault_set(f, COFFER_E_USAGE, "«%.40s» is no AWS region; AWS_REGION is one as eu-central-1", out));
out:
	if (err)
		out[0] = '\0';
	return err;
}
