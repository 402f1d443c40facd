/* SPDX-License-Identifier: Apache-2.0 */
#include "net/aws_meta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/home.h"
#include "base/limits.h"
#include "net/aws_answer.h"
#include "net/aws_endpoint.h"
#include "net/http.h"
#include "net/url.h"

#define CONTAINER_MS 2000
#define CONTAINER_TRIES 3 /* as botocore does: the agent beside a container may start after it */
#define INSTANCE_MS 1000
#define TOKEN_MAX 4096
#define ROLE_MAX 128

#define THE_CONTAINER "the container's credential service"
#define THE_INSTANCE "the instance's metadata service"

/* ---- which hosts may be asked without TLS ---- */

/* The host of an http URL, as a part of it; of length 0 when it is not http. */
static struct view
http_host(const char *url)
{
	static const char scheme[] = "http://";
	const char *host = url + sizeof(scheme) - 1;

	if (strncasecmp(url, scheme, sizeof(scheme) - 1) != 0)
		return view_of(NULL, 0);
	return view_of(host, host[0] == '[' ? strcspn(host, "]") + (strchr(host, ']') != NULL) : strcspn(host, ":/?#"));
}

static bool
is_one_of(struct view host, const char *const hosts[])
{
	for (size_t i = 0; hosts[i]; i++)
		if (host.len == strlen(hosts[i]) && strncasecmp((const char *)host.p, hosts[i], host.len) == 0)
			return true;
	return false;
}

/* http_check_url() knows this machine, TLS, and what is a URL; the rest is AWS's own addresses. */
static coffer_err
check_url(struct fault *f, const char *variable, const char *url, const char *const hosts[])
{
	struct fault why = {.err = COFFER_OK};
	coffer_err err = http_check_url(&why, url, is_one_of(http_host(url), hosts));

	if (err == COFFER_E_USAGE)
		return fault_set(f, COFFER_E_REFUSED, "%s: %s", variable, why.text);
	return err == COFFER_OK ? COFFER_OK : fault_set(f, err, "%s", why.text);
}

/* ---- one question ---- */

/* «NAME: VALUE» with its NUL, in memory that is wiped */
static coffer_err
make_header(struct fault *f, const char *name, const struct secret *value, struct secret *out)
{
	size_t len = strlen(name);
	coffer_err err;

	TRY(secret_new(f, out, len + 2 + value->len + 1));
	memcpy(out->p, name, len);
	memcpy(out->p + len, ": ", 2);
	memcpy(out->p + len + 2, value->p, value->len);
out:
	return err;
}

static coffer_err
unavailable(struct fault *f, const char *who, const struct fault *why)
{
	return fault_set(f, why->err == COFFER_E_NET ? COFFER_E_UNAVAILABLE : why->err, "%s: %s", who, why->text);
}

/* ---- a container ---- */

coffer_err
aws_container_url(struct fault *f, char **out)
{
	static const char *const hosts[] = {"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", NULL};
	const char *relative = home_setting("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = home_setting("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	coffer_err err = COFFER_OK;
	int rc = 0;

	*out = NULL;
	if (relative && relative[0] != '/')
		TRY(fault_set(
			f, COFFER_E_REFUSED,
			"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with a slash, or it would change the host"));
	if (relative)
		rc = asprintf(out, "http://169.254.170.2%s", relative);
	else if (full)
		rc = asprintf(out, "%s", full);
	if (rc < 0) {
		*out = NULL;
		TRY(fault_nomem(f));
	}
	if (*out)
		TRY(check_url(f, "AWS_CONTAINER_CREDENTIALS_FULL_URI", *out, hosts));
out:
	if (err) {
		free(*out);
		*out = NULL;
	}
	return err;
}

/* The file is read anew each time: EKS exchanges the token in it. */
static coffer_err
container_token(struct fault *f, struct secret *out)
{
	const char *file = home_setting("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *value = home_setting("AWS_CONTAINER_AUTHORIZATION_TOKEN");

	if (file)
		return aws_token_file(f, "the container's authorization token", file, out);
	return value ? secret_copy(f, out, value, strlen(value)) : COFFER_OK;
}

static coffer_err
ask_container(struct fault *f, const struct http_request *request, struct aws_cred *out)
{
	struct fault why = {.err = COFFER_OK};
	struct http_reply reply;
	coffer_err err = http_call(&why, request, &reply);

	if (err)
		TRY(unavailable(f, THE_CONTAINER, &why));
	if (reply.status >= 500 || reply.status == 429)
		TRY(fault_set(f, COFFER_E_UNAVAILABLE, THE_CONTAINER " %s answered %ld: try again", reply.host,
			      reply.status));
	if (reply.status != 200)
		TRY(fault_set(f, COFFER_E_REFUSED, THE_CONTAINER " %s answered %ld; does the task or pod have a role?",
			      reply.host, reply.status));
	TRY(aws_answer_json(f, THE_CONTAINER, buf_view(&reply.body), out));
out:
	http_reply_free(&reply);
	return err;
}

coffer_err
aws_container_cred(struct fault *f, struct aws_cred *out)
{
	const char *headers[2] = {"Accept: application/json", NULL};
	struct http_request r = {.method = "GET",
				 .headers = headers,
				 .n_headers = 1,
				 .direct = true,
				 .allow_http = true,
				 .secret_reply = true,
				 .timeout_ms = CONTAINER_MS,
				 .max_body = LIMIT_TOKEN};
	struct secret token = SECRET_INIT, header = SECRET_INIT;
	char *url = NULL;
	coffer_err err;

	TRY(aws_container_url(f, &url));
	if (!url)
		return COFFER_OK;
	r.url = url;
	TRY(container_token(f, &token));
	if (token.len > 0) {
		TRY(make_header(f, "Authorization", &token, &header));
		headers[r.n_headers++] = (const char *)header.p;
	}
	err = COFFER_E_UNAVAILABLE;
	for (int i = 0; i < CONTAINER_TRIES && err == COFFER_E_UNAVAILABLE; i++)
		err = ask_container(f, &r, out);
	out->from = THE_CONTAINER;
out:
	secret_free(&header);
	secret_free(&token);
	free(url);
	return err;
}

/* ---- an instance ---- */

/* struct instance - its metadata service, and a session with it */
struct instance {
	const char *base;
	struct secret header; /* of the session; empty where there is none */
};

static coffer_err
instance_base(struct fault *f, const char **out)
{
	static const char *const hosts[] = {"169.254.169.254", "[fd00:ec2::254]", NULL};
	const char *endpoint = home_setting("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = home_setting("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");

	*out = mode && strcasecmp(mode, "ipv6") == 0 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
	if (!endpoint)
		return COFFER_OK;
	*out = endpoint;
	return check_url(f, "AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint, hosts);
}

/* One question; its answer, @reply, is freed by the caller. */
static coffer_err
ask_instance(struct fault *f, const struct instance *in, const char *method, const char *path, const char *header,
	     struct http_reply *reply)
{
	struct http_request r = {.method = method,
				 .headers = &header,
				 .n_headers = 1,
				 .direct = true,
				 .allow_http = true,
				 .secret_reply = true,
				 .timeout_ms = INSTANCE_MS,
				 .max_body = LIMIT_TOKEN};
	char *url = NULL;
	coffer_err err;

	*reply = (struct http_reply){.status = 0};
	TRY(url_join(f, in->base, path, &url));
	r.url = url;
	err = http_call(f, &r, reply);
out:
	free(url);
	return err;
}

/* A session token.  Where nobody gives one this is no instance, or not one that may be asked. */
static coffer_err
open_session(struct fault *f, struct instance *in)
{
	struct secret token = SECRET_INIT;
	struct http_reply reply = {.status = 0};
	coffer_err err;

	if (aws_is_true("AWS_EC2_METADATA_DISABLED"))
		return COFFER_OK;
	TRY(instance_base(f, &in->base));
	err = ask_instance(NULL, in, "PUT", "latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 21600", &reply);
	if (err == COFFER_E_NET) {
		err = COFFER_OK;
		goto out;
	}
	TRY(err);
	if (reply.status == 200 && reply.body.len > 0 && reply.body.len <= TOKEN_MAX) {
		TRY(secret_copy(f, &token, reply.body.p, reply.body.len));
		TRY(make_header(f, "X-aws-ec2-metadata-token", &token, &in->header));
	}
out:
	http_reply_free(&reply);
	secret_free(&token);
	return err;
}

/* @path of the session; @body_out stays empty when it is not there (404).  The caller frees it with http_reply_free(). */
static coffer_err
read_metadata(struct fault *f, const struct instance *in, const char *path, struct http_reply *reply)
{
	struct fault why = {.err = COFFER_OK};
	coffer_err err = ask_instance(&why, in, "GET", path, (const char *)in->header.p, reply);

	if (err)
		return unavailable(f, THE_INSTANCE, &why);
	if (reply->status != 200 && reply->status != 404)
		return fault_set(f, COFFER_E_UNAVAILABLE, THE_INSTANCE " answered %ld: try again", reply->status);
	if (reply->status == 404)
		reply->body.len = 0;
	return COFFER_OK;
}

/* The first line of @body if all of it is of @letters; else the empty string. */
static void
first_line(struct view body, const char *letters, char *out, size_t cap)
{
	size_t len = 0;

	while (len < body.len && body.p[len] != '\0' && strchr(letters, body.p[len]))
		len++;
	if (len >= cap || (len < body.len && !view_is_space(body.p[len])))
		len = 0;
	memcpy(out, body.p ? (const char *)body.p : "", len);
	out[len] = '\0';
}

#define LETTERS "abcdefghijklmnopqrstuvwxyz0123456789"

static coffer_err
role_cred(struct fault *f, const struct instance *in, const char *role, struct aws_cred *out)
{
	struct http_reply reply = {.status = 0};
	char path[64 + ROLE_MAX];
	coffer_err err;

	(void)snprintf(path, sizeof(path), "latest/meta-data/iam/security-credentials/%s", role);
	TRY(read_metadata(f, in, path, &reply));
	TRY(aws_answer_json(f, THE_INSTANCE, buf_view(&reply.body), out));
	out->from = THE_INSTANCE;
out:
	http_reply_free(&reply);
	return err;
}

coffer_err
aws_instance_cred(struct fault *f, struct aws_cred *out)
{
	struct instance in = {.header = SECRET_INIT};
	struct http_reply reply = {.status = 0};
	char role[ROLE_MAX + 1];
	coffer_err err;

	TRY(open_session(f, &in));
	if (!in.header.p)
		goto out;
	TRY(read_metadata(f, &in, "latest/meta-data/iam/security-credentials/", &reply));
	/* a role's name as IAM has it: it becomes a part of a path */
	first_line(buf_view(&reply.body), LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ_+=,.@-", role, sizeof(role));
	if (role[0] != '\0')
		TRY(role_cred(f, &in, role, out));
out:
	http_reply_free(&reply);
	secret_free(&in.header);
	return err;
}

coffer_err
aws_instance_region(struct fault *f, char out[static AWS_REGION_MAX + 1])
{
	struct instance in = {.header = SECRET_INIT};
	struct http_reply reply = {.status = 0};
	coffer_err err;

	out[0] = '\0';
	TRY(open_session(f, &in));
	if (!in.header.p)
		goto out;
	TRY(read_metadata(f, &in, "latest/meta-data/placement/region", &reply));
	first_line(buf_view(&reply.body), LETTERS "-", out, AWS_REGION_MAX + 1);
out:
	http_reply_free(&reply);
	secret_free(&in.header);
	return err;
}
